"""Verdicts of whole suites of 60 cases: only shown equality promotes, and the reasons name the missing evidence."""

import json

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
NUMBER = 60
REFUND = {"name": "refund", "arguments": {"order": 1001, "amount": 21.5}}


def saying(text):
    return {"content": text}


def calling(*calls):
    """Return a message that calls tools, in the format of OpenAI's protocol."""
    return {
        "content": None,
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": one["name"], "arguments": json.dumps(one["arguments"])},
            }
            for one in calls
        ],
    }


def refund_with(**arguments):
    return calling({"name": "refund", "arguments": {**REFUND["arguments"], **arguments}})


def write_suite(project, control, treatment, **fields):
    """Write sixty cases whose prompts tell the relay each model's reply."""
    project.relay.control(faults=[{"kind": "scripted", "times": None}])
    messages = {CONTROL: control, TREATMENT: treatment}
    rows = [{"id": f"case-{n}", "prompt": json.dumps({**messages, "n": n}), **fields} for n in range(NUMBER)]
    project.write("suite.graysplit.jsonl", "\n".join(map(json.dumps, rows)))


def run_verdict(project, record="off"):
    """Run the suite, and return its verdict with all its reasons."""
    project.run("--graysplit-json=report.json", "--graysplit-gate=none", "-q", f"--graysplit-record={record}")
    [comparison] = project.report()["comparisons"]
    return comparison["verdict"], " / ".join(comparison["reasons"])


YES, NO = saying("yes, of course"), saying("no, never")
CONTAINS_YES = {"expect": {"contains": "yes"}}
CALLS_REFUND = {"expect": {"tool_calls": [REFUND]}}
HOLDS = {
    "nothing-asserted": (YES, NO, {}, "nothing was asserted about 60 of 60 cases"),
    "budgets-are-no-assertion": (YES, NO, {"max_latency_s": 60.0}, "nothing was asserted about 60 of 60 cases"),
    "none-passed": (NO, NO, CONTAINS_YES, "neither model passes any of 60 cases"),
    "control-passes-none": (NO, YES, CONTAINS_YES, "the control passes none of 60 cases"),
    "must-pass-missed-by-both": (NO, NO, {**CONTAINS_YES, "must_pass": True}, "a fault of the suite"),
    "wrong-tool-unasserted": (calling(REFUND), calling({**REFUND, "name": "delete_account"}), {}, "tool-changed"),
    "wrong-argument-beside-an-expectation": (
        calling(REFUND), refund_with(note="vip"), CALLS_REFUND, "tool-changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOLDS)
def test_suite_that_shows_nothing_holds(project, kind):
    """It is neither promoted nor rejected."""
    control, treatment, fields, reason = HOLDS[kind]
    write_suite(project, control, treatment, **fields)
    verdict, reasons = run_verdict(project)
    assert verdict == "hold"
    assert reason in reasons


REJECTS = {
    "wrong-text": (YES, NO, CONTAINS_YES),
    "wrong-tool": (calling(REFUND), calling({**REFUND, "name": "delete_account"}), CALLS_REFUND),
    "wrong-argument": (calling(REFUND), refund_with(amount=215), CALLS_REFUND),
    "no-call": (calling(REFUND), saying("I have refunded it."), CALLS_REFUND),
    "one-too-many": (
        calling(REFUND),
        calling(REFUND, {"name": "delete_account", "arguments": {}}),
        {"expect": {"tool_calls": [REFUND], "no_other_tool_calls": True}},
    ),
    "wrong-tool-below-a-threshold": (
        calling(REFUND), calling({**REFUND, "name": "delete_account"}), {"min_similarity": 0.5},
    ),
    "wrong-argument-above-a-threshold": (calling(REFUND), refund_with(amount=215), {"min_similarity": 0.4}),
}  # fmt: skip


@pytest.mark.parametrize("kind", REJECTS)
def test_wrong_treatment_is_rejected(project, kind):
    """A text or a tool call that the control gives and the treatment does not is a miss of the treatment."""
    control, treatment, fields = REJECTS[kind]
    write_suite(project, control, treatment, **fields)
    assert run_verdict(project)[0] == "reject"


PROMOTES = {
    "same-call": (calling(REFUND), calling(REFUND), CALLS_REFUND),
    "reordered-arguments": (
        calling(REFUND),
        calling({"name": "refund", "arguments": {"amount": 21.50, "order": 1001}}),
        {**CALLS_REFUND, "min_similarity": 0.9},
    ),
    "right-text": (YES, saying("yes, sure"), CONTAINS_YES),
}


@pytest.mark.parametrize("kind", PROMOTES)
def test_right_treatment_is_promoted(project, kind):
    """The rules that hold without evidence do not hold a suite that has it."""
    control, treatment, fields = PROMOTES[kind]
    write_suite(project, control, treatment, **fields)
    assert run_verdict(project)[0] == "promote"


def test_lost_recordings_hold_and_are_counted(project):
    """Ten of sixty replies are missing, which rejects no model, and the reason counts them."""
    write_suite(project, YES, YES, **CONTAINS_YES)
    project.run("-q")
    path = project.path / "__graysplit__" / "suite.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    gone = {f"case-{n}" for n in range(10)}
    path.write_text("".join(line for line in lines if json.loads(line).get("case") not in gone), encoding="utf-8")
    verdict, reasons = run_verdict(project, "none")
    assert verdict == "hold"
    assert "no result on both models for 10 of 60 cases: 10 not recorded" in reasons


def test_unreadable_judge_replies_hold_and_are_counted(project):
    """The pairs have no score, so the cases are missing and no model has a miss."""
    write_suite(project, YES, saying("yes, sure"), min_similarity=0.5, metric="judge")
    project.relay.control(
        faults=[{"kind": "scripted", "times": None, "model": model} for model in (CONTROL, TREATMENT)]
    )
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "gpt-4.1"\n')
    verdict, reasons = run_verdict(project)
    assert verdict == "hold"
    assert "no result on both models for 60 of 60 cases: 60 without a score of the metric" in reasons
