"""Means of one value per case, with standard errors that account for clusters of cases."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.distributions import t_quantile, t_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, check_confidence, finite
from pytest_graysplit.stats.paired import tango

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


class MeanEstimate(NamedTuple):
    """A mean with its standard error and the degrees of freedom of its t; these are 0 for a single value."""

    mean: float
    error: float
    df: int

    def interval(self, confidence: float) -> Interval:
        """Return the t interval; it is infinite for a single value."""
        check_confidence(confidence)
        if self.df == 0:
            return Interval(self.mean, -math.inf, math.inf)
        half = t_quantile((1 + confidence) / 2, self.df) * self.error if self.error else 0.0
        return Interval(self.mean, self.mean - half, self.mean + half)

    def p(self, bound: float) -> float:
        """Return the one-sided p of H0 "the true mean is at most `bound`"; 0.5 without evidence."""
        if math.isnan(bound):
            raise ValueError("the bound has to be a number, not nan")
        if self.df == 0:
            return 0.5
        if self.error > 0:
            return t_tail((self.mean - bound) / self.error, self.df)
        # Values that are all equal are at the bound although rounding may move their mean.
        return 0.5 if math.isclose(self.mean, bound, rel_tol=1e-12, abs_tol=1e-15) else float(self.mean < bound)


def estimate_mean(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> MeanEstimate | None:
    """Return the mean and its standard error, clustered when clusters are given; None without values."""
    numbers = finite(values)
    groups = _grouped(numbers, range(len(numbers)) if clusters is None else clusters)
    if not numbers:
        return None
    # A power of two changes no digit, and keeps squares of the smallest and largest numbers within a float.
    largest = max(map(abs, numbers))
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1) or 1.0
    mean = math.fsum(number / scale for number in numbers) / len(numbers)
    sums = [math.fsum(number / scale - mean for number in group) for group in groups]
    df = len(groups) - 1
    if df == 0:
        return MeanEstimate(mean * scale, math.inf, 0)
    error = math.sqrt(len(groups) / df * math.fsum(total * total for total in sums)) / len(numbers)
    # Equal values differ from their rounded mean by the last bit, which is not a spread.
    return MeanEstimate(mean * scale, error * scale if error > 1e-15 else 0.0, df)


def _grouped(numbers: list[float], clusters: Sequence[Hashable]) -> list[list[float]]:
    if len(clusters) != len(numbers):
        raise ValueError(f"every value belongs to one cluster: {len(numbers)} values, {len(clusters)} clusters")
    groups: dict[Hashable, list[float]] = {}
    for number, cluster in zip(numbers, clusters, strict=True):
        groups.setdefault(cluster, []).append(number)
    return list(groups.values())


def t_interval(
    values: Sequence[float], confidence: float = 0.90, clusters: Sequence[Hashable] | None = None
) -> Interval | None:
    """Return the mean with its t interval (Student 1908); None without values.

    With `clusters`, a name for each value, values of one cluster may depend on each other in any way: the standard
    error is clustered, with one degree of freedom fewer than clusters. One value or one cluster has no finite bounds.

    >>> [round(bound, 3) for bound in t_interval([1.0, 2.0, 3.0, 4.0])]
    [2.5, 0.981, 4.019]
    """
    check_confidence(confidence)
    estimate = estimate_mean(values, clusters)
    return None if estimate is None else estimate.interval(confidence)


def t_p(values: Sequence[float], bound: float, clusters: Sequence[Hashable] | None = None) -> float:
    """Return the one-sided p of H0 "the true mean is at most `bound`"; one minus it is the p of "at least `bound`".

    Without spread it is 0.0 above the bound, 1.0 below and 0.5 at it. With fewer than two values or clusters it is 0.5.

    >>> round(t_p([1.0, 2.0, 3.0, 4.0], bound=0.0), 4)
    0.0152
    """
    estimate = estimate_mean(values, clusters)
    return 0.5 if estimate is None else estimate.p(bound)


def clustered_tails(
    differences: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.90
) -> Callable[[float], tuple[float, float]]:
    """Return the p-values of "the mean difference is at most a bound" and of "at least" as a function of the bound.

    Each is that of the clustered t, but never sharper than that of Tango's interval without a discordant cluster: in a
    small sample without a difference nothing varies, and t alone would be certain.

    >>> [round(p, 3) for p in clustered_tails([0.0] * 80, list(range(40)) * 2)(-0.05)]
    [0.097, 1.0]
    """
    estimate = estimate_mean(differences, clusters)
    if estimate is None:
        raise ValueError("at least one difference is needed")
    half = tango(0, 0, len(set(clusters)), confidence).high
    coarse = NormalDist(estimate.mean, half / two_sided_z(confidence))

    def tails(bound: float) -> tuple[float, float]:
        above, coarse_above = estimate.p(bound), coarse.cdf(bound)
        return max(above, coarse_above), max(1 - above, 1 - coarse_above)

    return tails
