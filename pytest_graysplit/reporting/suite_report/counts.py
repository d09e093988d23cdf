"""Counts of the wrong answers that a suite noticed: in all, by kind, and by case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.evaluation.mutations import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.evaluation.mutations import Kind
    from pytest_graysplit.evaluation.mutations.findings import CaseFindings, State, SuiteFindings

# The reasons why a case was not checked, in the order of a report.
LEFT_OUT: dict[State, str] = {
    "fails": "the control's own answer already fails",
    "unchanged": "no wrong answer could be made of the right one",
    "unstable": "the control's own answer passes only sometimes",
    "unrecorded": "the control's answer is not recorded",
    "judged": "only a model could judge another answer (judge, vectors, rubric), or it is a conversation",
    "from-body": "the prompts are sent from the body of the test",
    "application": "the test runs an application, whose requests depend on the answers",
    "broken": "the test itself breaks",
    "skipped": "the test is skipped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """The wrong answers of one kind: all, those that were caught, and the names of cases that missed one."""

    kind: Kind
    mutants: int
    caught: int
    missed_in: tuple[str, ...]


def caught_share(found: SuiteFindings) -> stats.Interval:
    """Return the share of wrong answers that were caught, with a 95% interval in which a case counts once.

    Wrong answers of one case are noticed by the same checks, so more of them are not more evidence.
    """
    mutants, cases = found.mutants, sum(bool(case.mutants) for case in found.checked)
    caught = sum(mutant.state == "caught" for mutant in mutants)
    return stats.wilson(cases * caught / len(mutants) if mutants else 0, cases)


def by_kind(found: SuiteFindings) -> list[KindCount]:
    """Count the wrong answers by kind; kinds without any are left out."""
    names = display_names(found.cases)
    counts = []
    for kind in KINDS:
        pairs = [(case, mutant) for case in found.checked for mutant in case.mutants if mutant.kind == kind]
        missed = dict.fromkeys(names[case.nodeid] for case, mutant in pairs if mutant.state != "caught")
        if pairs:
            caught = sum(mutant.state == "caught" for _, mutant in pairs)
            counts.append(KindCount(kind=kind, mutants=len(pairs), caught=caught, missed_in=tuple(missed)))
    return counts


def display_names(cases: Iterable[CaseFindings]) -> dict[str, str]:
    """Return the name of each case by node id: its id, or the node id where two cases share their id."""
    every = list(cases)
    ids = Counter(case.name for case in every)
    return {case.nodeid: case.nodeid if ids[case.name] > 1 else case.name for case in every}


def left_out(found: SuiteFindings) -> dict[State, list[CaseFindings]]:
    """Return the cases that were not checked, by reason."""
    cases = {state: [case for case in found.cases if case.state == state] for state in LEFT_OUT}
    return {state: some for state, some in cases.items() if some}
