"""Failures that are known only when both arms have run: they go onto the report of the treatment's test."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from _pytest.junitxml import bin_xml_escape, mangle_test_address, xml_key  # there is no other way to correct an entry

from pytest_graysplit.errors import BudgetExceededError, RelayError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.report.junit_properties import compared_properties
from pytest_graysplit.reporting.failure import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.report.app_pairing import FinishedPair
    from pytest_graysplit.verdict.results import CaseResult


class LateFailures:
    """The failures of comparisons; a report that others have seen already is made again."""

    def __init__(self, context: RunContext, *, forgives: bool) -> None:
        """Fail tests of a run; `forgives` means that a missed threshold is a miss and not a failure."""
        self._config = context.config
        self._totals = context.totals
        self._forgives = forgives
        self._done: set[tuple[str, str]] = set()
        self._compared: dict[str, CaseResult] = {}

    def put(self, finished: FinishedPair, current: Any) -> None:
        """Fail the test of the treatment if the comparison did; `current` is the report that is on its way now."""
        problem, session = finished.pair.problem, self._config.pluginmanager.get_plugin("session")
        if isinstance(problem, RelayError) and session is not None:
            self._totals.stop_run(session, problem)
        text = _text(finished)
        treatment = finished.result.arms[-1].arm
        target = current if any(report is current for report in finished.reports) else finished.reports[-1]
        if target is current or not text:
            self._compared[current.nodeid] = finished.result
        if not text or (target.nodeid, treatment) in self._done:
            return
        self._done.add((target.nodeid, treatment))
        if target is current:
            self._fail(target, text, finished)
        else:
            self._report_again(target, text, finished)

    def add_properties(self, report: Any) -> None:
        """Add the properties that follow from the comparison to the last report of a test, which JUnit reads."""
        if (result := self._compared.pop(report.nodeid, None)) is not None:
            _add_properties(report, result)

    def _fail(self, report: Any, text: str, finished: FinishedPair) -> None:
        """Turn a report that passed into one that failed or was missed; one that failed already gets a section."""
        problem = finished.pair.problem
        if report.outcome != "passed":
            report.sections.append(("graysplit", text))
        elif isinstance(problem, BudgetExceededError):
            report.outcome, report.longrepr = "skipped", (*report.location[:2], problem.problem)
        elif hasattr(report, "wasxfail"):  # it was expected to fail, and now it does
            report.outcome, report.longrepr = "skipped", text
        elif self._forgives and problem is None:
            report.graysplit_missed = text.partition("\n")[0]
            report.sections.append(("graysplit miss", text))
        else:
            report.outcome, report.longrepr = "failed", text

    def _report_again(self, report: Any, text: str, finished: FinishedPair) -> None:
        """Report a test again that passed before the control's had ended, in place of its first report."""
        if report.outcome != "passed" or getattr(report, "graysplit_missed", None):
            report.sections.append(("graysplit", text))
            return
        again = copy(report)
        again.sections = [*report.sections]
        _add_properties(again, finished.result)
        self._fail(again, text, finished)
        _take_from_terminal(self._config, report)
        was_complete = _take_from_junit(self._config, report)
        hook = self._config.hook.pytest_runtest_logreport
        hook(report=again)
        if was_complete:
            hook(report=_teardown_of(again))


def _add_properties(report: Any, result: CaseResult) -> None:
    """Put the properties of a comparison in place of those of one run, which did not know whether it would pass."""
    passed = {f"graysplit_passed[{arm.arm}]" for arm in result.arms}
    pairs = compared_properties(result)
    kept = [pair for pair in report.user_properties if pair[0] not in passed | {name for name, _ in pairs}]
    report.user_properties = [*kept, *pairs]


def _text(finished: FinishedPair) -> str:
    """Explain the failure of a comparison; empty if every failure is one of a run by itself, or there is none."""
    pair, result = finished.pair, finished.result
    if pair.problem is not None:
        return visible(str(pair.problem))
    known = [miss for run in (*pair.control, *pair.treatment) for miss in run.arms[0].misses]
    return failure(result) if any(miss not in known for arm in result.arms for miss in arm.misses) else ""


def _take_from_terminal(config: pytest.Config, report: Any) -> None:
    """Take a report out of the counts of the terminal, which counts the next one of the same test."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    for category in ("passed", "xpassed"):
        _take_last(terminal.stats.get(category, []) if terminal is not None else [], lambda one: one is report)


def _take_from_junit(config: pytest.Config, report: Any) -> bool:
    """Take a test out of the JUnit report, which has one entry per test; return whether its entry was complete."""
    xml: Any = config.stash.get(xml_key, None)
    if xml is None:
        return False
    *names, name = mangle_test_address(report.nodeid)
    identity = ".".join([*([xml.prefix] if xml.prefix else []), *names]), bin_xml_escape(name)
    entry = _take_last(xml.node_reporters_ordered, lambda one: _identity(one) == identity)
    if entry is None:
        return False
    xml.stats["passed"] -= 1
    unfinished = [key for key, one in xml.node_reporters.items() if one is entry]
    for key in unfinished:
        del xml.node_reporters[key]
    return not unfinished


def _take_last(entries: list[Any], is_wanted: Callable[[Any], bool]) -> Any:
    """Remove the last wanted entry and return it; None without one. The other arm's test is among the last entries."""
    for place in reversed(range(len(entries))):
        if is_wanted(entries[place]):
            return entries.pop(place)
    return None


def _identity(entry: Any) -> tuple[str | None, str | None]:
    """Return the names of an entry; a complete one has nothing else left but its XML."""
    element = entry.to_xml()
    return element.get("classname"), element.get("name")


def _teardown_of(report: Any) -> Any:
    """Return a report of the end of a test, which completes its entry in the JUnit report."""
    end = copy(report)
    end.when, end.outcome, end.longrepr, end.sections = "teardown", "passed", None, []
    for name in ("graysplit_missed", "wasxfail"):
        end.__dict__.pop(name, None)
    return end
