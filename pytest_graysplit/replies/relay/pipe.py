"""The transport to a relay: its address, how a connection to it is opened, and the bytes that it carries.

Sockets and name lookup are those at the time of the import: blocks, recordings and replacements that a test installs
later do not apply.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import h11
from aiohappyeyeballs import start_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_graysplit.replies.relay.proxies import Proxy

# The second address of a host is tried as well when the first has not responded for this long (RFC 8305).
NEXT_ADDRESS_S = 0.25
_NAME_THREADS = 4
_READ_AHEAD = 256_000


class CannotConnectError(Exception):
    """The relay, or the proxy before it, was not reached: nothing has been sent."""


class NameLookup:
    """The lookups of one relay's name, on threads of its own: a name server that hangs delays no other relay.

    A lookup cannot be interrupted. On the threads that the event loop shares, those of one relay would hold back the
    connections of all others, and any other work that the application gives to threads.
    """

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def addresses(self, host: str, port: int) -> Sequence[Any]:
        """Return the addresses of a host; raise OSError where it has none."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_NAME_THREADS, "graysplit-names")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _SOCKETS.look_up, host, port, 0, socket.SOCK_STREAM)

    def close(self) -> None:
        """Let the threads end; a lookup that hangs is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The destination of requests: host and port, the TLS settings if it uses them, the proxy, and name lookups."""

    host: str
    port: int
    authority: str
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None
    proxy_tls: ssl.SSLContext | None = None
    names: NameLookup = field(default_factory=NameLookup, repr=False, compare=False)

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


class Pipe(asyncio.Protocol):
    """The bytes of one connection: those received, and whether more will follow."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is unread, not even the end."""
        return not (self._received or self._ended)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport of the connection."""
        if self._transport is None:
            raise OSError("the connection is not open")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment] # that of a stream, which both reads and writes

    def data_received(self, data: bytes) -> None:
        """Keep the bytes, and pause reading while too many of them are unread."""
        self._received += data
        if len(self._received) > _READ_AHEAD:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Remember that no more bytes will follow."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember the end, and its cause."""
        self._ended = True
        self._error = exc
        self._wake()

    def write(self, data: bytes) -> None:
        """Send the data, or buffer it for sending; raise OSError where the connection has ended."""
        if self._ended:
            raise self._error or ConnectionResetError("it was closed")
        self.transport.write(data)

    async def read(self) -> bytes:
        """Wait for bytes and return them, nothing at the end; raise OSError where the connection broke."""
        while not self._received:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = bytes(self._received)
        self._received.clear()
        if len(data) > _READ_AHEAD and not self._ended:
            self.transport.resume_reading()
        return data

    def close(self) -> None:
        """Close at once, and discard data that was not sent."""
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Sockets:
    """Sockets as they were when this module was imported, before any test blocks or records them."""

    def __init__(self) -> None:
        self.look_up = socket.getaddrinfo
        connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
        self.kind = type("_Socket", (socket.socket,), {"connect": connect, "connect_ex": connect_ex, "__slots__": ()})

    def make(self, address: Any) -> socket.socket:
        made: socket.socket = self.kind(*address[:3])
        made.setblocking(False)  # noqa: FBT003 # the standard library accepts it only as a positional argument
        with suppress(OSError):  # small requests must not wait for the acknowledgement of the packet before
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


_SOCKETS = _Sockets()


async def connected(endpoint: Endpoint) -> Pipe:
    """Open a connection, through the proxy and with TLS where the endpoint asks for it; raise CannotConnectError."""
    try:
        return await _connected(endpoint)
    except (OSError, ssl.SSLError, UnicodeError, h11.ProtocolError) as error:
        raise CannotConnectError(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """Explain in a few words why a connection could not be opened, or ended."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"CERTIFICATE_VERIFY_FAILED: {error.verify_message}"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        # asyncio's own text repeats the address, and getaddrinfo has negative error numbers.
        text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return text or str(error) or type(error).__name__
    return str(error) or type(error).__name__


async def _connected(endpoint: Endpoint) -> Pipe:
    if endpoint.proxy is None:
        return await _open(endpoint.names, endpoint.host, endpoint.port, endpoint.tls)
    pipe = await _open(endpoint.names, endpoint.proxy.host, endpoint.proxy.port, endpoint.proxy_tls)
    if endpoint.tls is None:
        return pipe
    try:
        await _tunnel(pipe, endpoint)
        return await _secured(pipe, endpoint.tls, endpoint.host)
    except BaseException:
        pipe.close()
        raise


async def _open(names: NameLookup, host: str, port: int, tls: ssl.SSLContext | None) -> Pipe:
    loop = asyncio.get_running_loop()
    addresses = await names.addresses(host, port)
    sock = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, socket_factory=_SOCKETS.make)
    try:
        _, pipe = await loop.create_connection(Pipe, sock=sock, ssl=tls, server_hostname=host if tls else None)
    except BaseException:
        sock.close()
        raise
    return pipe


async def _tunnel(pipe: Pipe, endpoint: Endpoint) -> None:
    """Ask the proxy for a tunnel to the relay; raise OSError where it refuses."""
    http = h11.Connection(h11.CLIENT)
    authority = f"{_bracketed(endpoint.host)}:{endpoint.port}"
    headers = [("host", authority), ("user-agent", "pytest-graysplit")]
    if endpoint.proxy and endpoint.proxy.authorization:
        headers.append(("proxy-authorization", endpoint.proxy.authorization))
    head = http.send(h11.Request(method="CONNECT", target=authority, headers=headers)) or b""
    pipe.write(head + (http.send(h11.EndOfMessage()) or b""))
    while (event := http.next_event()) is h11.NEED_DATA or type(event) is h11.InformationalResponse:
        if event is h11.NEED_DATA:
            http.receive_data(await pipe.read())
    status = event.status_code if type(event) is h11.Response else 0
    if not 200 <= status < 300:
        raise OSError(f"the proxy answered {status}" if status else "the proxy closed the connection")


async def _secured(pipe: Pipe, tls: ssl.SSLContext, host: str) -> Pipe:
    inner = Pipe()
    loop = asyncio.get_running_loop()
    transport = await loop.start_tls(pipe.transport, inner, tls, server_hostname=host)
    if transport is None:
        raise OSError("the connection was closed while it was being secured")
    inner.connection_made(transport)
    return inner


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
