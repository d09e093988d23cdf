"""Bounds for continuous monitoring: published values, and how often they are crossed at any time."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.stats import OneLook, needed_units
from pytest_graysplit.stats.looks import Looks, mixing


def test_mixing_gives_the_published_interval():
    """TestSequentialTTest of growthbook (packages/stats/tests/frequentist/test_tests.py), digit by digit."""
    mean, error = 0.5033610858562358, 0.3334122146400735
    variance = 6461 * mixing(0.05, 1000)
    half = error * math.sqrt(2 * (1 + 1 / variance) * math.log(math.sqrt(variance + 1) / 0.05))
    assert (round(mean - half, 5), round(mean + half, 5)) == (-0.55844, 1.56516)


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 1e7), st.floats(0.0001, 0.4))
def test_looks_p_is_the_alpha_of_its_boundary(n, alpha):
    """The p-value is the inverse of the bound: a cleared bound has a p-value below its alpha."""
    looks = Looks(n)
    assert looks.p(looks.z(alpha)) == pytest.approx(alpha, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e7), st.floats(-50, 50), st.floats(0, 10))
def test_looks_p_falls_with_z(n, z, more):
    """For every n it is a probability."""
    looks = Looks(n)
    assert 0 <= looks.p(z + more) <= looks.p(z) <= 1


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 1e7))
def test_looks_z_is_larger_than_that_of_one_look(n):
    """For every n."""
    assert Looks(n).z() > OneLook().z()


def crossed(looks, rng, most):
    """Tell whether a sum of fair normal values is ever outside its bound."""
    total = 0.0
    for n in range(1, most + 1):
        total += rng.gauss(0, 1)
        if n >= 30 and total / math.sqrt(n) > looks(n).z():
            return True
    return False


@pytest.mark.no_cover
def test_looks_bound_is_seldom_crossed_at_any_look():
    """At 5%, few of 300 sums with 970 looks each cross the boundary; many cross the bounds of one look."""
    rng = Random(20_261_123)
    ever = sum(crossed(Looks, rng, 1_000) for _ in range(300))
    naive = sum(crossed(lambda _: OneLook(), rng, 1_000) for _ in range(300))
    assert ever <= 15
    assert naive >= 60


def test_needed_units_clear_the_limit():
    """A smaller distance takes more units; the result is None where no realistic number suffices."""
    numbers = [needed_units(0.10, distance, 100) for distance in (0.2, 0.1, 0.05, 0.02)]
    assert numbers == sorted(numbers)
    assert needed_units(0.10, 0.0, 100) is None
    assert needed_units(math.inf, 0.1, 100) is None
