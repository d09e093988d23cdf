"""How many cases it takes, and how many claims may be made at once."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import two_sided_z

if TYPE_CHECKING:
    from collections.abc import Sequence


def required_n(
    discordant: float, difference: float, margin: float, alpha: float = 0.05, power: float = 0.80
) -> int | None:
    """Return how many pairs decide a difference, treatment minus control; None where it lies on minus the margin.

    `discordant` is the share of pairs that one side alone passes, for fractions the mean of the squared differences:
    (z_alpha + z_power)^2 (discordant - difference^2) / (margin + difference)^2 (Liu et al. 2002, Stat Med 21:231).

    >>> required_n(0.10, 0.0, 0.05), required_n(0.10, 0.02, 0.05), required_n(0.10, -0.05, 0.05)
    (248, 126, None)
    """
    distance = margin + difference
    if abs(distance) < 1e-9:
        return None
    z = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(power)
    return math.ceil(z * z * max(0.0, discordant - difference * difference) / (distance * distance))


def certifiable_n(margin: float, confidence: float = 0.90) -> int:
    """Return the fewest pairs that show a difference above minus the margin, without a single discordant one.

    >>> certifiable_n(0.05), certifiable_n(0.10)
    (52, 25)
    """
    z = two_sided_z(confidence)
    return math.floor(z * z * (1 - margin) / margin) + 1


def smallest_n_for_quantile(q: float, alpha: float = 0.05) -> int:
    """Return the fewest values whose largest bounds their q-quantile from above.

    >>> [smallest_n_for_quantile(q) for q in (0.90, 0.95, 0.99)]
    [29, 59, 299]
    """
    return math.ceil(math.log(alpha) / math.log(q))


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Tell which hypotheses fall when all are tested at once, with any false one among them at alpha (Holm 1979).

    >>> holm([0.01, 0.04, 0.012], 0.05)
    [True, True, True]
    """
    fallen = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        fallen[place] = True
    return fallen
