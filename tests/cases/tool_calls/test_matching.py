"""Matching of tool calls, and the similarity of two answers' calls."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.cases.tool_calls import matching
from pytest_graysplit.cases.tool_calls.matching import assigned, fits, in_order, match, share
from pytest_graysplit.evaluation.metrics.guards.tool_changes import tool_changed
from pytest_graysplit.types import ToolCall


def f(**arguments):
    return ToolCall("f", arguments)


def g(**arguments):
    return ToolCall("g", arguments)


BROKEN, ALSO_BROKEN, NAMELESS = ToolCall("f", arguments_text="{"), ToolCall("f", arguments_text="{ "), ToolCall("")
PAIRS = {
    "the same": ([f(a=1)], [f(a=1)], 1.0, None),
    "without arguments": ([f()], [f()], 1.0, None),
    "another id": ([ToolCall("f", {"a": 1}, "x")], [ToolCall("f", {"a": 1}, "y")], 1.0, None),
    "by value": ([f(a=1.0, on="2026-11-30")], [f(on="2026-11-30T00:00:00Z", a=1)], 1.0, None),
    "another order": ([f(a=1), g(), f(a=2)], [f(a=2), f(a=1), g()], 1.0, None),
    "another tool": ([f(a=1)], [g(a=1)], 0.0, "control calls f(a=1), treatment calls g(a=1)"),
    "another argument": ([f(a=1, b=2)], [f(a=1, b=3)], 0.5, "control calls f with b=2, treatment with b=3"),
    "a missing argument": ([f(a=1, b=2)], [f(a=1)], 0.5, "control calls f with b=2, treatment with no b"),
    "an extra argument": ([f()], [f(a=1)], 0.0, "control calls f with no a, treatment with a=1"),
    "null is not nothing": ([f()], [f(a=None)], 0.0, "control calls f with no a, treatment with a=null"),
    "letter case": ([f(a="x")], [f(a="X")], 0.0, 'control calls f with a="x", treatment with a="X"'),
    "a call too many": ([f(a=1)], [f(a=1), g()], 2 / 3, "treatment also calls g()"),
    "the same call twice": ([f(a=1)], [f(a=1), f(a=1)], 2 / 3, "treatment also calls f(a=1)"),
    "a missing call": ([f(a=1), g()], [f(a=1)], 2 / 3, "control also calls g()"),
    "no call": ([f(a=1)], [], 0.0, "control calls f(a=1), treatment calls no tool"),
    "only the treatment calls": ([], [f(a=1), g()], 0.0, "treatment calls f(a=1), g(), control calls no tool"),
    "the best pairs": (
        [f(a=1, b=1), f(a=2, b=2)], [f(a=2, b=1), f(a=1, b=1)], 0.75, "control calls f with b=2, treatment with b=1",
    ),
    "broken and whole": (
        [f(a=1)], [BROKEN], 0.0, 'control calls f(a=1), treatment calls f(not a JSON object: "{")',
    ),
    "broken in another way": (
        [BROKEN], [ALSO_BROKEN], 0.0,
        'control calls f(not a JSON object: "{"), treatment calls f(not a JSON object: "{ ")',
    ),
    "broken alike": ([BROKEN], [BROKEN], 0.0, None),
    "without a name": ([NAMELESS], [NAMELESS], 0.0, None),
}  # fmt: skip


@pytest.mark.parametrize(("control", "treatment", "similarity", "detail"), PAIRS.values(), ids=PAIRS.keys())
def test_match_gives_similarity_and_flag_of_each_change(control, treatment, similarity, detail):
    """Unreadable arguments equal nothing; the guard describes each change, and flags every one."""
    assert match(control, treatment).similarity == pytest.approx(similarity)
    flag = tool_changed(control, treatment)
    assert (flag and (flag.name, flag.detail)) == (detail and ("tool-changed", detail))


def test_tool_changed_cuts_many_changes():
    flag = tool_changed([f(a=1, b=1, c=1, d=1, e=1, f=1)], [f(a=2, b=2, c=2, d=2, e=2, f=2)])
    assert flag.detail.endswith("control calls f with d=1, treatment with d=2; and 2 more")
    assert tool_changed([], []) is None


CALLS = st.lists(
    st.builds(ToolCall, st.sampled_from("fg"), st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)),
    max_size=4,
)


@settings(max_examples=100)
@given(CALLS, CALLS)
def test_match_finds_the_largest_sum_of_shares(control, treatment):
    """Compared with every pairing; each call counts once, and exchanging the sides changes nothing."""
    found = match(control, treatment)
    fewer, more = sorted((control, treatment), key=len)
    best = max(sum(map(share, fewer, chosen)) for chosen in permutations(more, len(fewer)))
    assert sum(one.share for one in found.matches) == pytest.approx(best)
    assert len(control) == len(found.matches) + len(found.missing)
    assert len(treatment) == len(found.matches) + len(found.extra)
    assert match(treatment, control).similarity == pytest.approx(found.similarity)


def test_match_pairs_many_calls_in_order():
    many = matching.MOST_WEIGHED + 1
    found = match([f(n=n, m=0) for n in range(many)], [f(n=n, m=1) for n in range(many)])
    assert found.similarity == pytest.approx(0.5)
    assert match([f(n=n) for n in range(2000)], [f(n=n) for n in reversed(range(2000))]).similarity == 1.0


def test_assigned_gives_each_expected_call_its_own_call():
    """The general expectation gives way to the specific one, in any order."""
    calls = [f(a=1), f(a=2)]
    assert assigned([f(), f(a=1)], calls) == [1, 0]
    assert assigned([f(a=1), f()], calls) == [0, 1]
    assert assigned([f(a=1), f(a=1)], calls) == [0, None]
    assert assigned([f(), f(), f()], calls)[2] is None
    assert not fits(BROKEN, f())
    assert not fits(g(a=1), f(a=1))


def test_in_order_allows_other_calls_between():
    calls = [f(a=1), g(), f(a=2)]
    assert in_order([f(), f()], calls) == [0, 2]
    assert in_order([g(), f()], calls) == [1, 2]
    assert in_order([f(a=2), g()], calls) is None
