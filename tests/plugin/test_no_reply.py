"""Failed calls: they count against their arm, against neither arm if both failed, and a run without any reply fails."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
SUITE = """
    @pytest.mark.graysplit(expect={{"contains": "Answer"}})
    @pytest.mark.parametrize("prompt", [f"P{{n}}" for n in range({number})])
    def test_x({fixture}, prompt): pass
"""


def write_suite(project, *faults, fixture="graysplit", number=60):
    project.relay.control(faults=[{"times": None, **fault} for fault in faults])
    project.test_file(SUITE.format(fixture=fixture, number=number))


def run_without_retries(project, *arguments):
    fixed = ["--graysplit-retries=0", "--graysplit-json=report.json", "--tb=no", "--graysplit-rpm=60000"]
    return project.run(*fixed, *arguments)


def pass_counts(project):
    return {arm["role"]: (arm["passed"], arm["cases"]) for arm in project.report()["arms"]}


@pytest.mark.parametrize(("gate", "fixture"), [("case", "graysplit"), ("verdict", "graysplit_reply")])
def test_relay_that_fails_both_arms_counts_against_neither(project, gate, fixture):
    """The run fails under every gate, with an item of its own where the gate forgives misses."""
    write_suite(project, {"kind": "500"}, fixture=fixture)
    result = run_without_retries(project, f"--graysplit-gate={gate}")
    [comparison] = project.report()["comparisons"]
    assert (result.ret, comparison["verdict"], comparison["n"]) == (pytest.ExitCode.TESTS_FAILED, "hold", 0)
    assert pass_counts(project) == {"control": (0, 0), "treatment": (0, 0)}
    assert ("FAILED graysplit::replies" in result.stdout.str()) is (gate != "case")
    assert "120 calls in no rate: they failed for the control and the treatment alike" in result.stdout.str()


@pytest.mark.parametrize("workers", [[], pytest.param(["-n1"], marks=pytest.mark.xdist)], ids=["alone", "xdist"])
def test_item_of_a_run_without_replies_names_the_cause(project, workers):
    """The message counts the calls, although the controller of xdist workers has sent none itself."""
    write_suite(project, {"kind": "500"}, number=2)
    output = project.run("--graysplit-retries=0", "--graysplit-gate=none", *workers).stdout.str()
    assert (
        output.count(
            "no reply could be had in this run: 4 calls failed, such as: the relay answered 500: internal error"
        )
        == 1
    )
    assert output.count("[no-reply]") == 1


@pytest.mark.parametrize("fixture", ["graysplit", "graysplit_reply"])
def test_calls_that_fail_for_the_treatment_alone_are_its_misses(project, fixture):
    """The relay answered the control."""
    write_suite(project, {"kind": "500", "model": TREATMENT}, fixture=fixture)
    assert run_without_retries(project, "--graysplit-gate=none").ret == pytest.ExitCode.OK
    assert pass_counts(project) == {"control": (60, 60), "treatment": (0, 60)}
    assert project.report()["comparisons"][0]["verdict"] == "reject"


def test_calls_that_fail_for_the_control_alone_are_its_misses(project):
    """Tests that judge each model alone still give pairs."""
    write_suite(project, {"kind": "500", "model": CONTROL}, fixture="graysplit_reply", number=2)
    run_without_retries(project, "--graysplit-gate=none")
    assert pass_counts(project) == {"control": (0, 2), "treatment": (2, 2)}
    assert project.report()["comparisons"][0]["n"] == 2


@pytest.mark.parametrize(
    ("listed", "explained", "number", "model"),
    [
        (True, False, 60, TREATMENT),
        (True, False, 1, TREATMENT),
        (True, True, 1, CONTROL),
        (True, True, 60, TREATMENT),
        (False, True, 1, TREATMENT),
    ],
)
def test_unknown_model_ends_the_run_once(project, listed, explained, number, model):
    """The other model answers, so the address is right; a relay may list a model that it does not serve."""
    words = {"message": "The model does not exist", "code": "model_not_found"} if explained else {}
    write_suite(project, {"kind": "404", "model": model, **words}, number=number)
    other = TREATMENT if model == CONTROL else CONTROL
    project.relay.control(models=[CONTROL, TREATMENT] if listed else [other])
    result = run_without_retries(project, "--graysplit-gate=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count(f"the relay knows no model '{model}'") == 1
    assert result.stderr.str().count("[model-unknown]") == 1


def test_two_unknown_models_fail_the_run(project):
    """The relay lists models that its router does not know."""
    write_suite(project, {"kind": "404", "message": "The model does not exist", "code": "model_not_found"})
    assert run_without_retries(project, "--graysplit-gate=verdict").ret == pytest.ExitCode.TESTS_FAILED
    assert project.report()["comparisons"][0]["verdict"] == "hold"
    assert pass_counts(project) == {"control": (0, 0), "treatment": (0, 0)}


def test_unreachable_relay_fails_the_run(project, monkeypatch):
    """No server listens at the port."""
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "http://127.0.0.1:9/v1")
    project.test_file(SUITE.format(fixture="graysplit", number=3))
    assert run_without_retries(project, "--graysplit-gate=none").ret == pytest.ExitCode.USAGE_ERROR


def test_cost_cap_below_the_first_call_fails_the_run(project):
    """Every test is skipped, and there is no result for any model."""
    write_suite(project, number=3)
    cap = ["--graysplit-max-cost=0.0000001", "--graysplit-param=max_tokens=9"]
    result = run_without_retries(project, "--graysplit-gate=none", *cap)
    result.assert_outcomes(skipped=3, failed=1)
    assert "no reply could be had in this run: the cap on the cost is used up" in result.stdout.str()


def test_expected_failures_do_not_hide_a_run_without_replies(project):
    """Every test is xfailed."""
    project.relay.control(faults=[{"kind": "500", "times": None}])
    project.test_file('@pytest.mark.xfail\n@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    result = run_without_retries(project)
    result.assert_outcomes(xfailed=1, failed=1)
    assert "FAILED graysplit::replies" in result.stdout.str()


def test_gate_none_forgives_failed_calls_beside_one_reply(project):
    """One reply shows that the relay works, so the failed calls are ordinary misses."""
    write_suite(project, {"kind": "500", "match": "P0"}, number=2)
    assert run_without_retries(project, "--graysplit-gate=none").ret == pytest.ExitCode.OK


def test_calls_that_fail_for_two_of_three_arms_give_no_pair(project):
    """The control has a miss, because the other treatment has a reply."""
    faults = ({"kind": "500", "model": CONTROL}, {"kind": "500", "model": TREATMENT})
    write_suite(project, *faults, number=2, fixture="graysplit_reply")
    run_without_retries(project, "--graysplit-treatment=gpt-4.1", "--graysplit-gate=none")
    counts = {arm["model"]: (arm["passed"], arm["cases"]) for arm in project.report()["arms"]}
    assert counts == {CONTROL: (0, 2), TREATMENT: (0, 0), "gpt-4.1": (2, 2)}
    assert {one["treatment"]: one["n"] for one in project.report()["comparisons"]} == {TREATMENT: 0, "gpt-4.1": 2}
