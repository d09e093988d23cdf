"""Attributes of spans and metrics by OpenTelemetry's GenAI conventions 1.41.0, and our own under `graysplit.`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.replies.fingerprint import redact_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.traffic.observers.observer import ModelCall, ObservedRequest
    from pytest_graysplit.types import Json, Message, Redactor, Usage

    Value: TypeAlias = str | bool | int | float | Sequence[str]
    Attributes: TypeAlias = dict[str, Value]

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"
OPERATION = "chat"
# The conventions name these parameters; the whole numbers among them are not written as floats.
_WHOLE = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
}
_REAL = {
    name: f"gen_ai.request.{name}"
    for name in ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
}


def metric_attributes(request: ObservedRequest, call: ModelCall, provider: str) -> Attributes:
    """Return the attributes of a call that take few values: a metric keeps one series for each combination."""
    host, port = call.server
    return {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": call.arm.model,
        **({"server.address": host, "server.port": port} if host else {}),
        **({"error.type": call.error_type} if call.error_type else {}),
        "graysplit.experiment": request.experiment,
        "graysplit.arm": request.arm,
        "graysplit.role": request.role,
        "graysplit.fallback": call is not request.calls[0],
    }


def call_attributes(request: ObservedRequest, call: ModelCall, provider: str) -> Attributes:
    """Return the attributes of the span of a call, without texts."""
    return {
        **metric_attributes(request, call, provider),
        **_sent(call.params),
        **_answered(call),
        "graysplit.outcome": call.reply.outcome,
        "graysplit.attempts": call.reply.attempts,
        **({"graysplit.retried": list(call.reply.retried)} if call.reply.retried else {}),
        **({} if call.reply.cost_usd is None else {"graysplit.cost_usd": float(call.reply.cost_usd)}),
    }


def request_attributes(request: ObservedRequest, provider: str) -> Attributes:
    """Return the attributes of a request with a fallback, whose calls have spans of their own.

    Tokens and costs are left to these spans, so that sums over all spans count them once. A failure that the control
    made good is not an error of the request.
    """
    first, last = request.calls[0], request.calls[-1]
    attributes = metric_attributes(request, first, provider)
    attributes.pop("error.type", None)
    return {
        **attributes,
        **({"error.type": last.error_type} if last.error_type else {}),
        **({} if last.reply.served_model is None else {"gen_ai.response.model": last.reply.served_model}),
        "graysplit.outcome": last.reply.outcome,
        "graysplit.fallback": True,
    }


def identity(request: ObservedRequest) -> Attributes:
    """Return the attributes that only the first span of a request has."""
    return {"graysplit.request_id": request.id, "graysplit.forced": request.forced}


def text_attributes(call: ModelCall, clean: Redactor) -> Attributes:
    """Return the messages and the answer, redacted, as JSON in the form of the conventions."""
    answer: Message = {
        "role": "assistant",
        "content": call.reply.text,
        "tool_calls": [
            {"id": one.id, "function": {"name": one.name, "arguments": one.arguments_text or dict(one.arguments)}}
            for one in call.reply.tool_calls
        ],
    }
    output = {**_message(answer, clean), "finish_reason": call.reply.finish_reason or call.reply.outcome}
    written = {
        "gen_ai.input.messages": [_message(one, clean) for one in call.messages],
        **({} if call.reply.outcome == "error" else {"gen_ai.output.messages": [output]}),
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in written.items()}


def counted(usage: Usage | None) -> Iterator[tuple[str, int]]:
    """Yield input and output with their tokens; nothing where the relay did not report both."""
    if usage is not None and usage.is_counted:
        yield "input", usage.prompt
        yield "output", usage.output


def _sent(params: Mapping[str, Json]) -> Attributes:
    sent: Attributes = {}
    for name, value in params.items():
        if isinstance(value, bool):
            continue
        if name in _WHOLE and isinstance(value, int):
            sent[_WHOLE[name]] = value
        elif name in _REAL and isinstance(value, int | float):
            sent[_REAL[name]] = float(value)
    if (choices := params.get("n")) is not None and isinstance(choices, int) and choices > 1:
        sent["gen_ai.request.choice.count"] = choices
    return sent


def _answered(call: ModelCall) -> Attributes:
    reply = call.reply
    found: dict[str, Value | None] = {
        "gen_ai.response.model": reply.served_model,
        "gen_ai.response.id": reply.response_id,
        "gen_ai.response.finish_reasons": [reply.finish_reason] if reply.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": reply.ttft_s,
    }
    tokens = {f"gen_ai.usage.{kind}_tokens": n for kind, n in counted(reply.usage)}
    if reply.usage is not None and reply.usage.cached:
        tokens["gen_ai.usage.cache_read.input_tokens"] = reply.usage.cached
    return {**{name: value for name, value in found.items() if value is not None}, **tokens}


def _message(message: Message, clean: Redactor) -> dict[str, Json]:
    parts: list[Json] = [*_parts(message)]
    return {"role": message.get("role"), "parts": redact_json(parts, clean)}


def _parts(message: Message) -> Iterator[dict[str, Json]]:
    content = message.get("content")
    if message.get("role") == "tool":
        yield {"type": "tool_call_response", "id": message.get("tool_call_id"), "result": content}
        return
    for piece in content if isinstance(content, list) else [content]:
        if isinstance(piece, str) and piece:
            yield {"type": "text", "content": piece}
        elif isinstance(piece, dict):
            # Of an image or a sound only the type is written, because spans are not made for megabytes.
            text = piece.get("text")
            yield {"type": "text", "content": text} if isinstance(text, str) else {"type": str(piece.get("type"))}
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            named = {"name": function.get("name"), "arguments": function.get("arguments")}
            yield {"type": "tool_call", "id": call.get("id"), **named}
