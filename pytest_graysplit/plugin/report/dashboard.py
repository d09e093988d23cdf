"""The live page of a run: served by the process that the user sees, from before the first call to the last line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.report.run_notes import facts_of, run_notes
from pytest_graysplit.plugin.run.prefetch import nothing_runs, will_run
from pytest_graysplit.plugin.runtime import state_of
from pytest_graysplit.plugin.xdist.worker_reports import CONTROLLER
from pytest_graysplit.reporting.dashboard.run_source import RunSource, RunView
from pytest_graysplit.verdict import decide

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_graysplit.plugin.context import State
    from pytest_graysplit.plugin.report.reporter_hooks import Gather
    from pytest_graysplit.reporting.dashboard.run_source import CaseKey
    from pytest_graysplit.reporting.dashboard.server import LiveServer
    from pytest_graysplit.verdict import Verdict


class LivePage:
    """Lives in the one process that the user sees, where the option is given; it looks on, and changes nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._planned: dict[str, CaseKey] | None = None
        self._finished: set[str] = set()
        self._reports = 0
        self._source: RunSource | None = None
        self._server: LiveServer | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Serve the page before anything is sent; a page that cannot be served ends the session here."""
        try:
            if self._is_wanted(session):
                self._serve()
        except GraysplitError as error:
            raise pytest.UsageError(str(error)) from None
        return (yield)

    def _is_wanted(self, session: pytest.Session) -> bool:
        """Tell whether a test of ours will run; what an xdist controller's workers collect, it cannot know."""
        if nothing_runs(session):
            return False
        if self._config.pluginmanager.has_plugin(CONTROLLER):
            return bool(state_of(self._config).settings.treatments)
        plans = {item.nodeid: item.stash[PLAN] for item in session.items if PLAN in item.stash and will_run(item)}
        self._planned = {nodeid: (plan.file, plan.case.id, plan.request) for nodeid, plan in plans.items()}
        return bool(plans)

    def _serve(self) -> None:
        from pytest_graysplit.reporting.dashboard.server import LiveServer

        state = state_of(self._config)
        self._source = RunSource(self._look, state.redact)
        self._server = LiveServer(self._source, port=state.settings.dashboard_port or 0)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= -1:
            reporter.ensure_newline()
            reporter.write_line(f"graysplit: live page at {self._server.url}")

    def _look(self, verdicts: tuple[Verdict, ...] | None = None) -> RunView:
        """Return what the run knows now; the page's thread asks, so everything that still changes is copied."""
        state: State = state_of(self._config)
        return RunView(
            # At the end nothing is added any more, and the rows hold what was compared last.
            results=state.results.copy() if verdicts is None else state.results,
            settings=state.settings,
            started=state.started,
            reports=self._reports,
            planned=self._planned,
            finished=frozenset(self._finished),
            fetched=state.used_runner.fetched if state.used_runner else None,
            stops=dict(state.stops),
            notes=tuple(state.tally.notes if verdicts is None else run_notes(state)),
            verdicts=verdicts,
            complete=verdicts is not None and state.tally.complete(state.results),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count what has ended."""
        if report.when in ("teardown", "???"):
            self._finished.add(report.nodeid)
            self._reports += 1

    # Inside the terminal's own wrapper, which prints the summary: the page has the verdict before it.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Show the verdicts once the run has been judged."""
        result = yield
        if self._source is not None:
            self._source.end(self._look(self._verdicts()))
        return result

    def _verdicts(self) -> tuple[Verdict, ...]:
        """Return a verdict for each treatment, also for one that gave no result at all."""
        state, gather = state_of(self._config), self._config.pluginmanager.get_plugin("graysplit-gather")
        decided = {verdict.treatment: verdict for verdict in cast("Gather", gather).verdicts()}
        facts, policy = facts_of(state), state.settings.policy
        return tuple(
            decided.get(model) or decide(state.results, model, policy, facts) for model in state.settings.treatments
        )

    def pytest_unconfigure(self) -> None:
        """Serve no longer; whoever looks on is told first that this was the end."""
        if self._server is not None:
            self._server.stop()
