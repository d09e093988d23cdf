"""The last hour by minute, and the latencies of all earlier minutes together."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.sums.latencies import Latencies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.traffic.log.records import RequestRecord

WINDOW_S = 60
MOST_WINDOWS = 60


@dataclass(slots=True)
class ArmWindow:
    """The sums of one arm in one minute."""

    requests: int = 0
    errors: int = 0
    cost_usd: Decimal = Decimal(0)
    latencies: Latencies = field(default_factory=Latencies)
    waits: Latencies = field(default_factory=Latencies)


class Windows:
    """The latest windows of each arm; older ones are merged into the arm's latencies."""

    def __init__(self, arms: int) -> None:
        self._arms = range(arms)
        self._windows: dict[int, list[ArmWindow]] = {}
        self._past = [Latencies() for _ in self._arms]

    def add(self, arm: int, record: RequestRecord, at_s: float) -> None:
        """Count a request of the arm at that time, in seconds since 1970."""
        minute = int(at_s // WINDOW_S)
        window = self._windows.get(minute) or self._opened(minute)
        if window is None:  # a log line that is older than the last hour
            if record.latency_s is not None:
                self._past[arm].add(record.latency_s)
            return
        one, latency_s, cost_usd = window[arm], record.latency_s, record.cost_usd
        one.requests += 1
        if record.outcome == "error":
            one.errors += 1
        if latency_s is not None:
            one.latencies.add(latency_s)
        if record.wait_s is not None:
            one.waits.add(record.wait_s)
        if cost_usd is not None:
            one.cost_usd += cost_usd

    def latencies(self, arm: int) -> Latencies:
        """Return all latencies of the arm."""
        whole = Latencies()
        for one in (self._past[arm], *(window[arm].latencies for window in self._windows.values())):
            whole.absorb(one)
        return whole

    def recent(self, arm: int, since_s: float) -> ArmWindow:
        """Return the sums of the arm in the minutes that end after this moment, in seconds since 1970."""
        whole = ArmWindow()
        for minute, window in self._windows.items():
            if (minute + 1) * WINDOW_S > since_s:
                one = window[arm]
                whole.requests += one.requests
                whole.errors += one.errors
                whole.cost_usd += one.cost_usd
                whole.latencies.absorb(one.latencies)
                whole.waits.absorb(one.waits)
        return whole

    def __iter__(self) -> Iterator[tuple[int, list[ArmWindow]]]:
        """Yield the windows in order, each with the second since 1970 at which it begins."""
        return ((minute * WINDOW_S, self._windows[minute]) for minute in sorted(self._windows))

    def _opened(self, minute: int) -> list[ArmWindow] | None:
        if len(self._windows) >= MOST_WINDOWS:
            oldest = min(self._windows)
            if minute < oldest:
                return None
            for past, one in zip(self._past, self._windows.pop(oldest), strict=True):
                past.absorb(one.latencies)
        self._windows[minute] = window = [ArmWindow() for _ in self._arms]
        return window
