"""Answers of `/responses`, whole and as streams, and the reply or failure for each."""

import json

import pytest

from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure, redactor
from pytest_graysplit.replies.relay.routes.responses import read_response_object
from pytest_graysplit.replies.relay.stream import TokenWatch
from pytest_graysplit.types import Reply, ToolCall, Usage

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": '{"order": 7}'}
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 6,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}


def read(body, status=200, headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = RawResponse(status, headers or {}, body)
    sent = ("model", "input", "temperature")
    return read_response_object(
        answer, model="m", sent=sent, is_refusal=lambda text: text.startswith("Sorry"), redact=redactor(())
    )


def said(text, **more):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def response(*output, status="completed", **more):
    return {"id": "resp_1", "object": "response", "status": status, "model": "m-1", "output": list(output), **more}


def events(*chunks):
    return "".join(f"event: {chunk['type']}\ndata: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()


def test_complete_response_is_read_completely():
    """Texts of all messages are joined; thoughts, tokens and the call with its id are kept."""
    thoughts = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    payload = response(thoughts, said("One"), said(" two"), CALL, usage=USAGE)
    assert read(payload, headers={"x-litellm-attempted-fallbacks": "1"}) == Reply(
        model="m",
        outcome="ok",
        text="One two",
        reasoning="Hm.",
        served_model="m-1",
        usage=Usage(prompt=9, completion=6, cached=4, reasoning=2, total=15),
        finish_reason="completed",
        tool_calls=(ToolCall("look_up", {"order": 7}, "call_1"),),
        fell_back=True,
        response_id="resp_1",
    )


@pytest.mark.parametrize(
    ("payload", "outcome", "text"),
    [
        (response(), "empty", ""),
        (response(said("")), "empty", ""),
        (response(said("Yes")), "ok", "Yes"),
        (response(said("Sorry, no.")), "refusal", "Sorry, no."),
        (response(said("<think>Hm.</think>Yes")), "ok", "Yes"),
        (response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}), "refusal", "No."),
        (response({"type": "message", "content": "Plain"}), "ok", "Plain"),
        (response(CALL), "ok", ""),
        (response({"type": "image_generation_call", "result": "..."}), "ok", ""),
        (response({"type": "reasoning", "summary": []}), "empty", ""),
        (
            response(said("Ha"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "truncated",
            "Ha",
        ),
        (response(status="incomplete", incomplete_details={"reason": "content_filter"}), "filtered", ""),
        (response(said("Ha"), status="incomplete"), "truncated", "Ha"),
    ],
)
def test_each_response_has_its_outcome(payload, outcome, text):
    reply = read(payload)
    assert (reply.outcome, reply.text) == (outcome, text)


@pytest.mark.parametrize(
    ("item", "call"),
    [
        (CALL | {"arguments": '{"order'}, ToolCall("look_up", {}, "call_1", '{"order')),
        ({"type": "custom_tool_call", "name": "sql", "input": "SELECT 1", "call_id": "c"}, ToolCall("sql", {"input": "SELECT 1"}, "c")),
        ({"type": "local_shell_call", "action": {"command": ["ls"]}, "call_id": "c"}, ToolCall("local_shell", {"command": ["ls"]}, "c")),
    ],
)  # fmt: skip
def test_calls_of_tools_that_the_application_runs_are_read(item, call):
    assert read(response(item)).tool_calls == (call,)
    assert read(response({"type": "web_search_call", "id": "ws"}, said("Found."))).tool_calls == ()


@pytest.mark.parametrize(
    ("body", "slug", "status"),
    [
        (response(status="failed", error={"code": "server_error", "message": "it broke"}), "relay-http-error", 500),
        (
            response(status="failed", error={"code": "rate_limit_exceeded", "message": "wait"}),
            "relay-rate-limited",
            429,
        ),
        (response(status="failed", error=None), "relay-http-error", 200),
        (response(said("Half"), status="cancelled"), "relay-gave-up", None),
        (response(status="queued"), "relay-gave-up", None),
        ({"choices": [{"message": {"content": "of another route"}}]}, "relay-no-choices", 200),
        ({"object": "response", "status": "completed"}, "relay-no-choices", 200),
    ],
)
def test_response_that_is_not_an_answer_is_a_failure(body, slug, status):
    failure = read(body)
    assert isinstance(failure, RelayFailure)
    assert (failure.slug, failure.status) == (slug, status)


@pytest.mark.parametrize(("kind", "unpriced"), [("web_search_call", 1), ("code_interpreter_call", 1), ("mcp_call", 0)])
def test_tools_that_the_server_bills_make_the_cost_unknown(kind, unpriced):
    """The tokens alone would look cheaper than the bill."""
    assert read(response({"type": kind}, said("Found."), usage=USAGE)).usage.unpriced == unpriced


def test_billed_tokens_of_a_failure_are_counted():
    failed = read(response(status="failed", error={"code": "server_error", "message": "broke"}, usage=USAGE))
    assert failed.usage.completion == 6


def test_refused_parameter_is_named():
    error = {"message": "Unsupported parameter: 'temperature' is not supported.", "param": "temperature"}
    assert read({"error": error}, status=400).param == "temperature"


def test_input_is_not_called_a_refused_parameter():
    """The remedy for a refused parameter is to leave it out, which is impossible for the input."""
    error = {"message": "Unsupported input: this model takes no images.", "param": "input"}
    assert read({"error": error}, status=400).param == ""


def test_stream_gives_the_same_reply():
    payload = response(said("One two"), CALL, usage=USAGE)
    body = events(
        {"type": "response.created", "response": response(status="in_progress")},
        {"type": "response.output_text.delta", "delta": "One two"},
        {"type": "response.completed", "response": payload},
    )
    assert read(body) == read(payload)


def test_output_that_the_last_event_leaves_out_is_taken_from_the_items():
    item = {"type": "response.output_item.done", "item": said("Whole")}
    assert read(events(item, {"type": "response.completed", "response": response()})).text == "Whole"


def test_stream_without_a_last_event_is_cut():
    """The missing rest of a text may say the opposite."""
    body = events({"type": "response.output_item.done", "item": said("Whole")})
    assert read(body).slug == "relay-stream-cut"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "wait"}, 429),
        ({"type": "response.failed", "response": response(error={"code": "server_error", "message": "x"})}, 500),
    ],
)
def test_error_in_a_stream_is_a_failure(event, status):
    assert read(events({"type": "response.created", "response": response()}, event)).status == status


@pytest.mark.parametrize(
    ("event", "is_token"),
    [
        ({"type": "response.created", "response": {}}, False),
        ({"type": "response.output_item.added", "item": {}}, False),
        ({"type": "response.output_text.delta", "delta": ""}, False),
        ({"type": "response.output_text.delta", "delta": "A"}, True),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, True),
        ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, True),
    ],
)
def test_first_token_is_seen(event, is_token):
    assert TokenWatch().sees_first(events(event)) is is_token
