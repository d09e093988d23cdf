"""Answers of Anthropic's `/messages`, whole and as streams, and the reply or failure for each."""

import json

import pytest

from pytest_graysplit.replies.relay.failures import RawResponse, redactor
from pytest_graysplit.replies.relay.routes.messages import read_message
from pytest_graysplit.replies.relay.stream import TokenWatch
from pytest_graysplit.types import Reply, ToolCall, Usage

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"order": 7}}


def read(body, status=200):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_message(
        RawResponse(status, {}, body),
        model="m",
        sent=("model", "messages", "max_tokens"),
        is_refusal=lambda text: text.startswith("Sorry"),
        redact=redactor(()),
    )


def said(text):
    return {"type": "text", "text": text}


def message(*content, reason="end_turn", **more):
    return {"id": "msg_1", "type": "message", "model": "m-1", "content": list(content), "stop_reason": reason, **more}


def events(*chunks):
    return "".join(f"event: {chunk['type']}\ndata: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()


def started(**usage):
    return {"type": "message_start", "message": message(reason=None, usage=usage)}


def ended(reason="end_turn", **usage):
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def block(index, begun, *deltas):
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
    yield {"type": "content_block_stop", "index": index}


STOP = {"type": "message_stop"}


def test_complete_message_is_read_completely():
    """Cached tokens are beside the input tokens in this API, and are a part of the prompt here."""
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 5}
    thoughts = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    assert read(message(thoughts, said("One"), said(" two"), CALL, reason="tool_use", usage=usage)) == Reply(
        model="m",
        outcome="ok",
        text="One two",
        reasoning="Hm.",
        served_model="m-1",
        usage=Usage(prompt=9, completion=5, cached=4, cache_write=2, total=14),
        finish_reason="tool_use",
        tool_calls=(ToolCall("look_up", {"order": 7}, "toolu_1"),),
        response_id="msg_1",
    )


@pytest.mark.parametrize(
    ("payload", "outcome", "text"),
    [
        (message(), "empty", ""),
        (message(said("Yes"), reason="stop_sequence"), "ok", "Yes"),
        (message(said("Sorry, no.")), "refusal", "Sorry, no."),
        (message(said("No."), reason="refusal"), "refusal", "No."),
        (message(reason="refusal"), "refusal", ""),
        (message(said("Ha"), reason="max_tokens"), "truncated", "Ha"),
        (message(said("Ha"), reason="model_context_window_exceeded"), "truncated", "Ha"),
        (message(CALL, reason="tool_use"), "ok", ""),
        (message({"type": "server_tool_use", "name": "web_search", "input": {}}, reason="pause_turn"), "ok", ""),
        (message({"type": "redacted_thinking", "data": "..."}), "empty", ""),
    ],
)
def test_each_message_has_its_outcome(payload, outcome, text):
    reply = read(payload)
    assert (reply.outcome, reply.text, reply.reasoning) == (outcome, text, "")


def test_tools_that_the_server_runs_are_left_out():
    assert read(message({"type": "server_tool_use", "name": "web_search", "input": {}}, CALL)).tool_calls == (
        ToolCall("look_up", {"order": 7}, "toolu_1"),
    )


@pytest.mark.parametrize(
    ("body", "status", "slug", "meant"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            529,
            "relay-http-error",
            529,
        ),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, 200, "relay-rate-limited", 429),
        ({"type": "error", "error": {"type": "authentication_error", "message": "x-api-key"}}, 401, "key-refused", 401),
        ({"choices": [{"message": {"content": "of another route"}}]}, 200, "relay-no-choices", 200),
        ({"type": "message", "stop_reason": "end_turn"}, 200, "relay-no-choices", 200),
    ],
)
def test_response_that_is_not_a_message_is_a_failure(body, status, slug, meant):
    failure = read(body, status)
    assert (failure.slug, failure.status) == (slug, meant)


def test_stream_gives_the_same_reply():
    """The pieces of a call's arguments are joined, and the last counts of tokens replace the first ones."""
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5}
    thinking, text = {"type": "thinking", "thinking": ""}, {"type": "text", "text": ""}
    body = events(
        started(input_tokens=3, cache_read_input_tokens=4, output_tokens=1),
        *block(
            0, thinking, {"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "s"}
        ),
        {"type": "ping"},
        *block(1, text, {"type": "text_delta", "text": "One "}, {"type": "text_delta", "text": "two"}),
        *block(
            2,
            CALL | {"input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"ord'},
            {"type": "input_json_delta", "partial_json": 'er": 7}'},
        ),
        ended("tool_use", output_tokens=5, input_tokens=0),
        STOP,
    )
    thoughts = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    assert read(body) == read(message(thoughts, said("One two"), CALL, reason="tool_use", usage=usage))


def test_arguments_that_are_cut_are_kept_as_a_text():
    piece = {"type": "input_json_delta", "partial_json": '{"order'}
    body = events(started(), *block(0, CALL | {"input": {}}, piece), ended("max_tokens"), STOP)
    assert read(body).tool_calls == (ToolCall("look_up", {}, "toolu_1", '{"order'),)


@pytest.mark.parametrize("last", [ended(), STOP])
def test_stream_ends_with_a_reason_or_its_last_event(last):
    begun = [started(), *block(0, said(""), {"type": "text_delta", "text": "Whole"})]
    assert read(events(*begun)).slug == "relay-stream-cut"
    assert read(events(*begun, last)).text == "Whole"


def test_error_in_a_stream_is_a_failure():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body = events(started(), *block(0, said(""), {"type": "text_delta", "text": "Half"}), error)
    assert read(body).status == 529


@pytest.mark.parametrize(
    ("delta", "is_token"),
    [
        ({"type": "text_delta", "text": "A"}, True),
        ({"type": "text_delta", "text": ""}, False),
        ({"type": "thinking_delta", "thinking": "A"}, True),
        ({"type": "input_json_delta", "partial_json": "{"}, True),
        ({"type": "signature_delta", "signature": "s"}, False),
    ],
)
def test_first_token_is_seen(delta, is_token):
    assert TokenWatch().sees_first(events({"type": "content_block_delta", "index": 0, "delta": delta})) is is_token
    assert TokenWatch().sees_first(events(started(), {"type": "ping"}, ended())) is False
