"""The ratio of two models' quantiles, with bounds from resampled cases.

A whole resample of thousands of cases, thousands of times, takes seconds. But a high quantile of a resample depends
only on the draws that land among the slowest cases of either model. So it is drawn how many land there, from the
binomial distribution, and then which; the rest is not looked at. What comes out has the very same distribution.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import binomial_pmf
from pytest_graysplit.stats.interval import Interval, check_confidence, check_share, finite
from pytest_graysplit.stats.quantiles import sorted_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    Pairs = list[tuple[float, float]]

_SPARE = 3.0
"""So many standard deviations of cases beyond the quantile are looked at; a resample that needs more is drawn whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRatio:
    """A ratio of quantiles, treatment over control, and the same ratio in every resample, in order.

    One pair alone has no resamples: nobody can tell its bounds.
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
        """Return the one-sided p of H0 "the true ratio is at most `bound`": the share of resamples that are.

        Itself counts as one of them, (1 + count) / (1 + resamples) (Davison and Hinkley 1997, 4.2.4), so that it
        is never 0. Without resamples it is 0.5, which is evidence of nothing.
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

    Pairs with a value that is not positive are left out; None when no pair is left. The order of the pairs
    changes nothing.

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


def _resampled(pairs: Pairs, q: float, rng: random.Random, resamples: int) -> list[float]:
    slow, rest = _split(pairs, q)
    above, below = (_Tail([pair[arm] for pair in slow], len(pairs), q, reach=_reach(len(pairs), q)) for arm in (0, 1))
    landings = _landings(len(pairs), len(slow), rng, resamples)
    indices = list(range(len(slow)))
    ratios = []
    for landed in landings:
        counts = [0] * len(slow)
        for index in rng.choices(indices, k=landed):
            counts[index] += 1
        treatment, control = above.quantile(counts), below.quantile(counts)
        if treatment is None or control is None:
            drawn = [pair for pair, count in zip(slow, counts, strict=True) for _ in range(count)]
            drawn += rng.choices(rest, k=len(pairs) - landed)
            treatment, control = (sorted_quantile(sorted(arm), q) for arm in zip(*drawn, strict=True))
        ratios.append(treatment / control)
    return ratios


def _split(pairs: Pairs, q: float) -> tuple[Pairs, Pairs]:
    """Return the pairs among the slowest of either model, and the rest; all of them and none if that is not less."""
    reach = _reach(len(pairs), q)
    # Places, not values: equal values are apart, and each place has the same chance to be drawn.
    chosen = {place for arm in (0, 1) for place in _slowest([pair[arm] for pair in pairs], reach)}
    if 2 * len(chosen) > len(pairs):
        return pairs, []
    return [pairs[place] for place in sorted(chosen)], [p for place, p in enumerate(pairs) if place not in chosen]


def _slowest(values: Sequence[float], most: int) -> list[int]:
    return sorted(range(len(values)), key=values.__getitem__, reverse=True)[:most]


def _reach(n: int, q: float) -> int:
    depth = n - math.floor(q * (n - 1))
    return min(n, depth + math.ceil(_SPARE * math.sqrt(depth) + _SPARE * _SPARE))


def _landings(n: int, slow: int, rng: random.Random, resamples: int) -> list[int]:
    """Draw how many of n draws land among the slow, for every resample: the binomial distribution, inverted."""
    if slow == n:
        return [n] * resamples
    share = slow / n
    spread = 12 * math.sqrt(slow * (1 - share))  # beyond it nothing is left that a float could tell from 0
    first, last = max(0, math.floor(slow - spread)), min(n, math.ceil(slow + spread))
    reached = list(accumulate(binomial_pmf(k, n, share) for k in range(first, last + 1)))
    return [first + bisect_right(reached, rng.random() * reached[-1], hi=last - first) for _ in range(resamples)]


class _Tail:
    """One model's slowest values, to read its quantile off how often each was drawn."""

    __slots__ = ("_depth", "_part", "_slowest", "_values")

    def __init__(self, values: Sequence[float], n: int, q: float, *, reach: int) -> None:
        position = q * (n - 1)
        self._depth = n - 1 - math.floor(position)
        self._part = position - math.floor(position)
        # Where all values are at hand, so are all of the resample; else it may need a value that is not.
        order = _slowest(values, len(values) if len(values) == n else reach)
        self._slowest = itemgetter(*order)
        self._values = [values[place] for place in order]

    def quantile(self, counts: list[int]) -> float | None:
        """Return the quantile of the resample; None when it lies below the values at hand."""
        drawn = list(accumulate(self._slowest(counts)))
        if drawn[-1] <= self._depth:
            return None
        lower = self._values[bisect_right(drawn, self._depth)]
        upper = self._values[bisect_right(drawn, max(0, self._depth - 1))]
        return lower + (upper - lower) * self._part
