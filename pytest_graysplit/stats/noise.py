"""The control's own noise: the threshold that it reaches itself, and whether the treatment answers otherwise."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from operator import add
from random import Random
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Triple = tuple[float, float, float]

# 3^9 relabellings are counted out; beyond some hundred cases the sum is normal to better than resamples can tell.
_COUNTED_OUT, _DRAWN = 9, 150


def conformal_threshold(self_similarities: Sequence[float], alpha: float = 0.05) -> float | None:
    """Return the similarity that the control falls short of against itself in a share alpha of cases at the most.

    It is the k-th smallest, k = floor(alpha (n + 1)); None where k is 0, below 19 cases for 0.05 (Vovk et al. 2005).

    >>> conformal_threshold([0.80 + number / 100 for number in range(19)])
    0.8
    """
    # 0.05 is a little more than a twentieth in floating point, and 0.05 * 20 may fall short of 1: count in fractions.
    k = math.floor(Fraction(str(alpha)) * (len(self_similarities) + 1))
    return sorted(self_similarities)[k - 1] if k else None


def randomisation_p(triples: Sequence[Triple], *, seed: int, draws: int = 9999) -> float:
    """Return the one-sided p value that the treatment answers as the control does; a diagnostic, never a gate.

    Each case gives the similarity of the control's two answers, and of each to the treatment's. Were all three answers
    of one kind, any of them might be the treatment's: three relabellings a case (Fisher 1935, stratified by case).

    >>> triples = [(0.92, 0.8, 0.84), (0.75, 0.6, 0.7), (0.99, 0.97, 0.95), (0.88, 0.86, 0.9)]
    >>> round(randomisation_p(triples, seed=1) * 81)
    3
    """
    if not triples:
        return 1.0
    deficits = sorted(_relabelled(triple) for triple in triples)
    observed = math.fsum(first for first, _, _ in map(_relabelled, triples)) - 1e-12
    if len(triples) <= _COUNTED_OUT:
        sums = [math.fsum(choice) for choice in product(*deficits)]
        return sum(total >= observed for total in sums) / len(sums)
    if len(triples) > _DRAWN:
        spread = math.sqrt(math.fsum(each * each for case in deficits for each in case) / 3)
        return 1 - NormalDist().cdf(observed / spread) if spread else 1.0
    dice, totals = Random(seed), [0.0] * draws
    for case in deficits:
        totals = list(map(add, totals, dice.choices(case, k=draws)))
    return (1 + sum(total >= observed for total in totals)) / (1 + draws)


def _relabelled(triple: Triple) -> Triple:
    """Return how much less alike the treatment is than the control with itself, were each answer the treatment's."""
    total = math.fsum(triple)
    first, second, third = (value - (total - value) / 2 for value in triple)
    return first, second, third
