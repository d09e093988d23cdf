"""The e-value against a split by its weights: exact fractions, closed forms, and continuous monitoring."""

import math
import random
from fractions import Fraction

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import anytime_p, sample_ratio_e

# A chi-square with one degree of freedom above it has p < .001.
CHI_SQUARE = scipy.stats.chi2.isf(0.001, 1)


def predicted(counts, weights):
    """Return the e-value by its definition: the predicted share of each unit's arm over its weight, in fractions."""
    shares = [Fraction(weight) / sum(weights) for weight in weights]
    mixtures = []
    for concentration in (10, 100, 1_000, 10_000):
        seen, e = [0] * len(counts), Fraction(1)
        for arm, count in enumerate(counts):
            for _ in range(count):
                e *= (concentration * shares[arm] + seen[arm]) / (concentration + sum(seen)) / shares[arm]
                seen[arm] += 1
        mixtures.append(e)
    return float(sum(mixtures) / len(mixtures))


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ([1, 0], [0.5, 0.5]),
        ([2, 0], [1, 1]),
        ([3, 5], [50, 50]),
        ([40, 9], [9_000, 1_000]),
        ([12, 0, 30], [2, 1, 7]),
        ([9, 11, 0, 10], [5, 5, 0, 5]),
        ([0, 60], [9_999, 1]),
    ],
)
def test_sample_ratio_e_matches_its_definition(counts, weights):
    """In exact fractions, unit by unit: two arms and more, unequal weights, and a weight of 0."""
    weighed = [(count, weight) for count, weight in zip(counts, weights, strict=True) if weight]
    exact = predicted(*(list(column) for column in zip(*weighed, strict=True)))
    assert sample_ratio_e(counts, weights) == pytest.approx(exact, rel=1e-9)


def test_sample_ratio_e_of_two_units_has_a_closed_form():
    """The first unit gives 1, the second (c + 2) / (c + 1) at equal weights."""
    assert sample_ratio_e([1, 0], [1, 1]) == pytest.approx(1, rel=1e-10)
    wanted = sum((c + 2) / (c + 1) for c in (10, 100, 1_000, 10_000)) / 4
    assert sample_ratio_e([2, 0], [1, 1]) == pytest.approx(wanted, rel=1e-10)


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 10_000)), min_size=2, max_size=6))
def test_sample_ratio_e_is_a_martingale(arms):
    """Under the weights the e-value is equal to its expectation after the next unit."""
    counts, weights = map(list, zip(*arms, strict=True))
    after = 0.0
    for arm, weight in enumerate(weights):
        more = [count + (place == arm) for place, count in enumerate(counts)]
        after += weight / sum(weights) * min(1e280, sample_ratio_e(more, weights))
    now = sample_ratio_e(counts, weights)
    assert now > 1e270 or after == pytest.approx(now, rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "weights", "e"),
    [
        pytest.param([0, 0], [1, 1], 1.0, id="nothing counted yet"),
        pytest.param([7], [1], 1.0, id="one arm gets everything"),
        pytest.param([7, 0], [1, 0], 1.0, id="a closed arm is empty"),
        pytest.param([7, 1], [1, 0], 1e300, id="a closed arm is not empty"),
        pytest.param([10**7, 0], [1, 1], 1e300, id="nothing in one arm of two"),
        pytest.param([7, 1], [1], None, id="an arm without a weight"),
        pytest.param([7, 1], [2, -1], None, id="a negative weight"),
        pytest.param([7, -1], [1, 1], None, id="a negative count"),
        pytest.param([7, 1], [1, math.nan], None, id="a weight that is not a number"),
        pytest.param([], [], None, id="no arm at all"),
    ],
)
def test_sample_ratio_e_at_its_edges(counts, weights, e):
    """Without units it is 1, for an impossible unit it is MOST, and invalid arguments are refused."""
    if e is None:
        with pytest.raises(ValueError, match=r"counts|weights|finite"):
            sample_ratio_e(counts, weights)
    else:
        assert sample_ratio_e(counts, weights) == e
        assert 0 < anytime_p(e) <= 1


def test_sample_ratio_e_of_a_billion_units_keeps_its_digits():
    """Evidence for a correct split grows, and evidence against one that is off by a hundredth grows too."""
    assert 0 < sample_ratio_e([500_010_000, 499_990_000], [1, 1]) < 0.1
    assert sample_ratio_e([505_000_000, 495_000_000], [1, 1]) == 1e300
    assert sample_ratio_e([821_588, 815_482], [1, 1]) == pytest.approx(2_368.8, rel=1e-3)


def looked_at(dice, share, units, every):
    """Simulate a split declared as halves: return when each test called it broken, in units."""
    found, first = {}, 0
    for number in range(1, units + 1):
        first += dice.random() < share
        if number % every == 0:
            counts = [first, number - first]
            if "e" not in found and sample_ratio_e(counts, [1, 1]) >= 1_000:
                found["e"] = number
            if "p" not in found and (2 * first - number) ** 2 / number > CHI_SQUARE:
                found["p"] = number
    return found


def test_sample_ratio_e_seldom_rejects_a_correct_split():
    """None of 300 lives of 2,000 units, looked at after every ten, is rejected; the chi-square test errs."""
    dice = random.Random(20_261_201)
    lives = [looked_at(dice, 0.5, 2_000, 10) for _ in range(300)]
    assert sum("e" in life for life in lives) == 0
    assert sum("p" in life for life in lives) >= 3


def test_sample_ratio_e_finds_a_broken_split_in_time():
    """A 45 to 55 split declared as halves: half of the lives within 2,500 units, all within 6,000."""
    dice = random.Random(20_261_202)
    after = sorted(looked_at(dice, 0.45, 6_000, 50).get("e", math.inf) for _ in range(30))
    assert after[15] <= 2_500
    assert after[-1] <= 6_000
