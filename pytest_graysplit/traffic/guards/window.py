"""The outcomes of the last seconds, in a fixed number of slots: constant memory, and constant time per outcome."""

from __future__ import annotations

from dataclasses import dataclass

SLOTS = 20


@dataclass(slots=True)
class Counts:
    """Numbers of requests, of failed ones, and of ones that took too long."""

    requests: int = 0
    failed: int = 0
    slow: int = 0


class SlidingWindow:
    """Counts of the last `window_s` seconds; each slot of a twentieth of them is forgotten as a whole.

    Times never go backwards: an earlier one counts as the latest.
    """

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / SLOTS
        self._slots = [Counts() for _ in range(SLOTS)]
        self._latest = 0
        self.total = Counts()

    def add(self, now_s: float, *, failed: bool, slow: bool) -> None:
        """Count the outcome of one request."""
        self.forget_before(now_s)
        for counts in (self._slots[self._latest % SLOTS], self.total):
            counts.requests += 1
            counts.failed += failed
            counts.slow += slow

    def forget_before(self, now_s: float) -> None:
        """Drop the counts of slots that are older than the window."""
        latest = int(now_s // self._slot_s)
        for number in range(max(self._latest + 1, latest - SLOTS + 1), latest + 1):
            old, self._slots[number % SLOTS] = self._slots[number % SLOTS], Counts()
            self.total.requests -= old.requests
            self.total.failed -= old.failed
            self.total.slow -= old.slow
        self._latest = max(self._latest, latest)

    def clear(self) -> None:
        """Forget all outcomes."""
        self._slots = [Counts() for _ in range(SLOTS)]
        self.total = Counts()
