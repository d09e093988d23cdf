"""Replies to requests: find the recorded ones, fetch the missing ones, and plan their order."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RelayError, Slug
from pytest_graysplit.replies.fetch_stats import FetchStats, Progress
from pytest_graysplit.replies.fingerprint import SHORTEST_SECRET, chained, redact_reply, redactor, unchanged
from pytest_graysplit.replies.reasoning_text import as_sent, without_thoughts
from pytest_graysplit.replies.recordings import Journal
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.stats import quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.recordings import Recordings
    from pytest_graysplit.replies.relay.client import Relay
    from pytest_graysplit.replies.relay.cost_guard import CostGuard
    from pytest_graysplit.replies.relay.stats import RelayStats
    from pytest_graysplit.replies.reply_request import Address, ReplyRequest
    from pytest_graysplit.replies.request_worker import AskedModels, RequestWorker
    from pytest_graysplit.types import Redactor, Reply, Route


class ReplyFetcher:
    """The source of replies: a recording where the mode allows it, else the relay, once per request."""

    def __init__(  # noqa: PLR0913 # all parts of the wing are joined here, by name
        self,
        settings: Settings,
        *,
        recordings: Recordings,
        journal: Journal | None,
        open_relay: Callable[[Access], Relay],
        prices: PriceTable,
        clean: Redactor = str,
        as_recorded: Callable[[Path], Redactor] = lambda _: unchanged,
        command: str = "",
        fresh: frozenset[Address] = frozenset(),
        asked_models: Callable[[], Sequence[tuple[Arm, Route]]] = tuple,
    ) -> None:
        """Join the parts; `asked_models` returns the arms and routes of the metrics, before the first call.

        `as_recorded` gives the function that turns a fresh text into the form in which a recording file has it.
        """
        self.as_recorded = as_recorded
        self._settings = settings
        self._recordings = recordings
        self._journal = journal
        self._prices = prices
        self._clean = clean
        self._command = command
        self._fresh = fresh
        self._asked_models = asked_models
        self._sent: dict[Address, Future[Reply]] = {}
        self._lock = threading.Lock()
        self._done = 0
        self._errors = 0
        self._unpriced = 0
        self._spent_usd = Decimal(0)
        self._received: list[tuple[ReplyRequest, Reply]] = []
        self._latencies_s: list[float] = []
        self._finished = threading.Event()
        self._open_relay = open_relay
        self._worker: RequestWorker | None = None
        self._pid = os.getpid()

    @property
    def unfinished(self) -> int:
        """The number of replies that are still to arrive."""
        return self._worker.unfinished if self._worker else 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the relay before the first call."""
        return self._worker.warnings if self._worker else ()

    @property
    def fetch_stats(self) -> FetchStats:
        """The statistics so far, from any thread."""
        with self._lock:
            received = tuple(self._received)
        answered = [reply.cost_usd for _, reply in received if reply.outcome != "error" or reply.cost_usd is not None]
        return FetchStats(
            sent=len(self._sent),
            received=len(received),
            spent_usd=None if None in answered else sum((cost for cost in answered if cost is not None), Decimal(0)),
            replies=tuple((request.arm, reply) for request, reply in received if not request.metric),
        )

    def stats(self) -> RelayStats | None:
        """Return the statistics of the relay client; None when nothing was sent."""
        stats = [relay.stats() for relay in self._worker.relays] if self._worker else []
        return sum(stats[1:], stats[0]) if stats else None

    @property
    def median_latency_s(self) -> float | None:
        """The median latency of the fetched replies, in seconds; None when nothing was fetched."""
        return quantile(self._latencies_s, 0.5)

    def recorded(self, request: ReplyRequest) -> Reply | None:
        """Return the recorded reply, where the record mode allows its use."""
        mode = self._settings.record
        if mode == "off" or (mode == "all" and request.recording_key not in self._fresh):
            return None
        reply = self._recordings.reply(request.recording_path, request.key)
        return None if reply is None else self._prices.priced(reply, request.config.priced_as)

    def missing(self, requests: Iterable[ReplyRequest]) -> list[ReplyRequest]:
        """Return the requests that only the relay can answer, without duplicates; none in replay-only mode."""
        if self._settings.record == "none":
            return []
        unique = {request.recording_key: request for request in requests if request.recording_key not in self._sent}
        return [request for request in unique.values() if self.recorded(request) is None]

    def is_sent(self, request: ReplyRequest) -> bool:
        """Tell whether this process has sent the request."""
        return request.recording_key in self._sent

    def is_available(self, request: ReplyRequest) -> bool:
        """Tell whether the reply is there, or its failure is known, without sending or waiting."""
        if request.recording_key in self._sent:
            return self._sent[request.recording_key].done()
        return self.recorded(request) is not None

    def all_arrived(self, requests: Iterable[ReplyRequest]) -> bool:
        """Tell whether no reply to these requests is still to arrive."""
        return all(
            request.recording_key not in self._sent or self._sent[request.recording_key].done() for request in requests
        )

    def fetch(self, requests: Sequence[ReplyRequest], watch: Callable[[Progress], None], every_s: float = 0.1) -> None:
        """Fetch all, calling `watch` meanwhile; raise RelayError when the relay cannot be used at all."""
        began = time.perf_counter()
        self._done, self._errors, self._unpriced, self._spent_usd = 0, 0, 0, Decimal(0)
        self.start(requests)
        try:
            while self.unfinished and not self._finished.wait(every_s):
                watch(self._progress(len(requests), began))
        except BaseException:
            self.stop()
            raise
        watch(self._progress(len(requests), began))
        if self._failure is not None:
            self.stop()
            raise self._failure

    def open_journal(self) -> None:
        """Check that replies can be stored before they are paid for; raise RecordingError if they cannot."""
        if self._journal is not None:
            self._journal.open()

    def make_ready(self) -> None:
        """Create the worker and the journal early, before a test can interfere with them; nothing is sent."""
        self.open_journal()
        self._own_worker()

    def expect(self, requests: Iterable[ReplyRequest]) -> None:
        """Let the endpoints of these requests be checked before the first request goes to any of them."""
        endpoints = {request.config.access.endpoint: request.config.access for request in requests}
        if len(endpoints) > 1:
            self._own_worker().expect(endpoints.values())

    def start(self, requests: Sequence[ReplyRequest]) -> None:
        """Send the requests and return at once."""
        self._finished.clear()
        if not requests:
            return
        from pytest_graysplit.replies.request_lanes import QueuedRequest

        worker, queued = self._own_worker(), []  # the worker first: in a forked process it drops replies of the parent
        for request in requests:
            future: Future[Reply] = Future()
            self._sent[request.recording_key] = future
            name = f"case {request.key.case!r}, {request.role}"
            queued.append(
                QueuedRequest(
                    request.config,
                    request.full_body,
                    self._keeper(request),
                    future,
                    request.route,
                    name,
                    headers=request.headers,
                    keeps_answer=request.keeps_answer,
                    passes=request.passes,
                    listener=request.listener,
                )
            )
        if not all(request.metric for request in requests):  # a metric asks about their replies
            worker.expect(arm.access for arm, _ in self._asked_models() if arm.access.suffices)
        worker.submit(queued)

    def begin(self, request: ReplyRequest) -> Future[Reply]:
        """Return the future of the reply to an application's request, without waiting for it.

        It ends with the recorded reply, or with that of the relay; a failed call is a reply too, and is sent again when
        the application asks again. It raises RecordingError for a reply that is not recorded, BudgetExceededError under
        a used-up cap, and RelayError for a failure that every further call would meet.
        """
        sent = self._sent.get(request.recording_key)
        if sent is None and (recorded := self.recorded(request)) is not None:
            return _ended(recorded)
        if self._settings.record == "none":
            return _failed(self._missing(request))
        if sent is None or self._is_lost(sent) or _is_failed(sent):
            self.start([request])
        return self._sent[request.recording_key]

    def reply(self, request: ReplyRequest) -> Reply:
        """Return the reply, waiting for it if necessary; raise RecordingError or RelayError if there is none."""
        if request.recording_key not in self._sent or self._is_lost(self._sent[request.recording_key]):
            if (reply := self.recorded(request)) is not None:
                return reply
            if self._settings.record == "none":
                raise self._missing(request)
            self.start([request])
        try:
            return self._sent[request.recording_key].result()
        except CancelledError:
            raise self._failure or run_stopped() from None

    def _missing(self, request: ReplyRequest) -> GraysplitError:
        path, key, is_call = request.recording_path, request.key, request.keeps_answer
        return self._recordings.explain_miss(path, key, request.body, self._command, request.role, is_call=is_call)

    def stop(self, grace_s: float = 5.0) -> None:
        """Send nothing more, wait briefly for requests in flight, and keep the replies."""
        if self._worker is not None:
            self._worker.stop(grace_s)
        if self._journal is not None:
            self._journal.close()

    @staticmethod
    def _without_secrets(reply: Reply, route: Route, clean: Redactor) -> Reply:
        """Redact the reply: a model or relay that echoes the key must not carry it into reports."""
        if route == "embeddings":
            return redact_reply(reply, clean, frozenset({"text"}))  # the text is a vector
        # Thoughts are separated in the redacted text, because a replay reads that text.
        return without_thoughts(redact_reply(as_sent(reply), clean), is_refusal)

    @property
    def _failure(self) -> GraysplitError | None:
        return self._worker.failure if self._worker else None

    def _own_worker(self) -> RequestWorker:
        """Return the worker of this process: a forked process has the memory of its parent, but not its threads."""
        if self._pid != os.getpid():
            self._pid, self._worker, self._lock = os.getpid(), None, threading.Lock()
            self._sent = {address: reply for address, reply in self._sent.items() if reply.done()}
        if self._worker is None:
            self._worker = self._build_worker()
        return self._worker

    def _is_lost(self, reply: Future[Reply]) -> bool:
        """Tell whether a reply will arrive only in the process that this one was forked from."""
        return self._pid != os.getpid() and not reply.done()

    def _build_worker(self) -> RequestWorker:
        from pytest_graysplit.replies.request_worker import RequestWorker  # imports asyncio

        return RequestWorker(self._open_relay, self._models_at, self._settings.concurrency)

    def _models_at(self, access: Access) -> AskedModels:
        """Return the models that an endpoint is asked for: those of arms and of metrics."""
        from pytest_graysplit.replies.request_worker import AskedModels

        asked: list[tuple[Arm, Route]] = [*((arm, "chat") for arm in self._settings.arms), *self._asked_models()]
        here = [(arm.model, route) for arm, route in asked if arm.access.endpoint == access.endpoint]
        chat = dict.fromkeys(model for model, route in here if route == "chat")
        # Many relays list only chat models.
        return AskedModels(list(chat), [model for model, route in here if route != "chat" and model not in chat])

    def _keeper(self, request: ReplyRequest) -> Callable[[Reply], Reply]:
        # The key of another model's endpoint is the application's own, and in no setting.
        key = request.config.access.key.reveal() if request.passes and request.config.access.key else ""
        without_key = redactor([key] if len(key) >= SHORTEST_SECRET else [])

        def keep(reply: Reply) -> Reply:
            # Runs in the relay's thread as soon as a reply arrives: a paid reply is on disk before it is used.
            if request.key.sample:
                reply = replace(reply, sample=request.key.sample)
            if request.config.endpoint_hash:
                reply = replace(reply, endpoint_hash=request.config.endpoint_hash)
            if request.route != reply.route and request.keeps_answer:
                reply = replace(reply, route=request.route)
            if self._journal is not None:
                is_vector = request.route == "embeddings"
                self._journal.append(
                    request.recording_path, request.key, request.body, reply, is_vector=is_vector, also=without_key
                )
            clean = self._without_secrets(reply, request.route, chained(self._clean, without_key))
            priced = self._prices.priced(clean, request.config.priced_as)
            with self._lock:
                self._received.append((request, priced))
                self._done += 1
                if reply.latency_s is not None and not request.metric:  # vectors arrive faster than answers
                    self._latencies_s.append(reply.latency_s)
                self._errors += priced.outcome == "error"
                self._unpriced += priced.cost_usd is None and priced.outcome != "error"
                self._spent_usd += priced.cost_usd or Decimal(0)
                if self.unfinished <= 1:
                    self._finished.set()
            return priced

        return keep

    def _progress(self, total: int, began: float) -> Progress:
        with self._lock:
            return Progress(
                done=self._done,
                total=total,
                errors=self._errors,
                elapsed_s=time.perf_counter() - began,
                spent_usd=self._spent_usd,
                unpriced=self._unpriced,
            )


def build_fetcher(  # noqa: PLR0913 # each by name
    settings: Settings,
    root: Path,
    *,
    run_id: str,
    recordings: Recordings,
    redact_for: Callable[[Path], Redactor],
    prices: PriceTable,
    command: str,
    fresh: frozenset[Address],
    asked_models: Callable[[], Sequence[tuple[Arm, Route]]],
    cost_guard_for: Callable[[Settings], CostGuard] | None = None,
) -> ReplyFetcher:
    """Return a fetcher for the settings; it has a journal only where something may be recorded.

    `redact_for` gives the redactor of a recording file, and `cost_guard_for` limits the cost where there is a cap.
    """
    mode = settings.record
    journal = Journal(root, mode=mode, run_id=run_id, redact_for=redact_for)
    return ReplyFetcher(
        settings,
        recordings=recordings,
        journal=journal if mode in ("new", "all") else None,
        open_relay=partial(_open_relay, settings, cost_guard_for),
        prices=prices,
        clean=redactor(settings.secrets),
        as_recorded=redact_for,
        command=command,
        fresh=fresh,
        asked_models=asked_models,
    )


def _open_relay(settings: Settings, cost_guard_for: Callable[[Settings], CostGuard] | None, access: Access) -> Relay:
    from pytest_graysplit.replies.refusals import is_refusal
    from pytest_graysplit.replies.relay.client import Relay  # imports h11 and asyncio, which a replay does not need

    cost_guard = cost_guard_for(settings) if cost_guard_for else None
    return Relay(settings, is_refusal=is_refusal, access=access, cost_guard=cost_guard)


def _ended(reply: Reply) -> Future[Reply]:
    future: Future[Reply] = Future()
    future.set_result(reply)
    return future


def _is_failed(reply: Future[Reply]) -> bool:
    is_reply = reply.done() and not reply.cancelled() and reply.exception() is None
    return is_reply and reply.result().outcome == "error"


def _failed(error: GraysplitError) -> Future[Reply]:
    future: Future[Reply] = Future()
    future.set_exception(error)
    return future


def run_stopped() -> RelayError:
    """Return the error for a reply that the run has not waited for."""
    return RelayError(
        "the run was stopped before this reply came",
        hint="run again: what was answered is kept, and only what is missing is fetched",
        slug=Slug.RUN_STOPPED,
    )
