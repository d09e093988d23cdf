"""Fetching of all replies before the first test, so that no network access overlaps a test."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.evaluation.flag_judging import GUARDS
from pytest_graysplit.evaluation.rubric_judging import RUBRIC
from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.collect.adopting import AWAITED, PROBLEM
from pytest_graysplit.plugin.collect.plans import PLAN, drop
from pytest_graysplit.plugin.collect.selection import items_to_run, may_end_early, nothing_runs, plans_of, will_run
from pytest_graysplit.plugin.evaluate.evaluator import CASE_RUNS
from pytest_graysplit.plugin.run.calibration import calibrate, needs_all_replies, refuse_early_stop
from pytest_graysplit.plugin.run.prefetch_window import PrefetchWindow, expected_power
from pytest_graysplit.plugin.run.progress import Watcher
from pytest_graysplit.replies.reply_request import shuffled

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.fetch.fetching import Fetching
    from pytest_graysplit.replies.reply_request import ReplyRequest

RELAY_FIXTURE = "graysplit_relay"


class Prefetcher:
    """The hooks that fetch the replies of the planned items before the tests, or a little ahead of each test."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._planned: list[pytest.Item] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Count the planned items and fetch their replies."""
        context = self._context
        self._planned = planned = items_to_run(session.items)
        unplanned = [item for item in session.items if AWAITED in item.stash or PROBLEM in item.stash]
        context.totals.planned = len(planned) + sum(map(will_run, unplanned))
        if planned and not nothing_runs(session):
            if fetches_ahead(context) and not needs_all_replies(context, planned):
                session.config.pluginmanager.register(PrefetchWindow(context, session), "graysplit-window")
            else:
                fetch_before_tests(context, planned)
        with _without_collecting_existing_objects():
            return (yield)

    def pytest_unconfigure(self) -> None:
        """Release our references early, because pytest runs five full garbage collections at exit."""
        for item in self._planned:
            drop(item, PLAN, CASE_RUNS)
        self._planned.clear()


def fetches_ahead(context: RunContext) -> bool:
    """Tell whether this process fetches a little ahead of its tests instead of everything before them."""
    return context.settings.early_stop is not None or may_end_early(context.config)


def open_before_tests(context: RunContext, users: Sequence[pytest.Item]) -> None:
    """Read the recordings and open the relay client and the journal for tests that need replies while they run.

    A test may mock the network, freeze the time or replace the file system, for itself or for the whole session.
    """
    settings, fetching = context.settings, context.fetching
    if not settings.treatments:
        return
    with_relay = [item for item in users if RELAY_FIXTURE in getattr(item, "fixturenames", ())]
    if settings.record != "off":
        for path in {context.planner.recording_of(item.path) for item in with_relay}:
            fetching.recordings.keys(path)
    missing = []
    if fetches_ahead(context):
        fetcher = fetching.fetcher
        missing = fetcher.missing(request for plan in plans_of(users) for request in plan.next_requests(fetcher))
    if settings.record != "none" and (with_relay or missing):
        fetching.require_folders(missing)
        fetching.fetcher.make_ready()


def fetch_before_tests(context: RunContext, items: Sequence[pytest.Item]) -> None:
    """Fetch the missing replies of the items, with progress; on an error end the session with one message."""
    try:
        plans = [item.stash[PLAN] for item in items]
        refuse_early_stop(context.settings, plans)
        context.fetching.prepare(plans)
        if context.settings.record != "none":
            _fetch_replies(context, plans)
            _fetch_for_metrics(context, plans)
            # The judge of a rubric is asked about answers that pass their checks, one of which may be a metric's score.
            _fetch_for_metrics(context, [plan for plan in plans if context.evaluator.judges_by_metric(plan)])
        calibrate(context, items)
        context.evaluator.evaluate_all(items)
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def _fetch_replies(context: RunContext, plans: Sequence[Plan]) -> None:
    """Fetch the missing replies, and then turn by turn those of conversations, which depend on the answers before."""
    if missing := _missing_groups(context.fetching, _next_groups(context.fetching, plans)):
        openings = [plan.all_requests for plan in plans]
        _fetch(context, missing, _announcement(context, openings, missing), expected_power(context, plans))
        _require_known_models(context, openings)
    talks = [plan for plan in plans if plan.case.turns]
    while missing := _missing_groups(context.fetching, _next_groups(context.fetching, talks)):
        turns = sorted({1 + (request.turn or 0) for group in missing for request in group})
        which = f"turn {turns[0]}" if len(turns) == 1 else f"turns {listed([str(turn) for turn in turns])}"
        announced = f"{which} of conversations, fetching {_by_endpoint(missing, context.settings.concurrency)}"
        _fetch(context, missing, announced, is_estimated=True)


def _next_groups(fetching: Fetching, plans: Iterable[Plan]) -> list[list[ReplyRequest]]:
    return [plan.next_requests(fetching.fetcher) for plan in plans]


def _announcement(context: RunContext, openings: list[list[ReplyRequest]], missing: list[list[ReplyRequest]]) -> str:
    """Count the missing replies; an early end of a conversation may leave out its later turns."""
    first = {request.recording_key: request for group in openings for request in group}.values()
    later = sum(len(request.following) for group in missing for request in group)
    total, fetched = sum(1 + len(request.following) for request in first), sum(map(len, missing)) + later
    more = f", then up to {plural(later, 'later turn')}" if later else ""
    where = _by_endpoint(missing, context.settings.concurrency)
    return f"{total - fetched} of {total} replies are recorded, fetching {where}{more}"


def _by_endpoint(groups: Iterable[Iterable[ReplyRequest]], concurrency: int) -> str:
    """Say how many replies come from where: 60 from https://api.example/v1, 16 in flight."""
    counts = Counter(request.config.access.shown for group in groups for request in group)
    each = " each" if len(counts) > 1 else ""
    return f"{listed([f'{number} from {shown}' for shown, number in counts.items()])}, {concurrency} in flight{each}"


def _fetch_for_metrics(context: RunContext, plans: Sequence[Plan]) -> None:
    groups = [context.evaluator.requests_to_models(plan) for plan in plans]
    if missing := _missing_groups(context.fetching, groups):
        _fetch(context, missing, _metric_announcement(groups, missing), _judge_announcement(context, plans))


def _judge_announcement(context: RunContext, plans: Iterable[Plan]) -> str:
    """Say before the judge is paid for that its verdicts will not promote; empty for a calibrated judge."""
    if not any(plan.case.rubric for plan in plans) or not context.judge_standing.uncalibrated_because:
        return ""
    return f"{context.judge_standing.name} is uncalibrated: this run can hold or reject, but not promote"


def _require_known_models(context: RunContext, groups: Iterable[Iterable[ReplyRequest]]) -> None:
    """Raise RelayError if all calls of one model got a 404 while the relay answered for another model.

    In a short run all requests may have been sent before the first reply shows that the address is right.
    """
    from pytest_graysplit.replies.relay.fatal_errors import relay_name
    from pytest_graysplit.replies.relay.preflight import unknown_model

    errors: dict[tuple[str, str], dict[str, str]] = {}
    names: dict[str, str] = {}
    for request in (request for group in groups for request in group):
        with suppress(GraysplitError):
            reply = context.fetching.fetcher.reply(request)
            place = request.config.access.shown, request.key.model
            names.setdefault(request.config.access.shown, relay_name(request.config.access))
            errors.setdefault(place, {})[reply.error_kind or reply.outcome] = reply.error or ""
    answering = {shown for (shown, _), kinds in errors.items() if any(not error for error in kinds.values())}
    for (shown, model), kinds in sorted(errors.items()):
        if shown in answering and kinds.keys() == {"http-404"}:
            raise unknown_model(model, kinds["http-404"], {}, context.settings.table.aliases, names[shown])


def _missing_groups(fetching: Fetching, groups: list[list[ReplyRequest]]) -> list[list[ReplyRequest]]:
    """Return the missing requests of each group; a request of several groups is in the first of them only."""
    missing = {
        request.recording_key for request in fetching.fetcher.missing(request for group in groups for request in group)
    }
    picked = []
    for group in groups:
        own = [request for request in group if request.recording_key in missing]
        missing.difference_update(request.recording_key for request in own)
        picked.append(own)
    return [group for group in picked if group]


def _metric_announcement(groups: list[list[ReplyRequest]], missing: list[list[ReplyRequest]]) -> str:
    """Describe the requests of metrics and rubrics: judging 240 pairs with gpt-4.1, 0 of 480 answers are recorded."""
    total = len({request.recording_key for group in groups for request in group})
    fetched = Counter((request.metric, request.key.model) for group in missing for request in group)
    parts = []
    for (metric, model), number in sorted(fetched.items()):
        parts.append(f"{_subject(metric, number)} with {model}")
    return f"{listed(parts)}, {total - fetched.total()} of {total} answers are recorded"


def _subject(metric: str, number: int) -> str:
    if metric == "judge":
        # A pair is judged in two orders; an interrupted run may have recorded one of them.
        return f"judging {plural(-(-number // 2), 'pair')}"
    if metric == GUARDS:
        return f"judging {plural(number, 'flagged pair')}"
    if metric == RUBRIC:
        return f"judging {plural(number, 'criterion', 'criteria')}"
    return f"embedding {plural(number, 'text')}"


def _fetch(
    context: RunContext,
    groups: list[list[ReplyRequest]],
    announced: str,
    remark: str = "",
    *,
    is_estimated: bool = False,
) -> None:
    """Send the requests and show the progress; `is_estimated` means that an earlier estimate included their cost."""
    requests = shuffled(groups)
    context.fetching.require_sendable(requests)
    reporter = context.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.verbosity >= -1:
        reporter.write_line(visible(f"graysplit: {announced}"))
        if not is_estimated:
            reporter.write_line(visible(f"graysplit: {context.fetching.estimate(requests)}"))
        if remark and reporter.verbosity >= 0:
            reporter.write_line(visible(f"graysplit: {remark}"))
    watcher = Watcher(reporter if reporter is not None and reporter.verbosity >= 0 else None)
    try:
        context.fetching.fetcher.fetch(requests, watcher)
    finally:
        watcher.close()


@contextmanager
def _without_collecting_existing_objects() -> Iterator[None]:
    """Exempt the existing objects (items, cases, replies) from garbage collection while the tests run.

    With 2,000 cases the collector would otherwise spend a sixth of the session on objects that cannot be garbage.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
