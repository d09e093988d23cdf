"""Expectations of tool calls: each failure shows the expected and the found calls."""

from dataclasses import replace

import pytest

from pytest_graysplit.cases.checks.assertions import check_comparison, check_reply, has_text
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.types import Reply, ToolCall

REFUND, OTHER = ToolCall("refund", {"order": 1001, "amount": 21.5}), ToolCall("refund", {"order": 1002, "amount": 21.5})
LOOK_UP, BROKEN = ToolCall("look_up", {"order": 1001}), ToolCall("refund", arguments_text='{"order": 10')
ANSWER = Reply(model="small", outcome="ok", text="Done.")


def a_case(**fields):
    return build_case({"prompt": "Refund it.", **fields}, where="a.jsonl:1")


def a_calling_reply(*calls, text="", **fields):
    return replace(ANSWER, text=text, tool_calls=calls, **fields)


def unexpected_score(*_):
    raise AssertionError("nothing here is compared with a reference")


def failures(reply, **expect):
    return check_reply(a_case(expect=expect), reply, "small", unexpected_score)


def problems(reply, **expect):
    return [failure.problem.removeprefix("treatment small: ") for failure in failures(reply, **expect)]


WANTED = [{"name": "refund", "arguments": {"order": 1001, "amount": 21.5}}]
ORDER = [{"name": "look_up"}, {"name": "refund", "arguments": {"order": 1001}}]
RIGHT = [
    ([REFUND], {"tool_calls": WANTED}),
    ([LOOK_UP, REFUND], {"tool_calls": WANTED}),
    ([ToolCall("refund", {"note": "", "amount": 21.50, "order": 1001.0})], {"tool_calls": WANTED}),
    ([ToolCall("book", {"on": "2026-11-30T00:00:00Z", "who": {"name": "Ada", "vip": True}})],
     {"tool_calls": [{"name": "book", "arguments": {"on": "2026-11-30", "who": {"name": "Ada"}}}]}),
    ([REFUND, LOOK_UP], {"tool_calls": ORDER}),
    ([LOOK_UP, ToolCall("notify"), REFUND], {"tool_calls": ORDER, "tool_order": True}),
    ([REFUND, LOOK_UP], {"tool_calls": ORDER, "no_other_tool_calls": True}),
    ([OTHER, REFUND], {"tool_calls": [{"name": "refund"}, *WANTED], "no_other_tool_calls": True}),
    ([REFUND], {"tool_calls": WANTED, "not_contains": "sorry", "max_words": 5, "tool_order": False}),
    ([], {"no_tool_calls": True}),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "expect"), RIGHT)
def test_right_calls_fail_nothing(calls, expect):
    assert problems(a_calling_reply(*calls, text="" if calls else "Done."), **expect) == []


SHOWN, SHOWN_OTHER = "refund(order=1001, amount=21.5)", "refund(order=1002, amount=21.5)"
WRONG = [
    ([OTHER], {"tool_calls": WANTED}, [f"expected {SHOWN}, called {SHOWN_OTHER}"]),
    ([], {"tool_calls": WANTED}, [f"expected {SHOWN}, called no tool"]),
    ([LOOK_UP], {"tool_calls": [{"name": "refund"}]}, ["expected refund(...), called look_up(order=1001)"]),
    ([REFUND], {"tool_calls": WANTED * 2}, [f"expected {SHOWN}, called {SHOWN}"]),
    ([LOOK_UP], {"tool_calls": [*WANTED, {"name": "notify"}], "no_other_tool_calls": True},
     [f"expected {SHOWN}, called look_up(order=1001)", "expected notify(...), called look_up(order=1001)"]),
    ([ToolCall("refund", {"order": "1001", "amount": 21.5})], {"tool_calls": WANTED},
     [f'expected {SHOWN}, called refund(order="1001", amount=21.5)']),
    ([REFUND, LOOK_UP], {"tool_calls": ORDER, "tool_order": True},
     [f"expected in this order look_up(...), refund(order=1001), called {SHOWN}, look_up(order=1001)"]),
    ([REFUND, LOOK_UP], {"tool_calls": WANTED, "no_other_tool_calls": True},
     [f"expected no other call than {SHOWN}, also called look_up(order=1001)"]),
    ([REFUND, REFUND], {"tool_calls": WANTED, "no_other_tool_calls": True},
     [f"expected no other call than {SHOWN}, also called {SHOWN}"]),
    ([REFUND], {"no_tool_calls": True}, [f"expected no tool call, called {SHOWN}"]),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "expect", "expected"), WRONG)
def test_wrong_calls_are_shown_with_the_expected_ones(calls, expect, expected):
    found = failures(a_calling_reply(*calls, text="" if calls else "Done."), **expect)
    assert [failure.problem for failure in found] == [f"treatment small: {problem}" for problem in expected]
    assert {(failure.kind, failure.slug) for failure in found} == {("tool_calls", "expect-tool-calls")}
    assert all(failure.hint for failure in found)


@pytest.mark.parametrize(
    ("fields", "missed"),
    [
        ({"min_similarity": 0.5}, True),
        ({"min_similarity": "auto"}, True),
        ({"expect": {"tool_calls": [{"name": "look_up"}]}}, True),
        ({"expect": {"contains": "Done"}}, False),
        ({"max_latency_s": 9}, False),
        ({}, False),
    ],
)
def test_unreadable_call_fails_if_calls_are_checked_or_compared(fields, missed):
    """On both arms, and the outcome stays ok."""
    reply = a_calling_reply(LOOK_UP, BROKEN, text="Done.", latency_s=1.0)
    found = check_reply(a_case(**fields), reply, "control", unexpected_score)
    problem = 'control small: called refund(not a JSON object: "{\\"order\\": 10"): its arguments are not a JSON object'
    assert [failure.problem for failure in found] == ([problem] if missed else [])
    assert {(failure.kind, failure.slug) for failure in found} <= {("tool_calls", "tool-call-unreadable")}


def test_call_without_a_name_is_unreadable():
    assert problems(a_calling_reply(ToolCall("", {"a": 1})), tool_calls=WANTED)[1:] == [
        "called (a tool without a name)(a=1): the call names no tool"
    ]


TEXTS = [
    ({"contains": ["30", "free"]}, [("contain '30'", "contains"), ("contain 'free'", "contains")]),
    ({"regex": ".*"}, [("match '.*'", "regex")]),
    ({"equals": "Done."}, [("be 'Done.'", "equals")]),
    ({"reference": "Done."}, [("be like the reference 'Done.'", "reference")]),
    ({"not_contains": "sorry", "max_words": 3}, []),
]


@pytest.mark.parametrize("outcome", ["ok", "truncated"])
@pytest.mark.parametrize(("expect", "missed"), TEXTS)
def test_expected_text_fails_if_a_tool_was_called_instead(expect, missed, outcome):
    """Also a pattern that any text matches, and without a call of a metric."""
    found = [
        failure for failure in failures(a_calling_reply(REFUND, outcome=outcome), **expect) if failure.kind != "outcome"
    ]
    assert [(failure.problem, failure.slug) for failure in found] == [
        (f"treatment small: expected to {problem}, found no text, called {SHOWN}", f"expect-{slug}")
        for problem, slug in missed
    ]


@pytest.mark.parametrize("expect", [{"json": True}, {"json": {"a": 1}}, {"json_schema": {"type": "object"}}])
def test_expected_json_fails_if_a_tool_was_called_instead(expect):
    assert problems(a_calling_reply(REFUND), **expect) == [f"expected JSON, found no text, called {SHOWN}"]


def test_text_beside_calls_is_checked_as_usual():
    assert problems(a_calling_reply(REFUND, text="Done."), contains="30", tool_calls=WANTED) == [
        "expected to contain '30', found 'Done.'"
    ]
    assert [has_text(a_calling_reply(REFUND)), has_text(a_calling_reply(REFUND, text="Done."))] == [False, True]


def comparison_problems(control, treatment, threshold=0.7):
    case = a_case(min_similarity=threshold)
    scores = PairScores.of([control], [treatment], lambda *_: 0.4)
    pair = compare(case, [control], [treatment], metric="lexical", scores=scores)
    return [
        (failure.kind, failure.problem.removeprefix("treatment small: "))
        for failure in check_comparison(case, pair, "small")
    ]


def test_threshold_applies_to_calls_if_a_text_is_missing():
    """The message says that calls were compared, unless the texts differ more."""
    assert comparison_problems(a_calling_reply(REFUND), a_calling_reply(REFUND)) == []
    assert comparison_problems(a_calling_reply(REFUND), a_calling_reply(OTHER)) == [
        ("similarity", "tool calls similarity 0.50 is below 0.7")
    ]
    assert comparison_problems(a_calling_reply(REFUND), ANSWER) == [
        ("similarity", "tool calls similarity 0.00 is below 0.7")
    ]
    assert comparison_problems(a_calling_reply(REFUND, text="a"), a_calling_reply(REFUND, text="b")) == [
        ("similarity", "lexical similarity 0.40 is below 0.7")
    ]
    changed = "the guard tool-changed vetoes it: control calls refund with order=1001, treatment with order=1002"
    assert comparison_problems(a_calling_reply(REFUND), a_calling_reply(OTHER), 0.5) == [
        ("guard", f"tool calls similarity 0.50 reaches 0.5, but {changed}")
    ]
