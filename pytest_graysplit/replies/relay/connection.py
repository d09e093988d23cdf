"""One connection to a relay: opened before it is timed, watched while it is idle, closed by whatever is odd.

HTTP's grammar is h11's. What is ours is what the pool of a client library hides: how many bytes an answer holds before
and after decompression, and whether anything follows it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import h11

from pytest_graysplit.formatting.clock import REAL
from pytest_graysplit.replies.relay.body import MOST_BYTES_PER_ANSWER, MOST_BYTES_PER_ERROR, Body, TooLargeError
from pytest_graysplit.replies.relay.failures import Answer
from pytest_graysplit.replies.relay.pipe import connected, encoded, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.replies.relay.body import Meter
    from pytest_graysplit.replies.relay.pipe import Endpoint, Pipe

# A relay may close a connection that has been idle for about this long (uvicorn does); using it would be a race.
IDLE_S = 5.0
_MOST_HEADER_BYTES = 64_000


class BrokenConnectionError(Exception):
    """The connection ended, or was garbled, before the answer was whole."""


class Request(NamedTuple):
    """A request as it is written to the wire; `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = b""


class Connection:
    """One connection, opened when it is first needed and again when it was closed; it serves one request at a time."""

    def __init__(self, endpoint: Endpoint, meter: Meter) -> None:
        self._endpoint = endpoint
        self._meter = meter
        self._pipe: Pipe | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since_s = 0.0

    async def open(self) -> None:
        """Make sure that there is a connection which nothing speaks against; raise CannotConnectError."""
        if self._pipe is not None:
            await asyncio.sleep(0)  # one look at the socket: what has come since the last answer is not ours
            if self._pipe.is_quiet and REAL.monotonic() - self._idle_since_s < IDLE_S:
                return
            self.close()
        self._pipe = await connected(self._endpoint)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
        self._idle_since_s = REAL.monotonic()

    async def exchange(self, request: Request, watch: Callable[[bytes], None] | None = None) -> Answer:
        """Send a request over the open connection and return the whole answer; `watch` sees its body as it comes.

        Raises BrokenConnectionError, TooLargeError and EncodingError; after these, and when it is cancelled, the
        connection is closed.
        """
        finished = False
        try:
            answer = await self._exchange(request, watch)
            finished = True
        except h11.ProtocolError as error:
            raise BrokenConnectionError(f"what came is not HTTP: {error}") from None
        except OSError as error:
            raise BrokenConnectionError(reason_of(error)) from None
        finally:
            if not (finished and self._rests()):
                self.close()
        return answer

    def close(self) -> None:
        """Close the connection, whatever it was doing."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    async def _exchange(self, request: Request, watch: Callable[[bytes], None] | None) -> Answer:
        pipe = self._pipe
        if pipe is None:
            raise BrokenConnectionError("it was closed")
        pipe.write(self._written(request))
        event = await self._next_event(pipe)
        while type(event) is h11.InformationalResponse:
            event = await self._next_event(pipe)
        headers = _headers(event.headers)
        good = 200 <= event.status_code < 300
        body = Body(headers, self._meter, most=MOST_BYTES_PER_ANSWER if good else MOST_BYTES_PER_ERROR)
        try:
            await self._receive(pipe, body, watch)
        except TooLargeError:
            if good:
                raise
        finally:
            body.forget()
        return Answer(event.status_code, headers, body.data)

    async def _receive(self, pipe: Pipe, body: Body, watch: Callable[[bytes], None] | None) -> None:
        while type(event := await self._next_event(pipe)) is h11.Data:
            piece = body.add(bytes(event.data))
            if watch is not None:
                watch(piece)
        body.close()

    async def _next_event(self, pipe: Pipe) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await pipe.read()
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise BrokenConnectionError("it was closed before an answer came")
            self._http.receive_data(data)
        return event

    def _written(self, request: Request) -> bytes:
        endpoint = self._endpoint
        forwarded = endpoint.proxy is not None and endpoint.tls is None
        target = f"http://{endpoint.authority}{request.target}" if forwarded else request.target
        headers = [("host", endpoint.authority), *request.headers.items()]
        if request.content:
            headers.append(("content-length", str(len(request.content))))
        if forwarded and endpoint.proxy and endpoint.proxy.authorization:
            headers.append(("proxy-authorization", endpoint.proxy.authorization))
        return encoded(self._http, request.method, target, headers, request.content)

    def _rests(self) -> bool:
        """Tell whether the answer was the last word, so that the connection may serve another request."""
        http, pipe = self._http, self._pipe
        if pipe is None or http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        if http.trailing_data != (b"", False) or not pipe.is_quiet:
            return False
        http.start_next_cycle()
        self._idle_since_s = REAL.monotonic()
        return True


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name, in lower case; several of one name are one list, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
