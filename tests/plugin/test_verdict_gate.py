"""The verdict of a run: its line in the summary, the gate that fails the session, and the reasons for a hold."""

import xml.etree.ElementTree as ET

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
ITEM = f"graysplit::verdict[{TREATMENT}]"
SUITE = """
@pytest.mark.parametrize("prompt", [f"Prompt {n}?" for n in range(NUMBER)], ids=[f"{n:02}" for n in range(NUMBER)])
@pytest.mark.graysplit(expect={"not_contains": "wrong"})
def test_x(graysplit, prompt): pass

def test_own(): pass
"""


@pytest.fixture
def write_cases(project):
    """Return a function that writes a suite of recorded cases, the first of which the treatment fails."""

    def write(number, wrong=0):
        for n in range(number):
            name, prompt = f"test_x[{n:02}]", f"Prompt {n}?"
            project.record(name, prompt, model=CONTROL, text="right")
            project.record(name, prompt, model=TREATMENT, text="wrong" if n < wrong else "right")
        project.test_file(SUITE.replace("NUMBER", str(number)))
        return project

    return write


def verdict_line(result):
    [line] = [line for line in result.outlines if line.startswith("  verdict ")]
    return line.removeprefix("  verdict").strip()


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_gate_verdict_fails_the_session_on_reject(write_cases, workers):
    """Single misses are only shown; one failed item is in the totals, in JUnit XML and in the exit code."""
    result = write_cases(40, wrong=16).run("--graysplit-gate=verdict", "--junit-xml=junit.xml", *workers)
    assert result.parseoutcomes() == {"failed": 1, "missed": 16, "passed": 25}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED {ITEM} - reject: pass rate is at least *".replace("[", "[[]", 1)])
    assert verdict_line(result).startswith("REJECT: pass rate is at least ")
    [suite] = ET.parse(write_cases(0).path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("42", "1")
    [item] = [case for case in suite if case.get("name") == f"verdict[{TREATMENT}]"]
    assert item[0].tag == "failure"


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_gate_verdict_passes_on_promote(write_cases, workers):
    """The item counts as passed."""
    result = write_cases(56).run("--graysplit-gate=verdict", "-v", *workers)
    assert result.parseoutcomes() == {"passed": 58}
    assert result.ret == pytest.ExitCode.OK
    assert verdict_line(result) == "PROMOTE: pass rate is at most 4.6 points worse, the margin is 5.0"
    assert any(ITEM in line and "PASSED" in line for line in result.outlines)


@pytest.mark.parametrize(("on_hold", "code"), [("pass", 0), ("fail", 1)])
def test_on_hold_option_decides_whether_a_hold_fails(write_cases, on_hold, code):
    """By default a hold passes, because a small suite is not a failure of the treatment."""
    result = write_cases(8).run("--graysplit-gate=verdict", f"--graysplit-on-hold={on_hold}")
    assert result.ret == code
    assert verdict_line(result) == "HOLD: only 8 cases; a verdict needs at least 30"
    assert (f"FAILED {ITEM} - hold: only 8 cases; a verdict needs at least 30" in result.outlines) == (code == 1)


@pytest.mark.parametrize("arguments", [["-k", "not 07"], ["--maxfail=1"], ["--collect-only"]])
def test_gate_verdict_adds_no_item_to_a_partial_run(write_cases, arguments):
    """A partial run never promotes."""
    result = write_cases(56, wrong=0).run("--graysplit-gate=verdict", *arguments)
    if "--maxfail=1" in arguments:
        assert verdict_line(result).startswith("PROMOTE")  # no test failed, so the run is whole
        return
    assert not any("verdict[" in line for line in result.outlines)
    if "--collect-only" not in arguments:
        assert verdict_line(result) == "HOLD: partial run: 1 test left out by selection"


def test_run_stopped_by_its_first_failure_holds(write_cases, project):
    """The tests after the failure have no result."""
    write_cases(56, wrong=1)
    result = project.run("-x")
    assert verdict_line(result) == "HOLD: partial run: it stopped before its last test"


def test_margin_option_sets_the_margin(write_cases):
    """Thirty perfect cases are enough for ten points."""
    result = write_cases(30).run("--graysplit-margin=0.1")
    assert verdict_line(result).startswith("PROMOTE: pass rate is at most 8.3 points worse, the margin is 10.0")


def test_verdict_is_in_the_report_and_in_the_summary_hook(write_cases, project):
    """Scripts read the report, and a line of the user may use the verdict."""
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_summary(verdicts):
            return f"decided: {[verdict.decision for verdict in verdicts]}"
        """,
    )
    result = write_cases(40, wrong=16).run("--graysplit-gate=none", "--graysplit-json=report.json")
    [comparison] = project.report()["comparisons"]
    assert (comparison["verdict"], comparison["reasons"][0][:9]) == ("reject", "pass rate")
    assert [row["name"] for row in comparison["rows"]] == [
        *("pass_rate", "retention", "errors", "latency", "cost_per_pass", "savings", "savings_with_fallback"),
    ]
    assert "decided: ['reject']" in result.outlines


def test_verdict_does_not_depend_on_the_order_of_recordings(write_cases, project):
    """Reordered recordings and cases give the same summary to the letter."""
    first = write_cases(40, wrong=5).run("--graysplit-gate=none")
    path = project.path / "__graysplit__" / "test_it.jsonl"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    project.test_file(SUITE.replace("range(NUMBER)", "reversed(range(NUMBER))").replace("NUMBER", "40"))
    second = project.run("--graysplit-gate=none")

    def summary(result):
        begin = next(n for n, line in enumerate(result.outlines) if "= graysplit =" in line)
        return result.outlines[begin:-1]

    assert summary(first) == summary(second)


def test_parameters_of_one_model_are_declared(write_cases, project):
    """The table says that the temperature differs, so this is the subject of the comparison."""
    write_cases(2)
    project.write("pyproject.toml", '[tool.graysplit.models."deepseek-v3.2".params]\ntemperature = 1\n')
    result = project.run("--graysplit-record=new")
    assert "deepseek-v3.2 is deepseek-v3.2, temperature 1" in result.outlines
    assert "different requests" not in result.stdout.str()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('critical = ["pas_rate"]', "verdict.critical.pas_rate: unknown setting, did you mean pass_rate?"),
        ("critical = []", "verdict.critical: is empty"),
        ('critical_tags = "refund"', "verdict.critical_tags: 'refund' is not a list of names"),
        ("bounds = { latency = -1 }", "verdict.bounds.latency: -1 is not a number of 0 or more"),
        ("bounds = { errors = 2 }", "verdict.bounds.errors: 2 is not a share below 1"),
        ("bound = 1", "verdict.bound: unknown setting, did you mean bounds?"),
    ],
)
def test_invalid_verdict_table_is_a_usage_error(project, table, problem):
    """The message names the setting."""
    project.write("pyproject.toml", f"[tool.graysplit.verdict]\n{table}\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: pyproject.toml [[]tool.graysplit] {problem}".replace("['", "[[]'")])


@pytest.mark.parametrize("value", ["0", "1", "five"])
def test_margin_option_takes_a_share_below_one(project, value):
    """5 would be five hundred points."""
    result = project.run(f"--graysplit-margin={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --graysplit-margin: '{value}' is not a number *"])


def test_interrupted_run_holds(write_cases, project):
    """Ctrl-C in the last test: every case has a result, but the run is not promoted and has no verdict item."""
    write_cases(56)
    project.write("test_last.py", "def test_z(): raise KeyboardInterrupt")
    result = project.run_in_subprocess("--graysplit-gate=verdict")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert verdict_line(result).startswith("HOLD: interrupted: what was answered is kept")
    assert not any("verdict[" in line for line in result.outlines)
