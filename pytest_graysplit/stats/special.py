"""Distribution functions that Python lacks: Student's t, binomial and chi-square, and a root finder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TINY = 1e-300
_ENOUGH = 1e-15
# The fractions converge within some multiples of the square root of their largest parameter: this serves 10^8 cases.
_MOST_STEPS = 100_000


def t_tail(t: float, df: float) -> float:
    """Return the probability that Student's t with df degrees of freedom is t or more; small ones keep their digits."""
    half = incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2
    return half if t >= 0 else 1 - half


def t_quantile(p: float, df: float) -> float:
    """Return the p-quantile (0.5 <= p < 1) of Student's t distribution with df degrees of freedom."""
    high = 2.0
    while t_tail(high, df) > 1 - p:
        high *= 2
    return bisect(lambda t: t_tail(t, df) - (1 - p), 0.0, high)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return the probability of at most k successes in n trials of chance p."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else incomplete_beta(n - k, k + 1, 1 - p)


def binomial_pmf(k: int, n: int, p: float) -> float:
    """Return the probability of exactly k successes in n trials of chance p, which lies between 0 and 1."""
    log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_ways + k * math.log(p) + (n - k) * math.log1p(-p))


def chi_square_tail(x: float, df: int) -> float:
    """Return the probability that chi-square with df degrees of freedom is x or more."""
    return 1.0 if x <= 0 else _upper_gamma(df / 2, x / 2)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)

    def term(step: int) -> float:
        m = step // 2
        if step % 2 == 0:
            return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))

    return math.exp(log_front) * _fraction(term) / a


def _fraction(term: Callable[[int], float]) -> float:
    """Evaluate 1/(1+ t1/(1+ t2/(1+ ...))) after Lentz."""
    numerator, denominator, fraction = 1.0, 0.0, 1.0
    for step in range(1, _MOST_STEPS):
        denominator = 1 / ((1 + term(step) * denominator) or _TINY)
        numerator = (1 + term(step) / numerator) or _TINY
        fraction *= numerator * denominator
        if abs(numerator * denominator - 1) < _ENOUGH:
            break
    return 1 / fraction


def _upper_gamma(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function: a series, or a fraction (DLMF 8.11.4, 8.9.2)."""
    log_front = a * math.log(x) - x - math.lgamma(a)
    if x < a + 1:
        term = total = 1 / a
        step = 1
        while term > total * _ENOUGH:
            term *= x / (a + step)
            total += term
            step += 1
        return max(0.0, 1 - math.exp(log_front) * total)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for step in range(1, _MOST_STEPS):
        weight = -step * (step - a)
        b += 2
        d = 1 / ((weight * d + b) or _TINY)
        c = (b + weight / c) or _TINY
        fraction *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return math.exp(log_front) * fraction


def bisect(falling: Callable[[float], float], low: float, high: float) -> float:
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
