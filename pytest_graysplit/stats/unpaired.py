"""Two independent arms of live traffic: shares, means and ratios of requests that are clustered by unit.

Requests of one unit are alike, so every figure is a ratio of sums over units, sum(x) / sum(n), with the linearised
variance of survey sampling (Kish 1965; Deng, Knoblich and Lu 2018, KDD).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.interval import Interval, check_share, finite
from pytest_graysplit.stats.looks import ALPHA, MOST_Z, Looks, OneLook
from pytest_graysplit.stats.order_statistics import smallest_n_for_quantile
from pytest_graysplit.stats.special import crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ClusteredRatio(NamedTuple):
    """The ratio sum(x) / sum(n) of one arm, its variance, and its total and effective number of clusters (Kish)."""

    ratio: float
    variance: float
    total: float
    clusters: int
    effective: float

    @property
    def df(self) -> float:
        """Degrees of freedom: the effective number of clusters minus one, at least 1."""
        return max(1.0, self.effective - 1)

    @property
    def design_effect(self) -> float:
        """The variance over that of as many independent passes and failures; at least 1."""
        binomial = self.ratio * (1 - self.ratio) / self.total
        return max(1.0, self.variance / binomial) if binomial > 1e-15 else self.total / self.clusters

    @property
    def effective_n(self) -> float:
        """The equivalent number of independent requests; the number of clusters where nothing varies."""
        return self.total / self.design_effect


class Compared(NamedTuple):
    """Treatment against control, with the p-values of "it is at most the bound" and of "it is at least the bound"."""

    interval: Interval
    above_p: float
    below_p: float


def clustered_ratio(sums: Sequence[float], sizes: Sequence[float]) -> ClusteredRatio | None:
    """Return sum(sums) / sum(sizes), with C/(C-1) * sum (x - R n)^2 / (sum n)^2 as its variance.

    Empty clusters are left out; None where fewer than two are left, because their spread is unknown.

    >>> [round(figure, 4) for figure in clustered_ratio([1, 4, 3], [2, 4, 4])]
    [0.8, 0.0156, 10.0, 3, 2.7778]
    """
    kept = [(x, n) for x, n in zip(finite(sums), finite(sizes), strict=True) if x or n]
    total = math.fsum(n for _, n in kept)
    if len(kept) < 2 or not total > 0:
        return None
    ratio = math.fsum(x for x, _ in kept) / total
    spread = math.fsum((x - ratio * n) ** 2 for x, n in kept)
    correction = len(kept) / (len(kept) - 1)
    effective = total * total / math.fsum(n * n for _, n in kept)
    return ClusteredRatio(ratio, correction * spread / (total * total), total, len(kept), effective)


def looks_of(treatment: ClusteredRatio, control: ClusteredRatio) -> Looks:
    """Return the bounds that hold at every look; time is the smaller arm's effective number of clusters."""
    return Looks(min(treatment.effective, control.effective))


def share_difference(
    treatment: ClusteredRatio, control: ClusteredRatio, bound: float, looks: Looks | OneLook | None = None
) -> Compared:
    """Return the difference of two shares by Newcombe's hybrid score (1998, Statistics in Medicine 17:873, method 10).

    Wilson's bounds of each arm are taken with its effective number of requests, so they are valid at 0% and at 100%
    too. They also hold for means of values from 0 to 1, which vary at most as much as a share.
    """
    looks = looks or looks_of(treatment, control)
    df = _welch_df(treatment.variance, treatment.df, control.variance, control.df)
    steady = isinstance(looks, OneLook)

    def ends(z: float) -> tuple[float, float]:
        t = z if steady else t_of_z(z, df)
        lows, highs = zip(*(_wilson(arm.ratio, arm.effective_n, t) for arm in (treatment, control)), strict=True)
        difference = treatment.ratio - control.ratio
        down = math.hypot(treatment.ratio - lows[0], highs[1] - control.ratio)
        up = math.hypot(highs[0] - treatment.ratio, control.ratio - lows[1])
        return max(-1.0, difference - down), min(1.0, difference + up)

    above = crossing(lambda z: ends(z)[0] - bound, 0.0, MOST_Z) if ends(0.0)[0] > bound else 0.0
    below = crossing(lambda z: bound - ends(z)[1], 0.0, MOST_Z) if ends(0.0)[1] < bound else 0.0
    low, high = ends(looks.z())
    return Compared(Interval(treatment.ratio - control.ratio, low, high), looks.p(above), looks.p(below))


def mean_difference(
    treatment: ClusteredRatio, control: ClusteredRatio, bound: float, looks: Looks | OneLook | None = None
) -> Compared:
    """Return the difference of two clustered means, by t with the degrees of freedom of Welch and Satterthwaite."""
    looks = looks or looks_of(treatment, control)
    df = _welch_df(treatment.variance, treatment.df, control.variance, control.df)
    return _by_t(treatment.ratio - control.ratio, math.sqrt(treatment.variance + control.variance), df, bound, looks)


def geometric_ratio(treatment: ClusteredRatio, control: ClusteredRatio, bound: float) -> Compared:
    """Return the ratio of two geometric means from clustered means of logarithms, treatment over control."""
    return _turned_back(mean_difference(treatment, control, math.log(bound)))


def ratio_of_ratios(treatment: ClusteredRatio, control: ClusteredRatio, bound: float) -> Compared | None:
    """Return one clustered ratio over the other, by the delta method on logarithms; None where one is not positive."""
    if treatment.ratio <= 0 or control.ratio <= 0:
        return None
    logs = mean_difference(_on_logs(treatment), _on_logs(control), math.log(bound))
    return _turned_back(logs)


def _on_logs(arm: ClusteredRatio) -> ClusteredRatio:
    return arm._replace(ratio=math.log(arm.ratio), variance=arm.variance / arm.ratio**2)


def quantile_ratio_of(  # noqa: PLR0913 - two arms, two figures each
    treatment: Callable[[float], float | None],
    treatment_n: float,
    control: Callable[[float], float | None],
    control_n: float,
    *,
    q: float,
    bound: float,
) -> Compared | None:
    """Return the ratio of two q-quantiles by MOVER (Zou and Donner 2008) on the logarithms of order-statistic bounds.

    Each arm is given by its quantile function and its effective number of values. None where the values are too few to
    bound this quantile from above, or where a quantile is unknown or not positive.
    """
    check_share("a quantile", q)
    smaller = min(treatment_n, control_n)
    looks = Looks(smaller)
    if smaller < smallest_n_for_quantile(q, ALPHA):
        return None
    arms = ((treatment, treatment_n), (control, control_n))

    def ends(z: float) -> tuple[float, float] | None:
        logs = [_logs(read, _wilson(q, n, z), q) for read, n in arms]
        (t, t_low, t_high), (c, c_low, c_high) = logs
        if any(math.isnan(end) for end in (*logs[0], *logs[1])):
            return None
        return t - c - math.hypot(t - t_low, c_high - c), t - c + math.hypot(t_high - t, c - c_low)

    at, wide = ends(0.0), ends(looks.z())
    if at is None or wide is None:
        return None
    limit = math.log(bound)

    def gap(z: float, end: int, sign: int) -> float:
        return sign * ((ends(z) or wide)[end] - limit)

    above = crossing(lambda z: gap(z, 0, 1), 0.0, MOST_Z) if at[0] > limit else 0.0
    below = crossing(lambda z: gap(z, 1, -1), 0.0, MOST_Z) if at[1] < limit else 0.0
    return Compared(Interval(*map(_exp, (at[0], *wide))), looks.p(above), looks.p(below))


def t_of_z(z: float, df: float) -> float:
    """Return the t with the same tail as z (Wallace 1959, Annals of Mathematical Statistics 30:1124, inverted).

    >>> round(t_of_z(1.6449, 10), 2)
    1.81
    """
    w = z * (8 * df + 3) / (8 * df + 1)
    return math.copysign(math.sqrt(df * math.expm1(min(300.0, w * w / df))), z)


def z_of_t(t: float, df: float) -> float:
    """Return the z with the same tail as t, the inverse of `t_of_z`."""
    if math.isinf(t):
        return math.copysign(MOST_Z, t)
    return math.copysign(math.sqrt(df * math.log1p(t * t / df)) * (8 * df + 1) / (8 * df + 3), t)


def _by_t(mean: float, error: float, df: float, bound: float, looks: Looks | OneLook) -> Compared:
    half = t_of_z(looks.z(), df) * error
    away = mean - bound
    t = away / error if error > 0 else math.copysign(math.inf, away) if away else 0.0
    z = z_of_t(t, df)
    return Compared(Interval(mean, mean - half, mean + half), looks.p(z), looks.p(-z))


def _welch_df(variance: float, df: float, other_variance: float, other_df: float) -> float:
    both = variance + other_variance
    if not both > 0:
        return min(df, other_df)
    share = variance / both
    return 1 / (share * share / df + (1 - share) ** 2 / other_df)


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def _logs(read: Callable[[float], float | None], levels: tuple[float, float], q: float) -> list[float]:
    values = [read(level) for level in (q, *levels)]
    return [math.log(value) if value is not None and value > 0 else math.nan for value in values]


def _turned_back(compared: Compared) -> Compared:
    return compared._replace(interval=Interval(*map(_exp, compared.interval)))


def _exp(power: float) -> float:
    return math.exp(power) if power < 709 else math.inf
