"""Verdicts on runs with a rubric: corrected by the judge's errors, and never promoted where they are unknown."""

from dataclasses import replace

import pytest
from factories import DEEPSEEK, SONNET, a_case, a_miss, a_pair, a_reply, collected

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.stats import Corrected, JudgeAccuracy, JudgedCase, ordinal_tango
from pytest_graysplit.types import CriterionResult
from pytest_graysplit.verdict import EarlyStop, RunFacts, StopReason, decide
from pytest_graysplit.verdict.judge_standing import JudgeStanding
from pytest_graysplit.verdict.results import Results

RUBRIC = ("names the 30-day window",)
GOOD = JudgeAccuracy(said_yes=95, holding=100, said_no=90, failing=100)
CALIBRATED = JudgeStanding(model="gpt-4.1", labels="labels.jsonl", accuracy=GOOD)
UNCALIBRATED = "the judge of the rubrics is uncalibrated: nothing is known about its errors"


def by_rubric(number):
    return {"rubric": RUBRIC}


BUILT = {}


@pytest.fixture
def rubric_run(make_run):
    """Build a run in which every case has a rubric; the results of equal counts are built once, and never changed."""

    def build(**counts):
        key = tuple(sorted(counts.items()))
        if key not in BUILT:
            BUILT[key] = make_run(**counts, case=by_rubric)
        return BUILT[key]

    return build


def with_checks(results, shares):
    """Return the results of one case per item, with the shares of answers that passed everything but the rubric."""
    fresh = Results()
    for row in results.rows:
        [result] = results.of(row.nodeid)
        fresh.add(row.nodeid, (replace(result, arms=tuple(shares(result.case, arm) for arm in result.arms)),))
    return fresh


def row_of(verdict, name="pass_rate"):
    return next(row for row in verdict.rows if row.name == name)


def judged(results, standing=CALIBRATED, policy=None, **facts):
    return decide(results, DEEPSEEK, policy or Policy(), RunFacts(judge=standing, **facts))


def test_uncalibrated_judge_never_promotes(make_run, rubric_run, decide_on):
    """The same verdicts by checks alone are promoted; the row has no state, and the reason names the judge."""
    assert decide_on(make_run(both=116, treatment=2, control=2)).decision == "promote"
    verdict = decide_on(rubric_run(both=116, treatment=2, control=2))
    assert (verdict.decision, verdict.reasons[0]) == ("hold", UNCALIBRATED)
    assert "pass rate is not corrected for the judge's errors" in verdict.reasons
    row = row_of(verdict)
    assert (row.state, row.method) == (None, "Tango score, paired")
    assert verdict.judge.cases == 120
    assert verdict.judge.control is None


@pytest.mark.parametrize("cases", [1, 60, 119])
def test_one_case_with_a_rubric_is_enough_to_hold(make_run, decide_on, cases):
    """Also where every case has checks besides, and where hardly a case asks the judge."""
    verdict = decide_on(make_run(both=120, case=lambda number: {"rubric": RUBRIC} if number < cases else {}))
    assert (verdict.decision, verdict.reasons[0]) == ("hold", UNCALIBRATED)


def test_uncalibrated_judge_may_reject(rubric_run, decide_on):
    """Errors that are alike on both arms make a difference smaller, so an observed harm is at least as large."""
    verdict = decide_on(rubric_run(both=70, control=30))
    assert verdict.decision == "reject"
    assert verdict.reasons == ("pass rate is at least 23.1 points worse, the margin is 5.0", UNCALIBRATED)
    assert row_of(verdict).state == "fail"


def test_calibrated_judge_promotes_with_the_corrected_difference(rubric_run):
    """The row's figures and its method are those of the correction; the uncorrected ones are kept beside it."""
    verdict = judged(rubric_run(both=380, treatment=8, control=6, neither=6))
    cases = [JudgedCase(value, 0, by_judge=True) for value in [1] * 8 + [-1] * 6 + [0] * 386]
    row = row_of(verdict)
    assert verdict.decision == "promote"
    assert (row.estimate, row.low, row.high) == pytest.approx(tuple(Corrected(cases, GOOD).interval()))
    assert row.method == "Rogan-Gladen by 200 labels, Fieller interval, the judge errs alike on both arms"
    assert tuple(verdict.judge.difference) == pytest.approx(tuple(ordinal_tango([one.passed for one in cases])))
    assert verdict.judge.control.estimate == pytest.approx((386 / 400 - 0.1) / 0.85, abs=0.02)
    assert verdict.reasons[-1] == (
        "corrected for the errors of the judge gpt-4.1: yes to 95.0% of 100 answers that hold, no to 90.0% of 100 that fail"
    )


def test_correction_takes_back_a_promotion(make_run, rubric_run, decide_on):
    """A judge that is wrong in a fifth of all answers hides a part of the loss that its verdicts show."""
    results = rubric_run(both=380, treatment=5, control=15)
    assert decide_on(make_run(both=380, treatment=5, control=15)).decision == "promote"
    weak = replace(CALIBRATED, accuracy=JudgeAccuracy(80, 100, 80, 100))
    verdict = judged(results, weak)
    assert verdict.decision == "hold"
    assert row_of(verdict).low < -0.05 < verdict.judge.difference.low
    assert verdict.needed_if_equal > 350


def test_calibrated_judge_rejects_by_the_corrected_difference(rubric_run):
    """The corrected loss is larger than the observed one."""
    verdict = judged(rubric_run(both=330, treatment=10, control=60))
    assert verdict.decision == "reject"
    assert row_of(verdict).estimate == pytest.approx(-50 / 400 / 0.85)


@pytest.mark.parametrize(
    ("accuracy", "reason"),
    [
        (
            JudgeAccuracy(40, 40, 9, 9),
            "labels.jsonl: 40 answers hold and 9 fail, and at least 10 of each are needed",
        ),
        (
            JudgeAccuracy(24, 40, 24, 40),
            "it hardly tells the answers of labels.jsonl apart: yes to 60.0% of 40 answers that hold, no to 60.0% of 40 that fail; sensitivity + specificity - 1 may be -0.02, and must be above 0.1",
        ),
        (JudgeAccuracy(40, 40, 0, 40), "it hardly tells the answers of labels.jsonl apart"),
        (None, "nothing is known about its errors"),
    ],
)
def test_judge_without_good_labels_is_uncalibrated(rubric_run, accuracy, reason):
    """Too few of a kind, a judge near a coin, and one that always says yes."""
    verdict = judged(rubric_run(both=400), replace(CALIBRATED, accuracy=accuracy))
    assert verdict.decision == "hold"
    assert verdict.reasons[0].startswith(f"the judge gpt-4.1 is uncalibrated: {reason}")


def test_harm_by_a_judge_that_may_be_a_coin_holds(rubric_run):
    """Its labels show no relation to the answers, so a difference of its verdicts is none of the answers."""
    results = rubric_run(both=330, treatment=10, control=60)
    coin = JudgeStanding(model="gpt-4.1", labels="labels.jsonl", accuracy=JudgeAccuracy(3, 28, 36, 42))
    verdict = judged(results, coin)
    assert verdict.decision == "hold"
    assert verdict.reasons[0].startswith("the judge gpt-4.1 is uncalibrated: it hardly tells the answers")
    # Weak, but better than a coin; and few labels show nothing about the judge.
    for accuracy in (JudgeAccuracy(26, 40, 26, 40), JudgeAccuracy(5, 9, 5, 9)):
        assert judged(results, replace(coin, accuracy=accuracy)).decision == "reject"


def test_problem_with_labels_is_the_reason(rubric_run):
    """A file that cannot be read, or verdicts that are not recorded."""
    problem = (
        "3 of 40 labelled answers in l.jsonl have no recorded verdict of it: run graysplit judge calibrate l.jsonl"
    )
    verdict = judged(rubric_run(both=400), JudgeStanding(model="gpt-4.1", problem=problem))
    assert verdict.reasons[0] == f"the judge gpt-4.1 is uncalibrated: {problem}"


def test_labels_change_nothing_without_a_rubric(make_run, decide_on):
    """Rows and reasons of a suite of checks are those without labels."""
    results = make_run(both=116, treatment=2, control=2)
    assert judged(results) == decide_on(results)


def test_two_arms_that_only_a_false_yes_passes_hold(rubric_run):
    """The judge passes 12% of wrong answers, so two arms that are always wrong pass a part of the cases alike."""
    lenient = replace(CALIBRATED, accuracy=JudgeAccuracy(95, 100, 88, 100))
    verdict = judged(rubric_run(both=40, treatment=8, control=8, neither=344), lenient)
    assert row_of(verdict).state == "pass"
    assert verdict.decision == "hold"
    assert verdict.reasons[0] == (
        "without the judge's errors the control may pass only 0.0% of 400 cases, fewer than two margins (10.0%): the margin "
        "would hide the loss of most of them"
    )


def test_only_the_part_of_the_rubric_is_corrected(make_run):
    """Half the cases have checks alone, and in the others some answers failed a check and were never judged."""

    def shares(case, arm):
        number = int(case.id.removeprefix("case-"))
        return replace(arm, checks_share=0.0 if arm.misses and number % 3 == 0 else 1.0) if case.rubric else arm

    results = make_run(
        both=200, treatment=10, control=20, neither=20, case=lambda number: {"rubric": RUBRIC} if number % 2 else {}
    )
    results = with_checks(results, shares)
    cases = []
    for number in range(250):
        kind = (0, 0) if number < 200 else (1, 0) if number < 210 else (0, 1) if number < 230 else (1, 1)
        control_missed, treatment_missed = kind
        unchecked = number % 3 == 0
        checked = (control_missed - treatment_missed) if unchecked else 0
        passed = control_missed - treatment_missed
        by_judge = bool(number % 2)
        cases.append(JudgedCase(passed, checked if by_judge else passed, by_judge=by_judge))
    row = row_of(judged(results))
    assert (row.estimate, row.low, row.high) == pytest.approx(tuple(Corrected(cases, GOOD).interval()), abs=1e-9)


def test_rows_of_tags_are_corrected_too(make_run):
    """Without labels a tag cannot pass, and a critical one is open."""
    results = make_run(both=150, case=lambda number: {"rubric": RUBRIC, "tags": ("refund",)})
    policy = Policy(critical_tags=("refund",))
    row = row_of(judged(results, policy=policy), "tag:refund")
    assert (row.state, row.method.partition(" ")[0]) == ("pass", "Rogan-Gladen")
    uncalibrated = decide(results, DEEPSEEK, policy, RunFacts())
    assert row_of(uncalibrated, "tag:refund").state is None
    assert "pass rate of refund is not corrected for the judge's errors" in uncalibrated.reasons


@pytest.mark.parametrize("name", ["retention", "cost_per_pass"])
def test_other_rows_of_passes_cannot_pass_by_a_judge(make_run, name):
    """They are not corrected, so a critical one leaves the verdict open even with labels."""
    prices = {"control": {"cost": "0.002"}, "treatment": {"cost": "0.001"}}
    plain = make_run(both=400, reply=lambda number: prices)
    policy = Policy(critical=("pass_rate", name))
    assert decide(plain, DEEPSEEK, policy, RunFacts()).decision == "promote"
    verdict = judged(make_run(both=400, case=by_rubric, reply=lambda number: prices), policy=policy)
    assert verdict.decision == "hold"
    assert row_of(verdict, name).state is None
    assert any(reason.endswith("is not corrected for the judge's errors") for reason in verdict.reasons)


def test_harm_in_another_row_of_passes_still_rejects(rubric_run):
    """A treatment that loses half of the passes fails the row whether the judge errs or not."""
    policy = Policy(critical=("retention",))
    verdict = judged(rubric_run(both=100, control=100), policy=policy)
    assert verdict.decision == "reject"


def test_early_promise_with_a_rubric_holds(rubric_run):
    """A bet does not correct verdicts, so a stop that came before the first rubric promotes nothing."""
    stops = {DEEPSEEK: StopReason(side="promote", after=80)}
    verdict = judged(rubric_run(both=400), stops=stops)
    assert (verdict.decision, verdict.reasons[0]) == (
        "hold",
        "promise was shown early by passes that are not corrected for the judge's errors: run the whole suite",
    )


def followed(rubric, passed):
    """Follow 250 cases in which the treatment passes or not, and the control always passes."""
    early = EarlyStop(margin=0.05, promote=True, order=[f"item-{number}" for number in range(250)])
    for number in range(250):
        pair = a_pair(
            a_case(f"case-{number}", rubric=rubric if number == 3 else ()),
            a_reply(model=SONNET),
            a_reply(model=DEEPSEEK),
            misses=[] if passed else [a_miss()],
        )
        early.report(f"item-{number}", (pair,))
    return early.stops.get(DEEPSEEK)


def test_early_stop_gives_up_promise_at_the_first_rubric():
    """One case with a rubric among 250 is enough; harm is still shown, because errors only hide it."""
    assert followed((), passed=True).side == "promote"
    assert followed(RUBRIC, passed=True) is None
    assert followed(RUBRIC, passed=False).side == "harm"


def test_planned_look_widens_the_corrected_interval(rubric_run):
    """The confidence of the look is that of the cases and of the labels."""
    results = rubric_run(both=370, treatment=10, control=10, neither=10)
    plain, look = row_of(judged(results)), row_of(judged(results, policy=Policy(looks=(400, 800))))
    assert look.confidence > plain.confidence
    assert look.low < plain.low


def test_hold_counts_what_the_labels_leave_open(rubric_run):
    """The same verdicts need more cases with fewer labels, and more with a weaker judge."""
    results, numbers = rubric_run(both=254, treatment=20, control=26), []
    for counts in ((950, 1000, 900, 1000), (19, 20, 18, 20), (16, 20, 16, 20)):
        verdict = judged(results, replace(CALIBRATED, accuracy=JudgeAccuracy(*counts)))
        assert verdict.decision == "hold"
        numbers.append(verdict.needed_if_equal)
    assert numbers == sorted(set(numbers))


def test_treatment_that_fails_its_checks_more_often_is_not_excused(rubric_run):
    """Lost checks are lost passes: the correction takes off false yes only where the judge could say yes."""
    results = with_checks(
        rubric_run(both=300, control=100),
        lambda case, arm: replace(arm, checks_share=0.0 if arm.misses else 1.0),
    )
    assert judged(results).decision == "reject"


@pytest.mark.parametrize(("lost", "decision"), [(1, "promote"), (30, "hold")])
def test_losses_without_a_verdict_on_the_control_are_corrected_too(rubric_run, lost, decision):
    """A few cases that the treatment fails, and whose control the judge left open, may be losses."""
    results = rubric_run(both=600).copy()
    for number in range(lost):
        pair = a_pair(a_case(f"lost-{number}", rubric=RUBRIC), a_reply(), a_reply("x", DEEPSEEK), misses=[a_miss()])
        open_verdict = CriterionResult(criterion=RUBRIC[0], sample=0, holds=None)
        control, treatment = pair.arms
        silent = {"judged": False, "unjudged_because": "without a verdict of the judge", "rubric": (open_verdict,)}
        results.add(f"lost-{number}", (replace(pair, arms=(replace(control, **silent), treatment)),))
    verdict = judged(results)
    assert verdict.decision == decision
    assert any("the judge gave no verdict on the control" in one for one in verdict.reasons) == (decision == "hold")


def test_bets_do_not_overrule_the_corrected_row(rubric_run):
    """A treatment that fails more checks loses the judge's false yes with them, which is not a loss of right answers."""
    results = with_checks(
        rubric_run(both=200, control=80, neither=120),
        lambda case, arm: replace(arm, checks_share=0.0 if arm.arm == DEEPSEEK and arm.misses else 1.0),
    )
    lenient = replace(CALIBRATED, accuracy=JudgeAccuracy(99, 100, 62, 100))
    assert judged(results, JudgeStanding()).decision == "reject"
    assert judged(results, lenient).decision == "hold"


def test_run_against_itself_is_never_rejected():
    """An A/A run holds, calibrated or not."""
    pairs = [
        a_pair(
            a_case(f"case-{n}", rubric=RUBRIC),
            a_reply(model=SONNET),
            a_reply(model=SONNET),
            misses=[a_miss(SONNET)] if n % 3 == 0 else [],
        )
        for n in range(120)
    ]
    for standing in (CALIBRATED, JudgeStanding()):
        assert decide(collected(*pairs), SONNET, Policy(), RunFacts(judge=standing)).decision == "hold"
