"""The control's own noise: the calibrated threshold, and the test of equal answers."""

from itertools import product
from random import Random

import pytest

from pytest_graysplit.stats import conformal_threshold, randomisation_p

SIMILARITIES = [(0.92, 0.8, 0.84), (0.75, 0.6, 0.7), (0.99, 0.97, 0.95), (0.88, 0.86, 0.9)]


@pytest.mark.parametrize(("alpha", "n", "k"), [(0.05, 18, 0), (0.05, 19, 1), (0.05, 39, 2), (0.1, 9, 1), (0.3, 9, 3)])
def test_the_threshold_is_the_kth_smallest(alpha, n, k):
    """k is the whole part of alpha (n + 1), also where floating point falls short of a whole number."""
    values = [number / 100 for number in range(n, 0, -1)]
    assert conformal_threshold(values, alpha) == (None if k == 0 else k / 100)


def test_a_new_case_of_the_control_falls_below_it_in_a_twentieth_of_all():
    """Over many controls: the share lies between alpha and what the whole part of k leaves out."""
    dice, below = Random(1), 0
    for _ in range(4000):
        values = [dice.random() for _ in range(20)]
        below += values[-1] < conformal_threshold(values[:-1])
    assert 0.04 < below / 4000 < 0.06


def test_the_enumerated_example():
    """Four cases, 81 relabellings, three of them as extreme."""
    assert randomisation_p(SIMILARITIES, seed=1) == pytest.approx(3 / 81)


def test_draws_and_the_normal_agree_with_the_enumeration():
    """Twelve cases by draws, and three hundred by the normal against draws of our own."""
    dice = Random(2)
    few = [tuple(dice.random() for _ in range(3)) for _ in range(12)]
    deficits = [[a - (b + c) / 2, b - (a + c) / 2, c - (a + b) / 2] for a, b, c in few]
    observed = sum(case[0] for case in deficits)
    exact = sum(sum(choice) >= observed - 1e-12 for choice in product(*deficits)) / 3**12
    assert randomisation_p(few, seed=1) == pytest.approx(exact, abs=0.02)
    many = [tuple(dice.gauss(0.7, 0.1) for _ in range(3)) for _ in range(300)]
    deficits = [[a - (b + c) / 2, b - (a + c) / 2, c - (a + b) / 2] for a, b, c in many]
    observed = sum(case[0] for case in deficits)
    drawn = sum(sum(map(dice.choice, deficits)) >= observed for _ in range(3000)) / 3000
    assert randomisation_p(many, seed=1) == pytest.approx(drawn, abs=0.03)


def test_no_case_and_no_difference_show_nothing():
    """A p value of one."""
    assert randomisation_p([], seed=1) == 1.0
    assert randomisation_p([(0.5, 0.5, 0.5)] * 400, seed=1) == pytest.approx(1.0)


def test_the_order_of_the_cases_does_not_show():
    """Also where it is drawn."""
    dice = Random(3)
    cases = [tuple(dice.random() for _ in range(3)) for _ in range(40)]
    assert randomisation_p(cases, seed=1) == randomisation_p(cases[::-1], seed=1)
