"""Means with their t intervals and clusters, compared with scipy, a published example and simulated clusters."""

import math
import random
from statistics import fmean

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from pytest_graysplit.stats import Interval, t_interval, t_p
from pytest_graysplit.stats.means import estimate_mean

# --- estimate_mean


def test_estimate_mean_gives_the_published_clustered_error():
    """0..19 in four interleaved clusters, as asserted in inspect_ai, tests/scorer/test_metric.py."""
    assert estimate_mean(range(20), [0, 1, 2, 3] * 5).error == pytest.approx(0.6454972243679028, rel=1e-14)


def test_estimate_mean_without_clusters_has_the_usual_error():
    """One cluster per value gives scipy's standard error."""
    assert estimate_mean(range(20), range(20)).error == pytest.approx(1.3228756555322954, rel=1e-14)
    assert estimate_mean(range(20), range(20)).error == pytest.approx(scipy.stats.sem(range(20)))


def test_estimate_mean_matches_a_regression_on_a_constant():
    """statsmodels, with the same correction for few clusters and no other."""
    rng = random.Random(31)
    for clusters in (2, 5, 40):
        names = [rng.randrange(clusters) for _ in range(200)]
        values = [rng.gauss(0.1 * name, 1) for name in names]
        fit = OLS(np.array(values), np.ones(200)).fit(
            cov_type="cluster", cov_kwds={"groups": np.array(names), "use_correction": False}
        )
        found = len(set(names))
        assert estimate_mean(values, names).error == pytest.approx(
            fit.bse[0] * math.sqrt(found / (found - 1)), rel=1e-9
        )


def test_estimate_mean_of_one_cluster_has_no_bounds():
    """The spread between clusters cannot be estimated from one."""
    assert estimate_mean([1.0, 2.0], ["a", "a"]).error == math.inf
    assert estimate_mean([], []) is None


# --- t_interval and t_p


def test_t_interval_and_p_match_scipy():
    """Over random samples of all sizes, bounds and confidences."""
    rng = random.Random(32)
    for n in (2, 3, 10, 100, 2000):
        values = [rng.gauss(0.03, 0.2) for _ in range(n)]
        for confidence in (0.8, 0.9, 0.95, 0.99):
            oracle = scipy.stats.ttest_1samp(values, 0).confidence_interval(confidence)
            assert t_interval(values, confidence) == pytest.approx((fmean(values), oracle.low, oracle.high), rel=1e-8)
        for bound in (-0.05, 0.0, 0.05):
            oracle = scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue
            assert t_p(values, bound) == pytest.approx(oracle, rel=1e-7)


VALUES = st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 4)), min_size=2, max_size=30)


@given(VALUES, st.sampled_from([0.8, 0.9, 0.99]))
def test_t_p_agrees_with_the_interval(data, confidence):
    """At either bound of the interval the p is the excluded tail, with and without clusters."""
    values, names = zip(*data, strict=True)
    for clusters in (None, names):
        _, low, high = t_interval(values, confidence, clusters)
        if math.isfinite(low) and high - low > 1e-9:
            assert t_p(values, low, clusters) == pytest.approx((1 - confidence) / 2, abs=1e-5)
            assert t_p(values, high, clusters) == pytest.approx((1 + confidence) / 2, abs=1e-5)


@given(VALUES, st.randoms(use_true_random=False))
def test_t_interval_does_not_depend_on_the_order(data, rng):
    """Cases may arrive in any order."""
    shuffled = rng.sample(data, len(data))
    results = [
        t_interval([value for value, _ in rows], clusters=[name for _, name in rows]) for rows in (data, shuffled)
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-9, abs=1e-9)


def test_clustered_t_interval_covers_as_stated_and_naive_one_does_not():
    """Of 400 simulated runs of 20 templates with 5 cases each, about 90% of the clustered intervals hold the mean."""
    rng, clustered, naive = random.Random(33), 0, 0
    for _ in range(400):
        names = [name for name in range(20) for _ in range(5)]
        centres = [rng.gauss(0, 1) for _ in range(20)]
        values = [rng.gauss(centres[name], 0.5) for name in names]
        _, low, high = t_interval(values, 0.90, names)
        clustered += low <= 0 <= high
        _, low, high = t_interval(values, 0.90)
        naive += low <= 0 <= high
    assert 340 <= clustered <= 380
    assert naive < 300


@pytest.mark.parametrize(
    ("values", "clusters", "interval"),
    [
        ([], None, None),
        ([], [], None),
        ([0.3], None, Interval(0.3, -math.inf, math.inf)),
        ([0.25, 0.75], ["a", "a"], Interval(0.5, -math.inf, math.inf)),
        ([0.1] * 7, None, Interval(0.1, 0.1, 0.1)),
        ([-0.05] * 30, ["a", "b", "c"] * 10, Interval(-0.05, -0.05, -0.05)),
        ([0.0, 0.0], None, Interval(0.0, 0.0, 0.0)),
    ],
)
def test_t_interval_at_its_edges(values, clusters, interval):
    """No values give None, one value has infinite bounds, and equal values have no spread."""
    ours = t_interval(values, clusters=clusters)
    assert ours == (interval and pytest.approx(interval, rel=1e-15))


@pytest.mark.parametrize(
    ("values", "clusters", "p"),
    [
        pytest.param([], None, 0.5, id="no value"),
        pytest.param([5.0], None, 0.5, id="one value"),
        pytest.param([5.0, 6.0], ["a", "a"], 0.5, id="one cluster"),
        pytest.param([0.1, 0.1, 0.1], None, 0.0, id="all above"),
        pytest.param([-0.1, -0.1, -0.1], None, 1.0, id="all below"),
        pytest.param([-0.05] * 7, None, 0.5, id="all at the bound"),
        pytest.param([-0.1, 0.0, -0.1, 0.0], ["a", "a", "b", "b"], 0.5, id="clusters alike at the bound"),
    ],
)
def test_t_p_at_its_edges(values, clusters, p):
    """Against -0.05: equal values give 0 or 1, and no evidence gives one half, in both directions."""
    assert t_p(values, -0.05, clusters) == p


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e300])
def test_t_interval_keeps_digits_of_extreme_values(scale):
    """Squares that overflow or underflow a float are avoided."""
    values = [1.0, 2.0, 3.0, 4.0]
    scaled = t_interval([value * scale for value in values])
    assert scaled == pytest.approx([bound * scale for bound in t_interval(values)], rel=1e-12, abs=0)
    assert t_p([value * scale for value in values], scale) == pytest.approx(t_p(values, 1), rel=1e-9)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_t_interval_refuses_values_that_are_not_finite(wrong):
    """One NaN would make every bound NaN."""
    for call in (t_interval, lambda values: t_p(values, 0), lambda values: estimate_mean(values, "ab")):
        with pytest.raises(ValueError, match="finite number"):
            call([1.0, wrong])
    with pytest.raises(ValueError, match="not nan"):
        t_p([1.0, 2.0], math.nan)


def test_t_interval_refuses_too_few_cluster_names():
    """A name too few is a mistake of the caller."""
    with pytest.raises(ValueError, match="2 values, 1 clusters"):
        t_interval([1.0, 2.0], clusters=["a"])


def test_t_interval_refuses_invalid_confidences():
    """Also without values."""
    with pytest.raises(ValueError, match="95% is"):
        t_interval([], 95)
