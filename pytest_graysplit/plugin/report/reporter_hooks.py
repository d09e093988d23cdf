"""Hooks of the process that reports: add up results, judge the run, write the reports, print the summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.report.app_pairing import AppPairing
from pytest_graysplit.plugin.report.item_reports import emit
from pytest_graysplit.plugin.report.late_failures import LateFailures
from pytest_graysplit.plugin.report.run_notes import budget_note, facts_of, run_notes, unanswered_note
from pytest_graysplit.plugin.report.run_record import arm_records, run_record
from pytest_graysplit.plugin.workers import unpacked
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.reporting.json_report import chunks, write_text
from pytest_graysplit.reporting.summary import StyledText, lines
from pytest_graysplit.verdict import decide
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.terminal import TerminalReporter

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.reporting.summary import Line
    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import CaseResult

MAX_SHOWN = 10


class SummaryReporter:
    """The hooks of the main process: the only process, or the xdist controller."""

    def __init__(self, context: RunContext, settle_early_stop: Callable[[], None] | None = None) -> None:
        """Report one run; `settle_early_stop` drops the results after an early stop."""
        self._context = context
        self._totals = context.totals
        self._settings = context.settings
        self._settle_early_stop = settle_early_stop
        # Kept here, because a plugin may replace the terminal reporter and its counts.
        self._missed: dict[str, str] = {}
        self._judged: tuple[object, tuple[Verdict, ...]] | None = None
        self._apps = AppPairing(context.totals.results, context.app_comparer)
        self._late = LateFailures(context, forgives=self._settings.gate != "case")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the results of a test; the report of a crashed worker has none."""
        if not self.add_results(report) and report.when == "???":
            self._totals.crashed += 1
        if report.when == "teardown":
            self._late.add_properties(report)
        if missed := getattr(report, "graysplit_missed", None):
            self._missed[report.nodeid] = str(missed)

    def add_results(self, report: Any) -> bool:
        """Move the results of a test's report to those of the run; return False for a report without any."""
        results = getattr(report, "graysplit", None)
        if results is None:
            return False
        # An xdist worker or a forked test sends its results packed.
        self._add(report, unpacked(results) if isinstance(results, bytes) else results)
        if getattr(report, "graysplit_unmarked", False):
            self._totals.unmarked.add(report.nodeid)
        del report.graysplit  # the terminal keeps every report until the end
        return True

    def _add(self, report: Any, results: tuple[CaseResult, ...]) -> None:
        if all(result.app is None for result in results):
            self._totals.results.add(report.nodeid, results)
            return
        for finished in self._apps.add(report.nodeid, results, report):
            self._late.put(finished, report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Show a failed test that the gate forgives as a miss."""
        if getattr(report, "graysplit_missed", None) and report.when == "call":
            return "missed", "m", ("MISS", {"yellow": True})
        return None

    def close(self, session: pytest.Session) -> None:
        """Report the failures of the whole run as items of their own, after the last test."""
        self._add_own_usage()
        gate = self._settings.gate
        if gate == "case" and (note := budget_note(self._settings, self._totals)):
            emit(session, "budget", note)
        # Under the gate `case` the failed tests have said so, unless they were expected to fail.
        if (gate != "case" or not session.testsfailed) and (note := unanswered_note(self._totals.results)):
            emit(session, "replies", note)
        self._gate(session)

    def _add_own_usage(self) -> None:
        # The xdist controller sends nothing and has added the usage of its workers.
        if self._totals.spent_here is None:
            self._totals.spent_here = self._context.fetching.own_usage()

    def _gate(self, session: pytest.Session) -> None:
        """Report each verdict as an item, except in a partial run."""
        if self._settings.gate != "verdict" or pytest_option(session.config, "collectonly"):
            return
        self._totals.stopped = bool(session.shouldstop or session.shouldfail)
        self._settle()
        if not facts_of(self._settings, self._totals).cut:
            for verdict in self.verdicts():
                emit(session, f"verdict[{verdict.treatment}]", self._failure(verdict))

    def _failure(self, verdict: Verdict) -> str | None:
        fails = verdict.decision == "reject" or (verdict.decision == "hold" and self._settings.on_hold == "fail")
        return "\n".join([f"{verdict.decision}: {verdict.reasons[0]}", *verdict.reasons[1:]]) if fails else None

    def _settle(self) -> None:
        """Complete the results after the last one was added."""
        if self._settle_early_stop is not None:
            self._settle_early_stop()
        self._context.evaluator.complete_comparisons(self._totals.results)
        if any(row.case.rubric for row in self._totals.results.rows):
            self._totals.judge = self._context.judge_standing

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the recordings and the reports after every worker has ended."""
        totals = self._totals
        self._add_own_usage()
        totals.uncollected = _uncollected(session.config)
        nothing_ran = totals.uncollected and not pytest_option(session.config, "continue_on_collection_errors")
        totals.interrupted = int(exitstatus) == pytest.ExitCode.INTERRUPTED and not nothing_ran
        totals.stopped = bool(session.shouldstop or session.shouldfail)
        try:
            self._context.fetching.journals.merge()
            self._settle()
            self._write_json()
        except GraysplitError as error:
            totals.notes.append(str(error))
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR

    def _write_json(self) -> None:
        path, results = self._settings.json_path, self._totals.results
        if path is not None and results:
            redact = redactor(self._settings.secrets)
            arms = arm_records(self._settings, self._context.fetching.redaction)
            write_text(Path(path), chunks(results, self.verdicts(), run_record(self._context), redact, arms))

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge each treatment by the results so far; the verdicts are kept until the results change."""
        results, facts = self._totals.results, facts_of(self._settings, self._totals)
        if self._judged is None or self._judged[0] != (results.items, facts):
            policy = self._settings.policy
            decided = tuple(decide(results, one.treatment, policy, facts) for one in results.comparisons())
            self._judged = (results.items, facts), decided
        return self._judged[1]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the summary: under -q only its core, under -qq nothing."""
        results, verbosity = self._totals.results, terminalreporter.config.get_verbosity()
        notes = run_notes(self._settings, self._totals, self._context.fetching.used_fetcher)
        if verbosity < -1 or not (results or notes):
            return
        terminalreporter.section("graysplit", sep="=")
        if not any(arm.replies for arm in results.arms()):
            # An empty table would only hide the reason.
            terminalreporter.write_line(visible(self._totals.failure or "\n".join(notes)), yellow=True)
            return
        width = terminalreporter._tw.fullwidth  # noqa: SLF001 # the only place that has the width in use
        brief = verbosity < 0
        verdicts, metric = self.verdicts(), self._settings.metric
        configured = self._configured()
        for line in lines(
            results, verdicts, metric=metric, width=width, configured=configured, notes=notes, brief=brief
        ):
            _print(terminalreporter, line)
        if not brief:
            self._print_missed(terminalreporter)
            self._print_hooked(terminalreporter, verdicts)

    def _configured(self) -> dict[str, str]:
        """Return the descriptions of the arms that are more than a model."""
        arms = {arm.name: self._context.fetching.redaction(arm.described()) for arm in self._settings.arms}
        return {name: described for name, described in arms.items() if described != name}

    def _print_missed(self, reporter: TerminalReporter) -> None:
        missed = sorted(self._missed.items(), key=self._worst_first())
        shown = missed if reporter.verbosity > 0 else missed[:MAX_SHOWN]
        if missed:
            _print(reporter, ())
        for nodeid, text in shown:
            _print(reporter, (StyledText(f"MISS {nodeid} - {text}", "yellow"),))
        if len(shown) < len(missed):
            _print(reporter, (StyledText(f"... and {len(missed) - len(shown)} more misses, -v shows all"),))

    def _worst_first(self) -> Callable[[tuple[str, str]], tuple[int, bool, str]]:
        """Return the sort key of misses: broken cases as the verdict has them, then others, the control's last."""
        broken = [one.name for verdict in self.verdicts() for one in verdict.broken]
        ranks = {name: rank for rank, name in reversed(list(enumerate(broken)))}

        def order(miss: tuple[str, str]) -> tuple[int, bool, str]:
            results = self._totals.results.of(miss[0]) or self._apps.about(miss[0])
            own = [ranks.get(f"{one.file}::{one.case.id}", len(broken)) for one in results]
            only_control = all(arm.arm == CONTROL for one in results for arm in one.arms if arm.misses)
            return min(own, default=len(broken)), only_control, miss[0]

        return order

    def _print_hooked(self, reporter: TerminalReporter, verdicts: tuple[Verdict, ...]) -> None:
        hook = self._context.config.hook.pytest_graysplit_summary
        for text in hook(results=self._totals.results, verdicts=verdicts):
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
