"""Fetch everything that will run before the first test does, so that no network overlaps a test."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.run.calibration import calibrate, refuse_early_stop
from pytest_graysplit.plugin.run.progress import Watcher
from pytest_graysplit.replies.fetcher import shuffled
from pytest_graysplit.verdict import power_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import State
    from pytest_graysplit.replies.fetcher import Wish


def will_run(item: pytest.Item) -> bool:
    """Tell whether nothing known before the test starts keeps it from running: nothing is paid for a skipped one."""
    from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

    if not item.config.pluginmanager.has_plugin("skipping"):  # blocked: no mark keeps a test from running
        return True
    if not (item.get_closest_marker("skip") or item.get_closest_marker("skipif") or item.get_closest_marker("xfail")):
        return True
    try:
        if evaluate_skip_marks(item) is not None:
            return False
        xfail = evaluate_xfail_marks(item)
    except pytest.fail.Exception:  # a condition that cannot be evaluated: the test itself will say so
        return False
    return xfail is None or xfail.run or pytest_option(item.config, "runxfail", default=False)


def nothing_runs(session: pytest.Session) -> bool:
    """Tell whether this session only looks at its tests, or has given up before the first."""
    given = partial(pytest_option, session.config)
    failed = session.testsfailed and not given("continue_on_collection_errors")
    return bool(failed or given("collectonly") or given("setupplan") or given("setuponly"))


def plans_to_run(items: Iterable[pytest.Item]) -> list[Plan]:
    """Return the plans of the items that will run."""
    return [item.stash[PLAN] for item in items if PLAN in item.stash and will_run(item)]


def fetch_upfront(state: State, items: Sequence[pytest.Item]) -> None:
    """Fetch what is missing for the items, with progress; end the session with one message when that cannot be."""
    try:
        plans = [item.stash[PLAN] for item in items]
        refuse_early_stop(state, plans)
        state.prepare(plans)
        if state.settings.record != "none":
            groups = [[wish for wishes in plan.wishes.values() for wish in wishes] for plan in plans]
            if missing := _missing_groups(state, groups):
                _fetch(state, missing, _told_of_replies(state, groups, missing), power_of(state, plans))
                _require_served(state, groups)
            asked = [asked_by_metric(state, plan) for plan in plans]
            if missing := _missing_groups(state, asked):
                _fetch(state, missing, _told_of_metrics(asked, missing))
        calibrate(state, plans)
        state.hold_all(items)
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def _require_served(state: State, groups: Iterable[Iterable[Wish]]) -> None:
    """Raise RelayError for a model whose calls were all not found, while the relay answered for another model.

    In a short run all of them may have been sent before the first answer showed that the address is right.
    """
    from pytest_graysplit.replies.relay.preflight import unknown_model

    told: dict[str, dict[str, str]] = {}
    for wish in (wish for group in groups for wish in group):
        with suppress(GraysplitError):
            reply = state.runner.reply(wish)
            told.setdefault(wish.key.model, {})[reply.error_kind or reply.outcome] = reply.error or ""
    unserved = [model for model, kinds in told.items() if kinds.keys() == {"http-404"}]
    if unserved and any(not error for kinds in told.values() for error in kinds.values()):
        model = min(unserved)
        raise unknown_model(model, told[model]["http-404"], {}, state.settings.table.aliases)


def _missing_groups(state: State, groups: list[list[Wish]]) -> list[list[Wish]]:
    missing = {wish.address for wish in state.runner.missing(wish for group in groups for wish in group)}
    picked = []
    for group in groups:
        own = [wish for wish in group if wish.address in missing]
        missing.difference_update(wish.address for wish in own)
        picked.append(own)
    return [group for group in picked if group]


def asked_by_metric(state: State, plan: Plan) -> list[Wish]:
    """Return what the plan's metric will ask; what cannot be told, for a reply is missing, is the test's to show."""
    with suppress(Exception):
        return state.asked_by_metric(plan)
    return []


def _told_of_replies(state: State, groups: list[list[Wish]], missing: list[list[Wish]]) -> str:
    wanted, fetched = len({wish.address for group in groups for wish in group}), sum(map(len, missing))
    return (
        f"{wanted - fetched} of {wanted} replies are recorded, "
        f"fetching {fetched} from {state.settings.access.shown}, {state.settings.concurrency} in flight"
    )


def _told_of_metrics(groups: list[list[Wish]], missing: list[list[Wish]]) -> str:
    """Say what metrics ask: judging 240 pairs with gpt-4.1."""
    wanted = len({wish.address for group in groups for wish in group})
    fetched = Counter((wish.metric, wish.key.model) for group in missing for wish in group)
    parts = []
    for (metric, model), number in sorted(fetched.items()):
        # A pair is judged in two orders; a killed run may have left one of them.
        what = plural(-(-number // 2), "pair") if metric == "judge" else plural(number, "text")
        parts.append(f"{'judging' if metric == 'judge' else 'embedding'} {what} with {model}")
    return f"{listed(parts)}, {wanted - fetched.total()} of {wanted} answers are recorded"


def power_of(state: State, plans: Iterable[Plan]) -> str:
    """Say what the cases of a run can show, before it costs anything; nothing where looks are planned.

    What they can show depends on which look it is.
    """
    policy = state.settings.policy
    if policy.looks:
        return ""
    cases = {(plan.file, plan.case.id, plan.request): plan.case.cluster for plan in plans}
    clusters = len({(cluster,) if cluster else key for key, cluster in cases.items()})
    return power_line(len(cases), policy.margin, clusters if clusters < len(cases) else None, policy.alpha)


def _fetch(state: State, groups: list[list[Wish]], told: str, power: str = "") -> None:
    wishes = shuffled(groups)
    state.settings.require_key()
    state.require_bounds(wishes)
    state.require_folders(wishes)
    reporter = state.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.verbosity >= -1:
        reporter.write_line(visible(f"graysplit: {told}"))
        reporter.write_line(visible(f"graysplit: {state.estimate(wishes)}"))
        if power and reporter.verbosity >= 0:
            reporter.write_line(f"graysplit: {power}")
    watcher = Watcher(reporter if reporter is not None and reporter.verbosity >= 0 else None)
    try:
        state.runner.fetch(wishes, watcher)
    finally:
        watcher.close()
