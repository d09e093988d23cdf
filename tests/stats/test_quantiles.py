"""The bootstrap of a ratio of quantiles: the distribution of the naive one, at a fraction of its draws."""

from random import Random

import pytest
from scipy import stats as scipy_stats

from pytest_graysplit.stats import quantile, quantile_ratio


def pairs(n, seed=1):
    dice = Random(seed)
    control = [dice.lognormvariate(0, 0.6) for _ in range(n)]
    return [value * dice.lognormvariate(-0.2, 0.3) for value in control], control


def naive(treatment, control, q, resamples, seed):
    """Draw whole resamples of pairs, and take the quantiles of each."""
    dice, n = Random(seed), len(treatment)
    ratios = []
    for _ in range(resamples):
        drawn = dice.choices(range(n), k=n)
        ratios.append(quantile([treatment[i] for i in drawn], q) / quantile([control[i] for i in drawn], q))
    return ratios


@pytest.mark.parametrize(("n", "q"), [(59, 0.95), (300, 0.95), (1000, 0.99), (40, 0.5)])
def test_the_resamples_are_those_of_the_naive_bootstrap(n, q):
    """Kolmogorov and Smirnov find no difference between two thousand of either kind."""
    treatment, control = pairs(n)
    ours = quantile_ratio(treatment, control, q, seed=3)
    assert scipy_stats.ks_2samp(ours.resampled, naive(treatment, control, q, 2000, seed=4)).pvalue > 0.01
    assert ours.estimate == pytest.approx(quantile(treatment, q) / quantile(control, q), rel=1e-12)


def test_the_order_of_the_pairs_does_not_show():
    """The same pairs give the same resamples, and the global random state is nobody's business."""
    treatment, control = pairs(200)
    turned = quantile_ratio(treatment[::-1], control[::-1], 0.95, seed=3)
    assert turned == quantile_ratio(treatment, control, 0.95, seed=3)


def test_a_tail_is_counted_with_the_sample_itself():
    """So no p value is ever 0."""
    treatment, control = pairs(200)
    ratio = quantile_ratio(treatment, control, 0.95, seed=3, resamples=99)
    assert ratio.p(0.0) == 0.01
    assert ratio.p(1e9) == 1.0
    low, high = ratio.interval()[1:]
    assert ratio.p(low) < 0.08
    assert ratio.p(high) > 0.92


def test_pairs_without_a_time_make_no_ratio():
    """Nothing, or nothing above 0."""
    assert quantile_ratio([], [], 0.95, seed=1) is None
    assert quantile_ratio([0.0], [1.0], 0.95, seed=1) is None
    assert quantile_ratio([2.0], [1.0], 0.95, seed=1).interval() == (2.0, 2.0, 2.0)
