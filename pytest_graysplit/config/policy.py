"""What a treatment is held to: the bound of each row of a comparison, and which rows decide the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Everything random starts here: the order of calls, the order in which cases count as evidence, and every resample.
SEED = 20_261_123
PASS_RATE = "pass_rate"  # noqa: S105 # a row's name
# The share of the control's passes that the treatment keeps.
RETENTION = "retention"
GUARDS = "guards"
# A row of live traffic alone: what users thought of the answers.
FEEDBACK = "feedback"
# What the name of a row begins with that is about the cases of one tag.
TAG = "tag:"
MARGIN = 0.05
# How often a bound errs: either end of a 90% interval.
ALPHA = 0.05
# What of it an early stop for promise spends, by a bet that may be looked at after every case.
PROMISE_ALPHA = 0.01
# Differences are treatment minus control, ratios treatment over control; each must stay within its bound, which is the
# most that it may be, and of retention the least.
BOUNDS: Mapping[str, float] = {
    RETENTION: 0.8,
    "similarity_deficit": 0.05,
    "errors": 0.02,
    "latency": 1.25,
    "latency_p95": 2.0,
    "latency_p99": 2.0,
    "cost_per_pass": 1.0,
}
# Bounds on shares and their differences, which are less than 1.
SHARES = frozenset({RETENTION, "errors", "similarity_deficit"})
# The share of an arm's answers that may be cut off at their token limit before a promotion is held back.
TRUNCATED = 0.01
ROWS = (PASS_RATE, *BOUNDS, "latency_budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The margin of the pass rate (0.05 is five points), the other bounds, and the rows and tags that decide.

    `max_latency_s` is the budget that 95 of 100 replies must keep; None where nobody set one. `truncated` is the
    share of each arm's answers that may be cut off at their token limit. `looks` are the numbers of cases at which a
    verdict is wanted, planned before the first; `alpha` is how often a bound may err.
    """

    margin: float = MARGIN
    bounds: Mapping[str, float] = field(default_factory=lambda: BOUNDS)
    critical: tuple[str, ...] = (PASS_RATE,)
    critical_tags: tuple[str, ...] = ()
    max_latency_s: float | None = None
    truncated: float = TRUNCATED
    looks: tuple[int, ...] = ()
    alpha: float = ALPHA

    @property
    def confidence(self) -> float:
        """How sure the interval of a row is, of which either end errs with alpha."""
        return 1 - 2 * self.alpha
