"""One row of a comparison: an estimate with its interval, held against its bound in one of three states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_graysplit import stats
from pytest_graysplit.config.policy import ALPHA, PASS_RATE, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.stats import Interval

# How often the criteria may reject a treatment that is worse by no more than the margin.
REJECT_ALPHA = 0.025
State = Literal["pass", "fail", "inconclusive"]
# The method of a ratio of costs that needs no estimate.
FREE = "exact, a model is free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One figure of a comparison with its interval over n cases; `state` is None where nothing is asked of it.

    The interval is one of 90%, unless looks were planned. `bound` is what it is held against, `fail_p` the one-sided p
    value of "the truth is within its bound". `remark` says which cases are left out: a row with a bound and a remark
    but no state could not be judged, and a critical one is open.
    """

    name: str
    estimate: float
    low: float
    high: float
    n: int
    method: str
    state: State | None = None
    bound: float | None = None
    fail_p: float = 1.0
    critical: bool = False
    remark: str = ""
    confidence: float = 1 - 2 * ALPHA

    @property
    def tag(self) -> str | None:
        """The tag whose cases alone this row is about; None where it is about all."""
        return self.name.removeprefix(TAG) if self.name.startswith(TAG) else None

    @property
    def of_a_free_model(self) -> bool:
        """Whether this ratio of costs is 0, infinite or 1 because a model, or both, are free."""
        return self.method == FREE

    @property
    def is_pass_rate(self) -> bool:
        """Whether this is the difference of pass rates, of all cases or of those with one tag."""
        return self.name == PASS_RATE or self.tag is not None


def criterion_of(name: str, interval: Interval, n: int, method: str) -> Criterion:
    """Return a row that nothing is asked of yet."""
    return Criterion(name=name, estimate=interval.estimate, low=interval.low, high=interval.high, n=n, method=method)


def at_least(row: Criterion, bound: float, below_p: float) -> Criterion:
    """Hold a row that must stay above its bound; `below_p` is the p value of "the truth is not below it"."""
    state: State = "pass" if row.low > bound else "fail" if row.high < bound else "inconclusive"
    return replace(row, bound=bound, state=state, fail_p=below_p)


def at_most(row: Criterion, bound: float, above_p: float) -> Criterion:
    """Hold a row that must stay at or below its bound; `above_p` is the p value of "the truth is not above it"."""
    state: State = "pass" if row.high <= bound else "fail" if row.low > bound else "inconclusive"
    return replace(row, bound=bound, state=state, fail_p=above_p)


def t_method(clusters: Sequence[str] | None) -> str:
    """Return what the interval of a mean is called, by whether cases share clusters."""
    return "t, clustered" if clusters else "paired t"


def rejecting(critical: Sequence[Criterion], alpha: float = REJECT_ALPHA) -> list[Criterion]:
    """Return the critical criteria that fail by their p values (Holm 1979 over all of them)."""
    rejected = stats.holm([criterion.fail_p for criterion in critical], alpha)
    return [criterion for criterion, beyond in zip(critical, rejected, strict=True) if beyond]
