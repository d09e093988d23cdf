"""The client of an application: splits its calls between the arms, counts each, and logs it."""

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
from pytest_graysplit.traffic.client.recorder import Call, TrafficRecorder
from pytest_graysplit.traffic.client.reply import arm_reply, client_closed, failure
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.types import Reply, Secret

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from typing import Self, TypeVar

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.traffic.splitter import Assignment, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message, Redactor

    T = TypeVar("T")

# Connections are opened as they are needed; a service has more in flight than a test run.
CONCURRENCY = 64
# The fields of a reply that hold what a model said to the user.
_SAID = frozenset({"text", "reasoning", "tool_calls"})


class SplitClient:
    """Asks the arm of each unit, through one pool of connections; use it as `async with SplitClient(...) as client`.

    Every request is counted by `monitor` (one of its own if none is given) and, with `log`, written to that file,
    whether it succeeds or not. `fallback` lets the control answer where a treatment fails. `headers` are templates
    that tell the relay the arm: names such as "X-AB-Variant", or a mapping of own ones. `redact` takes what must not be
    stored out of every logged text; `keep_texts=False` logs none. The key comes from the environment unless `api_key`
    is given, prices, aliases and headers from the pyproject.toml that `project` names.
    """

    def __init__(  # noqa: PLR0913 # what an application may choose, each by name
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
        """Check everything that can be wrong before the first request; raise UsageError for what is."""
        given = {
            "base-url": base_url,
            "timeout": timeout_s,
            "retries": retries,
            "concurrency": concurrency,
            "rpm": requests_per_min,
        }
        self._settings = _settings_of(given, api_key, project)
        self._prices = PriceTable(self._settings.table.prices)
        self._fallback = fallback
        self._templates = templates_of(headers)
        self._splitter = splitter = self._named(splitter)
        self.monitor = monitor or Monitor(splitter, prices=self._settings.table.prices, policy=self._settings.policy)
        self.monitor.use(splitter)
        self._without_secrets = redactor(self._settings.secrets)
        redact_all = redactor(self._settings.secrets, [redact] if redact else [])
        written = None if log is None else TrafficLog(log, splitter=splitter, clock=time.time)
        self._recorder = TrafficRecorder(self.monitor, written, redact_all, keep_texts=keep_texts)
        self._relay: Relay | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._settings.access.require("a live request needs it", "pass SplitClient(base_url=..., api_key=...)")
        self._check_headers(self._splitter)
        self._relay = await Relay(self._settings, is_refusal=is_refusal).__aenter__()
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        relay, self._relay, self._loop = self._relay, None, None
        if relay is not None:
            await relay.__aexit__()
        self._recorder.close()

    async def chat(
        self, messages: Sequence[Message], *, unit: Unit = None, force: str | None = None, **params: Json
    ) -> SplitReply:
        """Ask the model of the unit's arm and return the reply with its arm; `params` go into the request.

        May be awaited from any task, and from loops in other threads too. Raises RequestFailedError, caused by the
        relay's own error where there is one, when there is no answer; UsageError for what cannot be asked.
        """
        call = self._call(messages, unit, force, params)
        return await self._at_home(self._serve(call))

    async def warm_up(self) -> tuple[str, ...]:
        """Look at the relay's list of models, and open connections, before the first user comes; costs nothing.

        Returns warnings, also of a list that the key may not read; raises RelayError where nothing answers at the
        address.
        """
        models = list(dict.fromkeys(split.model for split in self._splitter.splits))
        return await self._at_home(self._warmed_up(self._open_relay(), models))

    def feedback(self, request_id: str, score: float, *, before: float | None = None) -> None:
        """Count and log what a user thought of the answer with this id, from 0 to 1; see `Monitor.feedback`."""
        self._recorder.feedback(request_id, score, before=before)

    def use(self, splitter: TrafficSplitter) -> None:
        """Split by other weights from now on, such as those of `splitter.ramped(...)`."""
        splitter = self._named(splitter)
        self._check_headers(splitter)
        self._splitter = splitter
        self._recorder.use(splitter)

    def _named(self, splitter: TrafficSplitter) -> TrafficSplitter:
        """Return the splitter with models under their own names; the very same where none goes by an alias."""
        aliases = {**BUILT_IN_ALIASES, **self._settings.table.aliases}
        return splitter.named(aliases) if any(split.model in aliases for split in splitter.splits) else splitter

    def _check_headers(self, splitter: TrafficSplitter) -> None:
        for assignment in splitter.assignments:
            check_headers(self._settings, assignment.model, headers_of(self._templates, assignment))

    def _call(self, messages: Sequence[Message], unit: Unit, force: str | None, params: Mapping[str, Json]) -> Call:
        if "model" in params:
            raise UsageError(
                "model is decided by the split, and was given as a parameter",
                hint="leave it out, or route this request with force=ARM",
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
        began_s, relay = time.perf_counter(), self._open_relay()
        reply: Reply | None = None
        try:
            reply, stop = await self._ask(relay, call.assignment, call)
            stand_in = None
            if reply.outcome == "error" and self._fallback and call.assignment.role == "treatment":
                stand_in, stop = await self._ask(relay, call.splitter.assignments[0], call)
        except BaseException:
            # Whoever gave up waiting has not taken the request back: it may have been sent, and may be billed.
            self._recorder.record(call, reply or _cancelled(call, time.perf_counter() - began_s), None)
            raise
        request_id = self._recorder.record(call, reply, stand_in)
        answered = arm_reply(
            stand_in or reply,
            arm=call.assignment.arm,
            role=call.assignment.role,
            request_id=request_id,
            failed=None if stand_in is None else reply,
        )
        if answered.outcome == "error":
            raise failure(answered) from stop
        return answered

    async def _ask(self, relay: Relay, assignment: Assignment, call: Call) -> tuple[Reply, RelayError | None]:
        split, table = assignment.split, self._settings.table
        params = {**table.params_of(split.model), **split.params, **call.params}
        body: dict[str, Json] = {"model": split.model, "messages": [dict(one) for one in call.messages], **params}
        headers = headers_of(self._templates, assignment)
        reply, stop = await relay.attempt(split.model, body, headers=headers)
        # Sums, log, page and metrics show these; what the model said is the user's, and is redacted for the log.
        reply = redact_reply(reply, self._without_secrets, kept=_SAID)
        return self._prices.priced(reply), stop

    async def _warmed_up(self, relay: Relay, models: Sequence[str]) -> tuple[str, ...]:
        warnings = await relay.preflight(models, first_alone=False)
        await relay.open_ahead()
        return warnings

    def _open_relay(self) -> Relay:
        if self._relay is None:
            raise client_closed()
        return self._relay

    async def _at_home(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop that the connections belong to."""
        home = self._loop
        if home is None or home is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list | tuple) or not all(isinstance(message, Mapping) for message in messages):
        raise UsageError(
            f"messages hold what is no message: {shortened(repr(messages), 60)}",
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
    # The key that it takes the place of is as secret as before.
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
