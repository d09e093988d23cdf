"""The incomplete beta function, and the zero of a falling function."""

from __future__ import annotations

import math
from itertools import count, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TINY = 1e-300
_ENOUGH = 1e-15
_MOST_STEPS = 200_000  # a fraction takes about the square root of its largest argument; this covers any number of cases


def incomplete_beta(a: float, b: float, x: float, rest: float | None = None) -> float:
    """Return the regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22).

    `rest` is 1 - x, for callers that know it without the rounding error of the subtraction.

    >>> round(incomplete_beta(2, 3, 0.5), 12)
    0.6875
    """
    rest = 1 - x if rest is None else rest
    if x <= 0 or rest <= 0:
        return float(x > 0)
    if x > (a + 1) / (a + b + 2):  # beyond the mean the fraction converges for the mirrored function
        return 1 - incomplete_beta(b, a, rest, x)
    front = math.exp(a * math.log(x) + b * math.log(rest) - log_beta(a, b)) / a
    return min(1.0, front / _fraction(_beta_terms(a, b, x)))


def _beta_terms(a: float, b: float, x: float) -> Iterator[tuple[float, float]]:
    for m in count():
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
        k = m + 1
        yield k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)), 1.0


def _fraction(terms: Iterator[tuple[float, float]]) -> float:
    """Return 1 + t1/(b1 + t2/(b2 + ...)) by the method of Lentz as changed by Thompson and Barnett (1986)."""
    value = upper = 1.0
    lower = 0.0
    for term, step in islice(terms, _MOST_STEPS):
        lower = 1 / ((step + term * lower) or _TINY)
        upper = (step + term / upper) or _TINY
        value *= upper * lower
        if abs(upper * lower - 1) < _ENOUGH:
            break
    return value


def log_beta(a: float, b: float) -> float:
    """Return ln B(a, b), without the digits that lgamma loses for large arguments."""
    small, large = min(a, b), max(a, b)
    if large < 10:
        return math.lgamma(small) + math.lgamma(large) - math.lgamma(small + large)
    both = small + large
    rest = _stirling(large) - _stirling(both) - (large - 0.5) * math.log1p(small / large)
    if small < 10:
        return math.lgamma(small) + rest + small * (1 - math.log(both))
    return (
        _stirling(small)
        + rest
        + (small - 0.5) * math.log(small / both)
        - math.log(both) / 2
        + math.log(2 * math.pi) / 2
    )


def _stirling(x: float) -> float:
    """Return the remainder of Stirling's formula for ln Gamma(x), for x >= 10 (DLMF 5.11.1)."""
    square = 1 / (x * x)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / x


def crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, as exactly as bisection can tell."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
