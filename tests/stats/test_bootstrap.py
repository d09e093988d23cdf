"""The fast bootstrap of a ratio of quantiles, compared with the plain one and with scipy's."""

import math
import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import Interval, quantile, quantile_ratio
from pytest_graysplit.stats.bootstrap import _binomial, _binomials


def latencies(n, seed, alike=0.5):
    """Return latencies of two models over the same n cases, correlated within each case."""
    rng = random.Random(seed)
    cases = [rng.gauss(0, alike) for _ in range(n)]
    return [[math.exp(case + rng.gauss(shift, 0.4)) for case in cases] for shift in (0.1, 0.0)]


def plain_bootstrap(treatment, control, q, resamples, seed):
    """Return ratios of quantiles of whole resamples, all at once with numpy."""
    drawn = np.random.default_rng(seed).integers(len(treatment), size=(resamples, len(treatment)))
    return np.quantile(np.array(treatment)[drawn], q, axis=1) / np.quantile(np.array(control)[drawn], q, axis=1)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("n", "q", "alike"),
    [
        (30, 0.95, 0.5),
        (60, 0.95, 0.5),
        (300, 0.99, 0.5),
        (400, 0.95, 0.0),
        (400, 0.95, 2.0),
        (1000, 0.99, 0.5),
        (150, 0.5, 0.5),
        (150, 0.05, 0.5),
    ],
)
def test_quantile_ratio_has_the_distribution_of_the_plain_bootstrap(n, q, alike):
    """The Kolmogorov-Smirnov test does not reject equality of four thousand ratios of each kind."""
    treatment, control = latencies(n, seed=n, alike=alike)
    quick = quantile_ratio(treatment, control, q, seed=1, resamples=4000)
    plain = plain_bootstrap(treatment, control, q, 4000, seed=2)
    assert scipy.stats.ks_2samp(quick.ratios, plain).pvalue > 0.001
    assert quick.estimate == quantile(treatment, q) / quantile(control, q)


def test_quantile_ratio_draws_a_resample_whole_that_leaves_the_window(monkeypatch):
    """With almost no spare width about half of the resamples are drawn whole, and the distribution is the same."""
    monkeypatch.setattr("pytest_graysplit.stats.bootstrap._SPARE", 0.0)
    treatment, control = latencies(400, seed=3)
    quick = quantile_ratio(treatment, control, 0.95, seed=1, resamples=4000)
    plain = plain_bootstrap(treatment, control, 0.95, 4000, seed=2)
    assert scipy.stats.ks_2samp(quick.ratios, plain).pvalue > 0.001


@pytest.mark.parametrize(("alike", "q"), [(0.0, 0.95), (2.0, 0.95), (0.5, 0.5), (0.0, 0.05)])
def test_quantile_ratio_counts_draws_in_far_regions(monkeypatch, alike, q):
    """Covers all four regions, above and below either quantile, and a spare width that is sometimes too small."""
    monkeypatch.setattr("pytest_graysplit.stats.bootstrap._SMALL", 1)
    monkeypatch.setattr("pytest_graysplit.stats.bootstrap._SPARE", 1.5)
    treatment, control = latencies(800, seed=8, alike=alike)
    quick = quantile_ratio(treatment, control, q, seed=1, resamples=1500)
    plain = plain_bootstrap(treatment, control, q, 1500, seed=2)
    assert scipy.stats.ks_2samp(quick.ratios, plain).pvalue > 0.001


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (7, 0.9), (40, 0.02), (3000, 0.4), (5, 1e-9)])
def test_binomial_draws_have_the_binomial_distribution(n, p):
    """Mean and variance of three thousand draws, within five standard errors, for both ways of drawing."""
    rng = random.Random(11)
    for drawn in ([_binomial(n, p, rng) for _ in range(3000)], _binomials(n, p, rng, 3000)):
        spread = math.sqrt(n * p * (1 - p))
        assert 0 <= min(drawn) <= max(drawn) <= n
        assert np.mean(drawn) == pytest.approx(n * p, abs=5 * spread / math.sqrt(3000) + 1e-6)
        assert np.std(drawn) == pytest.approx(spread, rel=0.12, abs=0.01)


def test_binomial_draws_for_probability_0_and_1():
    """Both distributions have a single outcome."""
    assert _binomial(0, 0.3, random.Random(1)) == 0
    assert _binomials(9, 1.0, random.Random(1), 3) == [9, 9, 9]


def test_quantile_ratio_interval_matches_scipy():
    """scipy.stats.bootstrap, paired, within the error of 5000 resamples."""
    treatment, control = latencies(120, seed=4)
    ours = quantile_ratio(treatment, control, 0.9, seed=1, resamples=5000).interval(0.90)
    oracle = scipy.stats.bootstrap(
        (treatment, control),
        lambda t, c, axis: np.quantile(t, 0.9, axis=axis) / np.quantile(c, 0.9, axis=axis),
        paired=True, vectorized=True, confidence_level=0.90, n_resamples=5000, method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours[1:] == pytest.approx((oracle.low, oracle.high), rel=0.02)


@pytest.mark.parametrize("n", [2, 20, 59, 400])
def test_quantile_ratio_depends_on_the_seed_only(n):
    """The order of the pairs changes nothing, and the global generator is neither read nor advanced."""
    pairs = list(zip(*latencies(n, seed=5), strict=True))
    random.seed(1)
    state = random.getstate()
    ratio = quantile_ratio(*zip(*pairs, strict=True), 0.95, seed=3, resamples=200)
    assert random.getstate() == state
    shuffled = random.Random(9).sample(pairs, n)
    assert quantile_ratio(*zip(*shuffled, strict=True), 0.95, seed=3, resamples=200) == ratio
    assert quantile_ratio(*zip(*pairs, strict=True), 0.95, seed=4, resamples=200) != ratio


@given(
    st.lists(st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 30.0])] * 2), min_size=1, max_size=80), st.floats(0.01, 0.99)
)
def test_quantile_ratio_lies_between_the_extremes(pairs, q):
    """Also with ties and outliers."""
    treatment, control = zip(*pairs, strict=True)
    ratio = quantile_ratio(treatment, control, q, seed=0, resamples=50)
    least, most = min(treatment) / max(control), max(treatment) / min(control)
    assert all(least - 1e-9 <= value <= most + 1e-9 for value in (ratio.estimate, *ratio.ratios))
    low, high = ratio.interval(0.8)[1:]
    assert low <= high


def test_quantile_ratio_p_is_the_share_of_resamples_at_most_the_bound():
    """Numerator and denominator count the observed ratio as one more resample."""
    ratio = quantile_ratio(*latencies(100, seed=6), 0.95, seed=1, resamples=999)
    assert ratio.p(0.01) == 1 / 1000
    assert ratio.p(100) == 1
    for bound in ratio.ratios[::100]:
        assert ratio.p(bound) == (1 + sum(value <= bound for value in ratio.ratios)) / 1000


def test_quantile_ratio_of_equal_ratios_has_no_spread():
    """If each case is twice as slow, each resample is."""
    control = [1.0 + step for step in range(300)]
    ratio = quantile_ratio([2 * value for value in control], control, 0.95, seed=0)
    assert ratio.interval() == pytest.approx((2, 2, 2))
    assert (ratio.p(1.5), ratio.p(2.5)) == (1 / 2001, 1)


def test_quantile_ratio_leaves_out_pairs_with_a_zero():
    """As for the ratio of means; without a pair the ratio is None."""
    assert quantile_ratio([1.0, 0.0, 3.0], [1.0, 9.0, 2.0], 0.5, seed=0) == quantile_ratio(
        [1.0, 3.0], [1.0, 2.0], 0.5, seed=0
    )
    assert quantile_ratio([0.0], [1.0], 0.5, seed=0) is None
    assert quantile_ratio([], [], 0.5, seed=0) is None


def test_quantile_ratio_of_one_pair_has_no_bounds():
    """All resamples of one pair are equal."""
    ratio = quantile_ratio([2.0], [1.0], 0.95, seed=0)
    assert ratio.interval() == Interval(2.0, 0.0, math.inf)
    assert ratio.p(1.0) == 0.5


@pytest.mark.parametrize(
    ("treatment", "control", "options", "match"),
    [
        ([1.0], [1.0], {"q": 0}, "a quantile lies"),
        ([1.0], [1.0], {"q": 95}, "a quantile lies"),
        ([1.0], [1.0], {"q": 0.5, "resamples": 0}, "at least one resample"),
        ([1.0], [1.0, 2.0], {"q": 0.5}, "longer"),
        ([math.nan], [1.0], {"q": 0.5}, "finite number"),
    ],
)
def test_quantile_ratio_refuses_invalid_arguments(treatment, control, options, match):
    """The message names the invalid argument."""
    with pytest.raises(ValueError, match=match):
        quantile_ratio(treatment, control, **options, seed=0)


def test_quantile_ratio_refuses_invalid_bounds_and_confidences():
    """A bound of 0, or a confidence in percent."""
    ratio = quantile_ratio([1.0, 2.0], [1.0, 1.0], 0.5, seed=0)
    with pytest.raises(ValueError, match="more than 0"):
        ratio.p(0)
    with pytest.raises(ValueError, match="95% is"):
        ratio.interval(90)
