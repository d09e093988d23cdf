"""A rank test of whether one figure rises with another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import normal_tail
from pytest_graysplit.stats.interval import finite

if TYPE_CHECKING:
    from collections.abc import Sequence


def rises_p(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the one-sided p of H0 "y does not rise with x", by Spearman's rank correlation; 0.5 without evidence.

    Ties share their mean rank. Over all orders of y the correlation has the mean 0 and the variance 1 / (n - 1), with
    ties too (Kendall and Stuart), and is treated as normal.

    >>> round(rises_p([1, 2, 3, 4, 4, 4, 4, 4], [1, 2, 3, 4, 5, 4, 5, 4]), 4)
    0.0086
    """
    if len(xs) != len(ys):
        raise ValueError(f"{len(xs)} values cannot be held against {len(ys)}")
    rank_x, rank_y = _ranks(finite(xs)), _ranks(finite(ys))
    middle = (len(xs) - 1) / 2
    both = math.fsum((x - middle) * (y - middle) for x, y in zip(rank_x, rank_y, strict=True))
    spread = math.prod(math.fsum((rank - middle) ** 2 for rank in ranks) for ranks in (rank_x, rank_y))
    return normal_tail(both / math.sqrt(spread) * math.sqrt(len(xs) - 1)) if spread > 0 else 0.5


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 0; equal values have the mean of their ranks."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
