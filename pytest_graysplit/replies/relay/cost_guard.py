"""Reservations of cost under a cap: the worst case of each attempt is reserved before it, and settled after it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.errors import BudgetExceededError, Slug
from pytest_graysplit.formatting.display import exact_money, toml_key
from pytest_graysplit.replies.budget.request_parts import unbounded_part
from pytest_graysplit.replies.budget.token_limits import LIMITS, token_limit
from pytest_graysplit.replies.relay.failures import RelayFailure
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.replies.budget import BudgetTracker, Reservation
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.relay.failures import RawResponse
    from pytest_graysplit.types import Json, Route

# How often to look for settlements of other processes; a settlement of this one wakes the waiting requests at once.
POLL_S = 0.05
# With these statuses a relay refuses a request before a model works on it. Any other failure may have been billed.
FREE_STATUSES = frozenset({400, 401, 402, 403, 404, 413, 422, 429})
_NOTHING = Decimal(0)
_UNKNOWN = "the maximum cost of a request to {} is unknown"
_HINT = "raise --graysplit-max-cost and run again: what was answered is kept"


class CostGuard:
    """The cost control of one relay's requests within the budget of a run.

    `cap_usd` is the cap of the run, for messages: the tracker may have a part of it. A request waits while requests
    in flight may still leave room for it. When nothing has been settled for `patience_s`, the reservations that are
    left belong to a process that has died. `hint` is the remedy in the messages.
    """

    def __init__(
        self, tracker: BudgetTracker, prices: PriceTable, *, cap_usd: Decimal, patience_s: float, hint: str = _HINT
    ) -> None:
        self.tracker = tracker
        self._prices = prices
        self._cap_usd = cap_usd
        self._patience_s = patience_s
        self._hint = hint
        self._settled = asyncio.Event()

    def require_bound(self, arm: Arm, body: Mapping[str, Json], route: Route) -> None:
        """Raise BudgetExceededError for a request of an application with a part that may cost any amount."""
        if part := unbounded_part(body, route):
            hint = "leave this part out of the request, or run without a cap"
            raise _refused(f"{_UNKNOWN.format(arm.model)}, because of {part}", hint, Slug.CAP_UNLIMITED)

    def reservation(self, arm: Arm, body: Mapping[str, Json], route: Route = "chat") -> CostReservation:
        """Return the reservation for each attempt of the request; raise BudgetExceededError without a maximum cost."""
        limit = token_limit(body, route)
        unknown = _UNKNOWN.format(arm.model)
        if limit.output is None:
            table = f"[tool.graysplit.arms.{toml_key(arm.name)}]"
            hint = f"send {LIMITS[route][0]} in the request; for a model under test, params in {table} can set it"
            raise _refused(f"{unknown}, because nothing limits its answer", hint, Slug.CAP_UNLIMITED)
        most_usd = self._prices.at_most_usd(arm.priced_as, limit.prompt, limit.output, may_write=limit.may_write)
        if most_usd is None:
            price = f"{toml_key(arm.model)} = {{ input = ..., output = ... }}"
            hint = f"add to [tool.graysplit.prices], in USD per million tokens: {price}"
            raise _refused(f"{unknown}, because it has no price", hint, Slug.CAP_UNPRICED)
        return CostReservation(self, self.tracker.reservation(arm.name, most_usd), arm.priced_as)

    async def reserve(self, wanted: Reservation) -> None:
        """Make the reservation, waiting for requests in flight; raise BudgetExceededError where the cap is used up."""
        spent, since = -1, 0.0
        while (result := self.tracker.reserve(wanted)) == "wait":
            now = asyncio.get_running_loop().time()
            if self.tracker.last_spent != spent:
                spent, since = self.tracker.last_spent, now
            elif now - since > self._patience_s:
                self.tracker.refuse(wanted)
            await self._next_settlement()
        if result == "used-up":
            raise self._not_sent(f"the cap of {exact_money(self._cap_usd)} is used up")

    def settle(self, reserved: Reservation, actual_usd: Decimal | None) -> None:
        """Replace the reservation by the actual cost, if it is known, and wake the requests that wait for room."""
        self.tracker.settle(reserved, actual_usd)
        self._settled.set()
        self._settled = asyncio.Event()

    def cost_usd(self, reply: Reply, priced_as: str) -> Decimal | None:
        """Return the cost of the reply by the price of that name; None where it is unknown."""
        return self._prices.cost_usd(reply, priced_as)

    def _not_sent(self, reason: str) -> BudgetExceededError:
        return _refused(reason, self._hint, Slug.BUDGET_USED_UP)

    async def _next_settlement(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._settled.wait()


class CostReservation:
    """The reservation that each attempt of one request makes, settles or releases."""

    def __init__(self, guard: CostGuard, reservation: Reservation, priced_as: str) -> None:
        self._guard = guard
        self._reservation = reservation
        self._priced_as = priced_as

    async def reserve(self) -> None:
        """Reserve the worst case of one attempt; raise BudgetExceededError where the cap is used up."""
        await self._guard.reserve(self._reservation)

    def release(self) -> None:
        """Release the reservation of an attempt that cost nothing."""
        self._guard.settle(self._reservation, _NOTHING)

    def settle(self, response: RawResponse | None, result: object) -> None:
        """Replace the reservation by the cost of the attempt; all of it stays spent where the cost is unknown."""
        if _was_free(response, result):
            self.release()
            return
        cost_usd = self._guard.cost_usd(result, self._priced_as) if isinstance(result, Reply) else None
        self._guard.settle(self._reservation, cost_usd)


def _refused(reason: str, hint: str, slug: Slug) -> BudgetExceededError:
    return BudgetExceededError(f"not asked: {reason}", hint=hint, slug=slug)


def _was_free(response: RawResponse | None, result: object) -> bool:
    if response is not None:
        return response.status in FREE_STATUSES
    return isinstance(result, RelayFailure) and result.unsent
