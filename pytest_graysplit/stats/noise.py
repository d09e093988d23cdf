"""The variation of the control against itself, and whether the treatment deviates more than that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import beta_quantile
from pytest_graysplit.stats.interval import Interval, check_confidence, check_share, finite

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDING = 1e-9
"""Sums that differ by at most this are equal; their terms were added in another order."""


def conformal_threshold(self_similarities: Sequence[float], alpha: float = 0.05) -> float | None:
    """Return the similarity below which a case of the control against itself falls with at most probability alpha.

    The k-th smallest, k = floor(alpha (n + 1)) (Vovk, Gammerman and Shafer 2005). None where k is 0, which for alpha
    0.05 means fewer than 19 cases.

    >>> conformal_threshold([0.80 + 0.01 * step for step in range(19)])
    0.8
    >>> conformal_threshold([0.9] * 18)
    """
    check_share("alpha", alpha)
    ordered = sorted(finite(self_similarities))
    # alpha (n + 1) may come out a last bit below a whole number: 0.29 * 100 is 28.999999999999996.
    k = min(len(ordered), math.floor(alpha * (len(ordered) + 1) + 1e-9))
    return ordered[k - 1] if k else None


def conformal_deficit(deficits: Sequence[Sequence[float]], alpha: float = 0.05) -> float | None:
    """Return the deficit that a case of the control against itself exceeds with at most probability alpha.

    `deficits` holds the deficits of each case, which together weigh as much as one. The result is the smallest value
    that covers, on average over the n cases, a share of (1 - alpha)(n + 1) / n of the deficits. None below 19 cases for
    alpha 0.05.

    >>> conformal_deficit([[step / 100, -step / 100] for step in range(39)])
    0.36
    >>> conformal_deficit([[0.0, 0.1]] * 18)
    """
    check_share("alpha", alpha)
    weighted = sorted((value, 1 / len(some)) for some in deficits for value in finite(some))
    cases, reached = sum(bool(some) for some in deficits), 0.0
    for value, weight in weighted:
        reached += weight
        if reached >= (1 - alpha) * (cases + 1) - _ROUNDING:
            return value
    return None


def conformal_miss_range(n: int, alpha: float = 0.05, confidence: float = 0.90) -> Interval | None:
    """Return how often the control misses a threshold calibrated on n cases: k of n + 1, and its range.

    Over all samples of n cases the rate is distributed as Beta(k, n + 1 - k) (Vovk 2012); None where k is 0.

    >>> [round(rate, 3) for rate in conformal_miss_range(99)]
    [0.05, 0.02, 0.09]
    """
    check_share("alpha", alpha)
    check_confidence(confidence)
    k = min(n, math.floor(alpha * (n + 1) + 1e-9))
    if not k:
        return None
    tail = (1 - confidence) / 2
    return Interval(k / (n + 1), beta_quantile(tail, k, n + 1 - k), beta_quantile(1 - tail, k, n + 1 - k))
