"""The number of cases that would decide a criterion: for an equal treatment, and for the difference seen so far."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.judged_criteria import corrected_difference
from pytest_graysplit.verdict.pairs import clusters_of
from pytest_graysplit.verdict.pass_criteria import SIZE_OVER_ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.pairs import Pair

# A bound that errs in 5%, cleared with a power of 80%.
_Z_OF_POWER = 2.4865
# Suites of a usual size have fewer cases.
MOST_CASES = 100_000
# Criteria that are ratios: for a treatment that is as good as the control they are 1.
_RATIOS = ("latency", "latency_p95", "latency_p99", "cost_per_pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The total number of units that decide a criterion with a power of 80%; None if it is too near its bound.

    A unit is a case, or a cluster if any two cases share one. `fewest` is the smallest number of units that can keep
    the bound at all. A `small` sample gives no other number.
    """

    unit: Literal["case", "cluster"]
    units: int
    cases: int
    fewest: int
    if_equal: int | None
    as_it_looks: int | None
    small: bool = False

    def in_cases(self, units: int | None) -> int | None:
        """Return the number of cases that hold so many units; None if no usual number does."""
        cases = None if units is None else math.ceil(units * self.cases / self.units)
        return None if cases is None or cases > MOST_CASES else cases

    @property
    def text(self) -> str:
        """The advice in words, as a number of additional cases or clusters."""
        if self.small:
            return f"at least {plural(self.fewest - self.units, f'more {self.unit}')} are needed"
        if self._counted(self.if_equal) == self._counted(self.as_it_looks):
            return f"{self._more(self.as_it_looks)} would decide"
        equal, seen = self._more(self.if_equal), self._more(self.as_it_looks, short=True)
        return f"{equal} would decide if it is as good as the control, {seen} if it is as it looks"

    def _counted(self, units: int | None) -> int | None:
        """Return the number of additional units, 0 if there are enough already; None if no usual number is enough."""
        return None if units is None or self.in_cases(units) is None else max(0, units - self.units)

    def _more(self, units: int | None, *, short: bool = False) -> str:
        if (more := self._counted(units)) is None:
            return "no usual number" if short else f"no usual number of {self.unit}s"
        if more == 0:
            return "a few more" if short else f"a few more {self.unit}s"
        return f"about {more:,} more" if short else f"about {plural(more, f'more {self.unit}')}"


class _Spread(NamedTuple):
    """The variance of one unit's value, and the distance between the truth and the bound."""

    variance: float
    distance: float


def advise(criterion: Criterion, pairs: Sequence[Pair], policy: Policy, least: int) -> Advice:
    """Return the number of units that decide a criterion with a bound; a verdict has at least `least` cases."""
    concerned = [pair for pair in pairs if criterion.tag is None or criterion.tag in pair.tags]
    clusters = clusters_of(concerned)
    units = len(set(clusters)) if clusters else criterion.n
    fewest = _fewest(criterion, policy, 2 if clusters else least)
    spreads = _of_shares(criterion, concerned) if _is_of_shares(criterion) else _of_interval(criterion, units)
    if criterion.accuracy is not None:
        spreads = _beyond_labels(spreads, criterion, concerned, policy)
    equal, seen = (stats.needed_n(*spread, policy.alpha) for spread in spreads)
    return Advice(
        unit="cluster" if clusters else "case",
        units=units,
        cases=criterion.n,
        fewest=fewest,
        if_equal=None if equal is None else max(equal, fewest),
        as_it_looks=None if seen is None else max(seen, fewest),
        small=criterion.n < least and units < fewest,
    )


def _is_of_shares(criterion: Criterion) -> bool:
    return criterion.is_pass_rate or criterion.name == "errors"


def _fewest(criterion: Criterion, policy: Policy, least: int) -> int:
    """Return the smallest number of units that can keep the bound if no unit is lost."""
    margin = abs(criterion.bound or 0.0)
    if criterion.accuracy is not None:  # so much of it do the judge's verdicts show
        margin *= criterion.accuracy.informedness.estimate
    if criterion.name == "latency_budget":
        return max(least, stats.smallest_n_for_quantile(1 - margin, policy.alpha))
    if not _is_of_shares(criterion) or not 0 < margin < 1:
        return least
    exact = stats.smallest_n_for_quantile(1 - margin, SIZE_OVER_ALPHA * policy.alpha) if criterion.is_pass_rate else 0
    return max(least, stats.certifiable_n(margin, policy.confidence), exact)


def _of_shares(criterion: Criterion, pairs: Sequence[Pair]) -> tuple[_Spread, _Spread]:
    """Return the spread for equal models and as observed, from the mean squared difference of a unit (psi).

    One more unit is added, which is half as discordant as the others, so that psi is not 0 without a discordant unit.
    From 40 cases
    on, the median of this estimate is hardly above the truth.
    """
    differences: dict[str, list[float]] = defaultdict(list)
    for pair, difference in zip(pairs, _differences(criterion, pairs), strict=True):
        differences[pair.cluster].append(difference)
    units, bound = len(differences), criterion.bound or 0.0
    squares = [(math.fsum(own) * units / len(pairs)) ** 2 for own in differences.values()]
    total, discordant = math.fsum(squares), sum(square > 0 for square in squares)
    more = total / discordant if discordant else 1.0
    equal = _Spread((total + more / 2) / (units + 1), abs(bound))
    return equal, _Spread(max(0.0, total / units - criterion.estimate**2), abs(criterion.estimate - bound))


def _differences(criterion: Criterion, pairs: Sequence[Pair]) -> Sequence[float]:
    """Return the difference of each pair, enlarged as its mean is if it is corrected for a judge's errors."""
    if criterion.accuracy is not None:
        return corrected_difference(pairs, criterion.accuracy, criterion.confidence).values
    return [
        pair.difference if criterion.is_pass_rate else pair.failed.treatment - pair.failed.control for pair in pairs
    ]


def _beyond_labels(
    spreads: tuple[_Spread, _Spread], criterion: Criterion, pairs: Sequence[Pair], policy: Policy
) -> tuple[_Spread, _Spread]:
    """Return the spreads with the distances that the cases have to bridge, beside the error that the labels leave."""
    assert criterion.accuracy is not None  # noqa: S101 # the caller has checked it
    corrected = corrected_difference(pairs, criterion.accuracy, policy.confidence)
    error = _Z_OF_POWER * corrected.labels_error(criterion.bound or 0.0)
    equal, seen = (one._replace(distance=math.sqrt(max(0.0, one.distance**2 - error**2))) for one in spreads)
    return equal, seen


def _of_interval(criterion: Criterion, units: int) -> tuple[_Spread, _Spread]:
    """Return the spread for equal models and as observed, from the width of the interval of a mean.

    If an equal treatment does not keep the bound, for example a cost that must be lower, both are the same.
    """
    scaled = _log if criterion.name in _RATIOS else float
    estimate, low, high, bound = map(
        scaled, (criterion.estimate, criterion.low, criterion.high, criterion.bound or 0.0)
    )
    error = (high - low) / 2 / stats.t_quantile((1 + criterion.confidence) / 2, max(1, units - 1))
    seen = _Spread(units * error * error, abs(estimate - bound))
    if criterion.name in ("similarity_deficit", *_RATIOS) and bound > 0:
        return seen._replace(distance=bound), seen
    return seen, seen


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
