"""The early stop of a run: the skipped tests, the reported savings, and the same stop with and without workers."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
SUITE = """
@pytest.mark.parametrize("prompt", [f"Prompt {n}?" for n in range(60)], ids=[f"{n:02}" for n in range(60)])
@pytest.mark.graysplit(expect={"not_contains": "deepseek"})
def test_x(graysplit, prompt): pass

def test_own(): pass
"""


@pytest.fixture
def suite(project):
    """Sixty cases that the treatment all fails: the loopback relay names its model in every reply."""
    project.test_file(SUITE)
    return project


def line_of(result, begin):
    [line] = [line for line in result.outlines if line.startswith(begin)]
    return line


def test_early_stop_skips_the_rest_once_harm_is_shown(suite):
    """Hardly more requests are sent than the decision needed, and the summary reports the savings."""
    result = suite.run("--graysplit-early-stop", "--graysplit-gate=verdict", "-rs", "--graysplit-json=report.json")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["missed"]) == (1, 10)  # the tenth case shows that the ninth has ended
    assert outcomes["skipped"] == 50
    assert suite.sent() <= 2 * (10 + 2 * 4) + 2
    assert line_of(result, "early stop").startswith(
        f"early stop: harm of {TREATMENT} was shown after 9 cases; saved with the 51 tests beyond: 102 calls, about $"
    )
    assert line_of(result, "early stop").endswith(", less 1 test that had begun")
    assert line_of(result, "  verdict").endswith(
        "REJECT: pass rate: harm was shown after 9 cases, and the run stopped early"
    )
    assert [arm["cases"] for arm in suite.report()["arms"]] == [9, 9]
    assert any("not needed: the early stop has decided this treatment" in line for line in result.outlines)


@pytest.mark.xdist
def test_early_stop_is_equal_with_workers(suite):
    """The same recordings give the same summary, although two workers run further ahead than one process."""
    suite.run("--graysplit-gate=none")
    runs = [suite.run("--graysplit-early-stop", "--graysplit-gate=none", "--graysplit-record=none", *more)
            for more in ([], ["-n2"])]  # fmt: skip
    summaries = []
    for run in runs:
        first = next(number for number, line in enumerate(run.outlines) if "= graysplit =" in line)
        last = next(number for number, line in enumerate(run.outlines) if line.startswith("MISS"))
        summaries.append(run.outlines[first + 1 : last])
    assert summaries[0] == summaries[1]
    assert "after 9 cases; saved with the 51 tests beyond: 102 calls, about $" in line_of(runs[0], "early stop")
    assert not list((suite.path / ".graysplit" / "stops").glob("*"))


@pytest.mark.xdist
def test_early_stop_of_clusters_is_equal_with_workers(project):
    """Nine lost clusters of twenty are harm, and only the items know the size of a cluster."""
    project.write(
        "made.graysplit.yaml",
        "\n".join(
            f"- {{id: c{n}, prompt: 'Prompt {n}?', cluster: t{n % 20}, expect: {{not_contains: deepseek}}}}"
            for n in range(60)
        ),
    )
    project.run("--graysplit-gate=none", "--graysplit-record=new")
    given = ("--graysplit-early-stop", "--graysplit-gate=none", "--graysplit-record=none")
    stops = [line_of(project.run(*given, *more), "early stop") for more in ([], ["-n2"])]
    assert stops[0] == stops[1]
    assert stops[0].startswith(
        f"early stop: harm of {TREATMENT} was shown after 27 cases; saved with the 33 tests beyond"
    )
    assert not list((project.path / ".graysplit" / "stops").glob("*"))


def test_early_stop_runs_a_harmless_treatment_to_the_end(project):
    """Nothing is skipped, and the cases run in the seeded order."""
    project.test_file(SUITE.replace('"deepseek"', '"never"'))
    result = project.run("--graysplit-early-stop", "-v")
    assert result.parseoutcomes() == {"passed": 61}
    ran = [line.split("[")[1][:2] for line in result.outlines if "::test_x[" in line and "PASSED" in line]
    assert sorted(ran) != ran
    assert sorted(ran) == [f"{n:02}" for n in range(60)]


def test_early_stop_refuses_auto_thresholds(project):
    """Calibration needs every reply of the control, so one message says so before anything is sent."""
    project.test_file(SUITE)
    result = project.run("--graysplit-early-stop", "--graysplit-min-similarity=auto", "--graysplit-control-samples=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--graysplit-early-stop does not go with min_similarity=auto" in result.stderr.str()
    assert project.sent() == 0


def test_invalid_early_stop_value_is_a_usage_error(project):
    """The message suggests the nearest valid word."""
    result = project.run("--graysplit-early-stop=harmful")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --graysplit-early-stop: 'harmful' is not one of harm, both, did you mean harm?" in result.stderr.str()
    )


def test_planned_looks_hold_between_two_looks(project):
    """Sixty passing cases with looks at 40 and 80 get no verdict, and early promotion is refused with looks."""
    project.test_file(SUITE.replace('"deepseek"', '"never"'))
    result = project.run("--graysplit-looks=40,80", "--graysplit-gate=verdict")
    assert result.parseoutcomes() == {"passed": 62}
    assert line_of(result, "  verdict").endswith(
        "HOLD: the suite has 60 cases, between the planned looks 40 and 80: the next verdict is at 80"
    )
    result = project.run("--graysplit-looks=40,80", "--graysplit-early-stop=both")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "planned looks (40, 80) do not go with --graysplit-early-stop=both" in result.stderr.str()
