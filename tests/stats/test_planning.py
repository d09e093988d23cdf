"""How many cases are needed, against the formulas, the bound itself, and simulated comparisons."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import certifiable_n, required_n, tango, tango_p


@pytest.mark.parametrize(
    ("margin", "discordant", "difference", "n"),
    [(0.05, 0.1, 0, 248), (0.05, 0.2, 0, 495), (0.10, 0.2, 0, 124), (0.05, 0.1, 0.02, 126)],
)
def test_so_many_pairs_are_required(margin, discordant, difference, n):
    """(1.645 + 0.842)^2 (psi - D^2) / (margin + D)^2, rounded up, worked out by hand."""
    assert required_n(discordant, difference, margin) == n


def test_the_required_pairs_have_the_power_they_promise():
    """Of 400 simulated comparisons with the required 248 pairs, about 80% keep the margin."""
    rng, n, kept = random.Random(35), required_n(0.10, 0.0, 0.05), 0
    for _ in range(400):
        draws = rng.choices("bc-", weights=(0.05, 0.05, 0.90), k=n)
        kept += tango_p(draws.count("b"), draws.count("c"), n, bound=-0.05) < 0.05
    assert 290 <= kept <= 350


@pytest.mark.parametrize(("difference", "margin"), [(-0.05, 0.05), (-0.1 - 0.2, 0.3), (0.0, 0.0)])
def test_on_the_margin_no_number_of_pairs_decides(difference, margin):
    """None is named; also when the margin is missed by a rounding."""
    assert required_n(0.5, difference, margin) is None


def test_beyond_the_margin_the_same_number_shows_the_harm():
    """The distance from the margin counts, on whichever side of it."""
    assert required_n(0.5, -0.2, 0.05) == 127
    assert required_n(0.5, -0.06, 0.05) > required_n(0.5, -0.2, 0.05)


def test_more_is_required_for_less_margin_and_more_power():
    """The number rises with what is asked."""
    numbers = [
        required_n(0.1, 0.0, 0.10),
        required_n(0.1, 0.0, 0.05),
        required_n(0.1, 0.0, 0.05, power=0.9),
        required_n(0.1, 0.0, 0.05, alpha=0.01, power=0.9),
    ]
    assert numbers == sorted(set(numbers))


def test_at_least_one_pair_is_required():
    """Where nothing is expected to be discordant the formula asks for none, which shows nothing."""
    assert required_n(0.0, 0.0, 0.05) == 1
    assert required_n(0.2, 0.0, 0.1, alpha=0.5, power=0.4) == 1


@pytest.mark.parametrize(
    ("discordant", "difference", "margin"),
    [
        (0.01, 0.12, 0.05),
        (1.2, 0.0, 0.05),
        (math.nan, 0.0, 0.05),
        (0.1, math.nan, 0.05),
        (0.1, 0.0, math.nan),
        (0.1, 0.0, 5),
    ],
)
def test_impossible_plans_are_refused(discordant, difference, margin):
    """A difference larger than the share of pairs that differ cannot be; a margin in points is none."""
    with pytest.raises(ValueError, match="lies between"):
        required_n(discordant, difference, margin)


# --- certifiable_n


@pytest.mark.parametrize(("margin", "n"), [(0.05, 52), (0.10, 25)])
def test_so_many_pairs_can_certify_a_margin(margin, n):
    """As the closed form of Tango's bound says for a one-sided 5%."""
    assert certifiable_n(margin) == n


@given(st.floats(0.001, 0.999), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_smallest_certifiable_n_is_where_the_bound_passes_the_margin(margin, confidence):
    """With n agreeing pairs the lower bound is above -margin, with one fewer it is not."""
    n = certifiable_n(margin, confidence)
    assert tango(0, 0, n, confidence).low > -margin - 1e-12
    assert tango(0, 0, n - 1, confidence).low < -margin + 1e-12


@pytest.mark.parametrize("margin", [0, 1, 5, -0.05, math.nan])
def test_impossible_margins_certify_nothing(margin):
    """No number of pairs shows that nothing at all is lost."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        certifiable_n(margin)
