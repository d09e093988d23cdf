"""Pairing of an application's runs: any order, several samples and treatments, arms that never come."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest
from factories import DEEPSEEK, FLASH, a_case, a_miss, an_app_run, lexical

from pytest_graysplit.evaluation.app_comparison import AppPair
from pytest_graysplit.plugin.report.app_pairing import AppPairing
from pytest_graysplit.verdict.results import CONTROL, Results

CASE = a_case("ticket")


def compare(control, treatment):
    pair = AppPair(control=control, treatment=treatment, score=lexical)
    pair.compare()
    return pair


class Run:
    """The main process of a run: the reports that arrive, and the results that it adds up."""

    def __init__(self):
        self.results = Results()
        self.pairing = AppPairing(self.results, compare)

    def add(self, *runs):
        return [one for run in runs for one in self.pairing.add(run.nodeid, (run,), SimpleNamespace(nodeid=run.nodeid))]

    def figures(self):
        """Return all that a summary is made of."""
        return self.results.arms(), self.results.comparisons(), [row.arms for row in self.results.rows]


def runs_of(*arms, samples=1, case=CASE):
    return [an_app_run(case, arm, "30 days.", sample=n, of=(samples, samples)) for arm in arms for n in range(samples)]


def test_results_do_not_depend_on_the_order_of_arrival():
    """Two samples of three arms arrive in any order, as from several workers."""
    runs = runs_of(CONTROL, DEEPSEEK, FLASH, samples=2)
    found = []
    for seed in range(60):
        run = Run()
        run.add(*Random(seed).sample(runs, len(runs)))
        found.append(run.figures())
    assert all(one == found[0] for one in found)
    [row] = run.results.rows
    assert sorted(row.comparisons) == sorted([DEEPSEEK, FLASH])
    assert {arm: len(result.replies) for arm, result in row.arms.items()} == {CONTROL: 2, DEEPSEEK: 2, FLASH: 2}


def test_pair_is_complete_with_its_last_run_and_counts_each_reply_once():
    control, treatment = runs_of(CONTROL, DEEPSEEK)
    run = Run()
    assert run.add(control) == []
    assert [arm.replies for arm in run.results.arms()] == [1]
    [finished] = run.add(treatment)
    assert (finished.result.nodeid, [report.nodeid for report in finished.reports]) == (
        treatment.nodeid,
        [treatment.nodeid],
    )
    assert run.results.of(control.nodeid) == ()
    assert run.results.of(treatment.nodeid) == (finished.result,)
    assert [arm.replies for arm in run.results.arms()] == [1, 1]
    assert run.results.items == 2
    assert list(run.pairing.about(control.nodeid)) == [finished.result]


def test_control_that_comes_last_completes_the_pair_of_every_treatment():
    control, one, other = runs_of(CONTROL, DEEPSEEK, FLASH)
    run = Run()
    assert run.add(one, other) == []
    assert [finished.result.arms[1].arm for finished in run.add(control)] == [DEEPSEEK, FLASH]
    assert len(run.results.of(control.nodeid)) == 2


@pytest.mark.parametrize("lost", range(4), ids=["control", "control-2", "treatment", "treatment-2"])
def test_run_that_never_comes_leaves_its_case_unjudged(lost):
    """Its worker may have crashed; the costs of the other runs count."""
    runs = runs_of(CONTROL, DEEPSEEK, samples=2)
    del runs[lost]
    run = Run()
    assert run.add(*runs) == []
    [row] = run.results.rows
    assert not row.is_judged((CONTROL, DEEPSEEK))
    assert row.comparisons == {}
    assert sum(arm.replies for arm in run.results.arms()) == 3
    assert run.results.items == 3


def test_second_treatment_that_never_comes_leaves_the_first_pair():
    control, one = runs_of(CONTROL, DEEPSEEK)
    run = Run()
    run.add(control, one)
    [row] = run.results.rows
    assert row.is_judged((CONTROL, DEEPSEEK))
    assert row.unjudged_because((CONTROL, FLASH)) == "one model without a result"


def test_second_report_of_an_item_replaces_the_first():
    """A test that fails in its teardown reports again, and then it did not pass."""
    control, treatment = runs_of(CONTROL, DEEPSEEK)
    run = Run()
    run.add(control, treatment)
    failed = replace(control, arms=(replace(control.arms[0], misses=(a_miss(CONTROL, kind="body"),)),))
    run.add(failed)
    [row] = run.results.rows
    assert [row.arms[arm].passed for arm in (CONTROL, DEEPSEEK)] == [False, True]
    assert run.results.of(control.nodeid) == ()


def test_functions_with_the_same_cases_are_not_mixed():
    """Two functions may read one file of cases, whose ids are then equal."""
    run = Run()
    pairs = [
        [replace(one, nodeid=f"t.py::{name}[{one.arms[0].arm}]") for one in runs_of(CONTROL, DEEPSEEK)] for name in "ab"
    ]
    finished = run.add(*(pairs[0][0], pairs[1][1], pairs[1][0], pairs[0][1]))
    assert [one.result.nodeid for one in finished] == ["t.py::b[control]", f"t.py::a[{DEEPSEEK}]"]
    assert len(run.results.rows) == 1
