"""Carries requests through slots, pace and retries, whoever sends them; keeps the times of each part apart."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from tenacity import AsyncRetrying

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.clock import REAL, stamp
from pytest_graysplit.replies.relay.failures import Answer, Fault
from pytest_graysplit.replies.relay.limits import Limiter, Pace, Slots
from pytest_graysplit.replies.relay.retry import RetryBudget, TooLong, decide
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from datetime import datetime
    from random import Random

    from tenacity import RetryCallState

    from pytest_graysplit.replies.relay.cost_guard import Toll

C = TypeVar("C")
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Trip(Generic[C, T]):
    """One request on its way: how it is sent and read, and what its attempts took so far, in seconds.

    `send` calls what it is given as soon as its connection is open: a latency begins there. `latency_s` and `sent_at`
    (UTC) belong to the last attempt alone; `too_long_s` is a wait that was asked for in vain; `retried` are the kinds
    of faults that the attempts before it met. `toll` is paid before each attempt, where there is a cap. `in_flight`
    counts the requests that were out when the last attempt was sent, itself included.
    """

    send: Callable[[C, Callable[[], None]], Awaitable[Answer | Fault]]
    read: Callable[[Answer], T | Fault]
    retries: int
    toll: Toll | None = None
    attempts: int = 0
    latency_s: float = 0.0
    queue_s: float = 0.0
    backoff_s: float = 0.0
    wait_s: float = 0.0
    too_long_s: float | None = None
    sent_at: datetime | None = None
    in_flight: int | None = None
    retried: list[str] = field(default_factory=list)
    answer: Answer | None = field(default=None, repr=False)


class Carrier(Generic[C]):
    """All requests of a run together: places for them, their pace, and the budget for retries.

    Retries run on tenacity itself, not on stamina over it: stamina's switches for test suites (`set_testing`,
    `set_active`) are global, and a user's suite that flips them must not change what a model is measured at.
    """

    def __init__(
        self,
        clients: Sequence[C],
        *,
        requests_per_min: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        random: Random,
    ) -> None:
        self.limiter = Limiter(len(clients))
        self.budget = RetryBudget()
        self.sent = 0
        self.retries = 0
        self.rate_limited = 0
        self._in_flight = 0
        self._slots = Slots(clients, self.limiter)
        self._pace = Pace(requests_per_min, clock=clock, sleep=sleep)
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def carry(self, trip: Trip[C, T]) -> T | Fault:
        """Send a request until it is answered, or given up; the trip tells what it took."""
        self.budget.count_first()

        def again(state: RetryCallState) -> bool:
            outcome = state.outcome
            return outcome is not None and not outcome.failed and self._goes_again(trip, outcome.result())

        async def back_off(seconds: float) -> None:
            with self._timed(trip, "backoff_s"):
                await self._sleep(seconds)

        retrying = AsyncRetrying(retry=again, wait=lambda _: trip.wait_s, sleep=back_off)
        return await retrying(self._attempt, trip)

    async def _attempt(self, trip: Trip[C, T]) -> T | Fault:
        if trip.toll is None:
            return await self._take_turn(trip)
        with self._timed(trip, "queue_s"):
            await trip.toll.pay()
        sent, result = trip.attempts, None
        try:
            result = await self._take_turn(trip)
        finally:
            # Also when it is cancelled: what has left this machine may be billed, what has not cannot.
            if trip.attempts == sent:
                trip.toll.give_back()
            else:
                trip.toll.settle(trip.answer, result)
        return result

    async def _take_turn(self, trip: Trip[C, T]) -> T | Fault:
        with self._timed(trip, "queue_s"):
            client = await self._slots.take()
        try:
            with self._timed(trip, "queue_s"):
                await self._pace.wait()
            window = self.limiter.window
            result = await self._send(trip, client)
            self._learn(result, window)
        finally:
            self._slots.give_back(client)
        return result

    async def _send(self, trip: Trip[C, T], client: C) -> T | Fault:
        trip.attempts += 1
        self.sent += 1
        trip.answer, trip.sent_at, trip.in_flight = None, REAL.utc_now(), None
        began = started = self._clock()

        def opened() -> None:
            nonlocal started
            started, trip.sent_at = self._clock(), REAL.utc_now()
            trip.queue_s += started - began
            self._in_flight += 1
            trip.in_flight = self._in_flight

        try:
            got = await trip.send(client, opened)
        finally:
            self._in_flight -= trip.in_flight is not None
        trip.latency_s = self._clock() - started
        if isinstance(got, Fault):
            trip.latency_s = self._clock() - began  # a timeout counts as all that was waited
            return got
        trip.answer = got._replace(body=b"")  # its headers are asked for later, and nobody holds 32 MB for that
        return trip.read(got)

    def _learn(self, result: T | Fault, window: int) -> None:
        if not isinstance(result, Fault):
            self.limiter.succeeded()
        elif result.status == 429:
            self.rate_limited += 1
            self.limiter.rate_limited(window)

    def _goes_again(self, trip: Trip[C, T], result: T | Fault) -> bool:
        if not isinstance(result, Fault) or result.filtered:
            return False
        headers = trip.answer.headers if trip.answer else {}
        decision = decide(result.status, headers, retry=trip.attempts, now=REAL.utc_now(), random=self._random)
        if isinstance(decision, TooLong):
            trip.too_long_s = decision.wait_s
        if decision is None or isinstance(decision, TooLong):
            return False
        # A 429 comes from a relay that is well: fewer in flight answer it, and no reply may be lost to the budget.
        if trip.attempts > trip.retries or not (result.status == 429 or self.budget.take()):
            return False
        if decision.asked and result.status == 429:
            # The relay spoke to all of us: what is sent meanwhile would only be refused as well.
            self._pace.hold(decision.wait_s)
        trip.wait_s = decision.wait_s
        trip.retried.append(result.kind)
        self.retries += 1
        return True

    @contextmanager
    def _timed(self, trip: Trip[C, T], part: str) -> Iterator[None]:
        started = self._clock()
        try:
            yield
        finally:
            setattr(trip, part, getattr(trip, part) + self._clock() - started)


def conclude(model: str, trip: Trip[C, Reply], result: Reply | Fault) -> Reply:
    """Return the reply of a trip with its times; a fault becomes a reply too, because failed calls count."""
    # A timeout enters the latencies as what was waited: leaving out the slowest would flatter a slow model.
    answered = not isinstance(result, Fault) or result.slug == Slug.RELAY_TIMEOUT
    latency_s = trip.latency_s if answered else None
    if isinstance(result, Fault):
        result = Reply(
            model=model,
            outcome="error",
            error=result.problem,
            error_slug=result.slug,
            error_kind=result.kind,
            retryable=result.retryable,
            usage=result.usage,
            reported_cost_usd=result.reported_cost_usd,
        )
    return replace(
        result,
        latency_s=latency_s,
        attempts=trip.attempts,
        retried=tuple(trip.retried),
        queue_s=trip.queue_s,
        backoff_s=trip.backoff_s,
        in_flight=trip.in_flight,
        at=stamp(trip.sent_at) if trip.sent_at else None,
    )
