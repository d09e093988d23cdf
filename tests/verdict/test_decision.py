"""Promote, hold or reject: each rule by itself, the order of the rules, and what the reasons say."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from specimens import DEEPSEEK, SONNET, a_case, a_miss, a_pair, a_reply, collected

from pytest_graysplit.policy import Policy
from pytest_graysplit.results import Results
from pytest_graysplit.verdict import RunFacts, Stop, decide


def decided(verdict):
    return verdict.decision, verdict.reasons


def test_a_treatment_that_is_not_worse_is_promoted(run, judge):
    """120 cases, of which each model alone passes two."""
    verdict = judge(run(both=116, treatment=2, control=2))
    assert decided(verdict) == ("promote", ("pass rate is at most 3.5 points worse, the margin is 5.0",))
    assert verdict.needed is None


def test_a_treatment_that_is_worse_is_rejected(run, judge):
    """Thirty of a hundred cases are passed by the control alone."""
    assert decided(judge(run(both=70, control=30))) == (
        "reject",
        ("pass rate is at least 23.1 points worse, the margin is 5.0",),
    )


def test_a_run_that_cannot_tell_holds_and_says_how_many_cases_would(run, judge):
    """Neither bound has crossed the margin."""
    verdict = judge(run(both=112, treatment=2, control=5, neither=1))
    assert decided(verdict) == (
        "hold",
        (
            "pass rate may be 6.9 points worse, the margin is 5.0; about 34 more cases would decide if it is as good as the control, about 451 more if it is as it looks",
            "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks",
        ),
    )
    assert (verdict.needed, verdict.needed_if_equal) == (571, 154)


def test_fewer_than_thirty_cases_hold(run, judge):
    """Even where every answer was right; and the number is the least that can show so little without any miss."""
    assert decided(judge(run(both=8))) == (
        "hold",
        (
            "8 cases cannot carry a verdict, 30 are the least",
            "pass rate may be 25.3 points worse, the margin is 5.0; at least 47 more cases are needed",
        ),
    )


@pytest.mark.parametrize(("cases", "decision"), [(51, "hold"), (54, "hold"), (55, "promote")])
def test_fifty_five_perfect_cases_are_the_least_that_promote(run, judge, row, cases, decision):
    """From 52 on Tango's interval clears the margin; up to 54, more than 6 in 100 bad treatments would look as good."""
    verdict = judge(run(both=cases))
    assert verdict.decision == decision
    assert (row(verdict, "pass_rate").low > -0.05) == (cases >= 52)


@pytest.mark.parametrize("margin", [0.05, 0.10])
def test_a_bad_treatment_is_promoted_in_six_of_a_hundred_runs_at_the_most(run, judge, margin):
    """Counted exactly, where it is worst: all discordant cases are lost ones, as many as the margin."""
    policy = Policy(margin=margin)
    for cases in (30, 42, 52, 54, 55, 88, 100):
        decisions = [judge(run(both=cases - lost, control=lost), policy).decision for lost in range(8)]
        promoted = [lost for lost, decision in enumerate(decisions) if decision == "promote"]
        assert sum(binom.pmf(lost, cases, margin) for lost in promoted) <= 0.06


def test_mcnemar_is_told_and_decides_nothing(run, judge):
    """Six against sixteen: the published mid-p; no pair has none."""
    assert judge(run(both=139, treatment=6, control=16)).mcnemar_midp == pytest.approx(0.03469, abs=1e-5)
    assert judge(collected(a_pair(a_case(), a_reply(), a_reply("x", DEEPSEEK), judged=False))).mcnemar_midp is None


def test_a_wider_margin_needs_fewer_cases(run, judge):
    """Ten points: 30 pairs are the least of all runs."""
    assert judge(run(both=30), Policy(margin=0.10)).decision == "promote"
    assert judge(run(both=29), Policy(margin=0.10)).decision == "hold"


def test_nothing_is_never_a_pass(judge):
    """A run without a judged pair holds."""
    results = collected(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), judged=False))
    verdict = judge(results)
    assert verdict.decision in ("hold", "reject")
    assert "no case was judged on both models" in verdict.reasons


@pytest.mark.parametrize(
    "facts", [{"cut": ("partial run: 3 tests left out by selection",)}, {"budget": "out of money"}]
)
def test_a_run_that_is_not_whole_never_promotes_and_never_rejects(run, judge, facts):
    """The first reason is that it is not whole."""
    for results in (run(both=200), run(both=100, control=100)):
        verdict = judge(results, **facts)
        assert verdict.decision == "hold"
        assert verdict.reasons[0] in ("partial run: 3 tests left out by selection", "out of money")


@pytest.mark.parametrize(
    ("lost", "decision"), [(0, "promote"), (10, "promote"), (11, "hold"), (199, "hold"), (200, "reject")]
)
def test_missing_cases_hold_and_half_of_them_reject(run, judge, lost, decision):
    """5% may be missing; where as many are missing as are there, something is broken."""
    verdict = judge(run(both=200), lost=lost)
    assert verdict.decision == decision
    if decision != "promote":
        assert verdict.reasons[0] == f"{lost} of {200 + lost} cases have no result on both models"


def test_a_case_that_must_pass_rejects_by_itself(run, judge):
    """One miss in 200 cases, and in a run that is partial too."""
    results = run(both=199, control=1, case=lambda number: {"must_pass": number == 199})
    for facts in ({}, {"cut": ("partial run: 3 tests left out by selection",)}):
        assert decided(judge(results, **facts)) == (
            "reject",
            ("must_pass case missed: tests/test_support.py::case-0199",),
        )
    assert judge(run(both=199, control=1)).decision == "promote"


def test_a_case_that_must_pass_says_nothing_where_the_treatment_passes(run, judge):
    """The control's miss is the control's."""
    assert judge(run(both=199, treatment=1, case=lambda number: {"must_pass": number == 199})).decision == "promote"


def served(number, **fields):
    return {"treatment": fields if number == 7 else {}}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"served_model": "deepseek-v3.2-mini"},
            "deepseek-v3.2 was asked for, deepseek-v3.2-mini answered: 1 reply",
        ),
        ({"fell_back": True}, "the gateway retried or fell back by itself: 1 reply"),
        ({"outcome": "truncated"}, "deepseek-v3.2 was cut off at its token limit: 1 of 200 replies (0.5%)"),
    ],
)
def test_doubtful_answers_hold(run, judge, fields, reason):
    """Another model, a gateway's own fallback, a cut answer: one of them is enough to keep a promotion back."""
    assert decided(judge(run(both=200, reply=lambda number: served(number, **fields)))) == ("hold", (reason,))


@pytest.mark.parametrize(
    ("fields", "decision"), [({"served_model": "gpt-5"}, "hold"), ({"outcome": "truncated"}, "reject")]
)
def test_answers_of_another_model_reject_nobody_and_cut_ones_do(run, judge, fields, decision):
    """What another model said is no evidence against this one; a cut answer is its own."""
    results = run(both=100, control=100, reply=lambda number: served(number, **fields))
    assert judge(results).decision == decision


def test_models_that_were_asked_differently_hold():
    """The pair compares two things, whatever the figures say."""
    results = Results()
    for number in range(60):
        pair = a_pair(a_case(f"case-{number}"), a_reply(), a_reply("30 days", DEEPSEEK))
        results.add(str(number), (replace(pair, differing=("temperature", "seed")),))
    verdict = decide(results, DEEPSEEK, Policy(), RunFacts())
    assert decided(verdict) == ("hold", ("the models were not asked alike, seed and temperature differ: 60 cases",))


def test_an_early_stop_for_harm_rejects_however_few_cases_it_took(run, judge):
    """That is what it stopped for; the rest of the suite is not missing."""
    verdict = judge(run(control=12), stops={DEEPSEEK: Stop(side="harm", after=12)})
    assert decided(verdict) == ("reject", ("pass rate: harm was shown after 12 cases, and the run stopped early",))


def test_an_early_stop_for_promise_promotes_unless_another_critical_row_fails(run, judge):
    """The bet decides the pass rate, and nothing else."""
    stops = {DEEPSEEK: Stop(side="promote", after=25)}
    reason = "promise was shown after 25 cases, and the run stopped early"
    assert decided(judge(run(both=25), stops=stops)) == ("promote", (reason,))
    policy = Policy(critical=("pass_rate", "latency"))
    slow = run(both=25, reply=lambda number: {"treatment": {"latency_s": 2.0 + number / 100}})
    assert judge(slow, policy, stops=stops).decision == "reject"


def test_harm_on_the_way_rejects_where_the_whole_interval_would_not():
    """The bet against "no harm" has won its forty on the first cases; better ones later do not give it back."""
    names = [f"case-{number:04}" for number in range(150)]
    results = Results()
    order = decide_order(names)
    for place, name in enumerate(order):
        missed = [a_miss()] if place < 9 else []
        results.add(name, (a_pair(a_case(name), a_reply(), a_reply("30 days", DEEPSEEK), misses=missed),))
    verdict = decide(results, DEEPSEEK, Policy(), RunFacts())
    assert decided(verdict) == (
        "reject",
        ("pass rate: harm was shown after 9 of 150 cases, in their random order",),
    )


def decide_order(names):
    """The cases in the order in which the bet looks at them."""
    from pytest_graysplit.verdict import order_of

    return sorted(names, key=lambda name: order_of(("tests/test_support.py", name, "0123456789abcdef")))


def test_a_critical_row_without_data_holds(run, judge):
    """Who declares the cost critical, and has no price, gets no promotion."""
    results = run(both=200, reply=lambda number: {"treatment": {"cost": None}})
    assert judge(results).decision == "promote"
    assert decided(judge(results, Policy(critical=("pass_rate", "cost_per_pass")))) == (
        "hold",
        ("nothing was measured for cost per pass",),
    )


def test_a_row_that_is_not_critical_is_told_beside_the_promotion(run, judge):
    """It does not stand in the way, and nobody can say they did not know."""
    results = run(both=200, reply=lambda number: {"treatment": {"latency_s": 2.0 + number / 1000}})
    verdict = judge(results)
    assert verdict.decision == "promote"
    assert verdict.reasons[1].startswith("but latency is at least x2.0")
    assert judge(results, Policy(critical=("pass_rate", "latency"))).decision == "reject"


def test_tags_inform_and_decide_where_they_are_declared_critical(run, judge, row):
    """All misses lie in one tag of forty cases."""
    results = run(both=388, control=12, case=lambda number: {"tags": ("refund",) if number >= 360 else ()})
    verdict = judge(results)
    assert (verdict.decision, row(verdict, "tag:refund").state) == ("promote", "fail")
    reason = "but pass rate of refund is at least 19.7 points worse, the margin is 5.0 (not critical)"
    assert reason in verdict.reasons
    critical = judge(results, Policy(critical_tags=("refund",)))
    assert decided(critical) == ("reject", ("pass rate of refund is at least 19.7 points worse, the margin is 5.0",))


def test_several_critical_rows_share_the_error_of_a_rejection(run, judge, row):
    """Holm: what rejects alone at 2.5% does not beside a second critical row; it is still seen to fail, and holds."""
    results = run(both=80, control=18, treatment=4)
    alone, shared = judge(results), judge(results, Policy(critical=("pass_rate", "latency")))
    assert 0.0125 < row(alone, "pass_rate").fail_p < 0.025
    assert (alone.decision, shared.decision) == ("reject", "hold")
    assert row(shared, "pass_rate").state == "fail"


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(40)))
def test_the_order_of_the_results_does_not_show(order):
    """The same recordings give the same verdict, to the letter, in whatever order they come."""
    pairs = [
        a_pair(
            a_case(f"case-{number}", tags=("a",) if number % 3 else ("b",), cluster=f"c{number % 15}"),
            a_reply(latency_s=1 + number / 7),
            a_reply("30 days", DEEPSEEK, latency_s=1 + number / 11, cost=str(0.001 * (1 + number % 5))),
            misses=[a_miss()] if number % 9 == 0 else [],
        )
        for number in range(40)
    ]
    results, straight = Results(), Results()
    for number in order:
        results.add(pairs[number].nodeid, (pairs[number],))
    for pair in pairs:
        straight.add(pair.nodeid, (pair,))
    assert decide(results, DEEPSEEK, Policy(), RunFacts()) == decide(straight, DEEPSEEK, Policy(), RunFacts())


def test_a_model_is_never_rejected_against_itself():
    """An A/A run in which chance went one way: what would reject another model says that the suite is noisy."""
    results = Results()
    for number in range(40):
        missed = [a_miss(SONNET)] if number < 12 else []
        results.add(str(number), (a_pair(a_case(f"case-{number}"), a_reply(), a_reply(), misses=missed),))
    verdict = decide(results, SONNET, Policy(), RunFacts())
    assert verdict.decision == "hold"
    assert verdict.reasons[0] == (
        "one model in both roles is no worse than itself, so this suite is too noisy for its size"
    )
    assert verdict.reasons[1].startswith("pass rate is at least")
