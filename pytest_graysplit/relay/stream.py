"""Server-sent events: a streamed answer is put together into the shape of one that came whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_TEXTS = ("content", "refusal", "reasoning_content", "reasoning", "thinking")


class StreamCutError(ValueError):
    """A stream that ended before the model did."""


def is_stream(body: bytes) -> bool:
    """Tell whether a body is a stream of events, whatever its content type says."""
    return body.lstrip().startswith(_FIELDS)


def read_json(text: str | bytes) -> Json:
    """Parse JSON; raise ValueError, also for what is nested too deep."""
    try:
        value: Json = msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except ValueError:
        # A lenient second reading, because this answer is paid for: some relays cut an emoji in half, or send NaN.
        value = _read_leniently(text)
    return value


def has_token(body: bytes) -> bool:
    """Tell whether the events so far hold a token: text, reasoning or a piece of a tool call."""
    return any(_carries(chunk) for chunk in _chunks(body, strict=False))


def assemble(body: bytes) -> dict[str, Json]:
    """Return a stream as the answer it would have been without streaming, or the first error it carries.

    Raises StreamCutError if it ended without a finish reason and without its end mark.
    """
    whole: dict[str, Json] = {}
    message: dict[str, Json] = {}
    calls: list[dict[str, Json]] = []
    finish: Json = None
    for chunk in _chunks(body, strict=True):
        if chunk.get("error") or chunk.get("object") == "error":
            return chunk
        whole |= {key: value for key, value in chunk.items() if key != "choices" and value is not None}
        for choice in _first_choice(chunk):
            finish = choice.get("finish_reason") or finish
            if choice.get("error"):
                return {"choices": [choice]}
            _add(message, calls, choice)
    if finish is None and b"[DONE]" not in body:
        raise StreamCutError("the stream ended before the answer did")
    if message or calls or finish:
        tool_calls: list[Json] = list(calls)
        message |= {"tool_calls": tool_calls} if calls else {}
        whole["choices"] = [{"message": message, "finish_reason": finish}]
    return whole


def _read_leniently(text: str | bytes) -> Json:
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    try:
        loose = json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
    value: Json = msgspec.json.decode(loose.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _chunks(body: bytes, *, strict: bool) -> Iterator[dict[str, Json]]:
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for event in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        data = "\n".join(lines).strip()
        if not data.startswith("{"):
            continue
        try:
            chunk = read_json(data)
        except ValueError:
            if strict:
                raise
            return
        if isinstance(chunk, dict):
            yield chunk


def _first_choice(chunk: dict[str, Json]) -> Iterator[dict[str, Json]]:
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (None, 0):
            yield choice


def _delta(choice: dict[str, Json]) -> dict[str, Json]:
    delta = choice.get("delta") or choice.get("message")
    return delta if isinstance(delta, dict) else {}


def _carries(chunk: dict[str, Json]) -> bool:
    names = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls")
    return any(_delta(choice).get(name) for choice in _first_choice(chunk) for name in names)


def _add(message: dict[str, Json], calls: list[dict[str, Json]], choice: dict[str, Json]) -> None:
    delta = _delta(choice)
    for name in _TEXTS:
        if isinstance(piece := delta.get(name), str | list):
            message[name] = _joined(message.get(name) or "", piece)
    pieces = delta.get("tool_calls")
    for piece in pieces if isinstance(pieces, list) else ():
        if isinstance(piece, dict):
            _add_call(calls, piece)


def _joined(before: Json, piece: str | list[Json]) -> Json:
    """Join two pieces of a text; each may be a list of parts, because thoughts come as parts before a plain text."""
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    parts = [each if isinstance(each, list) else [each] for each in (before, piece) if each]
    return [part for each in parts for part in each]


def _add_call(calls: list[dict[str, Json]], piece: dict[str, Json]) -> None:
    call = _call_of(calls, piece)
    call |= {key: value for key, value in piece.items() if key != "function" and value is not None}
    function, more = call.setdefault("function", {}), piece.get("function")
    if isinstance(function, dict) and isinstance(more, dict):
        function |= {key: value for key, value in more.items() if key != "arguments" and value}
        if isinstance(arguments := more.get("arguments"), str):
            function["arguments"] = f"{function.get('arguments', '')}{arguments}"


def _call_of(calls: list[dict[str, Json]], piece: dict[str, Json]) -> dict[str, Json]:
    # Pieces of one call share their index; where a relay leaves it out, a new id begins a new call.
    for call in calls:
        if call.get("index") == piece.get("index") and piece.get("id") in (None, "", call.get("id")):
            return call
    calls.append({})
    return calls[-1]
