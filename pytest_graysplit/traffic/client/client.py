"""The client of an application: it splits calls between the arms, counts each call, and logs it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.config.credentials import OWN_KEY, find_arm_access
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.settings import SettingsSource
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import shortened
from pytest_graysplit.replies.fingerprint import redact_reply, redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.traffic.client.endpoints import Endpoints
from pytest_graysplit.traffic.client.headers import templates_of
from pytest_graysplit.traffic.client.in_flight import InFlight
from pytest_graysplit.traffic.client.live_arms import live_arms, require_sendable
from pytest_graysplit.traffic.client.recorder import Call, TrafficRecorder
from pytest_graysplit.traffic.client.reply import arm_reply, client_open, failure
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.traffic.ramp.ramps import RampOptions, Ramps
from pytest_graysplit.traffic.splitter.configured import with_arms
from pytest_graysplit.types import Reply, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
    from typing import Self, TypeVar

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.pyproject.rollback import Rollback
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.traffic.client.live_arms import LiveArm
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.traffic.splitter import RolledBack, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message, Redactor

    T = TypeVar("T")

# Connections are opened on demand; a service has more requests in flight than a test run.
CONCURRENCY = 64
KEY_ARGUMENT = "SplitClient(api_key=...)"
# The fields of a reply that hold the model's output to the user.
_MODEL_TEXTS = frozenset({"text", "reasoning", "tool_calls"})


class _InForce(NamedTuple):
    """The splitter of the next requests, and its arms; replaced as one, because other threads may ask meanwhile."""

    splitter: TrafficSplitter
    arms: tuple[LiveArm, ...]


class SplitClient:
    """A client that sends each request to the arm of its unit; use it as `async with SplitClient(...) as client`.

    `monitor` counts every request, failed ones too; without it the client creates its own. With `log`, every request is
    also written to that file. `fallback` lets the control answer if a treatment fails. `headers` are templates that
    tell the relay the arm: names such as "X-AB-Variant", or a mapping of custom ones. `redact` removes secret parts
    from each logged text; `keep_texts=False` logs no texts. The key comes from the environment unless `api_key` is
    given. Arms, prices, aliases, headers and conditions of a rollback come from the pyproject.toml at `project`.
    `watch` is a file or an http(s) address with the weights, `rollback` the conditions under which a treatment loses
    its users, and `on_rollback` is then called, in a thread of its own.
    """

    def __init__(  # noqa: PLR0913 # the settings of an application, each by its name
        self,
        splitter: TrafficSplitter,
        *,
        monitor: Monitor | None = None,
        log: str | os.PathLike[str] | None = None,
        fallback: bool = False,
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
        self._settings = settings = _settings_of(given, api_key, project)
        self._prices = PriceTable(settings.prices)
        self._fallback = fallback
        self._templates = templates_of(headers)
        self._endpoints = Endpoints(settings)
        self._in_force = in_force = self._with_arms(splitter)
        self.monitor = monitor or Monitor(in_force.splitter, prices=settings.prices, policy=settings.policy)
        self.monitor.use(in_force.splitter)
        self._without_secrets = redactor(settings.secrets)
        redact_all = redactor(settings.secrets, [redact] if redact else [])
        gaps = self.monitor.gaps
        written = None if log is None else TrafficLog(log, splitter=in_force.splitter, clock=time.time, gaps=gaps)
        self._recorder = TrafficRecorder(self.monitor, written, redact_all, keep_texts=keep_texts)
        self._loop: asyncio.AbstractEventLoop | None = None
        options = RampOptions(
            watch=watch, rollback=rollback or settings.table.rollback, on_rollback=on_rollback, log=log
        )
        self._ramps = Ramps(in_force.splitter, self.monitor, options, settings=settings, take=self._take)
        self._in_flight = InFlight()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise client_open()
        require_sendable(self._in_force.arms)
        self._endpoints.add(live.arm for live in self._in_force.arms)
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
            await self._endpoints.close()
            await self._recorder.close()

    async def chat(
        self, messages: Sequence[Message], *, unit: Unit = None, force: str | None = None, **params: Json
    ) -> SplitReply:
        """Ask the model of the unit's arm and return the reply with its arm; `params` go into the request.

        It may be awaited from any task, also from loops in other threads. Raises RequestFailedError if there is no
        answer, with the relay's own error as its cause, and UsageError for an invalid request.
        """
        self._in_flight.require_open()
        call = self._call(messages, unit, force, params)
        return await self._in_own_loop(self._in_flight.track(call.assignment.arm, self._serve(call)))

    async def warm_up(self) -> tuple[str, ...]:
        """Check the relay's list of models and open connections before the first request; costs nothing.

        Returns warnings, for example if the key may not read the list; raises RelayError if the address does not
        answer.
        """
        return await self._in_own_loop(self._endpoints.warm_up([live.arm for live in self._in_force.arms]))

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
            self._endpoints.add(live.arm for live in in_force.arms)
        self._in_force = in_force
        self._recorder.use(in_force.splitter)

    def _with_arms(self, splitter: TrafficSplitter) -> _InForce:
        splitter = with_arms(splitter, self._settings)
        return _InForce(splitter, live_arms(splitter, self._settings, self._templates))

    def _call(self, messages: Sequence[Message], unit: Unit, force: str | None, params: Mapping[str, Json]) -> Call:
        if "model" in params:
            raise UsageError(
                "the split decides the model, but model was given as a parameter",
                hint="leave it out, or choose the arm of this request with force=ARM",
                slug=Slug.SPLIT_PARAM,
            )
        _check_messages(messages)
        splitter, arms = self._in_force
        key = None if unit is None else splitter.key(unit)
        if force is not None:
            assignment = splitter.forced(force)
        else:
            assignment = splitter.assign() if key is None else splitter.assigned(key)
        return Call(
            splitter=splitter, assignment=assignment, arms=arms, key=key, messages=tuple(messages), params=params
        )

    async def _serve(self, call: Call) -> SplitReply:
        began_s = time.perf_counter()
        reply: Reply | None = None
        try:
            reply, cause = await self._ask(call.arms[call.assignment.index], call)
            fallback = None
            if reply.outcome == "error" and self._fallback and call.assignment.role == "treatment":
                fallback, cause = await self._ask(call.arms[0], call)
        except BaseException:
            # A cancelled request may have been sent and may be billed, so it is counted.
            waited_s = time.perf_counter() - began_s
            self._recorder.record(call, reply or _cancelled(call, waited_s), None, wait_s=waited_s)
            raise
        request_id = self._recorder.record(call, reply, fallback, wait_s=time.perf_counter() - began_s)
        answered = arm_reply(
            fallback or reply,
            arm=call.assignment.arm,
            role=call.assignment.role,
            request_id=request_id,
            failed=None if fallback is None else reply,
        )
        if answered.outcome == "error":
            raise failure(answered) from cause
        return answered

    async def _ask(self, live: LiveArm, call: Call) -> tuple[Reply, RelayError | None]:
        relay = await self._endpoints.relay_of(live.arm)
        reply, cause = await relay.attempt(live.arm, live.body(call.messages, call.params), headers=live.headers)
        # Sums, log, page and metrics show these fields. The model's output belongs to the user, and is redacted only
        # for the log.
        reply = redact_reply(reply, self._without_secrets, kept=_MODEL_TEXTS)
        return self._prices.priced(reply, live.arm.priced_as), cause

    async def _in_own_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work in the loop that owns the connections."""
        own_loop = self._loop
        if own_loop is None or own_loop is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, own_loop))


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list | tuple) or not all(isinstance(message, Mapping) for message in messages):
        raise UsageError(
            f"messages contain an invalid message: {shortened(repr(messages), 60)}",
            hint='write them as [{"role": "user", "content": "..."}], the oldest first',
            slug=Slug.SPLIT_MESSAGES,
        )


def _settings_of(given: Mapping[str, object], api_key: str | None, project: str | os.PathLike[str] | None) -> Settings:
    names = {"base-url": "base_url", "timeout": "timeout_s", "rpm": "requests_per_min"}
    layer = SettingsSource(
        lambda option: f"SplitClient({names.get(option.name, option.name)}=...)",
        {name: [str(value)] for name, value in given.items() if value is not None},
    )
    environ = dict(os.environ)
    if api_key is not None:
        environ[OWN_KEY] = api_key
    settings = read_settings(None if project is None else Path(project), environ, first=[layer])
    if api_key is None:
        return settings
    # The key of the environment that `api_key` replaces is still a secret.
    own = os.environ.get(OWN_KEY, "").strip()
    idle = {**settings.idle_keys, **({OWN_KEY: Secret(own)} if own else {})}
    variable = KEY_ARGUMENT if settings.key_variable == OWN_KEY else settings.key_variable
    settings = replace(settings, key_variable=variable, idle_keys=idle)
    return replace(settings, arm_access=dict(_arm_access(settings)))


def _arm_access(settings: Settings) -> Iterator[tuple[str, tuple[Access, bool]]]:
    """Yield the endpoint of each configured arm; the argument `api_key` is sent only to the address of the run."""
    for name, (access, is_own) in settings.arm_access.items():
        table = settings.table.arms[name]
        if table.api_key_env == OWN_KEY:  # the table names the variable, not the argument
            yield name, find_arm_access(name, table.base_url, OWN_KEY, settings.access, os.environ)
        elif access.variable == OWN_KEY and access.key is not None:
            yield name, (replace(access, variable=KEY_ARGUMENT), is_own)
        else:
            yield name, (access, is_own)


def _cancelled(call: Call, waited_s: float) -> Reply:
    return Reply(
        model=call.assignment.model,
        outcome="error",
        error="the application stopped waiting",
        error_slug=Slug.REQUEST_CANCELLED,
        latency_s=waited_s,
    )
