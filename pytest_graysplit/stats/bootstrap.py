"""The ratio of two models' quantiles, with bounds from resampled cases.

Thousands of whole resamples of thousands of cases take seconds. A quantile of a resample depends only on how many draws
land above it and on the draws near it, in either model. So the number of draws in each region is drawn from the
binomial distribution, and individual cases are drawn only near a quantile. The ratios have the same distribution as
those of whole resamples.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.distributions import binomial_pmf
from pytest_graysplit.stats.interval import Interval, check_confidence, check_share, finite
from pytest_graysplit.stats.order_statistics import sorted_quantile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Pairs = list[tuple[float, float]]

_SPARE = 4.0
"""Half the width of the window around a quantile, in standard deviations; a resample that needs more is drawn whole."""
_SMALL = 200
"""Smallest region whose number of draws is drawn; the places of a smaller one are cheaper to draw one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRatio:
    """A ratio of quantiles, treatment over control, with the same ratio of every resample in ascending order.

    A single pair has no resamples, so its bounds are unknown.
    """

    estimate: float
    ratios: tuple[float, ...]

    def interval(self, confidence: float = 0.90) -> Interval:
        """Return the percentile interval (Efron and Tibshirani 1993, chapter 13)."""
        check_confidence(confidence)
        if not self.ratios:
            return Interval(self.estimate, 0.0, math.inf)
        low, high = (sorted_quantile(self.ratios, (1 + sign * confidence) / 2) for sign in (-1, 1))
        return Interval(self.estimate, low, high)

    def p(self, bound: float) -> float:
        """Return the one-sided p of H0 "the true ratio is at most `bound`": the share of resamples at or below it.

        The estimate counts as a resample, (1 + count) / (1 + resamples) (Davison and Hinkley 1997, 4.2.4), so p is
        never 0. Without resamples p is 0.5.
        """
        if not bound > 0:
            raise ValueError(f"a bound on a ratio is more than 0, not {bound!r}")
        if not self.ratios:
            return 0.5
        return (1 + bisect_right(self.ratios, bound)) / (1 + len(self.ratios))


def quantile_ratio(
    treatment: Sequence[float], control: Sequence[float], q: float, *, seed: int, resamples: int = 2000
) -> QuantileRatio | None:
    """Return the ratio of two models' q-quantiles over the same cases, by the paired percentile bootstrap.

    Pairs with a value of 0 or less are left out; None when no pair is left. The result does not depend on the order of
    the pairs.

    >>> ratio = quantile_ratio([2.0 * s for s in range(1, 101)], list(range(1, 101)), 0.95, seed=0)
    >>> [round(bound, 6) for bound in ratio.interval()]
    [2.0, 2.0, 2.0]
    """
    check_share("a quantile", q)
    if resamples < 1:
        raise ValueError(f"at least one resample is needed, not {resamples!r}")
    pairs = sorted((t, c) for t, c in zip(finite(treatment), finite(control), strict=True) if t > 0 and c > 0)
    if not pairs:
        return None
    arms = [sorted(arm) for arm in zip(*pairs, strict=True)]
    estimate = sorted_quantile(arms[0], q) / sorted_quantile(arms[1], q)
    if len(pairs) == 1:
        return QuantileRatio(estimate=estimate, ratios=())
    return QuantileRatio(estimate=estimate, ratios=tuple(sorted(_resampled(pairs, q, random.Random(seed), resamples))))


def _resampled(pairs: Pairs, q: float, rng: random.Random, resamples: int) -> Iterator[float]:
    ranks = [_ranks([pair[arm] for pair in pairs]) for arm in (0, 1)]
    near, regions = _divided(ranks, q)
    windows = [_Window([pair[arm] for pair in pairs], ranks[arm], q, near) for arm in (0, 1)]
    higher = [[index for index, region in enumerate(regions) if region.above[arm]] for arm in (0, 1)]
    indices = list(range(len(near)))
    for landed, elsewhere in _landings(len(near), [len(region.places) for region in regions], rng, resamples):
        counts = [0] * len(near)
        for index in rng.choices(indices, k=landed):
            counts[index] += 1
        treatment, control = (
            windows[arm].quantile(counts, [elsewhere[index] for index in higher[arm]]) for arm in (0, 1)
        )
        if treatment is None or control is None:
            drawn = [pairs[place] for place, count in zip(near, counts, strict=True) for _ in range(count)]
            for region, k in zip(regions, elsewhere, strict=True):
                drawn += [pairs[place] for place in rng.choices(region.places, k=k)]
            treatment, control = (sorted_quantile(sorted(arm), q) for arm in zip(*drawn, strict=True))
        yield treatment / control


class _Region(NamedTuple):
    """Places of pairs far from both quantiles, with whether they are above the quantile of each model."""

    above: tuple[bool, bool]
    places: list[int]


def _divided(ranks: Sequence[Sequence[int]], q: float) -> tuple[list[int], list[_Region]]:
    """Return the places of the pairs near either quantile, and the rest as regions; all are near if most are.

    Places are used instead of values, so that pairs with equal values are drawn with equal probability.
    """
    n = len(ranks[0])
    first, last = _reach(n, q)
    near = [place for place in range(n) if any(first <= rank[place] < last for rank in ranks)]
    if 2 * len(near) > n:
        return list(range(n)), []
    regions = [_Region((one, other), []) for one in (True, False) for other in (True, False)]
    taken = set(near)
    for place in range(n):
        if place not in taken:
            above, also = (rank[place] < first for rank in ranks)
            regions[2 * (not above) + (not also)].places.append(place)
    for region in regions:
        if len(region.places) < _SMALL:
            near += region.places
    return near, [region for region in regions if len(region.places) >= _SMALL]


def _ranks(values: Sequence[float]) -> list[int]:
    """Return the rank of each place, 0 for the largest value."""
    ranks = [0] * len(values)
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__, reverse=True)):
        ranks[place] = rank
    return ranks


def _depth(n: int, q: float) -> int:
    """Return the rank of the lower of the two values between which the quantile lies."""
    return n - 1 - math.floor(q * (n - 1))


def _reach(n: int, q: float) -> tuple[int, int]:
    """Return the first rank near the quantile, and the first one after these that is not near."""
    depth = _depth(n, q)
    spare = 1 + math.ceil(_SPARE * math.sqrt(n * q * (1 - q)) + _SPARE * _SPARE)
    return max(0, depth - 1 - spare), min(n, depth + 1 + spare)


def _landings(near: int, regions: Sequence[int], rng: random.Random, resamples: int) -> Iterator[tuple[int, list[int]]]:
    """Draw, for each resample of n cases, how many draws land near the quantiles and how many in each region."""
    n = near + sum(regions)
    for landed in _binomials(n, near / n, rng, resamples):
        draws, cases, elsewhere = n - landed, n - near, []
        for size in regions:
            elsewhere.append(_binomial(draws, size / cases, rng) if size < cases else draws)
            draws, cases = draws - elsewhere[-1], cases - size
        yield landed, elsewhere


def _binomials(n: int, p: float, rng: random.Random, draws: int) -> list[int]:
    """Draw repeatedly from one binomial distribution, by inversion of its table."""
    if p == 1:
        return [n] * draws
    spread = 12 * math.sqrt(n * p * (1 - p))  # the probability beyond it is 0 as a float
    first, last = max(0, math.floor(n * p - spread)), min(n, math.ceil(n * p + spread))
    reached = list(accumulate(binomial_pmf(k, n, p) for k in range(first, last + 1)))
    return [first + bisect_right(reached, rng.random() * reached[-1], hi=last - first) for _ in range(draws)]


def _binomial(n: int, p: float, rng: random.Random) -> int:
    """Draw once from a binomial distribution, by inversion outwards from its most likely count."""
    low = high = mode = min(n, math.floor((n + 1) * p))
    below = above = binomial_pmf(mode, n, p)
    rest, odds = rng.random() - below, p / (1 - p)
    while rest > 0 and below + above > 1e-18:
        below *= low / ((n - low + 1) * odds)
        low, rest = low - 1, rest - below
        if rest <= 0:
            return low
        above *= (n - high) * odds / (high + 1)
        high, rest = high + 1, rest - above
        if rest <= 0:
            return high
    return mode


class _Window:
    """One model's values near its quantile, from which the quantile of a resample is read."""

    __slots__ = ("_above", "_depth", "_part", "_values", "_window")

    def __init__(self, values: Sequence[float], rank: Sequence[int], q: float, near: Sequence[int]) -> None:
        n = len(values)
        first, last = (0, n) if len(near) == n else _reach(n, q)
        self._depth = _depth(n, q)
        self._part = q * (n - 1) - math.floor(q * (n - 1))
        self._above = [index for index, place in enumerate(near) if rank[place] < first]
        inside = [index for index, place in enumerate(near) if first <= rank[place] < last]
        inside.sort(key=lambda index: rank[near[index]])
        self._window = itemgetter(*inside)  # at least two
        self._values = [values[near[index]] for index in inside]

    def quantile(self, counts: list[int], higher: list[int]) -> float | None:
        """Return the quantile of the resample; None when it lies outside the window.

        `counts` is how often each pair near a quantile was drawn, `higher` how many draws are in each region above it.
        """
        above = sum(higher) + sum([counts[index] for index in self._above])
        drawn = list(accumulate(self._window(counts), initial=above))
        if above > max(0, self._depth - 1) or drawn[-1] <= self._depth:
            return None
        lower = self._values[bisect_right(drawn, self._depth) - 1]
        upper = self._values[bisect_right(drawn, max(0, self._depth - 1)) - 1]
        return lower + (upper - lower) * self._part
