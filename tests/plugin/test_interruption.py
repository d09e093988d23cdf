"""Killed and interrupted runs: no reply that was paid for is lost."""

import signal
import subprocess
import time

import pytest

IN_FLIGHT = 4
REPLIES = 40


@pytest.fixture
def suite(project):
    """Forty replies that take 0.1 s each."""
    project.relay.control(latency=0.1)
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(20)])
        def test_x(graysplit, prompt): pass
        """
    )
    return project


@pytest.fixture
def start_run(suite):
    """Return a function that starts pytest in its own process and waits until some replies have arrived."""
    running = []

    def start_run(*arguments, answered=10):
        command = [*suite.python(), *suite.options(*arguments)]
        process = subprocess.Popen(command, cwd=suite.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        while (stats := suite.relay.stats())["total"] - stats["in_flight"] < answered:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.01)
        return process

    yield start_run
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("arguments", [[], ["-x"]], ids=["upfront", "window"])
def test_killed_run_is_resumed(suite, start_run, arguments):
    """After SIGKILL the next run recovers the replies from the journal, says so, and requests only the rest."""
    process = start_run(*arguments)
    process.kill()
    process.wait()
    suite.relay.control(latency=0)
    assert not (suite.path / "__graysplit__").exists()
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=20)
    result.stdout.fnmatch_lines(["recovered * replies from an interrupted run"])
    assert suite.sent() <= REPLIES + IN_FLIGHT
    assert len(suite.recorded()) == REPLIES
    assert suite.report()["run"]["complete"] is True


def test_killed_run_of_mode_all_is_resumed(suite, start_run):
    """The next run does not request the new replies again, and the old recordings are intact until then."""
    for number in range(20):
        suite.record(f"test_x[Prompt {number}]", f"Prompt {number}", text="old")
    process = start_run("--graysplit-record=all")
    process.kill()
    process.wait()
    suite.relay.control(latency=0)
    assert {reply["text"] for reply in suite.recorded()} == {"old"}
    suite.run("--graysplit-record=all").assert_outcomes(passed=20)
    assert REPLIES <= suite.sent() <= REPLIES + IN_FLIGHT
    assert "old" not in {reply["text"] for reply in suite.recorded()}


@pytest.mark.parametrize("arguments", [[], ["-x"]], ids=["upfront", "window"])
def test_ctrl_c_during_a_fetch_keeps_the_replies(suite, start_run, arguments):
    """The exit code is pytest's own, there is no traceback, and the next run fetches only the rest."""
    process = start_run(*arguments)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    suite.relay.control(latency=0)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in output
    assert "\ninterrupted: what was answered is kept, and the next run fetches only what is missing\n" in output
    answered = len(suite.recorded())
    assert 10 <= answered == suite.sent() < REPLIES
    suite.run().assert_outcomes(passed=20)
    assert suite.sent() == REPLIES


def test_interrupted_run_is_reported_as_incomplete(project):
    """A test raises KeyboardInterrupt, which ends the run."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): raise KeyboardInterrupt
        """
    )
    result = project.run_in_subprocess("--graysplit-json=report.json")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.report()["run"]["complete"] is False
    assert len(project.recorded()) == 4


def test_pytest_exit_in_a_body_keeps_recordings_and_summary(project):
    """The report covers the tests before the exit."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): pytest.exit("enough", returncode=3)
        """
    )
    result = project.run("--graysplit-json=report.json")
    assert result.ret == 3
    assert project.report()["run"]["complete"] is False
    assert len(project.recorded()) == 4
