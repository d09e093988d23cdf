"""Bounds that are looked at all the time: the published figures, and how often they are crossed at any time."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.stats import OneLook, needed_units
from pytest_graysplit.stats.looks import Looks, mixing


def test_mixing_gives_the_published_interval():
    """TestSequentialTTest of growthbook (packages/stats/tests/frequentist/test_tests.py) comes out, digit by digit."""
    mean, error = 0.5033610858562358, 0.3334122146400735
    variance = 6461 * mixing(0.05, 1000)
    half = error * math.sqrt(2 * (1 + 1 / variance) * math.log(math.sqrt(variance + 1) / 0.05))
    assert (round(mean - half, 5), round(mean + half, 5)) == (-0.55844, 1.56516)


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 1e7), st.floats(0.0001, 0.4))
def test_a_p_value_is_the_alpha_of_its_boundary(n, alpha):
    """The p-value undoes the bound, so that what a bound clears has a p-value below its alpha."""
    looks = Looks(n)
    assert looks.p(looks.z(alpha)) == pytest.approx(alpha, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e7), st.floats(-50, 50), st.floats(0, 10))
def test_more_standard_errors_are_more_evidence(n, z, more):
    """p is a probability for every n, and falls with z."""
    looks = Looks(n)
    assert 0 <= looks.p(z + more) <= looks.p(z) <= 1


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 1e7))
def test_looking_all_the_time_costs_width(n):
    """The bound of every look is wider than that of one look, for every n."""
    assert Looks(n).z() > OneLook().z()


def crossed(looks, dice, most):
    """Whether a sum of fair normal values is ever outside its bound."""
    total = 0.0
    for n in range(1, most + 1):
        total += dice.gauss(0, 1)
        if n >= 30 and total / math.sqrt(n) > looks(n).z():
            return True
    return False


def test_a_fair_sum_crosses_its_boundary_seldom_at_any_of_many_looks():
    """At 5%, of 300 sums looked at 970 times each a few cross the boundary, where the bounds of one look fail many."""
    dice = Random(20_261_123)
    ever = sum(crossed(Looks, dice, 1_000) for _ in range(300))
    naive = sum(crossed(lambda _: OneLook(), dice, 1_000) for _ in range(300))
    assert ever <= 15
    assert naive >= 60


def test_needed_units_are_as_many_as_clear_the_limit():
    """A smaller distance takes more units, and none takes a number that nobody has."""
    numbers = [needed_units(0.10, distance, 100) for distance in (0.2, 0.1, 0.05, 0.02)]
    assert numbers == sorted(numbers)
    assert needed_units(0.10, 0.0, 100) is None
    assert needed_units(math.inf, 0.1, 100) is None
