"""Quantiles of a sample, tests of a budget for a quantile, and a rank test of whether one figure rises with another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import binomial_cdf, normal_tail
from pytest_graysplit.stats.interval import check_counts, check_share, finite

if TYPE_CHECKING:
    from collections.abc import Sequence


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the q-quantile by linear interpolation (Hyndman and Fan 1996, type 7); None without values.

    >>> quantile([1.0, 2.0, 4.0], 0.75)
    3.0
    """
    ordered = sorted(finite(values))
    return sorted_quantile(ordered, q) if ordered else None


def sorted_quantile(ordered: Sequence[float], q: float) -> float:
    """Return the q-quantile of values in ascending order."""
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {q!r}; p95 is 0.95")
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def binomial_budget_p(exceedances: int, n: int, share: float = 0.05) -> float:
    """Return the p of H0 "at least `share` of all values exceed the budget", when `exceedances` of n did.

    The exact binomial probability of at most `exceedances`. "p95 is within the budget" is shown when it is below 0.05,
    which takes 59 values without an exceedance, or 93 with one.

    >>> [round(binomial_budget_p(0, n), 3) for n in (58, 59)]
    [0.051, 0.048]
    """
    check_counts(n, exceedances)
    check_share("the share that may exceed a budget", share)
    return binomial_cdf(exceedances, n, share)


def smallest_n_for_quantile(q: float, alpha: float = 0.05) -> int:
    """Return the smallest number of values whose largest is an upper bound of the q-quantile: ln alpha / ln q.

    With fewer values no upper bound exists without assumptions on the distribution (Wilks 1941).

    >>> [smallest_n_for_quantile(q) for q in (0.90, 0.95, 0.99)]
    [29, 59, 299]
    """
    check_share("a quantile", q)
    check_share("alpha", alpha)
    return math.ceil(math.log(alpha) / math.log(q) - 1e-9)  # rounding may lift a whole number by its last bit


def rises_p(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the one-sided p of H0 "y does not rise with x", by Spearman's rank correlation; 0.5 without evidence.

    Ties share their mean rank. Over all orders of y the correlation has the mean 0 and the variance 1 / (n - 1), with
    ties too (Kendall and Stuart), and is treated as normal.

    >>> round(rises_p([1, 2, 3, 4, 4, 4, 4, 4], [1, 2, 3, 4, 5, 4, 5, 4]), 4)
    0.0086
    """
    if len(xs) != len(ys):
        raise ValueError(f"{len(xs)} values cannot be held against {len(ys)}")
    rank_x, rank_y = _ranks(finite(xs)), _ranks(finite(ys))
    middle = (len(xs) - 1) / 2
    both = math.fsum((x - middle) * (y - middle) for x, y in zip(rank_x, rank_y, strict=True))
    spread = math.prod(math.fsum((rank - middle) ** 2 for rank in ranks) for ranks in (rank_x, rank_y))
    return normal_tail(both / math.sqrt(spread) * math.sqrt(len(xs) - 1)) if spread > 0 else 0.5


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 0; equal values have the mean of their ranks."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
