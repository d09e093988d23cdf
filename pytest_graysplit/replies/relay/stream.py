"""Server-sent events: the parts of a streamed answer are joined into the shape of a whole one."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_TEXTS = ("content", "refusal", "reasoning_content", "reasoning", "thinking")
_TOKENS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")
# The pieces of a block in Anthropic's streams.
_PIECES = ("text", "thinking", "partial_json")
_SLICE = 65_536
# The parts of a tool call that name the tool, and those that are sent in pieces.
_NAMING = ("function", "custom")
_IN_PIECES = ("arguments", "input")


class StreamCutError(ValueError):
    """A stream that ended before the answer was complete."""


def is_stream(body: bytes | bytearray) -> bool:
    """Tell whether a body is a stream of events, independent of its content type."""
    return bytes(body[:_SLICE]).lstrip().startswith(_FIELDS)


class EventReader:
    """A parser that splits a stream into events while it arrives, reading each byte once."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the data of each event that this piece completes."""
        first, *others = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._line.append(first)
        for line in others:
            yield from self._end_line()
            self._line.append(line)

    def rest(self) -> Iterator[bytes]:
        """Yield the data of a last event that no blank line has ended."""
        yield from self._end_line()
        yield from self._end_line()

    def _end_line(self) -> Iterator[bytes]:
        line = b"".join(self._line)
        self._line.clear()
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data = b"\n".join(self._data).strip()
            self._data.clear()
            yield data


class TokenWatch:
    """A watch for the first token of a stream: text, reasoning, or a piece of a tool call."""

    def __init__(self) -> None:
        self._events = EventReader()
        self._seen = False

    def sees_first(self, piece: bytes) -> bool:
        """Tell whether the first token is in this piece."""
        if self._seen:
            return False
        for data in self._events.feed(piece):
            with suppress(ValueError):
                self._seen = self._seen or adds_token(read_json(data))
        return self._seen


def assemble(body: bytes | bytearray) -> dict[str, Json]:
    """Return the answer as it would be without streaming, or the first error in the stream.

    Raises StreamCutError if the stream ended without a finish reason and without its end mark.
    """
    whole: dict[str, Json] = {}
    message = _Message()
    finish: Json = None
    for chunk in chunks_of(body):
        if chunk.get("error") or chunk.get("object") == "error":
            return chunk
        whole |= {key: value for key, value in chunk.items() if key != "choices" and value is not None}
        for choice in _first_choice(chunk):
            finish = choice.get("finish_reason") or finish
            if choice.get("error"):
                return {"choices": [choice]}
            message.add(_delta(choice))
    if finish is None and b"[DONE]" not in body:
        raise StreamCutError("the stream ended before the answer did")
    if (message_text := message.whole()) or finish:
        whole["choices"] = [{"message": message_text, "finish_reason": finish}]
    return whole


def chunks_of(body: bytes | bytearray) -> Iterator[dict[str, Json]]:
    """Yield the objects that the events of a stream carry."""
    events = EventReader()
    # Slices, because a body of nothing but line breaks would be a list of millions of lines.
    slices = (events.feed(bytes(body[begin : begin + _SLICE])) for begin in range(0, len(body), _SLICE))
    for data in chain(chain.from_iterable(slices), events.rest()):
        if data.startswith(b"{"):
            chunk = read_json(data)
            if isinstance(chunk, dict):
                yield chunk


def _first_choice(chunk: Json) -> Iterator[dict[str, Json]]:
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (None, 0):
            yield choice


def _delta(choice: dict[str, Json]) -> dict[str, Json]:
    delta = choice.get("delta") or choice.get("message")
    return delta if isinstance(delta, dict) else {}


def first_delta(chunk: Json) -> dict[str, Json] | None:
    """Return the part of the message that a chunk adds; None where it adds no token, such as a role alone."""
    for choice in _first_choice(chunk):
        delta = _delta(choice)
        if any(delta.get(name) for name in _TOKENS):
            return delta
    return None


def adds_token(chunk: Json) -> bool:
    """Tell whether an event of any route adds a token to the answer.

    Events with a type add a text, or one of the named pieces of a block; a signature is not a token.
    """
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    if not isinstance(chunk, dict) or not isinstance(kind, str):
        return first_delta(chunk) is not None
    delta = chunk.get("delta")
    if isinstance(delta, dict):
        return any(delta.get(name) for name in _PIECES)
    return kind.startswith("response.") and kind.endswith(".delta") and bool(delta)


class _Message:
    """The message that the pieces of a stream form together."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str | list[Json]]] = {}
        self._calls: list[_Call] = []
        self._legacy = _Call()

    def add(self, delta: dict[str, Json]) -> None:
        for name in _TEXTS:
            if isinstance(piece := delta.get(name), str | list):
                self._texts.setdefault(name, []).append(piece)
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._call_of(piece).add(piece)
        if isinstance(legacy := delta.get("function_call"), dict):
            self._legacy.add({"function": legacy})

    def whole(self) -> dict[str, Json]:
        whole: dict[str, Json] = {name: _joined(pieces) for name, pieces in self._texts.items()}
        calls: list[Json] = [call.whole() for call in self._calls]
        legacy = self._legacy.whole()["function"]
        return whole | ({"tool_calls": calls} if calls else {}) | ({"function_call": legacy} if legacy else {})

    def _call_of(self, piece: dict[str, Json]) -> _Call:
        # Pieces of one call share their index; where a relay omits it, a new id or name begins a new call.
        here = [call for call in self._calls if call.fields.get("index") == piece.get("index")]
        known = [call for call in here if piece.get("id") and call.fields.get("id") == piece["id"]]
        if known or (here and here[-1].continues(piece)):
            return (known or here)[-1]
        self._calls.append(_Call())
        return self._calls[-1]


def _joined(pieces: list[str | list[Json]]) -> Json:
    """Join the pieces of a text; some may be lists of parts, because thoughts are sent as parts before a plain text."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    parts: list[list[Json]] = [piece if isinstance(piece, list) else [piece] for piece in pieces if piece]
    return list(chain.from_iterable(parts))


class _Call:
    """One tool call of a stream; its arguments, or the input of a custom tool, arrive in pieces."""

    def __init__(self) -> None:
        self.fields: dict[str, Json] = {}
        self._kind = "function"
        self._named: dict[str, Json] = {}
        self._pieces: dict[str, list[str]] = {}

    def continues(self, piece: dict[str, Json]) -> bool:
        """Tell whether a piece without a known id belongs to this call, which is the last at its index."""
        name = _named_by(piece).get("name")
        # Some servers give every piece another id, and only the first one a name; others repeat the name.
        return not name or (not piece.get("id") and name == self._named.get("name", name))

    def add(self, piece: dict[str, Json]) -> None:
        """Add a piece: texts are joined, any other field is kept once."""
        named = {key: value for key, value in piece.items() if key not in _NAMING and value not in (None, "")}
        self.fields = {**named, **self.fields}
        self._kind = "custom" if isinstance(piece.get("custom"), dict) else self._kind
        for key, value in _named_by(piece).items():
            if key in _IN_PIECES and isinstance(value, str):
                self._pieces.setdefault(key, []).append(value)
            elif value not in (None, ""):
                self._named[key] = value

    def whole(self) -> dict[str, Json]:
        """Return the call as it would be without streaming."""
        joined: dict[str, Json] = {key: text for key, pieces in self._pieces.items() if (text := "".join(pieces))}
        return {**self.fields, self._kind: {**self._named, **joined}}


def _named_by(piece: dict[str, Json]) -> dict[str, Json]:
    return next((named for name in _NAMING if isinstance(named := piece.get(name), dict)), {})
