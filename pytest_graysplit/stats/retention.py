"""Retention: the ratio of two pass rates over the same cases, as a share of the control's passes."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import normal_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, finite
from pytest_graysplit.stats.restricted import RestrictedScore, steep_crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Counted = list[tuple[tuple[float, float], int]]

_DIGITS = 12
_MOST = 1e9
"""The largest ratio that is considered."""


def retention(treatment: Sequence[float], control: Sequence[float], confidence: float = 0.90) -> Interval | None:
    """Return sum(treatment) / sum(control) with its score interval; None where the control passes nothing.

    Each pair has pass shares t and c from 0 to 1. The ratio is the r for which the mean of t - r c is 0. With whole
    passes its score is that of Nam and Blackwelder (2002, Statistics in Medicine 21:689) and of Tang, Tang and Chan
    (2003, Statistics in Medicine 22:1217).

    >>> # The data of Bentur and others 2009, in Fagerland, Lydersen and Laake 2014.
    >>> [round(bound, 3) for bound in retention([1] * 2 + [0] * 19, [1, 0] + [1] * 7 + [0] * 12, confidence=0.95)]
    [0.25, 0.065, 0.907]
    """
    z = two_sided_z(confidence)
    counted = _counted(treatment, control)
    passes = [math.fsum(pair[arm] * count for pair, count in counted) for arm in (0, 1)]
    if not passes[1]:
        return None
    # The upper bound is the inverse of the lower bound with the arms exchanged.
    upside_down = _lower(sorted(((c, t), count) for (t, c), count in counted), passes[1], passes[0], z)
    low, high = _lower(counted, passes[0], passes[1], z), 1 / upside_down if upside_down else math.inf
    return Interval(passes[0] / passes[1], low, high)


def retention_p(treatment: Sequence[float], control: Sequence[float], bound: float) -> float:
    """Return the one-sided p of H0 "the true ratio is at most `bound`"; 0.5 where neither model passes anything.

    >>> round(retention_p([1] * 40, [1] * 40, bound=0.9), 3)
    0.018
    """
    if not 0 < bound < math.inf:
        raise ValueError(f"a bound on a ratio is more than 0, not {bound!r}")
    counted = _counted(treatment, control)
    away = math.fsum((t - bound * c) * count for (t, c), count in counted)
    if abs(away) < 10**-_DIGITS:
        return 0.5
    if away > 0:
        return normal_tail(_score_of(counted)(bound))
    return 1 - normal_tail(_score_of([((c, t), count) for (t, c), count in counted])(1 / bound))


def _counted(treatment: Sequence[float], control: Sequence[float]) -> Counted:
    pairs = zip(finite(treatment), finite(control), strict=True)
    counts = Counter((round(t, _DIGITS), round(c, _DIGITS)) for t, c in pairs)
    for pair in counts:
        if not all(0 <= share <= 1 for share in pair):
            raise ValueError(f"a share of passes lies between 0 and 1, not {pair!r}")
    return sorted(counts.items())


def _lower(counted: Counted, over: float, under: float, z: float) -> float:
    """Return the ratio below the estimate, over / under, at which the score falls to z."""
    if not over:
        return 0.0
    score = _score_of(counted)
    high, below = (over / under, -z) if under else (_MOST, score(_MOST) - z)
    if below >= 0:
        return _MOST
    low = min(high / 2, 1.0)
    while (above := score(low) - z) < 0:
        high, below, low = low, above, low / 2
    return steep_crossing(lambda ratio: score(ratio) - z, (low, above), (high, below))


def _score_of(counted: Counted) -> Callable[[float], float]:
    """Return the score against a ratio below the estimate; the end of the scale is a pass of the control alone."""
    pairs = [pair for pair, _ in counted]
    score = RestrictedScore([count for _, count in counted])
    return lambda ratio: score([t / ratio - c for t, c in pairs])
