"""Accuracy of a judge and corrected rates, compared with formulas, an independent vectorised score, and simulations."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import Corrected, JudgeAccuracy, JudgedCase, cohen_kappa, ordinal_tango, t_interval, tango

GOOD = JudgeAccuracy(said_yes=27, holding=30, said_no=16, failing=20)
# A judge whose errors are known to be none: every figure is that of the verdicts themselves.
PERFECT = JudgeAccuracy(10**9, 10**9, 10**9, 10**9)
Z = 1.6448536269514722
MARGIN = 0.05


def judged(only_treatment, only_control, n):
    """Return the differences of n cases that a judge decided."""
    same = n - only_treatment - only_control
    return [JudgedCase(value, 0, by_judge=True) for value in [1] * only_treatment + [-1] * only_control + [0] * same]


def rates(*answers):
    """Return the cases of one arm: passed and checked, once per answer."""
    return [JudgedCase(passed, checked, by_judge=True) for passed, checked in answers]


def test_accuracy_is_that_of_the_labels():
    """Published Wilson bounds, Youden's J with both distances added in quadrature, by hand."""
    assert GOOD.sensitivity == pytest.approx((0.9, 0.7438, 0.9654), abs=1e-4)
    assert GOOD.specificity == pytest.approx((0.8, 0.5840, 0.9193), abs=1e-4)
    down, up = math.hypot(0.9 - 0.7438, 0.8 - 0.5840), math.hypot(0.9654 - 0.9, 0.9193 - 0.8)
    assert GOOD.informedness == pytest.approx((0.7, 0.7 - down, 0.7 + up), abs=2e-4)


@pytest.mark.parametrize(
    ("counts", "known"),
    [
        ((27, 30, 16, 20), True),
        ((9, 9, 90, 90), False),
        ((90, 90, 9, 9), False),
        ((10, 10, 10, 10), True),
        ((15, 30, 15, 30), False),
        ((12, 20, 12, 20), False),
        ((60, 100, 60, 100), False),
        ((30, 30, 0, 30), False),
        ((0, 30, 0, 30), False),
        ((0, 0, 0, 0), False),
    ],
)
def test_accuracy_is_known_with_labels_of_both_kinds_and_a_judge_that_can_tell(counts, known):
    """Ten of each kind, and a lower bound of J above 0.1; a coin and an inverted judge are refused."""
    assert JudgeAccuracy(*counts).is_known is known


def test_kappa_is_that_of_published_tables():
    """Cohen's own example, perfect agreement, and tables in which chance explains everything."""
    cohen = {("a", "a"): 88, ("a", "b"): 14, ("a", "c"): 18, ("b", "a"): 10, ("b", "b"): 40, ("b", "c"): 10}
    cohen |= {("c", "a"): 2, ("c", "b"): 6, ("c", "c"): 12}
    assert cohen_kappa(cohen) == pytest.approx(0.492, abs=5e-4)
    assert cohen_kappa({("yes", "yes"): 3, ("no", "no"): 4}) == 1
    assert cohen_kappa({("yes", "yes"): 3}) is None
    assert cohen_kappa({}) is None


def test_correction_is_that_of_rogan_and_gladen():
    """Their formula by hand: (0.7 + 0.8 - 1) / 0.7; with failed checks only those that passed can be false yes."""
    assert Corrected(rates(*[(1, 1)] * 7, *[(0, 1)] * 3), GOOD, ends=(0, 1)).estimate == pytest.approx(0.5 / 0.7)
    checked = rates(*[(1, 1)] * 6, *[(0, 1)] * 2, *[(0, 0)] * 2)
    assert Corrected(checked, GOOD, ends=(0, 1)).estimate == pytest.approx((0.6 - 0.2 * 0.8) / 0.7)


def test_correction_of_a_difference_leaves_checked_cases_alone():
    """Ten cases: the judge's part is enlarged by 1/J, that of the checks counts as it is, false yes are taken off."""
    cases = [JudgedCase(-1, 0, by_judge=True)] * 2 + [JudgedCase(-1, -1, by_judge=True)]
    cases += [JudgedCase(1, 1, by_judge=False)] * 3 + [JudgedCase(0, 0, by_judge=True)] * 4
    assert Corrected(cases, GOOD).estimate == pytest.approx(0.3 + (-0.3 + 0.2 * 0.1) / 0.7)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 200))
def test_correction_by_a_perfect_judge_is_tango(better, worse, same):
    """With errors known to be none, the bounds and the p-values are Tango's."""
    n = better + worse + same
    if n:
        expected = tango(better, worse, n)
        assert Corrected(judged(better, worse, n), PERFECT).interval() == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.tuples(st.sampled_from([-1, -0.5, 0, 0.5, 1]), st.booleans()), min_size=2, max_size=60))
def test_interval_is_where_the_p_values_cross_the_confidence(drawn):
    """Both ends are at 5% wherever the scale does not cut them off, and the mirrored data give mirrored bounds."""
    cases = [JudgedCase(value, 0 if by_judge else value, by_judge) for value, by_judge in drawn]
    corrected = Corrected(cases, GOOD)
    estimate, low, high = corrected.interval()
    assert -1 <= low <= estimate <= high <= 1
    if low > -1 and abs(estimate) < 1:
        assert corrected.p(low) == pytest.approx(0.05, abs=1e-4)
    if high < 1 and abs(estimate) < 1:
        assert corrected.p_below(high) == pytest.approx(0.05, abs=1e-4)
    mirrored = Corrected([case._replace(passed=-case.passed, checked=-case.checked) for case in cases], GOOD)
    assert mirrored.interval() == pytest.approx((-estimate, -high, -low), abs=1e-6)


def test_interval_is_wider_for_fewer_labels_and_for_a_weaker_judge():
    """Each step down widens the interval of the same verdicts; it is always wider than without a judge's errors."""
    cases = judged(8, 20, 200)
    widths = []
    for labels in (
        PERFECT,
        JudgeAccuracy(190, 200, 190, 200),
        JudgeAccuracy(19, 20, 19, 20),
        JudgeAccuracy(16, 20, 16, 20),
    ):
        interval = Corrected(cases, labels).interval()
        widths.append(interval.high - interval.low)
    assert widths == sorted(set(widths))


def test_interval_beyond_the_scale_keeps_its_width():
    """A run with more passes than the labels allow has a rate of 1, and no certainty; the same at 0."""
    every = Corrected(rates(*[(1, 1)] * 100), GOOD, ends=(0, 1)).interval()
    none = Corrected(rates(*[(0, 1)] * 100), GOOD, ends=(0, 1)).interval()
    assert (every.estimate, every.high, none.estimate, none.low) == (1, 1, 0, 0)
    assert every.low < 0.95
    assert none.high > 0.05


def test_interval_of_a_judge_that_cannot_tell_excludes_no_loss():
    """With a J that may be 0 any loss is possible, however few differences were seen."""
    corrected = Corrected(judged(5, 20, 200), JudgeAccuracy(12, 20, 12, 20))
    assert corrected.interval().low == -1.0
    assert Corrected(judged(6, 5, 200), JudgeAccuracy(12, 20, 12, 20)).interval()[1:] == (-1.0, 1.0)
    assert corrected.p(-0.9) > 0.05


def test_clustered_correction_is_never_sharper_than_its_clusters():
    """A perfect judge gives the clustered t; ten equal clusters without a difference give ten agreeing pairs."""
    rng = random.Random(3)
    values = [rng.choice([-1, 0, 0, 0, 0, 1]) for _ in range(120)]
    clusters = [place // 4 for place in range(120)]
    cases = [JudgedCase(value, 0, by_judge=True) for value in values]
    expected = t_interval(values, clusters=clusters)
    assert Corrected(cases, PERFECT, clusters).interval() == pytest.approx(expected, abs=1e-3)
    even = Corrected(judged(0, 0, 100), PERFECT, [place // 10 for place in range(100)]).interval()
    assert even == pytest.approx(tango(0, 0, 10), abs=1e-3)


@pytest.mark.parametrize(
    ("cases", "accuracy", "message"),
    [
        ([], GOOD, "at least one case"),
        (judged(0, 0, 1), JudgeAccuracy(0, 0, 5, 5), "both kinds"),
        (judged(0, 0, 1), JudgeAccuracy(6, 5, 5, 5), "at most n"),
        (judged(0, 0, 1), JudgeAccuracy(2, 5, 2, 5), "tells nothing"),
    ],
)
def test_correction_refuses_impossible_arguments(cases, accuracy, message):
    with pytest.raises(ValueError, match=message):
        Corrected(cases, accuracy)


# --- The score of whole passes on many data sets at once, written independently.


def wilson_reach(right, n):
    """Return the distances from the share to its 90% Wilson bounds."""
    share = right / n
    centre, half = share + Z * Z / (2 * n), Z * np.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return share - (centre - half) / (1 + Z * Z / n), (centre + half) / (1 + Z * Z / n) - share


def scores(better, worse, n, labels, value):
    """Return the standard errors of the observed figures above a true difference, for arrays of counts."""
    yes, holding, no, failing = labels
    informed = yes / holding + no / failing - 1
    mean = value * informed
    low, high = np.where(mean < 0, worse, better), np.where(mean < 0, better, worse)
    size = np.abs(mean)
    linear = -low - high + (2 * n - low + high) * size
    rarer = (np.sqrt(linear**2 + 8 * n * high * size * (1 - size)) - linear) / (4 * n)
    variance = (2 * rarer + size * (1 - size)) / n
    away = (better - worse) / n - mean
    for right, of in ((yes, holding), (no, failing)):
        down, up = wilson_reach(right, of)
        variance = variance + (value * np.where((away > 0) == (value < 0), down, up) / Z) ** 2
    return away / np.sqrt(variance)


def drawn_runs(rng, size, n, labelled, judge, discordant, difference):
    """Draw verdicts of a judge on n cases of two arms, and on labelled answers of which 60% hold."""
    sens, spec = judge
    only = (discordant + difference) / 2, (discordant - difference) / 2
    truth = {(1, 0): only[0], (0, 1): only[1], (1, 1): 0.75 - only[1], (0, 0): 0.25 - only[0]}
    says = {1: sens, 0: 1 - spec}
    better = sum(share * says[t] * (1 - says[c]) for (t, c), share in truth.items())
    worse = sum(share * says[c] * (1 - says[t]) for (t, c), share in truth.items())
    verdicts = rng.multinomial(n, [better, worse, 1 - better - worse], size=size)
    holding = rng.binomial(labelled, 0.6, size)
    labels = rng.binomial(holding, sens), holding, rng.binomial(labelled - holding, spec), labelled - holding
    return verdicts[:, 0], verdicts[:, 1], labels


def test_scores_of_the_simulation_are_those_of_the_package():
    """On 150 random data sets both give the same p-value, at values on both sides of the estimate."""
    rng = np.random.default_rng(14)
    better, worse, labels = drawn_runs(rng, 150, 200, 80, (0.9, 0.8), 0.2, -0.05)
    for place in range(150):
        counts = [int(part[place]) for part in labels]
        corrected = Corrected(judged(int(better[place]), int(worse[place]), 200), JudgeAccuracy(*counts))
        value = (-0.2, -0.05, 0.02, 0.1)[place % 4]
        score = float(scores(better[place], worse[place], 200, counts, value))
        assert corrected.p(value) == pytest.approx(0.5 * math.erfc(score / math.sqrt(2)), abs=1e-6)


SETTINGS = [
    (n, labelled, judge, discordant, difference)
    for n in (100, 400)
    for labelled in (40, 200)
    for judge in ((0.75, 0.85), (0.9, 0.8), (0.95, 0.95), (0.98, 0.98))
    for discordant in (0.05, 0.3)
    for difference in (-0.10, -0.05, 0.0, 0.05)
    if abs(difference) <= discordant
]


def usable(labels):
    """Tell for each data set whether its labels are enough: both kinds, and a judge that can tell."""
    return np.array([JudgeAccuracy(*map(int, counts)).is_known for counts in zip(*labels, strict=True)])


@pytest.mark.no_cover
def test_interval_of_90_percent_covers_the_truth_in_90_percent_of_runs():
    """In each of 112 settings 88 to 92% of 5,000 simulated runs cover it; where labels are refused, of the others."""
    rng = np.random.default_rng(2026)
    covered = []
    for n, labelled, judge, discordant, difference in SETTINGS:
        better, worse, labels = drawn_runs(rng, 5_000, n, labelled, judge, discordant, difference)
        enough = np.minimum(labels[1], labels[3]) >= 10
        score = scores(better, worse, n, labels, difference or 1e-9)[enough]
        covered.append(float(np.mean(np.abs(score) <= Z)))
    assert len(covered) == len(SETTINGS)
    assert min(covered) >= 0.88
    assert max(covered) <= 0.92


@pytest.mark.no_cover
def test_treatment_worse_by_the_margin_is_promoted_in_about_5_percent_of_runs():
    """At most 6% in each setting, and for a judge near a coin, whose labels are mostly refused."""
    rng = np.random.default_rng(50)
    weak = [
        (2000, labelled, judge, 0.15, -MARGIN)
        for labelled in (40, 100)
        for judge in ((0.6, 0.6), (0.9, 0.3), (0.5, 0.5))
    ]
    shares = []
    for n, labelled, judge, discordant, difference in [one for one in SETTINGS if one[-1] == -MARGIN] + weak:
        better, worse, labels = drawn_runs(rng, 2_000, n, labelled, judge, discordant, difference)
        promising = scores(better, worse, n, labels, -MARGIN) > Z
        kept = usable([part[promising] for part in labels])
        shares.append(kept.sum() / 2_000)
    assert max(shares) <= 0.066  # 6% and three standard errors
    assert np.mean(shares) <= 0.05


@pytest.mark.no_cover
@pytest.mark.parametrize("treatment_checked", [0.85, 1.0])
def test_interval_covers_the_truth_with_failed_checks_and_cases_without_a_rubric(treatment_checked):
    """400 runs of 120 cases, of which a third have no rubric; the arms pass 95% and fewer or more of their checks."""
    rng = random.Random(60)
    covered = used = 0
    truth = 0.8 * treatment_checked - 0.8 * 0.95
    for _ in range(400):
        holding = sum(rng.random() < 0.6 for _ in range(80))
        says = [(rng.random() < 0.9, rng.random() < 0.8) for _ in range(80)]
        labels = sum(yes for yes, _ in says[:holding]), holding, sum(no for _, no in says[holding:]), 80 - holding
        cases = []
        for place in range(120):
            arms = []
            for checked_share in (treatment_checked, 0.95):
                checked = rng.random() < checked_share
                holds = checked and rng.random() < 0.8
                yes = checked and rng.random() < (0.9 if holds else 0.2)
                arms.append((holds if place % 3 == 0 else yes, holds if place % 3 == 0 else checked))
            (passed, checks), (control_passed, control_checks) = arms
            cases.append(JudgedCase(passed - control_passed, checks - control_checks, by_judge=place % 3 != 0))
        if JudgeAccuracy(*labels).is_known:
            corrected = Corrected(cases, JudgeAccuracy(*labels))
            used += 1
            covered += min(corrected.p(truth), corrected.p_below(truth)) >= 0.05
    assert used > 350
    assert 0.855 <= covered / used <= 0.945


def test_uncorrected_verdicts_hide_a_loss():
    """A judge with J = 0.7 hides part of the loss: Tango promotes, and the corrected interval does not."""
    cases = judged(7, 13, 300)
    assert ordinal_tango([case.passed for case in cases]).low > -MARGIN
    assert Corrected(cases, GOOD).interval().low < -MARGIN
