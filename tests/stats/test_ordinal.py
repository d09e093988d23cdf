"""The ordinal Tango score for mean differences of shares, compared with Tango's, with vectors and with an optimiser."""

import math
import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pytest_graysplit.stats import ordinal_tango, ordinal_tango_p, tango, tango_p

SHARES = st.sampled_from([-1, -0.5, -1 / 3, -0.2, 0, 0.1 + 0.2 - 0.3, 0.2, 2 / 3, 1]) | st.floats(-1, 1)
SAMPLES = st.lists(SHARES, min_size=1, max_size=40)


def counted(counts):
    return [float(difference) for difference, count in counts.items() for _ in range(count)]


# Section `ordinal_tango` of route_plan_vectors.json, computed independently of this package.
VECTORS = [
    ({"0": 60}, -0.05, 0.03778028376297027),
    ({"-1": 2, "0": 97, "0.5": 1}, -0.05, 0.06422064452314664),
    ({"-1": 1, "-0.2": 5, "0": 40, "0.2": 5, "1": 1}, -0.05, 0.08995803593039692),
    ({"-1": 6, "0": 20, "0.5": 4}, -0.05, 0.8581141707973537),
    ({"-1": 3, "0": 50, "1": 3}, -0.1, 0.027541723468033852),
]


@pytest.mark.parametrize(("counts", "mean", "p"), VECTORS)
def test_ordinal_tango_p_meets_the_vectors(counts, mean, p):
    """Within 1e-6, and with both arms exchanged too."""
    differences = counted(counts)
    assert ordinal_tango_p(differences, mean) == pytest.approx(p, abs=1e-6)
    assert ordinal_tango_p([-one for one in differences], -mean) == pytest.approx(1 - p, abs=1e-6)


def test_ordinal_tango_equals_tango_on_whole_passes():
    """200 random tables, some of them sparse, give the same p and the same bounds."""
    rng = random.Random(20_261_130)
    for _ in range(200):
        n = rng.randint(1, 400)
        b, c = (rng.choice((0, rng.randint(0, most))) for most in (n // 2, n // 2))
        differences, bound = [1] * b + [-1] * c + [0] * (n - b - c), rng.uniform(-0.9, 0.9)
        assert ordinal_tango_p(differences, bound) == pytest.approx(tango_p(b, c, n, bound), abs=1e-6)
        assert ordinal_tango(differences) == pytest.approx(tango(b, c, n), abs=1e-6)


def score_by_likelihood(differences, mean):
    """Return the score for the likeliest distribution on the observed values and the far end, by an optimiser."""
    end = -1.0 if np.mean(differences) > mean else 1.0
    values = np.array([*differences, end])

    def unlikely(weights):
        return -np.sum(np.log(np.maximum(weights[:-1], 1e-12)))

    start = np.full(len(values), 1 / len(values))
    rules = [
        {"type": "eq", "fun": lambda weights: np.sum(weights) - 1},
        {"type": "eq", "fun": lambda weights: weights @ values - mean},
    ]
    found = minimize(
        unlikely, start, bounds=[(0, 1)] * len(values), constraints=rules, options={"maxiter": 500, "ftol": 1e-13}
    )
    variance = found.x @ (values - mean) ** 2
    return (np.mean(differences) - mean) / math.sqrt(variance / len(differences))


def test_ordinal_tango_p_agrees_with_a_general_optimiser():
    """With values between the ends, with and without a case at the end, above and below the hypothesis."""
    rng = random.Random(5)
    for turn in range(12):
        differences = [rng.choice([-0.5, -0.2, 0.0, 0.3, 0.5, 1 / 3]) for _ in range(10)]
        if turn % 3 == 0:
            differences[0] = -1.0
        mean = rng.uniform(-0.4, 0.4)
        expected = scipy.stats.norm.sf(score_by_likelihood(differences, mean))
        assert ordinal_tango_p(differences, mean) == pytest.approx(expected, abs=2e-4)


@given(SAMPLES, st.sampled_from([0.5, 0.9, 0.999]))
@example([-1.0], 0.9)
@example([1.0] * 30, 0.9)
@example([-0.05] * 60, 0.9)
@example([0.1 + 0.2, 0.3], 0.9)
def test_ordinal_tango_contains_the_estimate_and_is_mirrored(differences, confidence):
    """No bound leaves -1..1, exchanging the arms mirrors the interval, and p agrees with each bound."""
    estimate, low, high = ordinal_tango(differences, confidence)
    assert -1 <= low <= estimate + 1e-12
    assert estimate <= high + 1e-12
    assert high <= 1
    back = ordinal_tango([-difference for difference in differences], confidence)
    assert back == pytest.approx((-estimate, -high, -low), abs=1e-9)
    for bound, p in ((low, (1 - confidence) / 2), (high, (1 + confidence) / 2)):
        if -1 < bound < 1 and abs(bound - estimate) > 1e-6:
            assert ordinal_tango_p(differences, bound) == pytest.approx(p, abs=1e-6)


@given(SAMPLES, st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
def test_ordinal_tango_p_rises_with_the_bound(differences, one, other):
    """A higher bound has weaker evidence."""
    low, high = sorted((one, other))
    assert 0 <= ordinal_tango_p(differences, low) <= ordinal_tango_p(differences, high) + 1e-9 <= 1 + 1e-9


def test_ordinal_tango_p_at_the_bound_is_one_half():
    """Values that all equal the bound give one half, also where their mean was rounded; so do no values."""
    assert ordinal_tango_p([-0.05] * 60, -0.05) == 0.5
    assert ordinal_tango_p([0.1 + 0.2 - 0.35] * 7, -0.05) == 0.5
    assert ordinal_tango_p([], 0.3) == 0.5
    assert math.isnan(ordinal_tango([]).estimate)
    assert ordinal_tango([])[1:] == (-1, 1)


def test_ordinal_tango_of_equal_losses_has_a_spread():
    """Sixty equal small losses have no spread of their own, so the bound is that of sixty cases."""
    alike = ordinal_tango([-0.01] * 60)
    assert alike.low == pytest.approx(ordinal_tango([0.0] * 60).low - 0.01, abs=0.003)


def test_ordinal_tango_keeps_its_error_rate():
    """At the margin, with half and whole losses, over every outcome of 80 cases: at most 6%."""
    for halves in (0.0, 0.03, 0.06, 0.1):
        wholes, n, size = 0.05 - halves / 2, 80, 0.0
        law = scipy.stats.multinomial(n, [wholes, halves, 1 - wholes - halves])
        for whole in range(8):
            for half in range(16):
                if ordinal_tango_p([-1.0] * whole + [-0.5] * half + [0.0] * (n - whole - half), -0.05) < 0.05:
                    size += law.pmf([whole, half, n - whole - half])
        assert size <= 0.06


@pytest.mark.parametrize("differences", [[1.1], [0, -2], [math.nan], [math.inf]])
def test_ordinal_tango_refuses_differences_beyond_one(differences):
    """Percent are refused; a rounding error above 1 is accepted."""
    with pytest.raises(ValueError, match=r"between -1 and 1|finite"):
        ordinal_tango(differences)
    assert ordinal_tango([1.0000000000000002]).estimate == 1


@pytest.mark.parametrize("bound", [-1, 1, math.nan])
def test_ordinal_tango_p_refuses_an_impossible_bound(bound):
    """As `tango_p` does."""
    with pytest.raises(ValueError, match="between -1 and 1"):
        ordinal_tango_p([0.5], bound)
