"""Planned looks: a promotion only at one of them, with its own critical value, and what the reasons say."""

from random import Random

import pytest
from factories import DEEPSEEK, a_case, a_pair, a_reply

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.verdict import RunFacts, StopReason, decide

LOOKS = Policy(looks=(100, 200, 400))


@pytest.mark.parametrize(
    ("cases", "decision", "reason"),
    [
        (60, "hold", "the suite has 60 cases, before the first planned look at 100"),
        (100, "promote", "look 1 of 3, planned at 100 cases: intervals of 97.5% (z 2.24)"),
        (150, "hold", "the suite has 150 cases, between the planned looks 100 and 200: the next verdict is at 200"),
        (199, "hold", "the suite has 199 cases, between the planned looks 100 and 200: the next verdict is at 200"),
        (200, "promote", "look 2 of 3, planned at 200 cases: intervals of 96.6% (z 2.13)"),
        (400, "promote", "look 3 of 3, planned at 400 cases: intervals of 93.2% (z 1.83)"),
        (401, "hold", "the suite has 401 cases, beyond the last planned look at 400: a new verdict needs a new suite"),
    ],
)
def test_only_a_planned_look_promotes(run, judge, cases, decision, reason):
    """Every case was passed by both; the number of cases alone says whether there is a verdict."""
    verdict = judge(run(both=cases), LOOKS)
    assert verdict.decision == decision
    assert reason in verdict.reasons


@pytest.mark.parametrize(("missing", "decision"), [(0, "promote"), (10, "promote"), (11, "hold")])
def test_the_cases_of_the_suite_decide_which_look_it_is(run, judge, missing, decision):
    """Up to 5% of them may have no result, whether their case is known or lost with its test."""
    assert judge(run(both=200 - missing), LOOKS, lost=missing).decision == decision
    results = run(both=200 - missing)
    for number in range(missing):
        pair = a_pair(a_case(f"more-{number}"), a_reply(), a_reply("30 days", DEEPSEEK), judged=False)
        results.add(f"more-{number}", (pair,))
    assert judge(results, LOOKS).decision == decision


def test_the_first_look_asks_for_more_than_a_single_one(run, judge, row):
    """Two lost cases of a hundred promote where it is the only look and the bound is wide, and hold at the first of two."""
    results = run(both=98, control=2)
    wide, planned = Policy(margin=0.08), Policy(margin=0.08, looks=(100, 400))
    alone, first = judge(results, wide), judge(results, planned)
    assert (alone.decision, first.decision) == ("promote", "hold")
    assert (row(alone, "pass_rate").confidence, row(first, "pass_rate").confidence) == (0.9, pytest.approx(0.975))
    assert row(first, "pass_rate").low < row(alone, "pass_rate").low
    assert first.reasons[-1] == "look 1 of 2, planned at 100 cases: intervals of 97.5% (z 2.24); the next is at 400"
    assert judge(results, Policy(margin=0.08, looks=(100,))).decision == "promote"


def test_the_last_look_says_so(run, judge):
    """No case after it is evidence."""
    verdict = judge(run(both=97, control=3), Policy(looks=(50, 100)))
    assert verdict.decision == "hold"
    assert verdict.reasons[-1].endswith("; it is the last")


@pytest.mark.parametrize(("lost", "decision"), [(30, "reject"), (13, "hold")])
def test_a_rejection_spends_its_error_too(run, judge, lost, decision):
    """Harm beyond doubt rejects at the first look; what is rejected once in forty runs by chance does not."""
    results = run(both=100 - lost, control=lost)
    assert judge(results, Policy(margin=0.07)).decision == "reject"
    assert judge(results, Policy(margin=0.07, looks=(100, 400))).decision == decision


def test_between_looks_nothing_is_rejected_but_by_an_early_stop(run, judge):
    """An interval that is looked at between the planned looks would err more often; a bet may always be looked at."""
    assert judge(run(both=100, control=50), LOOKS).decision == "hold"
    assert judge(run(control=12), LOOKS, stops={DEEPSEEK: StopReason(side="harm", after=12)}).decision == "reject"


def test_every_critical_row_is_held_at_the_look(run, judge, row):
    """Other rows and tags have the confidence of the look as well; what is only shown keeps its 90%."""
    dice = Random(1)
    results = run(
        both=100,
        case=lambda number: {"tags": ("refund",) if number % 2 else ()},
        reply=lambda number: {"treatment": {"latency_s": dice.lognormvariate(0, 0.3)}},
    )
    verdict = judge(results, Policy(looks=(100, 400), max_latency_s=3.0))
    sure = {one.name: round(one.confidence, 3) for one in verdict.rows}
    assert sure.pop("savings") == sure.pop("savings_with_fallback") == 0.9
    assert set(sure.values()) == {0.975}
    usual = {one.name: one for one in judge(results, Policy(max_latency_s=3.0)).rows}
    for name in ("pass_rate", "errors", "latency", "latency_p95", "latency_budget", "tag:refund"):
        assert row(verdict, name).high > usual[name].high


def test_an_early_stop_for_promise_leaves_four_percent_to_the_final_test(run, judge, row):
    """The bet has spent one: 55 perfect cases promote at 5%, and not at 4%."""
    both = Policy(alpha=0.04)
    assert judge(run(both=55)).decision == "promote"
    assert [judge(run(both=cases), both).decision for cases in (59, 60)] == ["hold", "promote"]
    assert row(judge(run(both=60), both), "pass_rate").confidence == pytest.approx(0.92)


def test_looks_hold_in_any_order_of_results(run):
    """A look is decided by the suite alone."""
    results = run(both=100)
    assert decide(results, DEEPSEEK, LOOKS, RunFacts()) == decide(results.copy(), DEEPSEEK, LOOKS, RunFacts())
