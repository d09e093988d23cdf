"""What is paid for attempts under a cap: the worst case is reserved before each, and settled when it has ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UnaskedError
from pytest_graysplit.formatting.display import exact_money
from pytest_graysplit.replies.budget import bound_of
from pytest_graysplit.replies.relay.failures import Fault
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.replies.budget import Reservation, Spending
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.relay.failures import Answer
    from pytest_graysplit.types import Json, Route

# What other processes settle is seen that often; what this one settles wakes its waiters at once.
POLL_S = 0.05
# With these a relay refuses a request before any model has worked on it. Whatever else comes may have been billed.
FREE_STATUSES = frozenset({400, 401, 402, 403, 404, 413, 422, 429})
_NOTHING = Decimal(0)


class Purse:
    """Pays for the requests of one relay out of the spending of a run.

    `cap_usd` is that of the run, for messages: the spending may be a part of it. While others are in flight and may
    give something back, a request waits; when nothing has been settled for `patience_s`, what is set aside belongs to
    a process that is gone.
    """

    def __init__(self, spending: Spending, prices: PriceTable, *, cap_usd: Decimal, patience_s: float) -> None:
        self.spending = spending
        self._prices = prices
        self._cap_usd = cap_usd
        self._patience_s = patience_s
        self._settled = asyncio.Event()

    def toll(self, model: str, body: Mapping[str, Json], route: Route = "chat") -> Toll:
        """Return what each attempt of the request has to pay; raise UnaskedError where nobody can bound it."""
        bound = bound_of(body, route)
        most = None
        if bound.output is not None:
            most = self._prices.at_most_usd(model, bound.prompt, bound.output, may_write=bound.may_write)
        if most is None:
            raise self._unasked(f"nobody can tell what a request to {model} costs at the most")
        return Toll(self, self.spending.reservation(model, most))

    async def take(self, wanted: Reservation) -> None:
        """Set the amount aside, waiting for requests in flight; raise UnaskedError where the cap is used up."""
        seen, since = -1, 0.0
        while (grant := self.spending.reserve(wanted)) == "wait":
            now = asyncio.get_running_loop().time()
            if self.spending.seen != seen:
                seen, since = self.spending.seen, now
            elif now - since > self._patience_s:
                self.spending.give_up(wanted)
            await self._something_settled()
        if grant == "used-up":
            raise self._unasked(f"the cap of {exact_money(self._cap_usd)} is used up")

    def settle(self, held: Reservation, actual_usd: Decimal | None) -> None:
        """Replace the reservation by what is known of the cost, and wake who waits for the difference."""
        self.spending.settle(held, actual_usd)
        self._settled.set()
        self._settled = asyncio.Event()

    def cost_usd(self, reply: Reply) -> Decimal | None:
        """Return what the reply cost, where somebody knows."""
        return self._prices.cost_usd(reply)

    async def _something_settled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._settled.wait()

    def _unasked(self, why: str) -> UnaskedError:
        return UnaskedError(
            f"not asked: {why}",
            hint="raise --graysplit-max-cost and run again: what was answered is kept",
            slug=Slug.BUDGET_USED_UP,
        )


class Toll:
    """What one request pays before each attempt, and what it gets back afterwards."""

    def __init__(self, purse: Purse, amount: Reservation) -> None:
        self._purse = purse
        self._amount = amount

    async def pay(self) -> None:
        """Pay for one attempt; raise UnaskedError where the cap is used up."""
        await self._purse.take(self._amount)

    def give_back(self) -> None:
        """Get everything back for an attempt that was never sent."""
        self._purse.settle(self._amount, _NOTHING)

    def settle(self, answer: Answer | None, result: object) -> None:
        """Get back what the attempt did not cost; nothing where it may have been billed without our knowing."""
        if _was_free(answer, result):
            self.give_back()
            return
        self._purse.settle(self._amount, self._purse.cost_usd(result) if isinstance(result, Reply) else None)


def _was_free(answer: Answer | None, result: object) -> bool:
    if answer is not None:
        return answer.status in FREE_STATUSES
    return isinstance(result, Fault) and result.unsent
