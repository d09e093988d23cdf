"""The control against itself: calibrated thresholds and relabellings, by enumeration and by simulation."""

import itertools
import math
import random

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import (
    conformal_deficit,
    conformal_miss_range,
    conformal_threshold,
    noise,
    randomisation_p,
)

# --- conformal_threshold


@pytest.mark.parametrize(
    ("alpha", "n", "k"),
    [(0.05, 18, 0), (0.05, 19, 1), (0.05, 39, 2), (0.1, 9, 1), (0.29, 99, 29), (0.07, 99, 7), (0.05, 10**5 - 1, 5000)],
)
def test_the_threshold_is_the_kth_smallest(alpha, n, k):
    """k is the whole part of alpha (n + 1), also where floating point puts the product just below a whole number."""
    similarities = [step / n for step in range(n, 0, -1)]
    assert conformal_threshold(similarities, alpha) == (sorted(similarities)[k - 1] if k else None)


def test_the_threshold_of_nineteen_cases_is_their_smallest():
    """The first number of cases that can be calibrated at 5%."""
    assert conformal_threshold([0.80 + 0.01 * step for step in range(19)]) == 0.8


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.001, 0.999))
def test_a_new_case_of_the_control_seldom_falls_below_the_threshold(similarities, alpha):
    """Left out in turn, at most a share alpha of the cases is below the threshold of the others (exchangeability)."""
    below = 0
    for index, similarity in enumerate(similarities):
        threshold = conformal_threshold(similarities[:index] + similarities[index + 1 :], alpha)
        below += threshold is not None and similarity < threshold
    assert below <= alpha * len(similarities) + 1e-6


def test_no_case_has_no_threshold():
    """Nothing to calibrate on."""
    assert conformal_threshold([]) is None


@given(st.lists(st.floats(0, 1), max_size=60))
def test_one_deficit_of_each_case_is_the_threshold_upside_down(values):
    """With one answer in the role of the treatment, it is the conformal threshold of what each case lacks."""
    threshold = conformal_threshold([-value for value in values])
    assert conformal_deficit([[value] for value in values]) == (None if threshold is None else -threshold)


@given(st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=20, max_size=40))
def test_a_new_case_of_the_control_seldom_lacks_more_than_the_deficit(cases):
    """Left out in turn, at most one in twenty of the answers exceeds the deficit of the other cases."""
    exceeding = sum(
        sum(value > conformal_deficit(cases[:index] + cases[index + 1 :]) for value in case) / 3
        for index, case in enumerate(cases)
    )
    assert exceeding <= 0.05 * len(cases) + 1e-6


@pytest.mark.parametrize("n", [19, 38, 39, 99, 400])
def test_the_range_of_the_miss_rate_is_that_of_the_beta_distribution(n):
    """scipy's quantiles; with fewer than 19 cases nothing is calibrated."""
    k = (n + 1) // 20
    oracle = scipy.stats.beta(k, n + 1 - k).ppf([0.05, 0.95])
    rate, low, high = conformal_miss_range(n)
    assert (rate, low, high) == pytest.approx((k / (n + 1), *oracle), rel=1e-6)
    assert conformal_miss_range(18) is None


@pytest.mark.parametrize(
    ("similarities", "alpha"), [([math.nan] * 30, 0.05), ([0.5], 0), ([0.5], 1), ([0.5], math.nan)]
)
def test_impossible_thresholds_are_refused(similarities, alpha):
    """A similarity that is no number, or an error rate that is none."""
    with pytest.raises(ValueError, match=r"finite|between 0 and 1"):
        conformal_threshold(similarities, alpha)


# --- randomisation_p

TRIPLES = [(0.92, 0.80, 0.84), (0.75, 0.60, 0.70), (0.99, 0.97, 0.95), (0.88, 0.86, 0.90)]


def test_the_relabellings_of_four_cases_are_counted():
    """3 of the 81 relabellings reach the observed sum, worked out by hand."""
    assert randomisation_p(TRIPLES, seed=1) == pytest.approx(3 / 81, abs=1e-15)


def by_enumeration(triples):
    """Every choice of the answer that might be the treatment's, case by case, without rearranging the formula."""
    similarity_of_others = [
        [triple[which] - (sum(triple) - triple[which]) / 2 for which in range(3)] for triple in triples
    ]
    observed = sum(case[0] for case in similarity_of_others)
    sums = [sum(choice) for choice in itertools.product(*similarity_of_others)]
    return sum(total >= observed - 1e-9 for total in sums) / len(sums)


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 3), max_size=6))
def test_few_cases_are_enumerated(steps):
    """Ties included: similarities in twentieths tie all the time."""
    triples = [tuple(step / 20 for step in triple) for triple in steps]
    assert randomisation_p(triples, seed=0) == pytest.approx(by_enumeration(triples))


def noisy(n, shift, seed):
    """Triples of n cases whose treatment is less similar by `shift`."""
    rng = random.Random(seed)
    return [(rng.gauss(0.8, 0.1), rng.gauss(0.8, 0.1) - shift, rng.gauss(0.8, 0.1) - shift) for _ in range(n)]


def test_drawn_relabellings_agree_with_counted_ones(monkeypatch):
    """Ten cases, once counted and once drawn: the same p within the error of the draws."""
    triples = noisy(10, 0.03, seed=1)
    counted = randomisation_p(triples, seed=1)
    monkeypatch.setattr(noise, "_ALL_TOGETHER", 0)
    drawn = randomisation_p(triples, seed=1)
    assert 0.05 < counted < 0.5
    assert drawn == pytest.approx(counted, abs=4 * math.sqrt(counted * (1 - counted) / 9999))
    assert drawn != counted


def test_the_normal_tail_of_many_cases_agrees_with_drawn_relabellings(monkeypatch):
    """Four hundred cases, once normal and once drawn."""
    triples = noisy(400, 0.008, seed=5)
    normal = randomisation_p(triples, seed=1)
    monkeypatch.setattr(noise, "_DRAWN", 1000)
    drawn = randomisation_p(triples, seed=1)
    assert 0.02 < normal < 0.5
    assert drawn == pytest.approx(normal, abs=4 * math.sqrt(normal * (1 - normal) / 9999))


@pytest.mark.parametrize("n", [4, 30, 350])
def test_models_that_answer_alike_are_seldom_told_apart(n):
    """Of 100 simulated runs under the hypothesis at most about 5% have a p of 5%."""
    found = sum(randomisation_p(noisy(n, 0.0, seed), seed=seed, draws=499) <= 0.05 for seed in range(100))
    assert found <= 12


@pytest.mark.parametrize("n", [4, 30, 350])
def test_the_order_of_the_cases_and_the_global_generator_change_nothing(n):
    """The seed alone decides, and the generator everybody uses is not touched."""
    triples = noisy(n, 0.02, seed=7)
    random.seed(1)
    state = random.getstate()
    p = randomisation_p(triples, seed=3)
    assert random.getstate() == state
    assert randomisation_p(list(reversed(triples)), seed=3) == p


def test_a_drawn_p_is_never_zero():
    """The observed labels are one of the relabellings."""
    assert randomisation_p(noisy(30, 0.5, seed=8), seed=0, draws=99) == 1 / 100


@pytest.mark.parametrize("n", [0, 3, 30, 350])
def test_answers_that_are_all_alike_show_nothing(n):
    """Every relabelling reaches what was observed."""
    assert randomisation_p([(0.9, 0.9, 0.9)] * n, seed=0) == 1


@pytest.mark.parametrize("triples", [[(0.9, 0.8)], [(0.9, 0.8, math.nan)], [(0.9, 0.8, 0.7, 0.6)]])
def test_impossible_triples_are_refused(triples):
    """Three finite similarities make a case."""
    with pytest.raises(ValueError, match=r"three similarities|finite number"):
        randomisation_p(triples, seed=0)
