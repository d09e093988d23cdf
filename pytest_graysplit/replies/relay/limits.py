"""Limits on the number of requests in flight, and on the rate at which they are sent."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

# Live traffic: the limit is looked at after as many outcomes as it allows in flight, or from ten outcomes on twice a
# second. Fewer 429s than this share leave it alone; it never falls below this part of the connections.
TOLERATED_SHARE = 0.05
FEWEST_OUTCOMES = 10
LONGEST_WINDOW_S = 0.5
LARGEST_STEP_DOWN = 0.5
FIRST_STEP_UP = 0.03
LARGEST_STEP_UP = 0.25
FLOOR_PART = 8


class ConcurrencyLimit(Protocol):
    """A limit on requests in flight that learns from outcomes; `window` changes whenever the limit was lowered."""

    limit: int
    lowest: int
    window: int

    def record_success(self) -> None:
        """Count a request that the relay did not refuse with 429."""

    def record_rate_limit(self, window: int) -> None:
        """Count a 429 to a request that was sent in `window`."""


class AdaptiveConcurrencyLimit:
    """The limit of a test run: halved after a 429, then raised by one per window of successes.

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


class LiveConcurrencyLimit:
    """The limit of live traffic: it shrinks by the share of 429s among the last outcomes, and recovers in seconds.

    A relay that takes 20 requests at once refuses 44 of 64. The limit then shrinks by 44/64, to 20. A few 429s among
    many answers change nothing. Requests that were sent before the limit shrank do not shrink it again. Each step up is
    twice as large as the one before: near the limit of the relay few requests are refused, and far from it the steps
    are soon a quarter.
    """

    def __init__(self, most: int, *, clock: Callable[[], float]) -> None:
        self.limit = self.lowest = self._most = most
        self.window = 0
        self._floor = max(1, most // FLOOR_PART)
        self._exact = float(most)
        self._step_up = FIRST_STEP_UP
        self._clock = clock
        self._since_s = clock()
        self._outcomes = self._rate_limited = 0

    def record_success(self) -> None:
        """Count a request that the relay did not refuse with 429."""
        self._outcomes += 1
        self._look()

    def record_rate_limit(self, window: int) -> None:
        """Count a 429 to a request that was sent in `window`."""
        if window == self.window:
            self._outcomes += 1
            self._rate_limited += 1
            self._look()

    def _look(self) -> None:
        """Change the limit by the share of 429s, once enough outcomes are known."""
        if self._outcomes < FEWEST_OUTCOMES:
            return
        now_s = self._clock()
        if self._outcomes < self.limit and now_s - self._since_s < LONGEST_WINDOW_S:
            return
        share = self._rate_limited / self._outcomes
        if share > TOLERATED_SHARE:
            self._exact = max(self._floor, self._exact * max(1 - share, LARGEST_STEP_DOWN))
            self._step_up = FIRST_STEP_UP
            self.window += 1
        else:
            self._exact = min(self._most, self._exact * (1 + self._step_up))
            self._step_up = min(2 * self._step_up, LARGEST_STEP_UP)
        self.limit = round(self._exact)
        self.lowest = min(self.lowest, self.limit)
        self._outcomes = self._rate_limited = 0
        self._since_s = now_s


class ConnectionSlots(Generic[T]):
    """The connections, one per request in flight, first come first served, as many as the limit allows.

    The connection returned last is given out first: it is the most recently used one.
    """

    def __init__(self, items: Sequence[T], limiter: ConcurrencyLimit) -> None:
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

    async def wait(self, until_s: float = math.inf) -> None:
        """Wait for this request's turn; raise TimeoutError, and take no turn, where it would come after `until_s`."""
        now = self._clock()
        turn = max(now, self._next)
        if turn > until_s:
            raise TimeoutError
        self._next = turn + self._gap_s
        if turn > now:
            await self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Send no further request until this many seconds have passed."""
        self._next = max(self._next, self._clock() + seconds)
