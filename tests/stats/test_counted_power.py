"""The power to show a margin with a number of cases: the table of the docs, and sums over all outcomes by scipy."""

from pathlib import Path

import pytest
import scipy.stats

from pytest_graysplit.stats import binomial_budget_p, power, tango

DOCS = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
# Per number of cases: the power in percent if 5, 10, 20 and 30% of cases differ, enumerated independently.
TABLE = {40: (26, 22, 16, 14), 100: (58, 44, 29, 23), 200: (88, 70, 47, 36), 400: (99, 93, 72, 57)}


@pytest.mark.parametrize(("n", "percents"), TABLE.items())
def test_power_meets_the_table(n, percents):
    """Within one point; the docs show the same numbers."""
    found = [100 * power(n, share, 0.05) for share in (0.05, 0.10, 0.20, 0.30)]
    assert found == pytest.approx(percents, abs=1)
    assert f"| {n} | {' | '.join(f'{percent}%' for percent in percents)} |" in DOCS.read_text(encoding="utf-8")


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
