"""The drop of a pass rate that a suite can show, compared with scipy's sums over outcomes."""

import pytest
import scipy.stats

from pytest_graysplit.stats import detectable_drop, rejection_power, tango_p


@pytest.mark.no_cover
@pytest.mark.parametrize(("n", "discordant", "difference"), [(30, 0.3, -0.3), (40, 0.4, -0.3), (55, 0.2, -0.05)])
def test_rejection_power_counts_every_outcome(n, discordant, difference):
    """Compared with scipy's trinomial distribution."""
    better, worse = (discordant + difference) / 2, (discordant - difference) / 2
    law = scipy.stats.multinomial(n, [better, worse, 1 - discordant])
    expected = sum(
        law.pmf([won, lost, n - won - lost])
        for won in range(n + 1)
        for lost in range(n - won + 1)
        if 1 - tango_p(won, lost, n, -0.05) < 0.025
    )
    assert rejection_power(n, discordant, 0.05, difference=difference) == pytest.approx(expected, abs=1e-9)


def test_rejection_power_at_its_edges():
    """Without cases it is 0, a treatment that loses every case is rejected, and the margin itself hardly ever is."""
    assert rejection_power(0, 0.1, 0.05, difference=-0.1) == 0
    assert rejection_power(40, 1, 0.05, difference=-1) == 1
    assert rejection_power(400, 0.1, 0.05, difference=-0.05) < 0.05


def test_detectable_drop_is_the_smallest_that_reaches_the_power():
    """One thousandth less does not reach it."""
    drop = detectable_drop(40, 0.10, 0.05)
    powers = [rejection_power(40, 0.10 + one, 0.05, difference=-one) for one in (drop, drop - 0.001)]
    assert powers[0] >= 0.80 > powers[1]


def test_detectable_drop_falls_with_more_cases_and_rises_with_more_noise():
    """Each suite is compared with its neighbour."""
    drops = [detectable_drop(n, 0.10, 0.05) for n in (400, 200, 100, 40)]
    assert drops == sorted(set(drops))
    assert drops[-1] < detectable_drop(40, 0.30, 0.05)


def test_no_drop_is_detectable_without_enough_cases():
    """Three cases that are all lost show nothing, and neither do cases that all differ by chance."""
    assert detectable_drop(3, 0.10, 0.05) is None
    assert detectable_drop(40, 1.0, 0.05) is None


@pytest.mark.parametrize(("discordant", "difference"), [(1.1, -0.1), (0.1, -0.2)])
def test_rejection_power_refuses_impossible_shares(discordant, difference):
    """A difference larger than the share of cases that differ, and a share beyond one."""
    with pytest.raises(ValueError, match="lies between"):
        rejection_power(10, discordant, 0.05, difference=difference)
