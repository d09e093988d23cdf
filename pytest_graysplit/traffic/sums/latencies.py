"""The distribution of latencies in bounded memory; each quantile is within half a per cent of its value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ddsketch import LogCollapsingLowestDenseDDSketch

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCURACY = 0.005
# 2048 bins cover 8 powers of ten; beyond that the smallest values share a bin, never the largest.
MOST_BINS = 2048
# The sketch returns quantiles and not bins, so a histogram is built from this many quantiles.
STEPS = 200


class _Sketch(LogCollapsingLowestDenseDDSketch):
    """The library's sketch with a faster `add`: the library makes four calls per value."""

    def __init__(self) -> None:
        super().__init__(ACCURACY, MOST_BINS)
        self._bins_per_e = 1 / math.log(self._mapping.gamma)
        self._least, self._put = self._mapping.min_possible, self._store.add

    def add_one(self, value: float) -> None:
        """Add a value of 0 or more."""
        if value <= self._least:
            self.add(value)
            return
        self._put(math.ceil(math.log(value) * self._bins_per_e))
        self._count += 1.0
        self._sum += value
        if value < self._min:  # noqa: PLR1730  # min() would be a call on the path of every request
            self._min = value
        if value > self._max:  # noqa: PLR1730
            self._max = value


class Latencies:
    """A sketch of latencies in seconds (DDSketch: Masson, Rim and Lee 2019, VLDB); two can be added to one."""

    def __init__(self) -> None:
        self._sketch = _Sketch()
        self.add = self._sketch.add_one

    @property
    def n(self) -> int:
        """The number of latencies."""
        return int(self._sketch.count)

    @property
    def mean_s(self) -> float | None:
        """Their exact mean."""
        return self._sketch.sum / self._sketch.count if self._sketch.count else None

    def quantile_s(self, q: float) -> float | None:
        """Return the q-quantile, within half a per cent of its value; None without data."""
        return self._sketch.get_quantile_value(q)

    def absorb(self, other: Latencies) -> None:
        """Add the latencies of another sketch."""
        if other.n:
            self._sketch.merge(other._sketch)

    def copy(self) -> Latencies:
        """Return a sketch of the same latencies, which later ones do not change."""
        whole = Latencies()
        whole.absorb(self)
        return whole

    def counts(self, edges: Sequence[float]) -> list[int]:
        """Return the number of latencies between each edge and the next, to half a per cent of all of them.

        Values outside the edges are counted in the nearest bin.
        """
        counts, place, n = [0] * (len(edges) - 1), 0, self.n
        steps = min(n, STEPS)
        for step in range(steps):
            value = self.quantile_s((step + 0.5) / steps) or 0.0
            while place < len(counts) - 1 and value >= edges[place + 1]:
                place += 1
            counts[place] += n * (step + 1) // steps - n * step // steps
        return counts
