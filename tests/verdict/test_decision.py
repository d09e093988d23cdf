"""Promote, hold or reject: each rule by itself, the order of the rules, and the texts of the reasons."""

from dataclasses import replace

import pytest
from factories import DEEPSEEK, SONNET, a_case, a_miss, a_pair, a_reply, an_error, collected
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_graysplit.config.policy import BOUNDS, Policy
from pytest_graysplit.types import CriterionResult, Flag, PairScore
from pytest_graysplit.verdict import RunFacts, StopReason, decide
from pytest_graysplit.verdict.results import Results


def decided(verdict):
    return verdict.decision, verdict.reasons


def test_equal_treatment_is_promoted(make_run, decide_on):
    """120 cases, of which each model alone passes two."""
    verdict = decide_on(make_run(both=116, treatment=2, control=2))
    assert decided(verdict) == ("promote", ("pass rate is at most 3.5 points worse, the margin is 5.0",))
    assert verdict.needed is None


def test_worse_treatment_is_rejected(make_run, decide_on):
    """Thirty of a hundred cases are passed by the control alone."""
    assert decided(decide_on(make_run(both=70, control=30))) == (
        "reject",
        ("pass rate is at least 23.1 points worse, the margin is 5.0",),
    )


def test_undecided_run_holds_and_names_the_number_of_cases(make_run, decide_on):
    """Both ends of the interval are on different sides of the margin."""
    verdict = decide_on(make_run(both=112, treatment=2, control=5, neither=1))
    assert decided(verdict) == (
        "hold",
        (
            "pass rate may be 6.9 points worse, the margin is 5.0; about 34 more cases would decide if it is as good as the control, about 451 more if it is as it looks",
            "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks",
        ),
    )
    assert (verdict.needed, verdict.needed_if_equal) == (571, 154)


def test_fewer_than_thirty_cases_hold(make_run, decide_on):
    """Even if every answer was right; the named number is enough only without any miss."""
    assert decided(decide_on(make_run(both=8))) == (
        "hold",
        (
            "only 8 cases; a verdict needs at least 30",
            "pass rate may be 25.3 points worse, the margin is 5.0; at least 47 more cases are needed",
        ),
    )


@pytest.mark.parametrize(("cases", "decision"), [(51, "hold"), (54, "hold"), (55, "promote")])
def test_promotion_takes_at_least_fifty_five_perfect_cases(make_run, decide_on, find_criterion, cases, decision):
    """From 52 on Tango's interval clears the margin; up to 54, more than 6 in 100 bad treatments would look as good."""
    verdict = decide_on(make_run(both=cases))
    assert verdict.decision == decision
    assert (find_criterion(verdict, "pass_rate").low > -0.05) == (cases >= 52)


@pytest.mark.no_cover
@pytest.mark.parametrize("margin", [0.05, 0.10])
def test_bad_treatment_is_promoted_in_at_most_six_percent_of_runs(make_run, decide_on, margin):
    """Counted exactly in the worst case: all discordant cases are lost ones, as many as the margin."""
    policy = Policy(margin=margin)
    for cases in (30, 42, 52, 54, 55, 88, 100):
        decisions = [decide_on(make_run(both=cases - lost, control=lost), policy).decision for lost in range(8)]
        promoted = [lost for lost, decision in enumerate(decisions) if decision == "promote"]
        assert sum(binom.pmf(lost, cases, margin) for lost in promoted) <= 0.06


def test_mcnemar_decides_nothing(make_run, decide_on):
    """Six against sixteen: the published mid-p; without a pair there is none."""
    assert decide_on(make_run(both=139, treatment=6, control=16)).mcnemar_midp == pytest.approx(0.03469, abs=1e-5)
    assert decide_on(collected(a_pair(a_case(), a_reply(), a_reply("x", DEEPSEEK), judged=False))).mcnemar_midp is None


def test_wider_margin_needs_fewer_cases(make_run, decide_on):
    """Ten points: 30 pairs are enough."""
    assert decide_on(make_run(both=30), Policy(margin=0.10)).decision == "promote"
    assert decide_on(make_run(both=29), Policy(margin=0.10)).decision == "hold"


def test_run_without_a_judged_pair_holds(decide_on):
    """No data never promotes."""
    results = collected(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), judged=False))
    verdict = decide_on(results)
    assert verdict.decision in ("hold", "reject")
    assert "no case was judged on both models" in verdict.reasons


@pytest.mark.parametrize(
    "facts", [{"cut": ("partial run: 3 tests left out by selection",)}, {"budget": "out of money"}]
)
def test_partial_run_never_promotes_and_never_rejects(make_run, decide_on, facts):
    """The first reason is that it is partial."""
    for results in (make_run(both=200), make_run(both=100, control=100)):
        verdict = decide_on(results, **facts)
        assert verdict.decision == "hold"
        assert verdict.reasons[0] in ("partial run: 3 tests left out by selection", "out of money")


@pytest.mark.parametrize(("lost", "decision"), [(0, "promote"), (10, "promote"), (11, "hold"), (400, "hold")])
def test_missing_cases_hold_and_never_reject(make_run, decide_on, lost, decision):
    """5% may be missing; missing cases say nothing about a model."""
    verdict = decide_on(make_run(both=200), lost=lost)
    assert verdict.decision == decision
    if decision != "promote":
        assert verdict.reasons == (
            f"no result on both models for {lost} of {200 + lost} cases: {lost} without a result",
        )


def test_missing_cases_are_named_by_their_cause():
    """Half the recordings are lost, one judge is silent, and ten calls failed on both models."""
    lost = {"judged": False, "because": "not recorded"}
    kinds = [lost] * 30 + [{"judged": False, "because": "no score of the judge"}]
    pairs = [
        a_pair(a_case(f"case-{number}"), a_reply(), a_reply("30 days", DEEPSEEK), **kind)
        for number, kind in enumerate([{}] * 30 + kinds)
    ]
    pairs += [a_pair(a_case(f"lost-{n}"), an_error(), an_error(DEEPSEEK), judged=False) for n in range(10)]
    verdict = decide(collected(*pairs), DEEPSEEK, Policy(), RunFacts())
    assert verdict.decision == "hold"
    assert verdict.reasons[0] == (
        "no result on both models for 41 of 71 cases: 30 not recorded, 10 neither model answered, 1 no score of the judge"
    )


def test_run_without_any_answer_holds():
    """Sixty calls that failed on both models are not sixty cases in which they agree."""
    pairs = [a_pair(a_case(f"case-{n}"), an_error(), an_error(DEEPSEEK), judged=False) for n in range(60)]
    assert decided(decide(collected(*pairs), DEEPSEEK, Policy(), RunFacts())) == (
        "hold",
        (
            "no case was judged on both models",
            "no result on both models for 60 of 60 cases: 60 neither model answered",
        ),
    )


ASSERT_SOMETHING = "give them expect, a rubric or min_similarity, or assert in the test (asserts=True in the marker where a helper does)"


def test_cases_without_an_assertion_do_not_count():
    """They are in no pass rate; without any other case the run holds, and the reason names the remedy."""

    def judged(asserted, silent, missed=0):
        pairs = [a_pair(a_case(f"case-{n}"), a_reply(), a_reply("30 days", DEEPSEEK)) for n in range(asserted)]
        for n in range(silent):
            misses = [a_miss()] if n < missed else []
            case = a_case(f"silent-{n}")
            pairs.append(a_pair(case, a_reply(), a_reply("30 days", DEEPSEEK), misses=misses, asserted=False))
        return decide(collected(*pairs), DEEPSEEK, Policy(), RunFacts())

    assert decided(judged(0, 60)) == ("hold", (f"nothing was asserted about 60 of 60 cases: {ASSERT_SOMETHING}",))
    few = judged(20, 40)
    assert few.decision == "hold"
    assert few.reasons[:2] == (
        "only 20 cases; a verdict needs at least 30",
        f"nothing was asserted about 40 of 60 cases: {ASSERT_SOMETHING}",
    )
    enough = judged(60, 20)
    assert enough.decision == "promote"
    assert enough.reasons[-1] == f"but nothing was asserted about 20 of 80 cases: {ASSERT_SOMETHING}"
    assert judged(60, 60, missed=40).decision == "reject"


@pytest.mark.parametrize(
    ("passes", "decision", "reason"),
    [
        ({"neither": 60}, "hold", "neither model passes any of 60 cases: the suite or its checks are broken"),
        ({"neither": 199, "treatment": 1}, "hold", "the control passes none of 200 cases: the suite or its checks are broken"),
        ({"neither": 196, "control": 4}, "hold", "the treatment passes none of 200 cases"),
        ({"neither": 190, "both": 10}, "hold", ("the control passes 5.0% of 200 cases, fewer than two margins (10.0%): the "
                                                "margin would hide the loss of most of them")),
        ({"neither": 180, "both": 20}, "promote", "pass rate is at most 1.3 points worse, the margin is 5.0"),
        ({"neither": 180, "control": 20}, "reject", "pass rate is at least 7.0 points worse, the margin is 5.0"),
    ],
)  # fmt: skip
def test_suites_with_few_passes_do_not_promote(make_run, decide_on, passes, decision, reason):
    """0 of 100 against 0 of 100 is a broken suite; with few passes, the margin hides the loss of most."""
    verdict = decide_on(make_run(**passes))
    assert verdict.decision == decision
    assert reason in verdict.reasons


def test_must_pass_case_rejects_by_itself(make_run, decide_on):
    """One miss in 200 cases, also in a partial run, which is named too."""
    results = make_run(both=199, control=1, case=lambda number: {"must_pass": number == 199})
    missed = "must_pass case missed: tests/test_support.py::case-0199"
    assert decided(decide_on(results)) == ("reject", (missed,))
    partial = "partial run: 3 tests left out by selection"
    assert decided(decide_on(results, cut=(partial,))) == ("reject", (missed, partial))
    assert decide_on(make_run(both=199, control=1)).decision == "promote"


@pytest.mark.parametrize(
    ("kinds", "decision", "reason"),
    [
        (
            ["rubric"],
            "hold",
            "must_pass case missed by the rubric alone, read the answer: tests/test_support.py::vital",
        ),
        (["rubric", "expect"], "reject", "must_pass case missed: tests/test_support.py::vital"),
    ],
)
def test_must_pass_case_missed_by_its_rubric_alone_holds(make_run, decide_on, kinds, decision, reason):
    """A judge may be wrong about one answer, so it rejects no treatment by itself, and promotes none either."""
    results = make_run(both=199)
    misses = [a_miss(kind=kind) for kind in kinds]
    results.add("vital", (a_pair(a_case("vital", must_pass=True), a_reply(), a_reply("x", DEEPSEEK), misses=misses),))
    assert decided(decide_on(results)) == (decision, (reason,))


def without_verdict(pair, control, treatment):
    """Return a pair whose arms have these verdicts of the judge on one criterion; no arm is judged."""
    arms = []
    for arm, held in zip(pair.arms, (control, treatment), strict=True):
        rubric = tuple(CriterionResult(criterion="is right", sample=0, holds=one) for one in held)
        silent = {"judged": False, "unjudged_because": "without a verdict of the judge"} if rubric else {}
        arms.append(replace(arm, rubric=rubric, **silent))
    return replace(pair, arms=tuple(arms))


@pytest.mark.parametrize(
    ("number", "control", "treatment", "decision"),
    [
        (1, [None], [], "promote"),
        (5, [None], [], "hold"),
        (5, [None], [False], "hold"),
        (5, [None], [True], "promote"),
        (5, [None], [None], "promote"),
        (5, [True], [None], "promote"),
    ],
)
def test_losses_without_a_verdict_on_the_control_are_not_overlooked(
    make_run, decide_on, number, control, treatment, decision
):
    """The treatment fails, and the judge is silent on the control: the case is in no rate, but it may be a loss."""
    results = make_run(both=195)
    for place in range(number):
        pair = a_pair(
            a_case(f"lost-{place}"), a_reply(), a_reply("x", DEEPSEEK), misses=[] if treatment else [a_miss()]
        )
        results.add(f"lost-{place}", (without_verdict(pair, control, treatment),))
    verdict = decide_on(results)
    assert verdict.decision == decision
    text = (
        "the judge gave no verdict on the control in 5 cases that the treatment fails: tests/test_support.py::lost-0, "
    )
    assert any(reason.startswith(text) for reason in verdict.reasons) == (decision == "hold")


def test_must_pass_case_missed_by_both_models_holds(make_run, decide_on):
    """It is a fault of the suite and says nothing about the treatment."""
    assert decided(decide_on(make_run(both=199, neither=1, case=lambda number: {"must_pass": number == 199}))) == (
        "hold",
        ("must_pass case missed by both models, a fault of the suite: tests/test_support.py::case-0199",),
    )


def test_must_pass_case_without_a_judgement_holds(make_run, decide_on):
    """One of 200 may be missing, but not this one, also if an early stop for promise left it out."""
    results = make_run(both=199)
    results.add(
        "missing", (a_pair(a_case("critical", must_pass=True), a_reply(), a_reply("x", DEEPSEEK), judged=False),)
    )
    reason = "must_pass case not judged on both models: tests/test_support.py::critical"
    assert decided(decide_on(results)) == ("hold", (reason,))
    stops = {DEEPSEEK: StopReason(side="promote", after=100)}
    assert decided(decide_on(results, stops=stops)) == ("hold", (reason,))


def test_must_pass_case_missed_by_the_control_alone_does_not_matter(make_run, decide_on):
    """The control's miss is not the treatment's."""
    assert (
        decide_on(make_run(both=199, treatment=1, case=lambda number: {"must_pass": number == 199})).decision
        == "promote"
    )


def served(number, **fields):
    return {"treatment": fields if number == 7 else {}}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"served_model": "deepseek-v3.2-mini"},
            "deepseek-v3.2 was requested, deepseek-v3.2-mini answered: 1 reply",
        ),
        ({"fell_back": True}, "the gateway retried or fell back by itself: 1 reply"),
    ],
)
def test_answers_of_another_model_hold(make_run, decide_on, fields, reason):
    """Another model, a gateway's own fallback: one reply is enough to delay a promotion."""
    assert decided(decide_on(make_run(both=200, reply=lambda number: served(number, **fields)))) == ("hold", (reason,))


@pytest.mark.parametrize(
    ("side", "cut", "decision"), [("treatment", 3, "hold"), ("control", 3, "hold"), ("treatment", 2, "promote")]
)
def test_cut_answers_hold_above_their_allowed_share(make_run, decide_on, side, cut, decision):
    """1% of one arm's answers; fewer are a remark on the promotion."""
    model = DEEPSEEK if side == "treatment" else SONNET
    results = make_run(both=200, reply=lambda number: {side: {"outcome": "truncated"} if number < cut else {}})
    verdict = decide_on(results)
    text = f"{model} was cut off at its token limit: {cut} of 200 replies ({cut / 2:.1f}%)"
    assert verdict.decision == decision
    assert verdict.reasons[-1] == (text if decision == "hold" else f"but {text}")
    assert decide_on(results, Policy(truncated=0.02)).decision == "promote"


def test_other_tool_calls_hold(make_run, decide_on):
    """Another tool has another effect: one case of 200 is enough."""
    results = make_run(both=199)
    pair = a_pair(a_case("refund"), a_reply(), a_reply("30 days", DEEPSEEK))
    changed = (Flag(name="tool-changed", detail="refund -> delete_account"),)
    results.add("refund", (replace(pair, comparison=replace(pair.comparison, flags=changed)),))
    assert decided(decide_on(results)) == (
        "hold",
        ("the treatment's tool calls differ from the control's (tool-changed): tests/test_support.py::refund",),
    )


@pytest.mark.parametrize(
    ("treatment", "control", "decision"), [(12, 0, "hold"), (12, 12, "promote"), (2, 0, "promote")]
)
def test_flags_hold_if_the_control_has_fewer_against_itself(find_criterion, treatment, control, decision):
    """Two control samples measure how often the guards flag one model against itself."""
    flag = PairScore(0.9, (Flag(name="number-changed", detail="30 -> 14"),))
    results = Results()
    for number in range(120):
        pair = a_pair(a_case(f"case-{number}"), a_reply(), a_reply("30 days", DEEPSEEK))
        pairs = (flag if number < treatment else PairScore(0.9),)
        ours = (flag if number < control else PairScore(0.9),)
        results.add(str(number), (replace(pair, comparison=replace(pair.comparison, pairs=pairs, self_pairs=ours)),))
    verdict = decide(results, DEEPSEEK, Policy(), RunFacts())
    assert (verdict.decision, find_criterion(verdict, "guards").state == "fail") == (decision, decision == "hold")
    if decision == "hold":
        assert verdict.reasons == ("guards' flags are at least 6.34 points more, the bound is 0.0",)


@pytest.mark.parametrize(
    ("fields", "decision"), [({"served_model": "gpt-5"}, "hold"), ({"outcome": "truncated"}, "reject")]
)
def test_answers_of_another_model_do_not_reject_and_cut_answers_do(make_run, decide_on, fields, decision):
    """Another model's answer is not evidence against this one; a cut answer is its own."""
    results = make_run(both=100, control=100, reply=lambda number: served(number, **fields))
    assert decide_on(results).decision == decision


def test_models_with_different_requests_hold():
    """The pair compares two things, so its figures mean nothing."""
    results = Results()
    for number in range(60):
        pair = a_pair(a_case(f"case-{number}"), a_reply(), a_reply("30 days", DEEPSEEK))
        results.add(str(number), (replace(pair, differing=("temperature", "seed")),))
    verdict = decide(results, DEEPSEEK, Policy(), RunFacts())
    assert decided(verdict) == ("hold", ("the models got different requests, seed and temperature differ: 60 cases",))


def test_early_stop_for_harm_rejects_after_few_cases(make_run, decide_on):
    """The rest of the suite is not missing."""
    verdict = decide_on(make_run(both=1, control=12), stops={DEEPSEEK: StopReason(side="harm", after=13)})
    assert verdict.decision == "reject"
    assert verdict.reasons[0] == "pass rate: harm was shown after 13 cases, and the run stopped early"


def test_early_stop_for_promise_promotes_unless_another_critical_criterion_fails(make_run, decide_on):
    """The bet decides only the pass rate."""
    stops = {DEEPSEEK: StopReason(side="promote", after=25)}
    reason = "promise was shown after 25 cases, and the run stopped early"
    assert decided(decide_on(make_run(both=25), stops=stops)) == ("promote", (reason,))
    policy = Policy(critical=("pass_rate", "latency"))
    slow = make_run(both=25, reply=lambda number: {"treatment": {"latency_s": 2.0 + number / 100}})
    assert decide_on(slow, policy, stops=stops).decision == "reject"


def test_harm_shown_by_betting_rejects_if_the_interval_does_not():
    """The bet against "no harm" has reached forty on the first cases; better ones later do not matter."""
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
    """The cases in the order in which the bet counts them."""
    from pytest_graysplit.verdict import order_of

    return sorted(names, key=lambda name: order_of(("tests/test_support.py", name, "0123456789abcdef")))


def test_critical_criterion_without_data_holds(make_run, decide_on):
    """A critical cost without a price prevents a promotion."""
    results = make_run(both=200, reply=lambda number: {"treatment": {"cost": None}})
    assert decide_on(results).decision == "promote"
    assert decided(decide_on(results, Policy(critical=("pass_rate", "cost_per_pass")))) == (
        "hold",
        ("nothing was measured for cost per pass",),
    )


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        (("0.01", "0"), ("promote", "cost per pass is 0: the treatment is free, and the control is not")),
        (
            ("0", "0.01"),
            ("reject", "cost per pass is above 0: the control is free, and the treatment is not"),
        ),
        (("0", "0"), ("hold", "cost per pass is 0 with both models, so nothing is saved")),
    ],
)
def test_free_model_decides_if_the_cost_is_critical(make_run, decide_on, costs, expected):
    """A free treatment saves everything; any cost is more than that of a free control."""
    results = make_run(
        both=60,
        reply=lambda number: dict(zip(("control", "treatment"), ({"cost": cost} for cost in costs), strict=True)),
    )
    verdict = decide_on(results, Policy(critical=("pass_rate", "cost_per_pass")))
    assert verdict.decision == expected[0]
    assert expected[1] in verdict.reasons
    assert decide_on(results).decision == "promote"


def test_failing_criterion_that_is_not_critical_is_a_remark(make_run, decide_on):
    """It does not prevent the promotion, but the user sees it."""
    results = make_run(both=200, reply=lambda number: {"treatment": {"latency_s": 2.0 + number / 1000}})
    verdict = decide_on(results)
    assert verdict.decision == "promote"
    assert verdict.reasons[1].startswith("but latency is at least x2.0")
    assert decide_on(results, Policy(critical=("pass_rate", "latency"))).decision == "reject"


def test_tag_decides_if_it_is_critical(make_run, decide_on, find_criterion):
    """All misses are in one tag of forty cases."""
    results = make_run(both=388, control=12, case=lambda number: {"tags": ("refund",) if number >= 360 else ()})
    verdict = decide_on(results)
    assert (verdict.decision, find_criterion(verdict, "tag:refund").state) == ("promote", "fail")
    reason = "but pass rate of refund is at least 19.7 points worse, the margin is 5.0 (not critical)"
    assert reason in verdict.reasons
    critical = decide_on(results, Policy(critical_tags=("refund",)))
    assert decided(critical) == ("reject", ("pass rate of refund is at least 19.7 points worse, the margin is 5.0",))


def test_critical_criteria_share_the_error_of_a_rejection(make_run, decide_on, find_criterion):
    """Holm: a rejection at 2.5% alone is not one beside a second critical criterion; it still fails, and holds."""
    results = make_run(both=80, control=18, treatment=4)
    alone, shared = decide_on(results), decide_on(results, Policy(critical=("pass_rate", "latency")))
    assert 0.0125 < find_criterion(alone, "pass_rate").fail_p < 0.025
    assert (alone.decision, shared.decision) == ("reject", "hold")
    assert find_criterion(shared, "pass_rate").state == "fail"


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(40)))
def test_decision_does_not_depend_on_the_order_of_results(order):
    """The same recordings give an identical verdict in any order."""
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


def test_aa_run_is_never_rejected_by_chance():
    """A difference that would reject another model shows that the suite is noisy."""
    results = Results()
    for number in range(40):
        missed = [a_miss(SONNET)] if number < 12 else []
        results.add(str(number), (a_pair(a_case(f"case-{number}"), a_reply(), a_reply(), misses=missed),))
    verdict = decide(results, SONNET, Policy(), RunFacts())
    assert verdict.decision == "hold"
    assert verdict.reasons[0] == (
        "one model in both roles cannot be worse than itself, so this suite is too noisy for its size"
    )
    assert verdict.reasons[1].startswith("pass rate is at least")


def test_reasons_of_the_deciding_rule_and_of_later_ones_are_named(make_run, decide_on):
    """A rejection names the case that must pass, the failing criterion and the missing cases."""
    results = make_run(both=70, control=30, case=lambda number: {"must_pass": number >= 98})
    reasons = decide_on(results, lost=20).reasons
    assert [reason.partition(":")[0] for reason in reasons] == [
        "must_pass cases missed",
        "no result on both models for 20 of 120 cases",
        "pass rate is at least 23.1 points worse, the margin is 5.0",
    ]


def test_promotion_names_the_weakest_tag(make_run, decide_on):
    """A tag that is 30 points worse on 20 cases is lost in the sum, so it is named with its size and interval."""
    tags = {"tags": ("refund",)}, {"tags": ("shipping",)}
    results = make_run(both=394, control=6, case=lambda number: tags[number < 380])
    verdict = decide_on(results)
    assert verdict.decision == "promote"
    assert any("refund is at least" in reason for reason in verdict.reasons)
    few = make_run(both=399, control=1, case=lambda number: tags[number < 380])
    assert decide_on(few).reasons[-1] == "not shown for the tag refund: -5.0 points (90% CI -19.6 .. +7.5, 20 cases)"


def test_broken_cases_are_named_worst_first(make_run, decide_on):
    """Those that must pass come first, then those that lost most, then the least similar."""
    verdict = decide_on(make_run(both=100, treatment=2, control=3, neither=4))
    assert verdict.cases == (3, 2, 100, 4, 0)
    assert [one.missed for one in verdict.broken] == ["expect"] * 3
    results = Results()
    for name, text, fields in (("a", "30 days.", {}), ("b", "no idea", {}), ("c", "30 days.", {"must_pass": True})):
        pair = a_pair(a_case(name, **fields), a_reply(), a_reply(text, DEEPSEEK), misses=[a_miss()])
        results.add(name, (pair,))
    broken = decide(results, DEEPSEEK, Policy(), RunFacts()).broken
    assert [one.name.rpartition("::")[2] for one in broken] == ["c", "b", "a"]


@pytest.mark.parametrize("misses", [{"must_pass": True}, {}], ids=["must_pass", "harm"])
def test_aa_run_is_never_rejected_by_any_rule(misses):
    """In an A/A run apparent harm is noise of the suite, also in a case that must pass."""
    results = Results()
    for number in range(60):
        missed = [a_miss(SONNET)] if number < (1 if misses else 30) else []
        results.add(str(number), (a_pair(a_case(f"case-{number}", **misses), a_reply(), a_reply(), misses=missed),))
    verdict = decide(results, SONNET, Policy(), RunFacts())
    assert verdict.decision == "hold"
    assert verdict.reasons[0].startswith("one model in both roles cannot be worse than itself")


def test_rows_of_live_traffic_do_not_hold_a_run(make_run, decide_on):
    """Both read one table; a promotion says what it does not cover."""
    policy = Policy(critical=("pass_rate", "p95_s"), bounds={**BOUNDS, "p95_s": 3.0})
    verdict = decide_on(make_run(both=200), policy)
    assert verdict.decision == "promote"
    assert "a test run does not measure p95 of the wait: live traffic does" in verdict.reasons
    assert decide_on(make_run(both=70, control=30), policy).decision == "reject"
