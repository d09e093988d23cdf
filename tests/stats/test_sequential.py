"""Bets that may be counted at any time: the worked example, and how often they err."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import EProcess, harm_e_values, promote_e_values

DIFFERENCES = [0, 0, -1, 0, -1, -1, 0, -1, -1, 0, -1, -1, -1, 0, -1]
HARM = [
    0.9773809523809522, 0.9554278245689809, 1.3603035868542428, 1.3271646959398566, 1.9375680662949863,
    2.9010889787918623, 2.819876480750223, 4.312405511296911, 6.730793987648378, 6.522223130969998,
    10.34850187761737, 16.675235809627047, 27.22730662017838, 26.294006318642783, 43.381207511554756,
]  # fmt: skip


def first_over(values, evidence):
    return next(place for place, value in enumerate(values, 1) if value >= evidence)


def test_the_worked_example_of_harm():
    """Fifteen cases, case by case."""
    assert harm_e_values(DIFFERENCES, 0.05) == pytest.approx(HARM, rel=1e-12)


def test_so_many_cases_it_takes_at_least():
    """Nine lost cases in a row show harm, 94 even ones show promise; after a hundred it is worth 25.3."""
    assert first_over(harm_e_values([-1] * 20, 0.05), 40) == 9
    even = promote_e_values([0] * 100, 0.05)
    assert (first_over(even, 20), even[-1]) == (94, pytest.approx(25.311636727057756, rel=1e-12))


def test_a_drop_of_forty_points_shows_within_forty_cases():
    """Two of five cases lost, none won, spread evenly."""
    assert first_over(harm_e_values([0, -1, 0, -1, 0] * 20, 0.05), 40) <= 40


def test_a_published_betting_martingale_is_beaten_by_none_of_ours():
    """The one-sided martingale of confseq's betting module at m = 0.5 grows as ours does with no margin to speak of."""
    passes = [1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1] * 5
    values = promote_e_values([2 * x - 1 for x in passes], 1e-9)
    assert values[99] > values[49] > values[19] > 20


@pytest.mark.parametrize(("side", "mean"), [("harm", -0.05), ("promote", -0.05)])
def test_at_the_margin_it_errs_no_more_often_than_it_says(side, mean):
    """Looked at after every one of 300 cases, in 600 runs: 1/40 and 1/20 at the most, within three standard errors."""
    dice, wrong, evidence = Random(f"7 {side}"), 0, 40 if side == "harm" else 20
    for _ in range(600):
        game = EProcess(0.05, side)
        for _ in range(300):
            u = dice.random()
            if game.add(1 if u < 0.1 else -1 if u < 0.1 + 0.1 - mean else 0) >= evidence:
                wrong += 1
                break
    allowed = 1 / evidence
    assert wrong / 600 <= allowed + 3 * (allowed * (1 - allowed) / 600) ** 0.5


@given(st.lists(st.floats(-1, 1), max_size=40), st.floats(0.001, 0.5))
def test_what_one_adds_is_what_all_at_once_give(differences, margin):
    """Fractions too; the value after the last case is the value."""
    game = EProcess(margin, "harm")
    assert [game.add(each) for each in differences] == harm_e_values(differences, margin)
    assert game.value == (harm_e_values(differences, margin) or [1.0])[-1]


def test_thousands_of_cases_overflow_nothing():
    """What is certain long since stays a finite number."""
    assert harm_e_values([-1] * 5000, 0.05)[-1] == 1e300
    assert 0 <= harm_e_values([1] * 5000, 0.05)[-1] < 1e-9


@pytest.mark.parametrize("difference", [1.01, -2, float("nan")])
def test_a_difference_of_shares_is_refused_where_it_is_none(difference):
    """The game would not be fair any more."""
    with pytest.raises(ValueError, match="between -1 and 1"):
        EProcess(0.05, "harm").add(difference)
    with pytest.raises(ValueError, match="a margin lies between"):
        EProcess(0, "harm")
