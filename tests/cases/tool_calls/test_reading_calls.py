"""Tool calls in every shape that servers send and recordings hold."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.tool_calls.reading import as_json, read_call, read_calls, stored_call
from pytest_graysplit.errors import ToolCallError
from pytest_graysplit.formatting.json_text import is_nested_deeper
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.records import decode_reply, reply_line
from pytest_graysplit.types import Reply, ReplyKey, ToolCall


def function(arguments, name="f"):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


def deep(levels):
    return '{"a":' * levels + "1" + "}" * levels


SENT = {
    "text": (function('{"order": 1001, "amount": 21.50}'), ToolCall("f", {"order": 1001, "amount": 21.5}, "c1")),
    "object": (function({"order": 1001}), ToolCall("f", {"order": 1001}, "c1")),
    "blank": (function(" "), ToolCall("f", {}, "c1")),
    "null": (function(None), ToolCall("f", {}, "c1")),
    "null as text": (function("null"), ToolCall("f", {}, "c1")),
    "no arguments at all": ({"function": {"name": "f"}}, ToolCall("f")),
    "no id": ({"function": {"name": "f", "arguments": "{}"}, "id": ""}, ToolCall("f")),
    "an id that is a number": ({"function": {"name": "f", "arguments": "{}"}, "id": 7}, ToolCall("f")),
    "flat": ({"type": "function", "name": "f", "arguments": '{"a": 1}'}, ToolCall("f", {"a": 1})),
    "custom tool": (
        {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
        ToolCall("sql", {"input": "SELECT 1"}, "c1"),
    ),
    "custom tool without input": ({"type": "custom", "custom": {"name": "sql"}}, ToolCall("sql")),
    "no name": (function("{}", name=""), ToolCall("", {}, "c1")),
    "a blank name": (function("{}", name=" "), ToolCall("", {}, "c1")),
    "a name that is a number": (function("{}", name=7), ToolCall("", {}, "c1")),
    "no object": (7, ToolCall("", arguments_text="7")),
}


@pytest.mark.parametrize(("sent", "call"), SENT.values(), ids=SENT.keys())
def test_read_call_accepts_each_shape(sent, call):
    assert read_call(sent) == call


UNREADABLE = {
    "cut off": '{"order": 10',
    "NaN": '{"amount": NaN}',
    "infinite": '{"amount": 1e400}',
    "a number of 400 digits": '{"n": %s}' % ("1" * 400),
    "a name that stands twice": '{"order": 1001, "order": 1002}',
    "101 levels": deep(101),
    "too deep for Python": deep(100_000),
    "a list": "[1001]",
    "a text": '"1001"',
    "JSON in JSON": json.dumps('{"order": 1001}'),
    "two objects": '{"a": 1}{"a": 2}',
    "a line break in a text": '{"a": "b\nc"}',
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_read_call_keeps_arguments_that_are_not_a_json_object_as_text(text):
    call = read_call(function(text))
    assert (call, call.is_readable) == (ToolCall("f", {}, "c1", text), False)


@pytest.mark.parametrize("odd", [[1001], 7, True, False, json.loads(deep(101))])
def test_read_call_keeps_arguments_of_another_type_as_text(odd):
    assert read_call(function(odd)) == ToolCall("f", {}, "c1", json.dumps(odd))


def test_read_call_reads_large_arguments():
    assert read_call(function(deep(100))).is_readable
    assert read_call(function(f'{{"n": {10**30}}}')).arguments == {"n": 10**30}


def test_read_calls_finds_calls_anywhere_in_a_message():
    calls = [function("{}"), None, function("{}", "g")]
    assert [call.name for call in read_calls({"tool_calls": calls, "function_call": {"name": "h"}})] == ["f", "g"]
    assert read_calls({"tool_calls": function("{}")}) == (ToolCall("f", {}, "c1"),)
    assert read_calls({"tool_calls": [], "function_call": {"name": "h", "arguments": ""}}) == (ToolCall("h"),)
    assert read_calls({"tool_calls": "f", "function_call": {}, "content": "f"}) == ()


def recorded(calls):
    """Return the calls of a reply that was recorded in this form."""
    line = {"format": 1, "case": "a", "model": "m", "request": "0", "sample": 0, "outcome": "ok", "tool_calls": calls}
    return decode_reply(msgspec.json.encode(line)).tool_calls


@pytest.mark.parametrize(
    "sent", [sent for sent, _ in SENT.values() if sent != 7], ids=[name for name in SENT if name != "no object"]
)
def test_older_recording_replays_to_the_same_calls(sent):
    """Old lines hold the server's call, new ones name, arguments and id."""
    call = read_call(sent)
    assert recorded([sent]) == recorded([as_json(call)]) == (call,)


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_arguments_survive_recording(text):
    call = read_call(function(text))
    line = encode(reply_line(ReplyKey("a", "m", "0", 0), Reply(model="m", outcome="ok", tool_calls=(call,)), ""))
    assert json.loads(line)["tool_calls"] == [{"name": "f", "arguments": None, "id": "c1", "arguments_text": text}]
    assert decode_reply(line).tool_calls == recorded([function(text)]) == (call,)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["function", "custom", "name", "arguments", "id", "input", "type"]), inner)
    ),
    max_leaves=12,
)


@given(ANY)
def test_read_call_accepts_and_stores_any_value(value):
    call = read_call(value)
    assert isinstance(call.name, str)
    assert stored_call(as_json(call), "") == call or call.arguments != call.arguments  # NaN equals nothing


def test_nesting_is_measured_without_recursion():
    assert not is_nested_deeper([[1]], 2)
    assert is_nested_deeper({"a": [[1]]}, 2)


def reply(*calls):
    return Reply(model="m", outcome="ok", tool_calls=calls)


def test_tool_call_returns_the_only_call_of_a_tool():
    wanted = ToolCall("refund", {"order": 1001}, "c1")
    assert reply(ToolCall("look_up"), wanted).tool_call("refund") is wanted


HINT = "\n  hint: expect.tool_calls says which calls are right; reply.tool_calls holds all of them  [reply-tool-call]"


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ([], "does not call refund; it calls no tool"),
        ([ToolCall("look_up"), ToolCall("")], "does not call refund; it calls look_up, a tool without a name"),
        ([ToolCall("refund"), ToolCall("refund")], "calls refund 2 times"),
        ([ToolCall("refund", arguments_text='{"o')], "calls refund with arguments that are not a JSON object: '{\"o'"),
    ],
)
def test_tool_call_fails_for_any_other_number_of_calls(calls, problem):
    """It raises an AssertionError, which counts as a miss of the model and not as a bug of the test."""
    with pytest.raises(ToolCallError) as caught:
        reply(*calls).tool_call("refund")
    assert str(caught.value) == f"the reply of m {problem}{HINT}"
    assert isinstance(caught.value, AssertionError)
