"""Ratios of latency and cost of two models over the same cases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import Interval, check_confidence, finite
from pytest_graysplit.stats.means import MeanEstimate, estimate_mean

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def log_ratio(
    treatment: Sequence[float],
    control: Sequence[float],
    confidence: float = 0.90,
    clusters: Sequence[Hashable] | None = None,
) -> Interval | None:
    """Return the paired geometric mean ratio, treatment over control, with a t interval on the logarithms.

    Pairs with a value of 0 or less are left out; None when no pair is left.

    >>> [round(bound, 3) for bound in log_ratio([2.0, 3.0, 8.0], [1.0, 1.0, 2.0])]
    [2.884, 1.604, 5.188]
    """
    check_confidence(confidence)
    return _turned_back(_of_logs(treatment, control, clusters), confidence)


def log_ratio_p(
    treatment: Sequence[float], control: Sequence[float], bound: float, clusters: Sequence[Hashable] | None = None
) -> float:
    """Return the one-sided p of H0 "the true geometric mean ratio is at most `bound`"; 0.5 without evidence.

    >>> round(log_ratio_p([2.0, 3.0, 8.0], [1.0, 1.0, 2.0], bound=1.25), 4)
    0.0266
    """
    return _p(_of_logs(treatment, control, clusters), bound)


def _of_logs(
    treatment: Sequence[float], control: Sequence[float], clusters: Sequence[Hashable] | None
) -> MeanEstimate | None:
    names: Sequence[Hashable] = range(len(treatment)) if clusters is None else clusters
    kept = [
        # a difference of logarithms, since the ratio may be too large or too small for a float
        (math.log(above) - math.log(below), name)
        for above, below, name in zip(finite(treatment), finite(control), names, strict=True)
        if above > 0 and below > 0
    ]
    return estimate_mean([log for log, _ in kept], [name for _, name in kept])


def ratio_of_sums(
    numerator: Sequence[float],
    denominator: Sequence[float],
    confidence: float = 0.90,
    clusters: Sequence[Hashable] | None = None,
) -> Interval | None:
    """Return sum(numerator) / sum(denominator) over the same cases, by the delta method on its logarithm.

    The logarithm has the standard error of the mean of n_i / mean(n) - d_i / mean(d), and is held against t
    (Deng, Knoblich and Lu 2018, KDD). None where a sum is not positive.

    >>> [round(bound, 3) for bound in ratio_of_sums([1.0, 2.0, 3.0], [2.0, 3.0, 7.0])]
    [0.5, 0.328, 0.762]
    """
    check_confidence(confidence)
    return _turned_back(_of_sums([numerator], [denominator], clusters), confidence)


def ratio_of_sums_p(
    numerator: Sequence[float], denominator: Sequence[float], bound: float, clusters: Sequence[Hashable] | None = None
) -> float:
    """Return the one-sided p of H0 "the true ratio of the sums is at most `bound`"; 0.5 without evidence.

    >>> round(ratio_of_sums_p([1.0, 2.0, 3.0], [2.0, 3.0, 7.0], bound=0.3), 3)
    0.036
    """
    return _p(_of_sums([numerator], [denominator], clusters), bound)


def cost_per_pass_ratio(  # noqa: PLR0913, PLR0917 - two models, two figures each
    treatment_costs: Sequence[float],
    treatment_passes: Sequence[float],
    control_costs: Sequence[float],
    control_passes: Sequence[float],
    confidence: float = 0.90,
    clusters: Sequence[Hashable] | None = None,
) -> Interval | None:
    """Return the cost per passed case of the treatment, divided by that of the control.

    (sum of costs / sum of passes) of each model, both on the same cases, by the delta method on the logarithm of the
    ratio (Deng, Knoblich and Lu 2018, KDD) with t. A pass is 1, a failure 0, and a share of repeats between. None where
    a sum is not positive: a model that passed nothing has no cost per pass.

    >>> [round(bound, 3) for bound in cost_per_pass_ratio([1, 1, 2], [1, 1, 1], [4, 5, 5], [1, 0, 1])]
    [0.19, 0.026, 1.382]
    """
    check_confidence(confidence)
    estimate = _of_sums([treatment_costs, control_passes], [treatment_passes, control_costs], clusters)
    return _turned_back(estimate, confidence)


def cost_per_pass_ratio_p(  # noqa: PLR0913, PLR0917 - two models, two figures each
    treatment_costs: Sequence[float],
    treatment_passes: Sequence[float],
    control_costs: Sequence[float],
    control_passes: Sequence[float],
    bound: float,
    clusters: Sequence[Hashable] | None = None,
) -> float:
    """Return the one-sided p of H0 "the true ratio of costs per pass is at most `bound`"; 0.5 without evidence.

    >>> round(cost_per_pass_ratio_p([1, 1, 2], [1, 1, 1], [4, 5, 5], [1, 0, 1], bound=1.0), 3)
    0.933
    """
    return _p(_of_sums([treatment_costs, control_passes], [treatment_passes, control_costs], clusters), bound)


def _of_sums(
    over: Sequence[Sequence[float]], under: Sequence[Sequence[float]], clusters: Sequence[Hashable] | None
) -> MeanEstimate | None:
    """Return the logarithm of the product of the upper sums over that of the lower sums, linearised per case."""
    signed = [(1, finite(values)) for values in over] + [(-1, finite(values)) for values in under]
    means = [math.fsum(values) / len(values) if values else 0.0 for _, values in signed]
    rows = list(zip(*(values for _, values in signed), strict=True))
    if any(mean <= 0 for mean in means):
        return None
    signs = [sign for sign, _ in signed]
    pulls = [
        math.fsum(sign * value / mean for sign, value, mean in zip(signs, row, means, strict=True)) for row in rows
    ]
    # Pulls are differences of shares around 1, so a remainder in the last bit is not a spread.
    spread = estimate_mean([pull if abs(pull) > 1e-15 else 0.0 for pull in pulls], clusters)
    log = math.fsum(sign * math.log(mean) for sign, mean in zip(signs, means, strict=True))
    return None if spread is None else spread._replace(mean=log)


def _turned_back(estimate: MeanEstimate | None, confidence: float) -> Interval | None:
    return None if estimate is None else Interval(*map(_exp, estimate.interval(confidence)))


def _p(estimate: MeanEstimate | None, bound: float) -> float:
    if not bound > 0:
        raise ValueError(f"a bound on a ratio is more than 0, not {bound!r}")
    return 0.5 if estimate is None else estimate.p(math.log(bound))


def _exp(power: float) -> float:
    return math.exp(power) if power < 709 else math.inf
