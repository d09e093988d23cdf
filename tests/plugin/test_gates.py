"""The gates `case` and `none`: either any failed case fails the session, or none does."""

import pytest

TREATMENT = "deepseek-v3.2"


@pytest.fixture
def suite(project):
    """Two cases, one of which the treatment fails, and a test without our marker."""
    project.record("test_x", "One?", model="claude-sonnet-4.5", text="The sky is blue.")
    project.record("test_x", "One?", model=TREATMENT, text="Grass grows in spring.")
    project.record("test_y", "Two?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", min_similarity=0.75)
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?", min_similarity=0.75)
        def test_y(graysplit): pass

        def test_own(): pass
        """
    )
    return project


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_gate_case_fails_the_session(suite, workers):
    """A missed case is a failed test with exit code 1; that is the default."""
    result = suite.run(*workers)
    assert result.parseoutcomes() == {"failed": 1, "passed": 2}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_gate_none_shows_a_miss_and_passes(suite, section_of, workers):
    """The miss is an `m`, a line below the summary, and false in the JSON report; the exit code is 0."""
    result = suite.run("--graysplit-gate=none", "--graysplit-json=report.json", *workers)
    assert result.parseoutcomes() == {"missed": 1, "passed": 2}
    assert result.ret == pytest.ExitCode.OK
    assert section_of(result, "broken cases") == (
        "\nMISS test_it.py::test_x - treatment deepseek-v3.2: lexical similarity 0.05 is below 0.75"
    ).strip("\n")
    assert suite.report()["cases"][0]["passed"] == {"control": True, TREATMENT: False}
    assert [arm["passed"] for arm in suite.report()["arms"]] == [2, 1]


def test_gate_none_shows_misses_at_every_verbosity(suite):
    """A miss is a word under -v and a letter without it."""
    verbose = suite.run("--graysplit-gate=none", "-v")
    verbose.stdout.fnmatch_lines(["test_it.py::test_x MISS*", "test_it.py::test_y PASSED*"])
    plain = suite.run("--graysplit-gate=none")
    plain.stdout.fnmatch_lines(["test_it.py m..*"])


def test_gate_none_forgives_a_failed_body_of_a_marked_test(project):
    """A failed assert of the user is a miss like a missed threshold."""
    project.record("test_x", "One?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit):
            assert "Rome" in graysplit.treatment.text
        """
    )
    result = project.run("--graysplit-gate=none")
    assert result.parseoutcomes() == {"missed": 1}
    assert result.ret == pytest.ExitCode.OK
    assert "MISS test_it.py::test_x - AssertionError: assert 'Rome' in 'Paris'" in result.outlines


def test_gate_none_does_not_forgive_other_failures(project):
    """A failed test without our marker and a broken fixture still fail the session."""
    project.record("test_z", "Two?")
    project.test_file(
        """
        def test_x(): assert False

        @pytest.fixture
        def broken(): raise RuntimeError

        @pytest.mark.graysplit(prompt="Two?")
        def test_z(broken, graysplit): pass
        """
    )
    result = project.run("--graysplit-gate=none")
    result.assert_outcomes(failed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_gate_none_does_not_forgive_a_missing_recording(project):
    """A missing recording is not a reply of a model, so the run fails."""
    project.record("test_x", "One?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="New?")
        def test_y(graysplit): pass
        """
    )
    result = project.run("--graysplit-gate=none", "--graysplit-record=none")
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_gate_none_lists_ten_misses(project):
    """Ten misses are listed; -v lists all."""
    project.test_file(
        """
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(12)])
        @pytest.mark.graysplit(expect={"contains": "never"})
        def test_x(graysplit, prompt): pass
        """
    )
    result = project.run("--graysplit-gate=none")
    assert sum(line.startswith("MISS ") for line in result.outlines) == 10
    result.stdout.fnmatch_lines(["... and 2 more misses, -v shows all"])
    result = project.run("--graysplit-gate=none", "-v")
    assert sum(line.startswith("MISS ") for line in result.outlines) == 12
