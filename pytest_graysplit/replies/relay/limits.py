"""Limits on the number of requests in flight, and on the rate at which they are sent."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


class AdaptiveConcurrencyLimit:
    """The limit on requests in flight: halved after a 429, then raised by one per window of successes.

    Requests that were sent before the last halving do not count, so a window is halved only once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = most
        self.lowest = most
        self.window = 0
        self._successes = 0

    def record_success(self) -> None:
        """Count a success; a number of successes equal to the limit raises it by one."""
        if self.limit >= self.most:
            return
        self._successes += 1
        if self._successes >= self.limit:
            self.limit += 1
            self._successes = 0

    def record_rate_limit(self, window: int) -> None:
        """Halve the limit after a 429 to a request that was sent in `window`."""
        if window == self.window:
            self.limit = max(1, self.limit // 2)
            self.lowest = min(self.lowest, self.limit)
            self.window += 1
            self._successes = 0


class ConnectionSlots(Generic[T]):
    """The connections, one per request in flight, first come first served, as many as the limit allows.

    The connection returned last is given out first: it is the most recently used one.
    """

    def __init__(self, items: Sequence[T], limiter: AdaptiveConcurrencyLimit) -> None:
        self._free = list(items)
        self._limiter = limiter
        self._in_use = 0
        self._waiting: deque[asyncio.Future[T]] = deque()

    async def acquire(self) -> T:
        """Wait for a free connection."""
        if not self._waiting and self._has_room:
            return self._pop()
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(turn.result())
            raise

    def release(self, item: T) -> None:
        """Return a connection, and admit as many waiting requests as there is room for."""
        self._free.append(item)
        self._in_use -= 1
        while self._waiting and self._has_room:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._pop())

    @property
    def _has_room(self) -> bool:
        return bool(self._free) and self._in_use < self._limiter.limit

    def _pop(self) -> T:
        self._in_use += 1
        return self._free.pop()


class RateLimiter:
    """The spacing of requests over the minute, and the pause of all requests when the relay asks for one."""

    def __init__(
        self, requests_per_min: float | None, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self._gap_s = 60.0 / requests_per_min if requests_per_min else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")

    async def wait(self) -> None:
        """Wait for this request's turn."""
        now = self._clock()
        turn = max(now, self._next)
        self._next = turn + self._gap_s
        if turn > now:
            await self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Send no further request until this many seconds have passed."""
        self._next = max(self._next, self._clock() + seconds)
