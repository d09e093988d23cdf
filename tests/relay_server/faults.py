"""The faults of the loopback relay; each turns a request into the bytes to send.

A fault returns (status, headers, body), where the body is JSON or bytes, or one of the ways not to answer: DROP (close
the connection), BILL_DROP (bill the answer, then close), HANG (never answer), CUT (a part of an answer), KEEPALIVE
(blank lines first). STREAM sends the answer as events.
"""

import json
import zlib
from functools import cache

from relay_server.answers import answer_text, completion, error, prompt_of

DROP, HANG, KEEPALIVE, STREAM, CUT, BILL_DROP = "drop", "hang", "keepalive", "sse", "cut", "bill-drop"

HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"

STATUS_MESSAGES = {
    400: ("the request cannot be read", "invalid_request_error", None),
    401: ("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
    402: ("Insufficient balance", "insufficient_balance", None),
    403: ("this key may not be used here", "permission_error", None),
    404: ("no such route", "not_found_error", None),
    413: ("request too large", "invalid_request_error", None),
    429: ("rate limit reached, slow down", "requests", "rate_limit_exceeded"),
    500: ("internal error", "server_error", None),
    502: ("bad gateway", "server_error", None),
    503: ("the server is overloaded", "server_error", None),
    504: ("gateway timeout", "server_error", None),
    529: ("Overloaded", "overloaded_error", None),
}


def show(fault, body):
    """Return the response of the fault to a request."""
    kind = str(fault["kind"])
    if kind.isdecimal():
        return _status(int(kind), fault)
    return FAULTS[kind](fault, body)


def _status(status, fault):
    message, type_, code = STATUS_MESSAGES.get(status, ("something went wrong", "server_error", None))
    return status, _waits(fault), error(fault.get("message", message), type_, fault.get("code", code))


def _waits(fault):
    names = {"retry_after": "retry-after", "retry_after_ms": "retry-after-ms", "should_retry": "x-should-retry"}
    return {header: str(fault[name]) for name, header in names.items() if name in fault}


def _without(body, *names):
    return {key: value for key, value in completion(body).items() if key not in names}


def _param(fault, body):
    param = fault.get("param", "max_tokens")
    return 400, {}, error(f"Unsupported parameter: '{param}' is not supported with this model.",
                          "invalid_request_error", "unsupported_parameter", param)  # fmt: skip


def _refuses(fault, body):
    """Refuse the parameters that the fault names, and answer requests without any of them."""
    param = next((name for name in fault["params"] if name in body), None)
    return (200, {}, completion(body)) if param is None else _param({"param": param}, body)


@cache
def _bomb():
    """Return 256 MB of blanks in 1 kB: gzip in gzip."""
    once, twice, blanks = zlib.compressobj(1, zlib.DEFLATED, 31), zlib.compressobj(9, zlib.DEFLATED, 31), b" " * 2**20
    packed = b"".join(once.compress(blanks) for _ in range(256)) + once.flush()
    return twice.compress(packed) + twice.flush()


def _with_more_behind(body, head):
    """Return the whole answer, and after its end the head of another response, which continues later."""
    whole = json.dumps(completion(body))
    return {"x-answer": f"whole\r\ncontent-length: {len(whole)}\r\n\r\n{whole}{head}"}


def _nested(body):
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    text = json.dumps(completion(body, "", "tool_calls", content=None, tool_calls=[call | {"deep": "HERE"}]))
    return text.replace('"HERE"', "[" * 500 + "]" * 500).encode()


def _tool(fault, body):
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": 7}'}}
    return 200, {}, completion(body, "", "tool_calls", content=None, tool_calls=[call])


def _scripted(fault, body):
    """Return the message for this model from a prompt of JSON by model."""
    return 200, {}, completion(body, "", "tool_calls", **json.loads(prompt_of(body))[body["model"]])


FAULTS = {
    "drop": lambda fault, body: DROP,
    "bill-drop": lambda fault, body: BILL_DROP,
    "hang": lambda fault, body: HANG,
    "cut": lambda fault, body: CUT,
    "keepalive": lambda fault, body: KEEPALIVE,
    "sse": lambda fault, body: STREAM,
    "html": lambda fault, body: (200, {"content-type": "text/html"}, HTML),
    "html-502": lambda fault, body: (502, {"content-type": "text/html"}, HTML),
    "garbage": lambda fault, body: (200, {}, b'{"choices": [{"mess'),
    "redirect": lambda fault, body: (302, {"location": "https://elsewhere.example/v1"}, b""),
    "text-500": lambda fault, body: (500, {"content-type": "text/plain"}, b"unknown model"),
    "reported": lambda fault, body: (200, {"x-litellm-response-cost": fault["cost"]}, completion(body)),
    "no-usage": lambda fault, body: (200, {}, completion(body) | {"usage": None}),
    "bare": lambda fault, body: (200, {}, _without(body, "id", "model", "created", "usage", "system_fingerprint")),
    "no-choices": lambda fault, body: (200, {}, completion(body) | {"choices": []}),
    "error-200": lambda fault, body: (200, {}, error(fault.get("message", "upstream failed"), "server_error",
                                                     fault.get("code", 502))),
    "quota": lambda fault, body: (429, {}, error("You exceeded your current quota, please check your plan.",
                                                 "insufficient_quota", "insufficient_quota")),
    "filter-400": lambda fault, body: (400, {}, error("The response was filtered by the content policy.",
                                                      None, "content_filter", "prompt")),
    "filtered": lambda fault, body: (200, {}, completion(body, "", "content_filter")),
    "truncated": lambda fault, body: (200, {}, completion(body, answer_text(body)[:12], "length")),
    "empty": lambda fault, body: (200, {}, completion(body, "", content=None)),
    "refusal": lambda fault, body: (200, {}, completion(body, "", content=None, refusal="I can't help with that.")),
    "reasoning": lambda fault, body: (200, {}, completion(body, fault.get("text"), reasoning_content=fault.get(
        "reasoning", "Let me think about it."))),
    "text": lambda fault, body: (200, {}, completion(body, fault["text"])),
    "tool": _tool,
    "scripted": _scripted,
    "param-400": _param,
    "refuses": _refuses,
    "other-model": lambda fault, body: (200, {}, completion(body) | {"model": fault.get("served", "gpt-4.1-mini")}),
    "bomb": lambda fault, body: (200, {"content-encoding": "gzip, gzip"}, _bomb()),
    "title-502": lambda fault, body: (502, {"content-type": "text/html"}, b"<title" * 33_000),
    "title": lambda fault, body: (200, {"content-type": "text/html"}, b"<title" * 33_000),
    "nested": lambda fault, body: (200, {}, _nested(body)),
    "nested-deep": lambda fault, body: (200, {}, b"[" * 200_000),
    "binary": lambda fault, body: (200, {"content-type": "application/octet-stream"}, bytes(range(256)) * 16),
    "surplus": lambda fault, body: (200, _with_more_behind(body, "HTTP/1.1 200 OK\r\nx-surplus: yes"),
                                    completion(body, "A surplus answer, to no question.")),
    "behind": lambda fault, body: (200, _with_more_behind(body, "\r\nno HTTP"), b"at all"),
    "thought": lambda fault, body: (200, {}, completion(body, f"<think>Hm.</think>{answer_text(body)}")),
    "thought-on": lambda fault, body: (200, {}, completion(body, f"<think>Hm. {answer_text(body)}")),
    "gave-up": lambda fault, body: (200, {}, completion(body, answer_text(body)[:12], "error")),
    "fields": lambda fault, body: (200, {}, completion(body) | fault["fields"]),
    "fallback": lambda fault, body: (200, {"x-litellm-attempted-fallbacks": "1"}, completion(body)),
}  # fmt: skip
