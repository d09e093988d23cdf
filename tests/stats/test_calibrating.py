"""Calibrated thresholds of the control against itself, compared with their guarantee and with scipy."""

import math

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import conformal_deficit, conformal_miss_range, conformal_threshold


@pytest.mark.parametrize(
    ("alpha", "n", "k"),
    [(0.05, 18, 0), (0.05, 19, 1), (0.05, 39, 2), (0.1, 9, 1), (0.29, 99, 29), (0.07, 99, 7), (0.05, 10**5 - 1, 5000)],
)
def test_conformal_threshold_is_the_kth_smallest(alpha, n, k):
    """k is the whole part of alpha (n + 1), also where floating point puts the product just below a whole number."""
    similarities = [step / n for step in range(n, 0, -1)]
    assert conformal_threshold(similarities, alpha) == (sorted(similarities)[k - 1] if k else None)


def test_conformal_threshold_of_nineteen_cases_is_the_smallest():
    """Nineteen is the smallest number of cases that can be calibrated at 5%."""
    assert conformal_threshold([0.80 + 0.01 * step for step in range(19)]) == 0.8


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.001, 0.999))
def test_conformal_threshold_is_seldom_missed_by_a_new_case(similarities, alpha):
    """Leaving each case out in turn, at most a share alpha is below the threshold of the others."""
    below = 0
    for index, similarity in enumerate(similarities):
        threshold = conformal_threshold(similarities[:index] + similarities[index + 1 :], alpha)
        below += threshold is not None and similarity < threshold
    assert below <= alpha * len(similarities) + 1e-6


def test_conformal_threshold_of_no_cases_is_none():
    """Nothing to calibrate on."""
    assert conformal_threshold([]) is None


@given(st.lists(st.floats(0, 1), max_size=60))
def test_conformal_deficit_of_one_value_per_case_is_a_mirrored_threshold(values):
    """With one deficit per case it is minus the conformal threshold of the negative deficits."""
    threshold = conformal_threshold([-value for value in values])
    assert conformal_deficit([[value] for value in values]) == (None if threshold is None else -threshold)


@pytest.mark.no_cover
@given(st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=20, max_size=40))
def test_conformal_deficit_is_seldom_exceeded_by_a_new_case(cases):
    """Leaving each case out in turn, at most one in twenty of the answers exceeds the deficit of the other cases."""
    exceeding = sum(
        sum(value > conformal_deficit(cases[:index] + cases[index + 1 :]) for value in case) / 3
        for index, case in enumerate(cases)
    )
    assert exceeding <= 0.05 * len(cases) + 1e-6


@pytest.mark.parametrize("n", [19, 38, 39, 99, 400])
def test_conformal_miss_range_is_that_of_the_beta_distribution(n):
    """Compared with scipy's quantiles; with fewer than 19 cases the range is None."""
    k = (n + 1) // 20
    oracle = scipy.stats.beta(k, n + 1 - k).ppf([0.05, 0.95])
    rate, low, high = conformal_miss_range(n)
    assert (rate, low, high) == pytest.approx((k / (n + 1), *oracle), rel=1e-6)
    assert conformal_miss_range(18) is None


@pytest.mark.parametrize(
    ("similarities", "alpha"), [([math.nan] * 30, 0.05), ([0.5], 0), ([0.5], 1), ([0.5], math.nan)]
)
def test_conformal_functions_refuse_invalid_arguments(similarities, alpha):
    """A similarity that is not a number, or an error rate that is not between 0 and 1."""
    with pytest.raises(ValueError, match=r"finite|between 0 and 1"):
        conformal_threshold(similarities, alpha)
