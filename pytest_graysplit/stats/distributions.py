"""Tail probabilities and quantiles of distributions."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from pytest_graysplit.stats.interval import check_confidence, check_share
from pytest_graysplit.stats.special import crossing, incomplete_beta, log_beta


def two_sided_z(confidence: float) -> float:
    """Return the z for which a normal value lies between -z and z with that confidence; 0.90 gives 1.645.

    >>> round(two_sided_z(0.90), 3)
    1.645
    """
    check_confidence(confidence)
    return NormalDist().inv_cdf((1 + confidence) / 2)


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal value is above z, also for large z where 1 - cdf is 0."""
    return math.erfc(z / math.sqrt(2)) / 2


def t_tail(t: float, df: float) -> float:
    """Return the probability that a value of Student's t distribution with df degrees of freedom is above t.

    >>> round(t_tail(1.812, 10), 3)
    0.05
    """
    if math.isinf(t):
        return float(t < 0)
    whole = df + t * t
    both = incomplete_beta(df / 2, 0.5, df / whole, t * t / whole if math.isfinite(whole) else 1.0)
    return both / 2 if t >= 0 else 1 - both / 2


@lru_cache(maxsize=256)
def t_quantile(p: float, df: float) -> float:
    """Return the p-quantile (0 < p < 1) of Student's t distribution with df degrees of freedom.

    >>> round(t_quantile(0.95, 5), 3)
    2.015
    """
    check_share("p", p)
    if not df > 0:
        raise ValueError(f"degrees of freedom are more than 0, not {df!r}")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    high = 2.0
    while t_tail(high, df) > 1 - p:
        high *= 2
    return crossing(lambda t: t_tail(t, df) - (1 - p), 0.0, high)


def binomial_pmf(k: int, n: int, p: float) -> float:
    """Return the probability of exactly k successes in n trials, 0 < p < 1."""
    log_choices = -math.log(n + 1) - log_beta(n - k + 1, k + 1)
    return math.exp(log_choices + k * math.log(p) + (n - k) * math.log1p(-p))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return the probability of at most k successes in n trials (DLMF 8.17.5).

    >>> round(binomial_cdf(1, 3, 0.5), 12)
    0.5
    """
    if k >= n:
        return 1.0
    return incomplete_beta(n - k, k + 1, 1 - p, p)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return the p-quantile of the beta distribution with the parameters a and b."""
    return crossing(lambda x: p - incomplete_beta(a, b, x), 0.0, 1.0)
