"""The one owner of a run's state, kept in `config.stash`."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.plugin.collect.body_assertions import Bodies
from pytest_graysplit.plugin.collect.marks import where_of
from pytest_graysplit.plugin.collect.plans import PLAN, Plan, Planner
from pytest_graysplit.plugin.folder_hooks import FolderHooks
from pytest_graysplit.plugin.options import settings_of
from pytest_graysplit.plugin.report.run_totals import RunTotals
from pytest_graysplit.plugin.run.case_run import CaseRun, pairs_of, received
from pytest_graysplit.plugin.run.gc_control import collector_paused
from pytest_graysplit.plugin.run.scoring import Scoring
from pytest_graysplit.plugin.xdist.budget import Budget, estimate
from pytest_graysplit.replies.fetcher import build_fetcher
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, merge_journals, unmerged_journals
from pytest_graysplit.replies.recordings.state_dir import journal_folder, require_inside
from pytest_graysplit.types import ReplyKey
from pytest_graysplit.verdict.noise_floor import uncalibrated, with_noise_floor
from pytest_graysplit.verdict.results import CONTROL, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
    from pytest_graysplit.replies.fetcher import ReplyFetcher, ReplyRequest
    from pytest_graysplit.replies.recordings import MergeReport
    from pytest_graysplit.types import Case, Redactor, Reply
    from pytest_graysplit.verdict import StopReason
    from pytest_graysplit.verdict.noise_floor import NoiseFloor

STATE = pytest.StashKey["RunContext"]()
NO_TREATMENT = "no treatment model: name the candidate with --graysplit-treatment=MODEL"
REDACT = "pytest_graysplit_redact"
EXCHANGES = pytest.StashKey[list[CaseRun]]()


class RunContext:
    """Everything that one run of ours knows; built when the first marked item or an option of ours is met."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.root = config.rootpath
        self.settings: Settings = settings_of(config)
        self.results = Results()
        self.tally = RunTotals()
        self.stops: Mapping[str, StopReason] = {}
        self.started = datetime.now(UTC)
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self.is_worker = bool(worker)
        self.run_id = str(worker.get("testrunuid") or f"{self.started:%Y%m%dT%H%M%S}-{os.getpid()}")
        self.workers = int(worker.get("workercount", 1))
        # What a killed `all` run had recorded anew, so that nothing is paid twice.
        self.fresh = frozenset((Path(path), ReplyKey(*key)) for path, *key in worker.get("graysplit_fresh", ()))
        # What auto asks for in this run, by metric; None where it could not be calibrated.
        self.noise_floor: dict[str, NoiseFloor | None] = {}
        self._writable: set[Path] = set()
        self.tally.by_nodeid = any("::" in argument for argument in config.args)

    @cached_property
    def planner(self) -> Planner:
        """Turns cases into plans."""
        return Planner(self.settings, self.root, self.hooks)

    @cached_property
    def hooks(self) -> FolderHooks:
        """Our hooks, as the conftest.py files of each folder implement them."""
        return FolderHooks(self.config)

    @cached_property
    def bodies(self) -> Bodies:
        """Knows which tests assert something in their bodies."""
        return Bodies()

    @cached_property
    def scoring(self) -> Scoring:
        """Knows who scores the answers to a case."""
        return Scoring(self.hooks, self.settings, self.ask, self.redactor_of)

    def redact(self, text: str, /) -> str:
        """Take the key, header values and what any hook names out of a text."""
        return self._redactor(tuple(self.hooks.functions(REDACT, None)))(text)

    def redactor_of(self, into: Path) -> Redactor:
        """Return what takes the key, header values and what the hooks of its folder name out of a recording's text."""
        path = self.planner.test_files.get(into, into)
        return self._redactor(tuple(self.hooks.functions(REDACT, path)))

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as the run
    def _redactor(self, functions: tuple[Callable[..., Any], ...]) -> Redactor:
        return redactor(self.settings.secrets, [partial(_redacted_by, function) for function in functions])

    @cached_property
    def recordings(self) -> Recordings:
        """Recorded replies at rest."""
        return Recordings(self.root, redact_for=self.redactor_of)

    @cached_property
    def share(self) -> Settings:
        """The settings of this process: every worker sends on its own, so each gets its part of what was promised."""
        run, workers = self.settings, self.workers
        per_min = run.requests_per_min
        return replace(
            run,
            concurrency=max(1, run.concurrency // workers),
            requests_per_min=None if per_min is None else max(1, per_min // workers),
        )

    @cached_property
    def prices(self) -> PriceTable:
        """What tokens cost."""
        return PriceTable(self.settings.table.prices)

    @cached_property
    def budget(self) -> Budget | None:
        """What this process may spend; None without a cap."""
        return Budget.of(self.settings.max_cost_usd, self.prices, getattr(self.config, "workerinput", {}))

    @cached_property
    def fetcher(self) -> ReplyFetcher:
        """Gives requests their replies."""
        return build_fetcher(
            self.share,
            self.root,
            run_id=self.run_id,
            recordings=self.recordings,
            redact_for=self.redactor_of,
            prices=self.prices,
            command=self.record_command,
            fresh=self.fresh,
            asked_models=self.scoring.asked_models,
            cost_guard_for=self.budget.cost_guard if self.budget else None,
        )

    @property
    def record_command(self) -> str:
        """The command line that records what is missing."""
        # A worker's own command line is xdist's; what the user typed comes with its input.
        typed = getattr(self.config, "workerinput", {}).get("mainargv", sys.argv)
        arguments = [argument for argument in typed[1:] if not argument.startswith("--graysplit-record=")]
        # An address on the command line may carry a key in its query.
        return redactor(self.settings.secrets)(shlex.join(["pytest", *arguments, "--graysplit-record=new"]))

    def prepare(self, plans: Sequence[Plan]) -> None:
        """Take in what a killed run left, and refuse a run that may only replay and has nothing to replay."""
        if not self.is_worker:
            self.recover_journals()
        requests = [request for plan in plans for some in plan.requests.values() for request in some]
        if self.settings.record != "off":
            # Read before anything is sent: a broken file is one message, and no reply waits for it in a journal.
            for path in sorted({request.recording_path for request in requests}):
                self.recordings.keys(path)
        replay_by_itself = self.settings.record == "none" and self.settings.record_reason
        if requests and replay_by_itself and not any(self.fetcher.recorded(request) for request in requests):
            raise UsageError(
                f"nothing is recorded yet, and this run only replays, because {self.settings.record_reason}",
                hint=self.settings.access.to_record(self.record_command),
                slug=Slug.NOTHING_RECORDED,
            )

    def require_bounds(self, requests: Sequence[ReplyRequest]) -> None:
        """Raise UsageError where there is a cap and a request whose cost nobody can bound."""
        if self.budget is not None:
            self.budget.require_bounds(requests, self.scoring.asking() if requests else ())

    def estimate(self, requests: Sequence[ReplyRequest]) -> str:
        """Write what fetching the requests will cost."""
        recordings = None if self.settings.record == "off" else self.recordings
        return estimate(requests, recordings, self.prices, self.settings.max_cost_usd)

    def require_folders(self, requests: Iterable[ReplyRequest]) -> None:
        """Raise UsageError when replies could be paid for and then not be written."""
        if self.settings.record == "off":
            return
        for path in {request.recording_path for request in requests}:
            require_inside(self.root, path)
        for folder in (
            {request.recording_path.parent for request in requests} | {self.root / ".graysplit"}
        ) - self._writable:
            existing = next(path for path in (folder, *folder.parents) if path.exists())
            if not existing.is_dir() or not os.access(existing, os.W_OK):
                raise UsageError(
                    f"recordings cannot be written to {self.shown(folder)}: {self.shown(existing)} is "
                    f"{'read-only' if existing.is_dir() else 'not a folder'}",
                    hint="nothing was sent; make it writable, name another folder with --graysplit-recordings=DIR, "
                    "or store nothing with --graysplit-record=off",
                    slug=Slug.FOLDER_UNWRITABLE,
                )
            self._writable.add(folder)  # once: later a test may have put other files in its place
        self.fetcher.open_journal()

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as the run
    def shown(self, path: Path) -> str:
        """Write a path for a message: relative to the root where it is inside."""
        return where_of(path, None, self.root)

    def stop_run(self, session: pytest.Session, error: GraysplitError) -> None:
        """End the session after this test, once, with one message: no other request could fare better."""
        if self.tally.failure is None:
            self.tally.failure = str(error)
            session.shouldstop = f"graysplit: {error.problem}"

    def recover_journals(self) -> None:
        """Merge what killed runs left in their journals, and say so."""
        if self.settings.record == "off" or not journal_folder(self.root).is_dir():
            return
        if self.settings.record == "all":
            self.fresh = frozenset(
                key for left in unmerged_journals(self.root) if left.mode == "all" for key in left.keys
            )
        report = merge_journals(self.root)
        if report.replies:
            self.tally.notes.append(
                f"took in {plural(report.replies, 'reply', 'replies')} that an earlier run had left"
            )
        self._note_problems(report)

    def merge_recordings(self) -> None:
        """Merge this run's journals into the recording files, when nobody writes them any more."""
        if self.settings.record in ("new", "all") and journal_folder(self.root).is_dir():
            report = merge_journals(self.root)
            if report.replies:
                files = listed([self.shown(path) for path in report.files[:3]])
                more = f" and {len(report.files) - 3} more" if len(report.files) > 3 else ""
                self.tally.notes.append(f"recorded {plural(report.replies, 'reply', 'replies')} in {files}{more}")
            self._note_problems(report)

    def _note_problems(self, report: MergeReport) -> None:
        self.tally.notes += report.warnings
        self.tally.notes += [str(problem) for problem in report.problems]

    def complete_comparisons(self) -> None:
        """Compare the arms of `graysplit_reply` cases, which each item saw alone."""
        for row in self.results.rows:
            control = row.arms.get(CONTROL)
            for arm, treatment in row.arms.items():
                if control and arm not in (CONTROL, *row.comparisons) and control.replies and treatment.replies:
                    score = self._score_afterwards(row.case, self.root / row.file)
                    controls, treatments = (*control.replies, *control.spare), treatment.replies
                    # What was called can be compared without any metric.
                    if score or any(reply.tool_calls for reply in (*controls, *treatments)):
                        scores = PairScores.of(controls, treatments, score or (lambda *_: None))
                        metric = cast("str", row.case.metric)
                        row.comparisons[arm] = compare(row.case, controls, treatments, metric=metric, scores=scores)

    def _score_afterwards(self, case: Case, path: Path) -> Score | None:
        """Return what scores the texts of a case when all items have run; None where nothing can any more.

        The items have compared what could be: now it is too late to ask a model, and the xdist controller does not know
        the hooks of a folder.
        """
        if self.scoring.asks(case) or self.scoring.is_hooked(path) or not self.scoring.is_known(case):
            return None
        return self.scoring.of(case, path, path)

    def finish(self) -> None:
        """Stop sending; what is in flight gets a moment and is kept."""
        if "fetcher" in self.__dict__:
            self.fetcher.stop()

    def release(self) -> None:
        """Let go of results and recordings when nobody will ask for them any more."""
        self.results = Results()
        for name in ("fetcher", "recordings"):
            self.__dict__.pop(name, None)

    @property
    def used_fetcher(self) -> ReplyFetcher | None:
        """The fetcher, if this process has needed one."""
        return self.__dict__.get("fetcher")

    def ask(self, requests: Sequence[ReplyRequest]) -> list[Reply]:
        """Get what a metric wants, all at once; raise GraysplitError where it may not or cannot be had."""
        if missing := self.fetcher.missing(requests):
            self.settings.require_key()
            self.require_folders(missing)
            self.fetcher.start(missing)
        return [self.fetcher.reply(request) for request in requests]

    def asked_by_metric(self, plan: Plan) -> list[ReplyRequest]:
        """Return what the case's metric will ask, now that its replies are there; nothing for most metrics."""
        if not self.scoring.asks(plan.case):
            return []
        score = self.scoring.of(plan.case, plan.path, plan.recording_path)
        return cast("ModelGradedScorer", score).requests(pairs_of(plan, received(plan, self.fetcher)))

    def case_run(self, item: pytest.Item, plan: Plan) -> CaseRun:
        """Return the item's exchange, holding it when it is first asked for."""
        for exchange in item.stash.get(EXCHANGES, []):
            if exchange.plan is plan:
                return exchange
        exchange = CaseRun.evaluate(plan, self.fetcher, self.scoring.of)
        item.stash.setdefault(EXCHANGES, []).append(exchange)
        return exchange

    def evaluate_all(self, items: Iterable[pytest.Item]) -> None:
        """Compare all pairs in one go: the same work between tests takes twice as long, on cold caches."""
        with collector_paused():
            for item in items:
                with suppress(Exception):  # what breaks here, such as a user's hook, is the test's to show
                    self.case_run(item, item.stash[PLAN])

    def evaluate(
        self, item: pytest.Item, treatment: str, case: Case, roles: Sequence[str], *, asserts: bool | None
    ) -> CaseRun:
        """Ask for a case that a test body made up, and keep what came as part of the item."""
        control = cast("str", self.settings.control)
        models = {"control": (CONTROL, control), "treatment": (treatment, treatment)}
        arms = [models[role] for role in roles]
        case = self._settled(self.planner.with_thresholds(case))
        self.scoring.check(case, item.path)
        into = self.planner.recording_of(item.path)
        request, differing = self.planner.asked(case, item.path, control, treatment)
        plan = Plan(
            case=case,
            request_hash=request,
            differing=differing,
            treatment=treatment,
            only_arm=arms[0][0] if len(arms) == 1 else None,
            file=self.shown(item.path),
            path=item.path,
            recording_path=into,
            has_body=False,
            body_asserts=self._body_asserts(item) if asserts is None else asserts,
            samples=self.settings.samples_of("treatment", case.samples),
            requests=self.planner.requests(case, item.path, arms),
        )
        requests = [request for some in plan.requests.values() for request in some]
        missing = self.fetcher.missing(requests)
        if missing:
            self.settings.require_key()
        self.require_bounds(missing)
        self.fetcher.start(missing)
        return self.case_run(item, plan)

    def _body_asserts(self, item: pytest.Item) -> bool:
        """Tell whether the body that makes up a case asserts something, as its marker says where it has one."""
        return item.stash[PLAN].body_asserts if PLAN in item.stash else self.bodies.assert_something(item)

    def ask_now(self, plan: Plan) -> None:
        """Ask for what a plan lacks whose prompt was known only when its test began."""
        plan.case = self._settled(plan.case)
        if missing := self.fetcher.missing(request for some in plan.requests.values() for request in some):
            self.settings.require_key()
            self.require_bounds(missing)
            self.require_folders(missing)
            self.fetcher.start(missing)

    def check_auto(self, case: Case) -> None:
        """Raise UsageError for a case that asks for auto in a run that asks the control only once."""
        if case.min_similarity == "auto":
            where = f"{case.where}: " if case.where else ""
            self.settings.check_auto(f"{where}min_similarity=auto", case.samples)

    def _settled(self, case: Case) -> Case:
        """Give a case that a test body made up the number that the marked cases have calibrated."""
        if case.min_similarity != "auto":
            return case
        metric = cast("str", case.metric)
        self.check_auto(case)
        if metric not in self.noise_floor:
            self.noise_floor[metric] = None
            self.tally.notes.append(uncalibrated(0, None, {case.fallback_similarity}))
        return with_noise_floor(case, self.noise_floor[metric])


def drop(item: pytest.Item, *keys: pytest.StashKey[Any]) -> None:
    """Take keys out of an item's stash, where they are in it."""
    for key in keys:
        if key in item.stash:
            del item.stash[key]


def _redacted_by(hook: Callable[..., Any], text: str) -> str:
    changed = hook(text=text)
    return text if changed is None else str(changed)
