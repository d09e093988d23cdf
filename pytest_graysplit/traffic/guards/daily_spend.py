"""The guard on the daily cost of an arm of live traffic: the worst case is reserved before each attempt."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.errors import BudgetExceededError
from pytest_graysplit.formatting.display import exact_money
from pytest_graysplit.replies.budget import BudgetTracker, Totals
from pytest_graysplit.replies.budget.ledger import units, usd
from pytest_graysplit.replies.relay.cost_guard import CostGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.replies.budget import Reservation
    from pytest_graysplit.replies.budget.tracker import ReservationResult
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.relay.cost_guard import CostReservation
    from pytest_graysplit.types import Json, Route

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySpendStatus:
    """The spending of the current day, in UTC and USD.

    `spent_usd` includes `unconfirmed_usd`, the worst case of attempts whose cost is unknown; `reserved_usd` is that of
    attempts in flight. `refused` counts requests that did not fit, and `unbounded` those without a maximum cost.
    """

    day: str
    usd_per_day: Decimal
    spent_usd: Decimal
    unconfirmed_usd: Decimal
    reserved_usd: Decimal
    refused: int
    unbounded: int
    is_used_up: bool


class DailyLedger:
    """The totals of one process, for its threads; at midnight in UTC the spent amount begins again at zero.

    Attempts in flight at midnight stay reserved, and their cost belongs to the day on which it becomes known.
    """

    shared = False

    def __init__(self, wall_clock: Callable[[], float], spent_usd: Decimal) -> None:
        self._wall_clock = wall_clock
        self._lock = Lock()
        self._totals = Totals(spent=units(spent_usd))
        self.day = int(wall_clock() // _DAY_S)
        self.refused = self.unbounded = 0

    @contextmanager
    def open(self) -> Iterator[Totals]:
        """Yield the totals of the current day. A clock that is set back does not begin another day."""
        with self._lock:
            day = int(self._wall_clock() // _DAY_S)
            if day > self.day:
                self.day = day
                self.refused = self.unbounded = 0
                self._totals.spent = self._totals.unconfirmed = 0
                self._totals.refused = None
            yield self._totals


class DailySpend(BudgetTracker):
    """The budget of one arm for a day in UTC. A request never waits for room: its user would wait too.

    The first request that would not fit even with nothing else in flight ends the day for all, because the length of a
    request must not decide which arm answers it. A request that only attempts in flight leave no room for is refused
    alone. Each process has its own: of four workers, give each a quarter. `spent_usd` is the amount that the day has
    cost before this process began, for example by the traffic log.
    """

    def __init__(
        self,
        usd_per_day: Decimal,
        *,
        spent_usd: Decimal = Decimal(0),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._daily = DailyLedger(wall_clock, spent_usd)
        super().__init__(usd_per_day, self._daily)
        self.usd_per_day = usd_per_day

    def reserve(self, wanted: Reservation) -> ReservationResult:
        """Make the reservation, or say that the budget is used up."""
        with self._daily.open() as totals:
            needed, self.last_spent = totals.scaled(wanted), totals.spent
            if totals.refused is None and totals.spent + needed > self._cap:
                totals.refused = needed
            if totals.refused is not None or totals.spent + totals.in_flight + needed > self._cap:
                self._daily.refused += 1
                return "used-up"
            totals.reserve(self._owner, wanted)
            return "reserved"

    def count_unbounded(self) -> None:
        """Count a request that was not sent because its maximum cost is unknown."""
        with self._daily.open():
            self._daily.unbounded += 1

    def status(self) -> DailySpendStatus:
        """Return the spending of the current day."""
        with self._daily.open() as totals:
            return DailySpendStatus(
                day=datetime.fromtimestamp(self._daily.day * _DAY_S, UTC).date().isoformat(),
                usd_per_day=self.usd_per_day,
                spent_usd=usd(totals.spent),
                unconfirmed_usd=usd(totals.unconfirmed),
                reserved_usd=usd(totals.in_flight),
                refused=self._daily.refused,
                unbounded=self._daily.unbounded,
                is_used_up=totals.refused is not None,
            )


class DailySpendGuard(CostGuard):
    """The guard that a relay asks before each attempt of the arm.

    Where it refuses the first attempt, `Relay.attempt` raises BudgetExceededError before anything is sent, and the
    control can answer. Where it refuses a retry, the attempt before it is the result.
    """

    def __init__(self, spend: DailySpend, prices: PriceTable) -> None:
        super().__init__(
            spend,
            prices,
            cap_usd=spend.usd_per_day,
            patience_s=0.0,
            hint=f"{exact_money(spend.usd_per_day)} is the limit of this arm per day (UTC): raise usd_per_day, "
            "or give the model a price and each request max_tokens",
        )
        self.spend = spend

    def reservation(self, arm: Arm, body: Mapping[str, Json], route: Route = "chat") -> CostReservation:
        """Return the reservation for each attempt; count a request whose maximum cost is unknown, and refuse it."""
        try:
            return super().reservation(arm, body, route)
        except BudgetExceededError:
            self.spend.count_unbounded()
            raise
