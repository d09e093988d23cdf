"""Real responses of relays, and the reply or failure for each."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure, read_error, redactor
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.replies.relay.stream import TokenWatch
from pytest_graysplit.replies.relay.usage import read_cost, read_usage
from pytest_graysplit.types import Reply, ToolCall, Usage

NOTHING_SENT = ("model", "messages")
HTML = b"<!DOCTYPE html><html><head><title>Sign\n in</title></head></html>"


def has_token(stream):
    return TokenWatch().sees_first(stream)


def read(body, status=200, headers=None, *, sent=NOTHING_SENT, secrets=(), is_refusal=lambda _: False, ttft_s=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = RawResponse(status, headers or {}, body, ttft_s)
    return read_response(answer, model="m", sent=sent, is_refusal=is_refusal, redact=redactor(secrets))


def chat(content="Hello", finish="stop", **more):
    message = {"role": "assistant", "content": content, **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def events(*chunks, done=True, separator="\n\n"):
    lines = [f"data: {json.dumps(chunk)}{separator}" for chunk in chunks]
    return "".join([*lines, f"data: [DONE]{separator}" if done else ""]).encode()


def delta(finish=None, **fields):
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def test_complete_response_is_read_completely():
    payload = chat() | {
        "id": "chatcmpl-1",
        "model": "deepseek-chat",
        "system_fingerprint": "fp_1",
        "error": None,
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "cost": 0.000012},
    }
    assert read(payload, headers={"x-litellm-attempted-fallbacks": "1"}, ttft_s=0.25) == Reply(
        model="m",
        outcome="ok",
        text="Hello",
        served_model="deepseek-chat",
        ttft_s=0.25,
        usage=Usage(prompt=3, completion=1, total=4),
        reported_cost_usd=Decimal("0.000012"),
        finish_reason="stop",
        fell_back=True,
        response_id="chatcmpl-1",
        system_fingerprint="fp_1",
    )


def test_only_choices_is_certain():
    assert read({"choices": [{"message": {"content": "Hi"}}]}) == Reply(model="m", outcome="ok", text="Hi")


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"broken'}}


@pytest.mark.parametrize(
    ("payload", "outcome", "text"),
    [
        (chat(None), "empty", ""),
        (chat(" \n"), "empty", " \n"),
        (chat([]), "empty", ""),
        (chat([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A"}, {"text": "B"}]), "ok", "AB"),
        (chat(["A", {"type": "text", "text": None}, 7]), "ok", "A"),
        (chat(None, "tool_calls", tool_calls=[CALL]), "ok", ""),
        (chat(None, "function_call", function_call={"name": "f", "arguments": "{}"}), "ok", ""),
        (chat(None, refusal="I can't."), "refusal", "I can't."),
        (chat("No.", "refusal"), "refusal", "No."),
        (chat("Sorry, no."), "refusal", "Sorry, no."),
        (chat("Sorry, no.", "tool_calls", tool_calls=[CALL]), "ok", "Sorry, no."),
        (chat("Half an", "length"), "truncated", "Half an"),
        (chat(None, "length", reasoning_content="thinking"), "truncated", ""),
        (chat("", "MAX_TOKENS"), "truncated", ""),
        (chat("Some", "content_filter"), "filtered", "Some"),
        (chat("", "SAFETY"), "filtered", ""),
        (chat("Odd", "eos_token"), "ok", "Odd"),
        (chat("Odd", 7), "ok", "Odd"),
        (chat("Answer", reasoning="not scored", reasoning_content="nor this"), "ok", "Answer"),
        ({"choices": [{"text": "Legacy"}]}, "ok", "Legacy"),
        ({"choices": [{"message": None}]}, "empty", ""),
    ],
)
def test_each_response_has_its_outcome(payload, outcome, text):
    reply = read(payload, is_refusal=lambda words: words.startswith("Sorry"))
    assert (reply.outcome, reply.text) == (outcome, text)


def test_tool_calls_are_read():
    """Arguments that are not JSON are kept as they were sent, and the response is still an answer."""
    assert read(chat(None, tool_calls=[CALL])).tool_calls == (ToolCall("f", {}, "c1", '{"broken'),)
    legacy = {"name": "f", "arguments": '{"a": 1}'}
    assert read(chat(None, function_call=legacy)).tool_calls == (ToolCall("f", {"a": 1}),)
    part = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    reply = read(chat([{"type": "text", "text": "Wait."}, part], "tool_use"))
    assert (reply.outcome, reply.text, reply.tool_calls) == ("ok", "Wait.", (ToolCall("f", {"a": 1}, "t1"),))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ("many", None),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(prompt=5, completion=2, total=7)),
        ({"prompt_tokens": "5", "completion_tokens": True, "total_tokens": 9.0}, Usage(total=9)),
        (
            {
                "prompt_tokens": 20,
                "completion_tokens": 198,
                "total_tokens": 623,
                "completion_tokens_details": {"reasoning_tokens": 405},
            },
            Usage(prompt=20, completion=198, reasoning=405, total=623),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 10,
                "total_tokens": 110,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8},
            },
            Usage(prompt=100, completion=10, cached=64, cache_write=8, total=110),
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 10, "prompt_cache_hit_tokens": 64},
            Usage(prompt=100, completion=10, cached=64, total=110),
        ),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 90,
                "cache_creation_input_tokens": 100,
            },
            Usage(prompt=200, completion=5, cached=90, cache_write=100, total=205),
        ),
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(prompt=100, completion=5, cached=60, reasoning=2, total=105),
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 5, "cache_read_input_tokens": 90},
            Usage(prompt=100, completion=5, cached=90, total=105),
        ),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(prompt=102, cached=99, total=102)),
        (  # beside the prompt, because there are more of them
            {"prompt_tokens": 3, "completion_tokens": 550, "total_tokens": 553, "cache_creation_input_tokens": 12304},
            Usage(prompt=12307, completion=550, cache_write=12304, total=553),
        ),
        (  # beside the prompt, because the total has room for them
            {
                "prompt_tokens": 100,
                "completion_tokens": 10,
                "total_tokens": 174,
                "prompt_tokens_details": {"cached_tokens": 64},
            },
            Usage(prompt=164, completion=10, cached=64, total=174),
        ),
        (  # one of both is
            {
                "prompt_tokens": 103,
                "completion_tokens": 5,
                "total_tokens": 148,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 40,
            },
            Usage(prompt=143, completion=5, cached=30, cache_write=40, total=148),
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 5,
                "cache_creation_input_tokens": 300,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            },
            Usage(prompt=303, completion=5, cache_write=300, cache_write_1h=200, total=308),
        ),
        (
            {
                "prompt_tokens": 2000,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cache_creation": {"ephemeral_5m_input_tokens": 1494}},
            },
            Usage(prompt=2000, completion=5, cache_write=1494, total=2005),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4},
            Usage(prompt=9, completion=2, cached=4, total=11),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "completion_tokens_details": {"audio_tokens": 2}},
            Usage(prompt=9, completion=2, total=11, unpriced=2),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "server_tool_use": {"web_search_requests": 1}},
            Usage(prompt=9, completion=2, total=11, unpriced=1),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "cost": 0, "is_byok": True},
            Usage(prompt=9, completion=2, total=11, unpriced=1),
        ),
    ],
)
def test_token_counts_of_every_spelling_are_read(usage, expected):
    assert read_usage(usage) == expected


def test_priority_tier_is_unpriced():
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    reply = read({**chat("Hello"), "usage": usage, "service_tier": "priority"})
    assert reply.usage == Usage(prompt=5, completion=2, total=7, unpriced=1)
    assert read({**chat("Hello"), "usage": usage, "service_tier": "default"}).usage.unpriced == 0
    assert read_usage({**usage, "service_tier": "priority"}).unpriced == 1


@pytest.mark.parametrize(
    ("payload", "headers", "cost"),
    [
        ({}, {}, None),
        ({"usage": {"cost": 0.5}}, {}, Decimal("0.5")),
        ({"usage": {"cost": "0.25"}}, {"x-litellm-response-cost": "9"}, Decimal("0.25")),
        ({"usage": {"cost": None}}, {"x-litellm-response-cost": "1e-05"}, Decimal("0.00001")),
        ({"usage": {"cost": True}}, {"x-litellm-response-cost": "None"}, None),
        ({}, {"x-litellm-response-cost": "nan"}, None),
        ({}, {"x-litellm-response-cost": "-1"}, None),
        ({"usage": {"cost": {"request_cost": 0.005, "total_cost": 0.0061}}}, {}, Decimal("0.0061")),
        # With the user's own key, the relay reports its fee, and the provider sends a bill.
        ({"usage": {"cost": 0, "is_byok": True}}, {}, None),
        ({"usage": {"cost": 0.0006, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}}, {}, None),
        (
            {"usage": {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.012}}},
            {},
            Decimal("0.012"),
        ),
        (
            {"usage": {"cost": 0.0006, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.012}}},
            {},
            Decimal("0.0126"),
        ),
        (
            {
                "usage": {
                    "is_byok": True,
                    "cost_details": {
                        "upstream_inference_prompt_cost": 0.01,
                        "upstream_inference_completions_cost": 0.002,
                    },
                }
            },
            {},
            Decimal("0.012"),
        ),
        ({"usage": {"cost": 0, "cost_details": {"upstream_inference_cost": 0.012}}}, {}, Decimal("0.012")),
        ({"usage": {"cost": 0.012, "cost_details": {"upstream_inference_cost": 0.012}}}, {}, Decimal("0.012")),
        ({"usage": {"cost": 0, "is_byok": False, "cost_details": None}}, {}, Decimal(0)),
    ],
)
def test_reported_cost_is_read_or_unknown(payload, headers, cost):
    assert read_cost(payload, headers) == cost


def test_attempted_retry_of_a_gateway_marks_the_reply():
    assert read(chat(), headers={"x-litellm-attempted-retries": "2"}).fell_back
    assert not read(
        chat(), headers={"x-litellm-attempted-retries": "0", "x-litellm-attempted-fallbacks": "x"}
    ).fell_back


STREAMS = {
    "words": events(delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"), delta("stop")),
    "keep-alives": b"\n\n\n: PROCESSING\n\n" + events(delta(content="Hello"), delta("stop")),
    "carriage returns": events(delta(content="Hello"), delta("stop"), separator="\r\n\r\n"),
    "no end mark": events(delta(content="Hello"), delta("stop"), done=False),
    "no finish reason": events(delta(content="Hello")),
    "a ping between": b"event: ping\ndata: ping\n\ndata: [1]\n\n" + events(delta(content="Hello"), delta("stop")),
    "whole messages": events({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}),
    "parts": events(delta(content=[{"type": "text", "text": "Hel"}]), delta("stop", content=[{"text": "lo"}])),
    "a second choice": events(delta("stop", content="Hello"), {"choices": [{"index": 1, "delta": {"content": "No"}}]}),
    "odd deltas": events(delta(content="Hello"), delta(content=7, tool_calls=[7]), delta("stop", tool_calls={})),
    "odd choices": events(delta("stop", content="Hello"), {"choices": [7, {"delta": 7}]}, {"choices": None}),
}


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_stream_is_read_like_a_whole_answer(body):
    reply = read(body)
    assert (reply.outcome, reply.text) == ("ok", "Hello")


def test_stream_has_usage_and_names():
    chunks = [
        {"id": "a", "model": "served", "usage": None, **delta(reasoning_content="hm")},
        {"id": "a", **delta("length", content="Hi")},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    ]
    reply = read(events(*chunks))
    assert (reply.outcome, reply.served_model, reply.response_id) == ("truncated", "served", "a")
    assert reply.usage == Usage(prompt=1, completion=2, total=3)


def called(*pieces):
    """Return the calls of a stream that sends these pieces of calls, one per event."""
    return read(events(*(delta(tool_calls=[piece]) for piece in pieces), delta("tool_calls"))).tool_calls


def piece(index=None, ident=None, name=None, arguments=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"index": index, "id": ident, "function": function}
    return {key: value for key, value in call.items() if value is not None}


F, G = ToolCall("f", {"a": 1}, "a"), ToolCall("g", {"b": 2}, "b")
PIECES = {
    "by index": (
        [
            piece(0, "a", "f", ""),
            piece(1, "b", "g", ""),
            piece(0, arguments='{"a": 1}'),
            piece(1, arguments='{"b": 2}'),
        ],
        (F, G),
    ),
    "by id": (
        [piece(None, "a", "f", '{"a"'), piece(None, "b", "g", '{"b": 2}'), piece(None, "a", arguments=": 1}")],
        (F, G),
    ),
    "by order": (
        [piece(None, "a", "f", '{"a": 1}'), piece(None, "b", "g", '{"b"'), piece(arguments=": 2}")],
        (F, G),
    ),
    "one index for all": ([piece(0, "a", "f", '{"a": 1}'), piece(0, "b", "g", '{"b": 2}')], (F, G)),
    "by name alone": (
        [piece(0, None, "f", '{"a": 1}'), piece(0, None, "g", '{"b": 2}')],
        (ToolCall("f", {"a": 1}), ToolCall("g", {"b": 2})),
    ),
    "a new id in every piece": ([piece(0, "a", "f", '{"a"'), piece(0, "x", "", ": 1"), piece(0, "y", None, "}")], (F,)),
    "the name in every piece": ([piece(0, "a", "f", '{"a"'), piece(0, "", "f", ": 1}")], (F,)),
    "arguments as an object": ([piece(0, "a", "f", {"a": 1})], (F,)),
    "two calls that cannot be told apart": (
        [piece(0, None, "f", '{"a": 1}'), piece(0, None, "f", '{"a": 2}')],
        (ToolCall("f", {}, None, '{"a": 1}{"a": 2}'),),
    ),
    "without a function": ([{"id": "a", "function": None}, {"id": "a", "function": {}}], (ToolCall("", {}, "a"),)),
    "no arguments": ([piece(0, "a", "f", "")], (ToolCall("f", {}, "a"),)),
    "a number for arguments": ([piece(0, "a", "f", 7)], (ToolCall("f", {}, "a", "7"),)),
    "a custom tool": (
        [
            {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
            {"index": 0, "custom": {"input": " 1"}},
        ],
        (ToolCall("sql", {"input": "SELECT 1"}, "c"),),
    ),
}


@pytest.mark.parametrize(("pieces", "calls"), PIECES.values(), ids=PIECES.keys())
def test_pieces_of_tool_calls_are_joined(pieces, calls):
    assert called(*pieces) == calls


def test_pieces_of_an_older_function_call_are_joined():
    pieces = ({"name": "f"}, {"arguments": '{"a"'}, {"arguments": ": 1}"})
    body = events(*(delta(function_call=one) for one in pieces), delta("function_call"))
    assert read(body).tool_calls == (ToolCall("f", {"a": 1}),)
    assert has_token(events(delta(function_call={"name": "f"}), done=False))


def test_interrupted_stream_is_a_failure():
    assert read(events(delta(content="Hel"), done=False)) == RelayFailure(
        problem="the stream ended before the answer did", slug="relay-stream-cut"
    )


def test_empty_stream_has_no_choices():
    assert read(events({"id": "a"})) == RelayFailure(
        problem="the relay's answer holds no choices", slug="relay-no-choices", status=200
    )


def test_broken_event_is_not_skipped():
    assert read(b'data: {"choices": [{"del\n\n').slug == "relay-not-json"


@pytest.mark.parametrize(
    "body",
    [
        events(delta(content="Hel"), {"error": {"code": 502, "message": "upstream failed"}}),
        events(delta(content="Hel"), {"choices": [{"error": {"code": 502, "message": "upstream failed"}}]}),
        b'event: error\ndata: {"type": "error", "error": {"code": "502", "message": "upstream failed"}}\n\n',
        {"choices": [{"message": {"content": "Hel"}, "error": {"code": 502, "message": "upstream failed"}}]},
        {"error": {"code": 502, "message": "upstream failed"}, **chat()},
        {"object": "error", "code": 502, "message": "upstream failed"},
    ],
)
def test_error_inside_a_200_is_the_named_error(body):
    assert read(body) == RelayFailure(
        problem="the relay answered 200: upstream failed", slug="relay-http-error", status=502
    )


def test_first_token_may_be_reasoning():
    assert not has_token(b": wait\n\n" + events(delta(role="assistant", content="")))
    assert not has_token(b'data: {"choices": [{"delta": {"content": "Hal')
    assert has_token(events(delta(reasoning_content="hm")))
    assert has_token(events(delta(content="Hi"), done=False))


@pytest.mark.parametrize(
    ("body", "message", "codes", "param"),
    [
        ({"error": {"message": "no", "type": "t", "param": "p", "code": "C"}}, "no", ("c", "t"), "p"),
        ({"error": {"message": "no", "code": 429}}, "no", ("429",), ""),
        ({"error": "no"}, "no", (), ""),
        ({"object": "error", "message": "no", "type": "bad", "code": 400}, "no", ("400", "bad"), ""),
        ({"detail": [{"loc": ["body", "seed"], "msg": "no", "type": "extra"}]}, "no", ("extra",), "seed"),
        ({"detail": "no"}, "no", (), ""),
        ({"type": "error", "error": {"type": "overloaded", "message": "no"}}, "no", ("overloaded", "error"), ""),
        ([{"error": {"message": "no", "status": "NOT_FOUND"}}], "no", ("not_found",), ""),
        ('{"error": {"message": "no", "code": "x"}}', "no", ("x",), ""),
        ({"error": {"message": '{"error": {"message": "no", "code": "x"}}'}}, "no", ("x",), ""),
        ({"error": {"message": "no", "innererror": {"code": "Inner"}}}, "no", ("inner",), ""),
        ({"message": "{no"}, "{no", (), ""),
        ({}, "", (), ""),
        ([], "", (), ""),
        (7, "7", (), ""),
        (b"Internal Server Error\n", "Internal Server Error", (), ""),
        (HTML, "a web page titled 'Sign in'", (), ""),
        (b"<html><body>x", "a web page", (), ""),
        (b"", "", (), ""),
    ],
)  # fmt: skip
def test_errors_of_every_shape_are_read(body, message, codes, param):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_error(body) == (message, codes, param)


@pytest.mark.parametrize(
    ("status", "body", "problem", "slug", "meant"),
    [
        (429, {"error": "slow down"}, "the relay answered 429: slow down", "relay-rate-limited", 429),
        (429, {"error": {"code": "insufficient_quota", "message": "pay"}}, "the relay answered 429: pay",
         "quota-exhausted", 402),
        (402, b"", "the relay answered 402", "quota-exhausted", 402),
        (401, {"error": "no"}, "the relay answered 401: no", "key-refused", 401),
        (403, {"error": "no"}, "the relay answered 403: no", "relay-forbidden", 403),
        (404, {"error": "no such route"},
         "the relay answered 404: no such route (the base URL usually ends in /v1)", "relay-http-error", 404),
        (500, b"out of order", "the relay answered 500: out of order", "relay-http-error", 500),
        (502, HTML, "the relay answered 502: a web page titled 'Sign in'", "relay-http-error", 502),
        (302, b"", "the relay redirects to https://elsewhere.example", "relay-redirects", 302),
        (200, HTML, "the answer is not JSON but a web page titled 'Sign in' (the base URL usually ends in /v1)",
         "relay-not-json", 200),
        (200, b"OK", "the answer is not JSON but 'OK' (the base URL usually ends in /v1)", "relay-not-json", 200),
        (200, b"[1]", "the answer is not JSON but '[1]' (the base URL usually ends in /v1)", "relay-not-json", 200),
        (200, b'{"choices": [{"mess', """the answer is cut or garbled JSON, it begins '{"choices": [{"mess'""",
         "relay-answer-cut", None),
        (200, {"choices": []}, "the relay's answer holds no choices", "relay-no-choices", 200),
        (200, {"choices": [None]}, "the relay's answer holds no choices", "relay-no-choices", 200),
    ],
)  # fmt: skip
def test_failures_name_their_cause(status, body, problem, slug, meant):
    failure = read(body, status, {"location": "https://elsewhere.example"})
    assert failure == RelayFailure(problem=problem, slug=slug, status=meant)


@pytest.mark.parametrize(
    ("status", "error", "param"),
    [
        (400, {"message": "Unsupported parameter: 'max_tokens' is not supported", "code": "unsupported_parameter",
               "param": "max_tokens"}, "max_tokens"),
        (400, {"message": "Unrecognized request argument supplied: seed"}, "seed"),
        (400, {"message": "provider does not support parameters: ['seed'], for model=m"}, "seed"),
        (400, {"message": "invalid", "code": "unsupported_value", "param": "temperature"}, "temperature"),
        (422, {"message": "Extra inputs are not permitted", "param": "response_format.strict"}, "response_format"),
        (400, {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                          "'max_completion_tokens' instead."}, "max_tokens"),
        (400, {"message": "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) "
                          "value is supported."}, "temperature"),
        (400, {"message": "litellm.UnsupportedParamsError: openai does not support parameters: ['temperature'], for "
                          "model=gpt-5. To drop these, set `litellm.drop_params=True`"}, "temperature"),
        (400, {"message": "gpt-5 models don't support temperature=0.2. Only temperature=1 is supported."}, "temperature"),
        (400, {"message": "`temperature` and `top_p` cannot both be specified for this model. Please use only one."},
         "temperature"),
        (400, {"message": "`temperature` may only be set to 1 when thinking is enabled."}, "temperature"),
        (400, {"message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted', "
                          "'input': 42}]"}, "seed"),
        (400, {"message": "This model doesn't accept the parameter seed."}, "seed"),
        (400, {"message": "create() got an unexpected keyword argument 'seed'"}, "seed"),
    ],
)  # fmt: skip
def test_refused_parameter_is_named_with_the_place_to_change_it(status, error, param):
    sent = (*NOTHING_SENT, "max_tokens", "seed", "temperature", "response_format")
    failure = read({"error": error}, status, sent=sent)
    newer = ", newer models want max_completion_tokens" if param == "max_tokens" else ""
    assert failure == RelayFailure(
        problem=f"the relay answered {status}: {error['message']}", slug="param-refused", status=status, param=param
    )
    assert failure.advised == (
        f'{failure.problem} (change the params of this case, or unset = ["{param}"] for the arm{newer})'
    )
    assert not failure.retryable


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("No endpoints found that support the use of parameters: temperature.", "temperature"),
        (
            "No endpoints found that can handle the requested parameters. To learn more, visit: https://router.example",
            "",
        ),
        ("No endpoints found that support tool use.", ""),
    ],
)
def test_router_without_an_endpoint_for_the_parameters_does_not_say_that_the_model_is_unknown(message, param):
    """The model exists; the request is the cause, so it fails its own case, or names the parameter."""
    failure = read({"error": {"message": message, "code": 404}}, 404, sent=("temperature",))
    assert (failure.about_model, failure.param, failure.status) == (False, param, 400)
    assert failure.problem == f"the relay answered 404: {message}"
    unknown = read({"error": {"message": "No endpoints found for shop/model-x.", "code": 404}}, 404, sent=())
    assert (unknown.about_model, unknown.status) == (True, 404)


def test_parameters_in_a_list_of_problems_are_found():
    """As FastAPI names them: with a place for each problem."""
    detail = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 4}]
    assert read({"detail": detail}, 422, sent=("seed", "temperature")).param == "seed"


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        "max_tokens: 100000 > 64000, which is the maximum number of output tokens",
        "temperature: range: 0..1",
        "This model's maximum context length is 8192 tokens, and max_tokens asks for 9000.",
    ],
)
def test_value_out_of_range_is_not_a_refused_parameter(message):
    """The remedy is another value, which the message of the relay says."""
    failure = read({"error": {"message": message, "code": 400}}, 400, sent=("temperature", "max_tokens"))
    assert (failure.param, failure.slug) == ("", "relay-http-error")


def test_400_about_something_else_names_no_parameter():
    assert read({"error": {"message": "seed is too large"}}, 400, sent=("seed",)).slug == "relay-http-error"
    assert read({"error": {"message": "unknown model x"}}, 400, sent=("model",)).slug == "relay-http-error"


@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter", "message": "filtered"},
        {"type": "content_policy_violation", "message": "filtered"},
        {"code": "x", "message": "filtered", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
    ],
)
def test_content_filter_is_an_outcome_and_not_an_error(error):
    # No model has worked on it, so it is known to cost nothing.
    expected = Reply(model="m", outcome="filtered", error="the relay answered 400: filtered", usage=Usage())
    assert read({"error": error}, 400) == expected


def test_answer_without_choices_keeps_its_usage():
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    failure = read({"choices": [], "usage": {**usage, "cost": 0.25}})
    assert (failure.slug, failure.usage, failure.reported_cost_usd) == (
        "relay-no-choices",
        Usage(prompt=7, completion=2, total=9),
        Decimal("0.25"),
    )


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(None, True), (200, True), (400, False), (404, True), (413, False), (422, False), (429, True), (503, True)],
)
def test_only_permanent_failures_may_be_recorded(status, retryable):
    assert RelayFailure(problem="p", slug="s", status=status).retryable is retryable


def test_messages_hold_no_key_and_stay_short():
    secrets = ("header-secret-1", "header-secret-123456")
    said = "key header-secret-123456 or sk-abcdefgh**** (Bearer abc.def) is wrong \n" + "x" * 400
    failure = read({"error": said}, 500, secrets=secrets)
    shown = "key *** or *** (Bearer ***) is wrong "
    assert failure.problem == f"the relay answered 500: {shown}{'x' * (297 - len(shown))}..."


def test_slightly_invalid_json_is_read():
    """A paid answer is not lost to half an emoji, a NaN, a byte order mark, blank lines or one bad byte."""
    assert read_json(rb'{"a": "x\ud83d", "b": NaN}') == {"a": "x\ufffd", "b": None}
    assert read_json(b'{"a": "\xff"}') == {"a": "\ufffd"}
    assert read(b"\xef\xbb\xbf" + json.dumps(chat()).encode()).text == "Hello"
    assert read(b"\n\n \n" + json.dumps(chat()).encode()).text == "Hello"


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"error":' * 900 + b"1" + b"}" * 900, b"[" * 900 + b"NaN" + b"]" * 900, b'["' * 3000]
)
def test_deep_nesting_is_a_failure(body):
    assert isinstance(read(body), RelayFailure)
    assert isinstance(read(body, 500), RelayFailure)


KEYS = st.sampled_from(
    [
        *("choices", "message", "delta", "content", "error", "usage", "model", "id", "code", "type", "param", "detail"),
        *("loc", "finish_reason", "tool_calls", "function", "arguments", "refusal", "prompt_tokens", "cached_tokens"),
        *("prompt_tokens_details", "cost", "index", "innererror"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
STATUSES = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 422, 429, 500, 529])


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode), status=STATUSES)
def test_no_bytes_crash_the_reader(body, status):
    assert isinstance(read(body, status), Reply | RelayFailure)
    assert isinstance(read(b"data: " + body, status), Reply | RelayFailure)


@given(value=JSON, status=STATUSES)
def test_no_json_crashes_the_reader(value, status):
    assert isinstance(read(value, status, sent=("seed", "code")), Reply | RelayFailure)
    assert isinstance(read({"choices": [{"message": value}], "usage": value}, status), Reply | RelayFailure)
    assert isinstance(read({"choices": [value]}, status), Reply | RelayFailure)


@given(values=st.lists(JSON, max_size=4), status=STATUSES)
def test_no_stream_crashes_the_reader(values, status):
    body = events(*({"choices": [{"delta": value}]} for value in values), *values)
    assert isinstance(read(body, status), Reply | RelayFailure)


@pytest.mark.parametrize(
    ("payload", "problem", "slug", "status"),
    [
        ({"code": 1305, "msg": "The model is busy, please try again later"},
         "the relay answered 200: The model is busy, please try again later", "relay-http-error", 503),
        ({"success": False, "message": "Rate limit reached"},
         "the relay answered 200: Rate limit reached", "relay-rate-limited", 429),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None},
         "the relay answered 200: rate limit", "relay-rate-limited", 429),
        ({"errors": [{"message": "AiError: Capacity temporarily exceeded"}], "success": False, "result": {}},
         "the relay answered 200: AiError: Capacity temporarily exceeded", "relay-http-error", 503),
        ({"detail": "no healthy upstream"}, "the relay answered 200: no healthy upstream", "relay-http-error", 200),
        ({"Error": {"Code": "x", "Message": "odd"}}, "the relay answered 200: odd", "relay-http-error", 200),
        ({"error_code": 110, "error_msg": "Invalid API key"},
         "the relay answered 200: Invalid API key", "key-refused", 401),
        ({"status": "error", "message": "broken"}, "the relay answered 200: broken", "relay-http-error", 200),
        ({"code": "429", "msg": "too fast"}, "the relay answered 200: too fast", "relay-rate-limited", 429),
    ],
)  # fmt: skip
def test_error_inside_a_200_keeps_the_words_of_the_relay(payload, problem, slug, status):
    """In any shape that a relay has invented; where it says "later", the request is sent again later."""
    assert read(payload) == RelayFailure(problem=problem, slug=slug, status=status)


@pytest.mark.parametrize(
    "beside", [{"code": 0, "msg": "ok"}, {"base_resp": {"status_code": 0, "status_msg": "success"}}, {"success": True}]
)
def test_answer_with_a_success_code_is_an_answer(beside):
    assert read(chat() | beside).outcome == "ok"


@pytest.mark.parametrize(
    "finish", ["error", "abort", "ABORTED", "incomplete", "cancelled", "insufficient_system_resource",
               "MALFORMED_FUNCTION_CALL", "network_error", "timeout"]
)  # fmt: skip
@pytest.mark.parametrize("streamed", [False, True])
def test_answer_that_the_server_gave_up_on_is_a_failure(finish, streamed):
    whole = chat("You have 30", finish) | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    failure = read(events(delta(content="You have 30"), delta(finish)) if streamed else whole)
    assert (failure.slug, failure.status, failure.retryable) == ("relay-gave-up", None, True)
    assert failure.problem == f"the relay gave up on the answer, its finish reason is {finish!r}"
    assert streamed or failure.usage == Usage(prompt=3, completion=2, total=5)


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "max_output_tokens", "model_context_window_exceeded"])
def test_every_spelling_of_a_token_limit_is_truncation(finish):
    assert read(chat("You have", finish)).outcome == "truncated"


def nested(levels):
    return b'{"x": ' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("levels", [150, 500, 5_000, 200_000])
def test_deeply_nested_answer_is_refused_as_a_whole(levels):
    arguments = b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": %s}}]}}]}'
    failure = read(arguments % nested(levels))
    assert (failure.problem, failure.slug) == ("the answer is nested more than 100 levels deep", "relay-answer-deep")
    assert not failure.retryable


@pytest.mark.parametrize("levels", [500, 200_000])
def test_deeply_nested_error_is_still_an_error(levels):
    assert isinstance(read(b'{"error": %s}' % nested(levels), 500), RelayFailure)
    assert isinstance(read(b'{"error": ' * levels + b'"no"' + b"}" * levels, 500), RelayFailure)


@pytest.mark.parametrize("cost", ["1e400", "1E+400", "1e-400", "-1", "NaN", "Infinity", "1" * 50, "1e7", 1e300, -1.5])
def test_implausible_cost_is_unknown(cost):
    assert read_cost({"usage": {"cost": cost}}, {}) is None
    assert read_cost({}, {"x-litellm-response-cost": str(cost)}) is None


@pytest.mark.parametrize("cost", ["0", "0.000000000001", "12.5", 3, 2.5e-05])
def test_plausible_cost_is_used(cost):
    assert read_cost({"usage": {"cost": cost}}, {}) == Decimal(str(cost))


@pytest.mark.parametrize(
    "page",
    [b"<html>" + b"<title" * 40_000, b"<!doctype html><title>" + b"a" * 200_000, b"<html>" + b"<title>" * 40_000,
     b"only " * 50_000, b"model " * 40_000, b"no provider " * 20_000],
)  # fmt: skip
def test_page_that_slows_patterns_is_read_only_at_its_beginning(page):
    """A pattern with backtracking through 200 kB of these would run for minutes."""
    for status in (200, 400, 403, 500):
        failure = read(page, status)
        assert isinstance(failure, RelayFailure)
        assert len(failure.problem) < 400


def test_stream_of_very_many_pieces_takes_linear_time():
    """Each piece is read once: text that grows by copies would take an hour for this."""
    piece = b'data: {"choices":[{"delta":{"content":"ab"}}]}\n\n'
    body = piece * 100_000 + events(delta("stop"))
    assert read(body).text == "ab" * 100_000


def test_stream_is_watched_only_until_its_first_token():
    watch = TokenWatch()
    whole = b": wait\n\n" + events(delta(role="assistant"), delta(content="Hi"), delta(content="Ho"))
    seen = [watch.sees_first(bytes([byte])) for byte in whole]
    assert seen.count(True) == 1
    assert whole[: seen.index(True) + 1].endswith(b'"Hi"}, "finish_reason": null}]}\n\n')


@pytest.mark.parametrize(
    ("message", "reasoning", "text"),
    [
        ({"content": "30", "reasoning_content": "Hm."}, "Hm.", "30"),
        ({"content": "30", "reasoning": "Hm.", "reasoning_content": "Hm."}, "Hm.", "30"),
        ({"content": "30", "reasoning": [{"type": "text", "text": "H"}, "m."]}, "Hm.", "30"),
        ({"content": "30", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}, "Hm.", "30"),
        ({"content": "30", "reasoning": {"summary": [{"text": "Hm."}]}}, "Hm.", "30"),
        ({"content": "30", "reasoning": None, "reasoning_content": 7}, "", "30"),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"text": "30"}]},
            "Hm.",
            "30",
        ),
        ({"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "30"}]}, "Hm.", "30"),
        ({"content": "<think>Hm.</think>30"}, "Hm.", "30"),
        ({"content": "<think>in it</think>30", "reasoning_content": "apart"}, "apart", "30"),
    ],
)
def test_reasoning_is_separated_from_the_answer(message, reasoning, text):
    """Whether a server sends it beside the answer, as a part of it, or in front of it."""
    reply = read(chat() | {"choices": [{"message": message}]})
    assert (reply.outcome, reply.reasoning, reply.text) == ("ok", reasoning, text)


@pytest.mark.parametrize(
    ("content", "finish", "outcome"),
    [
        ("<think>Hm, let me", "stop", "empty"),
        ("<think>Hm, let me", "length", "truncated"),
        ("<think>Hm.</think>", "stop", "empty"),
        ("<think>Sorry.</think>30", "stop", "ok"),
        ("<think>Hm.</think>Sorry, no.", "stop", "refusal"),
    ],
)
def test_thoughts_alone_are_an_empty_answer(content, finish, outcome):
    reply = read(chat(content, finish), is_refusal=lambda words: words.startswith("Sorry"))
    assert (reply.outcome, reply.sent_text) == (outcome, content)


@pytest.mark.parametrize(
    "pieces",
    [
        [{"reasoning_content": "H"}, {"reasoning_content": "m."}, {"content": "3"}, {"content": "0"}],
        [{"reasoning": "H", "content": None}, {"reasoning": "m."}, {"content": "30"}],
        [{"content": "<thi"}, {"content": "nk>Hm.</th"}, {"content": "ink>\n\n3"}, {"content": "0"}],
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}, {"content": "3"}, {"content": "0"}],
        [{"reasoning": [{"text": "H"}]}, {"reasoning": [{"text": "m."}]}, {"content": "30"}],
    ],
)  # fmt: skip
def test_reasoning_of_a_stream_is_separated_too(pieces):
    reply = read(events(*(delta(**piece) for piece in pieces), delta("stop")))
    assert (reply.outcome, reply.reasoning, reply.text) == ("ok", "Hm.", "30")
