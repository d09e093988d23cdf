"""The client of an application: it splits calls between the arms, counts each call, and logs it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.relay.headers import check_headers
from pytest_graysplit.traffic.client.answer_reader import AnswerReader
from pytest_graysplit.traffic.client.brakes import Brakes, check_budgets, policy_of
from pytest_graysplit.traffic.client.bulkheads import Bulkheads
from pytest_graysplit.traffic.client.calls import LiveSplit, checked_messages, read_params
from pytest_graysplit.traffic.client.headers import templates_of
from pytest_graysplit.traffic.client.in_flight import InFlight
from pytest_graysplit.traffic.client.live_arms import live_arms, require_sendable
from pytest_graysplit.traffic.client.own_client import Figures, LiveAssignment, OwnRequests
from pytest_graysplit.traffic.client.pieces import ReplyStream
from pytest_graysplit.traffic.client.recorder import TrafficRecorder
from pytest_graysplit.traffic.client.reply import client_closed, client_open
from pytest_graysplit.traffic.client.serving import RequestService
from pytest_graysplit.traffic.client.settings import CONCURRENCY, deadlines_of, settings_of
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.traffic.monitor.readiness import ClientHealth
from pytest_graysplit.traffic.ramp.ramps import RampOptions, Ramps
from pytest_graysplit.traffic.splitter.configured import with_arms

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from decimal import Decimal
    from typing import Self, TypeVar

    from pytest_graysplit.config.pyproject.rollback import Rollback
    from pytest_graysplit.traffic.client.brakes import UsdPerDay
    from pytest_graysplit.traffic.client.calls import Call
    from pytest_graysplit.traffic.client.pieces import Pieces
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.traffic.guards.breaker import BreakerPolicy
    from pytest_graysplit.traffic.observers.observer import Observer
    from pytest_graysplit.traffic.splitter import RolledBack, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message, Outcome, Redactor, Usage

    T = TypeVar("T")


class SplitClient:
    """A client that sends each request to the arm of its unit; use it as `async with SplitClient(...) as client`.

    `monitor` counts every request, failed ones too; without it the client creates its own. With `log`, every request is
    also written to that file. `timeout_s` is how long a user waits for one request, with all its retries. `fallback`
    lets the control answer if a treatment fails, or does not answer within `fallback_after_s`; with a `breaker`, an arm
    that keeps failing gets no users for a while. `usd_per_day`, `concurrency`, `requests_per_min` and `retries` hold
    for each arm apart. Arms, prices, aliases, headers and conditions of a rollback come from the pyproject.toml at
    `project`. docs/traffic.md describes all arguments.
    """

    def __init__(  # noqa: PLR0913 # the settings of an application, each by its name
        self,
        splitter: TrafficSplitter,
        *,
        monitor: Monitor | None = None,
        log: str | os.PathLike[str] | None = None,
        fallback: bool = False,
        fallback_after_s: float | None = None,
        breaker: BreakerPolicy | bool | None = None,
        usd_per_day: UsdPerDay | None = None,
        headers: Mapping[str, str] | Iterable[str] = (),
        redact: Redactor | None = None,
        keep_texts: bool = True,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout_s: float | None = None,
        retries: int | None = None,
        concurrency: int = CONCURRENCY,
        requests_per_min: int | None = None,
        project: str | os.PathLike[str] | None = None,
        observers: Iterable[Observer] = (),
        watch: str | os.PathLike[str] | None = None,
        rollback: Rollback | None = None,
        on_rollback: Callable[[RolledBack], object] | None = None,
    ) -> None:
        """Check all arguments before the first request; raise UsageError for an invalid one."""
        given = {
            "base-url": base_url,
            "timeout": timeout_s,
            "retries": retries,
            "concurrency": concurrency,
            "rpm": requests_per_min,
        }
        self._settings = settings = settings_of(given, api_key, project)
        self._deadlines = deadlines_of(settings.timeout_s, fallback_after_s, fallback=fallback)
        self._templates = templates_of(headers)
        self._in_force = in_force = self._with_arms(splitter)
        check_budgets(usd_per_day, in_force.splitter.arms)
        prices, policy = PriceTable(settings.prices), policy_of(breaker, fallback=fallback)
        self.monitor = monitor or Monitor(in_force.splitter, prices=settings.prices, policy=settings.policy)
        self.monitor.use(in_force.splitter)
        without_secrets = redactor(settings.secrets)
        redact_all = redactor(settings.secrets, [redact] if redact else [])
        gaps = self.monitor.gaps
        written = None if log is None else TrafficLog(log, splitter=in_force.splitter, clock=time.time, gaps=gaps)
        self._recorder = TrafficRecorder(self.monitor, written, redact_all, keep_texts=keep_texts, observers=observers)
        brakes = Brakes(policy, usd_per_day, prices, self._recorder.guard)
        self.monitor.guards.show(brakes.state)
        self._bulkheads = Bulkheads(settings, brakes)
        self._service = RequestService(
            self._bulkheads,
            brakes,
            self._recorder,
            prices=prices,
            without_secrets=without_secrets,
            fallback=fallback,
        )
        self._own_requests = OwnRequests(AnswerReader(without_secrets), self._service, self._recorder)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight = InFlight()
        health = ClientHealth(
            lambda: self._loop is not None,
            lambda: written.lost if written else 0,
            is_control_cut_off=brakes.is_control_cut_off,
        )
        self._health = self.monitor.readiness.add(health)
        options = RampOptions(
            watch=watch, rollback=rollback or settings.table.rollback, on_rollback=on_rollback, log=log
        )
        self._ramps = Ramps(in_force.splitter, self.monitor, options, settings=settings, take=self._take)

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise client_open()
        require_sendable(self._in_force.arms)
        self._bulkheads.add(self._in_force.arms)
        await self._ramps.open()
        self._loop = asyncio.get_running_loop()
        self._in_flight = InFlight()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._in_flight.end()
        finally:
            self._loop = None
            self._ramps.stop()
            await self._bulkheads.close()
            await self._recorder.close()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        unit: Unit = None,
        force: str | None = None,
        timeout_s: float | None = None,
        **params: Json,
    ) -> SplitReply:
        """Ask the model of the unit's arm and return the reply with its arm; `params` go into the request.

        `timeout_s` is the user's wait for this request. It may be awaited from any task, also from loops in other
        threads. Raises RequestFailedError if there is no answer, with the relay's own error as its cause, and
        UsageError for an invalid request.
        """
        call = self._call(messages, unit, force, timeout_s, params)
        return await self._in_own_loop(self._served(call))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        unit: Unit = None,
        force: str | None = None,
        timeout_s: float | None = None,
        **params: Json,
    ) -> ReplyStream:
        """Ask as `chat` does, and return the answer in pieces: `async for piece in client.stream(...)`.

        `timeout_s` is the user's wait for the first piece, and the longest silence after it. Once the user has a piece,
        neither a retry nor a fallback follows: an answer that breaks raises RequestFailedError, and `error.reply` has
        the text so far. Raises UsageError for an invalid request.
        """
        call = self._call(messages, unit, force, timeout_s, params, streams=True)
        return ReplyStream(
            lambda pieces: self._served(replace(call, began_s=time.perf_counter()), pieces), self._in_own_loop
        )

    def assign(self, unit: Unit = None, *, force: str | None = None) -> LiveAssignment:
        """Return the arm of a unit for a request that the application sends itself; give it to `record` afterwards.

        The client need not be open for it.
        """
        return LiveAssignment.of(self._in_force.call(unit, force, self._deadlines))

    def record(  # noqa: PLR0913 # each figure of a request by its name
        self,
        assignment: LiveAssignment,
        *,
        reply: object = None,
        error: BaseException | str | None = None,
        outcome: Outcome | None = None,
        text: str | None = None,
        latency_s: float | None = None,
        ttft_s: float | None = None,
        wait_s: float | None = None,
        usage: Usage | Mapping[str, Any] | None = None,
        cost_usd: Decimal | float | None = None,
        attempts: int | None = None,
        messages: Sequence[Message] = (),
        params: Mapping[str, Json] | None = None,
        fallback: object = None,
    ) -> str:
        """Count and log a request that the application sent itself, as `chat` does, and return its id for feedback.

        `reply` is a ChatCompletion of the openai package, the relay's JSON as a dict, or a Reply; `error` is an
        exception. Other figures override theirs. `fallback` is the control's reply. Raises UsageError for others.
        """
        figures = Figures(
            outcome=outcome,
            text=text,
            latency_s=latency_s,
            ttft_s=ttft_s,
            usage=usage,
            attempts=attempts,
            wait_s=wait_s,
            cost_usd=cost_usd,
        )
        call = replace(assignment.call, messages=checked_messages(messages), params=params or {})
        return self._own_requests.record(call, figures, reply if error is None else error, fallback)

    async def warm_up(self) -> tuple[str, ...]:
        """Check the relay's list of models and open connections before the first request; costs nothing.

        Returns warnings, for example if the key may not read the list; raises RelayError if the address does not
        answer.
        """
        return await self._in_own_loop(self._bulkheads.warm_up(self._in_force.arms))

    def feedback(self, request_id: str, score: float, *, before: float | None = None) -> None:
        """Count and log a user's score of the answer with this id, from 0 to 1; see `Monitor.feedback`."""
        self._recorder.feedback(request_id, score, before=before)

    def signal(self, unit: Unit, name: str, value: float = 1.0, *, before: float | None = None) -> None:
        """Count and log a signal of a unit, such as a ticket, from 0 to 1; see `Monitor.signal`."""
        self._recorder.signal(self._in_force.splitter, unit, name, value, before=before)

    def use(self, splitter: TrafficSplitter) -> None:
        """Split by other weights from now on, such as those of `splitter.ramped(...)`; this also ends a rollback.

        Raises UsageError for an arm that cannot be asked, and for an older version than the one in force; then the old
        splitter stays.
        """
        in_force = self._with_arms(splitter)
        require_sendable(in_force.arms)
        self._ramps.use(in_force.splitter)

    def _take(self, splitter: TrafficSplitter) -> None:
        in_force = self._with_arms(splitter)
        if self._loop is not None:
            self._bulkheads.add(in_force.arms)
        self._in_force = in_force
        self._recorder.use(in_force.splitter)

    def _with_arms(self, splitter: TrafficSplitter) -> LiveSplit:
        splitter = with_arms(splitter, self._settings)
        return LiveSplit(splitter, live_arms(splitter, self._settings, self._templates))

    def _call(  # noqa: PLR0913 # the arguments of `chat`
        self,
        messages: Sequence[Message],
        unit: Unit,
        force: str | None,
        timeout_s: float | None,
        params: Mapping[str, Json],
        *,
        streams: bool = False,
    ) -> Call:
        """Return the request of `chat` or `stream`; raise UsageError if it is invalid, or if the client is closed."""
        sent, headers = read_params(params, streams=streams)
        call = replace(
            self._in_force.call(unit, force, self._deadlines.for_request(timeout_s)),
            messages=checked_messages(messages),
            params=sent,
            headers=headers,
        )
        if headers:
            check_headers(call.arm.arm.access, headers)
        self._in_flight.require_open()
        if self._loop is None:
            raise client_closed()
        return call

    async def _served(self, call: Call, pieces: Pieces | None = None) -> SplitReply:
        return await self._in_flight.track(call.assignment.arm, self._service.serve(call, pieces))

    async def _in_own_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work in the loop that owns the connections."""
        own_loop = self._loop
        if own_loop is None or own_loop is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, own_loop))
