"""A run that is killed or interrupted loses nothing that was paid for."""

import signal
import subprocess
import time

import pytest

IN_FLIGHT = 4
REPLIES = 40


@pytest.fixture
def suite(project):
    """Forty replies that take a moment each."""
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
def start(suite):
    """Start pytest in a process of its own and wait until some answers are there."""
    running = []

    def start(*arguments, answered=10):
        command = [*suite.python(), *suite.options(*arguments)]
        process = subprocess.Popen(command, cwd=suite.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        while (stats := suite.relay.stats())["total"] - stats["in_flight"] < answered:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.01)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("arguments", [[], ["-x"]], ids=["upfront", "window"])
def test_a_killed_run_is_carried_on(suite, start, arguments):
    """After SIGKILL the next run takes in what was answered, says so, and asks only for the rest."""
    process = start(*arguments)
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


def test_a_killed_run_of_all_is_carried_on(suite, start):
    """What `all` had recorded anew is not recorded anew again, and what it had not replaced is still there."""
    for number in range(20):
        suite.record(f"test_x[Prompt {number}]", f"Prompt {number}", text="old")
    process = start("--graysplit-record=all")
    process.kill()
    process.wait()
    suite.relay.control(latency=0)
    assert {reply["text"] for reply in suite.recorded()} == {"old"}
    suite.run("--graysplit-record=all").assert_outcomes(passed=20)
    assert REPLIES <= suite.sent() <= REPLIES + IN_FLIGHT
    assert "old" not in {reply["text"] for reply in suite.recorded()}


@pytest.mark.parametrize("arguments", [[], ["-x"]], ids=["upfront", "window"])
def test_ctrl_c_during_a_fetch_keeps_what_came(suite, start, arguments):
    """pytest's own code for an interrupted run, no traceback of ours, and the next run fetches the rest alone."""
    process = start(*arguments)
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


def test_an_interrupted_run_is_not_complete(project):
    """A test that raises KeyboardInterrupt ends the run; its report says that it is a part."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): raise KeyboardInterrupt
        """
    )
    result = project.spawn("--graysplit-json=report.json")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.report()["run"]["complete"] is False
    assert len(project.recorded()) == 4


def test_pytest_exit_in_a_body_loses_nothing(project):
    """A test that ends the session leaves recordings, and a summary of what was judged."""
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
