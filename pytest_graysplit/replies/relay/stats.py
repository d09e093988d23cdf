"""Statistics of the relay client, with the delay of a busy event loop: every latency includes that delay."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStats:
    """Statistics of the requests: counts, the lowest concurrency after 429s, and the loop's delay in seconds.

    Add those of two relays to get the statistics of both.
    """

    requests: int
    retries: int
    rate_limited: int
    lowest_concurrency: int
    loop_lag_p95_s: float

    def __add__(self, other: RelayStats) -> RelayStats:
        return RelayStats(
            requests=self.requests + other.requests,
            retries=self.retries + other.retries,
            rate_limited=self.rate_limited + other.rate_limited,
            lowest_concurrency=min(self.lowest_concurrency, other.lowest_concurrency),
            loop_lag_p95_s=max(self.loop_lag_p95_s, other.loop_lag_p95_s),
        )

    def distorts(self, median_latency_s: float) -> bool:
        """Tell whether this machine was too busy to trust such latencies: the loop's delay is over a tenth of them.

        A delay of a few milliseconds is normal in every loop.
        """
        return self.loop_lag_p95_s > max(median_latency_s / 10, 0.005)


class EventLoopLag:
    """A monitor of the running loop; `p95_s` is the 95th percentile of its delays, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._delays: deque[float] = deque(maxlen=10_000)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching; the measurements are kept."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    @property
    def p95_s(self) -> float:
        """The 95th percentile of the delays; 0 when nothing was measured."""
        delays = sorted(self._delays)
        return delays[math.ceil(0.95 * len(delays)) - 1] if delays else 0.0

    async def _watch(self) -> None:
        while True:
            started = self._clock()
            # Real time on purpose, also where waits are simulated: the delay of this loop itself is measured.
            await asyncio.sleep(PERIOD_S)
            self._delays.append(max(0.0, self._clock() - started - PERIOD_S))
