"""The difference of two answers' tool calls: whole lines, completeness, and long or unreadable arguments."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.tool_calls.matching import match
from pytest_graysplit.reporting import calldiff
from pytest_graysplit.reporting.calldiff import call_diff, is_changed, other_order, write_line
from pytest_graysplit.types import ToolCall

REFUND = ToolCall("refund", {"order": 1001, "amount": 21.5})
NOTE = "The customer was angry and wants the money back today, because the lamp of the order broke twice in one week"


def test_docstring_examples_run():
    """The documented outputs are the actual ones."""
    assert doctest.testmod(calldiff).failed == 0


def written(control, treatment):
    return [write_line(line) for line in call_diff(control, treatment)]


@pytest.mark.parametrize(
    ("control", "treatment", "lines"),
    [
        ([], [], []),
        ([ToolCall("f")], [ToolCall("f", {}, "other-id")], ["f()"]),
        ([REFUND], [ToolCall("refund", {"amount": 21.50, "order": 1001.0})], ["refund(order=1001, amount=21.5)"]),
        ([REFUND], [ToolCall("refund", {"order": 1002, "amount": 21.5})],
         ["refund(order=[-1001-] {+1002+}, amount=21.5)"]),
        ([REFUND], [ToolCall("refund", {"order": 1001})], ["refund(order=1001, [-amount=21.5-])"]),
        ([ToolCall("f")], [ToolCall("f", {"a": None})], ["f({+a=null+})"]),
        ([REFUND], [ToolCall("cancel", {"order": 1001})],
         ["[-refund(order=1001, amount=21.5)-]", "{+cancel(order=1001)+}"]),
        ([ToolCall("a"), ToolCall("b")], [ToolCall("b"), ToolCall("c"), ToolCall("b")],
         ["[-a()-]", "b()", "{+b()+}", "{+c()+}"]),
        ([ToolCall("f", {"a": 1})], [ToolCall("f", {}, None, '{"a": 1')],
         ['f([-a=1-] {+not a JSON object: "{\\"a\\": 1"+})']),
        ([ToolCall("f")], [ToolCall("f", {}, None, "[]")], ['f([-no arguments-] {+not a JSON object: "[]"+})']),
        ([ToolCall("f", {}, None, "[]")], [ToolCall("f", {}, None, "[]")], ['f(not a JSON object: "[]")']),
        ([ToolCall("", {"": 1})], [ToolCall("", {"": 2})], ['(a tool without a name)(""=[-1-] {+2+})']),
        ([ToolCall("f", {"n": NOTE})], [ToolCall("f", {"n": NOTE.replace("angry", "sad")})],
         ['f(n="The customer was [-angry-] {+sad+} and wants the money back today…order broke twice in one week")']),
        ([ToolCall("f", {"n": "a  b " * 20})], [ToolCall("f", {"n": "a b " * 20})],
         [('f(n=[-"a  b a  b a  b a  b a  b a  b a  b a  b a  b a  b a  b a  …-] '
          '{+"a b a b a b a b a b a b a b a b a b a b a b a b a b a b a …+})')]),
    ],
)  # fmt: skip
def test_call_diff_lines(control, treatment, lines):
    """The control's calls in their order, then additional ones; numbers by value, ids and the order not at all."""
    assert written(control, treatment) == lines


def test_additional_words_of_a_long_value_stand_alone():
    """They replace nothing, in the middle of a sentence as elsewhere."""
    [line] = written([ToolCall("f", {"n": NOTE})], [ToolCall("f", {"n": NOTE.replace("was angry", "was very angry")})])
    assert line.startswith('f(n="The customer was {+very+} angry and wants')
    [line] = written([ToolCall("f", {"n": NOTE.replace("was angry", "was very angry")})], [ToolCall("f", {"n": NOTE})])
    assert line.startswith('f(n="The customer was [-very-] angry and wants')


def test_long_values_never_look_alike():
    """A difference behind thousands of equal letters is shown with a few letters before it."""
    [line] = written([ToolCall("f", {"k": "x" * 5000 + "a"})], [ToolCall("f", {"k": "x" * 5000 + "b"})])
    assert line == 'f(k=[-…xxxxxxxxxxxxxxxxxxxxxa"-] {+…xxxxxxxxxxxxxxxxxxxxxb"+})'


def test_changed_arguments_of_many_are_shown():
    """Equal ones fill up to eight, and the others are counted."""
    ours = {f"a{number}": number for number in range(40)}
    [line] = written([ToolCall("f", ours)], [ToolCall("f", ours | {"a30": 0})])
    assert line == "f(a0=0, a1=1, a2=2, a3=3, a4=4, a5=5, a6=6, a30=[-30-] {+0+}, and 32 equal)"
    [line] = written([ToolCall("f", ours)], [ToolCall("f", dict.fromkeys(ours))])
    assert line.endswith("a7=[-7-] {+null+}, and 32 different)")
    assert written([ToolCall("f", ours)], []) == ["[-f(a0=0, a1=1, a2=2, a3=3, a4=4, a5=5, a6=6, a7=7, and 32 more)-]"]


def test_other_order_names_the_calls_of_the_treatment():
    """Only if it makes the same calls in another order; a missing or an additional call changes no order."""
    a, b = ToolCall("a"), ToolCall("b", {"n": 1})
    assert other_order([a, b, a], [b, a, a]) == "b, a, a"
    assert other_order([a, b], [a, ToolCall("c"), b]) == other_order([a, b], [b]) == ""


NAMES = st.sampled_from(["a", "b", "", "(", "\n", "é"])
VALUES = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
CALLS = st.lists(
    st.builds(ToolCall, NAMES, st.dictionaries(NAMES, VALUES, max_size=3))
    | st.builds(ToolCall, NAMES, st.just({}), st.none(), st.text()),
    max_size=4,
).map(lambda calls: calls + calls[:1])


@given(CALLS, CALLS)
def test_call_diff_marks_exactly_what_differs(control, treatment):
    """It accepts any calls, has a line for each, on one line, and no mark exactly where all calls are equal."""
    lines, matching = call_diff(control, treatment), match(control, treatment)
    assert len(lines) == len(control) + len(matching.extra)
    unequal = [one for one in matching.matches if one.share < 1 and one.control != one.treatment]
    assert sum(map(is_changed, lines)) == len(unequal) + len(matching.missing) + len(matching.extra)
    assert all(len(write_line(line).splitlines()) == 1 for line in lines)
    other_order(control, treatment)
