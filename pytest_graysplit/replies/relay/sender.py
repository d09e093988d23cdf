"""Send requests within the limits on concurrency, rate and retries, and time each part separately."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_graysplit.errors import BudgetExceededError, Slug
from pytest_graysplit.formatting.clock import REAL, stamp
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
from pytest_graysplit.replies.relay.limits import (
    AdaptiveConcurrencyLimit,
    ConnectionSlots,
    LiveConcurrencyLimit,
    RateLimiter,
)
from pytest_graysplit.replies.relay.retry import LiveRetryBudget, RetryAfter, RetryBudget, WaitTooLong, decide
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.replies.relay.cost_guard import CostReservation
    from pytest_graysplit.replies.relay.limits import ConcurrencyLimit

C = TypeVar("C")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """The reaction of one relay to 429s and to failures.

    A test run can wait: after a 429 all of its requests pause for as long as the relay asks, and no retry of a 429 is
    counted. In live traffic (`is_live`) a user waits for each request: a 429 concerns that request alone, and its retry
    takes from the budget like any other.
    """

    limiter: ConcurrencyLimit
    retry_budget: RetryBudget | LiveRetryBudget
    is_live: bool

    @classmethod
    def for_test_run(cls, most: int) -> LimitPolicy:
        """Return the policy of a test run with at most so many requests in flight."""
        return cls(limiter=AdaptiveConcurrencyLimit(most), retry_budget=RetryBudget(), is_live=False)

    @classmethod
    def for_live_traffic(cls, most: int, clock: Callable[[], float]) -> LimitPolicy:
        """Return the policy of live traffic with at most so many requests in flight."""
        limiter = LiveConcurrencyLimit(most, clock=clock)
        return cls(limiter=limiter, retry_budget=LiveRetryBudget(), is_live=True)


@dataclass(slots=True, kw_only=True)
class RequestAttempts(Generic[C, T]):
    """One request: how it is sent and read, and the seconds that its attempts have taken so far.

    `send` calls its second argument as soon as the connection is open: the latency is measured from there.
    `latency_s` and `sent_at` (UTC) describe the last attempt; `retried` lists the kinds of failure of the attempts
    before it. `too_long_s` is the requested wait that exceeded the limit. With a cap on the cost, `reservation` is
    made before each attempt. `in_flight` counts the requests in flight when the last attempt was sent, including it.
    `deadline_s` is the time for all attempts and waits together, and `ends_at_s` its end by the sender's clock;
    `unmet_wait_s` is the wait before a retry for which it left no time.
    """

    send: Callable[[C, Callable[[], None]], Awaitable[RawResponse | RelayFailure]]
    read: Callable[[RawResponse], T | RelayFailure]
    retries: int
    reservation: CostReservation | None = None
    deadline_s: float | None = None
    ends_at_s: float = math.inf
    unmet_wait_s: float | None = None
    attempts: int = 0
    latency_s: float = 0.0
    queue_s: float = 0.0
    backoff_s: float = 0.0
    too_long_s: float | None = None
    sent_at: datetime | None = None
    in_flight: int | None = None
    retried: list[str] = field(default_factory=list)
    response: RawResponse | None = field(default=None, repr=False)

    def drop_unsent_retry(self) -> None:
        """Forget the last retry where its attempt was not sent."""
        del self.retried[max(0, self.attempts - 1) :]

    def with_unmet_wait(self, result: T | RelayFailure) -> T | RelayFailure:
        """Return the result; a failure says that its deadline left no time for a retry."""
        if self.unmet_wait_s is None or not isinstance(result, RelayFailure):
            return result
        told = f"{result.problem} (a retry after {self.unmet_wait_s:.3g} s would miss the deadline)"
        return replace(result, problem=told)

    def too_late(self) -> RelayFailure:
        """Return the failure of a request whose deadline has passed."""
        self.drop_unsent_retry()
        if not self.attempts:
            problem = f"not sent within {self.deadline_s:g} s, because other requests were before it"
            return RelayFailure(problem=problem, slug=Slug.RELAY_TIMEOUT, unsent=True)
        tried = f"{self.attempts} attempt{'s' * (self.attempts > 1)}"
        problem = f"no whole answer within {self.deadline_s:g} s, after {tried}"
        return RelayFailure(problem=problem, slug=Slug.RELAY_TIMEOUT)


class RequestSender(Generic[C]):
    """All requests to one relay: their connections, their rate, and the budget for retries.

    `halted` is the error of a run that has failed: every further attempt raises it, and nothing is sent.
    """

    def __init__(  # noqa: PLR0913 # the last three are there for tests to take the place of time and chance
        self,
        clients: Sequence[C],
        *,
        policy: LimitPolicy,
        requests_per_min: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        random: Random,
    ) -> None:
        self.limiter = policy.limiter
        self._policy = policy
        self.sent = 0
        self.retries = 0
        self.rate_limited = 0
        self.halted: GraysplitError | None = None
        self._in_flight = 0
        self._slots = ConnectionSlots(clients, self.limiter)
        self._rate = RateLimiter(requests_per_min, clock=clock, sleep=sleep)
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def send(self, request: RequestAttempts[C, T]) -> T | RelayFailure:
        """Send a request until it succeeds or no further attempt is allowed; `request` keeps the times."""
        if not self._policy.is_live:
            self._policy.retry_budget.count_first()
        result: T | RelayFailure | None = None
        for attempt in range(1, request.retries + 2):
            try:
                result = await self._attempt(request)
            except BudgetExceededError:
                if result is None or not self._policy.is_live:
                    raise
                request.drop_unsent_retry()
                break  # the result of the attempt before, which may be billed, is that of the request
            if not isinstance(result, RelayFailure) or result.filtered:
                break
            wait_s = self._wait_before_retry(request, result, attempt)
            if wait_s is None:
                break
            request.retried.append(result.kind)
            self.retries += 1
            await self._back_off(request, wait_s)
        assert result is not None  # noqa: S101 # there is at least one attempt
        return request.with_unmet_wait(result)

    async def _back_off(self, request: RequestAttempts[C, T], wait_s: float) -> None:
        paused = self._clock()
        try:
            await self._sleep(wait_s)
        finally:
            request.backoff_s += self._clock() - paused

    def _wait_before_retry(self, request: RequestAttempts[C, T], failure: RelayFailure, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt; None where the request has failed for good."""
        headers = request.response.headers if request.response else {}
        decision = decide(failure.status, headers, retry=attempt, now=REAL.utc_now(), random=self._random)
        if decision is not None and self._clock() + decision.wait_s >= request.ends_at_s:
            request.unmet_wait_s = decision.wait_s if attempt <= request.retries else None
            return None
        if isinstance(decision, WaitTooLong):
            request.too_long_s = decision.wait_s
        if not isinstance(decision, RetryAfter) or attempt > request.retries:
            return None
        # A relay that sends 429 to a test run works: fewer requests in flight are the remedy, so the budget does not
        # count them.
        is_counted = failure.status != 429 or self._policy.is_live
        if is_counted and not self._policy.retry_budget.take():
            return None
        if decision.from_relay and failure.status == 429 and not self._policy.is_live:
            # The pause is meant for all requests: any that is sent meanwhile would be refused too.
            self._rate.pause(decision.wait_s)
        return decision.wait_s

    async def _attempt(self, request: RequestAttempts[C, T]) -> T | RelayFailure:
        queued = self._clock()
        if request.reservation is None:
            return await self._take_turn(request, queued)
        await request.reservation.reserve()
        sent_before, result = request.attempts, None
        try:
            result = await self._take_turn(request, queued)
        finally:
            # Also after a cancellation: a request that was sent may be billed, one that was not cannot.
            if request.attempts == sent_before:
                request.reservation.release()
            else:
                request.reservation.settle(request.response, result)
        return result

    async def _take_turn(self, request: RequestAttempts[C, T], queued: float) -> T | RelayFailure:
        sent_before = request.attempts
        try:
            return await self._take_slot(request, queued)
        finally:
            if request.attempts == sent_before:
                request.queue_s += self._clock() - queued

    async def _take_slot(self, request: RequestAttempts[C, T], queued: float) -> T | RelayFailure:
        client = await self._slots.acquire()
        try:
            await self._rate.wait(request.ends_at_s)
            if self.halted is not None:
                raise self.halted
            window = self.limiter.window
            result = await self._send(request, client, queued)
            self._adapt(result, window)
        finally:
            self._slots.release(client)
        return result

    async def _send(self, request: RequestAttempts[C, T], client: C, queued: float) -> T | RelayFailure:
        if self._policy.is_live and not request.attempts:
            self._policy.retry_budget.count_first()  # not before: a queue of requests would earn its retries at once
        request.attempts += 1
        self.sent += 1
        request.response, request.sent_at, request.in_flight = None, REAL.utc_now(), None
        began = started = self._clock()
        request.queue_s += began - queued

        def opened() -> None:
            nonlocal started
            started, request.sent_at = self._clock(), REAL.utc_now()
            request.queue_s += started - began
            self._in_flight += 1
            request.in_flight = self._in_flight

        try:
            response = await request.send(client, opened)
        except asyncio.CancelledError:
            request.latency_s = self._clock() - began
            raise
        finally:
            self._in_flight -= request.in_flight is not None
        if isinstance(response, RelayFailure):
            request.latency_s = self._clock() - began  # the latency of a timeout includes opening the connection
            return response
        request.latency_s = self._clock() - started
        request.response = response._replace(body=b"")  # the headers are needed later, a body of 32 MB is not
        return request.read(response)

    def _adapt(self, result: T | RelayFailure, window: int) -> None:
        if not isinstance(result, RelayFailure):
            self.limiter.record_success()
        elif result.status == 429:
            self.rate_limited += 1
            self.limiter.record_rate_limit(window)


def to_reply(model: str, request: RequestAttempts[C, Reply], result: Reply | RelayFailure) -> Reply:
    """Return the reply to a request with its times; a failure becomes a reply too, because failed calls count."""
    # The wait until a timeout counts as a latency: without the slowest calls, a slow model would look faster.
    has_latency = not isinstance(result, RelayFailure) or result.slug == Slug.RELAY_TIMEOUT
    if isinstance(result, RelayFailure):
        result = Reply(
            model=model,
            outcome="error",
            error=result.advised,
            error_slug=result.slug,
            error_kind=result.kind,
            retryable=result.retryable,
            usage=result.usage,
            reported_cost_usd=result.reported_cost_usd,
        )
    return replace(
        result,
        latency_s=request.latency_s if has_latency and request.attempts else None,
        attempts=request.attempts,
        retried=tuple(request.retried),
        queue_s=request.queue_s,
        backoff_s=request.backoff_s,
        in_flight=request.in_flight,
        at=stamp(request.sent_at) if request.sent_at else None,
    )
