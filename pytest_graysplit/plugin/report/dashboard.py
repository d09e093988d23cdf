"""Hooks that serve the live page of a run, from before the first call to the last line of the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.collect.selection import items_to_run, nothing_runs
from pytest_graysplit.plugin.hookspecs import CONTROLLER, REPORTER
from pytest_graysplit.plugin.report.run_notes import facts_of, run_notes
from pytest_graysplit.reporting.dashboard.run_source import RunSource, RunView
from pytest_graysplit.verdict import decide
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.report.reporter_hooks import SummaryReporter
    from pytest_graysplit.reporting.dashboard.run_source import CaseKey
    from pytest_graysplit.reporting.dashboard.server import LiveServer
    from pytest_graysplit.verdict import Verdict


class DashboardHooks:
    """The hooks of the live page, in the main process of a run with `--graysplit-dashboard`; they change no result."""

    def __init__(self, config: pytest.Config, context_of: Callable[[pytest.Config], RunContext]) -> None:
        """Serve nothing yet; `context_of` returns the context of the run, which may not exist before the first test."""
        self._config = config
        self._context_of = context_of
        self._planned: dict[str, CaseKey] | None = None
        self._finished: set[str] = set()
        self._reports = 0
        self._source: RunSource | None = None
        self._server: LiveServer | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Serve the page before anything is sent; end the session if it cannot be served."""
        try:
            if self._is_wanted(session):
                self._serve()
        except GraysplitError as error:
            raise pytest.UsageError(str(error)) from None
        return (yield)

    def _is_wanted(self, session: pytest.Session) -> bool:
        """Tell whether a marked test will run; an xdist controller only knows whether there is a treatment."""
        if nothing_runs(session):
            return False
        if self._config.pluginmanager.has_plugin(CONTROLLER):
            return bool(self._context_of(self._config).settings.treatments)
        self._planned = {item.nodeid: item.stash[PLAN].key for item in items_to_run(session.items)}
        return bool(self._planned)

    def _serve(self) -> None:
        from pytest_graysplit.reporting.dashboard.server import LiveServer

        context = self._context_of(self._config)
        self._source = RunSource(self._view, context.fetching.redaction)
        self._server = LiveServer(self._source, port=context.settings.dashboard_port or 0)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= -1:
            reporter.ensure_newline()
            reporter.write_line(f"graysplit: live page at {self._server.url}")

    def _view(self, verdicts: tuple[Verdict, ...] | None = None) -> RunView:
        """Return a view of the run; the page's own thread calls this, so everything that still changes is copied."""
        context = self._context_of(self._config)
        settings, totals, fetcher = context.settings, context.totals, context.fetching.used_fetcher
        return RunView(
            # At the end nothing is added any more, and these results include the last comparisons.
            results=totals.results.copy() if verdicts is None else totals.results,
            settings=settings,
            started=context.started,
            reports=self._reports,
            planned=self._planned,
            finished=frozenset(self._finished),
            fetched=fetcher.fetch_stats if fetcher else None,
            stops=dict(totals.stops),
            notes=tuple(totals.notes if verdicts is None else run_notes(settings, totals, fetcher)),
            verdicts=verdicts,
            complete=verdicts is not None and totals.complete(),
            judge=context.judge_standing if any(row.case.rubric for row in totals.results.rows) else UNKNOWN_JUDGE,
        )

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count the tests that have ended."""
        if report.when in ("teardown", "???"):
            self._finished.add(report.nodeid)
            self._reports += 1

    # Runs inside the wrapper of the terminal reporter, which prints the summary: the page has the verdict before that.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Show the verdicts after the run was judged."""
        result = yield
        if self._source is not None:
            self._source.end(self._view(self._verdicts()))
        return result

    def _verdicts(self) -> tuple[Verdict, ...]:
        """Return a verdict for each treatment, also for one without any result."""
        context, reporter = self._context_of(self._config), self._config.pluginmanager.get_plugin(REPORTER)
        decided = {verdict.treatment: verdict for verdict in cast("SummaryReporter", reporter).verdicts()}
        results, policy = context.totals.results, context.settings.policy
        facts = facts_of(context.settings, context.totals)
        return tuple(
            decided.get(model) or decide(results, model, policy, facts) for model in context.settings.treatments
        )

    def pytest_unconfigure(self) -> None:
        """Stop serving; open pages are told first that the run has ended."""
        if self._server is not None:
            self._server.stop()
