"""Distributions and special functions, compared with scipy over random arguments."""

import math
import random

import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_graysplit.stats import t_quantile
from pytest_graysplit.stats.distributions import binomial_cdf, binomial_pmf, normal_tail, t_tail
from pytest_graysplit.stats.special import incomplete_beta, log_beta


@given(st.floats(0.6, 0.9999), st.integers(1, 100_000))
@example(0.5, 1)
@example(0.95, 1)
@example(0.975, 100_000)
def test_t_quantile_matches_scipy(p, df):
    """From one degree of freedom to a hundred thousand."""
    assert t_quantile(p, df) == pytest.approx(scipy.stats.t.ppf(p, df), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(
    ("p", "df", "printed"),
    [
        (0.95, 1, 6.314),
        (0.975, 1, 12.706),
        (0.95, 5, 2.015),
        (0.975, 10, 2.228),
        (0.95, 30, 1.697),
        (0.975, 120, 1.980),
    ],
)
def test_t_quantile_matches_printed_tables(p, df, printed):
    """The table of Fisher and Yates, printed in textbooks."""
    assert round(t_quantile(p, df), 3) == printed


@given(st.floats(0.0001, 0.4999), st.integers(1, 1000))
def test_t_quantile_below_one_half_matches_scipy(p, df):
    """scipy again, on the other side of zero."""
    assert t_quantile(p, df) == pytest.approx(scipy.stats.t.ppf(p, df), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(("p", "df"), [(0, 5), (1, 5), (math.nan, 5), (0.5, 0), (0.5, math.nan)])
def test_t_quantile_refuses_invalid_arguments(p, df):
    """The probabilities 0 and 1, and 0 degrees of freedom."""
    with pytest.raises(ValueError, match=r"between 0 and 1|more than 0"):
        t_quantile(p, df)


@given(st.floats(-40, 40), st.integers(1, 10**6))
@example(1e-9, 3)
@example(1e200, 3)
@example(math.inf, 3)
@example(-math.inf, 3)
def test_t_tail_matches_scipy(t, df):
    """Also for large t, and for t so small that its square is lost in a sum."""
    assert t_tail(t, df) == pytest.approx(scipy.stats.t.sf(t, df), rel=1e-8, abs=1e-300)


@given(st.floats(-38, 38))
def test_normal_tail_matches_scipy(z):
    """Also where the tail is as small as 1e-300."""
    assert normal_tail(z) == pytest.approx(scipy.stats.norm.sf(z), rel=1e-9)


def test_binomial_pmf_and_cdf_match_scipy():
    """From one trial to a million."""
    rng = random.Random(30)
    for most in (1, 20, 2000, 10**6):
        for _ in range(10):
            n, p = rng.randint(1, most), rng.uniform(0.001, 0.999)
            k = min(n, max(0, round(n * p + rng.uniform(-5, 5) * math.sqrt(n * p * (1 - p)))))
            assert binomial_pmf(k, n, p) == pytest.approx(scipy.stats.binom.pmf(k, n, p), rel=1e-7)
            assert binomial_cdf(k, n, p) == pytest.approx(scipy.stats.binom.cdf(k, n, p), rel=1e-7)


@given(st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_log_beta_matches_scipy(a, b):
    """Also at the switch between the gamma function and Stirling's formula."""
    assert log_beta(a, b) == pytest.approx(scipy.special.betaln(a, b), rel=1e-11, abs=1e-11)


@given(st.floats(1e5, 1e12), st.integers(1, 12))
def test_log_beta_keeps_its_digits_for_large_arguments(a, b):
    """For a whole b the value is a short product; lgamma alone is off in the sixth digit, scipy in the tenth."""
    product = math.lgamma(b) - math.fsum(math.log(a + step) for step in range(b))
    assert log_beta(a, b) == pytest.approx(product, rel=1e-13)
    assert log_beta(b, a) == log_beta(a, b)


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(0, 1))
def test_incomplete_beta_matches_scipy(a, b, x):
    """At the ends it is exactly 0 and 1."""
    assert incomplete_beta(a, b, x) == pytest.approx(scipy.special.betainc(a, b, x), rel=1e-7, abs=1e-10)
    assert (incomplete_beta(a, b, 0), incomplete_beta(a, b, 1)) == (0, 1)
