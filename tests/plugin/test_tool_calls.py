"""Cases with tool calls, from the request to the report: right calls pass, and wrong calls are flagged or missed."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from runpy import run_path

import pytest

from pytest_graysplit.types import ToolCall

DOCS = Path(__file__).parents[2] / "docs" / "tests.md"
CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
EACH = 30
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("refund", "delete_account", "notify")
]


def calling(*calls, text=None):
    """Return a message that calls tools, in the format of OpenAI's protocol."""
    sent = [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for place, (name, arguments) in enumerate(calls)
    ]
    return {"content": text, **({"tool_calls": sent} if sent else {})}


def right(number):
    return {"order": 1000 + number, "amount": 21.5, "due": "2026-11-30"}


def reordered(number):
    return {"due": "2026-11-30T00:00:00Z", "amount": 21.50, "order": 1000 + number}


# Replies of the treatment to a refund call of the control: its message, the similarity, and the expected misses.
KINDS = {
    "same": (lambda n: calling(("refund", right(n))), 1.0, set()),
    "reordered": (lambda n: calling(("refund", reordered(n))), 1.0, set()),
    "another-name": (lambda n: calling(("delete_account", right(n))), 0.0, {"tool_calls", "similarity"}),
    "another-argument": (lambda n: calling(("refund", right(n) | {"order": n})), 2 / 3, {"tool_calls", "guard"}),
    "no-call": (lambda n: calling(text="I have refunded your order."), 0.0, {"tool_calls", "similarity"}),
    "one-too-many": (lambda n: calling(("refund", right(n)), ("notify", {"n": n})), 2 / 3, {"tool_calls", "guard"}),
}


def case(kind, number):
    """Return a case whose prompt tells the relay each model's reply."""
    prompt = {CONTROL: calling(("refund", right(number))), TREATMENT: KINDS[kind][0](number)}
    calls = [{"name": "refund", "arguments": {"order": 1000 + number, "amount": 21.5}}]
    return {
        "id": f"{kind}-{number}",
        "prompt": json.dumps(prompt),
        "params": {"tools": TOOLS, "tool_choice": "auto"},
        "expect": {"tool_calls": calls, "no_other_tool_calls": True},
        "min_similarity": 0.6,
        "tags": [kind],
    }


def test_tool_calls_of_each_kind_pass_or_miss(project):
    """Right calls are neither missed nor flagged; wrong calls are flagged, and missed by expect and by a threshold."""
    project.relay.control(faults=[{"kind": "scripted", "times": None}])
    lines = [json.dumps(case(kind, number)) for kind in KINDS for number in range(EACH)]
    project.write("tools.graysplit.jsonl", "\n".join(lines))
    project.run("--graysplit-json=report.json", "--graysplit-gate=none", "-q")
    shown = project.report()["cases"]
    assert len(shown) == EACH * len(KINDS)
    assert all(body["tools"] == TOOLS and body["tool_choice"] == "auto" for body in project.relay.stats()["bodies"])
    for one in shown:
        _, similarity, missed = KINDS[one["tags"][0]]
        assert one["similarity"][TREATMENT] == pytest.approx(similarity), one["id"]
        assert [flag["name"] for flag in one["flags"]] == (["tool-changed"] if missed else []), one["id"]
        assert one["passed"] == {"control": True, TREATMENT: not missed}, one["id"]
        assert {miss["kind"] for miss in one["misses"][TREATMENT]} == missed, one["id"]


REFUND, OTHER = ToolCall("refund", {"order": 1001}, "c1"), ToolCall("refund", {"order": 1002}, "c1")


@pytest.fixture
def record_calls(project):
    """Return a function that records the tool calls of each model."""

    def record(control, treatment, case="test_x"):
        for model, calls, latency_s in ((CONTROL, control, 1.0), (TREATMENT, treatment, 2.0)):
            text = "" if calls else "I cannot."
            project.record(case, "Refund it.", model=model, text=text, tool_calls=calls, latency_s=latency_s)

    return record


def test_failure_shows_the_tool_calls(project, record_calls, section_of):
    """Both sides are shown below the miss as one difference, one call per line."""
    record_calls((REFUND,), (OTHER, ToolCall("notify")))
    project.test_file(
        """
        @pytest.mark.graysplit(
            prompt="Refund it.",
            expect={"tool_calls": [{"name": "refund", "arguments": {"order": 1001}}], "no_other_tool_calls": True},
        )
        def test_x(graysplit):
            assert graysplit.control.tool_call("refund").arguments == {"order": 1001}
        """
    )
    assert section_of(project.run(), "test_x _", "===") == (
        "treatment deepseek-v3.2: expected refund(order=1001), called refund(order=1002), notify()\n"
        "  hint: a call may have more arguments than expected; numbers and dates are compared by value  [expect-tool-calls]\n"
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     Refund it.\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
        "  similarity 0.00 (tool calls)\n"
        "  flag       tool-changed: treatment also calls notify(); control calls refund with order=1001,\n"
        "             treatment with order=1002\n"
        "  call       refund(order=[-1001-] {+1002+})\n"
        "  call       {+notify()+}"
    )


@pytest.mark.parametrize("gate", ["case", "none"])
def test_junit_has_the_calls_of_both_models(project, record_calls, gate):
    """As properties of the test, and as a difference in the text of its failure."""
    hostile = ToolCall("re\x1bfund", {"]]>": "<a>\x00&"})
    record_calls((REFUND, ToolCall("look_up")), (OTHER, hostile))
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="Refund it.", expect={"tool_calls": [{"name": "look_up"}]})
        def test_x(graysplit): pass
        """
    )
    project.run("--junitxml=junit.xml", f"--graysplit-gate={gate}")
    [test] = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    properties = {one.get("name"): one.get("value") for one in test.iter("property")}
    assert properties["graysplit_tool_calls[control]"] == "refund(order=1001), look_up()"
    assert properties[f"graysplit_tool_calls[{TREATMENT}]"] == (
        r'refund(order=1002), "re\u001bfund"("]]>"="<a>\u0000&")'
    )
    failures = [one.text for one in test.iter("failure")]
    assert len(failures) == (1 if gate == "case" else 0)
    assert all("  call       refund(order=[-1001-] {+1002+})\n  call       [-look_up()-]\n" in one for one in failures)


def test_missing_tool_call_is_a_miss_of_its_model(project, record_calls):
    """The body asks both models for the call, and the one that replied in text misses."""
    record_calls((REFUND,), ())
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="Refund it.")
        def test_x(graysplit_reply):
            assert graysplit_reply.tool_call("refund").arguments["order"] == 1001
        """
    )
    result = project.run("--graysplit-json=report.json")
    result.stdout.fnmatch_lines(["*the reply of deepseek-v3.2 does not call refund; it calls no tool*"])
    assert project.report()["cases"][0]["passed"] == {"control": True, TREATMENT: False}


def test_example_of_the_docs_runs(project):
    """It passes where both models make its call, and the difference on the page is that of a failure."""
    page = DOCS.read_text(encoding="utf-8").partition("## Tool calls")[2].partition("\n## ")[0]
    [code], [shown] = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "console"))
    project.write("test_it.py", code)
    body = {
        "messages": [{"role": "user", "content": "Refund order 1001, it was 21.50."}],
        "tools": run_path(str(project.path / "test_it.py"))["TOOLS"],
        "tool_choice": "auto",
    }
    look_up = ToolCall("look_up", {"order": 1001})
    right, wrong = (ToolCall("refund", {"order": order, "amount": 21.5}) for order in (1001, 1002))
    project.record("test_refund", body=body, text="", tool_calls=(right,))
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    (project.path / "__graysplit__" / "test_it.jsonl").unlink()
    for model, calls in ((CONTROL, (look_up, right)), (TREATMENT, (look_up, wrong, ToolCall("notify")))):
        project.record("test_refund", body=body, model=model, text="", tool_calls=calls)
    assert shown in project.run("--graysplit-record=none").stdout.str()


JUDGED = """
@pytest.mark.graysplit(prompt="Refund it.", metric="judge", min_similarity=0.5)
def test_x(graysplit): pass
"""


@pytest.mark.parametrize(("treatment", "asked"), [("", 0), ("I have refunded it.", 2)])
def test_judge_is_asked_where_both_answers_have_a_text(project, treatment, asked):
    """Calls without a text are compared without a judge, and no threshold is missed for want of a text."""
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    for model, text in ((CONTROL, "Refunded."), (TREATMENT, treatment)):
        project.record("test_x", "Refund it.", model=model, text=text, tool_calls=(REFUND,))
    project.test_file(JUDGED)
    project.run("--graysplit-json=report.json").assert_outcomes(passed=1)
    assert project.sent() == asked
    assert project.report()["cases"][0]["similarity"] == {TREATMENT: 1.0}


def test_judge_sees_calls_live_as_in_a_replay(project):
    """On both sides alike, redacted and sorted as they are recorded, so that the replay asks for the same verdicts."""
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    project.write("conftest.py", "def pytest_graysplit_redact(text):\n    return text.replace('Ada', 'NAME')\n")
    models, faults = [CONTROL, TREATMENT, "judge-longer"], [{"kind": "scripted", "times": 2}]
    project.relay.control(models=models, faults=faults)
    said = {
        CONTROL: calling(("refund", {"to": "Ada", "order": 1001})) | {"content": "Done."},
        TREATMENT: {"content": "I have refunded it to Ada."},
    }
    project.test_file(JUDGED.replace('"Refund it."', repr(json.dumps(said))))
    for mode in ("new", "none"):
        project.run(f"--graysplit-record={mode}", f"--graysplit-json={mode}.json", "--graysplit-gate=none")
    shown = [body["messages"][1]["content"] for body in project.relay.stats()["bodies"] if "judge" in body["model"]]
    mark = shown[0].split("]")[0].removeprefix("[conversation ")
    calls = '{"arguments": {"order": 1001, "to": "NAME"}, "name": "refund"}'
    assert (
        f"[answer A {mark}]\nDone.\n"
        f"[tool calls of answer A {mark}]\n{calls}\n[end of tool calls of answer A {mark}]\n[end of answer A {mark}]\n\n"
        f"[answer B {mark}]\nI have refunded it to NAME.\n"
        f"[tool calls of answer B {mark}]\n(none)\n[end of tool calls of answer B {mark}]\n[end of answer B {mark}]\n\n"
    ) in shown[0]
    assert len(shown) == 2
    assert project.report("new.json")["cases"][0]["similarity"] == project.report("none.json")["cases"][0]["similarity"]


@pytest.mark.parametrize("metric", ["lexical", "judge", "ours"])
def test_tool_calls_of_separate_arms_are_compared(project, record_calls, metric):
    """They are compared also where no metric can be requested after the tests."""
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    project.write("conftest.py", "def pytest_graysplit_score(metric):\n    return None\n" * (metric == "ours"))
    record_calls((REFUND,), (OTHER,))
    project.test_file(
        f"""
        @pytest.mark.graysplit(prompt="Refund it.", metric="{metric}")
        def test_x(graysplit_reply):
            assert graysplit_reply.tool_call("refund")
        """
    )
    project.run("--graysplit-json=report.json").assert_outcomes(passed=2)
    [case] = project.report()["cases"]
    assert [flag["name"] for flag in case["flags"]] == ["tool-changed"]
    assert case["similarity"] == {TREATMENT: 0.0}
    assert project.sent() == 0
