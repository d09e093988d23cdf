"""Two models on the same cases, scored in part: the score interval of Tango for differences between -1 and 1.

The score statistic needs the variance under the hypothesis. It comes from the likeliest distribution with the mean of
the hypothesis, on the differences seen and on the end of the scale (empirical likelihood, Owen 1988, Biometrika 75).
A sample that agrees has no spread of its own, so the end of the scale, which any case may reach, gives it one. On whole
passes and failures (differences of -1, 0 and 1) that distribution is Tango's, and so are the bounds.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import normal_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Counted = list[tuple[float, int]]

_DIGITS = 12
"""Differences of shares are equal up to so many digits: thirds and tenths come out a last bit apart."""


def ordinal_tango(differences: Sequence[float], confidence: float = 0.90) -> Interval:
    """Return the score interval of a mean of paired differences, each from -1 to 1; without one it is -1 to 1.

    >>> [round(bound, 3) for bound in ordinal_tango([1] * 9 + [-1] * 3 + [0] * 20, confidence=0.95)]  # Tango, table VII
    [0.188, -0.027, 0.39]
    >>> [round(bound, 3) for bound in ordinal_tango([-0.5] * 4 + [0] * 96)]
    [-0.02, -0.046, 0.007]
    """
    z = two_sided_z(confidence)
    counted = _counted(differences)
    if not counted:
        return Interval(math.nan, -1.0, 1.0)
    mean = _mean(counted)
    return Interval(mean, _lower(counted, mean, z), -_lower(_mirrored(counted), -mean, z))


def ordinal_tango_p(differences: Sequence[float], bound: float) -> float:
    """Return the one-sided p of H0 "the true mean difference is at most `bound`"; one minus it is that of "at least".

    Without a difference it is 0.5, which is evidence for neither.

    >>> round(ordinal_tango_p([0.0] * 60, bound=-0.05), 6)
    0.03778
    """
    if not -1 < bound < 1:
        raise ValueError(f"a bound on a difference of shares lies between -1 and 1, not {bound!r}")
    counted = _counted(differences)
    if not counted or abs(_mean(counted) - bound) < 10**-_DIGITS:
        return 0.5
    if _mean(counted) > bound:
        return normal_tail(_Score(counted)(bound))
    return 1 - normal_tail(_Score(_mirrored(counted))(-bound))


def _counted(differences: Sequence[float]) -> Counted:
    counts = Counter(round(number, _DIGITS) for number in finite(differences))
    for number in counts:
        if not -1 <= number <= 1:
            raise ValueError(f"a difference of two shares lies between -1 and 1, not {number!r}")
    return sorted(counts.items())  # so that the order of the cases shows in no digit


def _mirrored(counted: Counted) -> Counted:
    return [(-number, count) for number, count in reversed(counted)]


def _mean(counted: Counted) -> float:
    return math.fsum(number * count for number, count in counted) / sum(count for _, count in counted)


def _lower(counted: Counted, mean: float, z: float) -> float:
    """Return where the score falls to z, below the mean: a bracket from a guess, then the Illinois method.

    Halving alone would take fifty scores, and each looks at every difference.
    """
    score, n = _Score(counted), sum(count for _, count in counted)
    spread = math.sqrt(math.fsum(count * (number - mean) ** 2 for number, count in counted) / n)
    high, under, reach = mean, -z, z * (spread + z / math.sqrt(n)) / math.sqrt(n)
    low = max(-1.0, mean - reach)
    while low > -1 and (over := score(low) - z) < 0:
        high, under, reach = low, over, 2 * reach
        low = max(-1.0, mean - reach)
    # At the end of the scale the score is infinite; any large number does for the first chord.
    over = score(low) - z if low > -1 else 100 * z
    return _illinois(lambda at: score(at) - z, (low, over), (high, under))


def _illinois(falling: Callable[[float], float], above: tuple[float, float], below: tuple[float, float]) -> float:
    """Return where a falling function is zero, between a point above and one below (Dowell and Jarratt 1971)."""
    (low, over), (high, under) = above, below
    last, side = math.inf, 0
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


class _Score:
    """How many standard errors of the hypothesis lie between the mean of a sample and one below it."""

    __slots__ = ("_at_end", "_counts", "_n", "_numbers", "_slack")

    def __init__(self, counted: Counted) -> None:
        self._numbers = [number for number, _ in counted]
        self._counts = [count for _, count in counted]
        self._n = sum(self._counts)
        self._at_end = self._counts[0] if self._numbers[0] <= -1 else 0
        self._slack = 0.5  # the last root: the next is near it

    def __call__(self, mean: float) -> float:
        room = 1 + mean  # from the hypothesis to the end of the scale, where unseen cases may lie
        away = [(number - mean) / room for number in self._numbers]
        self._slack = slack = self._root(away)
        seen = spread = total = 0.0
        for distance, count in zip(away, self._counts, strict=True):
            weight = count / (slack + (1 - slack) * (1 + distance))
            seen += weight
            spread += weight * distance * distance
            total += count * distance
        variance = spread / self._n + max(0.0, 1 - seen / self._n)
        return total / math.sqrt(self._n * variance)

    def _root(self, away: list[float]) -> float:
        """Return the slack in the probabilities of the likeliest distribution with the mean of the hypothesis.

        `away` are distances from that mean, of which the end of the scale is -1. Each has the probability
        1 / (n (slack + (1 - slack) (1 + distance))). Where no slack gives these the right mean, it is 0, and the end
        of the scale has the rest. Newton's steps, or halves where a step leads out of the bracket.
        """
        if not self._at_end and self._pull(away, 0.0)[0] >= 0:
            return 0.0
        low, high, slack = 0.0, 1.0, max(self._slack, self._at_end / self._n)
        for _ in range(200):
            pull, rise = self._pull(away, slack)
            low, high = (slack, high) if pull < 0 else (low, slack)
            step = slack - pull / rise
            step = step if low < step < high else (low + high) / 2
            if abs(step - slack) <= 1e-14 * slack:
                break
            slack = step
        return slack

    def _pull(self, away: list[float], slack: float) -> tuple[float, float]:
        """Return the mean under the weights of that slack, not normed, and how fast it rises with the slack."""
        pull = rise = 0.0
        for distance, count in zip(away, self._counts, strict=True):
            share = distance / (slack + (1 - slack) * (1 + distance))
            pull += count * share
            rise += count * share * share
        return pull, rise
