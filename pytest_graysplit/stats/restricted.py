"""The score of a sample against a mean, with the spread that the sample has if the hypothesis is true.

That spread comes from the likeliest distribution with the mean of the hypothesis, on the observed values and the end of
the scale (empirical likelihood, Owen 1988, Biometrika 75). A sample whose values are all equal has no spread of its
own; the end of the scale, which any case may reach, adds one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class RestrictedScore:
    """Score of a sample mean above a hypothesis, in standard errors under that hypothesis.

    `counts` is how often each value was observed.
    """

    __slots__ = ("_counts", "_n", "_slack")

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts
        self._n = sum(counts)
        self._slack = 0.5  # the last root: the next one is near it

    def __call__(self, away: Sequence[float]) -> float:
        """Return the score of values at these distances from the hypothesis, in units of that to the end of the scale.

        Distances below the hypothesis are negative, down to -1 at the end of the scale.

        >>> round(RestrictedScore([60])([0.05 / 0.95]), 6)  # 60 even cases against a loss of 5 points
        1.777047
        """
        self._slack = slack = self._root(away)
        seen = spread = total = 0.0
        for distance, count in zip(away, self._counts, strict=True):
            weight = count / (slack + (1 - slack) * (1 + distance))
            seen += weight
            spread += weight * distance * distance
            total += count * distance
        variance = spread / self._n + max(0.0, 1 - seen / self._n)
        return total / math.sqrt(self._n * variance)

    def _root(self, away: Sequence[float]) -> float:
        """Return the slack in the probabilities of the likeliest distribution with the mean of the hypothesis.

        Each value has the probability 1 / (n (slack + (1 - slack) (1 + distance))). Where no slack gives these the
        right mean, it is 0, and the end of the scale has the rest. The search takes Newton's steps, and halves the
        bracket where a step would leave it.
        """
        at_end = sum(count for distance, count in zip(away, self._counts, strict=True) if distance <= -1)
        if not at_end and self._pull(away, 0.0)[0] >= 0:
            return 0.0
        low, high, slack = 0.0, 1.0, max(self._slack, at_end / self._n)
        for _ in range(200):
            pull, rise = self._pull(away, slack)
            low, high = (slack, high) if pull < 0 else (low, slack)
            step = slack - pull / rise
            step = step if low < step < high else (low + high) / 2
            if abs(step - slack) <= 1e-14 * slack:
                break
            slack = step
        return slack

    def _pull(self, away: Sequence[float], slack: float) -> tuple[float, float]:
        """Return the mean under the weights of that slack, not normalised, and how fast it rises with the slack."""
        pull = rise = 0.0
        for distance, count in zip(away, self._counts, strict=True):
            share = distance / (slack + (1 - slack) * (1 + distance))
            pull += count * share
            rise += count * share * share
        return pull, rise


def steep_crossing(falling: Callable[[float], float], above: tuple[float, float], below: tuple[float, float]) -> float:
    """Return where a falling function is zero, between a point above and one below, each with its value.

    The Illinois method (Dowell and Jarratt 1971). Bisection would take fifty values, each of which visits every case.

    >>> round(steep_crossing(lambda x: 2 - x * x, (0.0, 2.0), (2.0, -2.0)), 12)
    1.414213562373
    """
    (low, over), (high, under) = above, below
    at = last = math.inf
    side = 0
    for _ in range(100):
        at = low + (high - low) * over / (over - under)
        if abs(at - last) < 1e-13 or not low < at < high:
            break
        last, value = at, falling(at)
        if value > 0:
            low, over, under = at, value, under / 2 if side == 1 else under
        else:
            high, under, over = at, value, over / 2 if side == -1 else over
        side = 1 if value > 0 else -1
    return min(max(at, low), high)
