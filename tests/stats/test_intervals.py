"""Intervals against published figures, against scipy, and against what every interval must keep."""

import math
from fractions import Fraction
from statistics import NormalDist, fmean

import pytest
import scipy.stats
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from pytest_graysplit.stats import Interval, log_ratio, quantile, t_quantile, tango, wilson

CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@st.composite
def proportions(draw, most=5000):
    """(successes, n) with at least one trial."""
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@st.composite
def pairs(draw, most=5000):
    """(only treatment, only control, n) with at least one pair."""
    n = draw(st.integers(1, most))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


# --- wilson


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, as asserted in ratesci (tests/testthat/test3.R).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(x, n, low, high):
    """Every printed digit of the published examples comes out."""
    interval = wilson(x, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.estimate == x / n


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        # statsmodels 0.15, proportion_confint(x, n, 0.05, method="wilson").
        (15, 148, 0.06238639953073628, 0.16048724172330803),
        (0, 20, 0.0, 0.1611251580528194),
        (30, 30, 0.8864866068260311, 1.0),
    ],
)
def test_wilson_gives_what_statsmodels_gives(x, n, low, high):
    """A second implementation agrees to the last digits that floating point keeps."""
    assert wilson(x, n) == pytest.approx((x / n, low, high), abs=1e-14)


@given(proportions(), CONFIDENCES)
def test_wilson_agrees_with_scipy(data, confidence):
    """scipy is the oracle, at every confidence."""
    x, n = data
    oracle = scipy.stats.binomtest(x, n).proportion_ci(confidence, method="wilson")
    assert wilson(x, n, confidence)[1:] == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@pytest.mark.parametrize("x", [0, 1, 17, 50_000, 99_999, 100_000, 10**9 - 1])
def test_wilson_keeps_its_digits_for_large_counts(x):
    """Bounds next to 0 and 1 of huge samples are as exact as exact fractions make them."""
    n = max(100_000, x + 1) if x > 100_000 else 100_000
    z2 = Fraction(NormalDist().inv_cdf(0.975)) ** 2
    # The bounds are the roots of (share - p)^2 = z^2 p (1 - p) / n.
    share, interval = Fraction(x, n), wilson(x, n)
    for bound in interval[1:]:
        p = Fraction(bound)
        if 0 < p < 1:
            assert float((share - p) ** 2 / (z2 * p * (1 - p) / n)) == pytest.approx(1, abs=1e-4)


@given(proportions(10**7), CONFIDENCES)
def test_wilson_contains_the_share_and_stays_a_proportion(data, confidence):
    """No bound leaves 0..1, and the observed share is inside."""
    estimate, low, high = wilson(*data, confidence)
    assert 0 <= low <= estimate <= high <= 1


@given(proportions())
def test_wilson_is_mirrored_when_passes_and_failures_change_places(data):
    """Counting failures instead of passes gives the same evidence."""
    x, n = data
    passes, failures = wilson(x, n), wilson(n - x, n)
    assert passes == pytest.approx((1 - failures.estimate, 1 - failures.high, 1 - failures.low), abs=1e-12)


@given(proportions())
def test_wilson_rises_with_every_pass(data):
    """One more pass moves both bounds up; more confidence moves them apart."""
    x, n = data
    assume(x < n)
    fewer, more, wider = wilson(x, n), wilson(x + 1, n), wilson(x, n, 0.99)
    assert fewer.low < more.low
    assert fewer.high < more.high
    assert wider.low <= fewer.low
    assert fewer.high <= wider.high


def test_wilson_of_nothing_knows_nothing():
    """Without a case the rate may be anything, and there is no estimate."""
    estimate, low, high = wilson(0, 0)
    assert math.isnan(estimate)
    assert (low, high) == (0, 1)


def test_wilson_of_all_and_none_ends_exactly_at_the_end():
    """None of n begins at 0 and all of n ends at 1, without a rounding error."""
    assert all(wilson(0, n).low == 0 and wilson(n, n).high == 1 for n in range(1, 400))


# --- tango


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
    """Every printed digit of the published examples comes out (most of them as asserted in ratesci, test3.R)."""
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
    """Bounds are good to twelve digits, far beyond what is printed."""
    assert tango(b, c, n, confidence)[1:] == pytest.approx((low, high), abs=1e-12)


def score_by_likelihood(b, c, n, difference):
    """Tango's statistic without his formula: the nuisance parameter is found by maximising the likelihood."""

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
def test_tango_agrees_with_the_likelihood_it_is_derived_from(b, c, n):
    """Where a numerical maximiser puts the score at +-z, there the bounds are."""
    z = NormalDist().inv_cdf(0.95)
    estimate, low, high = tango(b, c, n)
    edge = 1e-9
    by_hand = (
        brentq(lambda d: score_by_likelihood(b, c, n, d) - z, -1 + edge, estimate),
        brentq(lambda d: score_by_likelihood(b, c, n, d) + z, estimate, 1 - edge),
    )
    assert (low, high) == pytest.approx(by_hand, abs=1e-6)


@given(st.integers(1, 10**6), CONFIDENCES)
def test_without_a_discordant_pair_the_bounds_have_a_closed_form(n, confidence):
    """L = -z^2 / (n + z^2) and U = -L: what n cases that agree can say at most."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    bound = z * z / (n + z * z)
    assert tango(0, 0, n, confidence) == pytest.approx((0.0, -bound, bound), abs=1e-12)


@pytest.mark.parametrize(("margin", "n"), [(0.05, 52), (0.10, 25)])
def test_so_many_agreeing_cases_are_needed_at_least(margin, n):
    """Below 52 cases nothing certifies a margin of 5 points, below 25 none of 10."""
    assert tango(0, 0, n).low > -margin
    assert tango(0, 0, n - 1).low < -margin


def size_and_power(n, margin):
    """(worst size at the boundary over shares of discordant pairs, power at 0 for shares .02, .1 and .2)."""
    promoted = [(b, c) for b in range(n + 1) for c in range(n + 1 - b) if tango(b, c, n).low > -margin]

    def probability(difference, discordant):
        more, less = (discordant + difference) / 2, (discordant - difference) / 2
        pmf = scipy.stats.multinomial(n, [more, less, 1 - discordant]).pmf
        return float(pmf([(b, c, n - b - c) for b, c in promoted]).sum())

    steps = [margin + (1 - margin) * step / 200 for step in range(1, 200)]
    return max(probability(-margin, psi) for psi in steps), [probability(0.0, psi) for psi in (0.02, 0.1, 0.2)]


@pytest.mark.parametrize(
    ("n", "margin", "power"),
    [
        # Full enumeration of the trinomial, at a nominal one-sided 5%.
        (20, 0.05, [0.014, 0.108, 0.126]),
        (20, 0.10, [0.150, 0.266, 0.218]),
        (30, 0.05, [0.027, 0.124, 0.119]),
        (50, 0.10, [0.940, 0.635, 0.437]),
    ],
)
def test_tango_errs_as_often_as_it_says(n, margin, power):
    """A treatment that is worse by the whole margin is certified about once in twenty, counted exactly."""
    worst, powers = size_and_power(n, margin)
    assert worst < 0.058
    assert powers == pytest.approx(power, abs=0.0006)


@given(pairs(), CONFIDENCES)
@example((1, 0, 1), 0.9)
@example((0, 1, 1), 0.9)
@example((50_000, 50_000, 100_000), 0.9)
def test_tango_contains_the_estimate_and_stays_a_difference(data, confidence):
    """No bound leaves -1..1, and the observed difference is inside."""
    estimate, low, high = tango(*data, confidence)
    assert -1 <= low <= estimate <= high <= 1


@given(pairs(), CONFIDENCES)
def test_tango_is_mirrored_when_the_arms_change_places(data, confidence):
    """Which model is called the control changes signs, and nothing else."""
    b, c, n = data
    forth, back = tango(b, c, n, confidence), tango(c, b, n, confidence)
    assert forth == pytest.approx((-back.estimate, -back.high, -back.low), abs=1e-9)


@given(pairs(most=600))
def test_tango_rises_when_a_pair_turns_to_the_treatment(data):
    """One more pass of the treatment alone never lowers a bound, one of the control alone never raises it."""
    b, c, n = data
    assume(b + c < n)
    here, better, worse = tango(b, c, n), tango(b + 1, c, n), tango(b, c + 1, n)
    assert worse.low <= here.low <= better.low
    assert worse.high <= here.high <= better.high


@given(pairs())
def test_tango_widens_with_confidence(data):
    """Who wants to be surer gets wider bounds."""
    narrow, wide = tango(*data, 0.90), tango(*data, 0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@pytest.mark.parametrize(
    ("b", "c", "n"),
    [(1, 0, 100_000), (0, 1, 100_000), (3, 5, 100_000), (49_999, 50_001, 100_000), (99_999, 1, 100_000),
     (100_000, 0, 100_000), (0, 100_000, 100_000), (99_999, 0, 100_000), (1, 1, 10**9)],
)  # fmt: skip
def test_tango_solves_its_equation_for_large_counts(b, c, n):
    """In exact fractions the score at each bound is +-z: nothing is lost by subtracting almost equal numbers."""
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


def test_tango_of_nothing_knows_nothing():
    """Without a pair the difference may be anything, and there is no estimate."""
    estimate, low, high = tango(0, 0, 0)
    assert math.isnan(estimate)
    assert (low, high) == (-1, 1)


def test_tango_of_one_pair_knows_little():
    """One pair that one side alone passed does not tell which side is better."""
    z2 = NormalDist().inv_cdf(0.95) ** 2
    estimate, low, high = tango(1, 0, 1)
    assert (estimate, high) == (1, 1)
    assert low == pytest.approx((1 - z2) / (1 + z2))
    assert low < 0


def test_tango_of_one_sided_pairs_ends_at_the_end():
    """Where the treatment alone passed everything, the difference may be 1, and the other way round -1."""
    assert tango(30, 0, 30).high == 1
    assert tango(0, 30, 30).low == -1


# --- log_ratio


def test_the_log_ratio_is_the_t_interval_on_the_logarithms():
    """scipy's paired t interval on the logarithms, turned back, is the interval of the ratio."""
    treatment, control = [0.9, 1.1, 0.7, 1.4, 0.8], [1.2, 1.0, 1.1, 1.3, 1.5]
    logs = [math.log(t / c) for t, c in zip(treatment, control, strict=True)]
    oracle = scipy.stats.ttest_1samp(logs, 0).confidence_interval(0.90)
    expected = (math.exp(fmean(logs)), math.exp(oracle.low), math.exp(oracle.high))
    assert log_ratio(treatment, control) == pytest.approx(expected, rel=1e-10)


SECONDS = st.floats(1e-3, 1e3)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=2, max_size=40))
def test_the_log_ratio_is_turned_over_when_the_arms_change_places(values):
    """Twice as slow in one direction is half as slow in the other, bounds included."""
    treatment, control = zip(*values, strict=True)
    forth, back = log_ratio(treatment, control), log_ratio(control, treatment)
    assert forth.low <= forth.estimate <= forth.high
    if back.low > 0 and forth.low > 0 and max(back.high, forth.high) < math.inf:
        assert forth == pytest.approx((1 / back.estimate, 1 / back.high, 1 / back.low), rel=1e-9)


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_equal_latencies_have_the_ratio_one(values):
    """A model that takes as long as itself is exactly as fast."""
    assert log_ratio(values, values).estimate == 1


def test_one_pair_has_a_ratio_and_no_bounds():
    """One pair gives an estimate; what bounds it would have nobody can tell."""
    assert log_ratio([2.0], [1.0]) == Interval(2.0, 0.0, math.inf)


@pytest.mark.parametrize(("treatment", "control"), [([], []), ([0.0], [1.0]), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_without_a_pair_there_is_no_ratio(treatment, control):
    """No data is None, and a time that is not positive is no time."""
    assert log_ratio(treatment, control) is None


def test_pairs_without_a_time_are_left_out_together():
    """A zero on one side takes its partner along, so that pairs stay pairs."""
    assert log_ratio([2.0, 0.0, 2.0], [1.0, 5.0, 1.0]) == pytest.approx((2.0, 2.0, 2.0))


def test_sides_of_different_lengths_are_an_error():
    """Pairs are made by the caller; a missing partner is not paired with somebody else's."""
    with pytest.raises(ValueError, match="shorter"):
        log_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("treatment", "control"),
    [([1e-300, 1e300], [1e300, 1e-300]), ([1e-320, 1.0], [1e300, 1.0]), ([5e-324, 1.0, 2.0], [1e308, 1.0, 1.0])],
)
def test_the_log_ratio_survives_the_smallest_and_largest_numbers(treatment, control):
    """Times that no relay has end in an interval from 0 to infinity, not in an overflow."""
    estimate, low, high = log_ratio(treatment, control)
    assert 0 <= low <= estimate <= high


# --- quantile


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0, 1))
def test_the_quantile_is_that_of_numpy(values, q):
    """numpy's default, linear interpolation (type 7), is the oracle."""
    oracle = float(scipy.stats.scoreatpercentile(values, 100 * q))
    assert quantile(values, q) == pytest.approx(oracle, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30), st.floats(0, 1))
def test_the_quantile_lies_within_the_values(values, q):
    """No rounding puts it below the smallest or above the largest value."""
    assert min(values) <= quantile(values, q) <= max(values)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_quantile_is_never_smaller(values, one, other):
    """p95 is never printed below p50."""
    assert quantile(values, min(one, other)) <= quantile(values, max(one, other))


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([], 0.5, None),
        ([3.0], 0.95, 3.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([3.0, 1.0, 2.0], 0.0, 1.0),
        ([3.0, 1.0, 2.0], 1.0, 3.0),
        (list(range(1, 101)), 0.5, 50.5),
        (list(range(1, 101)), 0.95, 95.05),
        (list(range(1, 101)), 0.99, 99.01),
    ],
)
def test_quantiles_by_hand(values, q, expected):
    """None without values, the value itself when alone, and Hyndman and Fan's type 7 (1996) otherwise."""
    assert quantile(values, q) == (None if expected is None else pytest.approx(expected))


# --- t_quantile


@given(st.floats(0.6, 0.9999), st.integers(1, 100_000))
@example(0.5, 1)
@example(0.95, 1)
@example(0.975, 100_000)
def test_the_t_quantile_is_that_of_scipy(p, df):
    """scipy is the oracle from one degree of freedom to a hundred thousand."""
    assert t_quantile(p, df) == pytest.approx(scipy.stats.t.ppf(p, df), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(
    ("p", "df", "printed"),
    [
        (0.95, 1, 6.314),
        (0.975, 1, 12.706),
        (0.95, 5, 2.015),
        (0.975, 10, 2.228),
        (0.95, 30, 1.697),
        (0.975, 120, 1.980),
    ],
)
def test_the_t_quantile_is_that_of_the_printed_tables(p, df, printed):
    """The table in the back of every textbook (Fisher and Yates)."""
    assert round(t_quantile(p, df), 3) == printed
