"""The real time, also inside a test that freezes or moves its own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class RealClock:
    """Seconds and moments that no later patch of `time` or `datetime` reaches.

    Libraries that freeze the time replace the attributes of modules. What an instance holds stays as it was, and a
    moment is counted from the one at which the instance was made.
    """

    __slots__ = ("_as_moment", "_epoch_s", "monotonic", "seconds")

    def __init__(self) -> None:
        self.seconds = time.perf_counter
        self.monotonic = time.monotonic
        self._as_moment = datetime.fromtimestamp
        self._epoch_s = time.time() - time.perf_counter()

    def utc_now(self) -> datetime:
        """Return this moment in UTC."""
        return self._as_moment(self._epoch_s + self.seconds(), UTC)


def stamp(moment: datetime) -> str:
    """Write a moment in UTC to the millisecond.

    >>> stamp(datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC))
    '2026-11-30T12:00:00.250Z'
    """
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


REAL = RealClock()
