"""The prefetch: nothing is paid for an item that will not run."""

import pytest

MANY = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(30)])
def test_x(graysplit, prompt): assert prompt != "Prompt 2"
"""


@pytest.mark.parametrize(
    "mark",
    [
        "skip",
        "skip(reason='not yet')",
        "skipif(True, reason='always')",
        "skipif('sys.version_info > (3,)', reason='always')",
        "xfail(run=False)",
    ],
)
def test_prefetch_leaves_out_tests_that_are_marked_to_be_skipped(project, mark):
    """Marks of the function are evaluated before anything is sent."""
    project.test_file(
        f"""
        @pytest.mark.{mark}
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): assert False

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): pass
        """
    )
    result = project.run()
    assert result.parseoutcomes()["passed"] == 1
    assert result.ret == pytest.ExitCode.OK
    assert project.sent() == 2


@pytest.mark.parametrize("mark", ["skipif(False, reason='never')", "xfail", "xfail(False, run=False, reason='never')"])
def test_prefetch_includes_tests_whose_skip_mark_does_not_apply(project, mark):
    """The test runs, so its replies are fetched."""
    project.test_file(
        f'@pytest.mark.{mark}\n@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): assert graysplit.control.text'
    )
    project.run()
    assert project.sent() == 2


def test_prefetch_with_runxfail_includes_xfail_tests(project):
    """`--runxfail` removes the marks."""
    project.test_file(
        '@pytest.mark.xfail(run=False)\n@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass'
    )
    project.run("--runxfail").assert_outcomes(passed=1)
    assert project.sent() == 2


@pytest.mark.parametrize(
    "arguments",
    [["-k", "not test_x"], ["--deselect", "test_it.py::test_x"], ["test_it.py::test_y"], ["-m", "not slow"]],
)
def test_prefetch_leaves_out_deselected_tests(project, arguments):
    """Every way to deselect a test counts, and the report says that the run is partial."""
    project.write("pytest.ini", "[pytest]\nmarkers = slow")
    project.test_file(
        """
        @pytest.mark.slow
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): pass
        """
    )
    result = project.run(*arguments, "--graysplit-json=report.json")
    assert result.parseoutcomes()["passed"] == 1
    assert project.sent() == 2
    assert project.report()["run"]["complete"] is False


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan", "--setup-only", "--fixtures-per-test"])
def test_prefetch_sends_nothing_when_no_test_runs(project, option):
    """Nothing is written either."""
    project.test_file(MANY)
    project.run(option)
    assert project.sent() == 0
    assert not (project.path / ".graysplit").exists()


def test_prefetch_sends_nothing_after_a_collection_error(project):
    """pytest runs no test then, so the summary is left out."""
    project.test_file(MANY)
    project.test_file("import no_such_module", "test_broken.py")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() == 0
    assert "= graysplit =" not in result.stdout.str()


def test_ignored_collection_error_makes_the_run_partial(project):
    """`--continue-on-collection-errors` runs the rest, which is not the whole suite."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.test_file("import no_such_module", "test_broken.py")
    result = project.run("--continue-on-collection-errors", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1, errors=1)
    assert project.sent() == 2
    assert project.report()["run"]["complete"] is False
    result.stdout.fnmatch_lines(["partial run: 1 error at collection"])


@pytest.mark.parametrize("option", ["-x", "--maxfail=1", "--stepwise"])
def test_prefetch_window_limits_requests_ahead_of_a_failure(project, option):
    """Two rounds of requests are sent beyond the failed test, not the whole suite."""
    project.relay.control(latency=0.02)
    project.test_file(MANY)
    result = project.run(option, "--graysplit-concurrency=2")
    assert result.parseoutcomes()["failed"] == 1
    # Three tests ran, and four replies may be ahead of the third.
    assert 6 <= project.sent() <= 6 + 4 + 1
    assert len(project.recorded()) >= 6


def test_prefetch_window_counts_replies_that_wait_for_a_slow_test(project):
    """A reply that has arrived and waits for its test counts as ahead."""
    project.test_file(
        """
        import time

        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(30)])
        def test_x(graysplit, prompt):
            time.sleep(0.05)
            assert prompt != "Prompt 3"
        """
    )
    project.run("-x", "--graysplit-concurrency=1").assert_outcomes(failed=1, passed=3)
    assert 8 <= project.sent() <= 8 + 2 + 1


def test_prefetch_window_replays_without_requests(project):
    """`-x` replays like any run and gives the same summary."""
    project.test_file(MANY.replace('assert prompt != "Prompt 2"', "pass"))
    project.run().assert_outcomes(passed=30)
    project.run("-x").assert_outcomes(passed=30)
    assert project.sent() == 60


def test_prefetch_window_is_used_with_the_debugger(project):
    """`--pdb` fetches only a window ahead, and the run ends with the input of the debugger."""
    project.test_file(MANY)
    result = project.pytester.run(
        *project.python(), *project.options("--pdb", "--graysplit-concurrency=1"), stdin=b"q\n", timeout=60
    )
    assert "Prompt 2" in result.stdout.str()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() < 20


def test_control_reply_is_shared_by_several_treatments(project):
    """A prompt of one case is paid for once per model."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass
        """
    )
    project.run("--graysplit-treatment=gpt-4.1", "--graysplit-treatment=gemini-2.5-flash").assert_outcomes(passed=3)
    assert project.relay.stats()["requests"] == {
        "claude-sonnet-4.5": 1,
        "deepseek-v3.2": 1,
        "gpt-4.1": 1,
        "gemini-2.5-flash": 1,
    }


def test_invalid_skip_condition_is_an_error_of_its_test(project):
    """pytest shows the error; the other tests run, and only they are paid for."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        @pytest.mark.skipif("no_such_name", reason="never")
        def test_broken(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_fine(graysplit): pass
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1, passed=1)
    assert project.sent() == 2
