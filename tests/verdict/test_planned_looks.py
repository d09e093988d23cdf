"""Planned looks: a promotion only at one of them, its critical value, and the texts of the reasons."""

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
def test_verdict_needs_a_planned_look(make_run, decide_on, cases, decision, reason):
    """Every case was passed by both; the number of cases alone decides whether there is a verdict."""
    verdict = decide_on(make_run(both=cases), LOOKS)
    assert verdict.decision == decision
    assert reason in verdict.reasons


@pytest.mark.parametrize(("missing", "decision"), [(0, "promote"), (10, "promote"), (11, "hold")])
def test_look_counts_the_cases_of_the_suite(make_run, decide_on, missing, decision):
    """Up to 5% of them may have no result, whether their case is known or lost with its test."""
    assert decide_on(make_run(both=200 - missing), LOOKS, lost=missing).decision == decision
    results = make_run(both=200 - missing)
    for number in range(missing):
        pair = a_pair(a_case(f"more-{number}"), a_reply(), a_reply("30 days", DEEPSEEK), judged=False)
        results.add(f"more-{number}", (pair,))
    assert decide_on(results, LOOKS).decision == decision


def test_first_look_is_stricter_than_a_single_one(make_run, decide_on, find_criterion):
    """Two lost cases of a hundred promote at a single look with a wide bound, and hold at the first of two."""
    results = make_run(both=98, control=2)
    wide, planned = Policy(margin=0.08), Policy(margin=0.08, looks=(100, 400))
    alone, first = decide_on(results, wide), decide_on(results, planned)
    assert (alone.decision, first.decision) == ("promote", "hold")
    assert (find_criterion(alone, "pass_rate").confidence, find_criterion(first, "pass_rate").confidence) == (
        0.9,
        pytest.approx(0.975),
    )
    assert find_criterion(first, "pass_rate").low < find_criterion(alone, "pass_rate").low
    assert first.reasons[-1] == "look 1 of 2, planned at 100 cases: intervals of 97.5% (z 2.24); the next is at 400"
    assert decide_on(results, Policy(margin=0.08, looks=(100,))).decision == "promote"


def test_last_look_is_named(make_run, decide_on):
    """A later case is not evidence."""
    verdict = decide_on(make_run(both=97, control=3), Policy(looks=(50, 100)))
    assert verdict.decision == "hold"
    assert verdict.reasons[-1].endswith("; it is the last")


@pytest.mark.parametrize(("lost", "decision"), [(30, "reject"), (13, "hold")])
def test_look_is_stricter_about_rejections_too(make_run, decide_on, lost, decision):
    """Clear harm rejects at the first look; harm at the level of one run in forty does not."""
    results = make_run(both=100 - lost, control=lost)
    assert decide_on(results, Policy(margin=0.07)).decision == "reject"
    assert decide_on(results, Policy(margin=0.07, looks=(100, 400))).decision == decision


def test_suite_between_looks_is_rejected_only_by_an_early_stop(make_run, decide_on):
    """An interval between the planned looks would err more often; a bet may be read at any time."""
    assert decide_on(make_run(both=100, control=50), LOOKS).decision == "hold"
    assert (
        decide_on(make_run(control=12), LOOKS, stops={DEEPSEEK: StopReason(side="harm", after=12)}).decision == "reject"
    )


def test_look_applies_to_every_criterion_with_a_bound(make_run, decide_on, find_criterion):
    """Tags too; a figure without a bound keeps its 90%."""
    dice = Random(1)
    results = make_run(
        both=100,
        case=lambda number: {"tags": ("refund",) if number % 2 else ()},
        reply=lambda number: {"treatment": {"latency_s": dice.lognormvariate(0, 0.3)}},
    )
    verdict = decide_on(results, Policy(looks=(100, 400), max_latency_s=3.0))
    sure = {one.name: round(one.confidence, 3) for one in verdict.rows}
    assert sure.pop("savings") == sure.pop("savings_with_fallback") == 0.9
    assert set(sure.values()) == {0.975}
    usual = {one.name: one for one in decide_on(results, Policy(max_latency_s=3.0)).rows}
    for name in ("pass_rate", "errors", "latency", "latency_p95", "latency_budget", "tag:refund"):
        assert find_criterion(verdict, name).high > usual[name].high


def test_early_stop_for_promise_leaves_four_percent_to_the_final_test(make_run, decide_on, find_criterion):
    """The bet has used one: 55 perfect cases promote at 5%, and not at 4%."""
    both = Policy(alpha=0.04)
    assert decide_on(make_run(both=55)).decision == "promote"
    assert [decide_on(make_run(both=cases), both).decision for cases in (59, 60)] == ["hold", "promote"]
    assert find_criterion(decide_on(make_run(both=60), both), "pass_rate").confidence == pytest.approx(0.92)


def test_look_does_not_depend_on_the_order_of_results(make_run):
    """The size of the suite alone decides."""
    results = make_run(both=100)
    assert decide(results, DEEPSEEK, LOOKS, RunFacts()) == decide(results.copy(), DEEPSEEK, LOOKS, RunFacts())
