"""Equality of arguments, and the display of calls."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.tool_calls import assignment, values
from pytest_graysplit.cases.tool_calls.values import canonical, changed, format_call, format_calls, holds
from pytest_graysplit.types import ToolCall


@pytest.mark.parametrize("module", [values, assignment])
def test_docstring_examples_run(module):
    assert doctest.testmod(module).failed == 0


SAME = [
    (21.5, 21.50),
    (1, 1.0),
    (0.0, -0.0),
    (10**30, 10**30),
    ({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}),
    ("2026-11-30", "2026-11-30T00:00:00Z"),
    ("2026-11-30", "2026-11-30 00:00"),
    ("2026-11-30T10:00:00", "2026-11-30T10:00:00.000Z"),
    ("2026-11-30T10:00:00+01:00", "2026-11-30t09:00:00z"),
    ("2026-11-30T10:00:00+0100", "2026-11-30T04:00:00-05:00"),
    ("M\u00fcller", "Mu\u0308ller"),
    ({"M\u00fcller": 1}, {"Mu\u0308ller": 1}),
    ([], []),
    (None, None),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_canonical_equates_numbers_and_dates_by_value(one, other):
    assert canonical(one) == canonical(other)


OTHER = [
    (1, True),
    (0, False),
    (1, "1"),
    (None, ""),
    (None, False),
    ([1, 2], [2, 1]),
    ([], {}),
    ({"a": None}, {}),
    ("Berlin", "berlin"),
    ("Berlin", "Berlin "),
    ("1.10", "1.1"),
    ("21.5", "21.50"),
    (21.5, 21.51),
    (2**53, 2**53 + 1),
    ("2026-11-30", "2026-11-03"),
    ("2026-11-30", "2026-12-01T00:00:00+01:00"),
    ("2026-11-30", "2026-11-30T00:00:00+01:00"),
    ("2026-11-30", "20261130"),
    ("2026-11-30", "30.11.2026"),
    ("2026-02-30", "2026-03-02"),
    ("2026-13-01", "2026-13-01T00:00:00Z"),
    ("2026-11-30T10:00:00Z", "2026-11-30T10:00:01Z"),
    ("2026-11-30T10:00:00.5Z", "2026-11-30T10:00:00Z"),
    ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"),
    ("due 2026-11-30", "due 2026-11-30T00:00:00Z"),
    ("\u0662\u0660\u0662\u0666-11-30", "2026-11-30"),
]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_canonical_distinguishes_values_that_may_differ_in_meaning(one, other):
    """Letter case, blanks, types, the order of lists, and texts that only look like numbers all count."""
    assert canonical(one) != canonical(other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_holds_and_canonical_accept_equal_values(value):
    assert canonical(value) == canonical(value)
    assert holds(value, value)


def test_holds_allows_more_names_in_objects_but_not_more_items_in_lists():
    answer = {"to": {"name": "Ada", "vip": True}, "ids": [{"id": 1, "n": 2}], "on": "2026-11-30T00:00:00Z"}
    assert holds(answer, {"to": {"vip": True}, "on": "2026-11-30"})
    assert not holds(answer, {"to": {"vip": 1}})
    assert not holds(answer, {"to": {"age": None}})
    assert not holds(answer, {"ids": [{"id": 1}]})
    assert not holds(7, {"a": 1})


def test_changed_names_differing_arguments_in_order():
    ours, theirs = {"a": 1, "b": 2.0, "c": None}, {"d": 1, "b": 2, "a": 3}
    assert changed(ours, theirs) == ["a", "c", "d"]
    assert changed({"on": "2026-11-30"}, {"on": "2026-11-30T00:00:00Z"}) == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (ToolCall("f"), "f()"),
        (ToolCall("f", {"a": "x\n\x1b", "b": [1, None], "c": {"d": True}}),
         'f(a="x\\n\\u001b", b=[1, null], c={"d": true})'),
        (ToolCall("", {"a": 1}), "(a tool without a name)(a=1)"),
        (ToolCall("f\n::error::x"), '"f\\n::error::x"()'),
        (ToolCall("f", arguments_text='{"a'), 'f(not a JSON object: "{\\"a")'),
        (ToolCall("f", {"a": "x" * 300}), f'f(a="{"x" * 78}…)'),
        (ToolCall("f", {"n" * 300: 1}), f'f("{"n" * 30}…{"n" * 30}"=1)'),
        (ToolCall("f", {"a=1, b": 1, "": 2}), 'f("a=1, b"=1, ""=2)'),
        (ToolCall("f", {str(number): "x" * 50 for number in range(9)}), f'f(0="{"x" * 50}", 1="{"x" * 50}", 2="{"x" * 42}…)'),
    ],
)  # fmt: skip
def test_format_call_writes_one_line(call, text):
    """A long call is cut, and terminal commands are escaped."""
    assert format_call(call) == text


def test_format_calls_writes_only_the_first_calls():
    assert format_calls([]) == ""
    assert format_calls([ToolCall("f"), ToolCall("g", {"a": 1})], partly=True) == "f(...), g(a=1)"
    assert format_calls([ToolCall("f")] * 9) == "f(), f(), f(), f(), f(), f() and 3 more"
