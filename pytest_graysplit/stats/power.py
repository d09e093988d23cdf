"""The number of cases that a decision takes, and the power of a given number of cases."""

from __future__ import annotations

import math
from statistics import NormalDist

from pytest_graysplit.stats.distributions import binomial_cdf, binomial_pmf, two_sided_z
from pytest_graysplit.stats.interval import check_counts, check_share
from pytest_graysplit.stats.order_statistics import binomial_budget_p
from pytest_graysplit.stats.paired import tango_p


def needed_n(variance: float, distance: float, alpha: float = 0.05, power: float = 0.80) -> int | None:
    """Return how many values decide, with that power, on which side of a bound their mean lies.

    (z_alpha + z_power)^2 variance / distance^2, rounded up: `variance` is that of one value, `distance` the distance of
    the true mean from the bound. None where the distance is 0, or the variance is unknown.

    >>> needed_n(0.10, 0.05), needed_n(0.10, 0.0)
    (248, None)
    """
    check_share("alpha", alpha)
    check_share("the power", power)
    if math.isclose(distance, 0.0, abs_tol=1e-9) or not math.isfinite(variance):
        return None
    z = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(power)
    values = (z / distance) ** 2 * variance if z > 0 else 0.0
    return max(1, math.ceil(values - 1e-9))


def certifiable_n(margin: float, confidence: float = 0.90) -> int:
    """Return the smallest number of pairs that can certify a margin when all of them agree.

    Without a discordant pair the lower bound of `tango` is -z^2 / (n + z^2) (Tango 1998).

    >>> certifiable_n(0.05), certifiable_n(0.10)
    (52, 25)
    """
    check_share("a margin", margin)
    square = two_sided_z(confidence) ** 2
    return math.floor(square * (1 - margin) / margin) + 1


def power(  # noqa: PLR0913 - a suite, a treatment and a test, two figures each
    n: int, discordant: float, margin: float, *, difference: float = 0.0, alpha: float = 0.05, size: float = 0.06
) -> float:
    """Return the probability that n pairs show that a treatment is not worse by the margin, by `tango_p` < `alpha`.

    `discordant` is the share of pairs that only one model passes. `difference` is the true one, treatment minus
    control; 0 means equally good. If the treatment passes no pair alone, the exact binomial test of the pairs that it
    lost has to agree at `size`, as in a verdict. At `difference` = -margin the result is the error rate of the verdict.

    >>> [round(power(n, 0.10, 0.05), 2) for n in (40, 100, 200, 400)]
    [0.22, 0.44, 0.69, 0.93]
    """
    check_counts(n)
    check_share("a margin", margin)
    if not abs(difference) <= discordant <= 1:
        raise ValueError(f"a share of discordant pairs lies between the difference and 1, not {discordant!r}")
    worse, better = (discordant - difference) / 2, (discordant + difference) / 2
    total = 0.0
    for lost in _likely(n, worse):
        won = _fewest_wins(lost, n, margin, alpha, size)
        if won is not None:
            # the share of wins among the pairs that are not lost
            share = better / (1 - worse) if worse < 1 else 0.0
            total += _pmf(lost, n, worse) * (1 - _cdf(won - 1, n - lost, share))
    return min(1.0, total)


def _likely(n: int, share: float) -> range:
    """Return the counts outside of which the probability is negligible."""
    spread = 8 * math.sqrt(n * share * (1 - share)) + 8
    return range(max(0, math.floor(n * share - spread)), min(n, math.ceil(n * share + spread)) + 1)


def _fewest_wins(lost: int, n: int, margin: float, alpha: float, size: float) -> int | None:
    """Return how many pairs the treatment alone has to pass when it loses `lost`; None where no number suffices."""
    low, high = 0, n - lost + 1
    while low < high:
        won = (low + high) // 2
        shown = tango_p(won, lost, n, -margin) < alpha and (won > 0 or binomial_budget_p(lost, n, margin) <= size)
        low, high = (low, won) if shown else (won + 1, high)
    return low if low <= n - lost else None


def _pmf(k: int, n: int, share: float) -> float:
    return binomial_pmf(k, n, share) if 0 < share < 1 else float(k == n * share)


def _cdf(k: int, n: int, share: float) -> float:
    if k < 0:
        return 0.0
    return binomial_cdf(k, n, share) if 0 < share < 1 else float(k >= n * share)
