"""Outcomes of tests: each test is judged after its body, and a failed test counts against the model it judges."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import BudgetExceededError, RelayError
from pytest_graysplit.plugin.collect.adopting import AWAITED
from pytest_graysplit.plugin.collect.plans import PLAN, drop
from pytest_graysplit.plugin.evaluate.app_case_run import AppCaseRun
from pytest_graysplit.plugin.evaluate.body_errors import body_failure
from pytest_graysplit.plugin.evaluate.evaluator import CASE_RUNS
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.report.item_reports import escape_failure
from pytest_graysplit.plugin.report.junit_properties import properties
from pytest_graysplit.plugin.workers import packed
from pytest_graysplit.reporting.failure import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.evaluate.case_run import CaseRun
    from pytest_graysplit.plugin.evaluate.evaluator import Evaluator
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.verdict.results import CaseResult

# The name under which these hooks are registered, and again after every conftest.py.
OUTCOMES = "graysplit-outcomes"
RESULTS = pytest.StashKey[tuple["CaseResult", ...]]()
# The text that we failed the test with, empty if we did not; set at the end of the body.
FAILURE_TEXT = pytest.StashKey[str]()
# Set after the first attempt at a test; later attempts are not counted.
COUNTED = pytest.StashKey[bool]()
_SEE_OTHER_MESSAGE = "a hook, another plugin or a fixture failed it; its own message says more"


class Outcomes:
    """The hooks that judge the tests of this process and attach the results to their reports."""

    def __init__(
        self, evaluator: Evaluator, totals: RunTotals, *, gate: str, complete_setup: Callable[[pytest.Item], None]
    ) -> None:
        """Judge by case if `gate` is "case"; `complete_setup` is called after the fixtures of a test."""
        self._evaluator = evaluator
        self._totals = totals
        self._forgives = gate != "case"
        self._complete_setup = complete_setup
        self._pid = os.getpid()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Complete the plan of a test after its fixtures have made its prompt."""
        try:
            result = yield
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            self._setup_raised(item, error)
            raise
        self._complete_setup(item)
        return result

    def _setup_raised(self, item: pytest.Item, error: BaseException) -> None:
        """Judge a test whose fixture has run the application and has failed, like a test whose body has failed."""
        run = item.stash[CASE_RUNS][0] if CASE_RUNS in item.stash else None
        if isinstance(run, AppCaseRun) and run.has_asked and not _is_skip(error):
            self._body_raised(item, error)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Check expectations, thresholds and budgets after the body, so that a failed one is a failed test."""
        plan = item.stash.get(PLAN, None)
        if plan is not None and plan.app is None:
            self._refuse_without_reply(item, plan)
        try:
            outcome = yield
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            if CASE_RUNS in item.stash:
                self._body_raised(item, error)
            raise
        finally:
            item.stash[FAILURE_TEXT] = ""
        if CASE_RUNS in item.stash:
            self._fail_or_skip(item)
        return outcome

    def _body_raised(self, item: pytest.Item, error: BaseException) -> None:
        if not _is_skip(error):
            _note_error(item, error)
            text = self._judge(item)
            self._explain(item, text)
            item.add_report_section("call", "graysplit", text)
        # A test that skips because of the cap counts, and so does one that skips after a failed subtest.
        elif any(run.unasked or run.body_error or run.bug for run in item.stash[CASE_RUNS]):
            self._judge(item)

    def _explain(self, item: pytest.Item, text: str) -> None:
        """Fail or skip the test of an application without the error of its body, which only follows from the cause."""
        run = item.stash[CASE_RUNS][0]
        if isinstance(run, AppCaseRun) and run.explains_error:
            if isinstance(run.problem, BudgetExceededError):
                raise pytest.skip.Exception(run.problem.problem, _use_item_location=True) from None
            raise pytest.fail.Exception(text, pytrace=False) from None

    def _refuse_without_reply(self, item: pytest.Item, plan: Plan) -> None:
        run = self._evaluator.case_run(item, plan)
        if not run.blocked:
            return
        if isinstance(run.problem, RelayError):
            self._totals.stop_run(item.session, run.problem)
        self._fail_or_skip(item)

    def _fail_or_skip(self, item: pytest.Item) -> None:
        """Fail the test with its failed expectations; skip it if the cap was reached before its requests."""
        item.stash[FAILURE_TEXT] = text = self._judge(item)
        if text:
            pytest.fail(text, pytrace=False)
        for run in item.stash[CASE_RUNS]:
            if isinstance(run.problem, BudgetExceededError):
                raise pytest.skip.Exception(run.problem.problem, _use_item_location=True)

    def _judge(self, item: pytest.Item) -> str:
        """Judge all case runs of the item, keep their results for the report, and return the failures as text."""
        runs: list[CaseRun] = item.stash[CASE_RUNS]
        for run in runs:
            run.conclude()
            if PLAN in item.stash and isinstance(run.problem, RelayError) and item.stash[PLAN].app is not None:
                self._totals.stop_run(item.session, run.problem)
        results = tuple(run.result(item.nodeid) for run in runs)
        item.stash[RESULTS] = results
        if pytest_option(item.config, "xmlpath") and COUNTED not in item.stash:
            item.user_properties += [pair for result in results for pair in properties(result)]
        texts = [failure(result, run.problem) for result, run in zip(results, runs, strict=True) if not run.unasked]
        return "\n\n".join(text for text in texts if text)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the results to the report after every other plugin has changed it."""
        report = yield
        if call.when == "call" and CASE_RUNS in item.stash:
            escape_failure(report, coloured=_writes_in_colour(item.config))
            if FAILURE_TEXT in item.stash:
                self._report_body(item, report)
            else:
                self._note_subtest(item, report, call.excinfo)
        elif call.when == "setup" and RESULTS in item.stash:
            results = item.stash[RESULTS]
            del item.stash[CASE_RUNS]
            if COUNTED not in item.stash:
                self._attach(item, report, results)
        elif call.when == "teardown":
            self._report_teardown(item, report)
        return report

    def _report_body(self, item: pytest.Item, report: Any) -> None:
        results = item.stash.get(RESULTS, ())
        # A failed expectation may be forgiven; an unavailable reply and a bug in the test are not the model's.
        about_model = all(run.problem is None and not run.bug for run in item.stash[CASE_RUNS])
        forgiving = self._forgives and about_model
        del item.stash[CASE_RUNS]
        if report.outcome == "failed" and _is_unexpected_pass(report):
            if forgiving:
                report.outcome, report.longrepr = "passed", None
        elif report.outcome == "failed":
            if not item.stash[FAILURE_TEXT] or report.longreprtext.strip() != item.stash[FAILURE_TEXT].strip():
                results = _with_failure(results, _cause(report))
            if forgiving:
                _forgive(report)
        item.stash[RESULTS] = results
        if results and COUNTED not in item.stash:
            self._attach(item, report, results)

    def _report_teardown(self, item: pytest.Item, report: Any) -> None:
        """Count a test that fails after its body as failed, and clear the stash for a further attempt."""
        results = item.stash.get(RESULTS, ())
        if results and COUNTED not in item.stash:
            item.stash[COUNTED] = True
            if report.outcome == "failed":
                self._attach(item, report, _with_failure(results, _cause(report)))
        drop(item, CASE_RUNS, RESULTS, FAILURE_TEXT)
        if AWAITED in item.stash:
            drop(item, PLAN)

    def _note_subtest(self, item: pytest.Item, report: Any, raised: pytest.ExceptionInfo[BaseException] | None) -> None:
        """Keep the failure of a subtest until the body ends, because its own report comes first and has no results."""
        if report.outcome != "failed":
            return
        _note_error(item, pytest.fail.Exception(_cause(report)) if raised is None else raised.value)
        if self._forgives and not item.stash[CASE_RUNS][0].bug:
            report.outcome, report.longrepr = "passed", None

    def _attach(self, item: pytest.Item, report: Any, results: tuple[CaseResult, ...]) -> None:
        if PLAN not in item.stash:
            report.graysplit_unmarked = True
        results = self._evaluator.for_report(results, item.path)
        # A test that runs in a fork reports through a pipe that takes only types that Python can marshal.
        report.graysplit = results if os.getpid() == self._pid else packed(results)


def _with_failure(results: tuple[CaseResult, ...], cause: str) -> tuple[CaseResult, ...]:
    """Return the results with a failed expectation of the last judged arm, if it has none yet."""
    if not results:
        return results
    *others, last = results
    *arms, arm = last.arms
    if arm.misses or not arm.judged or arm.unasked:
        return results
    failed = body_failure(arm.arm, f"the test failed: {cause}", _SEE_OTHER_MESSAGE)
    checks_share = None if arm.checks_share is None else 0.0
    return (*others, replace(last, arms=(*arms, replace(arm, misses=(failed,), share=0.0, checks_share=checks_share))))


def _note_error(item: pytest.Item, error: BaseException) -> None:
    """Keep an error of the body: a failed expectation belongs to one case, a bug to all cases of the item."""
    runs = item.stash[CASE_RUNS]
    current = runs[0 if PLAN in item.stash else -1]
    current.note_error(error)
    for run in runs:
        run.bug = run.bug or current.bug


def _is_skip(error: BaseException) -> bool:
    """Tell whether pytest shows the error as a skip; that of unittest exists only after its import."""
    skipping = getattr(sys.modules.get("unittest"), "SkipTest", pytest.skip.Exception)
    return isinstance(error, pytest.skip.Exception | skipping)


def _writes_in_colour(config: pytest.Config) -> bool:
    return config.pluginmanager.has_plugin("terminalreporter") and config.get_terminal_writer().hasmarkup


def _is_unexpected_pass(report: Any) -> bool:
    """Tell whether a test failed only because it is marked xfail(strict=True) and passed."""
    return isinstance(report.longrepr, str) and report.longrepr.startswith("[XPASS(strict)]")


def _cause(report: Any) -> str:
    """Return the failed assert on one line, without the arguments and the source at the top of a traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash else str(report.longreprtext)
    return (text.removeprefix("Failed: ").strip().splitlines() or ["it failed without a message"])[0]


def _forgive(report: Any) -> None:
    report.graysplit_missed = _cause(report)
    report.sections.append(("graysplit miss", report.longreprtext))
    report.outcome, report.longrepr = "passed", None
