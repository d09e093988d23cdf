"""Server-sent events: a streamed answer is put together into the shape of one that came whole."""

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
_SLICE = 65_536
# Where a tool call says what is called, and what of that comes in pieces.
_TELLING = ("function", "custom")
_IN_PIECES = ("arguments", "input")


class StreamCutError(ValueError):
    """A stream that ended before the model did."""


def is_stream(body: bytes | bytearray) -> bool:
    """Tell whether a body is a stream of events, whatever its content type says."""
    return bytes(body[:_SLICE]).lstrip().startswith(_FIELDS)


class EventReader:
    """Takes a stream apart into its events while it comes, looking at each byte once."""

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
    """Looks at a stream until its first token has come: text, reasoning, or a piece of a tool call."""

    def __init__(self) -> None:
        self._events = EventReader()
        self._seen = False

    def sees_first(self, piece: bytes) -> bool:
        """Tell whether the first token is in this piece."""
        if self._seen:
            return False
        for data in self._events.feed(piece):
            with suppress(ValueError):
                self._seen = self._seen or _carries(read_json(data))
        return self._seen


def assemble(body: bytes | bytearray) -> dict[str, Json]:
    """Return a stream as the answer it would have been without streaming, or the first error it carries.

    Raises StreamCutError if it ended without a finish reason and without its end mark.
    """
    whole: dict[str, Json] = {}
    message = _Message()
    finish: Json = None
    for chunk in _chunks(body):
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
    if (said := message.whole()) or finish:
        whole["choices"] = [{"message": said, "finish_reason": finish}]
    return whole


def _chunks(body: bytes | bytearray) -> Iterator[dict[str, Json]]:
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


def _carries(chunk: Json) -> bool:
    names = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")
    return any(_delta(choice).get(name) for choice in _first_choice(chunk) for name in names)


class _Message:
    """The message that the pieces of a stream make together."""

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
        # Pieces of one call share their index; where a relay leaves it out, a new id or name begins a new call.
        here = [call for call in self._calls if call.fields.get("index") == piece.get("index")]
        known = [call for call in here if piece.get("id") and call.fields.get("id") == piece["id"]]
        if known or (here and here[-1].goes_on_with(piece)):
            return (known or here)[-1]
        self._calls.append(_Call())
        return self._calls[-1]


def _joined(pieces: list[str | list[Json]]) -> Json:
    """Join the pieces of a text; some may be lists of parts, because thoughts come as parts before a plain text."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    parts: list[list[Json]] = [piece if isinstance(piece, list) else [piece] for piece in pieces if piece]
    return list(chain.from_iterable(parts))


class _Call:
    """One tool call of a stream; its arguments, or the input of a custom tool, come in pieces."""

    def __init__(self) -> None:
        self.fields: dict[str, Json] = {}
        self._kind = "function"
        self._told: dict[str, Json] = {}
        self._pieces: dict[str, list[str]] = {}

    def goes_on_with(self, piece: dict[str, Json]) -> bool:
        """Tell whether a piece without a known id belongs to this call, which is the last at its place."""
        name = _told_by(piece).get("name")
        # Some servers give every piece another id, and only the first one a name; others repeat the name.
        return not name or (not piece.get("id") and name == self._told.get("name", name))

    def add(self, piece: dict[str, Json]) -> None:
        """Take in a piece: texts are put together, all else is said once."""
        told = {key: value for key, value in piece.items() if key not in _TELLING and value not in (None, "")}
        self.fields = {**told, **self.fields}
        self._kind = "custom" if isinstance(piece.get("custom"), dict) else self._kind
        for key, value in _told_by(piece).items():
            if key in _IN_PIECES and isinstance(value, str):
                self._pieces.setdefault(key, []).append(value)
            elif value not in (None, ""):
                self._told[key] = value

    def whole(self) -> dict[str, Json]:
        """Return the call as it would have come without streaming."""
        joined: dict[str, Json] = {key: text for key, pieces in self._pieces.items() if (text := "".join(pieces))}
        return {**self.fields, self._kind: {**self._told, **joined}}


def _told_by(piece: dict[str, Json]) -> dict[str, Json]:
    return next((told for name in _TELLING if isinstance(told := piece.get(name), dict)), {})
