"""Sums of the named signals of units, such as tickets, and when each unit last sent a request, in bounded memory."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.traffic.sums.latencies import Latencies
from pytest_graysplit.traffic.sums.snapshot import SignalSums
from pytest_graysplit.traffic.sums.units import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES = 1 << 16
# The bytes of a key before these decide the arm, the cluster and the bit of the unit.
_PLACE, _TAG, _END = 13, 15, 23


class LatestRequest(NamedTuple):
    """The arm of the latest request of a unit, and its time in seconds since 1970."""

    arm: int
    at_s: float


class LatestRequests:
    """A table of the latest request of each unit, for up to 65,536 units in a megabyte.

    Of two units that share a place, the one that sent a request last has it. The place is independent of the arm.
    """

    def __init__(self) -> None:
        self._tags, self._at_s = array("Q", bytes(8 * PLACES)), array("d", bytes(8 * PLACES))
        self._arms = bytearray(PLACES)

    def put(self, key: bytes, arm: int, at_s: float) -> None:
        """Note a request of the unit with this key."""
        place = key[_PLACE] << 8 | key[_PLACE + 1]
        self._tags[place] = int.from_bytes(key[_TAG:_END])
        self._at_s[place] = at_s
        self._arms[place] = arm

    def find(self, key: bytes) -> LatestRequest | None:
        """Return the latest request of the unit with this key; None if its place has another unit, or none."""
        place = key[_PLACE] << 8 | key[_PLACE + 1]
        if self._tags[place] != int.from_bytes(key[_TAG:_END]):
            return None
        return LatestRequest(self._arms[place], self._at_s[place])


class SignalAccumulator:
    """The sums of one signal of one arm; `lags` are the times from a unit's latest request to its signal."""

    def __init__(self) -> None:
        self.lags = Latencies()
        self._numbers = array("q", bytes(8 * BUCKETS))
        self._values = array("d", bytes(8 * BUCKETS))

    def add(self, bucket: int, value: float, before: float | None, lag_s: float | None) -> None:
        """Count a signal of a unit in that bucket; its value is added, and `before` is the value that it replaces."""
        self._numbers[bucket] += before is None
        self._values[bucket] += value - (before or 0.0)
        if lag_s is not None and before is None:
            self.lags.add(lag_s)

    def sums(self, buckets: Sequence[int]) -> SignalSums:
        """Return a snapshot: the sums of these buckets, in their order."""
        lags = self.lags.copy()
        return SignalSums(
            numbers=tuple(self._numbers[bucket] for bucket in buckets),
            values=tuple(self._values[bucket] for bucket in buckets),
            mean_lag_s=lags.mean_s,
            lagged=lags.n,
            lag_quantile=lags.quantile_s,
        )
