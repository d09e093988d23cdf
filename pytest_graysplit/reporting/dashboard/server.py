"""The server of the live page, which runs in a thread beside the main work of the process."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from pytest_graysplit.reporting.dashboard import require
from pytest_graysplit.reporting.dashboard.address import address_of, listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp
    from uvicorn import Server

    from pytest_graysplit.reporting.dashboard.snapshot_cache import Source

# How long open pages may take to receive the end.
STOP_S = 2


class LiveServer:
    """A server of the page of one source, at `url` until `stop` is called; port 0 takes any free port.

    Raises UsageError if the port is taken, the extra is missing, or an address that is not local has no token.
    """

    def __init__(
        self,
        source: Source,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str | None = None,
        metrics: Callable[[], bytes] | None = None,
    ) -> None:
        require("starlette", "uvicorn")
        self._closing = threading.Event()
        self._listener = listening(host, port, token=token)
        self.port: int = self._listener.getsockname()[1]
        self.url = address_of(host, self.port)
        self._server = _server(_app(source, token, self._closing, metrics))
        self._thread = threading.Thread(target=self._run, name="graysplit-dashboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send the last snapshot and the end to open pages, and close the port; a second call does nothing."""
        self._closing.set()
        self._server.should_exit = True
        self._thread.join(2 * STOP_S)

    def _run(self) -> None:
        logger, others = logging.getLogger("uvicorn.error"), OtherThreads()
        logger.addFilter(others)
        try:
            self._server.run(sockets=[self._listener])
        finally:
            logger.removeFilter(others)
            self._listener.close()


class OtherThreads(logging.Filter):
    """A filter that drops the log records of this thread; a log level would silence other uvicorn servers as well."""

    def __init__(self) -> None:
        super().__init__()
        self._own = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the records of other threads."""
        return record.thread != self._own


def serve(  # noqa: PLR0913 # what to show, to whom and where, each by name
    source: Source,
    ready: Callable[[LiveServer], None],
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    token: str | None = None,
    metrics: Callable[[], bytes] | None = None,
) -> None:
    """Serve the page until Ctrl-C; call `ready` once, when the page can be opened."""
    server = LiveServer(source, port=port, host=host, token=token, metrics=metrics)
    try:
        ready(server)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _app(source: Source, token: str | None, closing: threading.Event, metrics: Callable[[], bytes] | None) -> ASGIApp:
    from pytest_graysplit.reporting.dashboard.app import page_app
    from pytest_graysplit.reporting.dashboard.middleware import LocalHostMiddleware

    app = page_app(source, token=token, closing=closing, metrics=metrics)
    return app if token else LocalHostMiddleware(app)


def _server(app: ASGIApp) -> Server:
    from uvicorn import Config, Server

    return Server(
        Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_S,
        )
    )
