"""Ratios of latencies and costs, compared with scipy, with the delta method by hand, and at their edges."""

import math
import random
from statistics import fmean, stdev

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import (
    Interval,
    cost_per_pass_ratio,
    cost_per_pass_ratio_p,
    log_ratio,
    log_ratio_p,
    ratio_of_sums,
    t_interval,
    t_p,
)


def test_log_ratio_matches_scipy():
    """The exponential of scipy's paired t interval on the logarithms."""
    treatment, control = [0.9, 1.1, 0.7, 1.4, 0.8], [1.2, 1.0, 1.1, 1.3, 1.5]
    logs = [math.log(t / c) for t, c in zip(treatment, control, strict=True)]
    oracle = scipy.stats.ttest_1samp(logs, 0).confidence_interval(0.90)
    expected = (math.exp(fmean(logs)), math.exp(oracle.low), math.exp(oracle.high))
    assert log_ratio(treatment, control) == pytest.approx(expected, rel=1e-10)


SECONDS = st.floats(1e-3, 1e3)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=2, max_size=40))
def test_log_ratio_is_inverted_when_the_arms_are_exchanged(values):
    """Twice as slow in one direction is half as slow in the other, bounds included."""
    treatment, control = zip(*values, strict=True)
    forth, back = log_ratio(treatment, control), log_ratio(control, treatment)
    assert forth.low <= forth.estimate <= forth.high
    if back.low > 0 and forth.low > 0 and max(back.high, forth.high) < math.inf:
        assert forth == pytest.approx((1 / back.estimate, 1 / back.high, 1 / back.low), rel=1e-9)


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_log_ratio_of_equal_latencies_is_one(values):
    """Exactly, without a rounding error."""
    assert log_ratio(values, values).estimate == 1


def test_log_ratio_of_one_pair_has_no_bounds():
    """One pair gives an estimate, and an interval from 0 to infinity."""
    assert log_ratio([2.0], [1.0]) == Interval(2.0, 0.0, math.inf)


@pytest.mark.parametrize(("treatment", "control"), [([], []), ([0.0], [1.0]), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_log_ratio_without_pairs_is_none(treatment, control):
    """The same holds if no latency is positive."""
    assert log_ratio(treatment, control) is None


def test_log_ratio_leaves_out_pairs_with_a_zero():
    """A zero on one side removes the whole pair."""
    assert log_ratio([2.0, 0.0, 2.0], [1.0, 5.0, 1.0]) == pytest.approx((2.0, 2.0, 2.0))


def test_log_ratio_refuses_sides_of_different_lengths():
    """The caller makes the pairs, so that a missing value never shifts them."""
    with pytest.raises(ValueError, match="shorter"):
        log_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("treatment", "control"),
    [([1e-300, 1e300], [1e300, 1e-300]), ([1e-320, 1.0], [1e300, 1.0]), ([5e-324, 1.0, 2.0], [1e308, 1.0, 1.0])],
)
def test_log_ratio_survives_extreme_numbers(treatment, control):
    """Impossible latencies give an interval from 0 to infinity and not an overflow."""
    estimate, low, high = log_ratio(treatment, control)
    assert 0 <= low <= estimate <= high


def test_log_ratio_p_matches_scipy():
    """scipy's one-sided t test on the logarithms."""
    rng = random.Random(26)
    for n in (2, 5, 40, 300):
        treatment = [rng.lognormvariate(0.1, 0.5) for _ in range(n)]
        control = [rng.lognormvariate(0.0, 0.5) for _ in range(n)]
        logs = [math.log(t / c) for t, c in zip(treatment, control, strict=True)]
        for bound in (0.8, 1.0, 1.25):
            oracle = scipy.stats.ttest_1samp(logs, math.log(bound), alternative="greater").pvalue
            assert log_ratio_p(treatment, control, bound) == pytest.approx(oracle, rel=1e-7)


def test_log_ratio_keeps_the_clusters_of_the_remaining_pairs():
    """The cluster name of a pair is left out with the pair."""
    treatment, control = [2.0, 0.0, 3.0, 4.0, 8.0], [1.0, 1.0, 1.0, 3.0, 2.0]
    ours = log_ratio(treatment, control, 0.9, clusters=["a", "z", "a", "b", "c"])
    logs = [math.log(2), math.log(3), math.log(4 / 3), math.log(4)]
    assert ours == pytest.approx([math.exp(bound) for bound in t_interval(logs, 0.9, clusters=["a", "a", "b", "c"])])
    assert log_ratio_p(treatment, control, 1.25, clusters=["a", "z", "a", "b", "c"]) == pytest.approx(
        t_p(logs, math.log(1.25), clusters=["a", "a", "b", "c"])
    )


# --- ratio_of_sums and cost_per_pass_ratio

# Eight cases: the cost of each and whether it passed, for control and treatment.
CONTROL = [0.01, 0.012, 0.009, 0.011, 0.015, 0.01, 0.013, 0.008], [1, 1, 1, 0, 1, 1, 1, 1]
TREATMENT = [0.002, 0.003, 0.002, 0.0025, 0.004, 0.002, 0.003, 0.0015], [1, 1, 0, 0, 1, 1, 1, 1]


def test_cost_per_pass_ratio_keeps_its_digits():
    """Cost per pass 0.00333 over 0.01257: the interval of the delta method, calculated by hand."""
    estimate, low, high = cost_per_pass_ratio(*TREATMENT, *CONTROL, confidence=0.95)
    assert math.log(estimate) == pytest.approx(-1.3274538610969568, abs=1e-12)
    assert (low, high) == pytest.approx((0.17815274332336534, 0.394635101742626), rel=1e-9)


def test_cost_per_pass_ratio_p_has_its_standard_error():
    """The logarithm has the standard error 0.168 by hand, and seven degrees of freedom."""
    for bound in (0.2, 0.3, 1.0):
        t = (-1.3274538610969568 - math.log(bound)) / 0.16817053564923265
        assert cost_per_pass_ratio_p(*TREATMENT, *CONTROL, bound=bound) == pytest.approx(scipy.stats.t.sf(t, 7))


def test_the_ratio_of_sums_is_the_delta_method():
    """Over random sums: linearised by hand, with scipy's t."""
    rng = random.Random(27)
    for n in (2, 7, 50, 400):
        over = [rng.uniform(0, 5) for _ in range(n)]
        under = [value * rng.uniform(0.5, 2) + 0.1 for value in over]
        pulls = [o / fmean(over) - u / fmean(under) for o, u in zip(over, under, strict=True)]
        half = scipy.stats.t.ppf(0.975, n - 1) * stdev(pulls) / math.sqrt(n)
        ratio = sum(over) / sum(under)
        expected = (ratio, ratio * math.exp(-half), ratio * math.exp(half))
        assert ratio_of_sums(over, under, 0.95) == pytest.approx(expected, rel=1e-7)


def test_costs_with_every_case_passed_are_a_ratio_of_sums():
    """When nothing fails, the cost per pass is the cost."""
    passed = [1] * 8
    ours = cost_per_pass_ratio(TREATMENT[0], passed, CONTROL[0], passed)
    assert ours == pytest.approx(ratio_of_sums(TREATMENT[0], CONTROL[0]))


@pytest.mark.no_cover
def test_the_interval_of_costs_is_about_as_sure_as_it_says():
    """Of 400 simulated comparisons of 60 cases, the 90% interval contains the true ratio in about 90%."""
    rng, hits = random.Random(28), 0
    for _ in range(400):
        sizes = [rng.lognormvariate(0, 0.6) for _ in range(60)]
        costs = [[price * size * rng.uniform(0.8, 1.2) for size in sizes] for price in (1, 4)]
        passes = [[float(rng.random() < rate) for _ in sizes] for rate in (0.8, 0.9)]
        _, low, high = cost_per_pass_ratio(costs[0], passes[0], costs[1], passes[1])
        hits += low <= (1 / 0.8) / (4 / 0.9) <= high
    assert 340 <= hits <= 380


def test_cost_per_pass_ratio_with_one_cluster_per_case_is_unclustered():
    """Clusters of one case change nothing."""
    names = list("abcdefgh")
    assert cost_per_pass_ratio(*TREATMENT, *CONTROL, clusters=names) == cost_per_pass_ratio(*TREATMENT, *CONTROL)


def test_cost_per_pass_ratio_of_copied_cases_is_unchanged_when_clustered():
    """Each case three times, in one cluster: the same interval as once."""
    tripled = [values * 3 for values in (*TREATMENT, *CONTROL)]
    assert cost_per_pass_ratio(*tripled, clusters=list("abcdefgh") * 3) == pytest.approx(
        cost_per_pass_ratio(*TREATMENT, *CONTROL)
    )


@pytest.mark.parametrize(
    ("over", "under"), [([], []), ([0.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 0.0]), ([-1.0], [1.0])]
)
def test_cost_per_pass_ratio_without_a_positive_sum_is_none(over, under):
    """Without cases, passes or prices the ratio is None, and its p one half."""
    assert ratio_of_sums(over, under) is None
    assert cost_per_pass_ratio(over, under, over, under) is None
    assert cost_per_pass_ratio_p(over, under, over, under, bound=1.0) == 0.5
    assert log_ratio_p([], [], bound=1.0) == 0.5


def test_cost_per_pass_ratio_of_one_case_has_no_bounds():
    """One case gives an estimate, and an interval from 0 to infinity."""
    assert ratio_of_sums([2.0], [4.0]) == Interval(0.5, 0.0, math.inf)
    assert cost_per_pass_ratio_p([2.0], [1.0], [4.0], [1.0], bound=1.0) == 0.5


def test_cost_per_pass_ratio_of_proportional_costs_has_no_spread():
    """A tenth of the price in every case is a ratio of a tenth."""
    costs = [0.013, 0.017, 0.021, 0.4]
    tenths = [cost / 10 for cost in costs]
    assert ratio_of_sums(tenths, costs) == pytest.approx((0.1, 0.1, 0.1))
    passed = [1.0] * 4
    p = [cost_per_pass_ratio_p(tenths, passed, costs, passed, bound=bound) for bound in (0.05, 0.1, 0.2)]
    assert p == pytest.approx([0, 0.5, 1], abs=1e-12)


@pytest.mark.parametrize("bound", [0, -1, math.nan])
def test_ratio_p_refuses_bounds_that_are_not_positive(bound):
    """No ratio of times or costs is ever below 0."""
    with pytest.raises(ValueError, match="more than 0"):
        log_ratio_p([1.0], [1.0], bound)


def test_cost_per_pass_ratio_refuses_values_that_are_not_finite():
    """A NaN would end in NaN bounds without a message."""
    with pytest.raises(ValueError, match="finite"):
        ratio_of_sums([math.nan], [1.0])
    with pytest.raises(ValueError, match="finite"):
        log_ratio([math.inf], [1.0])


def test_cost_per_pass_ratio_refuses_different_lengths():
    """The caller leaves out a case without a cost, on both sides."""
    with pytest.raises(ValueError, match="shorter"):
        cost_per_pass_ratio([1.0, 1.0], [1.0, 1.0], [1.0], [1.0])
