"""Quantiles, tests of budgets and the rank test, compared with numpy, scipy and published numbers."""

import math
import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import binomial_budget_p, quantile, rises_p, smallest_n_for_quantile

PAIRS = st.lists(st.tuples(st.integers(1, 16), st.floats(0, 100, width=16)), min_size=2, max_size=60)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_matches_numpy(values, q):
    """numpy's default, linear interpolation (type 7)."""
    oracle = float(scipy.stats.scoreatpercentile(values, 100 * q))
    assert quantile(values, q) == pytest.approx(oracle, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30), st.floats(0, 1))
def test_quantile_lies_within_the_values(values, q):
    """Rounding never puts it below the smallest or above the largest value."""
    assert min(values) <= quantile(values, q) <= max(values)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_quantile_rises_with_q(values, one, other):
    """p95 is never printed below p50."""
    assert quantile(values, min(one, other)) <= quantile(values, max(one, other))


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.95, 3.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([3.0, 1.0, 2.0], 0.0, 1.0),
        ([3.0, 1.0, 2.0], 1.0, 3.0),
        (list(range(1, 101)), 0.5, 50.5),
        (list(range(1, 101)), 0.95, 95.05),
        (list(range(1, 101)), 0.99, 99.01),
    ],
)
def test_quantile_by_hand(values, q, expected):
    """None without values, the value itself for one value, and Hyndman and Fan's type 7 (1996) otherwise."""
    assert quantile(values, q) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("q", [-0.1, 1.1, 95, math.nan])
def test_quantile_refuses_q_outside_0_to_1(q):
    """The message says that p95 is 0.95."""
    with pytest.raises(ValueError, match=r"p95 is 0\.95"):
        quantile([1.0, 2.0], q)


def test_quantile_refuses_values_that_are_not_numbers():
    """A NaN cannot be sorted."""
    with pytest.raises(ValueError, match="finite number, not nan"):
        quantile([1.0, math.nan], 0.5)


# --- binomial_budget_p


@pytest.mark.parametrize(
    ("n", "exceedances", "p"),
    [
        # From binomtest of scipy, one-sided "less".
        (58, 0, 0.05104686868360339),
        (59, 0, 0.04849452524942322),
        (93, 1, 0.04997579524261633),
        (100, 2, 0.1182629811851204),
        (200, 4, 0.026446800009119878),
    ],
)
def test_binomial_budget_p_keeps_its_digits(n, exceedances, p):
    """The exact binomial tail, to ten digits."""
    assert binomial_budget_p(exceedances, n) == pytest.approx(p, rel=1e-10)


@pytest.mark.parametrize(("exceedances", "n"), [(0, 59), (1, 93), (2, 124)])
def test_binomial_budget_p_needs_a_minimum_of_values(exceedances, n):
    """The minimum for each number of exceedances."""
    assert binomial_budget_p(exceedances, n) < 0.05 <= binomial_budget_p(exceedances, n - 1)


def test_binomial_budget_p_matches_scipy():
    """Over random counts to a million and other shares."""
    rng = random.Random(29)
    for most in (1, 10, 1000, 10**6):
        for _ in range(8):
            n, share = rng.randint(1, most), rng.choice([0.01, 0.05, 0.1, 0.5, 0.9])
            k = min(n, max(0, round(n * share + rng.uniform(-4, 4) * math.sqrt(n * share * (1 - share)))))
            assert binomial_budget_p(k, n, share) == pytest.approx(scipy.stats.binom.cdf(k, n, share), rel=1e-7)


def test_binomial_budget_p_without_values_shows_nothing():
    """The same holds if every value exceeds the budget."""
    assert binomial_budget_p(0, 0) == 1
    assert binomial_budget_p(7, 7) == 1


@pytest.mark.parametrize(("exceedances", "n", "share"), [(3, 2, 0.05), (-1, 2, 0.05), (0, 2, 0), (0, 2, 1)])
def test_binomial_budget_p_refuses_invalid_counts_and_shares(exceedances, n, share):
    """More exceedances than values, or a share of 0 or 1."""
    with pytest.raises(ValueError, match=r"at most n|between 0 and 1"):
        binomial_budget_p(exceedances, n, share)


# --- smallest_n_for_quantile


@pytest.mark.parametrize(("q", "n"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_smallest_n_for_quantile_is_that_of_wilks(q, n):
    """The largest of n values is below the quantile with probability q^n, at most 5%."""
    assert smallest_n_for_quantile(q) == n
    assert q**n <= 0.05 < q ** (n - 1)


@given(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.integers(1, 12))
def test_smallest_n_for_quantile_does_not_round_up_a_whole_number(q, n):
    """Where alpha is exactly q^n, n values are enough."""
    assert smallest_n_for_quantile(q, q**n) == n


@pytest.mark.parametrize(("q", "alpha"), [(0, 0.05), (1, 0.05), (0.95, 0), (0.95, 1), (math.nan, 0.05)])
def test_smallest_n_for_quantile_refuses_invalid_quantiles(q, alpha):
    """No sample bounds the largest possible value."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        smallest_n_for_quantile(q, alpha)


@given(PAIRS)
def test_rises_p_matches_spearmans_correlation(pairs):
    """Also with ties in either column; a constant column gives no evidence."""
    xs, ys = zip(*pairs, strict=True)
    if len(set(xs)) == 1 or len(set(ys)) == 1:
        assert rises_p(xs, ys) == 0.5
    else:
        rho = scipy.stats.spearmanr(xs, ys).statistic
        assert rises_p(xs, ys) == pytest.approx(scipy.stats.norm.sf(rho * math.sqrt(len(xs) - 1)), abs=1e-9)


def test_rises_p_without_values_and_of_unequal_lengths():
    """No values give one half, and columns of different lengths are refused."""
    assert rises_p([], []) == rises_p([1], [2]) == 0.5
    with pytest.raises(ValueError, match="2 values cannot be held against 1"):
        rises_p([1, 2], [1])
    with pytest.raises(ValueError, match="finite"):
        rises_p([1, 2], [1, math.nan])
