"""Tests and intervals for two models on the same cases, each passed or failed.

`only_treatment` and `only_control` count the pairs of n that only this model passed; the other pairs agree.
"""

from __future__ import annotations

import math

from pytest_graysplit.stats.distributions import binomial_cdf, binomial_pmf, normal_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, check_counts
from pytest_graysplit.stats.special import crossing


def tango(only_treatment: int, only_control: int, n: int, confidence: float = 0.90) -> Interval:
    """Return the score interval of a paired difference of proportions, treatment minus control.

    Tango 1998, Statistics in Medicine 17:891. Without pairs the interval is -1 to 1.

    >>> [round(bound, 3) for bound in tango(9, 3, 32, confidence=0.95)]  # his table VII
    [0.188, -0.027, 0.39]
    """
    check_counts(n, only_treatment, only_control)
    z = two_sided_z(confidence)
    if n == 0:
        return Interval(math.nan, -1.0, 1.0)
    estimate = (only_treatment - only_control) / n

    def score(difference: float) -> float:
        return _tango_score(only_treatment, only_control, n, difference)

    return Interval(
        estimate,
        crossing(lambda d: score(d) - z, -1.0, estimate),
        crossing(lambda d: score(d) + z, estimate, 1.0),
    )


def tango_p(only_treatment: int, only_control: int, n: int, bound: float) -> float:
    """Return the one-sided p of H0 "the true difference, treatment minus control, is at most `bound`".

    A margin m is kept when `tango_p(..., bound=-m)` is small, that is, when the lower bound of `tango` is above -m. One
    minus the result is the p of H0 "at least `bound`". Without pairs it is 0.5.

    >>> round(tango_p(0, 0, 52, bound=-0.05), 4)  # 52 cases that agree are just enough for a margin of 5 points
    0.049
    """
    check_counts(n, only_treatment, only_control)
    if not -1 < bound < 1:
        raise ValueError(f"a bound on a difference of rates lies between -1 and 1, not {bound!r}")
    if n == 0:
        return 0.5
    return normal_tail(_tango_score(only_treatment, only_control, n, bound))


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    if difference < 0:  # below 0 the variance near the end would be a difference of two almost equal numbers
        return -_tango_score(c, b, n, -difference)
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    # The same root of the same quadratic, written so that two almost equal numbers are never subtracted.
    q = -2 * constant / (root + linear) if linear > 0 else (root - linear) / (4 * n)
    variance = n * (2 * max(0.0, q) + difference * (1 - difference))
    distance = b - c - n * difference
    if variance <= 0:  # only at the end, and at 0 without a discordant pair
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def mcnemar_exact(only_treatment: int, only_control: int) -> float:
    """Return the exact two-sided p of H0 "both models pass equally often" (McNemar 1947, conditional binomial).

    >>> round(mcnemar_exact(6, 16), 6)  # Cavo and others 2012, in Fagerland, Lydersen and Laake
    0.052479
    """
    check_counts(only_treatment + only_control, only_treatment, only_control)
    fewer, discordant = min(only_treatment, only_control), only_treatment + only_control
    if only_treatment == only_control:
        return 1.0
    return min(1.0, 2 * binomial_cdf(fewer, discordant, 0.5))


def mcnemar_midp(only_treatment: int, only_control: int) -> float:
    """Return the two-sided mid-p of the hypothesis of `mcnemar_exact`; the observed outcome counts half.

    Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91. Without a discordant pair it is 1.

    >>> round(mcnemar_midp(6, 16), 5)
    0.03469
    """
    exact = mcnemar_exact(only_treatment, only_control)
    discordant = only_treatment + only_control
    if discordant == 0:
        return 1.0
    # The exact p holds the outcome twice, except where rounding below the smallest normal number gives p < 0.
    observed = min(binomial_pmf(min(only_treatment, only_control), discordant, 0.5), exact / 2)
    # The outcome of two equal counts is its own mirror image and counts once; every other one counts twice.
    return exact - (observed / 2 if only_treatment == only_control else observed)
