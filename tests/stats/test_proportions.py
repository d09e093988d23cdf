"""Intervals of one proportion: published values, statsmodels, scipy, and general properties."""

import math
import random
from fractions import Fraction
from statistics import NormalDist

import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from pytest_graysplit.stats import clopper_pearson, wilson

CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@st.composite
def proportions(draw, most=5000):
    """Build (successes, n) with at least one trial."""
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, as asserted in ratesci (tests/testthat/test3.R).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(x, n, low, high):
    """Every printed digit of the published examples."""
    interval = wilson(x, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.estimate == x / n


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        # statsmodels 0.15, proportion_confint(x, n, 0.05, method="wilson").
        (15, 148, 0.06238639953073628, 0.16048724172330803),
        (0, 20, 0.0, 0.1611251580528194),
        (30, 30, 0.8864866068260311, 1.0),
    ],
)
def test_wilson_matches_statsmodels(x, n, low, high):
    """To the last digits that floating point keeps."""
    assert wilson(x, n) == pytest.approx((x / n, low, high), abs=1e-14)


@given(proportions(), CONFIDENCES)
def test_wilson_matches_scipy(data, confidence):
    """At every confidence."""
    x, n = data
    oracle = scipy.stats.binomtest(x, n).proportion_ci(confidence, method="wilson")
    assert wilson(x, n, confidence)[1:] == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@pytest.mark.parametrize("x", [0, 1, 17, 50_000, 99_999, 100_000, 10**9 - 1])
def test_wilson_keeps_its_digits_for_large_counts(x):
    """Bounds next to 0 and 1 of huge samples are as exact as in fractions."""
    n = max(100_000, x + 1) if x > 100_000 else 100_000
    z2 = Fraction(NormalDist().inv_cdf(0.975)) ** 2
    # The bounds are the roots of (share - p)^2 = z^2 p (1 - p) / n.
    share, interval = Fraction(x, n), wilson(x, n)
    for bound in interval[1:]:
        p = Fraction(bound)
        if 0 < p < 1:
            assert float((share - p) ** 2 / (z2 * p * (1 - p) / n)) == pytest.approx(1, abs=1e-4)


@given(proportions(10**7), CONFIDENCES)
def test_wilson_contains_the_share_and_stays_within_bounds(data, confidence):
    """No bound leaves 0..1, and the observed share is inside."""
    estimate, low, high = wilson(*data, confidence)
    assert 0 <= low <= estimate <= high <= 1


@given(proportions())
def test_wilson_is_mirrored_when_passes_and_failures_are_exchanged(data):
    """Counting failures instead of passes gives the same evidence."""
    x, n = data
    passes, failures = wilson(x, n), wilson(n - x, n)
    assert passes == pytest.approx((1 - failures.estimate, 1 - failures.high, 1 - failures.low), abs=1e-12)


@given(proportions())
def test_wilson_rises_with_every_pass(data):
    """One more pass raises both bounds; more confidence moves them apart."""
    x, n = data
    assume(x < n)
    fewer, more, wider = wilson(x, n), wilson(x + 1, n), wilson(x, n, 0.99)
    assert fewer.low < more.low
    assert fewer.high < more.high
    assert wider.low <= fewer.low
    assert fewer.high <= wider.high


def test_wilson_without_cases_has_no_estimate():
    """The interval is 0 to 1."""
    estimate, low, high = wilson(0, 0)
    assert math.isnan(estimate)
    assert (low, high) == (0, 1)


def test_wilson_of_none_or_all_ends_exactly_at_the_end():
    """0 of n begins at 0 and n of n ends at 1, without a rounding error."""
    assert all(wilson(0, n).low == 0 and wilson(n, n).high == 1 for n in range(1, 400))


@pytest.mark.parametrize(("method", "interval"), [("wilson", wilson), ("beta", clopper_pearson)])
def test_proportion_intervals_match_statsmodels(method, interval):
    """Over random small and large counts."""
    rng = random.Random(20)
    for most in (3, 30, 1000, 100_000):
        for confidence in (0.8, 0.9, 0.95, 0.99):
            n = rng.randint(1, most)
            x = rng.choice([0, n, rng.randint(0, n)])
            oracle = proportion_confint(x, n, 1 - confidence, method=method)
            assert interval(x, n, confidence)[1:] == pytest.approx(oracle, rel=1e-8, abs=1e-12)


# --- clopper_pearson


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        pytest.param(15, 148, 0.0578, 0.1617, id="Newcombe 1998, Statistics in Medicine 17:857"),
        pytest.param(0, 20, 0.0, 0.1684, id="Newcombe 1998, none of 20"),
        pytest.param(13, 16, 0.5435, 0.9595, id="Ligarden 2010, in contingencytables, test-ch8.R"),
    ],
)
def test_clopper_pearson_gives_the_published_intervals(x, n, low, high):
    """Every printed digit of the published examples."""
    interval = clopper_pearson(x, n)
    assert interval.estimate == x / n
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize("x", [0, 1, 7, 500_000, 999_999, 10**6])
def test_clopper_pearson_keeps_its_digits_for_large_counts(x):
    """A million trials keep all digits, without many more steps of the fraction."""
    _, low, high = clopper_pearson(x, 10**6)
    oracle = scipy.stats.binomtest(x, 10**6).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)


@given(proportions(most=300), CONFIDENCES)
def test_clopper_pearson_is_mirrored_and_contains_the_share(data, confidence):
    """Bounds are proportions around the share, and exchanging passes and failures mirrors them."""
    x, n = data
    share, low, high = clopper_pearson(x, n, confidence)
    assert 0 <= low <= share <= high <= 1
    assert clopper_pearson(n - x, n, confidence)[1:] == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_clopper_pearson_without_cases_has_no_estimate():
    """The interval is 0 to 1."""
    assert clopper_pearson(0, 0)[1:] == (0, 1)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (math.nan, 5), (1, math.nan), (0, -1)])
def test_proportion_intervals_refuse_invalid_counts(interval, x, n):
    """More passes than cases, or a value that is not a count."""
    with pytest.raises(ValueError, match="counts are not negative and together at most n"):
        interval(x, n)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, math.nan])
def test_proportion_intervals_refuse_invalid_confidences(interval, confidence):
    """The message says how to write a confidence that was given in percent."""
    with pytest.raises(ValueError, match="a confidence lies between 0 and 1"):
        interval(0, 0, confidence)
