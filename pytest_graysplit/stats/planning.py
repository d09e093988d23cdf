"""Sample sizes: how many cases a decision takes."""

from __future__ import annotations

import math
from statistics import NormalDist

from pytest_graysplit.stats.distributions import two_sided_z
from pytest_graysplit.stats.interval import check_share


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
