"""Critical values for a few looks that were planned beforehand: a group-sequential test by alpha spending.

A test repeated at every look errs more often than its alpha. Lan and DeMets (1983, Biometrika 70:659) let each look
spend a part of alpha; here the part spent by the share t of all cases is alpha * t. The values follow from the
distribution of a sum that has not crossed before (Armitage, McPherson and Rowe 1969, JRSS A 132:235), carried from look
to look on a grid.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.distributions import normal_tail
from pytest_graysplit.stats.special import crossing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_LOOKS = 20
# Grid steps per standard deviation of the increment between looks, and the deviations beyond which it is negligible.
_FINENESS, _REACH = 3, 5.5


class _Grid(NamedTuple):
    """The part of the distribution that has not crossed: evenly spaced sums, each with its probability."""

    start: float
    step: float
    masses: tuple[float, ...]

    def between(self, low: float, high: float) -> Iterator[tuple[float, float]]:
        """Yield the sums from low to high with their probabilities."""
        first = max(0, math.ceil((low - self.start) / self.step))
        last = len(self.masses) if high == math.inf else math.floor((high - self.start) / self.step) + 1
        for number in range(first, min(last, len(self.masses))):
            yield self.start + number * self.step, self.masses[number]


@lru_cache(maxsize=64)
def planned_z(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Return the one-sided critical value of each planned look, for a test with the error alpha over all looks.

    `fractions` are the shares of all cases at the looks, in increasing order. Skipping a look lowers the error.

    >>> [round(z, 3) for z in planned_z((0.2, 0.4, 0.6, 0.8, 1.0), 0.025)]
    [2.576, 2.492, 2.411, 2.339, 2.276]
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha lies between 0 and 0.5, not {alpha!r}")
    _check_fractions(fractions)
    z_values = [NormalDist().inv_cdf(1 - alpha * fractions[0])]
    grid = None
    for place, (before, now) in enumerate(pairwise(fractions)):
        grid = _carried(grid, fractions, place, z_values[place], alpha)
        z_values.append(_next_z(grid, before, now, alpha * (now - before)))
    return tuple(z_values)


def _check_fractions(fractions: Sequence[float]) -> None:
    if not 1 <= len(fractions) <= MOST_LOOKS:
        raise ValueError(f"looks are from 1 to {MOST_LOOKS}, not {len(fractions)}")
    if not all(0 < before < now for before, now in pairwise((*fractions, math.inf))) or fractions[-1] > 1:
        raise ValueError(f"the shares of the cases at the looks increase, above 0 and up to 1: {fractions!r}")


def _carried(grid: _Grid | None, fractions: Sequence[float], place: int, z: float, alpha: float) -> _Grid:
    """Return the grid after a look: sums below the critical value, reached from sums that had not crossed before."""
    added = fractions[place] - (fractions[place - 1] if place else 0.0)
    spread = math.sqrt(added)

    def density(at: float) -> float:
        near = [(0.0, 1.0)] if grid is None else grid.between(at - _REACH * spread, at + _REACH * spread)
        return sum(mass * math.exp(-(((at - come) / spread) ** 2) / 2) for come, mass in near)

    # A sum from which no later look can be crossed is left out: no later critical value is below that of alpha.
    lowest = NormalDist().inv_cdf(1 - alpha) * math.sqrt(fractions[place])
    low = max(-math.sqrt(fractions[place]), (lowest / _REACH) - math.sqrt(fractions[-1] - fractions[place])) * _REACH
    high = z * math.sqrt(fractions[place])
    finest = math.sqrt(min(added, fractions[place + 1] - fractions[place]))
    halves = math.ceil((high - low) / finest * _FINENESS / 2)
    step = (high - low) / (2 * halves)
    return _weighed(low, step, [density(low + number * step) for number in range(2 * halves + 1)], spread)


def _weighed(start: float, step: float, densities: Sequence[float], spread: float) -> _Grid:
    """Return a grid whose probabilities add up by Simpson's rule."""
    last, scale = len(densities) - 1, step / 3 / (spread * math.sqrt(2 * math.pi))
    weights = (1 if number in (0, last) else 4 if number % 2 else 2 for number in range(len(densities)))
    return _Grid(start, step, tuple(scale * w * d for w, d in zip(weights, densities, strict=True)))


def _next_z(grid: _Grid, before: float, now: float, spent: float) -> float:
    """Return the critical value that spends this part of alpha."""
    spread = math.sqrt(now - before)

    def beyond(z: float) -> float:
        boundary = z * math.sqrt(now)
        near = grid.between(boundary - _REACH * spread, math.inf)
        return sum(mass * normal_tail((boundary - at) / spread) for at, mass in near)

    return crossing(lambda z: beyond(z) - spent, 0.0, 10.0)
