"""The real time, even inside a test that freezes or moves the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class RealClock:
    """Seconds and moments that later patches of `time` or `datetime` do not change.

    Libraries that freeze time replace the attributes of modules. The functions that an instance holds stay as they
    were, and a moment is counted from the one at which the instance was made.
    """

    __slots__ = ("_as_moment", "_epoch_s", "monotonic", "seconds")

    def __init__(self) -> None:
        self.seconds = time.perf_counter
        self.monotonic = time.monotonic
        self._as_moment = datetime.fromtimestamp
        self._epoch_s = time.time() - time.perf_counter()

    def utc_now(self) -> datetime:
        """Return the current moment in UTC."""
        return self._as_moment(self._epoch_s + self.seconds(), UTC)


def stamp(moment: datetime) -> str:
    """Write a moment in UTC to the millisecond.

    >>> stamp(datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC))
    '2026-11-30T12:00:00.250Z'
    """
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_of(at_s: float) -> str:
    """Write a moment in seconds since 1970 as `stamp` does.

    >>> stamp_of(1_795_000_000.25)
    '2026-11-18T11:06:40.250Z'
    """
    return stamp(datetime.fromtimestamp(at_s, UTC))


def moment_of(text: str | None) -> datetime | None:
    """Parse a moment of a recording, as UTC if it names no offset; None for a text that is not one.

    >>> moment_of("2026-11-30T12:00:00.250Z")
    datetime.datetime(2026, 11, 30, 12, 0, 0, 250000, tzinfo=datetime.timezone.utc)
    >>> moment_of("2026-11-30"), moment_of("yesterday")
    (None, None)
    """
    if not text or "T" not in text:  # a date alone lacks the hour
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


REAL = RealClock()
