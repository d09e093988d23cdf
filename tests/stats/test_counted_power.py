"""How often a number of cases shows the margin: the table of the docs, and every outcome counted by hand."""

from pathlib import Path

import pytest
import scipy.stats

from pytest_graysplit.stats import binomial_budget_p, power, tango

DOCS = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
# Per cases: percent where 5, 10, 20 and 30% of cases differ, as the design states it from enumerations of its own.
TABLE = {40: (26, 22, 16, 14), 100: (58, 44, 29, 23), 200: (88, 70, 47, 36), 400: (99, 93, 72, 57)}


@pytest.mark.parametrize(("n", "percents"), TABLE.items())
def test_power_meets_the_table(n, percents):
    """Within a point, and the docs show just these numbers."""
    found = [100 * power(n, share, 0.05) for share in (0.05, 0.10, 0.20, 0.30)]
    assert found == pytest.approx(percents, abs=1)
    assert f"| {n} | {' | '.join(f'{percent}%' for percent in percents)} |" in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("n", "discordant", "difference"),
    [(30, 0.3, 0.0), (54, 0.05, -0.05), (55, 0.05, -0.05), (70, 0.2, 0.1), (60, 0, 0)],
)
def test_power_counts_every_outcome(n, discordant, difference):
    """By scipy's trinomial distribution and the interval itself."""
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
    """It is how often the verdict errs: for every size of suite in steps, and shares of cases that differ."""
    worst = max(power(n, share, 0.05, difference=-0.05) for n in range(30, 420, 3) for share in (0.05, 0.1, 0.2, 0.4))
    assert worst <= 0.06


def test_power_at_its_edges():
    """Without a case nothing is shown; where no case differs, 55 are enough; a hundred thousand are quick."""
    assert power(0, 0.1, 0.05) == 0
    assert (power(54, 0, 0.05), power(55, 0, 0.05)) == (0, 1)
    assert power(100_000, 0.1, 0.05) == pytest.approx(1)
    assert power(10, 1, 0.5, difference=-1) == 0
    assert power(10, 1, 0.5, difference=1) == 1


@pytest.mark.parametrize(
    ("n", "discordant", "margin"), [(-1, 0.1, 0.05), (10, 1.1, 0.05), (10, -0.1, 0.05), (10, 0.1, 5)]
)
def test_power_refuses_what_makes_no_sense(n, discordant, margin):
    """Counts below zero, shares beyond one, points of a hundred."""
    with pytest.raises(ValueError, match=r"not negative|lies between"):
        power(n, discordant, margin)
