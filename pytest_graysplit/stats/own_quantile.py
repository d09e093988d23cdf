"""The quantile of one arm with bounds that hold at every look, from a bet on the share of values below it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import Interval, check_share
from pytest_graysplit.stats.looks import ALPHA, TUNED_N, mixing
from pytest_graysplit.stats.special import crossing, incomplete_beta, log_beta
from pytest_graysplit.stats.unpaired import Compared

if TYPE_CHECKING:
    from collections.abc import Callable

# The prior of the bets is as heavy as this many values: the bounds are tightest around TUNED_N of them.
_PRIOR_N = 1 / mixing(2 * ALPHA, TUNED_N)


def log_evidence(beyond: float, n: float, share: float) -> float:
    """Return the logarithm of the e-value against "at least this share is beyond a limit", of which `beyond` of n are.

    The likelihood under a beta prior around the share, cut off above it, over that under the share (Robbins 1970;
    Howard and Ramdas 2022 for quantiles). While the hypothesis is true it ever reaches 1 / alpha with at most
    probability alpha, at any number of independent values. Fractions of values are allowed, for effective numbers.

    >>> [round(math.exp(log_evidence(0, n, 0.05)), 1) for n in (0, 50, 100)]
    [1.0, 2.8, 10.9]
    """
    check_share("a share", share)
    a, b = _PRIOR_N * share, _PRIOR_N * (1 - share)
    within = incomplete_beta(a + beyond, b + n - beyond, share, 1 - share)
    if not within:  # far more are beyond the limit than the share: no evidence at all
        return -math.inf
    bet = log_beta(a + beyond, b + n - beyond) + math.log(within)
    start = log_beta(a, b) + math.log(incomplete_beta(a, b, share, 1 - share))
    return bet - start - beyond * math.log(share) - (n - beyond) * math.log1p(-share)


@lru_cache(maxsize=256)
def quantile_levels(q: float, n: float, alpha: float = ALPHA) -> tuple[float, float | None]:
    """Return the levels in a sample of n at which the bounds of the q-quantile are, each valid at every look.

    The upper one is None with too few values: then no upper bound exists without assumptions on the distribution.

    >>> [round(level, 3) for level in quantile_levels(0.95, 1000)]
    [0.93, 0.968]
    >>> quantile_levels(0.99, 100)[1] is None
    True
    """
    wanted = -math.log(alpha)
    low = 1.0
    if log_evidence(0.0, n, q) >= wanted:
        low = crossing(lambda below: log_evidence(below * n, n, q) - wanted, 0.0, q)
    late = 1 - q
    if log_evidence(0.0, n, late) < wanted:
        return (low if low < 1 else 0.0), None
    high = 1 - crossing(lambda beyond: log_evidence(beyond * n, n, late) - wanted, 0.0, late)
    return (low if low < 1 else 0.0), high


def fewest_for_quantile(q: float, alpha: float = ALPHA) -> int:
    """Return the smallest number of values that bounds the q-quantile from above at every look.

    >>> [fewest_for_quantile(q) for q in (0.95, 0.99)]
    [120, 397]
    """
    wanted = -math.log(alpha)
    return math.ceil(crossing(lambda n: wanted - log_evidence(0.0, n, 1 - q), 1.0, 1e6))


def own_quantile(read: Callable[[float], float | None], n: float, *, q: float, bound: float) -> Compared | None:
    """Return the q-quantile of one arm and its bounds, compared with a limit; None without values.

    `read` is the quantile function of the arm, n its effective number of values. Bounds and p-values are those of
    `log_evidence`. The upper bound is infinite with too few values.
    """
    estimate = read(q)
    if estimate is None:
        return None
    low_level, high_level = quantile_levels(q, n)
    low = (read(low_level) if low_level else 0.0) or 0.0
    high = math.inf if high_level is None else read(high_level)
    # The share of values within the limit, by the same quantile function.
    within = crossing(lambda level: bound - (read(level) or 0.0), 0.0, 1.0) if (read(0.0) or 0.0) <= bound else 0.0
    above, below = log_evidence(within * n, n, q), log_evidence((1 - within) * n, n, 1 - q)
    interval = Interval(estimate, min(low, estimate), max(estimate, math.inf if high is None else high))
    return Compared(interval, math.exp(-max(0.0, above)), math.exp(-max(0.0, below)))
