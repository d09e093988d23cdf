"""Replies of a run: from its recordings, or from the relay within its budget."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.fetch.budget import Budget, estimate
from pytest_graysplit.plugin.fetch.journals import Journals
from pytest_graysplit.replies.fetcher import build_fetcher
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.collect.plans import Plan, Planner
    from pytest_graysplit.plugin.hookspecs import FolderHooks
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.plugin.scoring import Scoring
    from pytest_graysplit.plugin.workers import WorkerInput
    from pytest_graysplit.replies.budget import BudgetUsage
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Redactor, Reply

REDACT = "pytest_graysplit_redact"


class Redaction:
    """The redactors of a run: each removes the key, header values, and the texts that hooks name."""

    def __init__(self, secrets: Sequence[str], hooks: FolderHooks, planner: Planner) -> None:
        self._secrets = secrets
        self._hooks = hooks
        self._planner = planner

    def __call__(self, text: str, /) -> str:
        """Redact a text with the hooks of all folders."""
        return self._with_hooks(tuple(self._hooks.functions(REDACT, None)))(text)

    def of(self, recording_path: Path) -> Redactor:
        """Return the redactor of a recording file, which calls the hooks of the folder of its tests."""
        path = self._planner.test_files.get(recording_path, recording_path)
        return self._with_hooks(tuple(self._hooks.functions(REDACT, path)))

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as the run
    def _with_hooks(self, functions: tuple[Callable[..., Any], ...]) -> Redactor:
        return redactor(self._secrets, [partial(_redacted_by, function) for function in functions])


class Fetching:
    """The one owner of recordings, prices, budget, fetcher and journals in this process."""

    def __init__(  # noqa: PLR0913 # each by name
        self,
        settings: Settings,
        *,
        hooks: FolderHooks,
        planner: Planner,
        scoring: Scoring,
        totals: RunTotals,
        worker: WorkerInput,
        run_id: str,
    ) -> None:
        self._settings = settings
        self._root = planner.root
        self._scoring = scoring
        self._worker = worker
        self._run_id = run_id
        self._app_lock = Lock()
        self.redaction = Redaction(settings.secrets, hooks, planner)
        self.journals = Journals(settings, planner.root, totals, fresh=worker.fresh, shown=planner.shown)

    @cached_property
    def recordings(self) -> Recordings:
        """The recorded replies."""
        return Recordings(self._root, redact_for=self.redaction.of)

    @cached_property
    def share(self) -> Settings:
        """The settings of this process: each worker gets its part of the calls in flight and of the rate."""
        run, workers = self._settings, self._worker.workers
        per_min = run.requests_per_min
        return replace(
            run,
            concurrency=max(1, run.concurrency // workers),
            requests_per_min=None if per_min is None else max(1, per_min // workers),
        )

    @cached_property
    def prices(self) -> PriceTable:
        """The prices of tokens."""
        return PriceTable(self._settings.prices)

    @cached_property
    def budget(self) -> Budget | None:
        """The budget of this process; None without a cap."""
        return Budget.of(self._settings.max_cost_usd, self.prices, self._worker)

    @cached_property
    def fetcher(self) -> ReplyFetcher:
        """The fetcher of this process, built on first use."""
        return build_fetcher(
            self.share,
            self._root,
            run_id=self._run_id,
            recordings=self.recordings,
            redact_for=self.redaction.of,
            prices=self.prices,
            command=self.record_command,
            fresh=self.journals.fresh,
            asked_models=self._scoring.asked_models,
            cost_guard_for=self.budget.cost_guard if self.budget else None,
        )

    @property
    def used_fetcher(self) -> ReplyFetcher | None:
        """The fetcher, if this process has needed one."""
        return self.__dict__.get("fetcher")

    @property
    def record_command(self) -> str:
        """The command line that records the missing replies."""
        # The command line of a worker is that of xdist; the user's is in the worker's input.
        typed = self._worker.command or sys.argv
        arguments = [argument for argument in typed[1:] if not argument.startswith("--graysplit-record=")]
        # An address on the command line may carry a key in its query.
        return redactor(self._settings.secrets)(shlex.join(["pytest", *arguments, "--graysplit-record=new"]))

    def prepare(self, plans: Sequence[Plan]) -> None:
        """Recover the journals of interrupted runs; raise UsageError for a replay without any recorded reply."""
        self._recover()
        requests = [request for plan in plans for request in plan.all_requests]
        if self._settings.record != "off":
            # Read before anything is sent: a broken file is one message, and no reply stays in a journal because of it.
            for path in sorted({request.recording_path for request in requests}):
                self.recordings.keys(path)
        if requests and self._only_replays and not any(self.fetcher.recorded(request) for request in requests):
            raise self._nothing_recorded([request.config.access for request in requests])

    def _recover(self) -> None:
        """Merge what interrupted runs have left, before a recording is read; the controller does it for its workers."""
        if not self._worker.is_worker:
            self.journals.recover()

    @property
    def _only_replays(self) -> bool:
        """Whether this run replays without being told to."""
        return self._settings.record == "none" and bool(self._settings.record_reason)

    def _nothing_recorded(self, every: Sequence[Access]) -> UsageError:
        """Return the error that names the endpoint which a recording run needs first: one without a key, if any."""
        access = next((access for access in every if not access.suffices), every[0])
        return UsageError(
            f"nothing is recorded yet, and this run only replays, because {self._settings.record_reason}",
            hint=access.to_record(self.record_command),
            slug=Slug.NOTHING_RECORDED,
        )

    def require_limits(self, requests: Sequence[ReplyRequest]) -> None:
        """Raise UsageError if there is a cap and the maximum cost of a request is unknown."""
        if self.budget is not None:
            self.budget.require_limits(requests, self._scoring.model_graded_metrics() if requests else ())

    def require_folders(self, requests: Iterable[ReplyRequest | Plan]) -> None:
        """Open the journal; raise UsageError if the replies could be paid for but not written."""
        if self._settings.record != "off":
            self.journals.require_writable(requests)
            self.fetcher.open_journal()

    def require_sendable(self, requests: Sequence[ReplyRequest]) -> None:
        """Raise UsageError if the requests lack a key, a limit under the cap, or a folder for their replies."""
        self._require_keys(requests)
        self.require_limits(requests)
        self.require_folders(requests)

    def _require_keys(self, requests: Iterable[ReplyRequest]) -> None:
        """Raise UsageError for an arm that lacks an address, a key, or a header."""
        for arm in {request.config.name: request.config for request in requests}.values():
            arm.require_sendable("replay with --graysplit-record=none")

    def estimate(self, requests: Sequence[ReplyRequest]) -> str:
        """Format the expected cost of fetching the requests."""
        recordings = None if self._settings.record == "off" else self.recordings
        return estimate(requests, recordings, self.prices, self._settings.max_cost_usd)

    def send_missing(self, plan: Plan) -> None:
        """Send the requests of a plan whose prompt was known only after its test had begun."""
        if missing := self.fetcher.missing(plan.next_requests(self.fetcher)):
            self.require_sendable(missing)
            self.fetcher.start(missing)

    def send_from_body(self, plan: Plan) -> None:
        """Send the requests of a plan that a test body has made; its folders were checked before the first test."""
        missing = self.fetcher.missing(plan.next_requests(self.fetcher))
        self._require_keys(missing)
        self.require_limits(missing)
        self.fetcher.start(missing)

    def ask(self, requests: Sequence[ReplyRequest]) -> list[Reply]:
        """Return the replies to a metric's requests, sent all at once; raise GraysplitError for an unavailable one."""
        if missing := self.fetcher.missing(requests):
            self._require_keys(missing)
            self.require_folders(missing)
            self.fetcher.start(missing)
        return [self.fetcher.reply(request) for request in requests]

    def prepare_apps(self, plans: Sequence[Plan]) -> None:
        """Get ready for the requests of applications, whose tests may replace sockets, files or time.

        Raises UsageError for a replay without any recorded reply, or for replies that could not be written.
        """
        self._recover()
        if self._settings.record != "off":
            recorded = [self.recordings.keys(path) for path in sorted({plan.recording_path for plan in plans})]
            if self._only_replays and not any(recorded):
                raise self._nothing_recorded([plan.config_of(plan.judged_arms[0]).access for plan in plans])
        if self._settings.record != "none":
            self.require_folders(plans)
            self.fetcher.make_ready()

    def unrecorded_apps(self, plans: Sequence[Plan]) -> int:
        """Return the number of plans of applications whose cases have no recordings with the arm's model."""
        if self._settings.record == "none":
            return 0
        paths = {plan.recording_path for plan in plans} if self._settings.record != "off" else set()
        known = {(path, key.case, key.model) for path in paths for key in self.recordings.keys(path)}
        return sum(
            (plan.recording_path, plan.case.id, plan.config_of(plan.judged_arms[0]).model) not in known
            for plan in plans
        )

    def begin(self, request: ReplyRequest) -> Future[Reply]:
        """Return the future of the reply to an application's request; raise GraysplitError if it cannot be sent."""
        with self._app_lock:  # an application asks from any thread
            if missing := self.fetcher.missing([request]):
                if not request.passes:
                    self._require_keys(missing)
                self.require_limits(missing)
            return self.fetcher.begin(request)

    def own_usage(self) -> BudgetUsage | None:
        """Return the spending of this process if there is a cap and it counts alone."""
        return None if self.budget is None else self.budget.own_usage()

    def stop(self) -> None:
        """Stop sending; calls in flight get a moment to end, and their replies are kept."""
        if fetcher := self.used_fetcher:
            fetcher.stop()

    def release(self) -> None:
        """Drop the fetcher and the recordings at the end of the session."""
        for name in ("fetcher", "recordings"):
            self.__dict__.pop(name, None)


def _redacted_by(hook: Callable[..., Any], text: str) -> str:
    changed = hook(text=text)
    return text if changed is None else str(changed)
