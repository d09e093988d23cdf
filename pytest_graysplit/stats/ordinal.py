"""Two models on the same cases with partial passes: Tango's score interval for differences from -1 to 1.

The variance is that of the likeliest distribution under the hypothesis (see `restricted`). For whole passes and
failures, with differences of -1, 0 and 1, that distribution is Tango's, and the bounds are equal to his.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import normal_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, finite
from pytest_graysplit.stats.restricted import RestrictedScore, steep_crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Counted = list[tuple[float, int]]

_DIGITS = 12
"""Decimal places to which differences of shares are compared: thirds and tenths differ by rounding."""


def ordinal_tango(differences: Sequence[float], confidence: float = 0.90) -> Interval:
    """Return the score interval of a mean of paired differences, each from -1 to 1; -1 to 1 without differences.

    >>> [round(bound, 3) for bound in ordinal_tango([1] * 9 + [-1] * 3 + [0] * 20, confidence=0.95)]  # Tango, table VII
    [0.188, -0.027, 0.39]
    >>> [round(bound, 3) for bound in ordinal_tango([-0.5] * 4 + [0] * 96)]
    [-0.02, -0.046, 0.007]
    """
    z = two_sided_z(confidence)
    counted = _counted(differences)
    if not counted:
        return Interval(math.nan, -1.0, 1.0)
    mean = _mean(counted)
    return Interval(mean, _lower(counted, mean, z), -_lower(_mirrored(counted), -mean, z))


def ordinal_tango_p(differences: Sequence[float], bound: float) -> float:
    """Return the one-sided p of H0 "the true mean difference is at most `bound`"; one minus it is that of "at least".

    Without differences it is 0.5.

    >>> round(ordinal_tango_p([0.0] * 60, bound=-0.05), 6)
    0.03778
    """
    return ordinal_tango_tail(differences)(bound)


def ordinal_tango_tail(differences: Sequence[float]) -> Callable[[float], float]:
    """Return `ordinal_tango_p` as a function of the bound, for callers that try many bounds.

    >>> round(ordinal_tango_tail([0.0] * 60)(-0.05), 6)
    0.03778
    """
    counted = _counted(differences)
    mean = _mean(counted) if counted else math.nan
    score, mirrored = _score_of(counted), _score_of(_mirrored(counted))

    def p(bound: float) -> float:
        if not -1 < bound < 1:
            raise ValueError(f"a bound on a difference of shares lies between -1 and 1, not {bound!r}")
        if not counted or abs(mean - bound) < 10**-_DIGITS:
            return 0.5
        return normal_tail(score(bound)) if mean > bound else 1 - normal_tail(mirrored(-bound))

    return p


def _counted(differences: Sequence[float]) -> Counted:
    counts = Counter(round(number, _DIGITS) for number in finite(differences))
    for number in counts:
        if not -1 <= number <= 1:
            raise ValueError(f"a difference of two shares lies between -1 and 1, not {number!r}")
    return sorted(counts.items())  # sorted, so that the order of the cases does not affect any digit


def _mirrored(counted: Counted) -> Counted:
    return [(-number, count) for number, count in reversed(counted)]


def _mean(counted: Counted) -> float:
    return math.fsum(number * count for number, count in counted) / sum(count for _, count in counted)


def _lower(counted: Counted, mean: float, z: float) -> float:
    """Return the value below the mean at which the score falls to z."""
    score, n = _score_of(counted), sum(count for _, count in counted)
    spread = math.sqrt(math.fsum(count * (number - mean) ** 2 for number, count in counted) / n)
    high, under, reach = mean, -z, z * (spread + z / math.sqrt(n)) / math.sqrt(n)
    low = max(-1.0, mean - reach)
    while low > -1 and (over := score(low) - z) < 0:
        high, under, reach = low, over, 2 * reach
        low = max(-1.0, mean - reach)
    # The score is infinite at the end of the scale; any large number does for the first chord.
    over = score(low) - z if low > -1 else 100 * z
    return steep_crossing(lambda at: score(at) - z, (low, over), (high, under))


def _score_of(counted: Counted) -> Callable[[float], float]:
    """Return the score of the sample against a mean below its own; the end of the scale, -1, is 1 + mean away."""
    numbers = [number for number, _ in counted]
    score = RestrictedScore([count for _, count in counted])
    return lambda mean: score([(number - mean) / (1 + mean) for number in numbers])
