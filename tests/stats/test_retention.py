"""The ratio of two pass rates over the same cases: published bounds, a general optimiser, and its error rate."""

import math
import random

import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pytest_graysplit.stats import ratio_of_sums, ratio_of_sums_p, retention, retention_p

SHARES = st.sampled_from([0, 1, 0.5, 1 / 3, 2 / 3]) | st.floats(0, 1).map(lambda share: round(share, 6))
PAIRS = st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=30)


def whole(both, treatment, control, neither):
    """Return whole pass shares of the treatment and of the control."""
    counts = ((1, 1, both), (1, 0, treatment), (0, 1, control), (0, 0, neither))
    pairs = [(t, c) for t, c, count in counts for _ in range(count)]
    return [t for t, _ in pairs], [c for _, c in pairs]


def test_retention_gives_the_published_interval():
    """Fagerland, Lydersen and Laake 2014, data of Bentur and others 2009: 0.25, 95% CI 0.065 to 0.907."""
    assert retention(*whole(1, 1, 7, 12), confidence=0.95) == pytest.approx((0.25, 0.065, 0.907), abs=0.0005)


def score_by_likelihood(counts, ratio):
    """Return the score with the cell probabilities that an optimiser finds under p_treatment = ratio * p_control."""
    both, only_treatment, only_control, _ = counts
    n = sum(counts)

    def unlikely(p):
        return -sum(count * math.log(max(share, 1e-300)) for count, share in zip(counts, p, strict=True) if count)

    rules = [
        {"type": "eq", "fun": lambda p: sum(p) - 1},
        {"type": "eq", "fun": lambda p: p[0] + p[1] - ratio * (p[0] + p[2])},
    ]
    p = minimize(
        unlikely, [0.25] * 4, bounds=[(1e-12, 1)] * 4, constraints=rules, options={"ftol": 1e-14, "maxiter": 500}
    ).x
    variance = (p[0] + p[1]) + ratio * ratio * (p[0] + p[2]) - 2 * ratio * p[0]
    return (both + only_treatment - ratio * (both + only_control)) / math.sqrt(n * variance)


def test_retention_p_agrees_with_a_general_optimiser():
    """Random tables, also with empty cells, above and below the estimate."""
    rng = random.Random(8)
    for _ in range(25):
        counts = [rng.randint(3, 40), rng.choice([0, rng.randint(1, 9)]), rng.choice([0, rng.randint(1, 9)]), 12]
        ratio = rng.uniform(0.6, 1.3)
        expected = scipy.stats.norm.sf(score_by_likelihood(counts, ratio))
        assert retention_p(*whole(*counts), ratio) == pytest.approx(expected, abs=2e-3)


@given(PAIRS)
def test_retention_contains_the_estimate_and_is_inverted_with_the_arms(pairs):
    """The ratio of the exchanged arms is its inverse, and p agrees with each bound."""
    treatment, control = ([pair[arm] for pair in pairs] for arm in (0, 1))
    assume(sum(control) > 0.01)
    estimate, low, high = retention(treatment, control)
    assert 0 <= low <= estimate * (1 + 1e-9)
    assert estimate <= high * (1 + 1e-9)
    for bound, p in ((low, 0.05), (high, 0.95)):
        if 1e-4 < bound < 1e4 and abs(bound / estimate - 1 if estimate else 1) > 1e-6:
            assert retention_p(treatment, control, bound) == pytest.approx(p, abs=1e-5)
    if sum(treatment) > 0.01:
        back = retention(control, treatment)
        assert (1 / back.estimate, back.low) == pytest.approx((estimate, 1 / high), rel=1e-6)


@pytest.mark.parametrize("n", [20, 40, 100])
@pytest.mark.parametrize(("passes", "together"), [(0.5, 0.9), (0.9, 0.9), (0.95, 1.0)])
def test_retention_keeps_its_error_rate(n, passes, together):
    """A treatment that keeps exactly 80% is shown to keep more in at most 8% of runs, over every outcome."""
    both = 0.8 * passes * together
    law = scipy.stats.multinomial(n, [both, 0.8 * passes - both, passes - both, 1 - passes - 0.8 * passes + both])
    rng, shown, runs = random.Random(n), 0, 400
    for outcome in law.rvs(runs, random_state=rng.randrange(2**32)):
        shown += retention_p(*whole(*(int(count) for count in outcome)), 0.8) < 0.05
    assert shown / runs <= 0.08


def test_retention_at_its_edges():
    """If the control passes nothing the ratio is None; if the treatment passes nothing it is 0, with an upper bound."""
    assert retention([1, 0], [0, 0]) is None
    assert retention([], []) is None
    assert retention_p([], [], 0.8) == 0.5
    assert retention_p([0.8] * 9, [1.0] * 9, 0.8) == 0.5
    nothing = retention([0] * 50, [1] * 50)
    assert nothing[:2] == (0, 0)
    assert nothing.high == pytest.approx(0.0541, abs=1e-4)
    assert retention([1] * 40, [1] * 40).low == pytest.approx(0.9366, abs=1e-4)


@pytest.mark.parametrize(("treatment", "control"), [([1.1], [1]), ([1], [-0.1]), ([math.nan], [1]), ([1, 1], [1])])
def test_retention_refuses_values_that_are_not_shares(treatment, control):
    """Arms of different lengths are refused too."""
    with pytest.raises(ValueError, match=r"between 0 and 1|finite|longer|shorter"):
        retention(treatment, control)


@pytest.mark.parametrize("bound", [0, -1, math.nan, math.inf])
def test_retention_p_refuses_an_impossible_bound(bound):
    """A ratio of rates is more than 0."""
    with pytest.raises(ValueError, match="more than 0"):
        retention_p([1], [1], bound)


def test_a_clustered_ratio_of_sums_is_that_of_the_cluster_sums():
    """With clusters of one size; its p is 5% at the lower bound."""
    rng = random.Random(3)
    over, under = ([rng.random() for _ in range(30)] for _ in (0, 1))
    clusters = [place % 6 for place in range(30)]
    sums = [[sum(values[name::6]) for name in range(6)] for values in (over, under)]
    found = ratio_of_sums(over, under, clusters=clusters)
    assert found == pytest.approx(ratio_of_sums(*sums))
    assert ratio_of_sums_p(over, under, found.low, clusters=clusters) == pytest.approx(0.05)
