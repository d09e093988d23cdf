"""The client of a relay, and the only access to the network: it asks models within limits, deadlines and retries."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_graysplit.config.address import route_url
from pytest_graysplit.config.credentials import key_warnings
from pytest_graysplit.errors import GraysplitError, Slug
from pytest_graysplit.replies.relay import fatal_errors, preflight
from pytest_graysplit.replies.relay.admission import Admission
from pytest_graysplit.replies.relay.body import Meter
from pytest_graysplit.replies.relay.connection import Connection, Request
from pytest_graysplit.replies.relay.endpoint import endpoint_of, proxy_choice_of, target_of
from pytest_graysplit.replies.relay.exchange import Exchanger, unexpected
from pytest_graysplit.replies.relay.failures import RelayFailure, redactor
from pytest_graysplit.replies.relay.headers import NO_HEADERS
from pytest_graysplit.replies.relay.outgoing import RequestWriter, UnusableRequestError
from pytest_graysplit.replies.relay.pipe import CannotConnectError
from pytest_graysplit.replies.relay.proxies import unreadable_warnings
from pytest_graysplit.replies.relay.refused_params import is_of_the_arm, param_refused
from pytest_graysplit.replies.relay.routes.reader import PATHS, read_reply
from pytest_graysplit.replies.relay.sender import LimitPolicy, RequestAttempts, RequestSender, to_reply
from pytest_graysplit.replies.relay.served import KeptResponse, PassedStream, lacks_usage, with_usage
from pytest_graysplit.replies.relay.stats import EventLoopLag, RelayStats
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Self

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.replies.relay.cost_guard import CostGuard, CostReservation
    from pytest_graysplit.replies.relay.exchange import Listener
    from pytest_graysplit.replies.relay.preflight import Listed
    from pytest_graysplit.types import Json, Route

T = TypeVar("T")

MOST_OPENED_AHEAD = 16
PREFLIGHT_RETRIES = 2
PREFLIGHT_WAIT_S = 0.5


class Relay:
    """A relay and the connections to it; use it as `async with Relay(settings, is_refusal=...) as relay`.

    `access` is its address and key, by default those of the settings; each endpoint has a relay of its own.
    `cost_guard` keeps requests within a cap; with `live` the limits are those of live traffic, not of a test run.
    `clock` counts seconds, `sleep` waits for them, `random` spreads retries.
    """

    def __init__(  # noqa: PLR0913  # the last three are there for tests to take the place of time and chance
        self,
        settings: Settings,
        *,
        is_refusal: Callable[[str], bool],
        access: Access | None = None,
        concurrency: int | None = None,
        requests_per_min: float | None = None,
        cost_guard: CostGuard | None = None,
        live: bool = False,
        clock: Callable[[], float] = perf_counter,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._is_refusal = is_refusal
        self._cost_guard = cost_guard
        self._access = access = access or settings.access
        self._redact = redactor([*settings.secrets, *([access.key.reveal()] if access.key else [])])
        self._models_target = target_of(route_url(access.base_url, "/models"))
        self._writer = RequestWriter(access, self._redact)
        self._without_usage: set[str] = set()
        self._clock = clock
        self._exchanger = Exchanger(clock, self._redact)
        self._sleep = sleep
        self._lag = EventLoopLag(clock)
        self._admission = Admission()
        self._known: Listed = {}
        self._proxy_choice = proxy_choice_of(access.base_url, self._redact)
        self._endpoint = endpoint_of(access.base_url, self._proxy_choice, self._redact)
        meter = Meter()
        self._connections = [Connection(self._endpoint, meter) for _ in range(concurrency or settings.concurrency)]
        most = len(self._connections)
        self._sender = RequestSender(
            self._connections,
            policy=LimitPolicy.for_live_traffic(most, clock) if live else LimitPolicy.for_test_run(most),
            requests_per_min=requests_per_min or settings.requests_per_min,
            clock=clock,
            sleep=sleep,
            random=random or Random(),
        )

    async def __aenter__(self) -> Self:
        self._lag.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._lag.stop()
        for connection in self._connections:
            connection.close()
        self._endpoint.names.close()
        await asyncio.sleep(0)  # the loop closes their sockets

    async def stop_measuring(self) -> None:
        """Stop to measure the delay of the event loop: one of the relays that share a loop is enough for that."""
        await self._lag.stop()

    async def preflight(
        self, models: Sequence[str], unlisted: Sequence[str] = (), *, first_alone: bool = True
    ) -> tuple[str, ...]:
        """Ask for the list of models before any paid request, and return the warnings for the user.

        The list is only advice. Where one of the `models` is not on it, or the relay sends no list, the first chat
        request of that model goes alone and decides. The `unlisted` models are of a kind that relays often do not list.
        Raises RelayError where no relay can be reached at the address.
        """
        access, known = self._access, await self._listed()
        if isinstance(known, RelayFailure) and known.unsent:
            raise fatal_errors.no_preflight(known, self._access)
        self._known = {} if isinstance(known, RelayFailure) else known
        if first_alone:
            self._admission.close(model for model in models if not preflight.is_listed(model, self._known))
        unchecked = [f"the model names were not checked: {known.problem}"] if isinstance(known, RelayFailure) else []
        return (
            *unreadable_warnings(self._proxy_choice),
            *key_warnings(access.key, access.base_url, access.variable),
            *unchecked,
            *preflight.unlisted_warnings([*models, *unlisted], self._known),
            *preflight.shutdown_warnings((*models, *unlisted), self._known),
        )

    async def _listed(self) -> Listed | RelayFailure:
        """Ask for the list once, and again only where no connection could be opened."""
        request = Request("GET", self._models_target, self._writer.signed(NO_HEADERS))
        for left in range(min(PREFLIGHT_RETRIES, self._settings.retries), -1, -1):
            attempts = RequestAttempts[Connection, "Listed"](
                send=lambda connection, opened: self._exchanger.exchange(
                    connection, request, self._settings.timeout_s, opened
                ),
                read=lambda response: preflight.read_models(response, self._redact),
                retries=0,
            )
            known = await self._carried(attempts)
            if not (left and isinstance(known, RelayFailure) and known.unsent and known.slug != Slug.RELAY_TIMEOUT):
                break
            await self._sleep(PREFLIGHT_WAIT_S)
        return known

    async def open_ahead(self) -> None:
        """Open connections before the first request needs them, without sending anything."""

        async def open_one(connection: Connection) -> None:
            with suppress(TimeoutError, CannotConnectError):  # the request that needs the connection reports the error
                async with asyncio.timeout(self._settings.timeout_s):
                    await connection.open()

        await asyncio.gather(*map(open_one, self._connections[-MOST_OPENED_AHEAD:]))

    async def ask(
        self, arm: Arm, body: Mapping[str, Json], route: Route = "chat", headers: Mapping[str, str] = NO_HEADERS
    ) -> Reply:
        """Send one request of an arm with this `body`, and return the reply; a failed call is a reply too.

        `headers` are added to those of the arm. Raises RelayError for a failure that every further call would meet as
        well: a refused key, an empty account, a long wait. Raises BudgetExceededError where the cap on the cost allows
        no further attempt.
        """
        reply, stop = await self.attempt(arm, body, route, headers)
        if stop is not None:
            raise stop
        return reply

    async def attempt(  # noqa: PLR0913 # the whole request, each part by name
        self,
        arm: Arm,
        body: Mapping[str, Json],
        route: Route = "chat",
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        deadline_s: float | None = None,
        listener: Listener | None = None,
        keeps_answer: bool = False,
    ) -> tuple[Reply, RelayError | None]:
        """Send one request and return the reply, with the error that every further call would meet, if there is one.

        Any other problem of the request, also an unexpected one, becomes its failed reply. All attempts, and all waits
        for a connection, a turn or a retry, end by the deadline together; an attempt that it cuts is closed. A
        `listener` hears a streamed answer while it arrives, and `keeps_answer` keeps the answer as it was sent.
        """
        asks = keeps_answer and arm.model not in self._without_usage and lacks_usage(body, route, arm)
        kept = KeptResponse(keeps=keeps_answer, hides_usage=asks)
        asked = with_usage(body) if asks else body
        result = await self._attempt(arm, asked, route, headers, kept, deadline_s=deadline_s, listener=listener)
        if not kept.usage_refused:
            return result
        self._without_usage.add(arm.model)
        kept = KeptResponse(keeps=True)
        return await self._attempt(arm, body, route, headers, kept, deadline_s=deadline_s, listener=listener)

    async def _attempt(  # noqa: PLR0913 # the whole request, each part by name
        self,
        arm: Arm,
        body: Mapping[str, Json],
        route: Route,
        headers: Mapping[str, str],
        kept: KeptResponse,
        *,
        deadline_s: float | None,
        listener: Listener | None,
    ) -> tuple[Reply, RelayError | None]:
        model = arm.model
        try:
            request = self._writer.request(arm, body, route, headers, of_application=kept.keeps)
        except UnusableRequestError as error:
            failed = Reply(model=model, outcome="error", error=str(error), error_slug=error.slug, attempts=0)
            return kept.kept(failed, route, has_response=False), None
        if isinstance(listener, PassedStream):
            listener.hides_usage = kept.hides_usage
        reader = partial(
            read_reply,
            route=route,
            model=model,
            body=body,
            is_refusal=self._is_refusal,
            redact=self._redact,
            keeps_answer=kept.keeps,
        )
        attempts = RequestAttempts[Connection, Reply](
            send=lambda connection, opened: self._exchanger.exchange(
                connection,
                request,
                self._settings.timeout_s if deadline_s is None else None,
                opened,
                streams=body.get("stream") is True,
                listener=listener,
            ),
            read=kept.reading(reader),
            retries=self._settings.retries,
            reservation=self._reservation(arm, body, route, kept),
            deadline_s=deadline_s,
            ends_at_s=math.inf if deadline_s is None else self._clock() + deadline_s,
        )
        try:
            async with asyncio.timeout(deadline_s):
                alone = route != "embeddings" and await self._admission.enter(model)
        except TimeoutError:
            return kept.kept(to_reply(model, attempts, attempts.too_late()), route, has_response=False), None
        decided, stop = False, None
        try:
            result = await self._carried(attempts, listener)
            if isinstance(result, RelayFailure):
                stop = self._stop(attempts, result, arm, body, route, alone=alone)
            decided = not (isinstance(result, RelayFailure) and result.slug == Slug.RELAY_FORBIDDEN)
        finally:
            if alone:
                self._admission.leave(model, decided=decided and stop is None, stop=stop)
        if not isinstance(result, RelayFailure):
            self._admission.answered(model, arm.asks_as)
        return kept.kept(to_reply(model, attempts, result), route, has_response=attempts.response is not None), stop

    def _reservation(
        self, arm: Arm, body: Mapping[str, Json], route: Route, kept: KeptResponse
    ) -> CostReservation | None:
        if self._cost_guard is None:
            return None
        if kept.keeps:
            self._cost_guard.require_bound(arm, body, route)
        return self._cost_guard.reservation(arm, body, route)

    async def _carried(
        self, attempts: RequestAttempts[Connection, T], listener: Listener | None = None
    ) -> T | RelayFailure:
        try:
            left_s = None if attempts.deadline_s is None else attempts.ends_at_s - self._clock()
            async with asyncio.timeout(left_s) as limit:
                if listener is not None:
                    listener.follow(attempts, limit)
                return await self._sender.send(attempts)
        except GraysplitError:
            raise
        except TimeoutError as error:
            if listener is not None and listener.has_begun:
                return listener.silent()
            return unexpected(error, self._redact) if attempts.deadline_s is None else attempts.too_late()
        except Exception as error:  # noqa: BLE001 # one unexpected response must fail only its own case
            return unexpected(error, self._redact)

    def halt(self, error: GraysplitError) -> None:
        """Send nothing more: every request that is not on its way yet raises this error."""
        self._sender.halted = error

    def stats(self) -> RelayStats:
        """Return the statistics of the requests so far."""
        return RelayStats(
            requests=self._sender.sent,
            retries=self._sender.retries,
            rate_limited=self._sender.rate_limited,
            lowest_concurrency=self._sender.limiter.lowest,
            loop_lag_p95_s=self._lag.p95_s,
        )

    def _stop(  # noqa: PLR0913 # the whole request, each part by name
        self,
        attempts: RequestAttempts[Any, Any],
        failure: RelayFailure,
        arm: Arm,
        body: Mapping[str, Json],
        route: Route,
        *,
        alone: bool,
    ) -> RelayError | None:
        model = arm.model
        if attempts.too_long_s is not None:
            return fatal_errors.wait_too_long(failure, self._access, attempts.too_long_s)
        if failure.slug == Slug.RELAY_FORBIDDEN and self._admission.is_shut_out(model, about_key=failure.about_key):
            failure = replace(failure, slug=Slug.KEY_REFUSED)
        if (alone and failure.about_model) or (
            route != "embeddings" and self._is_unserved(model, failure, alone=alone)
        ):
            aliases, relay = self._settings.table.aliases, fatal_errors.relay_name(self._access)
            return preflight.unknown_model(model, failure.problem, self._known, aliases, relay)
        if alone and route != "chat" and failure.status in {404, 405}:
            return fatal_errors.no_route(failure, self._access, PATHS[route])
        if alone and (failure.status in {404, 405} or failure.slug in {Slug.RELAY_NOT_JSON, Slug.RELAY_REDIRECTS}):
            return fatal_errors.not_a_relay(failure, self._access)
        # A parameter of one case stays with that case, and so does one that other cases were answered with.
        if is_of_the_arm(failure.param, arm, body) and not self._admission.has_answered(arm.asks_as):
            return param_refused(failure, arm, failure.param)
        return fatal_errors.stop_for(failure, self._access)

    def _is_unserved(self, model: str, failure: RelayFailure, *, alone: bool) -> bool:
        not_found = failure.about_model or failure.status == 404
        return not_found and self._admission.is_unserved(model, about_model=failure.about_model or alone)
