"""Count distinct units, assign them to clusters, and find heavy units, all in bounded memory."""

from __future__ import annotations

# The number of clusters per arm, for the variance between units. Units in the same bucket are one cluster. Clusters are
# still independent of each other, as a clustered standard error requires, and 4,095 degrees of freedom are as good as a
# million.
BUCKETS = 4096
_BITS = 1 << 24
# The first eight bytes of a key decide the arm. The bytes used here follow them, so they are independent of the arm.
_BUCKET, _BIT = 8, 10
# 256 counters undercount a unit by at most one request in 257, so a unit with 5.4% is always found.
_COUNTERS = 256


def bucket_of(key: bytes) -> int:
    """Return the bucket of a unit in the fixed table of clusters, 0 to 4095."""
    return (key[_BUCKET] << 8 | key[_BUCKET + 1]) % BUCKETS


class SeenUnits:
    """A set of the units seen so far, in two megabytes.

    Two units that share one of the 16.8 million bits count as one. That loses 5% of 1.6 million units. The loss is the
    same in every arm because the bit is independent of the arm, so the counts still follow the weights exactly.
    """

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, key: bytes) -> bool:
        """Add a unit; return whether it is new."""
        last = key[_BIT + 2]
        byte, mask = key[_BIT] << 13 | key[_BIT + 1] << 5 | last >> 3, 1 << (last & 7)
        seen = self._bits[byte]
        self._bits[byte] = seen | mask
        return not seen & mask

    def __contains__(self, key: bytes) -> bool:
        last = key[_BIT + 2]
        return bool(self._bits[key[_BIT] << 13 | key[_BIT + 1] << 5 | last >> 3] & 1 << (last & 7))


class HeavyUnits:
    """A finder of the units that send a large share of the requests, by 256 counters (Misra and Gries 1982).

    A request of a unit without a counter takes a free counter; if none is free, it subtracts one from every counter. So
    a count is never too large, and it is too small by at most 1 in 257 of all requests. A request costs two steps on
    average, because each request is added before it is subtracted.
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
        """Return the units that certainly sent more requests, each with a lower bound of its count, largest first."""
        found = [(key, count) for key, count in self._counts.items() if count > requests]
        return sorted(found, key=lambda one: (-one[1], one[0]))
