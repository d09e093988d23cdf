"""The machine-readable name of each check that an answer missed, as scripts read it in the report."""

import pytest
from factories import a_case, a_reply, an_error

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.types import Expect, ToolCall

REFUND, NOTIFY = ToolCall("refund", {"order": 1}), ToolCall("notify", {})
ORDERED = Expect(tool_calls=(REFUND, NOTIFY), tool_order=True)


def names(expect, reply, **fields):
    """Return the check and the sample of each failure; nothing is similar to a reference."""
    failures = check_reply(a_case(expect=expect, **fields), reply, "control", lambda *_: 0.0)
    return [(failure.check, failure.sample) for failure in failures]


@pytest.mark.parametrize(
    ("expect", "missed"),
    [
        (Expect(contains=("day", "X", "Y")), ["expect.contains[1]", "expect.contains[2]"]),
        (Expect(not_contains=("x", "day")), ["expect.not_contains[1]"]),
        (Expect(regex=("d", "^x")), ["expect.regex[1]"]),
        (Expect(equals="x"), ["expect.equals"]),
        (Expect(json=True), ["expect.json"]),
        (Expect(json_schema={}), ["expect.json_schema"]),
        (Expect(reference="x"), ["expect.reference"]),
        (Expect(max_words=1), ["expect.max_words"]),
        (Expect(min_words=9), ["expect.min_words"]),
        (Expect(icontains=("ONE", "x")), ["expect.icontains[1]"]),
        (Expect(contains_any=("x", "z")), ["expect.contains_any"]),
        (Expect(starts_with="One"), ["expect.starts_with"]),
        (Expect(not_regex=("x", "day")), ["expect.not_regex[1]"]),
        (Expect(number=1), ["expect.number"]),
        (Expect(choice="B"), ["expect.choice"]),
        (Expect(language="de"), ["expect.language"]),
        (Expect(tool_calls=(REFUND, NOTIFY)), ["expect.tool_calls[0]", "expect.tool_calls[1]"]),
    ],
)
def test_a_text_misses_the_named_check(expect, missed):
    """An entry of a list has its place."""
    assert names(expect, a_reply("two dys, one day", sample=3)) == [(check, 3) for check in missed]


@pytest.mark.parametrize(
    ("expect", "calls", "missed"),
    [
        (Expect(no_tool_calls=True), (REFUND,), ["expect.no_tool_calls"]),
        (ORDERED, (NOTIFY, REFUND), ["expect.tool_order"]),
        (ORDERED, (REFUND,), ["expect.tool_calls[1]"]),
        (Expect(tool_calls=(REFUND,), no_other_tool_calls=True), (REFUND, NOTIFY), ["expect.no_other_tool_calls"]),
        (Expect(contains=("a",), regex=("b",), equals="c"), (REFUND,), ["contains[0]", "regex[0]", "equals"]),
        (Expect(reference="a", json=True), (REFUND,), ["reference", "json"]),
        (Expect(json_schema={}), (REFUND,), ["json_schema"]),
        (
            Expect(icontains=("a",), contains_any=("a", "b"), starts_with="c"),
            (REFUND,),
            ["icontains[0]", "contains_any", "starts_with"],
        ),
        (
            Expect(number=0, choice="B", language="de", min_words=1),
            (REFUND,),
            ["number", "choice", "language", "min_words"],
        ),
        (Expect(not_contains=("a",), not_regex=("a",), max_words=1), (REFUND,), []),
    ],
)
def test_a_call_misses_the_named_check(expect, calls, missed):
    """An answer that only calls tools misses every expectation of a text."""
    wanted = [check if check.startswith("expect.") else f"expect.{check}" for check in missed]
    assert [check for check, _ in names(expect, a_reply("", tool_calls=calls))] == wanted


def test_outcomes_and_budgets_are_named_by_their_fields():
    """The failure of a call stands alone."""
    slow = a_reply(outcome="truncated", latency_s=3.0, cost="0.5", tool_calls=(ToolCall("", arguments_text="["),))
    checks = [check for check, _ in names(None, slow, max_latency_s=1.0, max_cost_usd=0.1, min_similarity=0.5)]
    assert checks == ["outcome", "reply.tool_calls[0]", "max_latency_s", "max_cost_usd"]
    assert names(None, an_error(), max_latency_s=1.0) == [("outcome", 0)]
