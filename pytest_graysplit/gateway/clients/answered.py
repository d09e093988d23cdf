"""Requests of httpx clients that are answered here: all of the client takes part except its connection."""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from pytest_graysplit.gateway.call_answer import CutAnswerError
from pytest_graysplit.gateway.clients.patches import bound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import ModuleType

    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.gateway.clients.addresses import KnownAddresses, ModelAddress

    Answer = Callable[[str, ModelAddress, dict[str, str], bytes], CallAnswer]
    Send = Callable[..., Any]


class AnsweredSends:
    """Makes `send` functions of clients that hand requests for models to the gateway, and send all others.

    `answer` gets the method, the address, the headers with names in lower case, and the body. `escaped` gets the URL
    and the body of a request that seems to be for a model, and goes to an address that is not known. A forked process
    has no thread that could answer, so its requests go to the gateway's own address `gateway_url`.
    """

    def __init__(
        self, known: KnownAddresses, answer: Answer, gateway_url: str, escaped: Callable[[str, bytes], None]
    ) -> None:
        self.known = known
        self.answer = answer
        self.escaped = escaped
        self.gateway_url = gateway_url
        self.process_id = os.getpid()

    def make_send(self, library: ModuleType, owner: type, found: Send) -> Send:
        """Return the new `send` of a class of clients, where `found` is the one that it has."""
        connection = (_AsyncConnection if issubclass(owner, library.AsyncClient) else _Connection)(library, self)

        def send(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if not isinstance(client, _Answered):
                if self.known.find(url := str(request.url)) is not None:
                    client = _answered(client, connection)
                elif self.known.resembles(url):
                    with suppress(library.RequestNotRead):  # requests to models are not streamed
                        self.escaped(url, request.content)
            return bound(found, client)(request, *args, **kwargs)

        return send


class _Answered:
    """A client that shares its state with a client of the application, but is connected to the gateway."""

    __slots__ = ()
    connection: _Connection

    def __del__(self) -> None:
        """Close nothing: the connections belong to the other client."""

    def _transport_for_url(self, url: Any) -> Any:
        if self.connection.sends.known.find(str(url)) is not None:
            return self.connection
        other: Any = super()
        return other._transport_for_url(url)  # noqa: SLF001 # a redirect to another place, or the request for a token


def _answered(client: Any, connection: _Connection) -> Any:
    owner: Any = type(client)
    answered: Any = object.__new__(_answered_class(owner, connection))
    answered.__dict__ = client.__dict__
    return answered


@functools.lru_cache(maxsize=64)
def _answered_class(owner: type, connection: _Connection) -> type:
    return type(f"Answered{owner.__name__}", (_Answered, owner), {"connection": connection})


class _Connection:
    """The transport of a synchronous client to the gateway."""

    def __init__(self, library: ModuleType, sends: AnsweredSends) -> None:
        self.library: Any = library
        self.sends = sends
        self.stream = type("AnswerStream", (_Pieces, self.library.SyncByteStream), {})

    def handle_request(self, request: Any) -> Any:
        """Return the response to a request, whose body may still come."""
        body = request.read()
        if self.is_forked:
            return self.transport(self.library.HTTPTransport).handle_request(self.to_gateway(request))
        answer, timeout_s = self.answer(request, body), _read_timeout_s(request)
        try:
            answer.wait(timeout_s)
        except TimeoutError as error:
            raise self.timed_out() from error
        return self.response(answer, timeout_s)

    @property
    def is_forked(self) -> bool:
        """Whether this process is a copy of the one that answers."""
        return os.getpid() != self.sends.process_id

    def answer(self, request: Any, body: bytes) -> CallAnswer:
        """Hand a request to the gateway."""
        address = self.sends.known.find(str(request.url))
        if address is None:  # an event hook of the client has changed it
            raise self.library.UnsupportedProtocol(f"{request.url} is not an address of a model")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return self.sends.answer(request.method, address, headers, body)

    def transport(self, kind: Any) -> Any:
        """Return a real transport, whose connection is closed after one answer."""
        return kind(trust_env=False, limits=self.library.Limits(max_keepalive_connections=0))

    def to_gateway(self, request: Any) -> Any:
        """Return the same request with the address of the gateway."""
        address = self.sends.known.find(str(request.url))
        if address is not None and not address.is_gateway:
            request.url = self.library.URL(self.sends.gateway_url + address.route)
            request.headers["host"] = request.url.netloc.decode("ascii")
        return request

    def response(self, answer: CallAnswer, timeout_s: float | None) -> Any:
        """Return the response that a server would have given."""
        headers = dict(answer.headers)
        headers |= {"transfer-encoding": "chunked"} if answer.is_stream else {"content-length": str(len(answer.body))}
        return self.library.Response(
            answer.status,
            headers=headers,
            stream=self.stream(answer, self, timeout_s),
            extensions={"http_version": b"HTTP/1.1"},
        )

    def timed_out(self) -> Exception:
        """Return the exception of a client whose server was silent for too long."""
        error: Exception = self.library.ReadTimeout("The read operation timed out")
        return error

    def cut(self, error: CutAnswerError) -> Exception:
        """Return the exception of a client whose server hung up in the middle of an answer."""
        problem = f"peer closed connection without sending complete message body: {error}"
        cut: Exception = self.library.RemoteProtocolError(problem)
        return cut


class _AsyncConnection(_Connection):
    """The transport of an asynchronous client to the gateway, for event loops of asyncio and trio."""

    def __init__(self, library: ModuleType, sends: AnsweredSends) -> None:
        super().__init__(library, sends)
        self.stream = type("AnswerStream", (_AsyncPieces, self.library.AsyncByteStream), {})

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response to a request, whose body may still come."""
        body = await request.aread()
        if self.is_forked:
            return await self.transport(self.library.AsyncHTTPTransport).handle_async_request(self.to_gateway(request))
        answer, timeout_s = self.answer(request, body), _read_timeout_s(request)
        try:
            with anyio.fail_after(timeout_s):
                await answer
        except TimeoutError as error:
            raise self.timed_out() from error
        return self.response(answer, timeout_s)


class _Pieces:
    """The body of an answer as it comes, for a synchronous client."""

    def __init__(self, answer: CallAnswer, connection: _Connection, timeout_s: float | None) -> None:
        self.answer = answer
        self.connection = connection
        self.timeout_s = timeout_s

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.answer.pieces(self.timeout_s)
        except TimeoutError as error:
            self.answer.abandon()
            raise self.connection.timed_out() from error
        except CutAnswerError as error:
            raise self.connection.cut(error) from error


class _AsyncPieces(_Pieces):
    """The body of an answer as it comes, for an asynchronous client."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self.answer)
        try:
            while True:
                # No deadline may span a `yield`: the code of the application runs there.
                with anyio.fail_after(self.timeout_s):
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                yield piece
        except TimeoutError as error:
            self.answer.abandon()
            raise self.connection.timed_out() from error
        except CutAnswerError as error:
            raise self.connection.cut(error) from error


def _read_timeout_s(request: Any) -> float | None:
    """Return how long the client waits for the next bytes of an answer."""
    timeout_s: float | None = request.extensions.get("timeout", {}).get("read")
    return timeout_s
