"""One connection to a relay: opened before it is timed, watched while it is idle, closed by whatever is odd.

HTTP's grammar is h11's. What is ours is what a pool of a client library hides: how many bytes an answer holds before
and after decompression, whether anything follows it, and sockets that no mock of a test's own reaches.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import h11
from aiohappyeyeballs import start_connection

from pytest_graysplit.clock import REAL
from pytest_graysplit.relay.body import MOST_BYTES_PER_ANSWER, MOST_BYTES_PER_ERROR, Body, TooLargeError
from pytest_graysplit.relay.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.relay.body import Meter
    from pytest_graysplit.relay.proxies import Proxy

# A relay may close a connection that has been idle for about this long (uvicorn does); using it would be a race.
IDLE_S = 5.0
# The second address of a host is tried as well when the first has not answered for so long (RFC 8305).
NEXT_ADDRESS_S = 0.25
_READ_AHEAD = 256_000
_MOST_HEADER_BYTES = 64_000


class CannotConnectError(Exception):
    """The relay, or the proxy before it, was not reached: nothing has been sent."""


class BrokenConnectionError(Exception):
    """The connection ended, or was garbled, before the answer was whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where requests go: host and port, the TLS settings where it wants them, and the proxy on the way."""

    host: str
    port: int
    authority: str
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None
    proxy_tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, url: str, tls: Callable[[], ssl.SSLContext], proxy: Proxy | None) -> Endpoint:
        """Read an address that is known to be one; `tls` makes the settings, where any are needed."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        context = tls() if secure or (proxy and proxy.tls) else None
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
        shown = f"[{host}]" if ":" in host else host
        return cls(
            host=host,
            port=parts.port or (443 if secure else 80),
            authority=f"{shown}:{parts.port}" if parts.port else shown,
            tls=context if secure else None,
            proxy=proxy,
            proxy_tls=context if proxy and proxy.tls else None,
        )


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
        self._pipe: _Pipe | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since_s = 0.0

    async def open(self) -> None:
        """Make sure that there is a connection which nothing speaks against; raise CannotConnectError."""
        if self._pipe is not None:
            await asyncio.sleep(0)  # one look at the socket: what has come since the last answer is not ours
            if self._pipe.is_quiet and REAL.monotonic() - self._idle_since_s < IDLE_S:
                return
            self.close()
        try:
            self._pipe = await _connected(self._endpoint)
        except (OSError, ssl.SSLError, UnicodeError, h11.ProtocolError) as error:
            raise CannotConnectError(_reason(error)) from None
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
            raise BrokenConnectionError(_reason(error)) from None
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

    async def _receive(self, pipe: _Pipe, body: Body, watch: Callable[[bytes], None] | None) -> None:
        while type(event := await self._next_event(pipe)) is h11.Data:
            piece = body.add(bytes(event.data))
            if watch is not None:
                watch(piece)
        body.close()

    async def _next_event(self, pipe: _Pipe) -> Any:
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
        return _encoded(self._http, request.method, target, headers, request.content)

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


class _Pipe(asyncio.Protocol):
    """The bytes of one connection: those that came, and whether more will."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._came = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing came that was not read, not even the end."""
        return not (self._came or self._ended)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below."""
        if self._transport is None:
            raise OSError("the connection is not open")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # that of a stream, which both reads and writes

    def data_received(self, data: bytes) -> None:
        self._came += data
        if len(self._came) > _READ_AHEAD:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake()

    def write(self, data: bytes) -> None:
        """Send, or keep for sending; raise OSError where the connection has ended."""
        if self._ended:
            raise self._error or ConnectionResetError("it was closed")
        self.transport.write(data)

    async def read(self) -> bytes:
        """Wait for bytes and return them, nothing at the end; raise OSError where the connection broke."""
        while not self._came:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._came)
        self._came.clear()
        if len(data) > _READ_AHEAD and not self._ended:
            self.transport.resume_reading()
        return data

    def close(self) -> None:
        """Close at once, without waiting for what was not sent."""
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Sockets:
    """Sockets as they were when this module was imported: what a test blocks or records later is not ours."""

    def __init__(self) -> None:
        self.look_up = socket.getaddrinfo
        connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
        self.kind = type("_Socket", (socket.socket,), {"connect": connect, "connect_ex": connect_ex, "__slots__": ()})

    def make(self, address: Any) -> socket.socket:
        made: socket.socket = self.kind(*address[:3])
        made.setblocking(False)  # noqa: FBT003 # the standard library takes it by place alone
        with suppress(OSError):  # small requests must not wait for the answer to the packet before
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


_SOCKETS = _Sockets()


async def _connected(endpoint: Endpoint) -> _Pipe:
    if endpoint.proxy is None:
        return await _open(endpoint.host, endpoint.port, endpoint.tls)
    pipe = await _open(endpoint.proxy.host, endpoint.proxy.port, endpoint.proxy_tls)
    if endpoint.tls is None:
        return pipe
    try:
        await _tunnel(pipe, endpoint)
        return await _secured(pipe, endpoint.tls, endpoint.host)
    except BaseException:
        pipe.close()
        raise


async def _open(host: str, port: int, tls: ssl.SSLContext | None) -> _Pipe:
    loop = asyncio.get_running_loop()
    addresses = await loop.run_in_executor(None, _SOCKETS.look_up, host, port, 0, socket.SOCK_STREAM)
    sock = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, socket_factory=_SOCKETS.make)
    try:
        _, pipe = await loop.create_connection(_Pipe, sock=sock, ssl=tls, server_hostname=host if tls else None)
    except BaseException:
        sock.close()
        raise
    return pipe


async def _tunnel(pipe: _Pipe, endpoint: Endpoint) -> None:
    """Ask the proxy for a way through to the relay; raise OSError where it refuses."""
    http = h11.Connection(h11.CLIENT)
    authority = f"{_bracketed(endpoint.host)}:{endpoint.port}"
    headers = [("host", authority), ("user-agent", "pytest-graysplit")]
    if endpoint.proxy and endpoint.proxy.authorization:
        headers.append(("proxy-authorization", endpoint.proxy.authorization))
    pipe.write(_encoded(http, "CONNECT", authority, headers))
    while (event := http.next_event()) is h11.NEED_DATA or type(event) is h11.InformationalResponse:
        if event is h11.NEED_DATA:
            http.receive_data(await pipe.read())
    status = event.status_code if type(event) is h11.Response else 0
    if not 200 <= status < 300:
        raise OSError(f"the proxy answered {status}" if status else "the proxy closed the connection")


async def _secured(pipe: _Pipe, tls: ssl.SSLContext, host: str) -> _Pipe:
    inner = _Pipe()
    loop = asyncio.get_running_loop()
    transport = await loop.start_tls(pipe.transport, inner, tls, server_hostname=host)
    if transport is None:
        raise OSError("the connection was closed while it was being secured")
    inner.connection_made(transport)
    return inner


def _encoded(
    http: h11.Connection, method: str, target: str, headers: list[tuple[str, str]], content: bytes = b""
) -> bytes:
    begin = http.send(h11.Request(method=method, target=target, headers=headers)) or b""
    middle = http.send(h11.Data(data=content)) or b"" if content else b""
    return begin + middle + (http.send(h11.EndOfMessage()) or b"")


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name, in lower case; several of one name are one list, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"CERTIFICATE_VERIFY_FAILED: {error.verify_message}"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        # asyncio's own text repeats the address, and getaddrinfo counts its errors below zero.
        told = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return told or str(error) or type(error).__name__
    return str(error) or type(error).__name__
