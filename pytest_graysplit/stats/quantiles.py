"""Quantiles, and the ratio of two of them in pairs by the bootstrap."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.interval import Interval, two_sided_z
from pytest_graysplit.stats.special import binomial_pmf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# How far above what a quantile needs the top of the values is kept, in standard deviations of the draws that hit it.
_SAFE = 7.0


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the q-quantile by linear interpolation (Hyndman and Fan 1996, type 7); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


class QuantileRatio(NamedTuple):
    """A ratio of quantiles, and the same ratio in each resample, sorted."""

    estimate: float
    resampled: Sequence[float]

    def interval(self, confidence: float = 0.90) -> Interval:
        """Return the percentile interval (Efron 1979)."""
        two_sided_z(confidence)
        tail = (1 - confidence) / 2
        bounds = [quantile(self.resampled, tail), quantile(self.resampled, 1 - tail)]
        return Interval(self.estimate, *(bound for bound in bounds if bound is not None))

    def p(self, bound: float) -> float:
        """Return the one-sided p value of "the ratio is at most the bound": never 0, for the resamples are few."""
        return (1 + bisect_right(self.resampled, bound)) / (1 + len(self.resampled))


def quantile_ratio(
    treatment: Sequence[float], control: Sequence[float], q: float, *, seed: int, resamples: int = 2000
) -> QuantileRatio | None:
    """Return the ratio of the q-quantiles, treatment over control, resampling pairs; None without pairs above 0.

    The same pairs in any order give the same resamples.
    """
    pairs = sorted(pair for pair in zip(treatment, control, strict=True) if min(pair) > 0)
    if not pairs:
        return None
    top = _Top(pairs, q)
    dice = Random(f"{seed} {q}")
    ratios = sorted(top.ratio(counts) for counts in top.resamples(dice, resamples))
    return QuantileRatio(top.ratio([1] * len(top.drawn)), ratios)


class _Top:
    """The pairs whose values a high quantile of a resample can be.

    A resample's quantile depends only on how often each of the largest values of either side was drawn. How many draws
    hit any of these pairs is binomial, and which of them each hits is even: so the rest need not be drawn at all, and
    the distribution is exact but for resamples whose quantile lies deeper (beyond seven standard deviations).
    """

    def __init__(self, pairs: Sequence[tuple[float, float]], q: float) -> None:
        self._n = n = len(pairs)
        position = q * (n - 1)
        below = math.floor(position)
        self._share = position - below
        # Counted from the top: the quantile lies between the values of these two ranks.
        self._ranks = n - 1 - below, n - 1 - min(below + 1, n - 1)
        needed = n - below
        kept = min(n, math.ceil(needed + _SAFE * math.sqrt(needed) + _SAFE))
        largest = [
            sorted(range(n), key=lambda place, side=side: -pairs[place][side])[:kept]  # type: ignore[misc]
            for side in (0, 1)
        ]
        self.drawn = sorted({place for side in largest for place in side})
        spot = {place: number for number, place in enumerate(self.drawn)}
        self._sides = [
            [(spot[place], pairs[place][side]) for place in places]
            for side, places in zip((0, 1), largest, strict=True)
        ]

    def resamples(self, dice: Random, number: int) -> Iterator[list[int]]:
        """Yield how often each kept pair was drawn in a resample."""
        size = len(self.drawn)
        hits = _binomial_draws(self._n, size / self._n, dice) if size < self._n else None
        spots = range(size)
        for _ in range(number):
            counts = [0] * size
            for spot in dice.choices(spots, k=next(hits) if hits else size):
                counts[spot] += 1
            yield counts

    def ratio(self, counts: Sequence[int]) -> float:
        """Return the ratio of the quantiles where each kept pair counts so often."""
        treatment, control = (self._quantile(side, counts) for side in self._sides)
        return treatment / control

    def _quantile(self, side: Sequence[tuple[int, float]], counts: Sequence[int]) -> float:
        deep, shallow = self._ranks
        seen, upper = 0, None
        for spot, value in side:
            seen += counts[spot]
            if upper is None and seen > shallow:
                upper = value
            if seen > deep:
                break
        return value + ((value if upper is None else upper) - value) * self._share


def _binomial_draws(n: int, p: float, dice: Random) -> Iterator[int]:
    """Yield draws from a binomial distribution, by inverting its tabulated distribution function."""
    spread = 10 * math.sqrt(n * p * (1 - p)) + 10
    low, high = max(0, math.floor(n * p - spread)), min(n, math.ceil(n * p + spread))
    table = list(accumulate(binomial_pmf(k, n, p) for k in range(low, high + 1)))
    while True:
        yield min(high, low + bisect_left(table, dice.random()))
