"""Rates, differences of rates in pairs, and counts against what was promised."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import Interval, check_counts, two_sided_z
from pytest_graysplit.stats.special import (
    binomial_cdf,
    binomial_pmf,
    bisect,
    chi_square_tail,
    incomplete_beta,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the Wilson score interval of a proportion (Wilson 1927, JASA 22:209); n = 0 knows nothing: 0 to 1.

    >>> [round(bound, 4) for bound in wilson(15, 148)]
    [0.1014, 0.0624, 0.1605]
    """
    check_counts(successes, n=n)
    z = two_sided_z(confidence)
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula is exact but floating point is not: 0 of n starts at 0.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the exact binomial interval of a proportion (Clopper and Pearson 1934, Biometrika 26:404).

    >>> [round(bound, 4) for bound in clopper_pearson(0, 20)]
    [0.0, 0.0, 0.1684]
    """
    check_counts(successes, n=n)
    two_sided_z(confidence)
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    tail = (1 - confidence) / 2
    low, high = 0.0, 1.0
    if successes > 0:
        low = bisect(lambda p: tail - incomplete_beta(successes, n - successes + 1, p), 0.0, 1.0)
    if successes < n:
        high = bisect(lambda p: 1 - tail - incomplete_beta(successes + 1, n - successes, p), 0.0, 1.0)
    return Interval(successes / n, low, high)


def tango(only_treatment: int, only_control: int, n: int, confidence: float = 0.90) -> Interval:
    """Return the score interval of a paired difference of proportions, treatment minus control.

    `only_treatment` and `only_control` count the pairs of n that one side alone passed
    (Tango 1998, Statistics in Medicine 17:891).

    >>> [round(bound, 3) for bound in tango(1, 7, 21, 0.95)]
    [-0.286, -0.517, -0.026]
    """
    check_counts(only_treatment, only_control, n=n)
    z = two_sided_z(confidence)
    if n == 0:
        return Interval(math.nan, -1.0, 1.0)
    estimate = (only_treatment - only_control) / n

    def above(difference: float) -> float:
        return _tango_score(only_treatment, only_control, n, difference)

    return Interval(
        estimate,
        bisect(lambda d: above(d) - z, -1.0, estimate),
        bisect(lambda d: above(d) + z, estimate, 1.0),
    )


def tango_p(only_treatment: int, only_control: int, n: int, bound: float) -> float:
    """Return the one-sided p value of "the difference is at most the bound", by Tango's score; no pairs show nothing.

    With the bound at minus the margin, it is the p value of non-inferiority; one minus it speaks for harm.

    >>> tango_p(0, 0, 52, -0.05) < 0.05 < tango_p(0, 0, 51, -0.05)
    True
    """
    check_counts(only_treatment, only_control, n=n)
    if n == 0:
        return 0.5
    return NormalDist().cdf(-_tango_score(only_treatment, only_control, n, bound))


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = max(0.0, linear * linear - 8 * n * constant)
    q = max(0.0, (math.sqrt(root) - linear) / (4 * n))
    variance = n * (2 * q + difference * (1 - difference))
    distance = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def mcnemar_exact(only_treatment: int, only_control: int) -> float:
    """Return the two-sided exact p value that one side alone passes as often as the other (McNemar 1947); a diagnostic.

    >>> round(mcnemar_exact(6, 16), 6)
    0.052479
    """
    return min(1.0, 2 * _lesser_tail(only_treatment, only_control))


def mcnemar_midp(only_treatment: int, only_control: int) -> float:
    """Return the mid-p value of the same test, which is less timid (Fagerland, Lydersen and Laake 2013).

    >>> round(mcnemar_midp(6, 16), 5)
    0.03469
    """
    discordant = only_treatment + only_control
    if discordant == 0:
        return 1.0
    point = binomial_pmf(min(only_treatment, only_control), discordant, 0.5)
    return min(1.0, 2 * _lesser_tail(only_treatment, only_control) - point)


def _lesser_tail(b: int, c: int) -> float:
    check_counts(b, c, n=b + c)
    return binomial_cdf(min(b, c), b + c, 0.5)


def binomial_budget_p(exceedances: int, n: int, share: float = 0.05) -> float:
    """Return the exact p value of "more than this share of all exceeds the budget", given so many of n that did.

    Below 0.05 it shows, for a share of 0.05, that the 95th percentile keeps the budget: 0 of 59, 1 of 93, 2 of 124.

    >>> binomial_budget_p(0, 59) < 0.05 < binomial_budget_p(0, 58)
    True
    """
    check_counts(exceedances, n=n)
    return binomial_cdf(exceedances, n, share)


def sample_ratio_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the chi-square p value that units fell to the arms as the weights say; below 0.001 the split is broken.

    (Fabijan et al. 2019, KDD; counts are of units, never of requests.)

    >>> round(sample_ratio_p([821588, 815482], [0.5, 0.5]) * 1e6, 2)
    1.82
    """
    if len(counts) != len(weights) or any(weight < 0 for weight in weights) or sum(weights) <= 0:
        raise ValueError(f"{list(weights)} are no weights for {len(counts)} arms")
    total, whole = sum(counts), math.fsum(weights)
    if any(count and not weight for count, weight in zip(counts, weights, strict=True)):
        return 0.0
    expected = [(count, total * weight / whole) for count, weight in zip(counts, weights, strict=True) if weight]
    if total == 0 or len(expected) < 2:
        return 1.0
    distance = math.fsum((count - hoped) ** 2 / hoped for count, hoped in expected)
    return chi_square_tail(distance, len(expected) - 1)
