"""The power to show that a treatment is not worse: summed over every outcome, not approximated."""

from __future__ import annotations

import math

from pytest_graysplit.stats.distributions import binomial_cdf, binomial_pmf
from pytest_graysplit.stats.interval import check_counts, check_share
from pytest_graysplit.stats.paired import tango_p
from pytest_graysplit.stats.quantiles import binomial_budget_p


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
