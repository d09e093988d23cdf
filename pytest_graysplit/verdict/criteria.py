"""A criterion of a comparison: an estimate with its interval, compared with its bound, in one of three states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_graysplit import stats
from pytest_graysplit.config.policy import ALPHA, FEEDBACK, PASS_RATE, SIGNAL, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.stats import Interval, JudgeAccuracy

# How often the criteria may reject a treatment that is worse by no more than the margin.
REJECT_ALPHA = 0.025
State = Literal["pass", "fail", "inconclusive"]
# The method of a cost ratio that is not estimated.
FREE = "exact, a model is free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One figure of a comparison with its interval over n cases; `state` is None for a figure without a bound.

    The interval has a confidence of 90%, or another one at a planned look. `fail_p` is the one-sided p value of "the
    truth is within its bound". `remark` names the cases that are left out. A criterion with a bound and a remark but no
    state could not be judged; if it is critical, it is open. The figures are corrected for the errors of a judge with
    this `accuracy`, if there is one.
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
    accuracy: JudgeAccuracy | None = None

    @property
    def tag(self) -> str | None:
        """The tag whose cases this criterion is limited to; None if it is about all cases."""
        return self.name.removeprefix(TAG) if self.name.startswith(TAG) else None

    @property
    def of_a_free_model(self) -> bool:
        """Whether this is a cost ratio of 0, infinity or 1 because one or both models are free."""
        return self.method == FREE

    @property
    def is_pass_rate(self) -> bool:
        """Whether this is a difference of pass rates, of all cases or of those with one tag."""
        return self.name == PASS_RATE or self.tag is not None

    @property
    def must_not_fall(self) -> bool:
        """Whether this is a difference in points with a lower bound."""
        wanted = self.name.startswith(SIGNAL) and self.bound is not None and self.bound < 0
        return self.is_pass_rate or self.name == FEEDBACK or wanted


def criterion_of(name: str, interval: Interval, n: int, method: str) -> Criterion:
    """Return a criterion without a bound."""
    return Criterion(name=name, estimate=interval.estimate, low=interval.low, high=interval.high, n=n, method=method)


def at_least(criterion: Criterion, bound: float, below_p: float) -> Criterion:
    """Compare a criterion with its lower bound; `below_p` is the p value of "the truth is not below it"."""
    state: State = "pass" if criterion.low > bound else "fail" if criterion.high < bound else "inconclusive"
    return replace(criterion, bound=bound, state=state, fail_p=below_p)


def at_most(criterion: Criterion, bound: float, above_p: float) -> Criterion:
    """Compare a criterion with its upper bound; `above_p` is the p value of "the truth is not above it"."""
    state: State = "pass" if criterion.high <= bound else "fail" if criterion.low > bound else "inconclusive"
    return replace(criterion, bound=bound, state=state, fail_p=above_p)


def t_method(clusters: Sequence[str] | None) -> str:
    """Return the name of the method for the interval of a mean, by whether cases share clusters."""
    return "t, clustered" if clusters else "paired t"


def rejecting(critical: Sequence[Criterion], alpha: float = REJECT_ALPHA) -> list[Criterion]:
    """Return the critical criteria that fail by their p values, corrected over all of them (Holm 1979)."""
    rejected = stats.holm([criterion.fail_p for criterion in critical], alpha)
    return [criterion for criterion, beyond in zip(critical, rejected, strict=True) if beyond]
