"""Verdicts of whole suites of 60 cases: only shown equality promotes, and the reasons name the missing evidence."""

import json

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
NUMBER = 60
REFUND = {"name": "refund", "arguments": {"order": 1001, "amount": 21.5}}


def said(text):
    return {"content": text}


def called(*calls):
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


def other(**arguments):
    return called({"name": "refund", "arguments": {**REFUND["arguments"], **arguments}})


def suite(project, control, treatment, **fields):
    """Write sixty cases whose prompts tell the relay each model's reply."""
    project.relay.control(faults=[{"kind": "scripted", "times": None}])
    messages = {CONTROL: control, TREATMENT: treatment}
    rows = [{"id": f"case-{n}", "prompt": json.dumps({**messages, "n": n}), **fields} for n in range(NUMBER)]
    project.write("suite.graysplit.jsonl", "\n".join(map(json.dumps, rows)))


def judged(project, record="off"):
    """Run the suite, and return its verdict with all its reasons."""
    project.run("--graysplit-json=report.json", "--graysplit-gate=none", "-q", f"--graysplit-record={record}")
    [comparison] = project.report()["comparisons"]
    return comparison["verdict"], " / ".join(comparison["reasons"])


YES, NO = said("yes, of course"), said("no, never")
CONTAINS_YES = {"expect": {"contains": "yes"}}
CALLS_REFUND = {"expect": {"tool_calls": [REFUND]}}
HOLDS = {
    "nothing-asserted": (YES, NO, {}, "nothing was asserted about 60 of 60 cases"),
    "budgets-are-no-assertion": (YES, NO, {"max_latency_s": 60.0}, "nothing was asserted about 60 of 60 cases"),
    "none-passed": (NO, NO, CONTAINS_YES, "neither model passes any of 60 cases"),
    "control-passes-none": (NO, YES, CONTAINS_YES, "the control passes none of 60 cases"),
    "must-pass-missed-by-both": (NO, NO, {**CONTAINS_YES, "must_pass": True}, "a fault of the suite"),
    "wrong-tool-unasserted": (called(REFUND), called({**REFUND, "name": "delete_account"}), {}, "tool-changed"),
    "wrong-argument-beside-an-expectation": (
        called(REFUND), other(note="vip"), CALLS_REFUND, "tool-changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOLDS)
def test_suite_that_shows_nothing_holds(project, kind):
    """It is neither promoted nor rejected."""
    control, treatment, fields, reason = HOLDS[kind]
    suite(project, control, treatment, **fields)
    verdict, reasons = judged(project)
    assert verdict == "hold"
    assert reason in reasons


REJECTS = {
    "wrong-text": (YES, NO, CONTAINS_YES),
    "wrong-tool": (called(REFUND), called({**REFUND, "name": "delete_account"}), CALLS_REFUND),
    "wrong-argument": (called(REFUND), other(amount=215), CALLS_REFUND),
    "no-call": (called(REFUND), said("I have refunded it."), CALLS_REFUND),
    "one-too-many": (
        called(REFUND),
        called(REFUND, {"name": "delete_account", "arguments": {}}),
        {"expect": {"tool_calls": [REFUND], "no_other_tool_calls": True}},
    ),
    "wrong-tool-below-a-threshold": (
        called(REFUND), called({**REFUND, "name": "delete_account"}), {"min_similarity": 0.5},
    ),
    "wrong-argument-above-a-threshold": (called(REFUND), other(amount=215), {"min_similarity": 0.4}),
}  # fmt: skip


@pytest.mark.parametrize("kind", REJECTS)
def test_wrong_treatment_is_rejected(project, kind):
    """A text or a tool call that the control gives and the treatment does not is a miss of the treatment."""
    control, treatment, fields = REJECTS[kind]
    suite(project, control, treatment, **fields)
    assert judged(project)[0] == "reject"


PROMOTES = {
    "same-call": (called(REFUND), called(REFUND), CALLS_REFUND),
    "reordered-arguments": (
        called(REFUND),
        called({"name": "refund", "arguments": {"amount": 21.50, "order": 1001}}),
        {**CALLS_REFUND, "min_similarity": 0.9},
    ),
    "right-text": (YES, said("yes, sure"), CONTAINS_YES),
}


@pytest.mark.parametrize("kind", PROMOTES)
def test_right_treatment_is_promoted(project, kind):
    """The rules that hold without evidence do not hold a suite that has it."""
    control, treatment, fields = PROMOTES[kind]
    suite(project, control, treatment, **fields)
    assert judged(project)[0] == "promote"


def test_lost_recordings_hold_and_are_counted(project):
    """Ten of sixty replies are missing, which rejects no model, and the reason counts them."""
    suite(project, YES, YES, **CONTAINS_YES)
    project.run("-q")
    path = project.path / "__graysplit__" / "suite.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    gone = {f"case-{n}" for n in range(10)}
    path.write_text("".join(line for line in lines if json.loads(line).get("case") not in gone), encoding="utf-8")
    verdict, reasons = judged(project, "none")
    assert verdict == "hold"
    assert "no result on both models for 10 of 60 cases: 10 not recorded" in reasons


def test_unreadable_judge_replies_hold_and_are_counted(project):
    """The pairs have no score, so the cases are missing and no model has a miss."""
    suite(project, YES, said("yes, sure"), min_similarity=0.5, metric="judge")
    project.relay.control(
        faults=[{"kind": "scripted", "times": None, "model": model} for model in (CONTROL, TREATMENT)]
    )
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "gpt-4.1"\n')
    verdict, reasons = judged(project)
    assert verdict == "hold"
    assert "no result on both models for 60 of 60 cases: 60 without a score of the metric" in reasons
