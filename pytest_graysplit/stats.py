"""Intervals for rates, differences of rates, and ratios; pure functions, without numpy or scipy.

scipy is the oracle in the tests, not a dependency: importing it alone takes about a second.
"""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Interval(NamedTuple):
    """An estimate with its lower and upper bound."""

    estimate: float
    low: float
    high: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the Wilson score interval of a proportion (Wilson 1927, JASA 22:209); n = 0 knows nothing: 0 to 1."""
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula is exact but floating point is not: 0 of n starts at 0.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high)


def tango(only_treatment: int, only_control: int, n: int, confidence: float = 0.90) -> Interval:
    """Return the score interval of a paired difference of proportions, treatment minus control.

    `only_treatment` and `only_control` count the pairs of n that one side alone passed
    (Tango 1998, Statistics in Medicine 17:891).
    """
    if n == 0:
        return Interval(math.nan, -1.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    estimate = (only_treatment - only_control) / n

    def above(difference: float) -> float:
        return _tango_score(only_treatment, only_control, n, difference)

    return Interval(
        estimate,
        _bisect(lambda d: above(d) - z, -1.0, estimate),
        _bisect(lambda d: above(d) + z, estimate, 1.0),
    )


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


def log_ratio(treatment: Sequence[float], control: Sequence[float], confidence: float = 0.90) -> Interval | None:
    """Return the paired geometric mean ratio, treatment over control, with a t interval on the logarithms.

    Pairs with a value that is not positive are left out; None when no pair is left.
    """
    # A difference of logarithms: the ratio itself may be too large or too small for a float.
    logs = [math.log(t) - math.log(c) for t, c in zip(treatment, control, strict=True) if t > 0 and c > 0]
    if not logs:
        return None
    mean = fmean(logs)
    if len(logs) == 1:
        return Interval(_exp(mean), 0.0, math.inf)
    half = t_quantile((1 + confidence) / 2, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return Interval(_exp(mean), _exp(mean - half), _exp(mean + half))


def _exp(power: float) -> float:
    return math.exp(power) if power < 709 else math.inf


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the q-quantile by linear interpolation (Hyndman and Fan 1996, type 7); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def conformal_threshold(self_similarities: Sequence[float], alpha: float = 0.05) -> float | None:
    """Return the bound that a model answering like the control falls below in a share of at most alpha of cases.

    It is the k-th smallest self-similarity, k = floor(alpha (n + 1)) (split conformal prediction: Vovk, Gammerman and
    Shafer 2005, Algorithmic Learning in a Random World); None while n is too small for k = 1: 19 at alpha .05.
    """
    # As the fraction that is meant: in floating point a share times n + 1 may end just below a whole number.
    k = math.floor(Fraction(str(alpha)) * (len(self_similarities) + 1))
    return sorted(self_similarities)[k - 1] if k >= 1 else None


def t_quantile(p: float, df: float) -> float:
    """Return the p-quantile (0.5 <= p < 1) of Student's t distribution with df degrees of freedom."""
    high = 2.0
    while _t_cdf(high, df) < p:
        high *= 2
    return _bisect(lambda t: p - _t_cdf(t, df), 0.0, high)


def _t_cdf(t: float, df: float) -> float:
    return 1 - _incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated after Lentz."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _beta_fraction(a, b, x) / a


def _beta_fraction(a: float, b: float, x: float) -> float:
    tiny = 1e-300
    numerator, denominator, fraction = 1.0, 0.0, 1.0
    for step in range(500):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        denominator = 1 / ((1 + term * denominator) or tiny)
        numerator = (1 + term / numerator) or tiny
        fraction *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-15:
            break
    return fraction - 1


def _bisect(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, to the last bit that halving can tell."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
