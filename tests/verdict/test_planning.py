"""The power of a suite, in one sentence."""

import pytest

from pytest_graysplit.verdict import power_line


@pytest.mark.parametrize(
    ("given", "counted", "shown"),
    [
        ((100, 0.05), "100 cases show a margin of 5 points", ("44", "29")),
        ((3000, 0.025), "3,000 cases show a margin of 2.5 points", (">99", "92")),
        ((40, 0.01), "40 cases show a margin of 1 point", ("6", "6")),
        ((100, 0.05, 12), "100 cases in 12 clusters show a margin of 5 points", ("7", "11")),
    ],
)
def test_power_line_names_the_power_for_two_shares(given, counted, shown):
    """Rounding never gives certain or impossible; clusters count, and not their cases."""
    assert power_line(*given) == (
        f"{counted} in {shown[0]} of 100 runs of an equal treatment if 10% of cases differ, in {shown[1]} if 20% do"
    )


def test_power_line_depends_on_alpha():
    """An early stop for promise has used a part of it."""
    assert "in 17 of 100 runs" in power_line(100, 0.05, alpha=0.01)
    assert "in 44 of 100 runs" in power_line(100, 0.05)


def test_power_line_of_few_cases():
    """The verdict holds below thirty."""
    assert power_line(29, 0.05) == "29 cases cannot show a margin of 5 points: a verdict takes at least 30 cases"
