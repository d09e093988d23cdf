"""The stream of server-sent events: a snapshot at each change, comments that keep it open, and an end."""

from __future__ import annotations

import json
import signal
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from pytest_graysplit.reporting.dashboard.snapshot_cache import PERIOD_S

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from pytest_graysplit.reporting.dashboard.snapshot_cache import SnapshotCache, VersionedSnapshot

RETRY_MS = 1000
TICK_S = 0.1
READ_TICKS = round(PERIOD_S / TICK_S)
KEEP_ALIVE_TICKS = 100
# At shutdown some servers wait for every stream, and not all can be asked whether they shut down. So a stream ends
# after a minute, and the browser opens the next one.
LIFE_TICKS = 600


async def stream(cache: SnapshotCache, request: Request, closing: threading.Event) -> AsyncIterator[str]:
    """Yield events until the state has ended, the server shuts down, or the client disconnects."""
    yield f"retry: {RETRY_MS}\n\n"
    version = 0
    for tick in range(LIFE_TICKS):
        closes = closing.is_set() or _server_exits()
        if closes or tick % READ_TICKS == 0:
            snapshot = await run_sync(partial(cache.read, fresh=closes))
            if snapshot.version != version:
                version = snapshot.version
                yield _event("snapshot", snapshot.text)
            elif tick % KEEP_ALIVE_TICKS == 0:
                yield ": nothing new\n\n"
            if closes or snapshot.ended:
                yield _end(snapshot)
                return
        if await request.is_disconnected():
            return
        await anyio.sleep(TICK_S)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _end(snapshot: VersionedSnapshot) -> str:
    # A server that shuts down while the state is "running" may come back, so the page keeps asking.
    return _event("end", json.dumps({"state": "ended" if snapshot.ended else "running"}))


def _server_exits() -> bool:
    """Tell whether the server whose signal handler is installed, such as uvicorn's, is shutting down."""
    handler = signal.getsignal(signal.SIGTERM)
    return getattr(getattr(handler, "__self__", None), "should_exit", False) is True
