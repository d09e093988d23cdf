"""Bounds for figures that are looked at again and again: Robbins' normal mixture, which holds at every look at once.

A bound for one look, tried at every look, errs far more often than it says. The asymptotic confidence sequence
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, after Robbins 1970) replaces its z by a boundary that a sum
of independent values crosses at any time with the stated probability at the most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from pytest_graysplit.stats.distributions import normal_tail
from pytest_graysplit.stats.interval import check_share

# Around this sample size the boundary is tightest. Before it the bounds are wider than they would have to be, which
# is wanted: with few units the normal approximation, on which they rest, is not there yet.
TUNED_N = 500
# What one-sided bounds err; each end of an interval of a row is one.
ALPHA = 0.05
# Where a search for a bound ends: beyond it no p-value is told from 0.
MOST_Z = 40.0
_POWER_Z = NormalDist().inv_cdf(0.80)
_FARTHEST = 10_000_000


def mixing(alpha: float, tuned_n: float = TUNED_N) -> float:
    """Return the variance of the mixture, r squared, whose two-sided boundary is tightest at `tuned_n` values."""
    check_share("alpha", alpha)
    return (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / tuned_n


@dataclass(frozen=True, slots=True)
class Looks:
    """One-sided bounds and p-values, in standard errors, of a figure over n units that is looked at all the time.

    n is the effective number of units of the smaller arm, in which the variance of a difference shrinks.
    """

    n: float
    tuned_n: float = TUNED_N

    def z(self, alpha: float = ALPHA) -> float:
        """Return how many standard errors a bound lies away that holds at every look with probability 1 - alpha."""
        check_share("alpha", alpha)
        variance = self._variance
        return math.sqrt(2 * (1 + 1 / variance) * math.log1p(math.sqrt(variance + 1) / (2 * alpha)))

    def p(self, z: float) -> float:
        """Return the alpha whose boundary is z: a one-sided p-value that may be looked at at any time."""
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
    """One-sided bounds and p-values of a figure that is looked at once, at an end that was fixed before."""

    def z(self, alpha: float = ALPHA) -> float:
        """Return the normal quantile."""
        return NormalDist().inv_cdf(1 - alpha)

    def p(self, z: float) -> float:
        """Return the normal tail."""
        return normal_tail(z)


def needed_units(half: float, distance: float, n: int) -> int | None:
    """Return with how many units a bound would clear its limit, with a power of 80%, if the estimate is the truth.

    `half` is how far the bound lies from the estimate over n units now, `distance` how far the limit does. None
    where no number of units that anybody has would decide.

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
