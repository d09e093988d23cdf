"""A test of whether units follow the weights of their split, valid at every look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import check_counts, finite
from pytest_graysplit.stats.sequential import MOST, mean_e_value

if TYPE_CHECKING:
    from collections.abc import Sequence

# Prior weights of the mixtures, in units: the smallest detects a split that is off by half soonest, the largest one
# that is off by a hundredth.
_CONCENTRATIONS = (10, 100, 1_000, 10_000)


def sample_ratio_e(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the e-value against "units are split by these weights", which may be examined after every unit.

    The likelihood of the counts under a Dirichlet mixture around the weights, divided by that under the weights (Lindon
    and Malek 2022, NeurIPS). It is the mean over mixtures from wide (10) to narrow (10,000), since a split may be off
    by half or by a hundredth. While units follow the weights it ever reaches 1 / alpha with at most probability alpha.
    Weights are relative. The result is 1 without units or with one arm, and MOST where an arm of weight 0 has a unit;
    it is never above MOST.

    >>> round(sample_ratio_e([520, 480], [0.5, 0.5]), 2), round(sample_ratio_e([600, 400], [0.5, 0.5]))
    (0.73, 17909902)
    """
    arms = _possible(counts, weights)
    if arms is None:
        return MOST
    return mean_e_value([_log_odds(arms, concentration) for concentration in _CONCENTRATIONS])


def _log_odds(arms: Sequence[tuple[int, float]], concentration: float) -> float:
    """Return the logarithm of the Bayes factor of a Dirichlet prior around the shares against the shares."""
    total = sum(count for count, _ in arms)
    terms = [math.lgamma(concentration), -math.lgamma(concentration + total)]
    for count, share in arms:
        prior = concentration * share
        terms += [math.lgamma(prior + count), -math.lgamma(prior), -count * math.log(share)]
    return math.fsum(terms)


def _possible(counts: Sequence[int], weights: Sequence[float]) -> list[tuple[int, float]] | None:
    """Return the count and the share of each arm that has a weight; None where an arm of weight 0 has a unit."""
    given = finite(weights)
    if len(counts) != len(given):
        raise ValueError(f"{len(counts)} counts cannot be compared with {len(given)} weights")
    if any(weight < 0 for weight in given) or not sum(given) > 0:
        raise ValueError(f"weights are not negative, and not all 0: {list(weights)!r}")
    check_counts(sum(counts), *counts)
    if any(count and not weight for count, weight in zip(counts, given, strict=True)):
        return None
    return [(count, weight / sum(given)) for count, weight in zip(counts, given, strict=True) if weight]
