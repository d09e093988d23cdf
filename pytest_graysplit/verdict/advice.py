"""How many cases would decide a row: if the treatment is as good as the control, and if it is as it looks."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.pairs import clusters_of
from pytest_graysplit.verdict.pass_criteria import SIZE_OVER_ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.pairs import Pair

# No suite of a usual size has more cases.
MOST_CASES = 100_000
# Rows that are ratios: a treatment that is as good as the control has 1.
_RATIOS = ("latency", "latency_p95", "latency_p99", "cost_per_pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """How many units in all decide a row with a power of 80%; None where it lies so near its bound that none do.

    A unit is a case, or a cluster where any two cases share one. `fewest` units can show that a bound is kept at all;
    from a `small` sample nothing more is told.
    """

    unit: Literal["case", "cluster"]
    units: int
    cases: int
    fewest: int
    if_equal: int | None
    as_it_looks: int | None
    small: bool = False

    def in_cases(self, units: int | None) -> int | None:
        """Return in how many cases so many units come; None where no usual number of cases does."""
        cases = None if units is None else math.ceil(units * self.cases / self.units)
        return None if cases is None or cases > MOST_CASES else cases

    @property
    def text(self) -> str:
        """What it takes, counted from the cases that there are."""
        if self.small:
            return f"at least {plural(self.fewest - self.units, f'more {self.unit}')} are needed"
        if self._counted(self.if_equal) == self._counted(self.as_it_looks):
            return f"{self._more(self.as_it_looks)} would decide"
        equal, seen = self._more(self.if_equal), self._more(self.as_it_looks, short=True)
        return f"{equal} would decide if it is as good as the control, {seen} if it is as it looks"

    def _counted(self, units: int | None) -> int | None:
        """Return how many more units those are, 0 where there are as many; None where no usual number is enough."""
        return None if units is None or self.in_cases(units) is None else max(0, units - self.units)

    def _more(self, units: int | None, *, short: bool = False) -> str:
        if (more := self._counted(units)) is None:
            return "no usual number" if short else f"no usual number of {self.unit}s"
        if more == 0:
            return "a few more" if short else f"a few more {self.unit}s"
        return f"about {more:,} more" if short else f"about {plural(more, f'more {self.unit}')}"


class _Spread(NamedTuple):
    """The variance of one unit's value, and how far the truth lies from the bound: all that a number needs."""

    variance: float
    distance: float


def advise(row: Criterion, pairs: Sequence[Pair], policy: Policy, least: int) -> Advice:
    """Return how many units decide a row that is held against its bound; no verdict has fewer than `least` cases."""
    concerned = [pair for pair in pairs if row.tag is None or row.tag in pair.tags]
    clusters = clusters_of(concerned)
    units = len(set(clusters)) if clusters else row.n
    fewest = _fewest(row, policy, 2 if clusters else least)
    spreads = _of_shares(row, concerned) if _is_of_shares(row) else _of_interval(row, units)
    equal, seen = (stats.needed_n(*spread, policy.alpha) for spread in spreads)
    return Advice(
        unit="cluster" if clusters else "case",
        units=units,
        cases=row.n,
        fewest=fewest,
        if_equal=None if equal is None else max(equal, fewest),
        as_it_looks=None if seen is None else max(seen, fewest),
        small=row.n < least and units < fewest,
    )


def _is_of_shares(row: Criterion) -> bool:
    return row.is_pass_rate or row.name == "errors"


def _fewest(row: Criterion, policy: Policy, least: int) -> int:
    """Return how many units it takes at least: so many that none is lost, and the bound is shown all the same."""
    margin = abs(row.bound or 0.0)
    if row.name == "latency_budget":
        return max(least, stats.smallest_n_for_quantile(1 - margin, policy.alpha))
    if not _is_of_shares(row) or not 0 < margin < 1:
        return least
    exact = stats.smallest_n_for_quantile(1 - margin, SIZE_OVER_ALPHA * policy.alpha) if row.is_pass_rate else 0
    return max(least, stats.certifiable_n(margin, policy.confidence), exact)


def _of_shares(row: Criterion, pairs: Sequence[Pair]) -> tuple[_Spread, _Spread]:
    """Return the spread if both models were alike, and as it looks, from the mean squared difference of a unit (psi).

    Without a discordant unit psi is not 0: it counts half a unit more, as discordant as the others are, in one more.
    That is hardly more than the truth in the median, from 40 cases on.
    """
    differences: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        both = pair.passed if row.is_pass_rate else pair.troubled
        differences[pair.cluster].append(both.treatment - both.control)
    units, bound = len(differences), row.bound or 0.0
    squares = [(math.fsum(own) * units / len(pairs)) ** 2 for own in differences.values()]
    total, discordant = math.fsum(squares), sum(square > 0 for square in squares)
    more = total / discordant if discordant else 1.0
    equal = _Spread((total + more / 2) / (units + 1), abs(bound))
    return equal, _Spread(max(0.0, total / units - row.estimate**2), abs(row.estimate - bound))


def _of_interval(row: Criterion, units: int) -> tuple[_Spread, _Spread]:
    """Return the spread if both models were alike, and as it looks, from how wide the interval of a mean is.

    Where a treatment that is as good does not keep the bound, as with a cost that has to be lower, both are the same.
    """
    scaled = _log if row.name in _RATIOS else float
    estimate, low, high, bound = map(scaled, (row.estimate, row.low, row.high, row.bound or 0.0))
    error = (high - low) / 2 / stats.t_quantile((1 + row.confidence) / 2, max(1, units - 1))
    seen = _Spread(units * error * error, abs(estimate - bound))
    if row.name in ("similarity_deficit", *_RATIOS) and bound > 0:
        return seen._replace(distance=bound), seen
    return seen, seen


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
