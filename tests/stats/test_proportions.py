"""p values and exact intervals of rates, against published figures and against scipy and statsmodels."""

from random import Random

import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from pytest_graysplit.stats import (
    binomial_budget_p,
    clopper_pearson,
    mcnemar_exact,
    mcnemar_midp,
    sample_ratio_p,
    tango,
    tango_p,
    wilson,
)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"), [(15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (13, 16, 0.5435, 0.9595)]
)
def test_clopper_pearson_gives_the_published_intervals(x, n, low, high):
    """Newcombe 1998, Stat Med 17:857; Ligarden 2010, as in the R packages ratesci and contingencytables."""
    assert clopper_pearson(x, n)[1:] == pytest.approx((low, high), abs=6e-5)


def test_clopper_pearson_and_wilson_agree_with_statsmodels_over_random_counts():
    """Two hundred random counts, of up to ten thousand trials, at three confidences."""
    dice = Random(1)
    for _ in range(200):
        n = dice.choice([1, 2, 7, 40, 300, 10_000])
        x, alpha = dice.randint(0, n), dice.choice([0.01, 0.05, 0.2])
        assert clopper_pearson(x, n, 1 - alpha)[1:] == pytest.approx(proportion_confint(x, n, alpha, "beta"), abs=1e-9)
        assert wilson(x, n, 1 - alpha)[1:] == pytest.approx(proportion_confint(x, n, alpha, "wilson"), abs=1e-9)


def test_nothing_bounds_nothing_exactly():
    """No trial leaves everything possible."""
    assert clopper_pearson(0, 0)[1:] == (0.0, 1.0)


def test_tango_p_turns_over_where_the_interval_ends():
    """At the lower end of a 90% interval the p value of "at most" is 5%, at the upper end 95%."""
    dice = Random(2)
    for _ in range(200):
        n = dice.choice([5, 30, 52, 400])
        b = dice.randint(0, n)
        c = dice.randint(0, n - b)
        low, high = tango(b, c, n)[1:]
        if low > -1 and high < 1:
            assert tango_p(b, c, n, low) == pytest.approx(0.05, abs=1e-6)
            assert tango_p(b, c, n, high) == pytest.approx(0.95, abs=1e-6)


def test_tango_p_falls_with_better_counts_and_rises_with_the_bound():
    """More passes of the treatment alone are evidence; a bolder claim has less."""
    falling = [tango_p(b, 3, 60, -0.05) for b in range(12)]
    assert falling == sorted(falling, reverse=True)
    rising = [tango_p(4, 6, 60, bound / 20) for bound in range(-19, 20)]
    assert rising == sorted(rising)


@pytest.mark.parametrize(
    "counts", [(0, 0, 1), (1, 0, 1), (0, 1, 1), (9, 0, 9), (0, 9, 9), (4, 5, 9), (3, 4, 1_000_000)]
)
@pytest.mark.parametrize("bound", [-0.99, -0.05, 0.0, 0.05, 0.99])
def test_tango_p_of_odd_counts_is_a_probability(counts, bound):
    """All, none, one, a million pairs: no exception, and on the right side of one half."""
    b, c, n = counts
    p = tango_p(b, c, n, bound)
    assert 0.0 <= p <= 1.0
    assert (p <= 0.5) == ((b - c) / n >= bound)


def test_tango_p_of_nothing_shows_nothing():
    """Neither "more" nor "less"."""
    assert tango_p(0, 0, 0, -0.05) == tango_p(0, 0, 9, 0.0) == 0.5


@pytest.mark.parametrize("counts", [(-1, 0, 3), (2, 2, 3), (0, 0, -1)])
@pytest.mark.parametrize("function", [tango, lambda *counts: tango_p(*counts, 0.0)])
def test_what_are_no_counts_is_refused(function, counts):
    """A negative count, or more discordant pairs than pairs, is a programming error and says so."""
    with pytest.raises(ValueError, match="are no counts among"):
        function(*counts)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_a_probability(confidence):
    """95 is not 0.95."""
    with pytest.raises(ValueError, match="a confidence lies between 0 and 1"):
        wilson(1, 2, confidence)


def test_mcnemar_gives_the_published_p_values():
    """Cavo 2012, as in the R package contingencytables: 6 and 16 discordant pairs."""
    assert mcnemar_exact(6, 16) == pytest.approx(0.052479, abs=1e-6)
    assert mcnemar_midp(6, 16) == pytest.approx(0.03469, abs=1e-5)


def test_mcnemar_agrees_with_statsmodels():
    """The exact test, over random tables; its mid-p is smaller by one point of the binomial, and 1 for even sides."""
    dice = Random(3)
    for _ in range(200):
        b, c = dice.randint(0, 60), dice.randint(0, 60)
        assert mcnemar_exact(b, c) == pytest.approx(mcnemar([[5, b], [c, 5]], exact=True).pvalue, abs=1e-9)
        if b != c:
            expected = mcnemar_exact(b, c) - scipy_stats.binom.pmf(min(b, c), b + c, 0.5)
            assert mcnemar_midp(b, c) == pytest.approx(expected, abs=1e-9)
    assert mcnemar_midp(0, 0) == mcnemar_exact(0, 0) == mcnemar_midp(4, 4) == 1.0


@pytest.mark.parametrize(
    ("n", "late", "p"),
    [
        (58, 0, 0.05104686868360339),
        (59, 0, 0.04849452524942322),
        (93, 1, 0.04997579524261633),
        (100, 2, 0.1182629811851204),
        (200, 4, 0.026446800009119878),
    ],
)
def test_the_budget_test_is_the_exact_binomial(n, late, p):
    """scipy.stats.binomtest(late, n, 0.05, alternative="less")."""
    assert binomial_budget_p(late, n) == pytest.approx(p, abs=1e-10)
    assert binomial_budget_p(late, n) == pytest.approx(
        scipy_stats.binomtest(late, n, 0.05, alternative="less").pvalue, abs=1e-10
    )


@pytest.mark.parametrize(("n", "most"), [(58, -1), (59, 0), (92, 0), (93, 1), (123, 1), (124, 2)])
def test_so_many_may_be_late(n, most):
    """None at 59, one at 93, two at 124."""
    assert max((late for late in range(5) if binomial_budget_p(late, n) < 0.05), default=-1) == most


@pytest.mark.parametrize(
    ("counts", "weights", "p"),
    [
        ([821588, 815482], [0.5, 0.5], 1.8217928726191858e-06),
        ([1000, 1200], [0.5, 0.5], 2.007865612426481e-05),
        ([905, 95], [0.9, 0.1], 0.5981614526835279),
        ([860, 140], [0.9, 0.1], 2.482660633880463e-05),
    ],
)
def test_sample_ratios_of_the_literature(counts, weights, p):
    """Kohavi, Tang and Xu, Trustworthy Online Controlled Experiments (published: 1.8e-6), and three more."""
    assert sample_ratio_p(counts, weights) == pytest.approx(p, rel=1e-9)


def test_sample_ratios_agree_with_scipy_over_random_splits():
    """Two to five arms, weights that need not sum to one."""
    dice = Random(4)
    for _ in range(200):
        weights = [dice.random() + 0.05 for _ in range(dice.randint(2, 5))]
        counts = [dice.randint(0, 2000) + 1 for _ in weights]
        expected = [sum(counts) * weight / sum(weights) for weight in weights]
        p = scipy_stats.chisquare(counts, expected).pvalue
        assert sample_ratio_p(counts, weights) == pytest.approx(p, rel=1e-7, abs=1e-300)


def test_units_in_an_arm_without_weight_are_a_broken_split():
    """And no unit at all is no evidence."""
    assert sample_ratio_p([10, 1], [1.0, 0.0]) == 0.0
    assert sample_ratio_p([0, 0], [0.5, 0.5]) == 1.0
    with pytest.raises(ValueError, match="are no weights for 2 arms"):
        sample_ratio_p([1, 2], [1.0])
