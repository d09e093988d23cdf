"""The brakes of the arms: a circuit breaker for each treatment, and a budget per day for each arm that has one."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.traffic.guards.breaker import Breaker, BreakerPolicy, is_failure_of_arm
from pytest_graysplit.traffic.guards.daily_spend import DailySpend, DailySpendGuard
from pytest_graysplit.traffic.guards.guard_book import ArmGuards, GuardEvent
from pytest_graysplit.traffic.splitter import unknown_arm
from pytest_graysplit.types import CONTROL, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.traffic.client.calls import Call
    from pytest_graysplit.traffic.guards.breaker import BreakerEvent, Permit

UsdPerDay = Mapping[str, Decimal | float] | Decimal | float
# The arm was not asked, and the control answers in its place, also without fallback=True.
BRAKED = frozenset({Slug.BREAKER_OPEN, Slug.BUDGET_USED_UP})
_logger = logging.getLogger("pytest_graysplit")


class Trial:
    """One request that a breaker has admitted; its outcome is told once."""

    def __init__(self, breaker: Breaker, permit: Permit, call: Call) -> None:
        self._breaker = breaker
        self._permit = permit
        self._call = call
        self._has_begun = self._is_told = False

    def begin(self) -> None:
        """Take note of the first piece; a breaker that bounds the latency is told, because the user waited for it."""
        self._has_begun = True
        if self._breaker.policy.p95_s is not None:
            self._tell(failed=False)

    def end(self, reply: Reply, *, is_lasting: bool) -> None:
        """Tell the outcome."""
        failed = is_failure_of_arm(reply, is_lasting=is_lasting)
        if reply.error_slug == Slug.BUDGET_USED_UP:
            self.cancel()
        elif failed or not self._is_told:
            self._tell(failed=failed)

    def cancel(self) -> None:
        """Tell that there is no outcome; an arm whose answer had begun was well."""
        if not self._has_begun:
            self._breaker.cancel(self._permit)
        elif not self._is_told:
            self._tell(failed=False)

    def _tell(self, *, failed: bool) -> None:
        self._is_told = True
        self._breaker.record(self._permit, failed=failed, latency_s=self._call.waited_s())


class Brakes:
    """The breakers and the daily budgets of a client, by the names of its arms; they outlive a change of weights.

    `tell` is called with each change, in the thread that caused it.
    """

    def __init__(
        self,
        policy: BreakerPolicy | None,
        usd_per_day: UsdPerDay | None,
        prices: PriceTable,
        tell: Callable[[GuardEvent], None],
    ) -> None:
        self._policy = policy
        self._usd_per_day = usd_per_day
        self._prices = prices
        self._tell = tell
        self._breakers: dict[str, Breaker] = {}
        self._spends: dict[str, DailySpendGuard] = {}
        self._ended: dict[str, str] = {}  # the last day on which the budget of an arm was used up
        self._lock = Lock()

    def admit(self, call: Call) -> Trial | Literal["unguarded"] | None:
        """Return the trial of a request to its arm; None if the control has to answer it.

        A breaker guards users of a treatment: a tester's forced request is sent, and the control has no stand-in.
        """
        if self._policy is None or call.assignment.role == "control" or call.assignment.forced:
            return "unguarded"
        breaker = self._breaker_of(call.assignment.arm)
        permit = breaker.admit()
        return None if permit is None else Trial(breaker, permit, call)

    def spend_of(self, arm: str) -> DailySpendGuard | None:
        """Return the daily budget of an arm, if it has one."""
        limits = self._usd_per_day
        if not isinstance(limits, Mapping):
            limits = {} if limits is None or arm == CONTROL else {arm: limits}
        if arm not in limits:
            return None
        with self._lock:
            if arm not in self._spends:
                self._spends[arm] = DailySpendGuard(DailySpend(Decimal(str(limits[arm]))), self._prices)
            return self._spends[arm]

    def is_control_cut_off(self) -> bool:
        """Tell whether no arm can answer, because the daily budget of the control is used up."""
        guard = self.spend_of(CONTROL)
        return guard is not None and guard.spend.status().is_used_up

    def diverted(self, call: Call) -> Reply:
        """Return the reply of a request that the breaker kept from its arm."""
        status = self._breaker_of(call.assignment.arm).status()
        problem = f"the breaker of this arm is {status.state}: {status.reason}"
        return _unsent(call.assignment.model, problem, Slug.BREAKER_OPEN)

    def refused(self, arm: str, model: str, error: GraysplitError) -> Reply:
        """Return the reply of a request that the daily budget of its arm has no room for."""
        guard = self.spend_of(arm)
        status = guard.spend.status() if guard is not None else None
        if status is not None and status.is_used_up and self._ended.get(arm) != status.day:
            self._ended[arm] = status.day
            reason = f"{status.usd_per_day:f} USD per day are used up until midnight in UTC"
            self._show(GuardEvent(arm=arm, guard="spend", state="used-up", at=stamp_of(time.time()), reason=reason))
        return _unsent(model, error.problem, Slug.BUDGET_USED_UP)

    def state(self) -> tuple[ArmGuards, ...]:
        """Return the states of all guards, the control first."""
        with self._lock:
            breakers, spends = dict(self._breakers), dict(self._spends)
        return tuple(
            ArmGuards(
                arm=arm,
                breaker=breakers[arm].status() if arm in breakers else None,
                spend=spends[arm].spend.status() if arm in spends else None,
            )
            for arm in sorted({*breakers, *spends}, key=lambda arm: (arm != CONTROL, arm))
        )

    def _breaker_of(self, arm: str) -> Breaker:
        with self._lock:
            if arm not in self._breakers:

                def told(event: BreakerEvent) -> None:
                    at = stamp_of(event.at_s)
                    self._show(GuardEvent(arm=arm, guard="breaker", state=event.state, at=at, reason=event.reason))

                self._breakers[arm] = Breaker(self._policy, on_event=told)
            return self._breakers[arm]

    def _show(self, event: GuardEvent) -> None:
        guard = "breaker" if event.guard == "breaker" else "daily budget"
        _logger.warning("graysplit: the %s of %s is %s: %s", guard, event.arm, event.state, event.reason)
        self._tell(event)


def policy_of(breaker: BreakerPolicy | bool | None, *, fallback: bool) -> BreakerPolicy | None:  # noqa: FBT001 # the argument of the client
    """Return the policy of the breakers; without an argument there is a breaker where there is a fallback."""
    if isinstance(breaker, BreakerPolicy):
        return breaker
    if breaker not in (None, True, False):
        raise UsageError(
            f"SplitClient(breaker={breaker!r}): it is not a policy",
            hint="write breaker=True, breaker=False or breaker=BreakerPolicy(p95_s=8)",
            slug=Slug.OPTION_VALUE,
        )
    return BreakerPolicy() if (fallback if breaker is None else breaker) else None


def check_budgets(usd_per_day: UsdPerDay | None, arms: Sequence[str]) -> None:
    """Raise UsageError for a budget that is not a number of US dollars, and for an unknown arm."""
    limits = usd_per_day if isinstance(usd_per_day, Mapping) else {} if usd_per_day is None else {"": usd_per_day}
    for arm, limit in limits.items():
        if arm and arm not in arms:
            raise unknown_arm(arm, arms)
        if not _is_usd(limit):
            raise UsageError(
                f"SplitClient(usd_per_day=...): {limit!r} is not a number of US dollars of 0 or more",
                hint='write usd_per_day=20 for each treatment, or usd_per_day={"ours": 20}',
                slug=Slug.OPTION_VALUE,
            )


def _is_usd(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= float(value) < math.inf


def _unsent(model: str, problem: str, slug: Slug) -> Reply:
    return Reply(model=model, outcome="error", error=problem, error_slug=slug, error_kind=slug, attempts=0)
