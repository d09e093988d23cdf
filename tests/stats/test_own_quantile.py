"""The quantile of one arm: an e-value that is exact for independent values, and bounds that hold at every look."""

import math
from bisect import bisect_right
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_graysplit import stats
from pytest_graysplit.stats.own_quantile import log_evidence, quantile_levels


@pytest.mark.parametrize("share", [0.05, 0.01, 0.95])
@pytest.mark.parametrize("n", [1, 40, 400])
def test_evidence_has_a_mean_of_at_most_one(n, share):
    """By the exact binomial distribution: one at the share itself, and less above it."""

    def mean(true_share):
        return math.fsum(math.exp(binom.logpmf(k, n, true_share) + log_evidence(k, n, share)) for k in range(n + 1))

    assert mean(share) == pytest.approx(1.0, rel=1e-9)
    assert mean(share + 0.3 * (1 - share)) < 1


def test_evidence_never_exceeds_its_rate_at_any_look():
    """Of 1,000 sequences at the share itself, at most 5% and three standard errors ever reach 20."""
    dice, reached = Random(20_261_130), 0
    looks = [*range(20, 400, 40), *range(400, 1_201, 100)]
    limits = {n: max((k for k in range(n) if log_evidence(k, n, 0.05) >= math.log(20)), default=-1) for n in looks}
    for _ in range(1_000):
        beyond, last = 0, 0
        for n in looks:
            beyond, last = beyond + sum(dice.random() < 0.05 for _ in range(n - last)), n
            if beyond <= limits[n]:
                reached += 1
                break
    assert 0 < reached <= 1_000 * (0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000))


@given(st.floats(0.5, 0.995), st.integers(1, 100_000))
def test_levels_enclose_the_quantile(q, n):
    """More values bring both levels closer, and the upper one exists from the named number of values on."""
    low, high = quantile_levels(q, float(n))
    wider_low, wider_high = quantile_levels(q, n / 2)
    assert 0 <= wider_low <= low < q
    assert high is None or q < high <= (wider_high or 1.0)
    assert (high is None) == (n < stats.fewest_for_quantile(q))


def quantile_of(values):
    ordered = sorted(values)
    return lambda q: ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def test_own_quantile_agrees_with_its_p_values():
    """The bound is outside the interval exactly if one of the p-values is at most 5%."""
    values = [number / 1000 for number in range(2_000)]
    for bound in (1.80, 1.85, 1.86, 1.90, 1.92, 1.94, 1.99):
        found = stats.own_quantile(quantile_of(values), 2_000, q=0.95, bound=bound)
        assert found.interval.estimate == pytest.approx(1.9, abs=0.001)
        assert (found.above_p < 0.05, found.below_p < 0.05) == (found.interval.low > bound, found.interval.high < bound)


def test_own_quantile_with_few_values_can_only_be_too_slow():
    """Forty values have no upper end, yet a half beyond the bound is shown."""
    values = [0.5] * 20 + [12.6] * 20
    found = stats.own_quantile(quantile_of(values), 40, q=0.95, bound=3.0)
    assert (found.interval.low, found.interval.high) == (12.6, math.inf)
    assert found.above_p < 1e-6
    assert found.below_p == 1
    quick = stats.own_quantile(quantile_of([0.5] * 40), 40, q=0.95, bound=3.0)
    assert (quick.interval.high, quick.above_p) == (math.inf, 1)
    assert stats.own_quantile(lambda _: None, 40, q=0.95, bound=3.0) is None


def missed_by(q, lives, looks, dice):
    """Return how many lives ever leave out the true quantile, below and above; all requests of a user wait alike."""
    true = math.exp(NormalDist().inv_cdf(q) / 2)
    below = above = 0
    for _ in range(lives):
        waits, squares, too_low, too_high = [], 0, False, False
        for _ in range(looks):
            for _ in range(120):
                requests = min(10, int(dice.paretovariate(1.3)))
                squares += requests**2
                waits += [math.exp(dice.gauss(0, 0.5))] * requests
            low, high = quantile_levels(q, len(waits) ** 2 / squares)
            read = quantile_of(waits)
            too_low |= high is not None and read(high) < true
            too_high |= read(low) > true
        below, above = below + too_low, above + too_high
    return below, above


@pytest.mark.parametrize("q", [0.95, 0.99])
def test_own_quantile_of_clustered_waits_holds_at_every_look(q):
    """Each end may ever miss the truth in 5% of the lives: in 50 lives of 12 looks, in at most 2.5 and 3 errors."""
    below, above = missed_by(q, 50, 12, Random(f"20261130 {q}"))
    assert max(below, above) <= 7


def test_level_of_a_bound_is_read_from_the_quantile_function():
    """The share within the bound is that of the sample, to the accuracy of the sketch."""
    values = sorted(Random(5).expovariate(1) for _ in range(3_000))
    found = stats.own_quantile(quantile_of(values), 3_000, q=0.95, bound=2.5)
    within = bisect_right(values, 2.5) / 3_000
    assert math.log(found.above_p) == pytest.approx(-max(0.0, log_evidence(within * 3_000, 3_000, 0.95)), abs=0.2)
