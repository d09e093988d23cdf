"""The stream of server-sent events: a snapshot at each change, signs of life between, and an end."""

from __future__ import annotations

import json
import signal
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from pytest_graysplit.dashboard.feed import PERIOD_S

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from pytest_graysplit.dashboard.feed import Feed, Frame

RETRY_MS = 1000
TICK_S = 0.1
READ_TICKS = round(PERIOD_S / TICK_S)
KEEP_ALIVE_TICKS = 100
# A server that we cannot ask waits at its shutdown for every stream to end: none lasts longer, and browsers come back.
LIFE_TICKS = 600


async def stream(feed: Feed, request: Request, closing: threading.Event) -> AsyncIterator[str]:
    """Yield events until the state has ended, the server closes, or the client has left."""
    yield f"retry: {RETRY_MS}\n\n"
    version = 0
    for tick in range(LIFE_TICKS):
        closes = closing.is_set() or _server_exits()
        if closes or tick % READ_TICKS == 0:
            frame = await run_sync(partial(feed.read, fresh=closes))
            if frame.version != version:
                version = frame.version
                yield _event("snapshot", frame.text)
            elif tick % KEEP_ALIVE_TICKS == 0:
                yield ": nothing new\n\n"
            if closes or frame.ended:
                yield _end(frame)
                return
        if await request.is_disconnected():
            return
        await anyio.sleep(TICK_S)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _end(frame: Frame) -> str:
    # A server that closes while the state is "running" may come back, and a page that knows goes on asking.
    return _event("end", json.dumps({"state": "ended" if frame.ended else "running"}))


def _server_exits() -> bool:
    """Tell whether the server that catches our signals, as uvicorn's does, is on its way out; it waits for streams."""
    handler = signal.getsignal(signal.SIGTERM)
    return getattr(getattr(handler, "__self__", None), "should_exit", False) is True
