"""The hooks of the process that runs the tests: plan items, fetch replies, prepare each test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.plugin.collect.adopting import AWAITED, PROBLEM, Adopter, marked_late, without_spare_arms
from pytest_graysplit.plugin.collect.marks import is_marked
from pytest_graysplit.plugin.collect.plans import PLAN, tell_wanted
from pytest_graysplit.plugin.context import EXCHANGES, NO_TREATMENT, drop
from pytest_graysplit.plugin.report.run_notes import relay_notes
from pytest_graysplit.plugin.run.calibration import fetches_first
from pytest_graysplit.plugin.run.gc_control import long_lived_objects_set_aside
from pytest_graysplit.plugin.run.prefetch import fetch_upfront, nothing_runs, will_run
from pytest_graysplit.plugin.run.prefetch_window import Window, wants_window
from pytest_graysplit.plugin.xdist.worker_reports import sendable
from pytest_graysplit.replies.recordings.maintenance.unused import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import State

# The name of the plugin that judges tests; it is registered again behind every conftest.py.
OUTCOMES = "graysplit-outcomes"


class Items:
    """The hooks of every process that runs tests: the only one, or each xdist worker."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.adopter = Adopter(state)
        self._planned: list[pytest.Item] = []

    def plan_collected(self, items: list[pytest.Item], *, last: bool) -> None:
        """Plan what other plugins have made or marked since an item was made; `last` when all of them have."""
        self.adopter.adopt(items, late=True)
        if not last:
            return
        items[:] = without_spare_arms(items)
        if not self._state.settings.treatments:
            self._skip_marked(items)

    def _skip_marked(self, items: list[pytest.Item]) -> None:
        marked = [item for item in items if is_marked(item)]
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=NO_TREATMENT))
        self._state.tally.notes.append(f"{plural(len(marked), 'marked test')} skipped: {NO_TREATMENT}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell `graysplit recordings check` which replies the collected cases would ask for, when it asks."""
        manager = session.config.pluginmanager
        if outcomes := manager.unregister(name=OUTCOMES):
            manager.register(outcomes, OUTCOMES)  # behind every conftest.py, so that its wrapper is around theirs
        if told := os.environ.get(VARIABLE):
            plans = [item.stash[PLAN] for item in session.items if PLAN in item.stash]
            tell_wanted(Path(told), plans, self._state.settings.table.asked_models)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count the cases that this run leaves out: it is partial, and says so."""
        self._state.tally.deselected += sum(PLAN in item.stash or AWAITED in item.stash for item in items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fetch before the tests run, or ahead of them while they run."""
        config = session.config
        self._planned = planned = [item for item in session.items if PLAN in item.stash and will_run(item)]
        unplanned = [item for item in session.items if AWAITED in item.stash or PROBLEM in item.stash]
        self._state.tally.planned = len(planned) + sum(map(will_run, unplanned))
        if planned and not nothing_runs(session):
            stops_early = self._state.settings.early_stop is not None
            if wants_window(config, stops_early=stops_early) and not fetches_first(self._state, planned):
                config.pluginmanager.register(Window(self._state, session), "graysplit-window")
            else:
                fetch_upfront(self._state, planned)
        with long_lived_objects_set_aside():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand over what is ready; refuse or skip a test that cannot be asked for."""
        if PROBLEM in item.stash:
            pytest.fail(str(item.stash[PROBLEM]), pytrace=False)
        if not self._state.settings.treatments and is_marked(item):
            pytest.skip(NO_TREATMENT)  # the plugin that heeds skip marks may be blocked
        plan = item.stash.get(PLAN, None)
        if plan is not None and plan.fixture is not None and EXCHANGES in item.stash:
            # Through the fixture's own machinery a test takes 80 microseconds longer.
            exchange = item.stash[EXCHANGES][0]
            ready = exchange.reply_or_reason() if plan.alone else exchange.comparison_or_reason()
            item.funcargs[plan.fixture] = ready  # type: ignore[attr-defined] # only functions have such a plan

    def complete_setup(self, item: pytest.Item) -> None:
        """See to what only the fixtures of the test have brought: its prompt, or a marker that is too late."""
        if is_marked(item) and not self.adopter.is_adopted(item):
            pytest.fail(str(marked_late(item)), pytrace=False)
        if AWAITED in item.stash and PLAN not in item.stash:
            self.plan_awaited(item, item.funcargs[item.stash[AWAITED][0]])  # type: ignore[attr-defined] # a function

    def plan_awaited(self, item: pytest.Item, value: object) -> Plan | None:
        """Plan and ask what a fixture of the test has made its prompt."""
        try:
            plan = self.adopter.plan_awaited(item, value)
            if plan is not None:
                self._state.ask_now(plan)
        except GraysplitError as error:
            pytest.fail(str(error), pytrace=False)
        return plan

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop sending, and tell the controller what this worker knows."""
        self._state.finish()
        if self._state.is_worker:
            tally = self._state.tally
            payload: dict[str, object] = {
                "planned": tally.planned,
                "deselected": tally.deselected,
                "spared": tally.spared,
                "failure": tally.failure,
            }
            if self._state.budget is not None and (spent := self._state.budget.own_spent()):
                payload["spent"] = spent.as_texts()
            payload["notes"] = [*tally.notes, *relay_notes(self._state)]
            session.config.workeroutput["graysplit"] = sendable(payload)  # type: ignore[attr-defined]

    def pytest_unconfigure(self) -> None:
        """Let go of everything: pytest walks all objects five times before it ends."""
        for item in self._planned:
            drop(item, PLAN, EXCHANGES)
        self._planned.clear()
        self._state.release()
