"""The answer to one request of an application, which another thread completes: for threads and for event loops."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping

    Waiter = tuple[Callable[[], Awaitable[object]], Callable[[], object]]

JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream; charset=utf-8"
# The clients of OpenAI and Anthropic try again unless a failed answer forbids it; the relay client has retried already.
NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}


class CutAnswerError(Exception):
    """A stream that failed after a part of it was passed on; the text says why."""


class CallAnswer:
    """One answer: a head, which is its `status` and `headers`, and the pieces of its body.

    `wait()` blocks until the head is there, and iteration yields the pieces as they come. In an event loop of asyncio
    or trio, `await answer` and `async for piece in answer` do the same. If the head is complete, `is_stream` tells
    whether the body may still grow, and `body` is the whole body otherwise. `is_beyond_limit` marks the error for a
    request beyond the limit of its test: a caller in this process raises CallLimitError instead. `is_abandoned`
    marks an answer that came too late: the client's own time was over, or its request was cancelled.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.is_stream = False
        self.is_beyond_limit = False
        self.is_abandoned = False
        self._pieces: list[bytes] = []
        self._ended = False
        self._cut: str | None = None
        self._changed = threading.Condition()
        self._wakers: list[Callable[[], object]] = []

    @classmethod
    def of(cls, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> CallAnswer:
        """Return a complete answer, by default of JSON."""
        answer = cls()
        answer.complete(status, body, headers)
        return answer

    @property
    def has_head(self) -> bool:
        """Whether status and headers are there."""
        return self.status != 0

    @property
    def body(self) -> bytes:
        """The body so far; the whole one if the answer is not a stream."""
        return b"".join(self._pieces)

    # --- for the thread that answers

    def complete(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Give head and body at once; ignored after the head was given."""
        with self._changed:
            if self.status:
                return
            self.status, self.headers = status, {"content-type": JSON_TYPE, **(headers or {})}
            self._pieces.append(body)
            self._ended = True
        self._wake()

    def start_stream(self) -> None:
        """Give the head of a stream of events."""
        with self._changed:
            if self.status:
                return
            self.status, self.headers, self.is_stream = 200, {"content-type": EVENTS_TYPE}, True
        self._wake()

    def add(self, *pieces: bytes) -> None:
        """Give the next pieces of a stream."""
        with self._changed:
            self._pieces += [piece for piece in pieces if piece]
        self._wake()

    def end(self, cut: str | None = None) -> None:
        """End a stream; `cut` says why it is incomplete."""
        with self._changed:
            self._ended, self._cut = True, cut
        self._wake()

    # --- for the application

    def wait(self, timeout_s: float | None = None) -> CallAnswer:
        """Wait in this thread until the head is there; raise TimeoutError if it takes too long."""
        try:
            with self._changed:
                self._wait_for(lambda: bool(self.status), timeout_s)
        except BaseException:
            self.abandon()
            raise
        return self

    def abandon(self) -> None:
        """Note that the client waits no longer for the rest of the answer."""
        self.is_abandoned = self.is_abandoned or not self._ended

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces, waiting in this thread; raise CutAnswerError for an incomplete stream."""
        return self.pieces()

    def pieces(self, timeout_s: float | None = None) -> Iterator[bytes]:
        """Yield the pieces like iteration; raise TimeoutError if one of them takes too long."""
        at = 0
        while True:
            with self._changed:
                self._wait_for(lambda: self._ended or len(self._pieces) > at, timeout_s)  # noqa: B023 # called at once
            while at < len(self._pieces):
                yield self._pieces[at]
                at += 1
            if self._is_read(at):
                return

    def __await__(self) -> Generator[object, None, CallAnswer]:
        """Wait in an event loop until the head is there."""
        return self._head().__await__()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces in an event loop; raise CutAnswerError for an incomplete stream."""
        at = 0
        while True:
            await self._until(lambda: self._ended or len(self._pieces) > at)  # noqa: B023 # called before `at` changes
            while at < len(self._pieces):
                yield self._pieces[at]
                at += 1
            if self._is_read(at):
                return

    def _wait_for(self, holds: Callable[[], bool], timeout_s: float | None) -> None:
        if not self._changed.wait_for(holds, timeout_s):
            raise TimeoutError(f"nothing came in {timeout_s} s")

    def _is_read(self, at: int) -> bool:
        with self._changed:
            if not self._ended or at < len(self._pieces):
                return False
        if self._cut is not None:
            raise CutAnswerError(self._cut)
        return True

    async def _head(self) -> CallAnswer:
        try:
            await self._until(lambda: bool(self.status))
        except BaseException:  # its task was cancelled
            self.abandon()
            raise
        return self

    async def _until(self, holds: Callable[[], bool]) -> None:
        while True:
            with self._changed:
                if holds():
                    return
                wait, waker = _waiter()
                self._wakers.append(waker)
            await wait()

    def _wake(self) -> None:
        with self._changed:
            wakers, self._wakers = self._wakers, []
            self._changed.notify_all()
        for waker in wakers:
            with suppress(RuntimeError):  # its loop has ended meanwhile
                waker()


def _waiter() -> Waiter:
    """Return a function to await in the running event loop, and one that ends this wait from any thread.

    The second one raises RuntimeError if the loop has ended.
    """
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        trio_event, token = trio.Event(), trio.lowlevel.current_trio_token()
        return trio_event.wait, lambda: token.run_sync_soon(trio_event.set)
    import asyncio  # a replay without an asynchronous application does not need it

    loop, event = asyncio.get_running_loop(), asyncio.Event()
    return event.wait, lambda: loop.call_soon_threadsafe(event.set)
