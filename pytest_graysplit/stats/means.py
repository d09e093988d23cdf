"""Means and ratios over cases, by t; cases of one cluster count together."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_graysplit.stats.interval import Interval, two_sided_z
from pytest_graysplit.stats.special import t_quantile, t_tail

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

Clusters: TypeAlias = "Sequence[Hashable] | None"


class _Mean(NamedTuple):
    """A mean, its standard error, and the degrees of freedom of that: none where nothing tells how far it varies."""

    mean: float
    se: float
    df: int

    def interval(self, confidence: float) -> Interval:
        two_sided_z(confidence)
        if not self.df:
            return Interval(self.mean, -math.inf, math.inf)
        half = t_quantile((1 + confidence) / 2, self.df) * self.se
        return Interval(self.mean, self.mean - half, self.mean + half)

    def p(self, bound: float) -> float:
        if not self.df:
            return 0.5
        if self.se == 0:
            return 0.5 if self.mean == bound else float(self.mean < bound)
        return t_tail((self.mean - bound) / self.se, self.df)


def t_interval(values: Sequence[float], confidence: float = 0.90, clusters: Clusters = None) -> Interval | None:
    """Return the mean with its t interval, clustered where clusters are given; None without values.

    One value, or one cluster, bounds nothing. Clustered: Miller 2024, arXiv 2411.00640, with C/(C-1) and C-1 degrees.
    """
    return _mean(values, clusters).interval(confidence) if values else None


def t_p(values: Sequence[float], bound: float, clusters: Clusters = None) -> float:
    """Return the one-sided p value of "the mean is at most the bound"; 0.5 where nothing tells how far it varies."""
    return _mean(values, clusters).p(bound) if values else 0.5


def clustered_se(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the clustered standard error of the mean, infinite for one cluster.

    >>> round(clustered_se(list(range(20)), [number % 4 for number in range(20)]), 4)
    0.6455
    """
    mean = _mean(values, clusters)
    return mean.se if mean.df else math.inf


def log_ratio(
    treatment: Sequence[float], control: Sequence[float], confidence: float = 0.90, clusters: Clusters = None
) -> Interval | None:
    """Return the paired geometric mean ratio, treatment over control, with a t interval on the logarithms.

    Pairs with a value that is not positive are left out; None when no pair is left.
    """
    mean = _log_mean(treatment, control, clusters)
    return None if mean is None else _exponential(mean.interval(confidence))


def log_ratio_p(treatment: Sequence[float], control: Sequence[float], bound: float, clusters: Clusters = None) -> float:
    """Return the one-sided p value of "the ratio is at most the bound", which is above 0."""
    mean = _log_mean(treatment, control, clusters)
    return 0.5 if mean is None else mean.p(math.log(bound))


def ratio_of_sums(
    numerator: Sequence[float], denominator: Sequence[float], confidence: float = 0.90, clusters: Clusters = None
) -> Interval | None:
    """Return the ratio of two sums over the same cases, by the delta method on its logarithm; None where one is 0.

    (Deng, Knoblich and Lu 2018, KDD, section 3.)

    >>> [round(bound, 3) for bound in ratio_of_sums([1.0, 2.0, 4.0], [2.0, 4.0, 6.0])]
    [0.583, 0.424, 0.802]
    """
    return _ratio_interval(_log_of_sums(((numerator, 1), (denominator, -1)), clusters), confidence)


def cost_per_pass_ratio(  # noqa: PLR0913, PLR0917 # two sums an arm
    treatment_costs: Sequence[float],
    treatment_passes: Sequence[float],
    control_costs: Sequence[float],
    control_passes: Sequence[float],
    confidence: float = 0.90,
    clusters: Clusters = None,
) -> Interval | None:
    """Return the ratio of costs per pass, treatment over control, over the same cases; None where a sum is 0."""
    sums = ((treatment_costs, 1), (treatment_passes, -1), (control_costs, -1), (control_passes, 1))
    return _ratio_interval(_log_of_sums(sums, clusters), confidence)


def cost_per_pass_ratio_p(  # noqa: PLR0913, PLR0917 # two sums an arm
    treatment_costs: Sequence[float],
    treatment_passes: Sequence[float],
    control_costs: Sequence[float],
    control_passes: Sequence[float],
    bound: float,
    clusters: Clusters = None,
) -> float:
    """Return the one-sided p value of "the ratio of costs per pass is at most the bound", which is above 0."""
    sums = ((treatment_costs, 1), (treatment_passes, -1), (control_costs, -1), (control_passes, 1))
    mean = _log_of_sums(sums, clusters)
    return 0.5 if mean is None else mean.p(math.log(bound))


def _mean(values: Sequence[float], clusters: Sequence[Hashable] | None) -> _Mean:
    if not all(map(math.isfinite, values)):
        raise ValueError("a mean is taken of finite numbers only")
    n, mean = len(values), fmean(values)
    return _Mean(mean, *_error([value - mean for value in values], clusters, scale=n, size=abs(mean)))


def _error(
    residuals: Sequence[float], clusters: Sequence[Hashable] | None, *, scale: float, size: float
) -> tuple[float, int]:
    """Return the standard error of a sum of residuals over the scale, and its degrees of freedom."""
    sums: Sequence[float] = residuals
    if clusters is not None:
        grouped: defaultdict[Hashable, list[float]] = defaultdict(list)
        for residual, cluster in zip(residuals, clusters, strict=True):
            grouped[cluster].append(residual)
        sums = [math.fsum(group) for group in grouped.values()]
    units = len(sums)
    if units < 2:
        return math.inf, 0
    se = math.sqrt(units / (units - 1) * math.fsum(each * each for each in sums)) / scale
    # Equal values differ from their mean by rounding alone, which is no evidence of anything.
    return (0.0 if se < 1e-14 * (1 + size) else se), units - 1


def _log_mean(
    treatment: Sequence[float], control: Sequence[float], clusters: Sequence[Hashable] | None
) -> _Mean | None:
    kept = [place for place, pair in enumerate(zip(treatment, control, strict=True)) if min(pair) > 0]
    if not kept:
        return None
    # A difference of logarithms: the ratio itself may be too large or too small for a float.
    logs = [math.log(treatment[place]) - math.log(control[place]) for place in kept]
    return _mean(logs, None if clusters is None else [clusters[place] for place in kept])


def _log_of_sums(sums: Sequence[tuple[Sequence[float], int]], clusters: Sequence[Hashable] | None) -> _Mean | None:
    """Return the logarithm of a product of sums, each to the power 1 or -1, with its error linearised case by case."""
    totals = [(values, math.fsum(values), power) for values, power in sums]
    if not all(total > 0 and math.isfinite(total) for _, total, _ in totals):
        return None
    cases = range(len(totals[0][0]))
    residuals = [math.fsum(power * values[case] / total for values, total, power in totals) for case in cases]
    log = math.fsum(power * math.log(total) for _, total, power in totals)
    return _Mean(log, *_error(residuals, clusters, scale=1, size=abs(log)))


def _ratio_interval(mean: _Mean | None, confidence: float) -> Interval | None:
    return None if mean is None else _exponential(mean.interval(confidence))


def _exponential(interval: Interval) -> Interval:
    return Interval(*(math.exp(power) if power < 709 else math.inf for power in interval))
