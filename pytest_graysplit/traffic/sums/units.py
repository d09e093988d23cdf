"""Counts distinct units, deals them to clusters, and finds heavy ones, in memory that does not grow with them."""

from __future__ import annotations

# How many sums an arm keeps for the spread between its units. Units that share a place are one cluster: each cluster is
# still independent of every other, which is all that a clustered standard error needs, and 4,095 degrees of freedom
# are as good as a million.
PLACES = 4096
_BITS = 1 << 24
# The first eight bytes of a key decide the arm; what is taken here lies behind them and says nothing of the arm.
_PLACE, _BIT = 8, 10
# So many counters miss of no unit more than one request in 257: one with 5.4% is found wherever it comes.
_COUNTERS = 256


def place_of(key: bytes) -> int:
    """Return the place of a unit in the fixed table of clusters, 0 to 4095."""
    return (key[_PLACE] << 8 | key[_PLACE + 1]) % PLACES


class SeenUnits:
    """Remembers in two megabytes which units have been met.

    Two units that share one of the 16.8 million bits count as one. That loses 5% of 1.6 million units, from every arm
    in proportion, because the bit says nothing of the arm: the counts still follow the weights exactly.
    """

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def meet(self, key: bytes) -> bool:
        """Tell whether this unit is met for the first time."""
        last = key[_BIT + 2]
        byte, mask = key[_BIT] << 13 | key[_BIT + 1] << 5 | last >> 3, 1 << (last & 7)
        seen = self._bits[byte]
        self._bits[byte] = seen | mask
        return not seen & mask


class HeavyUnits:
    """Finds the units that send a large share of the requests, by 256 counters (Misra and Gries 1982).

    A request of a unit without a counter takes one when one is free, else it takes one request off every counter. So
    a count is never too large, and too small by 1 in 257 of all requests at most; and as each request was put on
    before it is taken off, a request costs two steps on the average.
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def add(self, key: bytes) -> None:
        """Count a request of the unit with this key."""
        counts = self._counts
        if key in counts:
            counts[key] += 1
        elif len(counts) < _COUNTERS:
            counts[key] = 1
        else:
            self._counts = {kept: count - 1 for kept, count in counts.items() if count > 1}

    def above(self, requests: float) -> list[tuple[bytes, int]]:
        """Return the units with more requests than so many for sure, and at least how many, the most first."""
        found = [(key, count) for key, count in self._counts.items() if count > requests]
        return sorted(found, key=lambda one: (-one[1], one[0]))
