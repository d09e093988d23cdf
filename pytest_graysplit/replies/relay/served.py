"""Answers kept as the server sent them, for an application whose requests are answered and recorded here."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.relay.events import EventSplitter, data_of, events_of, is_usage_alone
from pytest_graysplit.replies.relay.failures import LASTING_STATUSES, RelayFailure, is_error
from pytest_graysplit.replies.relay.stream import is_stream
from pytest_graysplit.types import ServedAnswer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.replies.relay.failures import RawResponse
    from pytest_graysplit.replies.relay.sender import RequestAttempts
    from pytest_graysplit.types import ByteListener, Json, Reply, Route

OPTIONS = "stream_options"


class KeptResponse:
    """The last response to one request, kept while it is read; without `keeps` it keeps nothing.

    With `hides_usage` the request asks for the tokens of a stream, which the application did not: the event that has
    them alone is not kept. `usage_refused` tells whether the server refuses to be asked.
    """

    def __init__(self, *, keeps: bool, hides_usage: bool = False) -> None:
        self.keeps = keeps
        self._served: ServedAnswer | None = None
        self.hides_usage = hides_usage
        self.usage_refused = False

    def reading(self, read: Callable[[RawResponse], Any]) -> Callable[[RawResponse], Any]:
        """Return the reader of responses, which then keeps each of them."""
        if not self.keeps:
            return read

        def keep_and_read(response: RawResponse) -> Any:
            self._served = served_answer(response, hides_usage=self.hides_usage)
            result = read(response)
            self.usage_refused = self.hides_usage and isinstance(result, RelayFailure) and _is_about_usage(result)
            return result

        return keep_and_read

    def kept(self, reply: Reply, route: Route, *, has_response: bool) -> Reply:
        """Return the reply with its route, and with the answer as the server sent it where the last attempt got one."""
        return replace(reply, route=route, served=self._served if has_response else None) if self.keeps else reply


class PassedStream:
    """A listener of the relay client that passes the events of a stream on to an application, each one whole.

    Until an event was passed on, the request may be tried again; after that a failure is final. An answer that begins
    with an error, or that is not a stream, is not passed on. With `hides_usage`, neither is an event that has only the
    tokens of the answer.
    """

    def __init__(self, listener: ByteListener) -> None:
        self._listener = listener
        self._attempts: RequestAttempts[Any, Any] | None = None
        self._events = EventSplitter()
        self._has_failed = False
        self.has_begun = False
        self.hides_usage = False

    def follow(self, attempts: RequestAttempts[Any, Any], limit: asyncio.Timeout) -> None:  # noqa: ARG002 # the attempts' own deadline holds
        """Listen to the attempts of this request."""
        self._attempts = attempts

    def begin(self) -> None:
        """Begin an attempt."""
        self._events, self._has_failed = EventSplitter(), False
        self._listener.begin()

    def look(self, received: bytes) -> None:
        """Pass on the events that these bytes complete; after the first of them no other attempt is made."""
        for event in self._events.feed(received):
            self._pass(event)

    def end(self) -> None:
        """Pass on a last event that no blank line has ended."""
        if rest := self._events.rest():
            self._pass(rest)

    def silent(self) -> RelayFailure:
        """Return the failure of a stream that did not end in time."""
        return RelayFailure(problem="the answer began, and did not end in time", slug=Slug.RELAY_TIMEOUT)

    def _pass(self, event: bytes) -> None:
        if not self.has_begun:
            self._has_failed = self._has_failed or not _may_begin(event)
        if self._has_failed or (self.hides_usage and is_usage_alone(event.decode("utf-8", "replace"))):
            return
        if self._listener.look(event) and not self.has_begun:
            self.has_begun = True
            if self._attempts is not None:
                self._attempts.retries, self._attempts.ends_at_s = 0, math.inf


def lacks_usage(body: Mapping[str, Json], route: Route, arm: Arm) -> bool:
    """Tell whether the streamed answer to a chat request would come without its tokens, and may be asked for them."""
    options = body.get(OPTIONS)
    asked = isinstance(options, dict) and options.get("include_usage") is True
    return route == "chat" and body.get("stream") is True and not asked and OPTIONS not in arm.unset


def with_usage(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return the body of a chat request that asks for the tokens of its streamed answer."""
    options = body.get(OPTIONS)
    return {**body, OPTIONS: {**(options if isinstance(options, dict) else {}), "include_usage": True}}


def served_answer(response: RawResponse, *, hides_usage: bool = False) -> ServedAnswer:
    """Return the body of a response: its events if it is a stream, else its JSON, else its text."""
    if is_stream(response.body):
        events = events_of(bytes(response.body))
        shown = tuple(event for event in events if not (hides_usage and is_usage_alone(event)))
        return ServedAnswer(status=response.status, events=shown)
    try:
        body = read_json(bytes(response.body))
    except ValueError:
        body = bytes(response.body).decode("utf-8", "replace")
    return ServedAnswer(status=response.status, body=body)


def _is_about_usage(failure: RelayFailure) -> bool:
    return failure.param == OPTIONS or (failure.status in LASTING_STATUSES and "include_usage" in failure.problem)


def _may_begin(event: bytes) -> bool:
    """Tell whether a stream may begin for the application with this event: an error may be followed by a retry."""
    if not is_stream(event):
        return False
    with suppress(ValueError):
        value = read_json(data_of(event.decode("utf-8", "replace")))
        return not (isinstance(value, dict) and is_error(value))
    return True
