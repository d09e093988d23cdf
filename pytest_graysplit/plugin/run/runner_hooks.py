"""Hooks of the process that runs the tests: plan items, fetch replies, prepare each test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.plugin.collect.adopting import AWAITED, PROBLEM, Adopter, marked_late, without_spare_arms
from pytest_graysplit.plugin.collect.app_arms import side_by_side
from pytest_graysplit.plugin.collect.marks import is_marked
from pytest_graysplit.plugin.collect.plans import PLAN, write_requested
from pytest_graysplit.plugin.collect.selection import plans_of
from pytest_graysplit.plugin.context import NO_TREATMENT
from pytest_graysplit.plugin.evaluate.evaluator import CASE_RUNS
from pytest_graysplit.plugin.report.run_notes import relay_notes
from pytest_graysplit.plugin.run.outcomes import OUTCOMES
from pytest_graysplit.plugin.workers import sendable
from pytest_graysplit.replies.recordings.maintenance.unused import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext


class RunnerHooks:
    """The hooks of every process that runs tests: the only process, or each xdist worker."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._totals = context.totals
        self.adopter = Adopter(context.planner, is_worker=context.worker.is_worker)

    def plan_collected(self, items: list[pytest.Item], *, last: bool) -> None:
        """Plan items that other plugins have added or marked; `last` means that all plugins have done so."""
        self.adopter.adopt(items, late=True)
        if not last:
            return
        items[:] = side_by_side(without_spare_arms(items), _app_case_of)
        if not self._context.settings.treatments:
            self._skip_marked(items)

    def _skip_marked(self, items: list[pytest.Item]) -> None:
        marked = [item for item in items if is_marked(item)]
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=NO_TREATMENT))
        self._totals.notes.append(f"{plural(len(marked), 'marked test')} skipped: {NO_TREATMENT}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the requested replies for `graysplit recordings check`, which starts such a session."""
        manager = session.config.pluginmanager
        if outcomes := manager.unregister(name=OUTCOMES):
            manager.register(outcomes, OUTCOMES)  # after every conftest.py, so that its wrapper is around theirs
        if path := os.environ.get(VARIABLE):
            write_requested(
                Path(path), plans_of(session.items), self._context.settings.metric_arms, self._context.planner
            )

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count the deselected cases, which make the run a partial one; a hook may just have marked them."""
        self._totals.deselected += sum(PLAN in item.stash or AWAITED in item.stash or is_marked(item) for item in items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Pass the prepared value of our fixture to the test; fail or skip a test without a plan."""
        if PROBLEM in item.stash:
            pytest.fail(str(item.stash[PROBLEM]), pytrace=False)
        if not self._context.settings.treatments and is_marked(item):
            pytest.skip(NO_TREATMENT)  # the plugin that evaluates skip marks may be blocked
        plan = item.stash.get(PLAN, None)
        if plan is not None and plan.fixture is not None and CASE_RUNS in item.stash:
            # The fixture itself would take 80 microseconds longer per test.
            run = item.stash[CASE_RUNS][0]
            value = run.reply_or_reason() if plan.only_arm else run.comparison_or_reason()
            item.funcargs[plan.fixture] = value  # type: ignore[attr-defined] # only functions have such a plan

    def complete_setup(self, item: pytest.Item) -> None:
        """Plan a test whose prompt a fixture has made; fail a test that a fixture has marked too late."""
        if is_marked(item) and not self.adopter.is_adopted(item):
            pytest.fail(str(marked_late(item)), pytrace=False)
        if AWAITED in item.stash and PLAN not in item.stash:
            self.plan_awaited(item, item.funcargs[item.stash[AWAITED][0]])  # type: ignore[attr-defined] # a function

    def plan_awaited(self, item: pytest.Item, value: object) -> Plan | None:
        """Plan a test with the prompt that a fixture has made, and send its requests."""
        try:
            plan = self.adopter.plan_awaited(item, value)
            if plan is not None:
                self._context.fetching.send_missing(plan)
        except GraysplitError as error:
            pytest.fail(str(error), pytrace=False)
        return plan

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop sending, and send the totals of this worker to the controller."""
        fetching, totals = self._context.fetching, self._totals
        fetching.stop()
        if self._context.worker.is_worker:
            payload: dict[str, object] = {
                "planned": totals.planned,
                "deselected": totals.deselected,
                "skipped": totals.skipped,
                "failure": totals.failure,
            }
            if usage := fetching.own_usage():
                payload["spent"] = usage.as_texts()
            payload["notes"] = [*totals.notes, *relay_notes(fetching.used_fetcher)]
            session.config.workeroutput["graysplit"] = sendable(payload)  # type: ignore[attr-defined]

    def pytest_unconfigure(self) -> None:
        """Release our references early, because pytest runs five full garbage collections at exit."""
        self._context.release()


def _app_case_of(item: pytest.Item) -> tuple[str, str] | None:
    """Return the case of an item that runs an application; None for any other item."""
    plan = item.stash.get(PLAN, None)
    return None if plan is None or plan.app is None else (plan.file, plan.case.id)
