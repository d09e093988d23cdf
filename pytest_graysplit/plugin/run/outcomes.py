"""Judges each test when its body has ended; a test that is red in the end is a miss, whatever made it red."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import RelayError, UnaskedError
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.plugin.collect.adopting import AWAITED
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.context import EXCHANGES, drop
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.report.plain_reports import show_plainly
from pytest_graysplit.plugin.run.case_run import failed_miss
from pytest_graysplit.plugin.xdist.worker_reports import packed
from pytest_graysplit.reporting.failure import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import State
    from pytest_graysplit.verdict.results import CaseResult

RESULTS = pytest.StashKey[tuple["CaseResult", ...]]()
# What we failed the test with, empty where we did not; there from the end of the body on.
SAID = pytest.StashKey[str]()
# A later attempt at a test is not counted: the first one is what the model did.
COUNTED = pytest.StashKey[bool]()
_SEE_OTHER_MESSAGE = "a hook, another plugin or a fixture failed it; its own message says more"


class Outcomes:
    """The hooks of every process that runs tests which judge them and put results on their reports."""

    def __init__(self, state: State, complete_setup: Callable[[pytest.Item], None]) -> None:
        """Judge for one run; `complete_setup` is called when the fixtures of a test are there."""
        self._state = state
        self._complete_setup = complete_setup
        self._pid = os.getpid()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Complete the plan of a test with what its fixtures have brought."""
        result = yield
        self._complete_setup(item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Assert thresholds and budgets when the body has ended, so that a miss is a failed test."""
        plan = item.stash.get(PLAN, None)
        if plan is not None:
            self._refuse_without_reply(item, plan)
        try:
            outcome = yield
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            if EXCHANGES in item.stash:
                self._body_raised(item, error)
            raise
        finally:
            item.stash[SAID] = ""
        if EXCHANGES in item.stash:
            self._fail_or_skip(item)
        return outcome

    def _body_raised(self, item: pytest.Item, error: BaseException) -> None:
        exchanges = item.stash[EXCHANGES]
        if not _is_skip(error):
            _note_error(item, error)
            item.add_report_section("call", "graysplit", self._judge(item))
        # It skips because of us, and is counted; so is one that skips after a subtest has failed.
        elif any(exchange.unasked or exchange.body_error or exchange.bug for exchange in exchanges):
            self._judge(item)

    def _refuse_without_reply(self, item: pytest.Item, plan: Plan) -> None:
        exchange = self._state.exchange(item, plan)
        if not exchange.blocked:
            return
        if isinstance(exchange.problem, RelayError):
            self._state.stop_run(item.session, exchange.problem)
        self._fail_or_skip(item)

    def _fail_or_skip(self, item: pytest.Item) -> None:
        """Fail the test with what was missed; skip it where the cap kept a reply from being asked for."""
        item.stash[SAID] = text = self._judge(item)
        if text:
            pytest.fail(text, pytrace=False)
        for exchange in item.stash[EXCHANGES]:
            if isinstance(exchange.problem, UnaskedError):
                raise pytest.skip.Exception(exchange.problem.problem, _use_item_location=True)

    def _judge(self, item: pytest.Item) -> str:
        """Judge all exchanges of the item, keep the results for the report, and return what failed, as text."""
        exchanges = item.stash[EXCHANGES]
        results = tuple(exchange.result(item.nodeid) for exchange in exchanges)
        item.stash[RESULTS] = results
        if pytest_option(self._state.config, "xmlpath") and COUNTED not in item.stash:
            item.user_properties += [pair for result in results for pair in _properties(result)]
        texts = [
            failure(result, exchange.problem)
            for result, exchange in zip(results, exchanges, strict=True)
            if not exchange.unasked
        ]
        return "\n\n".join(text for text in texts if text)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the results on the report when every other plugin has had its say on it."""
        report = yield
        if call.when == "call" and EXCHANGES in item.stash:
            show_plainly(report, coloured=_writes_in_colour(item.config))
            if SAID in item.stash:
                self._report_body(item, report)
            else:
                self._note_subtest(item, report, call.excinfo)
        elif call.when == "teardown":
            self._report_teardown(item, report)
        return report

    def _report_body(self, item: pytest.Item, report: Any) -> None:
        exchanges = item.stash[EXCHANGES]
        results = item.stash.get(RESULTS, ())
        # A miss may be forgiven; a reply that could not be had, and a bug in the test, say nothing of a model.
        told = all(one.problem is None and not one.bug for one in exchanges)
        forgiving = self._state.settings.gate != "case" and told
        del item.stash[EXCHANGES]
        if report.outcome == "failed" and _is_unexpected_pass(report):
            if forgiving:
                report.outcome, report.longrepr = "passed", None
        elif report.outcome == "failed":
            if not item.stash[SAID] or report.longreprtext.strip() != item.stash[SAID].strip():
                results = _reddened(results, _cause(report))
            if forgiving:
                _forgive(report)
        item.stash[RESULTS] = results
        if results and COUNTED not in item.stash:
            self._attach(report, results)

    def _report_teardown(self, item: pytest.Item, report: Any) -> None:
        """Count a test that fails after its body as missed, and forget what a further attempt must not see."""
        results = item.stash.get(RESULTS, ())
        if results and COUNTED not in item.stash:
            item.stash[COUNTED] = True
            if report.outcome == "failed":
                self._attach(report, _reddened(results, _cause(report)))
        drop(item, EXCHANGES, RESULTS, SAID)
        if AWAITED in item.stash:
            drop(item, PLAN)

    def _note_subtest(self, item: pytest.Item, report: Any, raised: pytest.ExceptionInfo[BaseException] | None) -> None:
        """Keep that a subtest failed until the body ends: its report comes first, and carries no results."""
        if report.outcome != "failed":
            return
        _note_error(item, pytest.fail.Exception(_cause(report)) if raised is None else raised.value)
        if self._state.settings.gate != "case" and not item.stash[EXCHANGES][0].bug:
            report.outcome, report.longrepr = "passed", None

    def _attach(self, report: Any, results: tuple[CaseResult, ...]) -> None:
        # A test that runs in a fork reports through a pipe that takes only what Python can marshal.
        report.graysplit = results if os.getpid() == self._pid else packed(results)


def _reddened(results: tuple[CaseResult, ...], cause: str) -> tuple[CaseResult, ...]:
    """Return the results with a miss of the last arm judged, where it has none."""
    if not results:
        return results
    *others, last = results
    *arms, arm = last.arms
    if arm.misses or not arm.judged or arm.unasked:
        return results
    miss = failed_miss(arm.arm, f"the test failed: {cause}", _SEE_OTHER_MESSAGE)
    missed = replace(arm, misses=(miss,), share=0.0)
    return (*others, replace(last, arms=(*arms, missed)))


def _note_error(item: pytest.Item, error: BaseException) -> None:
    """Keep an error of the body: a miss of one case is about that case, while after a bug no case was looked at."""
    exchanges = item.stash[EXCHANGES]
    current = exchanges[0 if PLAN in item.stash else -1]
    current.note_error(error)
    for exchange in exchanges:
        exchange.bug = exchange.bug or current.bug


def _is_skip(error: BaseException) -> bool:
    """Tell whether pytest shows the error as a skip; unittest's own is known only where it has been imported."""
    skipping = getattr(sys.modules.get("unittest"), "SkipTest", pytest.skip.Exception)
    return isinstance(error, pytest.skip.Exception | skipping)


def _properties(result: CaseResult) -> list[tuple[str, object]]:
    """What JUnit shows of a case: `graysplit_...` properties, for dashboards that read them."""
    pairs: list[tuple[str, object]] = [("graysplit_case", on_one_line(result.case.id))]
    if result.comparison is not None and result.comparison.similarity is not None:
        pairs.append(("graysplit_similarity", round(result.comparison.similarity, 4)))
    if result.comparison is not None and result.comparison.self_similarity is not None:
        pairs.append(("graysplit_self_similarity", round(result.comparison.self_similarity, 4)))
    for arm in result.arms:
        name = on_one_line(arm.arm)  # names of properties are written into XML as they are
        if arm.judged:
            pairs.append((f"graysplit_passed[{name}]", str(arm.passed).lower()))
        for reply in arm.replies[:1]:
            pairs.append((f"graysplit_outcome[{name}]", reply.outcome))
            if reply.latency_s is not None:
                pairs.append((f"graysplit_latency_s[{name}]", reply.latency_s))
            if reply.cost_usd is not None:
                pairs.append((f"graysplit_cost_usd[{name}]", str(reply.cost_usd)))
    return pairs


def _writes_in_colour(config: pytest.Config) -> bool:
    return config.pluginmanager.has_plugin("terminalreporter") and config.get_terminal_writer().hasmarkup


def _is_unexpected_pass(report: Any) -> bool:
    """Tell whether a test failed only because it is marked xfail(strict=True) and passed."""
    return isinstance(report.longrepr, str) and report.longrepr.startswith("[XPASS(strict)]")


def _cause(report: Any) -> str:
    """Return the assert that failed on one line, not the arguments and the source that a traceback begins with."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash else str(report.longreprtext)
    return (text.removeprefix("Failed: ").strip().splitlines() or ["it failed without a message"])[0]


def _forgive(report: Any) -> None:
    report.graysplit_missed = _cause(report)
    report.sections.append(("graysplit miss", report.longreprtext))
    report.outcome, report.longrepr = "passed", None
