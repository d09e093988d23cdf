"""The events of a stream as an application gets them: split without a change, and read as far as it is needed."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK_LINE = re.compile(rb"(?:\r?\n){2,}")
# The longest mark of an event's end; a part of it may be at the end of a piece.
_MARK = 4


class EventSplitter:
    """A splitter of a stream into the bytes of its events, each with the blank line that ends it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield each event that this piece completes; comments alone, which keep a connection alive, are left out."""
        self._buffer += piece
        while match := _BLANK_LINE.search(self._buffer, max(0, self._searched - _MARK)):
            event = bytes(self._buffer[: match.end()])
            del self._buffer[: match.end()]
            self._searched = 0
            if not _is_comment(event):
                yield event
        self._searched = len(self._buffer)

    def rest(self) -> bytes:
        """Return a last event that no blank line has ended, with one; empty where there is none."""
        rest = bytes(self._buffer).strip()
        self._buffer.clear()
        return b"" if _is_comment(rest) else rest + b"\n\n"


def events_of(body: bytes) -> tuple[str, ...]:
    r"""Split a stream into its events, without the comments that keep a connection alive.

    >>> events_of(b"data: 1\n\n: alive\n\nevent: end\ndata: 2\n\n")
    ('data: 1', 'event: end\ndata: 2')
    """
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    blocks = ("\n".join(line for line in block.split("\n") if not line.startswith(":")) for block in text.split("\n\n"))
    return tuple(block for block in (block.strip("\n") for block in blocks) if block)


def data_of(event: str) -> str:
    r"""Return the data of an event, whose lines it may be spread over.

    >>> data_of("event: end\ndata: {}")
    '{}'
    """
    lines = event.replace("\r\n", "\n").split("\n")  # not `splitlines`: a text may hold other line separators
    return "\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:")).strip()


def is_usage_alone(event: str) -> bool:
    """Tell whether an event of a chat stream has the tokens of the answer, and no part of it."""
    if '"usage"' not in event:
        return False
    with suppress(ValueError):
        chunk = read_json(data_of(event))
        return isinstance(chunk, dict) and isinstance(chunk.get("usage"), dict) and not chunk.get("choices")
    return False


def _is_comment(event: bytes) -> bool:
    return all(line.startswith(b":") or not line for line in event.splitlines())
