"""Two independent arms: published examples, scipy, statsmodels, and general properties of every interval."""

import math

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from pytest_graysplit.stats import (
    OneLook,
    clustered_ratio,
    geometric_ratio,
    mean_difference,
    quantile_ratio_of,
    ratio_of_ratios,
    share_difference,
)
from pytest_graysplit.stats.means import estimate_mean
from pytest_graysplit.stats.unpaired import t_of_z, z_of_t

ARMS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda two: (min(two), max(two))), max_size=20)


def singles(passed, n):
    """Return an arm of units that sent one request each."""
    return clustered_ratio([1] * passed + [0] * (n - passed), [1] * n)


class Fixed(OneLook):
    """One look at a two-sided confidence of 95%."""

    def z(self, alpha=0.05):
        """Return the quantile of half of it."""
        return super().z(alpha / 2)


@pytest.mark.parametrize(
    ("treatment", "control", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_share_difference_gives_the_published_intervals(treatment, control, low, high):
    """With one request per unit and one look it is Newcombe's interval, except for the correction for few clusters."""
    arms = [singles(*counts)._replace(variance=0.0) for counts in (treatment, control)]
    interval = share_difference(*arms, 0.0, Fixed()).interval
    assert interval[1:] == pytest.approx((low, high), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_share_difference_matches_statsmodels(n, m, data):
    """Also at 0% and 100%."""
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    if min(n, m) < 2:
        return
    arms = [singles(x, n)._replace(variance=0.0), singles(y, m)._replace(variance=0.0)]
    expected = confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff")
    assert share_difference(*arms, 0.0, Fixed()).interval[1:] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ARMS, ARMS, st.floats(-0.3, 0.3))
def test_share_difference_bounds_and_p_agree_for_any_counts(treatment, control, bound):
    """It never raises, bounds lie within -1 and 1, swapped arms give the mirror image, and p agrees with the bounds."""
    arms = [clustered_ratio([x for x, _ in arm], [n for _, n in arm]) for arm in (treatment, control)]
    if None in arms:
        return
    there, back = share_difference(*arms, bound), share_difference(*reversed(arms), -bound)
    estimate, low, high = there.interval
    assert -1 <= low <= estimate + 1e-12
    assert estimate - 1e-12 <= high <= 1
    assert (low, high) == pytest.approx((-back.interval.high, -back.interval.low), abs=1e-9)
    assert there.above_p == pytest.approx(back.below_p, abs=1e-9)
    if abs(low - bound) > 1e-9:
        assert (there.above_p < 0.05) == (low > bound)
    if abs(high - bound) > 1e-9:
        assert (there.below_p < 0.05) == (high < bound)


@given(st.integers(2, 50), st.integers(1, 40))
def test_share_difference_counts_units_and_not_requests(units, each):
    """Units that always pass or always fail count once, however many requests they send."""
    passed = [number % 2 for number in range(units)]
    once, often = singles(sum(passed), units), clustered_ratio([p * each for p in passed], [each] * units)
    assert often.effective_n == pytest.approx(once.effective_n)
    assert often.variance == pytest.approx(once.variance)


def test_clustered_ratio_has_the_published_error():
    """test_clustered_stderr of inspect_ai: 20 scores in 4 clusters have the error 0.645."""
    sums = [sum(range(first, 20, 4)) for first in range(4)]
    ratio = clustered_ratio(sums, [5] * 4)
    assert round(math.sqrt(ratio.variance), 3) == 0.645
    assert math.sqrt(ratio.variance) == pytest.approx(estimate_mean(range(20), [0, 1, 2, 3] * 5).error)


def test_clustered_ratio_without_variation_is_worth_its_units():
    """100 requests of 10 units that all pass are worth ten."""
    assert clustered_ratio([10] * 10, [10] * 10).effective_n == 10


def test_mean_difference_is_welchs():
    """Compared with scipy's interval; Wallace's t is within a hundredth of the exact one."""
    first, second = [1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 2.5, 6.0], [2.0, 3.0, 3.5, 9.0, 7.0, 7.5, 4.0]
    arms = [clustered_ratio(values, [1] * len(values)) for values in (first, second)]
    expected = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.90)
    assert mean_difference(*arms, 0.0, OneLook()).interval[1:] == pytest.approx(tuple(expected), rel=0.01)


@pytest.mark.parametrize("df", [4, 10, 30, 300])
@pytest.mark.parametrize("z", [0.5, 1.645, 2.8])
def test_t_of_z_has_the_tail_of_z(df, z):
    """Wallace's approximation is within three hundredths of scipy's quantile, and `z_of_t` is its inverse."""
    assert t_of_z(z, df) == pytest.approx(scipy.stats.t.isf(scipy.stats.norm.sf(z), df), rel=0.03)
    assert z_of_t(t_of_z(-z, df), df) == pytest.approx(-z)


def test_ratios_are_the_exponentials_of_differences():
    """A difference of logarithms is a factor, and swapped arms give its inverse."""
    slow = clustered_ratio([math.log(2.0), math.log(2.2), math.log(1.8)] * 9, [1] * 27)
    fast = clustered_ratio([math.log(1.0), math.log(1.1), math.log(0.9)] * 9, [1] * 27)
    there, back = geometric_ratio(slow, fast, 1.25), geometric_ratio(fast, slow, 0.8)
    assert there.interval.estimate == pytest.approx(2.0)
    assert there.interval.low == pytest.approx(1 / back.interval.high)
    assert there.above_p == pytest.approx(back.below_p)
    assert there.above_p < 0.001


def test_cost_per_pass_includes_units_that_never_pass():
    """The cost of failures is part of the price of a pass."""
    dear, cheap = clustered_ratio([1.0, 1.0, 2.0], [1, 0, 1]), clustered_ratio([1.0, 1.0, 1.0], [1, 1, 1])
    assert ratio_of_ratios(dear, cheap, 1.0).interval.estimate == 2.0
    assert ratio_of_ratios(clustered_ratio([0.0, 0.0], [1, 1]), cheap, 1.0) is None
    assert clustered_ratio([1.0, 1.0], [0, 0]) is None


def test_quantile_ratio_of_uses_order_statistics():
    """Twice the p95 gives the ratio two, with bounds on both sides; too few values give None."""
    read = scipy.stats.lognorm(0.5).ppf
    compared = quantile_ratio_of(lambda q: 2 * read(q), 900, read, 4_000, q=0.95, bound=1.2)
    assert compared.interval.estimate == pytest.approx(2.0)
    assert 1.2 < compared.interval.low < 2.0 < compared.interval.high
    assert compared.above_p < 0.05
    assert quantile_ratio_of(read, 58, read, 4_000, q=0.95, bound=2.0) is None
    assert quantile_ratio_of(lambda _: None, 900, read, 4_000, q=0.95, bound=2.0) is None
