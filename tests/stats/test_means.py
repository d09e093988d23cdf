"""Means, clusters and ratios of sums, against published figures and against scipy and statsmodels."""

import math
from random import Random

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.regression.linear_model import OLS

from pytest_graysplit.stats import (
    clustered_se,
    cost_per_pass_ratio,
    cost_per_pass_ratio_p,
    log_ratio,
    log_ratio_p,
    ratio_of_sums,
    t_interval,
    t_p,
)

CONTROL_COST = [0.01, 0.012, 0.009, 0.011, 0.015, 0.01, 0.013, 0.008]
CONTROL_OK = [1, 1, 1, 0, 1, 1, 1, 1]
TREATMENT_COST = [0.002, 0.003, 0.002, 0.0025, 0.004, 0.002, 0.003, 0.0015]
TREATMENT_OK = [1, 1, 0, 0, 1, 1, 1, 1]


def test_the_clustered_error_is_that_of_inspect_ai():
    """UKGovernmentBEIS/inspect_ai, test_clustered_stderr: Miller 2024, appendix A, with C/(C-1)."""
    scores, clusters = list(range(20)), [number % 4 for number in range(20)]
    assert clustered_se(scores, clusters) == pytest.approx(0.6454972243679028, abs=1e-12)
    assert clustered_se(scores, ["one"] * 20) == math.inf


def test_the_clustered_error_agrees_with_statsmodels():
    """A regression on the constant with cluster-robust errors."""
    dice = Random(1)
    for _ in range(30):
        n, groups = dice.randint(10, 60), dice.randint(2, 9)
        values = [dice.gauss(0, 1) for _ in range(n)]
        clusters = [number % groups for number in range(n)]
        fit = OLS(values, np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
        assert clustered_se(values, clusters) == pytest.approx(fit.bse[0], rel=1e-9)


def test_the_t_interval_and_its_p_value_agree_with_scipy():
    """Over random samples, bounds and confidences."""
    dice = Random(2)
    for _ in range(100):
        values = [dice.gauss(0.2, 1) for _ in range(dice.randint(2, 50))]
        bound, confidence = dice.uniform(-1, 1), dice.choice([0.8, 0.9, 0.99])
        test = scipy_stats.ttest_1samp(values, bound, alternative="greater")
        assert t_p(values, bound) == pytest.approx(test.pvalue, rel=1e-8, abs=1e-15)
        assert t_interval(values, confidence)[1:] == pytest.approx(
            tuple(scipy_stats.ttest_1samp(values, 0).confidence_interval(confidence)), rel=1e-8
        )


def test_clusters_of_one_case_each_are_the_plain_t():
    """Then there is nothing to cluster."""
    values = [0.1, 0.5, -0.2, 0.4, 0.9]
    assert t_interval(values, clusters=range(5)) == pytest.approx(t_interval(values))
    assert t_p(values, 0.1, clusters=range(5)) == pytest.approx(t_p(values, 0.1))


def test_a_mean_that_nothing_bounds_claims_nothing():
    """No value, one value, one cluster: neither "more" nor "less" is shown."""
    assert t_interval([]) is None
    assert t_interval([3.0])[1:] == t_interval([3.0, 4.0], clusters=["a", "a"])[1:] == (-math.inf, math.inf)
    assert t_p([], 0) == t_p([3.0], 0) == t_p([3.0, 4.0], 0, clusters=["a", "a"]) == 0.5


@pytest.mark.parametrize(("bound", "p"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0)])
def test_values_that_do_not_vary_are_certain(bound, p):
    """Their rounding is no evidence, their distance is."""
    assert t_p([0.1] * 7, bound) == p
    assert t_p([0.1] * 7, bound, clusters=[1, 1, 2, 2, 3, 3, 3]) == p


def test_a_number_that_is_none_is_refused():
    """NaN would make every comparison false, and every state inconclusive without a word."""
    with pytest.raises(ValueError, match="finite numbers only"):
        t_interval([1.0, math.nan])


def test_the_p_value_of_a_log_ratio_is_that_of_the_logarithms():
    """scipy's t test on the differences of logarithms; pairs without a time are left out, with their clusters."""
    treatment, control = [1.2, 0.8, 2.0, 0.0, 1.1], [1.0, 1.0, 1.5, 1.0, 0.9]
    logs = [math.log(t / c) for t, c in zip(treatment, control, strict=True) if t]
    expected = scipy_stats.ttest_1samp(logs, math.log(1.25), alternative="greater").pvalue
    assert log_ratio_p(treatment, control, 1.25) == pytest.approx(expected)
    assert log_ratio_p(treatment, control, 1.25, clusters="abcde") == pytest.approx(expected)
    assert log_ratio_p([], [], 1.25) == 0.5
    grouped = log_ratio(treatment, control, clusters="aabbb")
    assert grouped.estimate == pytest.approx(math.exp(np.mean(logs)))
    assert grouped.high / grouped.low > log_ratio(treatment, control).high / log_ratio(treatment, control).low


def test_the_cost_of_a_pass_is_the_worked_example():
    """Eight calls a side: a ratio of 0.2652 with a standard error of 0.1682 on the logarithm."""
    sums = (TREATMENT_COST, TREATMENT_OK, CONTROL_COST, CONTROL_OK)
    interval = cost_per_pass_ratio(*sums, 0.95)
    assert math.log(interval.estimate) == pytest.approx(-1.3274538610969568, abs=1e-12)
    half = scipy_stats.t.ppf(0.975, 7) * 0.16817053564923265
    assert math.log(interval.high) - math.log(interval.estimate) == pytest.approx(half, abs=1e-9)
    assert cost_per_pass_ratio_p(*sums, interval.low) == pytest.approx(0.025, abs=1e-9)
    assert cost_per_pass_ratio_p(*sums, interval.high) == pytest.approx(0.975, abs=1e-9)


@pytest.mark.parametrize("empty", [0, 1, 2, 3])
def test_a_sum_of_nothing_has_no_ratio(empty):
    """No pass, or no cost, on either side."""
    sums = [TREATMENT_COST, TREATMENT_OK, CONTROL_COST, CONTROL_OK]
    sums[empty] = [0] * 8
    assert cost_per_pass_ratio(*sums) is None
    assert cost_per_pass_ratio_p(*sums, 1.0) == 0.5


def test_a_ratio_of_sums_agrees_with_the_bootstrap():
    """Two thousand cases: the delta method's ends are those of scipy's bootstrap to some per cent of the width."""
    dice = np.random.default_rng(5)
    cost, passes = dice.lognormal(0, 0.4, 500), dice.binomial(1, 0.8, 500).astype(float)
    interval = ratio_of_sums(list(cost), list(passes))
    boot = scipy_stats.bootstrap(
        (cost, passes), lambda c, p, axis: c.sum(axis) / p.sum(axis), paired=True, vectorized=True,
        confidence_level=0.9, method="percentile", n_resamples=4000, rng=7,
    ).confidence_interval  # fmt: skip
    width = interval.high - interval.low
    assert (interval.low, interval.high) == pytest.approx((boot.low, boot.high), abs=0.08 * width)


def test_clustered_costs_are_less_certain():
    """The same eight calls as two dialogues."""
    sums = (TREATMENT_COST, TREATMENT_OK, CONTROL_COST, CONTROL_OK)
    free, tied = cost_per_pass_ratio(*sums), cost_per_pass_ratio(*sums, clusters=[0, 0, 0, 0, 1, 1, 1, 1])
    assert tied.estimate == free.estimate
    assert tied.high / tied.low > free.high / free.low
