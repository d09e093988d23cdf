"""The thread that serves the gateway over HTTP, with an event loop and a clock of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.request_worker import own_loop
from pytest_graysplit.reporting.dashboard.server import OtherThreads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HOST = "127.0.0.1"
_WAITING = 1024
_LOGGERS = ("uvicorn.error", "uvicorn.access")
# Clients keep connections open while a test computes; a server that closes them would race with the next request.
_KEEP_ALIVE_S = 3600
_STOP_S = 2.0
_ROUNDS = 5


class _Socket(socket.socket):
    """A socket whose connections are of the class that the module `socket` had when this one was imported."""

    __slots__ = ()

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection without a look at `socket.socket`, which a test may have replaced."""
        fd, address = self._accept()  # type: ignore[attr-defined] # as the standard library does
        return _Socket(self.family, self.type, self.proto, fileno=fd), address


class ServerThread:
    """A server of one ASGI app on a listening socket, from `start` until `stop`.

    The thread is ready to answer when `start` returns: everything is imported, and its sockets are open.
    """

    def __init__(self, app: Callable[..., Any], listener: socket.socket) -> None:
        require_packages()
        self._app = app
        self._listener = listener
        self._loop = own_loop()
        self._stopping = asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # a client that hangs up is not worth a log record
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="graysplit-gateway", daemon=True)

    def start(self) -> None:
        """Start the thread, and wait until it serves; raise UsageError if it cannot."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise UsageError(
                f"graysplit_app cannot use the installed uvicorn: {type(self._failure).__name__}: {self._failure}",
                hint="pip install --upgrade 'pytest-graysplit[app]'",
                slug=Slug.GATEWAY_MISSING,
            )

    def stop(self) -> None:
        """Close all connections and the port, and end the thread; a second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        others = OtherThreads()
        loggers = [logging.getLogger(name) for name in _LOGGERS]
        for logger in loggers:
            logger.addFilter(others)
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 # `start` reports it
            self._failure = error
        finally:
            for logger in loggers:
                logger.removeFilter(others)
            self._ready.set()
            self._listener.close()

    async def _serve(self) -> None:
        from uvicorn import Config
        from uvicorn.protocols.http.h11_impl import H11Protocol
        from uvicorn.server import ServerState

        config = Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        config.load()
        state = ServerState()
        server = await self._loop.create_server(
            lambda: H11Protocol(config=config, server_state=state, app_state={}), sock=self._listener
        )
        self._ready.set()
        await self._stopping.wait()
        with suppress(NotImplementedError):  # Windows
            self._loop.remove_reader(self._listener)
        await self._settle()  # a connection that was just accepted would stay open without its server
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await self._settle()

    async def _settle(self) -> None:
        """Let the loop run the callbacks that it has."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)


def listening() -> socket.socket:
    """Return a socket that listens on a free port of 127.0.0.1; raise UsageError if there is none."""
    made = _Socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY for this protocol
    try:
        made.bind((HOST, 0))
        made.listen(_WAITING)
        made.setblocking(False)  # noqa: FBT003 # the standard library accepts it only as a positional argument
    except OSError as error:
        made.close()
        raise UsageError(
            f"the gateway for graysplit_app cannot listen on {HOST}: {(error.strerror or str(error)).lower()}",
            hint="allow the test process to open a port on the loopback",
            slug=Slug.GATEWAY_PORT,
        ) from None
    return made


def require_packages() -> None:
    """Raise UsageError unless the extra `app` is installed."""
    missing = [package for package in ("uvicorn",) if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"graysplit_app needs {' and '.join(missing)}",
            hint="pip install 'pytest-graysplit[app]'",
            slug=Slug.GATEWAY_MISSING,
        )
