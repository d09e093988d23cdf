"""Send requests within the limits on concurrency, rate and retries, and time each part separately."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.clock import REAL, stamp
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
from pytest_graysplit.replies.relay.limits import AdaptiveConcurrencyLimit, ConnectionSlots, RateLimiter
from pytest_graysplit.replies.relay.retry import RetryAfter, RetryBudget, WaitTooLong, decide
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.replies.relay.cost_guard import CostReservation

C = TypeVar("C")
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class RequestAttempts(Generic[C, T]):
    """One request: how it is sent and read, and the seconds that its attempts have taken so far.

    `send` calls its second argument as soon as the connection is open: the latency is measured from there.
    `latency_s` and `sent_at` (UTC) describe the last attempt; `retried` lists the kinds of failure of the attempts
    before it. `too_long_s` is the requested wait that exceeded the limit. With a cap on the cost, `reservation` is
    made before each attempt. `in_flight` counts the requests in flight when the last attempt was sent, including it.
    """

    send: Callable[[C, Callable[[], None]], Awaitable[RawResponse | RelayFailure]]
    read: Callable[[RawResponse], T | RelayFailure]
    retries: int
    reservation: CostReservation | None = None
    attempts: int = 0
    latency_s: float = 0.0
    queue_s: float = 0.0
    backoff_s: float = 0.0
    too_long_s: float | None = None
    sent_at: datetime | None = None
    in_flight: int | None = None
    retried: list[str] = field(default_factory=list)
    response: RawResponse | None = field(default=None, repr=False)


class RequestSender(Generic[C]):
    """All requests to one relay: their connections, their rate, and the budget for retries.

    `halted` is the error of a run that has failed: every further attempt raises it, and nothing is sent.
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
        self.limiter = AdaptiveConcurrencyLimit(len(clients))
        self.retry_budget = RetryBudget()
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
        self.retry_budget.count_first()
        for attempt in range(1, request.retries + 2):
            result = await self._attempt(request)
            if not isinstance(result, RelayFailure) or result.filtered:
                break
            wait_s = self._wait_before_retry(request, result, attempt)
            if wait_s is None:
                break
            request.retried.append(result.kind)
            self.retries += 1
            paused = self._clock()
            await self._sleep(wait_s)
            request.backoff_s += self._clock() - paused
        return result

    def _wait_before_retry(self, request: RequestAttempts[C, T], failure: RelayFailure, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt; None where the request has failed for good."""
        headers = request.response.headers if request.response else {}
        decision = decide(failure.status, headers, retry=attempt, now=REAL.utc_now(), random=self._random)
        if isinstance(decision, WaitTooLong):
            request.too_long_s = decision.wait_s
        if not isinstance(decision, RetryAfter) or attempt > request.retries:
            return None
        # A relay that sends 429 works: fewer requests in flight are the remedy, so the budget does not count them.
        if failure.status != 429 and not self.retry_budget.take():
            return None
        if decision.from_relay and failure.status == 429:
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
        client = await self._slots.acquire()
        try:
            await self._rate.wait()
            if self.halted is not None:
                raise self.halted
            window = self.limiter.window
            result = await self._send(request, client, queued)
            self._adapt(result, window)
        finally:
            self._slots.release(client)
        return result

    async def _send(self, request: RequestAttempts[C, T], client: C, queued: float) -> T | RelayFailure:
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
        latency_s=request.latency_s if has_latency else None,
        attempts=request.attempts,
        retried=tuple(request.retried),
        queue_s=request.queue_s,
        backoff_s=request.backoff_s,
        in_flight=request.in_flight,
        at=stamp(request.sent_at) if request.sent_at else None,
    )
