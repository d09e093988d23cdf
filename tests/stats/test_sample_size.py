"""Sample sizes and power, compared with formulas, the bounds, simulations, the docs, and scipy's sums over outcomes."""

import math
import random
from pathlib import Path

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import binomial_budget_p, certifiable_n, needed_n, power, tango, tango_p

DOCS = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
# Per number of cases: the power in percent if 5, 10, 20 and 30% of cases differ, enumerated independently.
TABLE = {40: (26, 22, 16, 14), 100: (58, 44, 29, 23), 200: (88, 70, 47, 36), 400: (99, 93, 72, 57)}


@pytest.mark.parametrize(
    ("variance", "distance", "n"),
    [(0.1, 0.05, 248), (0.2, 0.05, 495), (0.2, 0.10, 124), (0.0996, 0.07, 126), (0.46, -0.15, 127)],
)
def test_needed_n_is_the_formula(variance, distance, n):
    """(1.645 + 0.842)^2 variance / distance^2, rounded up, by hand; the same on either side of the bound."""
    assert needed_n(variance, distance) == n
    assert needed_n(variance, -distance) == n


def test_needed_n_has_the_power_it_promises():
    """Of 400 simulated comparisons with 248 pairs, about 80% keep the margin."""
    rng, n, kept = random.Random(35), needed_n(0.10, 0.05), 0
    for _ in range(400):
        draws = rng.choices("bc-", weights=(0.05, 0.05, 0.90), k=n)
        kept += tango_p(draws.count("b"), draws.count("c"), n, bound=-0.05) < 0.05
    assert 290 <= kept <= 350


@pytest.mark.parametrize(("variance", "distance"), [(0.5, 0.0), (0.5, -0.1 - 0.2 + 0.3), (math.inf, 0.05)])
def test_needed_n_is_none_at_the_bound_or_without_a_variance(variance, distance):
    """No number of values decides; also when the distance differs from 0 by a rounding error."""
    assert needed_n(variance, distance) is None


def test_needed_n_rises_with_precision():
    """A smaller distance, more power and a smaller alpha each need more values."""
    numbers = [
        needed_n(0.1, 0.10),
        needed_n(0.1, 0.05),
        needed_n(0.1, 0.05, power=0.9),
        needed_n(0.1, 0.05, alpha=0.01, power=0.9),
    ]
    assert numbers == sorted(set(numbers))


def test_needed_n_is_at_least_one():
    """Where nothing varies the formula gives 0 values."""
    assert needed_n(0.0, 0.05) == 1
    assert needed_n(0.2, 0.1, alpha=0.5, power=0.4) == 1


@pytest.mark.parametrize("share", [{"alpha": 0}, {"alpha": 1}, {"power": math.nan}, {"power": 80}])
def test_needed_n_refuses_impossible_error_rates(share):
    """An error rate and a power lie between 0 and 1."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        needed_n(0.1, 0.05, **share)


# --- certifiable_n


@pytest.mark.parametrize(("margin", "n"), [(0.05, 52), (0.10, 25)])
def test_certifiable_n_matches_the_closed_form(margin, n):
    """The closed form of Tango's bound for a one-sided 5%."""
    assert certifiable_n(margin) == n


@given(st.floats(0.001, 0.999), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_certifiable_n_is_where_the_bound_passes_the_margin(margin, confidence):
    """With n agreeing pairs the lower bound is above -margin, with one fewer it is not."""
    n = certifiable_n(margin, confidence)
    assert tango(0, 0, n, confidence).low > -margin - 1e-12
    assert tango(0, 0, n - 1, confidence).low < -margin + 1e-12


@pytest.mark.parametrize("margin", [0, 1, 5, -0.05, math.nan])
def test_certifiable_n_refuses_invalid_margins(margin):
    """No number of pairs certifies a margin of 0."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        certifiable_n(margin)


@pytest.mark.parametrize(("n", "percents"), TABLE.items())
def test_power_meets_the_table(n, percents):
    """Within one point; the docs show the same numbers."""
    found = [100 * power(n, share, 0.05) for share in (0.05, 0.10, 0.20, 0.30)]
    assert found == pytest.approx(percents, abs=1)
    assert f"| {n} | {' | '.join(f'{percent}%' for percent in percents)} |" in DOCS.read_text(encoding="utf-8")


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("n", "discordant", "difference"),
    [(30, 0.3, 0.0), (54, 0.05, -0.05), (55, 0.05, -0.05), (70, 0.2, 0.1), (60, 0, 0)],
)
def test_power_counts_every_outcome(n, discordant, difference):
    """Compared with scipy's trinomial distribution and the interval."""
    better, worse = (discordant + difference) / 2, (discordant - difference) / 2
    law = scipy.stats.multinomial(n, [better, worse, 1 - discordant])
    expected = sum(
        law.pmf([won, lost, n - won - lost])
        for won in range(n + 1)
        for lost in range(n - won + 1)
        if tango(won, lost, n).low > -0.05 and (won or binomial_budget_p(lost, n, 0.05) <= 0.06)
    )
    assert power(n, discordant, 0.05, difference=difference) == pytest.approx(expected, abs=1e-9)


@pytest.mark.no_cover
def test_power_at_the_margin_is_at_most_six_percent():
    """At the margin the power is the error rate of the verdict; tested for many sizes and shares of differing cases."""
    worst = max(power(n, share, 0.05, difference=-0.05) for n in range(30, 420, 3) for share in (0.05, 0.1, 0.2, 0.4))
    assert worst <= 0.06


def test_power_at_its_edges():
    """Without cases it is 0; if no case differs, 55 cases suffice; a hundred thousand cases are quick."""
    assert power(0, 0.1, 0.05) == 0
    assert (power(54, 0, 0.05), power(55, 0, 0.05)) == (0, 1)
    assert power(100_000, 0.1, 0.05) == pytest.approx(1)
    assert power(10, 1, 0.5, difference=-1) == 0
    assert power(10, 1, 0.5, difference=1) == 1


@pytest.mark.parametrize(
    ("n", "discordant", "margin"), [(-1, 0.1, 0.05), (10, 1.1, 0.05), (10, -0.1, 0.05), (10, 0.1, 5)]
)
def test_power_refuses_invalid_arguments(n, discordant, margin):
    """Negative counts, shares beyond one, and margins in percent."""
    with pytest.raises(ValueError, match=r"not negative|lies between"):
        power(n, discordant, margin)
