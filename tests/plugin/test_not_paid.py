"""Nothing is paid for an item that will not run."""

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
def test_a_test_that_is_marked_not_to_run_is_not_paid_for(project, mark):
    """Marks of the function are respected before anything is sent."""
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
def test_a_test_whose_mark_does_not_apply_is_paid_for(project, mark):
    """It runs, so it is fetched."""
    project.test_file(
        f'@pytest.mark.{mark}\n@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): assert graysplit.control.text'
    )
    project.run()
    assert project.sent() == 2


def test_run_xfail_pays_for_what_it_runs(project):
    """`--runxfail` takes the marks away."""
    project.test_file(
        '@pytest.mark.xfail(run=False)\n@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass'
    )
    project.run("--runxfail").assert_outcomes(passed=1)
    assert project.sent() == 2


@pytest.mark.parametrize(
    "arguments",
    [["-k", "not test_x"], ["--deselect", "test_it.py::test_x"], ["test_it.py::test_y"], ["-m", "not slow"]],
)
def test_a_deselected_test_is_not_paid_for(project, arguments):
    """Whatever has deselected it; and the run is a part, which it says."""
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
def test_a_run_that_runs_nothing_pays_for_nothing(project, option):
    """Nor does it write anything."""
    project.test_file(MANY)
    project.run(option)
    assert project.sent() == 0
    assert not (project.path / ".graysplit").exists()


def test_an_error_at_collection_pays_for_nothing(project):
    """Where pytest runs nothing, nothing is fetched, and the summary has nothing to say."""
    project.test_file(MANY)
    project.test_file("import no_such_module", "test_broken.py")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() == 0
    assert "= graysplit =" not in result.stdout.str()


def test_an_error_at_collection_that_is_passed_over_makes_the_run_a_part(project):
    """`--continue-on-collection-errors` runs the rest, and nobody takes it for the whole suite."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.test_file("import no_such_module", "test_broken.py")
    result = project.run("--continue-on-collection-errors", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1, errors=1)
    assert project.sent() == 2
    assert project.report()["run"]["complete"] is False
    result.stdout.fnmatch_lines(["partial run: 1 error at collection"])


@pytest.mark.parametrize("option", ["-x", "--maxfail=1", "--stepwise"])
def test_a_run_that_stops_early_has_fetched_a_window_ahead(project, option):
    """Two rounds of requests beyond the test that failed, not the whole suite."""
    project.relay.control(latency=0.02)
    project.test_file(MANY)
    result = project.run(option, "--graysplit-concurrency=2")
    assert result.parseoutcomes()["failed"] == 1
    # Three tests ran, and four replies may be ahead of the third.
    assert 6 <= project.sent() <= 6 + 4 + 1
    assert len(project.recorded()) >= 6


def test_slow_tests_do_not_let_the_window_run_away(project):
    """What has come and waits counts as ahead, too."""
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


def test_a_window_over_recordings_sends_nothing(project):
    """`-x` replays as any run does, with the same summary."""
    project.test_file(MANY.replace('assert prompt != "Prompt 2"', "pass"))
    project.run().assert_outcomes(passed=30)
    project.run("-x").assert_outcomes(passed=30)
    assert project.sent() == 60


def test_the_debugger_gets_a_failing_test_and_no_more(project):
    """`--pdb` fetches a window ahead as well, and ends with its input."""
    project.test_file(MANY)
    result = project.pytester.run(
        *project.python(), *project.options("--pdb", "--graysplit-concurrency=1"), stdin=b"q\n", timeout=60
    )
    assert "Prompt 2" in result.stdout.str()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() < 20


def test_nothing_is_paid_twice_for_one_prompt(project):
    """Two tests with one case of one file and two treatments share the control's reply."""
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


def test_a_condition_that_cannot_be_evaluated_is_the_tests_own_error(project):
    """pytest says what is wrong with the mark; the other tests run, and only they are paid for."""
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
