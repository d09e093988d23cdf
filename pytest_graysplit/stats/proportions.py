"""Intervals of one proportion."""

from __future__ import annotations

import math

from pytest_graysplit.stats.distributions import beta_quantile, two_sided_z
from pytest_graysplit.stats.interval import Interval, check_counts


def wilson(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Return the Wilson score interval of a proportion (Wilson 1927, JASA 22:209); 0 to 1 for n = 0.

    Successes may be a sum of shares. Their mean varies less than that of ones and zeros, so the interval is wider than
    necessary.

    >>> [round(bound, 4) for bound in wilson(15, 148)]
    [0.1014, 0.0624, 0.1605]
    """
    check_counts(n, successes)
    z = two_sided_z(confidence)
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The formula is exact at the ends but floating point is not: 0 of n starts at 0.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a proportion (Clopper and Pearson 1934, Biometrika 26:404); n = 0 gives 0 to 1.

    Its error rate never exceeds the stated one, so it is wider than Wilson's interval.

    >>> [round(bound, 4) for bound in clopper_pearson(15, 148)]
    [0.1014, 0.0578, 0.1617]
    """
    check_counts(n, successes)
    two_sided_z(confidence)  # refuses the same confidences
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    tail = (1 - confidence) / 2
    failures = n - successes
    low = beta_quantile(tail, successes, failures + 1) if successes else 0.0
    # The upper bound is one minus the lower bound of the failures, which keeps more digits near 1.
    high = 1 - beta_quantile(tail, failures, successes + 1) if failures else 1.0
    return Interval(successes / n, low, high)
