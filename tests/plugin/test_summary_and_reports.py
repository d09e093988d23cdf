"""The end of a session: the summary at every verbosity, and the reports for machines."""

import xml.etree.ElementTree as ET

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"


@pytest.fixture
def suite(project):
    """Three recorded cases, one of which the treatment fails."""
    project.record("test_x", "One?", model=CONTROL, text="The sky is blue.")
    project.record("test_x", "One?", model=TREATMENT, text="Grass grows in spring.")
    project.record("test_y", "Two?")
    project.record("test_z", "Three?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", min_similarity=0.75, tags=["colour"])
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?", min_similarity=0.75)
        def test_y(graysplit): pass

        @pytest.mark.graysplit(prompt="Three?")
        def test_z(graysplit_reply): assert graysplit_reply.text
        """
    )
    return project


def test_summary_compares_the_models(suite, section_of):
    """It shows pass rates, latencies, costs, and the cases with the lowest similarity."""
    assert section_of(suite.run(), "= graysplit =") == (
        "3 cases · control claude-sonnet-4.5 · replayed 6 of 6 replies, latencies as recorded · metric lexical\n"
        "\n"
        "model               pass rate     95% CI          p50      p95      errors   cost       per pass\n"
        "claude-sonnet-4.5   3/3  100.0%   43.9 .. 100.0   1.00 s   1.00 s   0        $0.0010    $0.0003\n"
        "deepseek-v3.2       2/3  66.7%    20.8 .. 93.9    0.50 s   0.95 s   0        <$0.0001   <$0.0001\n"
        "\n"
        "deepseek-v3.2 against claude-sonnet-4.5\n"
        "  pass rate     -33.3 pp  (90% CI -74.6 .. +29.9, margin -5.0, 3 pairs)                  inconclusive\n"
        "    retention   keeps 67% of the control's passes  (90% CI 25 .. 157, bound 80)          inconclusive\n"
        "  cases         1 broke, 0 fixed; 2 right on both, 0 wrong on both\n"
        "  similarity    0.68 mean of 3, 1 case below 0.75\n"
        "  latency       x0.63  (90% CI x0.32 .. x1.24, bound x1.25)                              pass\n"
        "  cost          -95% per pass, $313.20 saved per million passes  (90% CI -99% .. -78%)   pass\n"
        "  verdict       HOLD: only 3 cases; a verdict needs at least 30\n"
        "                pass rate may be 74.6 points worse, the margin is 5.0; at least 52 more cases are needed\n"
        "broken cases: test_it.py::test_x (similarity)"
    )


def test_summary_under_q_keeps_table_and_comparison(suite, section_of):
    """Only the first line of context is left out."""
    assert section_of(suite.run("-q"), "= graysplit =") == (
        "model               pass rate     95% CI          p50      p95      errors   cost       per pass\n"
        "claude-sonnet-4.5   3/3  100.0%   43.9 .. 100.0   1.00 s   1.00 s   0        $0.0010    $0.0003\n"
        "deepseek-v3.2       2/3  66.7%    20.8 .. 93.9    0.50 s   0.95 s   0        <$0.0001   <$0.0001\n"
        "\n"
        "deepseek-v3.2 against claude-sonnet-4.5\n"
        "  pass rate     -33.3 pp  (90% CI -74.6 .. +29.9, margin -5.0, 3 pairs)                  inconclusive\n"
        "    retention   keeps 67% of the control's passes  (90% CI 25 .. 157, bound 80)          inconclusive\n"
        "  cases         1 broke, 0 fixed; 2 right on both, 0 wrong on both\n"
        "  similarity    0.68 mean of 3, 1 case below 0.75\n"
        "  latency       x0.63  (90% CI x0.32 .. x1.24, bound x1.25)                              pass\n"
        "  cost          -95% per pass, $313.20 saved per million passes  (90% CI -99% .. -78%)   pass\n"
        "  verdict       HOLD: only 3 cases; a verdict needs at least 30\n"
        "                pass rate may be 74.6 points worse, the margin is 5.0; at least 52 more cases are needed"
    )


def test_summary_is_left_out_under_qq(suite):
    """The progress line is left out as well."""
    result = suite.run("-qq", "--tb=no")
    assert "graysplit" not in "\n".join(line for line in result.outlines if not line.startswith("FAILED"))


def test_summary_fits_a_narrow_terminal(suite, section_of, monkeypatch):
    """Other columns are left out, but not the model, its pass rate and its errors."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = section_of(suite.run(), "= graysplit =").splitlines()
    table = lines[2:5]
    assert [line.split()[0] for line in table] == ["model", CONTROL, TREATMENT]
    assert all(len(line) <= 60 for line in table)


def test_json_report_has_its_published_keys(suite):
    """The test checks every published key, and the numbers of this run."""
    suite.run("--graysplit-json=out/report.json")
    report = suite.report("out/report.json")
    assert list(report) == ["format", "run", "arms", "comparisons", "cases"]
    assert list(report["run"])[:6] == ["id", "started", "duration_s", "record", "complete", "seed"]
    control, treatment = report["arms"]
    assert set(control) >= {
        "role", "model", "cases", "passed", "pass_rate", "pass_rate_ci", "errors", "outcomes", "latency_s", "tokens",
        "cost_usd", "priced", "cost_per_pass_usd", "served_models", "attempts", "replayed",
    }  # fmt: skip
    assert (control["cases"], control["passed"], treatment["passed"]) == (3, 3, 2)
    assert control["latency_s"] == {"mean": 1.0, "p50": 1.0, "p95": 1.0, "p99": None}
    assert set(report["comparisons"][0]) >= {
        "treatment", "n", "similarity", "pass_difference", "latency_ratio", "cost_ratio", "rows", "verdict", "reasons",
    }  # fmt: skip
    assert report["comparisons"][0]["n"] == 3
    assert [(case["id"], case["nodeid"], case["passed"]) for case in report["cases"]] == [
        ("test_x", "test_it.py::test_x", {"control": True, TREATMENT: False}),
        ("test_y", "test_it.py::test_y", {"control": True, TREATMENT: True}),
        ("test_z", "test_it.py::test_z[control]", {"control": True, TREATMENT: True}),
    ]
    assert report["run"]["complete"] is True
    assert (report["cases"][0]["tags"], report["cases"][0]["threshold"]) == (["colour"], 0.75)


def test_json_report_unwritable_at_the_end_fails_the_run(suite):
    """All tests passed, and the rest of the session is complete."""
    suite.test_file("""
        @pytest.mark.graysplit(prompt="One?")
        def test_y(graysplit):
            open("taken", "w").close()  # what could be written before the run no longer can
    """)
    result = suite.run("-k", "test_y", "--graysplit-json=taken/report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*report taken/report.json cannot be written: *"])


@pytest.mark.parametrize("more", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)], ids=["alone", "xdist"])
def test_json_report_unwritable_at_the_start_refuses_the_run(project, more):
    """The reporting process checks it: nothing is collected, sent or recorded."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n')
    project.write("taken", "a file")
    result = project.run("--graysplit-json=taken/deep/report.json", *more)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = result.stderr.str()
    assert "the report taken/deep/report.json cannot be written: " in errors
    assert "[report-unwritable]" in errors
    assert (project.sent(), project.recorded()) == (0, [])


def test_junit_has_the_properties_of_each_case(suite):
    """Dashboards read them; each test has one set."""
    suite.run("--junitxml=junit.xml")
    root = ET.parse(suite.path / "junit.xml").getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    properties = {one.get("name"): one.get("value") for one in cases["test_x"].iter("property")}
    assert properties == {
        "graysplit_case": "test_x",
        "graysplit_similarity": "0.0513",
        "graysplit_passed[control]": "true",
        "graysplit_outcome[control]": "ok",
        "graysplit_latency_s[control]": "1.0",
        "graysplit_cost_usd[control]": "0.00033",
        f"graysplit_passed[{TREATMENT}]": "false",
        f"graysplit_outcome[{TREATMENT}]": "ok",
        f"graysplit_latency_s[{TREATMENT}]": "1.0",
        f"graysplit_cost_usd[{TREATMENT}]": "0.0000112",
    }


def test_served_model_of_another_name_is_noted(project):
    """The relay serves another model than the requested one."""
    project.relay.control(faults=[{"kind": "other-model", "model": TREATMENT, "served": "tiny-1b"}])
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    result = project.run()
    assert f"{TREATMENT} was requested, tiny-1b answered: 1 reply" in result.outlines


def test_samples_send_different_seeds(project):
    """Sample n sends seed + n, for both models alike."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.run("--graysplit-samples=2", "--graysplit-param=seed=42").assert_outcomes(passed=1)
    seeds = sorted((body["model"], body["seed"]) for body in project.relay.stats()["bodies"])
    assert seeds == [(CONTROL, 42), (CONTROL, 43), (TREATMENT, 42), (TREATMENT, 43)]
    project.run("--graysplit-samples=2", "--graysplit-param=seed=42", "--graysplit-record=none").assert_outcomes(
        passed=1
    )


def test_each_treatment_is_compared_with_the_control(project):
    """Each treatment has a comparison with the one control."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.run("--graysplit-treatment=gpt-4.1", "--graysplit-json=report.json").assert_outcomes(passed=2)
    report = project.report()
    assert [arm["model"] for arm in report["arms"]] == [CONTROL, TREATMENT, "gpt-4.1"]
    assert [one["treatment"] for one in report["comparisons"]] == [TREATMENT, "gpt-4.1"]
    assert project.sent() == 3


def test_lost_test_is_noted_beside_an_unmarked_relay_test(project):
    """The result of an unmarked test must not stand in for that of a marked test, with and without workers."""
    project.test_file(
        """
        @pytest.fixture
        def broken(): raise OSError("the disk is full")

        @pytest.mark.graysplit(prompt="One?", expect={"contains": "Answer"})
        def test_kept(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_lost(broken, graysplit): pass

        def test_relay(graysplit_relay): graysplit_relay.compare("Three?")
        """
    )
    for workers in ([], ["-n2"]):
        result = project.run(*workers, "--graysplit-json=report.json")
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(["1 test gave no result: skipped in the body, failed before it, or never reached"])
        assert not project.report()["run"]["complete"]
