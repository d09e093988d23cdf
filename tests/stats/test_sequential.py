"""Evidence at every look: compared with definitions and closed forms, and its rate of false alarms."""

import math
import random
from fractions import Fraction

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import EProcess, anytime_p, harm_e_values, sample_ratio_e
from pytest_graysplit.stats.sequential import MOST

DIFFERENCES = st.lists(st.floats(-1, 1) | st.sampled_from([-1, 0, 1]), max_size=60)
# A chi-square with one degree of freedom above it has p < .001.
CHI_SQUARE = scipy.stats.chi2.isf(0.001, 1)


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


@pytest.mark.no_cover
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


@pytest.mark.no_cover
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


def looked_at(rng, share, units, every):
    """Simulate a split declared as halves: return when each test called it broken, in units."""
    found, first = {}, 0
    for number in range(1, units + 1):
        first += rng.random() < share
        if number % every == 0:
            counts = [first, number - first]
            if "e" not in found and sample_ratio_e(counts, [1, 1]) >= 1_000:
                found["e"] = number
            if "p" not in found and (2 * first - number) ** 2 / number > CHI_SQUARE:
                found["p"] = number
    return found


@pytest.mark.no_cover
def test_sample_ratio_e_seldom_rejects_a_correct_split():
    """None of 300 lives of 2,000 units, looked at after every ten, is rejected; the chi-square test errs."""
    rng = random.Random(20_261_201)
    lives = [looked_at(rng, 0.5, 2_000, 10) for _ in range(300)]
    assert sum("e" in life for life in lives) == 0
    assert sum("p" in life for life in lives) >= 3


def test_sample_ratio_e_finds_a_broken_split_in_time():
    """A 45 to 55 split declared as halves: half of the lives within 2,500 units, all within 6,000."""
    rng = random.Random(20_261_202)
    after = sorted(looked_at(rng, 0.45, 6_000, 50).get("e", math.inf) for _ in range(30))
    assert after[15] <= 2_500
    assert after[-1] <= 6_000
