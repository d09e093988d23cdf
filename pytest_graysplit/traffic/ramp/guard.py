"""The conditions of a rollback, checked against the sums of a monitor."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.display import seconds
from pytest_graysplit.stats import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.config.pyproject.rollback import Rollback
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.monitor.ramp_history import RecentSums
    from pytest_graysplit.traffic.monitor.windows import ArmWindow
    from pytest_graysplit.traffic.splitter.rolled_back import Cause

DAY_S = 86_400
# The bounds are looked at every few seconds, and chance alone must seldom exceed one.
CONFIDENCE = 0.99
MOST_REASON = 400
# A grade costs some ten milliseconds of the processor, and so few more requests seldom change it.
NEW_REQUESTS = 0.02


class Finding(NamedTuple):
    """A condition that a treatment meets, and the reason in words."""

    arm: str
    cause: Cause
    reason: str


class RollbackGuard:
    """The conditions of a rollback for the treatments of a monitor that have users."""

    def __init__(self, monitor: Monitor, rollback: Rollback) -> None:
        self._monitor = monitor
        self._rollback = rollback
        self._graded = ("", 0)
        self._spent = _DailyCosts()

    def look(self, now_s: float) -> list[Finding]:
        """Return the first condition that each treatment meets; `now_s` is in seconds since 1970."""
        recent = self._monitor.recent(now_s - self._rollback.window_s)
        self._spent.add(recent, now_s)
        found: dict[str, Finding] = {}
        for (arm, points), window in list(zip(recent.arms, recent.windows, strict=True))[1:]:
            exceeded = [*self._exceeded(arm, window), *self._overspent(arm)] if points else []
            if exceeded:
                found[arm] = exceeded[0]
        for one in self._rejected(recent):
            found.setdefault(one.arm, one)
        return list(found.values())

    def _rejected(self, recent: RecentSums) -> Iterator[Finding]:
        """Yield the treatments that the grade rejects; the bounds of the grade hold at every look."""
        split, requests = self._graded
        if self._rollback.on != "reject" or not recent.requests:
            return
        if split == recent.split and requests <= recent.requests <= requests * (1 + NEW_REQUESTS):
            return
        self._graded = recent.split, recent.requests
        state = self._monitor.state()
        with_users = {one.arm for one in state.sums if one.basis_points}
        for grade in state.grades:
            if grade.verdict == "reject" and grade.treatment in with_users:
                yield Finding(grade.treatment, "reject", "; ".join(grade.reasons)[:MOST_REASON])

    def _exceeded(self, arm: str, window: ArmWindow) -> Iterator[Finding]:
        """Yield the bounds that the requests of the window exceed by more than chance explains."""
        bounds = self._rollback
        n = window.requests
        if n < bounds.requests:
            return
        share = wilson(window.errors, n, CONFIDENCE)
        if bounds.errors is not None and share.low > bounds.errors:
            told = f"{window.errors:,} of {n:,} requests failed, the bound on errors is {bounds.errors:.2%}"
            yield Finding(arm, "errors", told)
        for cause, q, bound_s in (("p95_s", 0.95, bounds.p95_s), ("p99_s", 0.99, bounds.p99_s)):
            # The time that the users waited; requests that the application counts itself may have the latency only.
            times = window.waits if window.waits.n >= window.latencies.n else window.latencies
            timed = times.n
            if bound_s is None or timed < bounds.requests:
                continue
            # The lower end of an interval of the quantile: the order statistic at the lower end of its share.
            low_s = times.quantile_s(wilson(q * timed, timed, CONFIDENCE).low)
            if low_s is not None and low_s > bound_s:
                found = f"{cause[:3]} is {seconds(times.quantile_s(q))} in {timed:,} requests"
                yield Finding(arm, cause, f"{found}, the bound is {seconds(bound_s)}")  # type: ignore[arg-type]

    def _overspent(self, arm: str) -> Iterator[Finding]:
        bound = self._rollback.usd_per_day
        spent_usd = self._spent.of(arm)
        if bound is not None and spent_usd > Decimal(str(bound)):
            yield Finding(arm, "usd_per_day", f"${spent_usd:.4f} since midnight UTC, the bound is ${bound:g} a day")


class _DailyCosts:
    """The cost of each arm since midnight UTC, from sums that start again when the weights change."""

    def __init__(self) -> None:
        self._day = -1
        self._split = ""
        self._before: dict[str, Decimal] = {}
        self._spent: dict[str, Decimal] = {}

    def add(self, recent: RecentSums, now_s: float) -> None:
        """Add the costs since the last call."""
        if (day := int(now_s // DAY_S)) != self._day:
            self._day, self._spent = day, {}
        costs = {arm: cost for (arm, _), cost in zip(recent.arms, recent.costs_usd, strict=True)}
        for arm, cost in costs.items():
            before = self._before.get(arm, Decimal(0)) if recent.split == self._split else Decimal(0)
            # Sums that are lower than before have started again under the same weights.
            self._spent[arm] = self._spent.get(arm, Decimal(0)) + (cost - before if cost >= before else cost)
        self._split, self._before = recent.split, costs

    def of(self, arm: str) -> Decimal:
        """Return the cost of the arm today."""
        return self._spent.get(arm, Decimal(0))
