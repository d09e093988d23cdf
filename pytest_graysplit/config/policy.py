"""The policy of a verdict: the bound of each row of a comparison, and the rows that decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# The seed of everything random: the order of calls, the order in which cases count as evidence, and every resample.
SEED = 20_261_123
PASS_RATE = "pass_rate"  # noqa: S105 # a row's name
# The share of the control's passes that the treatment keeps.
RETENTION = "retention"
GUARDS = "guards"
# A row of live traffic only: the users' feedback on the answers.
FEEDBACK = "feedback"
# The prefix of names of rows about the cases of one tag.
TAG = "tag:"
# The prefix of names of rows about a signal of the users of live traffic.
SIGNAL = "signal:"
MARGIN = 0.05
# The error rate of a bound: of either end of a 90% interval.
ALPHA = 0.05
# The part of ALPHA that an early stop for promise spends, on a test that may look after every case.
PROMISE_ALPHA = 0.01
# Differences are treatment minus control, ratios are treatment over control. Each bound is a maximum, except that of
# retention, which is a minimum.
BOUNDS: Mapping[str, float] = {
    RETENTION: 0.8,
    "similarity_deficit": 0.05,
    "errors": 0.02,
    "latency": 1.25,
    "latency_p95": 2.0,
    "latency_p99": 2.0,
    "cost_per_pass": 1.0,
}
# The bounds on shares and their differences, which are below 1.
SHARES = frozenset({RETENTION, "errors", "similarity_deficit"})
# Rows of live traffic only, without a bound unless one is given: percentiles of the time that users waited, in seconds.
WAIT_QUANTILES: Mapping[str, float] = {"p95_s": 0.95, "p99_s": 0.99}
# The share of an arm's answers that may be cut off at their token limit before a promotion is held back.
TRUNCATED = 0.01
ROWS = (PASS_RATE, *BOUNDS, "latency_budget", *WAIT_QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRule:
    """The rule of one signal of users: which direction is better, how much worse it may be, and whether it decides.

    Its figure is the sum of the values per unit, where a unit without a signal counts as 0, or the mean value per
    signal. Without a margin that of the pass rate holds.
    """

    better: Literal["higher", "lower"] = "higher"
    margin: float | None = None
    critical: bool = False
    per: Literal["unit", "signal"] = "unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The margin of the pass rate (0.05 is five points), the other bounds, and the rows and tags that decide.

    `max_latency_s` is the budget that 95 of 100 replies must keep, or None. `truncated` is the share of each arm's
    answers that may be cut off at their token limit. `looks` are the numbers of cases at which a verdict is wanted,
    planned before the run. `alpha` is the error rate of a bound. `signals` are the rules of the users' signals by name;
    a signal without a rule is shown only.
    """

    margin: float = MARGIN
    bounds: Mapping[str, float] = field(default_factory=lambda: BOUNDS)
    critical: tuple[str, ...] = (PASS_RATE,)
    critical_tags: tuple[str, ...] = ()
    max_latency_s: float | None = None
    truncated: float = TRUNCATED
    looks: tuple[int, ...] = ()
    alpha: float = ALPHA
    signals: Mapping[str, SignalRule] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        """The confidence level of a row's interval, of which each end errs with alpha."""
        return 1 - 2 * self.alpha


# An application that makes more requests than this in one test is taken to loop.
MAX_CALLS = 50
