"""Critical values of planned looks: independent vectors, published boundaries, and the error over all looks."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.stats import planned_z


@pytest.mark.parametrize(
    ("fractions", "z"),
    [
        ((1.0,), (1.6449,)),
        ((0.5, 1), (1.96, 1.8071)),
        ((0.25, 0.5, 0.75, 1), (2.2414, 2.1251, 2.0187, 1.9255)),
        ((0.2, 0.4, 0.6, 0.8, 1), (2.3263, 2.2193, 2.1201, 2.0332, 1.956)),
    ],
)
def test_planned_z_matches_the_vectors(fractions, z):
    """`looks` of route_plan_vectors.json, alpha 0.05 spent as alpha * t, to 0.002."""
    assert planned_z(fractions, 0.05) == pytest.approx(z, abs=2e-3)


def test_planned_z_of_five_even_looks_is_the_published_one():
    """Lan and DeMets 1983, one-sided 2.5%, alpha * t."""
    z = planned_z((0.2, 0.4, 0.6, 0.8, 1.0), 0.025)
    assert z == pytest.approx((2.576, 2.492, 2.411, 2.339, 2.276), abs=2e-3)


@pytest.mark.parametrize(
    "fractions",
    [(0.05, 0.9, 1.0), (0.1, 0.11, 0.5, 0.52, 1.0), tuple(look / 20 for look in range(1, 21)), (0.98, 0.985, 0.99, 1)],
)
def test_planned_z_errs_with_alpha_over_all_looks(fractions):
    """Of 20,000 drawn sums without an effect a share alpha crosses at any look, and each look spends its part."""
    rng, z = random.Random(7), planned_z(fractions, 0.05)
    spreads = [math.sqrt(now - before) for before, now in zip((0, *fractions), fractions, strict=False)]
    limits = [value * math.sqrt(share) for value, share in zip(z, fractions, strict=True)]
    crossed = 0
    for _ in range(20_000):
        total = 0.0
        for spread, limit in zip(spreads, limits, strict=True):
            total += rng.gauss(0, spread)
            if total > limit:
                crossed += 1
                break
    assert crossed / 20_000 == pytest.approx(0.05, abs=0.005)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(30, 1_000), min_size=1, max_size=8, unique=True), st.sampled_from([0.025, 0.05]))
def test_planned_z_rises_with_the_number_of_looks(sizes, alpha):
    """The error of each look is between the part of alpha that it spends and alpha."""
    fractions = tuple(size / max(sizes) for size in sorted(sizes))
    spent = [now - before for before, now in zip((0, *fractions), fractions, strict=False)]
    nominal = [math.erfc(z / math.sqrt(2)) / 2 for z in planned_z(fractions, alpha)]
    for part, error in zip(spent, nominal, strict=True):
        assert alpha * part <= error * (1 + 1e-3)
        assert error <= alpha * (1 + 1e-9)


@pytest.mark.parametrize(
    "fractions", [(), (0.5, 0.5), (0.6, 0.5), (0.0, 1.0), (0.5, 1.1), (math.nan,), tuple(n / 21 for n in range(1, 22))]
)
def test_planned_z_refuses_invalid_looks(fractions):
    """No looks, looks that do not increase, looks beyond the end, and more than twenty."""
    with pytest.raises(ValueError, match="looks"):
        planned_z(fractions, 0.05)


@pytest.mark.parametrize("alpha", [0, 0.5, math.nan])
def test_planned_z_refuses_invalid_alphas(alpha):
    """For example an error of one half."""
    with pytest.raises(ValueError, match="alpha"):
        planned_z((1.0,), alpha)
