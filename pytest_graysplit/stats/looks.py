"""Bounds that hold at every look at once, by Robbins' normal mixture, for figures that are monitored.

A bound for one look that is used at every look errs far more often than its alpha. The asymptotic confidence sequence
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, after Robbins 1970) replaces its z by a boundary. A sum of
independent values ever crosses that boundary with at most the stated probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from pytest_graysplit.stats.distributions import normal_tail
from pytest_graysplit.stats.interval import check_share

# The boundary is tightest around this sample size. The bounds before it are wider than necessary on purpose: they rest
# on the normal approximation, which does not hold yet with few units.
TUNED_N = 500
# The error rate of a one-sided bound; each end of an interval of a row is such a bound.
ALPHA = 0.05
# The largest z in a search for a bound: p-values beyond it are 0 as floats.
MOST_Z = 40.0
_POWER_Z = NormalDist().inv_cdf(0.80)
_FARTHEST = 10_000_000


def mixing(alpha: float, tuned_n: float = TUNED_N) -> float:
    """Return the variance of the mixture, r squared, whose two-sided boundary is tightest at `tuned_n` values."""
    check_share("alpha", alpha)
    return (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / tuned_n


@dataclass(frozen=True, slots=True)
class Looks:
    """One-sided bounds and p-values, in standard errors, of a figure over n units that is monitored continuously.

    n is the effective number of units of the smaller arm, which determines the variance of a difference.
    """

    n: float
    tuned_n: float = TUNED_N

    def z(self, alpha: float = ALPHA) -> float:
        """Return the distance of a bound, in standard errors, that holds at every look with probability 1 - alpha."""
        check_share("alpha", alpha)
        variance = self._variance
        return math.sqrt(2 * (1 + 1 / variance) * math.log1p(math.sqrt(variance + 1) / (2 * alpha)))

    def p(self, z: float) -> float:
        """Return the alpha whose boundary is z: a one-sided p-value that is valid at any time."""
        if z <= 0:
            return 1.0
        variance = self._variance
        odds = 2 * math.expm1(min(700.0, z * z / 2 * variance / (variance + 1)))
        root = math.sqrt(variance + 1)
        return root / odds if odds > root else 1.0

    @property
    def _variance(self) -> float:
        return max(1.0, self.n) * mixing(2 * ALPHA, self.tuned_n)


@dataclass(frozen=True, slots=True)
class OneLook:
    """One-sided bounds and p-values of a figure that is examined once, at an end that was fixed beforehand."""

    def z(self, alpha: float = ALPHA) -> float:
        """Return the normal quantile."""
        return NormalDist().inv_cdf(1 - alpha)

    def p(self, z: float) -> float:
        """Return the normal tail."""
        return normal_tail(z)


def needed_units(half: float, distance: float, n: int) -> int | None:
    """Return the number of units with which a bound clears its limit, with a power of 80%, if the estimate is true.

    `half` is the distance between bound and estimate over n units now, `distance` that between limit and estimate. None
    where the number of units exceeds any realistic one.

    >>> needed_units(0.10, 0.05, 100), needed_units(0.10, 0.0, 100)
    (528, None)
    """
    error = half / Looks(n).z() * math.sqrt(n)

    def decides(units: int) -> bool:
        return (Looks(units).z() + _POWER_Z) * error <= distance * math.sqrt(units)

    if not math.isfinite(error) or not decides(_FARTHEST):
        return None
    low, high = 0, _FARTHEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
