"""Answers kept as the server sent them, for an application whose requests are answered and recorded here."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.relay.failures import RelayFailure
from pytest_graysplit.replies.relay.stream import is_stream
from pytest_graysplit.types import ServedAnswer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pytest_graysplit.replies.relay.failures import RawResponse
    from pytest_graysplit.replies.relay.sender import RequestAttempts
    from pytest_graysplit.types import ByteListener, Reply


class KeptResponse:
    """The last response to one request, kept while it is read; without `keeps` it keeps nothing."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._served: ServedAnswer | None = None

    def reading(self, read: Callable[[RawResponse], Any]) -> Callable[[RawResponse], Any]:
        """Return the reader of responses, which then keeps each of them."""
        if not self._keeps:
            return read

        def keep_and_read(response: RawResponse) -> Any:
            self._served = served_answer(response)
            return read(response)

        return keep_and_read

    def kept(self, reply: Reply) -> Reply:
        """Return the reply with the answer as the server sent it; without one where no response came."""
        return reply if self._served is None else replace(reply, served=self._served)


class PassedStream:
    """A listener of the relay client that passes the bytes of a stream on to an application.

    Until bytes were passed on, the request may be tried again. After that a failure is final.
    """

    def __init__(self, listener: ByteListener) -> None:
        self._listener = listener
        self._attempts: RequestAttempts[Any, Any] | None = None
        self.has_begun = False

    def follow(self, attempts: RequestAttempts[Any, Any], limit: asyncio.Timeout) -> None:  # noqa: ARG002 # the attempts' own deadline holds
        """Listen to the attempts of this request."""
        self._attempts = attempts

    def begin(self) -> None:
        """Begin an attempt."""
        self._listener.begin()

    def look(self, received: bytes) -> None:
        """Pass on the next bytes; after the first of them no other attempt is made."""
        if self._listener.look(received) and not self.has_begun:
            self.has_begun = True
            if self._attempts is not None:
                self._attempts.retries, self._attempts.ends_at_s = 0, math.inf

    def silent(self) -> RelayFailure:
        """Return the failure of a stream that did not end in time."""
        return RelayFailure(problem="the answer began, and did not end in time", slug=Slug.RELAY_TIMEOUT)


def served_answer(response: RawResponse) -> ServedAnswer:
    """Return the body of a response: its events if it is a stream, else its JSON, else its text."""
    if is_stream(response.body):
        return ServedAnswer(status=response.status, events=events_of(bytes(response.body)))
    try:
        body = read_json(bytes(response.body))
    except ValueError:
        body = bytes(response.body).decode("utf-8", "replace")
    return ServedAnswer(status=response.status, body=body)


def events_of(body: bytes) -> tuple[str, ...]:
    r"""Split a stream into its events, without the comments that keep a connection alive.

    >>> events_of(b"data: 1\n\n: alive\n\nevent: end\ndata: 2\n\n")
    ('data: 1', 'event: end\ndata: 2')
    """
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    blocks = ("\n".join(line for line in block.split("\n") if not line.startswith(":")) for block in text.split("\n\n"))
    return tuple(block for block in (block.strip("\n") for block in blocks) if block)
