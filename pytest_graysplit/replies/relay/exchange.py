"""One exchange with a relay: an open connection, one deadline for everything, and a failure for each way to fail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.replies.relay.body import EncodingError, TooLargeError
from pytest_graysplit.replies.relay.connection import BrokenConnectionError
from pytest_graysplit.replies.relay.failures import RelayFailure, shorten
from pytest_graysplit.replies.relay.pipe import CannotConnectError
from pytest_graysplit.replies.relay.stream import TokenWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.replies.relay.connection import Connection, Request
    from pytest_graysplit.replies.relay.failures import RawResponse
    from pytest_graysplit.replies.relay.served import PassedStream
    from pytest_graysplit.replies.relay.streaming import StreamListener
    from pytest_graysplit.types import Redactor

    Listener = StreamListener | PassedStream


class Exchanger:
    """The sender of single requests; `clock` counts the seconds to the first token of a stream."""

    def __init__(self, clock: Callable[[], float], redact: Redactor) -> None:
        self._clock = clock
        self._redact = redact

    async def exchange(  # noqa: PLR0913 # the whole request, each part by name
        self,
        connection: Connection,
        request: Request,
        deadline_s: float | None,
        opened: Callable[[], None],
        *,
        streams: bool = False,
        listener: Listener | None = None,
    ) -> RawResponse | RelayFailure:
        """Send a request, and return its response or the failure; `opened` is called when the connection is open."""
        # One deadline for everything: a read timeout would start again with every blank line of a keep-alive.
        is_open = False
        try:
            async with asyncio.timeout(deadline_s):
                await connection.open()
                is_open = True
                opened()
                if streams:
                    return await self._receive_stream(connection, request, listener)
                return await connection.exchange(request)
        except TimeoutError:
            return RelayFailure(
                problem=f"no whole answer within {deadline_s:g} s", slug=Slug.RELAY_TIMEOUT, unsent=not is_open
            )
        except (CannotConnectError, BrokenConnectionError, EncodingError, TooLargeError) as error:
            return _failure_of(error, self._redact)

    async def _receive_stream(self, connection: Connection, request: Request, listener: Listener | None) -> RawResponse:
        started, watch = self._clock(), TokenWatch()
        if listener is not None:
            listener.begin()
        ttft_s: float | None = None

        def look(piece: bytes) -> None:
            nonlocal ttft_s
            if watch.sees_first(piece):
                ttft_s = self._clock() - started
            if listener is not None:
                listener.look(piece)

        response = await connection.exchange(request, look)
        if listener is not None:
            listener.end()
        return response._replace(ttft_s=ttft_s)


def unexpected(error: Exception, redact: Redactor = str) -> RelayFailure:
    """Return the failure of a request that failed in an unexpected way."""
    problem = f"reading the answer failed unexpectedly: {type(error).__name__}: {shorten(redact(str(error)))}"
    return RelayFailure(problem=problem, slug=Slug.RELAY_UNEXPECTED)


def _failure_of(error: Exception, redact: Redactor) -> RelayFailure:
    problem = shorten(redact(str(error)))
    match error:
        case CannotConnectError():
            return RelayFailure(problem=f"cannot connect: {problem}", slug=Slug.RELAY_UNREACHABLE, unsent=True)
        case BrokenConnectionError():
            return RelayFailure(problem=f"the connection broke: {problem}", slug=Slug.RELAY_UNREACHABLE)
        case TooLargeError():
            return RelayFailure(problem=problem, slug=Slug.RELAY_ANSWER_LARGE, status=413)
        case _:
            return RelayFailure(problem=problem, slug=Slug.RELAY_ANSWER_CUT)
