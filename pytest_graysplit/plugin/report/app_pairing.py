"""Pairing of an application's runs in the main process: each pair of arms becomes one result when its last run ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.types import CONTROL
from pytest_graysplit.verdict.results.app_runs import alone, facts_of, is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_graysplit.evaluation.app_comparison import AppPair
    from pytest_graysplit.verdict.results import CaseResult, Results

    # Compares the runs of both arms of one case, by number.
    _Compare = Callable[[Sequence[CaseResult], Sequence[CaseResult]], AppPair]


class AppRunReport(NamedTuple):
    """The result of one run of an application, and the report of its test."""

    nodeid: str
    result: CaseResult
    report: Any


class FinishedPair(NamedTuple):
    """A pair of arms whose last run has ended: its comparison, its result, and the reports of the treatment's runs."""

    pair: AppPair
    result: CaseResult
    reports: tuple[Any, ...]


@dataclass(slots=True)
class _AppCase:
    """The runs of one case by arm and number, in the order in which they ended, and the pairs that are complete."""

    runs: dict[tuple[str, int], AppRunReport] = field(default_factory=dict)
    others: dict[str, tuple[CaseResult, ...]] = field(default_factory=dict)
    pairs: dict[str, CaseResult] = field(default_factory=dict)

    def runs_of(self, arm: str) -> list[AppRunReport]:
        return [self.runs[key] for key in sorted(self.runs) if key[0] == arm]

    def results_of(self, arm: str) -> list[CaseResult]:
        return [run.result for run in self.runs_of(arm)]

    @property
    def treatments(self) -> list[str]:
        return list(dict.fromkeys(arm for arm, _ in self.runs if arm != CONTROL))

    def last_of(self, *arms: str) -> str:
        """Return the node id of the run of these arms that ended last."""
        return [run.nodeid for (arm, _), run in self.runs.items() if arm in arms][-1]

    def by_nodeid(self) -> dict[str, tuple[CaseResult, ...]]:
        """Return the results that each item of the case stands for: a pair at its last item, and arms without a pair.

        The other items have none, so that each reply counts once.
        """
        shown = {run.nodeid: [*self.others.get(run.nodeid, ())] for run in self.runs.values()}
        for treatment, result in self.pairs.items():
            shown[self.last_of(CONTROL, treatment)].append(result)
        paired = {CONTROL, *self.pairs} if self.pairs else set[str]()
        for arm in {arm: None for arm, _ in self.runs if arm not in paired}:
            shown[self.last_of(arm)].append(alone(self.results_of(arm)))
        return {nodeid: tuple(results) for nodeid, results in shown.items()}


class AppPairing:
    """The runs of all applications so far; it puts the results of complete pairs into the results of the run."""

    def __init__(self, results: Results, compare: _Compare) -> None:
        """Keep the runs of one session; `compare` compares both arms of a case."""
        self._results = results
        self._compare = compare
        # By the test function and the key of the case: two functions may have the same cases.
        self._cases: dict[tuple[str, ...], _AppCase] = {}
        self._case_of: dict[str, _AppCase] = {}

    def add(self, nodeid: str, results: tuple[CaseResult, ...], report: Any) -> list[FinishedPair]:
        """Add the results of an item with a run of an application; return the pairs that are now complete.

        A further report of the item replaces its results.
        """
        [run, *more] = sorted(results, key=lambda one: one.app is None)
        case = self._cases.setdefault((nodeid.partition("[")[0], *run.key), _AppCase())
        self._case_of[nodeid] = case
        facts = facts_of(run)
        case.runs[facts.arm, facts.sample] = AppRunReport(nodeid, run, report)
        case.others[nodeid] = tuple(more)
        finished = list(self._finished(case, facts.arm))
        for item, some in case.by_nodeid().items():
            self._results.add(item, some)
        return finished

    def about(self, nodeid: str) -> Iterable[CaseResult]:
        """Return the results of the case that an item has a run of; empty for any other item."""
        case = self._case_of.get(nodeid)
        return [result for some in case.by_nodeid().values() for result in some] if case is not None else ()

    def _finished(self, case: _AppCase, arm: str) -> Iterator[FinishedPair]:
        """Compare the complete pairs that the arm is a part of."""
        control = case.results_of(CONTROL)
        for treatment in case.treatments if arm == CONTROL else [arm]:
            runs = case.runs_of(treatment)
            others = case.results_of(treatment)
            if is_complete(control) and is_complete(others):
                pair = self._compare(control, others)
                case.pairs[treatment] = result = pair.result(case.last_of(CONTROL, treatment))
                yield FinishedPair(pair, result, tuple(run.report for run in runs))
