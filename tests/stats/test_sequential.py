"""Sequential evidence after every case, compared with its definition, and its rate of false alarms."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import EProcess, harm_e_values
from pytest_graysplit.stats.sequential import MOST

DIFFERENCES = st.lists(st.floats(-1, 1) | st.sampled_from([-1, 0, 1]), max_size=60)


def by_definition(differences, margin, side):
    """Return the mean of the products over twenty stakes, by the formula and without logarithms."""
    xs = [(d + 1) / 2 for d in differences]
    m = (1 - margin) / 2
    if side == "harm":
        xs, m = [1 - x for x in xs], 1 - m
    return sum(math.prod(1 + 0.95 * k / 21 / m * (x - m) for x in xs) for k in range(1, 21)) / 20


def e_values(differences, margin, side):
    """Return the e-value after each case, with every case as a cluster of its own."""
    process = EProcess(margin, side)
    return [process.add_cluster([difference], largest=1) for difference in differences]


def test_harm_process_keeps_its_digits():
    """Fifteen cases of which nine are lost give evidence of 43 against a margin of 5 points, by hand."""
    differences = [0, 0, -1, 0, -1, -1, 0, -1, -1, 0, -1, -1, -1, 0, -1]
    expected = [
        0.9773809523809522, 0.9554278245689809, 1.3603035868542428, 1.3271646959398566, 1.9375680662949863,
        2.9010889787918623, 2.819876480750223, 4.312405511296911, 6.730793987648378, 6.522223130969998,
        10.34850187761737, 16.675235809627047, 27.22730662017838, 26.294006318642783, 43.381207511554756,
    ]  # fmt: skip
    assert harm_e_values(differences, 0.05) == pytest.approx(expected, rel=1e-12)


def test_processes_stop_after_known_numbers_of_cases():
    """Nine cases lost in a row are harm at 40; 94 equal ones are enough to promote at 20."""
    harm, promote = harm_e_values([-1] * 20, 0.05), e_values([0] * 100, 0.05, "promote")
    assert next(n for n, e in enumerate(harm, start=1) if e >= 40) == 9
    assert next(n for n, e in enumerate(promote, start=1) if e >= 20) == 94
    assert promote[-1] == pytest.approx(25.311636727057756, rel=1e-12)


@given(DIFFERENCES, st.sampled_from([0, 0.02, 0.05, 0.1, 0.5]), st.sampled_from(["harm", "promote"]))
def test_e_value_matches_its_definition(differences, margin, side):
    """Fractions of a case are accepted, and before the first case the e-value is 1."""
    assert EProcess(margin, side).value == 1
    for n, value in enumerate(e_values(differences, margin, side), start=1):
        assert value == pytest.approx(by_definition(differences[:n], margin, side), rel=1e-9)


@given(DIFFERENCES, st.sampled_from([0, 0.02, 0.05, 0.1, 0.5]))
def test_harm_e_values_match_the_process(differences, margin):
    """A list and single steps give the same values."""
    assert harm_e_values(differences, margin) == e_values(differences, margin, "harm")


def test_cluster_is_one_bet_of_its_sum_over_the_largest():
    """The bet is made with its last case, by hand: -sum(d + margin) / (2 x largest) takes the place of x - m."""
    differences, clusters = [-1, 0.5, -1, 0, -0.25], ["a", "b", "a", "a", "c"]
    expected, gains = [], {1: -(0.5 + 0.05) / 6, 3: -(-2 + 3 * 0.05) / 6, 4: -(-0.25 + 0.05) / 6}
    capitals = [1.0] * 20
    for place in range(5):
        stakes = [0.95 * k / 21 / ((1 + 0.05) / 2) for k in range(1, 21)]
        capitals = [
            capital * (1 + stake * gains.get(place, 0)) for capital, stake in zip(capitals, stakes, strict=True)
        ]
        expected.append(sum(capitals) / 20)
    assert harm_e_values(differences, 0.05, clusters) == pytest.approx(expected, rel=1e-12)


@given(DIFFERENCES)
def test_harm_e_values_of_clusters_of_one_case_are_unclustered(differences):
    """Every name occurs once."""
    assert harm_e_values(differences, 0.05, range(len(differences))) == harm_e_values(differences, 0.05)


def test_harm_e_values_of_agreeing_clusters_seldom_reach_the_threshold():
    """Ten clusters of ten equal cases, without a difference: at most 1 in 40 ever reaches 40."""
    rng, alarms, alone = random.Random(37), 0, 0
    for _ in range(300):
        clusters = [name for name in range(10) for _ in range(10)]
        cases = [d for d in rng.choices([1, -1, 0], weights=[0.2, 0.2, 0.6], k=10) for _ in range(10)]
        alarms += max(harm_e_values(cases, 0.05, clusters)) >= 40
        alone += max(harm_e_values(cases, 0.05)) >= 40
    assert alarms <= 7
    assert alone > 15  # as if every case were independent


def test_cluster_larger_than_the_largest_is_refused():
    """Its bet could lose more than the capital."""
    with pytest.raises(ValueError, match="larger than the largest"):
        EProcess(0.05, "harm").add_cluster([0, 0], largest=1)


@pytest.mark.parametrize(("side", "difference"), [("harm", 0.05), ("harm", -0.05), ("promote", -0.05)])
def test_true_hypothesis_seldom_reaches_the_threshold(side, difference):
    """With a look after each of 80 cases, about 5% of 200 models within the margin reach 20."""
    rng, alarms = random.Random(36), 0
    for _ in range(200):
        cases = rng.choices([1, -1, 0], weights=[0.1 + difference / 2, 0.1 - difference / 2, 0.8], k=80)
        alarms += max(e_values(cases, 0.05, side)) >= 20
    assert alarms <= 18


def test_fair_bet_wins_nothing_on_average():
    """At the edge of the hypothesis the expected capital after one more case is exactly the capital."""
    for side, sign in (("harm", -1), ("promote", -1)):
        after = {}
        for difference in (-1, 1):
            process = EProcess(0.05, side)
            for earlier in (0, -1, 1):
                process.add_cluster([earlier], largest=1)
            before = process.value
            after[difference] = process.add_cluster([difference], largest=1)
        # A difference of 1 with probability p and -1 otherwise has the mean -margin.
        p = (1 + sign * 0.05) / 2
        assert p * after[1] + (1 - p) * after[-1] == pytest.approx(before)


@pytest.mark.parametrize(("side", "difference"), [("harm", -1), ("promote", 1), ("harm", 1), ("promote", -1)])
def test_process_of_thousands_of_cases_does_not_overflow(side, difference):
    """The e-value ends at a number that every format can write, and a lost capital can recover."""
    process = EProcess(0.05, side)
    for _ in range(3000):
        process.add_cluster([difference], largest=1)
    wins = (side == "harm") == (difference < 0)
    assert (process.value == MOST) if wins else (0 <= process.value < 1e-20)
    for _ in range(6000):
        process.add_cluster([-difference], largest=1)
    assert (process.value < 1e-20) if wins else (process.value > 1e20)


@pytest.mark.parametrize("difference", [-1.0001, 2, math.nan, math.inf])
def test_process_refuses_differences_beyond_one(difference):
    """A bet on such a difference could lose more than the capital."""
    with pytest.raises(ValueError, match="between -1 and 1"):
        EProcess(0.05, "harm").add_cluster([difference], largest=1)


@pytest.mark.parametrize(
    ("margin", "side"), [(1, "harm"), (-0.1, "harm"), (5, "promote"), (math.nan, "harm"), (0.05, "hurt")]
)
def test_process_refuses_invalid_margins_and_sides(margin, side):
    """A margin in percent, or an unknown side."""
    with pytest.raises(ValueError, match=r"between 0 and 1|'harm' or 'promote'"):
        EProcess(margin, side)
