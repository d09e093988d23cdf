"""Comparison of an application's runs on both arms: outputs, calls, thresholds, and every way to lack one side."""

from dataclasses import replace

import pytest
from factories import (
    DEEPSEEK,
    SONNET,
    a_call,
    a_case,
    a_miss,
    an_app_run,
    an_error,
    collected,
    paired,
    verdicts_of,
)

from pytest_graysplit.evaluation.app_comparison import AppPair
from pytest_graysplit.types import CriterionResult
from pytest_graysplit.verdict.results import CONTROL
from pytest_graysplit.verdict.results.app_runs import alone

CASE = a_case(min_similarity=0.7)
PLAIN = a_case()
FAR = "The moon is made of green cheese, they say."


def on_both(case=CASE, control="30 days.", treatment="30 days.", **fields):
    """Return the runs of a case on both arms, one of each."""
    return an_app_run(case, CONTROL, control, **fields), an_app_run(case, DEEPSEEK, treatment, **fields)


def suite_of(number, control, treatment, case=PLAIN, **fields):
    """Return the results of so many cases with the same two outputs."""
    return collected(
        *(paired(*on_both(replace(case, id=f"c{n}"), control, treatment, **fields)) for n in range(number))
    )


def decision_of(results, **facts):
    [verdict] = verdicts_of(results, **facts)
    return verdict.decision, verdict.reasons


def test_pair_has_both_arms_and_the_similarity_of_the_outputs():
    result = paired(*on_both())
    assert [(arm.arm, arm.passed, arm.pass_share) for arm in result.arms] == [(CONTROL, True, 1), (DEEPSEEK, True, 1)]
    assert (result.comparison.similarity, result.comparison.threshold, result.app) == (1.0, 0.7, None)
    assert [len(arm.apps) for arm in result.arms] == [1, 1]


def test_output_below_the_threshold_is_a_miss_of_the_treatment():
    result = paired(*on_both(treatment=FAR))
    control, treatment = result.arms
    assert (control.passed, treatment.passed, treatment.pass_share) == (True, False, 0.0)
    assert [(miss.kind, miss.slug) for miss in treatment.misses] == [("similarity", "similarity-below")]


def test_guard_vetoes_a_changed_number_in_the_output():
    result = paired(*on_both(treatment="31 days."), score=lambda *_: 0.95)
    assert [miss.kind for miss in result.arms[1].misses] == ["guard"]
    assert result.arms[1].pass_share == 0.0


def test_failure_of_one_arm_by_its_own_asserts_counts_for_that_arm_alone():
    control, treatment = on_both()
    missed = replace(treatment, arms=(replace(treatment.arms[0], misses=(a_miss(),)),))
    assert [arm.pass_share for arm in paired(control, missed).arms] == [1.0, 0.0]
    failed = replace(control, arms=(replace(control.arms[0], misses=(a_miss(CONTROL),)),))
    assert [arm.pass_share for arm in paired(failed, treatment).arms] == [0.0, 1.0]


def test_another_tool_holds_a_promotion_although_all_asserts_pass():
    runs = [
        (
            an_app_run(a_case(f"c{n}"), CONTROL, "Done.", a_call("", "refund"), a_call("Done.")),
            an_app_run(a_case(f"c{n}"), DEEPSEEK, "Done.", a_call("", "cancel"), a_call("Done.")),
        )
        for n in range(60)
    ]
    decision, reasons = decision_of(collected(*(paired(*both) for both in runs)))
    assert decision == "hold"
    assert "tool-changed" in reasons[0]


def test_equal_runs_of_enough_cases_are_promoted():
    """The other tests of holds show something only if the same suite is promoted without their fault."""
    assert decision_of(suite_of(60, "30 days.", "30 days."))[0] == "promote"
    assert decision_of(suite_of(60, "30 days.", "30 days.", CASE, asserted=False))[0] == "promote"


def test_no_output_and_no_assert_is_never_promoted():
    """A threshold that has no output to compare asserts nothing."""
    decision, reasons = decision_of(suite_of(60, None, None, CASE, asserted=False))
    assert (decision, reasons[0].partition(":")[0]) == ("hold", "nothing was asserted about 60 of 60 cases")


def test_output_without_threshold_and_assert_is_never_promoted():
    decision, reasons = decision_of(suite_of(60, "30 days.", FAR, PLAIN, asserted=False))
    assert (decision, reasons[0].partition(":")[0]) == ("hold", "nothing was asserted about 60 of 60 cases")


def test_asserts_on_one_arm_only_assert_nothing_about_the_other():
    control, treatment = on_both(PLAIN)
    assert not paired(control, replace(treatment, asserted=False)).asserted
    assert not paired(replace(control, asserted=False), treatment).asserted


def test_runs_without_output_are_judged_by_their_asserts_and_flagged_by_their_calls():
    calls = (a_call("", "refund"), a_call("Done."))
    control = an_app_run(CASE, CONTROL, None, *calls)
    treatment = an_app_run(CASE, DEEPSEEK, None, a_call("", "cancel"), a_call("Done."))
    result = paired(control, treatment)
    assert [arm.passed for arm in result.arms] == [True, True]
    assert (result.comparison.similarity, result.comparison.threshold) == (None, None)
    assert [flag.name for flag in result.comparison.flags] == ["tool-changed"]
    assert paired(control, an_app_run(CASE, DEEPSEEK, None, *calls)).comparison.flags == ()
    assert paired(*on_both(CASE, None, None)).comparison is None


def test_output_of_the_control_alone_is_a_miss_of_the_treatment():
    result = paired(*on_both(treatment=None))
    assert [arm.pass_share for arm in result.arms] == [1.0, 0.0]
    assert [miss.slug for miss in result.arms[1].misses] == ["similarity-unknown"]


def test_output_of_the_treatment_alone_is_a_miss_of_the_control_and_no_pass_of_the_treatment():
    """A treatment must not win cases because the control has nothing to compare it with."""
    control, treatment = paired(*on_both(control=None)).arms
    assert (control.pass_share, [miss.arm for miss in control.misses]) == (0.0, [CONTROL])
    assert (treatment.judged, treatment.unjudged_because) == (False, "without an answer of the control")


def test_without_a_threshold_an_output_on_one_side_fails_no_arm():
    assert [arm.passed for arm in paired(*on_both(PLAIN, treatment=None)).arms] == [True, True]


@pytest.mark.parametrize("kept", [0, 1], ids=["control", "treatment"])
def test_one_arm_alone_does_not_make_a_pair(kept):
    """Its costs and its pass rate count, and the verdict has no case."""
    results = collected(*(alone([on_both(a_case(f"c{n}"))[kept]]) for n in range(60)))
    [arm] = results.arms()
    assert (arm.cases, arm.replies, arm.cost_usd is not None) == (60, 60, True)
    assert all(row.unjudged_because((CONTROL, DEEPSEEK)) == "one model without a result" for row in results.rows)
    assert verdicts_of(results) == []


def test_both_arms_alone_are_not_a_pair_while_a_sample_is_missing():
    """The first of two samples says nothing about the second, whose process may have crashed."""
    rows = []
    for n in range(60):
        control, treatment = on_both(a_case(f"c{n}"), of=(2, 2))
        rows += [alone([control]), alone([treatment])]
    results = collected(*rows)
    assert {arm.unjudged_because for row in results.rows for arm in row.arms.values()} == {"a sample without a result"}
    decision, reasons = decision_of(results)
    assert (decision, reasons[0]) == ("hold", "no case was judged on both models")


def test_cases_with_one_arm_among_complete_pairs_hold_a_promotion():
    """Cases that only one model finished are not the easy ones."""
    pairs = [paired(*on_both(a_case(f"c{n}"))) for n in range(60)]
    lost = [alone([on_both(a_case(f"d{n}"))[0]]) for n in range(6)]
    decision, reasons = decision_of(collected(*pairs, *lost))
    assert decision == "hold"
    assert reasons[0] == "no result on both models for 6 of 66 cases: 6 one model without a result"


def test_run_without_a_call_of_the_model_is_not_judged():
    result = paired(*on_both(swapped_calls=0))
    assert [(arm.judged, arm.unjudged_because) for arm in result.arms] == [
        (False, "no call of the model under test")
    ] * 2


def test_treatment_whose_calls_all_failed_fails_and_is_not_compared():
    control = an_app_run(CASE, CONTROL, "30 days.")
    lost = an_app_run(CASE, DEEPSEEK, None, an_error(DEEPSEEK), misses=[a_miss(kind="outcome")])
    result = paired(control, lost)
    assert [(arm.judged, arm.pass_share) for arm in result.arms] == [(True, 1.0), (True, 0.0)]
    assert [miss.kind for miss in result.arms[1].misses] == ["outcome"]


def test_treatment_does_not_pass_a_threshold_by_a_control_whose_calls_failed():
    lost = an_app_run(CASE, CONTROL, None, an_error(), misses=[a_miss(CONTROL, kind="outcome")])
    control, treatment = paired(lost, an_app_run(CASE, DEEPSEEK, "30 days.")).arms
    assert (control.pass_share, treatment.judged) == (0.0, False)


def test_calls_that_failed_on_both_arms_do_not_count():
    runs = [
        (
            an_app_run(a_case(f"c{n}"), CONTROL, None, an_error(), misses=[a_miss(CONTROL, kind="outcome")]),
            an_app_run(a_case(f"c{n}"), DEEPSEEK, None, an_error(DEEPSEEK), misses=[a_miss(kind="outcome")]),
        )
        for n in range(60)
    ]
    results = collected(*(paired(*both) for both in runs))
    assert not any(arm.judged for row in results.rows for arm in row.arms.values())
    assert decision_of(results)[0] == "hold"


@pytest.mark.parametrize("side", [0, 1], ids=["control", "treatment"])
def test_run_that_is_not_judged_leaves_its_case_out(side):
    """A missing recording, a bug of the test, or a cap that is used up says nothing about either model."""
    runs = [*on_both(PLAIN)]
    runs[side] = replace(runs[side], arms=(replace(runs[side].arms[0], judged=False, bug="KeyError: 'x'"),))
    result = paired(*runs)
    assert result.arms[side].judged is False
    assert result.arms[side].bug == "KeyError: 'x'"
    row = collected(result).rows[0]
    assert not row.is_judged((CONTROL, DEEPSEEK))


def test_unjudged_control_leaves_a_threshold_without_an_answer():
    control, treatment = on_both()
    control = replace(control, arms=(replace(control.arms[0], judged=False, unjudged_because="not recorded"),))
    assert [arm.unjudged_because for arm in paired(control, treatment).arms] == [
        "not recorded",
        "without an answer of the control",
    ]


def test_samples_are_compared_pair_by_pair():
    """Half of the treatment's pairs miss the threshold, so it passes in half, as with replies to a prompt."""
    controls = tuple(an_app_run(CASE, CONTROL, "30 days.", sample=n, of=(2, 2)) for n in range(2))
    treatments = tuple(
        an_app_run(CASE, DEEPSEEK, text, sample=n, of=(2, 2)) for n, text in enumerate(("30 days.", FAR))
    )
    result = paired(controls, treatments)
    assert [arm.pass_share for arm in result.arms] == [1.0, 0.5]
    assert [len(arm.replies) for arm in result.arms] == [2, 2]
    assert len(result.comparison.pairs) == 4


def test_spare_samples_of_the_control_measure_it_alone():
    controls = tuple(
        an_app_run(CASE, CONTROL, text, sample=n, of=(3, 1)) for n, text in enumerate(("30 days.", FAR, FAR))
    )
    result = paired(controls, an_app_run(CASE, DEEPSEEK, "30 days.", of=(3, 1)))
    control, treatment = result.arms
    assert (len(control.replies), len(control.spare), len(treatment.replies)) == (1, 2, 1)
    assert [miss.slug for miss in control.misses] == ["control-similarity"]
    assert result.comparison.self_similarity < 0.7


def test_runs_of_one_model_in_both_roles_keep_their_numbers():
    """The samples of an A/A treatment go on after those of the control, and its calls are still found."""
    treatment = an_app_run(PLAIN, "again", "30 days.", model=SONNET, sample=1, passed={"embed": 1})
    [arm] = alone([treatment]).arms
    assert (arm.judged, len(arm.replies), len(arm.model_answers)) == (True, 1, 1)
    shifted = replace(treatment, app=replace(treatment.app, sample=0))
    assert [call.model for call in alone([shifted]).arms[0].model_answers] == [SONNET]


def test_verdicts_on_a_rubric_stay_with_their_samples():
    yes, no = (CriterionResult(criterion="polite", sample=n, holds=holds) for n, holds in enumerate((True, False)))
    runs = [an_app_run(PLAIN, DEEPSEEK, "30 days.", sample=n, of=(2, 2)) for n in range(2)]
    runs = [
        replace(run, arms=(replace(run.arms[0], rubric=(one,), checks_share=1.0, misses=misses),))
        for run, one, misses in zip(runs, (yes, no), ((), (a_miss(kind="rubric"),)), strict=True)
    ]
    controls = tuple(an_app_run(PLAIN, CONTROL, "30 days.", sample=n, of=(2, 2)) for n in range(2))
    treatment = paired(controls, tuple(runs)).arms[1]
    assert (treatment.rubric, treatment.pass_share, treatment.checks_share) == ((yes, no), 0.5, 1.0)


def test_arms_part_at_the_first_call_with_another_tool_or_meaning():
    def parting(control, treatment):
        return paired(
            an_app_run(PLAIN, CONTROL, "Done.", *control), an_app_run(PLAIN, DEEPSEEK, "Done.", *treatment)
        ).parting_call

    look, refund, cancel, done = a_call("", "look_up"), a_call("", "refund"), a_call("", "cancel"), a_call("Done.")
    assert parting((look, refund, done), (look, refund, done)) is None
    assert parting((look, refund, done), (look, cancel, done)) == 1
    assert parting((look, done), (look, refund, done)) == 1
    assert parting((look, done), (look,)) == 1
    assert parting((a_call("Ship 3 lamps."), done), (a_call("Ship 4 lamps."), done)) == 0
    assert parting((a_call("Ship 3 lamps."), done), (a_call("Please ship 3 lamps."), done)) is None
    assert parting((look, done), (look, an_error(DEEPSEEK))) == 1


def test_parting_call_counts_calls_of_the_model_alone():
    control = an_app_run(PLAIN, CONTROL, "Done.", a_call("Done."), passed={"embed": 3})
    treatment = an_app_run(PLAIN, DEEPSEEK, "Done.", a_call("Done."), passed={"embed": 4})
    assert paired(control, treatment).parting_call is None


def test_metric_that_cannot_score_leaves_both_arms_unjudged():
    def silent(*_):
        raise AssertionError

    control, treatment = on_both()
    pair = AppPair(control=(control,), treatment=(treatment,), score=silent, problem=ValueError("no"))
    assert [(arm.judged, arm.unjudged_because) for arm in pair.result("n").arms] == [(False, "not compared")] * 2
