"""How many cases it takes, and how many claims may be made at once."""

from itertools import combinations
from random import Random

import pytest

from pytest_graysplit.stats import certifiable_n, holm, required_n, smallest_n_for_quantile, tango


@pytest.mark.parametrize(
    ("margin", "discordant", "difference", "n"),
    [(0.05, 0.1, 0, 248), (0.05, 0.2, 0, 495), (0.1, 0.2, 0, 124), (0.05, 0.1, 0.02, 126)],
)
def test_the_published_sample_sizes(margin, discordant, difference, n):
    """(z + z)^2 (psi - D^2) / (d + D)^2, rounded up."""
    assert required_n(discordant, difference, margin) == n


def test_on_the_margin_no_number_decides():
    """Beyond it, the same number shows the harm."""
    assert required_n(0.2, -0.05, 0.05) is None
    assert required_n(0.2, -0.15, 0.05) == 110


@pytest.mark.parametrize(("margin", "n"), [(0.05, 52), (0.10, 25), (0.02, 133)])
def test_without_a_miss_so_many_are_the_least(margin, n):
    """One fewer, and Tango's lower end is not above the margin."""
    assert certifiable_n(margin) == n
    assert tango(0, 0, n).low > -margin >= tango(0, 0, n - 1).low


@pytest.mark.parametrize(("q", "n"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_quantiles_need_so_many_values(q, n):
    """The largest of n bounds the quantile from above."""
    assert smallest_n_for_quantile(q) == n
    assert q**n <= 0.05 < q ** (n - 1)


def test_holm_is_the_closed_test_of_bonferroni():
    """A hypothesis falls just where every set that holds it falls: its least p value is at most alpha over its size."""
    dice = Random(1)
    for _ in range(200):
        p_values = [dice.choice([dice.random(), dice.random() / 50]) for _ in range(dice.randint(1, 6))]
        alpha, places = dice.choice([0.025, 0.05, 0.2]), range(len(p_values))
        sets = [held for size in places for held in combinations(places, size + 1)]
        falls = {held: min(p_values[place] for place in held) <= alpha / len(held) for held in sets}
        assert holm(p_values, alpha) == [all(falls[held] for held in sets if place in held) for place in places]
    assert holm([], 0.05) == []
