"""Trials: each is one run of a test with one answer in the treatment's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import pytest
from _pytest.runner import runtestprotocol

from pytest_graysplit.plugin.collect.plans import PLAN, drop
from pytest_graysplit.plugin.evaluate.evaluator import CASE_RUNS
from pytest_graysplit.plugin.run.outcomes import COUNTED
from pytest_graysplit.plugin.workers import unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.evaluation.mutations.findings import State
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.suite_check.stand_in import StandIn
    from pytest_graysplit.types import Reply
    from pytest_graysplit.verdict.results import CaseResult

Outcome: TypeAlias = Literal["passed", "failed", "broke", "unjudged"]
_UNRECORDED = "not recorded"


class Trial(NamedTuple):
    """The outcome of a test with one answer; `because` says more about one that could not be judged.

    `state` is that of the case if this was the control's own answer.
    """

    outcome: Outcome
    state: State
    because: str = ""
    checks: tuple[str, ...] = ()
    asserted: bool = False


class Trials:
    """The hook that runs a test without counting it, so that the same test can run again and again."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._reports: list[pytest.TestReport] = []
        # The plan of the last test; one whose prompt a fixture makes has it only while it runs.
        self.plan: Plan | None = None

    def run_all(self, planned: Sequence[tuple[pytest.Item, Reply | None]]) -> list[Trial]:
        """Run tests one after the other, each with the control's own answer or with another one."""
        following = iter([*(item for item, _ in planned[1:]), None])
        return [self.run(item, next(following), reply) for item, reply in planned]

    def run(self, item: pytest.Item, then: pytest.Item | None, other: Reply | None = None) -> Trial:
        """Run the test with the control's own answer, or with another one; `then` is the item of the next trial.

        Fixtures of modules and sessions live on until no later test needs them, as in any run.
        """
        drop(item, CASE_RUNS, COUNTED)
        self._stand_in.other, self.plan = other, None
        # If the same test is the next one, its own fixtures end, and those of its class or module live on.
        following = item.parent if then is item else then
        # Through the hook, so that the wrappers of other plugins, such as filters of warnings, are around each trial.
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return _trial(self._reports)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run the test and keep its reports, which no reporter sees."""
        self._reports = runtestprotocol(item, log=False, nextitem=nextitem)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Keep the plan of the test."""
        self.plan = item.stash.get(PLAN, None)


def _trial(reports: Sequence[Any]) -> Trial:
    results: tuple[CaseResult, ...] = ()
    for report in reports:
        given = getattr(report, "graysplit", None)
        if given is not None:
            results = unpacked(given) if isinstance(given, bytes) else given
    if len(results) == 1:
        return _judged(results[0])
    if results:
        return Trial("unjudged", "from-body")
    for report in reports:
        if report.outcome == "failed":
            return Trial("unjudged", "broken", _cause(report))
    return Trial("unjudged", "skipped")


def _judged(result: CaseResult) -> Trial:
    """Read the result of the last arm, which is the treatment's."""
    arm = result.arms[-1]
    if arm.bug:
        return Trial("broke", "broken", arm.bug, asserted=result.asserted)
    if not arm.judged:
        state: State = "unrecorded" if arm.unjudged_because == _UNRECORDED else "skipped"
        return Trial("unjudged", state, arm.unjudged_because, asserted=result.asserted)
    if arm.misses:
        checks = tuple(dict.fromkeys(miss.check or str(miss.kind) for miss in arm.misses))
        return Trial("failed", "fails", arm.misses[0].problem, checks, asserted=result.asserted)
    return Trial("passed", "checked", asserted=result.asserted)


def _cause(report: Any) -> str:
    lines = str(report.longreprtext).strip().splitlines() or ["it failed without a message"]
    return lines[-1].removeprefix("E ").strip()
