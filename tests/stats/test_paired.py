"""Passes and failures of two models on the same cases, compared with published figures and independent derivations."""

import math
import random
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaln, xlogy
from statsmodels.stats.contingency_tables import mcnemar

from pytest_graysplit.stats import mcnemar_midp, tango, tango_p
from pytest_graysplit.stats.paired import mcnemar_exact

CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@st.composite
def pairs(draw, most=5000):
    """Build (only treatment, only control, n) with at least one pair."""
    n = draw(st.integers(1, most))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


@pytest.mark.parametrize(
    ("b", "c", "n", "confidence", "low", "high"),
    [
        pytest.param(9, 3, 32, 0.95, -0.027, 0.390, id="Tango 1998, Statistics in Medicine 17:891, table VII"),
        pytest.param(0, 1, 44, 0.90, -0.096, 0.037, id="Tango 1998, table V, a 90% interval"),
        pytest.param(1, 7, 21, 0.95, -0.517, -0.026, id="Fagerland, Lydersen and Laake 2014, data of Bentur 2009"),
        pytest.param(3, 1, 14, 0.95, -0.167, 0.4327, id="Tang 2010"),
        pytest.param(25, 2, 102, 0.95, 0.139, 0.321, id="Chang 2024, data of Ezra 2010"),
        pytest.param(16, 8, 86, 0.95, -0.020, 0.207, id="Agresti and Min 2005"),
        pytest.param(28, 25, 618, 0.90, -0.0148, 0.0247, id="PropCIs, scoreci.mp(25, 28, 618), a 90% interval"),
    ],
)
def test_tango_gives_the_published_intervals(b, c, n, *, confidence, low, high):
    """Every printed digit of the published examples (most of them as asserted in ratesci, test3.R)."""
    interval = tango(b, c, n, confidence)
    assert interval.estimate == (b - c) / n
    assert interval[1:] == pytest.approx((low, high), abs=0.00051 if low == round(low, 3) else 0.000051)


@pytest.mark.parametrize(
    ("b", "c", "n", "confidence", "low", "high"),
    [
        # The same tables, and those of Newcombe 1998, to double precision, from an independent bisection.
        (12, 2, 50, 0.95, 0.06111240618634393, 0.34470874828214343),
        (1, 7, 21, 0.95, -0.5172322764212652, -0.02600303248094919),
        (9, 3, 32, 0.95, -0.027090464503978912, 0.38969748713875546),
        (0, 1, 44, 0.90, -0.09566242639917275, 0.03651693841806408),
        (3, 1, 14, 0.95, -0.16697451229843133, 0.43266385169796184),
        (25, 2, 102, 0.95, 0.13918254632705232, 0.32132975059187124),
        (0, 0, 25, 0.90, -0.09765350600619573, 0.09765350600619571),
        (0, 0, 52, 0.90, -0.04945647704550585, 0.04945647704550586),
    ],
)
def test_tango_keeps_its_digits(b, c, n, *, confidence, low, high):
    """The bounds are exact to twelve digits, far beyond the printed ones."""
    assert tango(b, c, n, confidence)[1:] == pytest.approx((low, high), abs=1e-12)


def score_by_likelihood(b, c, n, difference):
    """Return Tango's statistic without his formula: maximise the likelihood over the nuisance parameter."""

    def minus_log_likelihood(only_control):
        rest = 1 - 2 * only_control - difference
        terms = ((b, only_control + difference), (c, only_control), (n - b - c, rest))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in terms if count)

    ends = (max(0.0, -difference), (1 - difference) / 2)
    only_control = minimize_scalar(minus_log_likelihood, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
    variance = n * (2 * only_control + difference - difference**2)
    return (b - c - n * difference) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("b", "c", "n"), [(1, 7, 21), (9, 3, 32), (16, 8, 86), (2, 5, 120), (5, 2, 120), (40, 40, 200), (1, 2, 5)]
)
def test_tango_matches_the_likelihood_score(b, c, n):
    """The bounds are where a numerical maximiser finds a score of +-z."""
    z = NormalDist().inv_cdf(0.95)
    estimate, low, high = tango(b, c, n)
    edge = 1e-9
    by_hand = (
        brentq(lambda d: score_by_likelihood(b, c, n, d) - z, -1 + edge, estimate),
        brentq(lambda d: score_by_likelihood(b, c, n, d) + z, estimate, 1 - edge),
    )
    assert (low, high) == pytest.approx(by_hand, abs=1e-6)


@given(st.integers(1, 10**6), CONFIDENCES)
def test_tango_without_discordant_pairs_has_a_closed_form(n, confidence):
    """L = -z^2 / (n + z^2) and U = -L, the narrowest interval of n cases."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    bound = z * z / (n + z * z)
    assert tango(0, 0, n, confidence) == pytest.approx((0.0, -bound, bound), abs=1e-12)


@pytest.mark.parametrize(("margin", "n"), [(0.05, 52), (0.10, 25)])
def test_tango_needs_a_minimum_of_agreeing_cases(margin, n):
    """Fewer than 52 cases cannot certify a margin of 5 points, fewer than 25 not one of 10."""
    assert tango(0, 0, n).low > -margin
    assert tango(0, 0, n - 1).low < -margin


def size_and_power(n, margin):
    """Return the largest size for shares of discordant pairs to .6, and the power at 0 for .02, .1 and .2."""
    counts = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    b, c = np.array([(b, c) for b, c in counts if tango_p(b, c, n, bound=-margin) < 0.05]).T
    log_ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(n - b - c + 1)

    def promoted(difference, discordant):
        more, less = (discordant + difference) / 2, (discordant - difference) / 2
        return np.exp(log_ways + xlogy(b, more) + xlogy(c, less) + xlogy(n - b - c, 1 - discordant)).sum()

    sizes = [promoted(-margin, discordant) for discordant in np.linspace(margin, 0.6, 101)]
    return max(sizes), [promoted(0.0, discordant) for discordant in (0.02, 0.1, 0.2)]


@pytest.mark.parametrize(
    ("n", "margin", "size", "power"),
    [
        # Full enumeration of the trinomial, at a nominal one-sided 5%.
        (20, 0.05, 0.0554, [0.014, 0.108, 0.126]),
        (20, 0.10, 0.0486, [0.150, 0.266, 0.218]),
        (30, 0.05, 0.0533, [0.027, 0.124, 0.119]),
        (30, 0.10, 0.0505, [0.747, 0.385, 0.293]),
        (50, 0.05, 0.0522, [0.245, 0.241, 0.188]),
        (50, 0.10, 0.0517, [0.940, 0.635, 0.437]),
        (100, 0.05, 0.0507, [0.789, 0.436, 0.289]),
        (100, 0.10, 0.0576, [1.000, 0.902, 0.707]),
        (200, 0.05, 0.0511, [0.986, 0.695, 0.469]),
        (200, 0.10, 0.0566, [1.000, 0.995, 0.927]),
    ],
)
def test_tango_keeps_its_error_rate(n, margin, size, power):
    """A treatment that is worse by the whole margin is certified about once in twenty, counted exactly."""
    worst, powers = size_and_power(n, margin)
    assert worst == pytest.approx(size, abs=0.0001)
    assert powers == pytest.approx(power, abs=0.00051)


@given(pairs(), CONFIDENCES)
@example((1, 0, 1), 0.9)
@example((0, 1, 1), 0.9)
@example((50_000, 50_000, 100_000), 0.9)
def test_tango_contains_the_estimate_and_stays_within_bounds(data, confidence):
    """No bound leaves -1..1, and the observed difference is inside."""
    estimate, low, high = tango(*data, confidence)
    assert -1 <= low <= estimate <= high <= 1


@given(pairs(), CONFIDENCES)
def test_tango_is_mirrored_when_the_arms_are_exchanged(data, confidence):
    """Only the signs change."""
    b, c, n = data
    forth, back = tango(b, c, n, confidence), tango(c, b, n, confidence)
    assert forth == pytest.approx((-back.estimate, -back.high, -back.low), abs=1e-9)


@given(pairs(most=600))
def test_tango_rises_with_passes_of_the_treatment(data):
    """One more pass of the treatment alone never lowers a bound, and one of the control alone never raises one."""
    b, c, n = data
    assume(b + c < n)
    here, better, worse = tango(b, c, n), tango(b + 1, c, n), tango(b, c + 1, n)
    assert worse.low <= here.low <= better.low
    assert worse.high <= here.high <= better.high


@given(pairs())
def test_tango_widens_with_confidence(data):
    """A higher confidence gives wider bounds."""
    narrow, wide = tango(*data, 0.90), tango(*data, 0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@pytest.mark.parametrize(
    ("b", "c", "n"),
    [(1, 0, 100_000), (0, 1, 100_000), (3, 5, 100_000), (49_999, 50_001, 100_000), (99_999, 1, 100_000),
     (100_000, 0, 100_000), (0, 100_000, 100_000), (99_999, 0, 100_000), (1, 1, 10**9)],
)  # fmt: skip
def test_tango_solves_its_equation_for_large_counts(b, c, n):
    """In exact fractions the score at each bound is +-z: no digits are lost by subtracting almost equal numbers."""
    z2 = NormalDist().inv_cdf(0.95) ** 2
    for bound in tango(b, c, n)[1:]:
        if abs(bound) == 1:
            continue
        d = Fraction(bound)
        linear = -b - c + (2 * n - b + c) * d
        under = linear**2 + 8 * n * c * d * (1 - d)
        root = Fraction(math.isqrt(int(under * 10**80)), 10**40)
        variance = n * (2 * (root - linear) / (4 * n) + d * (1 - d))
        assert float((b - c - n * d) ** 2 / variance) == pytest.approx(z2, rel=1e-6)


def test_tango_without_pairs_has_no_estimate():
    """The interval is -1 to 1."""
    estimate, low, high = tango(0, 0, 0)
    assert math.isnan(estimate)
    assert (low, high) == (-1, 1)


def test_tango_of_one_pair_includes_zero():
    """One pair that only one model passed does not show which is better."""
    z2 = NormalDist().inv_cdf(0.95) ** 2
    estimate, low, high = tango(1, 0, 1)
    assert (estimate, high) == (1, 1)
    assert low == pytest.approx((1 - z2) / (1 + z2))
    assert low < 0


def test_tango_of_one_sided_pairs_reaches_the_end():
    """Where the treatment alone passed everything the upper bound is 1, and in the mirror case the lower one -1."""
    assert tango(30, 0, 30).high == 1
    assert tango(0, 30, 30).low == -1


# --- tango_p


def test_tango_p_agrees_with_the_bounds():
    """Over random counts, scipy's root of p = 5% is the lower bound, and of 95% the upper one."""
    rng = random.Random(22)
    for _ in range(40):
        n = rng.randint(5, 500)
        b = rng.randint(0, n // 3)
        c = rng.randint(0, n // 3)
        _, low, high = tango(b, c, n, 0.90)
        roots = [
            brentq(lambda d, b=b, c=c, n=n, p=p: tango_p(b, c, n, d) - p, -1 + 1e-12, 1 - 1e-12, xtol=1e-13)
            for p in (0.05, 0.95)
        ]
        assert (low, high) == pytest.approx(roots, abs=1e-9)


def test_tango_p_matches_the_likelihood_score():
    """The score from a numerical maximiser has the same normal tail."""
    rng = random.Random(23)
    for _ in range(25):
        n = rng.randint(20, 300)
        b, c = rng.randint(1, n // 4), rng.randint(1, n // 4)
        bound = rng.uniform(-0.3, 0.3)
        expected = scipy.stats.norm.sf(score_by_likelihood(b, c, n, bound))
        assert tango_p(b, c, n, bound) == pytest.approx(expected, rel=1e-4, abs=1e-9)


@given(pairs(), st.floats(-1, 1, exclude_min=True, exclude_max=True))
@example((0, 0, 5), 0.0)
@example((0, 0, 10**6), -5e-324)
@example((10**6, 0, 10**6), 0.9999999999999999)
@example((0, 10**6, 10**6), -0.9999999999999999)
@example((1, 0, 1), 0.0)
def test_tango_p_is_a_probability_for_every_count(data, bound):
    """It stays within 0..1 and never raises; exchanging the arms exchanges the sides."""
    b, c, n = data
    p = tango_p(b, c, n, bound)
    assert 0 <= p <= 1
    assert tango_p(c, b, n, -bound) == pytest.approx(1 - p, abs=1e-9)


@given(pairs(most=400), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_tango_p_rises_with_the_bound(data, one, other):
    """A higher bound has weaker evidence."""
    low, high = sorted((one, other))
    assert tango_p(*data, low) <= tango_p(*data, high) + 1e-12


@pytest.mark.parametrize(
    ("b", "c", "n", "bound", "p"),
    [
        pytest.param(0, 0, 0, -0.05, 0.5, id="no pair is evidence for neither side"),
        pytest.param(0, 0, 100, 0.0, 0.5, id="no discordant pair is no evidence of any difference"),
        pytest.param(7, 7, 100, 0.0, 0.5, id="as many one way as the other"),
    ],
)
def test_tango_p_without_evidence_is_one_half(b, c, n, bound, p):
    """One minus it, the p of harm, is one half too."""
    assert tango_p(b, c, n, bound) == p


def test_tango_p_keeps_small_tails():
    """Overwhelming evidence gives a small number and not 0."""
    assert 0 < tango_p(400, 0, 1000, -0.05) < 1e-80


@pytest.mark.parametrize(("b", "c", "n"), [(6, 5, 10), (-1, 0, 10), (0, math.nan, 10), (0, 0, -1)])
def test_tango_refuses_more_discordant_pairs_than_pairs(b, c, n):
    """More discordant pairs than pairs are a mistake of the caller."""
    for call in (tango, lambda *counts: tango_p(*counts, -0.05)):
        with pytest.raises(ValueError, match="together at most n"):
            call(b, c, n)


@pytest.mark.parametrize("bound", [-1, 1, 5, math.nan])
def test_tango_p_refuses_invalid_bounds(bound):
    """For example a margin in percent; the message says what is valid."""
    with pytest.raises(ValueError, match="between -1 and 1"):
        tango_p(1, 1, 10, bound)


# --- mcnemar


def test_mcnemar_gives_the_published_values():
    """Cavo and others 2012, as asserted in contingencytables, test-ch8.R: 6 and 16 discordant pairs."""
    assert round(mcnemar_exact(6, 16), 6) == 0.052479
    assert round(mcnemar_midp(6, 16), 5) == 0.03469


def test_mcnemar_exact_matches_statsmodels():
    """Over random counts of discordant pairs."""
    rng = random.Random(24)
    for _ in range(60):
        b, c = rng.randint(0, 60), rng.randint(0, 60)
        assert mcnemar_exact(b, c) == pytest.approx(mcnemar([[5, b], [c, 5]], exact=True).pvalue, rel=1e-9)


@pytest.mark.parametrize("largest", [3, 40, 10**6])
def test_mcnemar_midp_matches_its_definition(largest):
    """The probability of more extreme outcomes in either direction, plus half of equally extreme ones, by scipy."""
    rng = random.Random(25)
    for _ in range(20):
        b = rng.randint(1, largest)
        c = rng.choice([b, rng.randint(max(0, b - 900), b)])
        null = scipy.stats.binom(b + c, 0.5)
        as_extreme = null.pmf(c) if b == c else 2 * null.pmf(c)
        more_extreme = 2 * null.cdf(c - 1)
        assert mcnemar_midp(b, c) == pytest.approx(more_extreme + as_extreme / 2, rel=1e-7, abs=1e-12)


@given(st.integers(0, 3000), st.integers(0, 3000))
@example(0, 0)
@example(0, 1)
@example(368, 2230)  # both terms of the mid-p are below the smallest normal number
def test_mcnemar_is_symmetric(b, c):
    """Both p are symmetric probabilities, and the mid-p is never the larger one."""
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)
    assert 0 <= mcnemar_midp(b, c) <= mcnemar_exact(b, c) <= 1


def test_mcnemar_without_discordant_pairs_is_one():
    """Two models that never disagree give no evidence of a difference."""
    assert (mcnemar_exact(0, 0), mcnemar_midp(0, 0)) == (1, 1)


@pytest.mark.parametrize("test", [mcnemar_exact, mcnemar_midp])
def test_mcnemar_refuses_negative_counts(test):
    """A negative count is a mistake of the caller."""
    with pytest.raises(ValueError, match="not negative"):
        test(-1, 3)
