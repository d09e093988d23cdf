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


def rejection_power(n: int, discordant: float, margin: float, *, difference: float, alpha: float = 0.025) -> float:
    """Return the probability that n pairs show that a treatment is worse than the margin, by 1 - `tango_p` < `alpha`.

    `discordant` and `difference` are those of `power`. At `difference` = -margin the result is at most about alpha.

    >>> [round(rejection_power(n, 0.40, 0.05, difference=-0.30), 2) for n in (40, 100, 200)]
    [0.79, 0.99, 1.0]
    """
    check_counts(n)
    check_share("a margin", margin)
    if not abs(difference) <= discordant <= 1:
        raise ValueError(f"a share of discordant pairs lies between the difference and 1, not {discordant!r}")
    worse, better = (discordant - difference) / 2, (discordant + difference) / 2
    # the share of wins among the pairs that are not lost
    share = better / (1 - worse) if worse < 1 else 0.0
    total = 0.0
    for lost in _likely(n, worse):
        if (won := _most_wins(lost, n, margin, alpha)) is not None:
            total += _pmf(lost, n, worse) * _cdf(won, n - lost, share)
    return min(1.0, total)


def detectable_drop(
    n: int, by_chance: float, margin: float, *, alpha: float = 0.025, power: float = 0.80
) -> float | None:
    """Return the smallest drop of the pass rate that n pairs show with that power to exceed the margin.

    `by_chance` is the share of pairs that differ without any drop; the lost pairs come on top of it. The result is
    rounded up to thousandths, and None where no drop is large enough.

    >>> detectable_drop(40, 0.10, 0.05), detectable_drop(400, 0.10, 0.05), detectable_drop(3, 0.10, 0.05)
    (0.303, 0.112, None)
    """
    check_share("the power", power)

    def is_shown(thousandths: int) -> bool:
        drop = thousandths / 1000
        return rejection_power(n, min(1.0, by_chance + drop), margin, difference=-drop, alpha=alpha) >= power

    low, high = math.ceil(1000 * margin), math.floor(1000 * (1 - by_chance) + 1e-9)
    if low > high or not is_shown(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_shown(middle) else (middle + 1, high)
    return low / 1000


def _most_wins(lost: int, n: int, margin: float, alpha: float) -> int | None:
    """Return with how many wins at most a treatment that loses `lost` is shown to be worse; None where with none."""
    low, high = -1, n - lost
    while low < high:
        won = (low + high + 1) // 2
        low, high = (won, high) if 1 - tango_p(won, lost, n, -margin) < alpha else (low, won - 1)
    return low if low >= 0 else None


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
