"""A listener to one streamed answer: it hands out the text as it arrives, and ends an answer that falls silent.

`Relay.attempt` reads the stream as it reads any other answer, with the same limits on size; its result is the whole
reply. The listener sees the same bytes while they arrive.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.reasoning_text import (
    LONGEST_MARK,
    may_begin_with_thoughts,
    may_end_thoughts,
    split_thoughts,
)
from pytest_graysplit.replies.relay.failures import RelayFailure
from pytest_graysplit.replies.relay.response import text_of
from pytest_graysplit.replies.relay.stream import EventReader, first_delta
from pytest_graysplit.replies.relay.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.replies.relay.sender import RequestAttempts
    from pytest_graysplit.types import Json, Reply, Usage


class StreamListener:
    """A listener that gives each piece of an answer's text to `on_text`, without the model's thoughts.

    Until the first piece the request has its ordinary deadline, and may be tried again. After it the user has seen a
    part of the answer: a failure is final, and the stream may take as long as it needs, but with at most `silence_s`
    between two tokens. A comment or a blank line that keeps a connection alive is not a token. `usage` and `ttft_s` are
    those of the attempt so far.
    """

    def __init__(self, on_text: Callable[[str], None], *, silence_s: float) -> None:
        self._on_text = on_text
        self._silence_s = silence_s
        self._attempts: RequestAttempts[Any, Any] | None = None
        self._limit: asyncio.Timeout | None = None
        self._given: list[str] = []
        self._start()

    def _start(self) -> None:
        self._events, self._answer = EventReader(), _AnswerText()
        self._began_s = asyncio.get_running_loop().time()
        self.ttft_s: float | None = None
        self.usage: Usage | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a piece of the answer was handed out."""
        return bool(self._given)

    @property
    def text(self) -> str:
        """The text that was handed out."""
        return "".join(self._given)

    def follow(self, attempts: RequestAttempts[Any, Any], limit: asyncio.Timeout) -> None:
        """Listen to the attempts of this request, which end by `limit`."""
        self._attempts, self._limit = attempts, limit

    def begin(self) -> None:
        """Begin an attempt; an earlier one failed before its first piece."""
        self._start()

    def look(self, received: bytes) -> None:
        """See the next bytes of the stream."""
        for data in self._events.feed(received):
            if data.startswith(b"{"):
                with suppress(ValueError):
                    self._read(read_json(data))

    def end(self) -> None:
        """Do nothing at the end of the stream: `completed` hands out the rest."""

    def silent(self) -> RelayFailure:
        """Return the failure of a stream without another token in time."""
        problem = f"the answer began, and then no token came within {self._silence_s:g} s"
        return RelayFailure(problem=problem, slug=Slug.RELAY_TIMEOUT)

    def completed(self, reply: Reply) -> Reply:
        """Return the reply with the part of a broken answer that was handed out, or hand out the rest of a whole one.

        A relay that does not stream sends the whole answer at once.
        """
        given = self.text
        if reply.outcome == "error":
            return replace(reply, text=given, ttft_s=self.ttft_s, usage=reply.usage or self.usage)
        if reply.text.startswith(given):
            self._give(reply.text[len(given) :])
        return reply

    def _read(self, chunk: Json) -> None:
        if not isinstance(chunk, dict):
            return
        self.usage = read_usage(chunk.get("usage"), chunk.get("service_tier")) or self.usage
        delta = first_delta(chunk)
        if delta is None:
            return
        if self.ttft_s is None:
            self.ttft_s = asyncio.get_running_loop().time() - self._began_s
        self._give(self._answer.add(text_of(delta.get("content")) or text_of(delta.get("refusal"))))
        if self.has_begun and self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._silence_s)

    def _give(self, text: str) -> None:
        if not text:
            return
        self._given.append(text)
        if self._attempts is not None:
            self._attempts.retries, self._attempts.ends_at_s = 0, math.inf
        self._on_text(text)


class _AnswerText:
    """The text of an answer in pieces; it is held back while it is, or may turn out to be, the model's thoughts."""

    def __init__(self) -> None:
        self._held = ""
        self._passes = self._may_end = False

    def add(self, piece: str) -> str:
        """Add the next piece, and return the text that belongs to the answer for certain."""
        if self._passes or not piece:
            return piece
        searched = max(0, len(self._held) - LONGEST_MARK)
        self._held += piece
        if not may_begin_with_thoughts(self._held):
            return self._release(self._held)
        # Only the last letters are searched for the end of the thoughts: a search of the whole text after every word
        # would take the square of its length.
        self._may_end = self._may_end or may_end_thoughts(self._held, searched)
        return self._release(split_thoughts(self._held).answer) if self._may_end else ""

    def _release(self, answer: str) -> str:
        if not answer:
            return ""
        self._passes = True
        blanks = self._held[len(self._held.rstrip()) :]  # those before the next word
        return answer if answer.endswith(blanks) else answer + blanks
