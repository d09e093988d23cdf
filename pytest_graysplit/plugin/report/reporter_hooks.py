"""The hooks of the process that reports: gather results from every worker, print the summary, write the reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.config.policy import SEED
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.report.run_notes import budget_note, facts_of, run_notes, unanswered_note
from pytest_graysplit.plugin.report.synthetic_items import emit
from pytest_graysplit.plugin.xdist.worker_reports import unpacked
from pytest_graysplit.reporting.json_report import Run, chunks, write_text
from pytest_graysplit.reporting.summary import StyledText, lines
from pytest_graysplit.verdict import decide
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.terminal import TerminalReporter

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.run.early_stop import EarlyStopMonitor
    from pytest_graysplit.reporting.summary import Line
    from pytest_graysplit.verdict import Verdict

MISSED_SHOWN = 10


class SummaryReporter:
    """Lives in the one process that the user sees: the only one, or the xdist controller."""

    def __init__(self, state: RunContext, early: EarlyStopMonitor | None = None) -> None:
        self._state = state
        self._early = early
        # Kept here, because a plugin may replace the terminal's reporter and its counts.
        self._missed: dict[str, str] = {}
        self._judged: tuple[object, tuple[Verdict, ...]] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in what a test reported; a worker that crashed reports a test without any result."""
        if missed := getattr(report, "graysplit_missed", None):
            self._missed[report.nodeid] = str(missed)
        results = getattr(report, "graysplit", None)
        if results is not None:
            # Those of an xdist worker or of a forked test come packed.
            self._state.results.add(report.nodeid, unpacked(results) if isinstance(results, bytes) else results)
            del report.graysplit  # the terminal keeps every report to the end
        elif report.when == "???":
            self._state.tally.crashed += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Show a miss that the gate forgives as what it is."""
        if getattr(report, "graysplit_missed", None) and report.when == "call":
            return "missed", "m", ("MISS", {"yellow": True})
        return None

    def close(self, session: pytest.Session) -> None:
        """Show what the whole run failed as an item of its own, after the last test."""
        self._count_spent()
        gate = self._state.settings.gate
        if gate == "case" and (note := budget_note(self._state)):
            emit(session, "budget", note)
        # Failed tests have told it under the gate `case`, unless they were expected to fail.
        if (gate != "case" or not session.testsfailed) and (note := unanswered_note(self._state)):
            emit(session, "replies", note)
        self._gate(session)

    def _count_spent(self) -> None:
        # In the xdist controller, which sends nothing, the account of its workers has been counted.
        if self._state.budget is not None and self._state.tally.spent_here is None:
            self._state.tally.spent_here = self._state.budget.own_spent()

    def _gate(self, session: pytest.Session) -> None:
        """Report each verdict as an item; a partial run has none to fail by."""
        if self._state.settings.gate != "verdict" or pytest_option(session.config, "collectonly"):
            return
        self._state.tally.stopped = bool(session.shouldstop or session.shouldfail)
        self._settle()
        if not facts_of(self._state).cut:
            for verdict in self.verdicts():
                emit(session, f"verdict[{verdict.treatment}]", self._failure(verdict))

    def _failure(self, verdict: Verdict) -> str | None:
        fails = verdict.decision == "reject" or (verdict.decision == "hold" and self._state.settings.on_hold == "fail")
        return "\n".join([f"{verdict.decision}: {verdict.reasons[0]}", *verdict.reasons[1:]]) if fails else None

    def _settle(self) -> None:
        """Complete the results, once nothing more is added to them."""
        if self._early is not None:
            self._early.settle()
        self._state.complete_comparisons()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the recordings and the reports, when every worker has ended."""
        tally = self._state.tally
        self._count_spent()
        tally.uncollected = _uncollected(session.config)
        nothing_ran = tally.uncollected and not pytest_option(session.config, "continue_on_collection_errors")
        tally.interrupted = int(exitstatus) == pytest.ExitCode.INTERRUPTED and not nothing_ran
        tally.stopped = bool(session.shouldstop or session.shouldfail)
        try:
            self._state.merge_recordings()
            self._settle()
            self._write_json()
        except GraysplitError as error:
            self._state.tally.notes.append(str(error))
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR

    def _write_json(self) -> None:
        state = self._state
        if state.settings.json_path is None or not state.results:
            return
        run = Run(
            id=state.run_id,
            started=state.started.isoformat(timespec="seconds"),
            duration_s=round((datetime.now(UTC) - state.started).total_seconds(), 3),
            record=state.settings.record,
            complete=state.tally.complete(state.results),
            seed=SEED,
        )
        write_text(Path(state.settings.json_path), chunks(state.results, self.verdicts(), run))

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge each treatment by what has been gathered so far; once, as long as nothing has changed."""
        results, facts = self._state.results, facts_of(self._state)
        if self._judged is None or self._judged[0] != (results.items, facts):
            policy = self._state.settings.policy
            decided = tuple(decide(results, one.treatment, policy, facts) for one in results.comparisons())
            self._judged = (results.items, facts), decided
        return self._judged[1]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the summary; under -q its core, under -qq nothing."""
        state, verbosity = self._state, terminalreporter.config.get_verbosity()
        notes = run_notes(state)
        if verbosity < -1 or not (state.results or notes):
            return
        terminalreporter.section("graysplit", sep="=")
        if not any(arm.replies for arm in state.results.arms()):
            # A table of nothing would only hide the reason.
            terminalreporter.write_line(visible(state.tally.failure or "\n".join(notes)), yellow=True)
            return
        width = terminalreporter._tw.fullwidth  # noqa: SLF001 # the only place that tells the width in use
        brief = verbosity < 0
        verdicts, metric = self.verdicts(), state.settings.metric
        for line in lines(state.results, verdicts, metric=metric, width=width, notes=notes, brief=brief):
            _print(terminalreporter, line)
        if not brief:
            self._print_missed(terminalreporter)
            self._print_hooked(terminalreporter, verdicts)

    def _print_missed(self, reporter: TerminalReporter) -> None:
        missed = sorted(self._missed.items(), key=self._worst_first())
        shown = missed if reporter.verbosity > 0 else missed[:MISSED_SHOWN]
        if missed:
            _print(reporter, ())
        for nodeid, text in shown:
            _print(reporter, (StyledText(f"MISS {nodeid} - {text}", "yellow"),))
        if len(shown) < len(missed):
            _print(reporter, (StyledText(f"... and {len(missed) - len(shown)} more misses, -v shows all"),))

    def _worst_first(self) -> Callable[[tuple[str, str]], tuple[int, bool, str]]:
        """Return the order of misses: broken cases as the verdict has them, then the others, a control's last."""
        broken = [one.name for verdict in self.verdicts() for one in verdict.broken]
        ranks = {name: rank for rank, name in reversed(list(enumerate(broken)))}

        def order(miss: tuple[str, str]) -> tuple[int, bool, str]:
            results = self._state.results.of(miss[0])
            own = [ranks.get(f"{one.file}::{one.case.id}", len(broken)) for one in results]
            only_control = all(arm.arm == CONTROL for one in results for arm in one.arms if arm.misses)
            return min(own, default=len(broken)), only_control, miss[0]

        return order

    def _print_hooked(self, reporter: TerminalReporter, verdicts: tuple[Verdict, ...]) -> None:
        hook = self._state.config.hook.pytest_graysplit_summary
        for text in hook(results=self._state.results, verdicts=verdicts):
            if text:
                reporter.write_line(text)


def _uncollected(config: pytest.Config) -> int:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    errors = reporter.stats.get("error", []) if reporter is not None else []
    return sum(isinstance(report, pytest.CollectReport) for report in errors)


def _print(reporter: TerminalReporter, line: Line) -> None:
    for piece in line:
        reporter.write(visible(piece.text), **({piece.style: True} if piece.style else {}))
    reporter.write("\n")
