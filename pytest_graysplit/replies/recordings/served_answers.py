"""Answers kept for an application, redacted: also where a stream has cut a secret into pieces."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pytest_graysplit.replies.fingerprint import redact_api_json, redact_text, unchanged
from pytest_graysplit.replies.recordings.jsonl import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Redactor, ServedAnswer

# Texts that every event repeats: joined, they would be a text that no model wrote.
_REPEATED = frozenset({"id", "object", "model", "type", "role", "item_id", "response_id", "obfuscation"})


class Piece(NamedTuple):
    """A piece of a streamed text: the number of its event, and where the text is in it."""

    event: int
    container: Any
    name: str | int

    @property
    def text(self) -> str:
        """The text as it is now."""
        return str(self.container[self.name])

    def put(self, text: str) -> bool:
        """Replace the text; tell whether it changed."""
        changed = self.text != text
        self.container[self.name] = text
        return changed


class ReadEvent(NamedTuple):
    """An event of a stream: its lines without the data, and its data as JSON."""

    other_lines: tuple[str, ...]
    data: Any

    def text(self) -> str:
        """Return the event as it is stored."""
        return "\n".join((*self.other_lines, f"data: {encode(self.data).decode()}"))


def redact_served(served: ServedAnswer, redact: Redactor) -> ServedAnswer:
    """Return the answer without secrets; probabilities of its tokens are dropped if its texts had any."""
    if redact is unchanged:
        return served
    body: Any = redact_api_json(served.body, redact)
    if body != served.body:
        _drop_token_texts(body)
    return replace(served, body=body, events=_redact_events(served.events, redact) if served.events else ())


def _redact_events(events: tuple[str, ...], redact: Redactor) -> tuple[str, ...]:
    """Redact the texts of a stream as their client will join them."""
    read = {number: found for number, event in enumerate(events) if (found := _read(event)) is not None}
    changed: set[int] = set()
    for pieces in _channels(read).values():
        changed |= _redact_pieces(pieces, redact)
    drops = bool(changed)
    stored = list(events)
    for number, event in enumerate(events):
        if number not in read:
            stored[number] = redact(event)
            continue
        lines, data = read[number]
        clean = ReadEvent(tuple(map(redact, lines)), redact_api_json(data, redact))  # its names and numbers, too
        if (drops and _drop_token_texts(clean.data)) or number in changed or clean != read[number]:
            stored[number] = clean.text()
    return tuple(stored)


def _redact_pieces(pieces: list[Piece], redact: Redactor) -> set[int]:
    """Redact the pieces of one text; return the numbers of the events that changed.

    Where a secret goes across pieces, the first of them gets the whole text.
    """
    alone = [redact_text(piece.text, redact) for piece in pieces]
    whole = redact_text("".join(piece.text for piece in pieces), redact)
    new = alone if "".join(alone) == whole else [whole, *[""] * (len(pieces) - 1)]
    return {piece.event for piece, text in zip(pieces, new, strict=True) if piece.put(text)}


def _channels(events: dict[int, ReadEvent]) -> dict[tuple[object, ...], list[Piece]]:
    """Return the texts of a stream by their place in an answer, with their pieces in order."""
    channels: dict[tuple[object, ...], list[Piece]] = defaultdict(list)
    for number, event in events.items():
        kind = event.data.get("type")
        for place, container, name in _texts(event.data, ()):
            alone = (number,) if name in _REPEATED else ()
            channels[(kind, *place, *alone)].append(Piece(number, container, name))
    return channels


def _texts(value: Any, place: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], Any, str | int]]:
    """Yield every text below a value, with its place and its container; an object with an index has it in its place."""
    if isinstance(value, dict):
        place += tuple(part for name, part in value.items() if name.endswith("index") and isinstance(part, int))
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in entries:
        # A list of pieces counts on its own in each event, so an index beats the position.
        position = "index" if isinstance(part, dict) and isinstance(part.get("index"), int) else name
        if isinstance(part, str):
            yield (*place, name), value, name
        else:
            yield from _texts(part, (*place, position))


def _read(event: str) -> ReadEvent | None:
    """Read an event whose data is a JSON object; None for any other one."""
    lines = event.split("\n")
    data = "\n".join(line.removeprefix("data:") for line in lines if line.startswith("data:"))
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return None
    others = tuple(line for line in lines if not line.startswith("data:"))
    return ReadEvent(others, value) if isinstance(value, dict) else None


def _drop_token_texts(value: Any) -> bool:
    """Empty `logprobs`, which spell a text token by token; tell whether there was any."""
    found = False
    parts = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for name, part in parts:
        if name == "logprobs" and part:
            value[name] = [] if isinstance(part, list) else None
            found = True
        else:
            found |= _drop_token_texts(part)
    return found
