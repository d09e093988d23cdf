"""The client of an application: it splits calls between the arms, counts each call, and logs it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.config.credentials import OWN_KEY
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.settings import BUILT_IN_ALIASES, SettingsSource
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import shortened
from pytest_graysplit.replies.fingerprint import redact_reply, redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.headers import check_headers
from pytest_graysplit.traffic.client.headers import headers_of, templates_of
from pytest_graysplit.traffic.client.in_flight import InFlight
from pytest_graysplit.traffic.client.recorder import Call, TrafficRecorder
from pytest_graysplit.traffic.client.reply import arm_reply, client_closed, client_open, failure
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.types import Reply, Secret

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from typing import Self, TypeVar

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.traffic.splitter import Assignment, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message, Redactor

    T = TypeVar("T")

# Connections are opened on demand; a service has more requests in flight than a test run.
CONCURRENCY = 64
# The fields of a reply that hold the model's output to the user.
_MODEL_TEXTS = frozenset({"text", "reasoning", "tool_calls"})


class SplitClient:
    """A client that sends each request to the arm of its unit; use it as `async with SplitClient(...) as client`.

    `monitor` counts every request, failed ones too; without it the client creates its own. With `log`, every request is
    also written to that file. `fallback` lets the control answer if a treatment fails. `headers` are templates that
    tell the relay the arm: names such as "X-AB-Variant", or a mapping of custom ones. `redact` removes secret parts
    from each logged text; `keep_texts=False` logs no texts. The key comes from the environment unless `api_key` is
    given. Prices, aliases and headers come from the pyproject.toml at `project`.
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
    ) -> None:
        """Check all arguments before the first request; raise UsageError for an invalid one."""
        given = {
            "base-url": base_url,
            "timeout": timeout_s,
            "retries": retries,
            "concurrency": concurrency,
            "rpm": requests_per_min,
        }
        self._settings = _settings_of(given, api_key, project)
        self._prices = PriceTable(self._settings.prices)
        self._fallback = fallback
        self._templates = templates_of(headers)
        self._splitter = splitter = self._named(splitter)
        self.monitor = monitor or Monitor(splitter, prices=self._settings.table.prices, policy=self._settings.policy)
        self.monitor.use(splitter)
        self._without_secrets = redactor(self._settings.secrets)
        redact_all = redactor(self._settings.secrets, [redact] if redact else [])
        written = None if log is None else TrafficLog(log, splitter=splitter, clock=time.time, gaps=self.monitor.gaps)
        self._recorder = TrafficRecorder(self.monitor, written, redact_all, keep_texts=keep_texts)
        self._relays: dict[tuple[str, str], Relay] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight = InFlight()

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise client_open()
        self._check(self._splitter)
        for assignment in self._splitter.assignments:
            access = self._arm(assignment).access
            if access.endpoint not in self._relays:
                relay = Relay(self._settings, is_refusal=is_refusal, access=access)
                self._relays[access.endpoint] = await relay.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._in_flight = InFlight()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._in_flight.end()
        finally:
            relays, self._relays, self._loop = self._relays, {}, None
            for relay in relays.values():
                await relay.__aexit__()
            # The log may wait for the disk, and the event loop must not.
            await asyncio.to_thread(self._recorder.close)

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
        return await self._in_own_loop(self._warmed_up())

    def feedback(self, request_id: str, score: float, *, before: float | None = None) -> None:
        """Count and log a user's score of the answer with this id, from 0 to 1; see `Monitor.feedback`."""
        self._recorder.feedback(request_id, score, before=before)

    def use(self, splitter: TrafficSplitter) -> None:
        """Split by other weights from now on, such as those of `splitter.ramped(...)`."""
        splitter = self._named(splitter)
        self._check(splitter)
        self._splitter = splitter
        self._recorder.use(splitter)

    def _named(self, splitter: TrafficSplitter) -> TrafficSplitter:
        """Return the splitter with aliases resolved, or the same splitter if it has none."""
        aliases = {**BUILT_IN_ALIASES, **self._settings.table.aliases}
        return splitter.named(aliases) if any(split.model in aliases for split in splitter.splits) else splitter

    def _arm(self, assignment: Assignment) -> Arm:
        """Return the configured arm that the split names, or the plain arm of its model."""
        return self._settings.arm(assignment.model)

    def _check(self, splitter: TrafficSplitter) -> None:
        for assignment in splitter.assignments:
            arm = self._arm(assignment)
            arm.require_sendable("pass SplitClient(base_url=..., api_key=...)", "a live request needs it")
            check_headers(arm.access, {**arm.headers, **headers_of(self._templates, assignment)})

    def _call(self, messages: Sequence[Message], unit: Unit, force: str | None, params: Mapping[str, Json]) -> Call:
        if "model" in params:
            raise UsageError(
                "the split decides the model, but model was given as a parameter",
                hint="leave it out, or choose the arm of this request with force=ARM",
                slug=Slug.SPLIT_PARAM,
            )
        _check_messages(messages)
        splitter = self._splitter
        key = None if unit is None else splitter.key(unit)
        if force is not None:
            assignment = splitter.forced(force)
        else:
            assignment = splitter.assign() if key is None else splitter.assigned(key)
        return Call(splitter=splitter, assignment=assignment, key=key, messages=tuple(messages), params=params)

    async def _serve(self, call: Call) -> SplitReply:
        began_s = time.perf_counter()
        reply: Reply | None = None
        try:
            reply, cause = await self._ask(call.assignment, call)
            fallback = None
            if reply.outcome == "error" and self._fallback and call.assignment.role == "treatment":
                fallback, cause = await self._ask(call.splitter.assignments[0], call)
        except BaseException:
            # A cancelled request may have been sent and may be billed, so it is counted.
            self._recorder.record(call, reply or _cancelled(call, time.perf_counter() - began_s), None)
            raise
        request_id = self._recorder.record(call, reply, fallback)
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

    async def _ask(self, assignment: Assignment, call: Call) -> tuple[Reply, RelayError | None]:
        arm = self._arm(assignment)
        relay = self._open_relay(arm.access)
        params = {**arm.own_params, **assignment.split.params, **call.params}
        messages: list[Json] = [dict(message) for message in arm.with_system(call.messages)]
        body: dict[str, Json] = {"model": arm.model, "messages": messages}
        body |= {name: value for name, value in params.items() if name not in arm.unset}
        headers = headers_of(self._templates, assignment)
        reply, cause = await relay.attempt(arm, body, headers=headers)
        # Sums, log, page and metrics show these fields. The model's output belongs to the user, and is redacted only
        # for the log.
        reply = redact_reply(reply, self._without_secrets, kept=_MODEL_TEXTS)
        return self._prices.priced(reply, arm.priced_as), cause

    async def _warmed_up(self) -> tuple[str, ...]:
        warnings: dict[str, None] = {}
        arms = [self._arm(assignment) for assignment in self._splitter.assignments]
        for access in {arm.access.endpoint: arm.access for arm in arms}.values():
            relay = self._open_relay(access)
            models = dict.fromkeys(arm.model for arm in arms if arm.access.endpoint == access.endpoint)
            warnings |= dict.fromkeys(await relay.preflight(list(models), first_alone=False))
            await relay.open_ahead()
        return tuple(warnings)

    def _open_relay(self, access: Access) -> Relay:
        relay = self._relays.get(access.endpoint)
        if relay is None:
            raise client_closed()
        return relay

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
    variable = "SplitClient(api_key=...)" if settings.key_variable == OWN_KEY else settings.key_variable
    return replace(settings, key_variable=variable, idle_keys=idle)


def _cancelled(call: Call, waited_s: float) -> Reply:
    return Reply(
        model=call.assignment.model,
        outcome="error",
        error="the application stopped waiting",
        error_slug=Slug.REQUEST_CANCELLED,
        latency_s=waited_s,
    )
