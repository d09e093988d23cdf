"""One connection to a relay: opened before the request is timed, watched while idle, closed after anything unexpected.

h11 parses HTTP. This module adds the parts that the pool of a client library hides: the size of a response before and
after decompression, and unexpected bytes after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import h11

from pytest_graysplit.formatting.clock import REAL
from pytest_graysplit.replies.relay.body import MOST_BYTES_PER_ANSWER, MOST_BYTES_PER_ERROR, Body, TooLargeError
from pytest_graysplit.replies.relay.failures import RawResponse
from pytest_graysplit.replies.relay.pipe import connected, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.replies.relay.body import Meter
    from pytest_graysplit.replies.relay.pipe import Endpoint, Pipe

# A relay may close a connection after about this long without a request, as uvicorn does; to use it would be a race.
IDLE_S = 5.0
_MOST_HEADER_BYTES = 64_000


class BrokenConnectionError(Exception):
    """A connection that ended or became unreadable before the response was complete."""


class Request(NamedTuple):
    """A request as it is sent; `target` is its path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = b""


class Connection:
    """One connection, opened on first use and again after it was closed; it serves one request at a time."""

    def __init__(self, endpoint: Endpoint, meter: Meter) -> None:
        self._endpoint = endpoint
        self._meter = meter
        self._pipe: Pipe | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since_s = 0.0

    async def open(self) -> None:
        """Open the connection unless a usable one is open; raise CannotConnectError."""
        if self._pipe is not None:
            await asyncio.sleep(0)  # let the loop look at the socket: bytes after the last response do not belong to us
            if self._pipe.is_quiet and REAL.monotonic() - self._idle_since_s < IDLE_S:
                return
            self.close()
        self._pipe = await connected(self._endpoint)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
        self._idle_since_s = REAL.monotonic()

    async def exchange(self, request: Request, watch: Callable[[bytes], None] | None = None) -> RawResponse:
        """Send a request over the open connection and return the whole response; `watch` sees its body as it arrives.

        The body of an error response is not watched. Raises BrokenConnectionError, TooLargeError and EncodingError;
        after these, and after a cancellation, the connection is closed.
        """
        finished = False
        try:
            response = await self._exchange(request, watch)
            finished = True
        except h11.ProtocolError as error:
            raise BrokenConnectionError(f"the response is not HTTP: {error}") from None
        except OSError as error:
            raise BrokenConnectionError(reason_of(error)) from None
        finally:
            if not (finished and self._rests()):
                self.close()
        return response

    def close(self) -> None:
        """Close the connection in any state."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    async def _exchange(self, request: Request, watch: Callable[[bytes], None] | None) -> RawResponse:
        pipe = self._pipe
        if pipe is None:
            raise BrokenConnectionError("it was closed")
        pipe.write(self._encode(request))
        event = await self._next_event(pipe)
        while type(event) is h11.InformationalResponse:
            event = await self._next_event(pipe)
        headers = _headers(event.headers)
        good = 200 <= event.status_code < 300
        body = Body(headers, self._meter, most=MOST_BYTES_PER_ANSWER if good else MOST_BYTES_PER_ERROR)
        try:
            await self._receive(pipe, body, watch if good else None)
        except TooLargeError:
            if good:
                raise
        finally:
            body.forget()
        return RawResponse(event.status_code, headers, body.data)

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

    def _encode(self, request: Request) -> bytes:
        endpoint = self._endpoint
        forwarded = endpoint.proxy is not None and endpoint.tls is None
        target = f"http://{endpoint.authority}{request.target}" if forwarded else request.target
        headers = [("host", endpoint.authority), *request.headers.items()]
        if request.content:
            headers.append(("content-length", str(len(request.content))))
        if forwarded and endpoint.proxy and endpoint.proxy.authorization:
            headers.append(("proxy-authorization", endpoint.proxy.authorization))
        http, content = self._http, request.content
        head = http.send(h11.Request(method=request.method, target=target, headers=headers)) or b""
        body = http.send(h11.Data(data=content)) or b"" if content else b""
        return head + body + (http.send(h11.EndOfMessage()) or b"")

    def _rests(self) -> bool:
        """Tell whether nothing follows the response, so that the connection can serve another request."""
        http, pipe = self._http, self._pipe
        if pipe is None or http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        if http.trailing_data != (b"", False) or not pipe.is_quiet:
            return False
        http.start_next_cycle()
        self._idle_since_s = REAL.monotonic()
        return True


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name, in lower case; several headers of one name become one list, as HTTP defines it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
