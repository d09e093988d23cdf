"""The variation of the control against itself, and whether the treatment deviates more than that."""

from __future__ import annotations

import math
import random
from operator import add
from typing import TYPE_CHECKING

from pytest_graysplit.stats.distributions import beta_quantile, normal_tail
from pytest_graysplit.stats.interval import Interval, check_confidence, check_share, finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ALL_TOGETHER = 10
"""Up to so many cases every relabelling is looked at: 3 ** 10 sums are counted in milliseconds."""

_DRAWN = 300
"""Up to so many cases relabellings are drawn; the sum of more is normal, as far as anybody can tell."""

_AT_ONCE = 6
"""So many cases are relabelled by one draw, out of all 3 ** 6 sums they can have."""

_ROUNDING = 1e-9
"""Sums that differ by at most this are equal; their terms were added in another order."""


def conformal_threshold(self_similarities: Sequence[float], alpha: float = 0.05) -> float | None:
    """Return the similarity below which a case of the control against itself falls with at most probability alpha.

    The k-th smallest, k = floor(alpha (n + 1)) (Vovk, Gammerman and Shafer 2005). None where k is 0, which for alpha
    0.05 means fewer than 19 cases.

    >>> conformal_threshold([0.80 + 0.01 * step for step in range(19)])
    0.8
    >>> conformal_threshold([0.9] * 18)
    """
    check_share("alpha", alpha)
    ordered = sorted(finite(self_similarities))
    # alpha (n + 1) may come out a last bit below a whole number: 0.29 * 100 is 28.999999999999996.
    k = min(len(ordered), math.floor(alpha * (len(ordered) + 1) + 1e-9))
    return ordered[k - 1] if k else None


def conformal_deficit(deficits: Sequence[Sequence[float]], alpha: float = 0.05) -> float | None:
    """Return the deficit that a case of the control against itself exceeds with at most probability alpha.

    `deficits` holds the deficits of each case, which together weigh as much as one. The result is the smallest value
    that covers, on average over the n cases, a share of (1 - alpha)(n + 1) / n of the deficits. None below 19 cases for
    alpha 0.05.

    >>> conformal_deficit([[step / 100, -step / 100] for step in range(39)])
    0.36
    >>> conformal_deficit([[0.0, 0.1]] * 18)
    """
    check_share("alpha", alpha)
    weighted = sorted((value, 1 / len(some)) for some in deficits for value in finite(some))
    cases, reached = sum(bool(some) for some in deficits), 0.0
    for value, weight in weighted:
        reached += weight
        if reached >= (1 - alpha) * (cases + 1) - _ROUNDING:
            return value
    return None


def conformal_miss_range(n: int, alpha: float = 0.05, confidence: float = 0.90) -> Interval | None:
    """Return how often the control misses a threshold calibrated on n cases: k of n + 1, and its range.

    Over all samples of n cases the rate is distributed as Beta(k, n + 1 - k) (Vovk 2012); None where k is 0.

    >>> [round(rate, 3) for rate in conformal_miss_range(99)]
    [0.05, 0.02, 0.09]
    """
    check_share("alpha", alpha)
    check_confidence(confidence)
    k = min(n, math.floor(alpha * (n + 1) + 1e-9))
    if not k:
        return None
    tail = (1 - confidence) / 2
    return Interval(k / (n + 1), beta_quantile(tail, k, n + 1 - k), beta_quantile(1 - tail, k, n + 1 - k))


def randomisation_p(triples: Iterable[tuple[float, float, float]], *, seed: int, draws: int = 9999) -> float:
    """Return the one-sided p of H0 "the treatment's answer is one more answer of the control".

    Each triple is one case: the similarities (control to control, first control to treatment, second control to
    treatment). Under H0 any of the three answers may be the treatment's; D = similarity of the other two minus
    the mean of the rest is summed over cases, relabelled within each case alone (stratified; Fisher 1935). All
    relabellings are counted where they are few, else `draws` of them ((1 + count) / (1 + draws), Phipson and
    Smyth 2010), else the sum is normal with its exact variance. The order of the cases changes nothing.

    >>> triples = [(0.92, 0.80, 0.84), (0.75, 0.60, 0.70), (0.99, 0.97, 0.95), (0.88, 0.86, 0.90)]
    >>> round(81 * randomisation_p(triples, seed=0))
    3
    """
    cases = [_relabelled(triple) for triple in sorted(tuple(finite(triple)) for triple in triples)]
    observed = math.fsum(case[0] for case in cases)
    if len(cases) <= _ALL_TOGETHER:
        sums = _all_sums(cases)
        return _reached(sums, observed) / len(sums)
    if len(cases) <= _DRAWN:
        return (1 + _reached(_drawn_sums(cases, random.Random(seed), draws), observed)) / (1 + draws)
    # The three D of a case have the mean 0, so that their squares are the variance.
    variance = math.fsum(d * d for case in cases for d in case) / 3
    return normal_tail(observed / math.sqrt(variance)) if variance > _ROUNDING**2 else 1.0


def _relabelled(triple: tuple[float, ...]) -> list[float]:
    if len(triple) != 3:
        raise ValueError(f"a case has three similarities, not {len(triple)}")
    return [1.5 * similarity - sum(triple) / 2 for similarity in triple]


def _all_sums(cases: list[list[float]]) -> list[float]:
    sums = [0.0]
    for case in cases:
        sums = [total + d for total in sums for d in case]
    return sums


def _drawn_sums(cases: list[list[float]], rng: random.Random, draws: int) -> list[float]:
    sums = [0.0] * draws
    for start in range(0, len(cases), _AT_ONCE):
        sums = list(map(add, sums, rng.choices(_all_sums(cases[start : start + _AT_ONCE]), k=draws)))
    return sums


def _reached(sums: list[float], observed: float) -> int:
    return sum(total >= observed - _ROUNDING for total in sums)
