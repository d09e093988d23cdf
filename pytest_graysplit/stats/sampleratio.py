"""Whether units follow the weights of their split, checked at every look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import check_counts, finite
from pytest_graysplit.stats.sequential import MOST, mean_e_value

if TYPE_CHECKING:
    from collections.abc import Sequence

# How many units a mixture weighs as much as: a split that is wrong by half shows soonest to the first of them, one that
# is wrong by a hundredth to the last.
_CONCENTRATIONS = (10, 100, 1_000, 10_000)


def sample_ratio_e(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the e-value against "units are split by these weights", which may be looked at after every unit.

    How much better a Dirichlet mixture around the weights tells the counts than the weights themselves (Lindon and
    Malek 2022, NeurIPS), as the mean over mixtures from far (10) to near (10,000), since a split may be wrong by half
    or by a hundredth. While units do follow the weights it ever reaches 1 / alpha with probability alpha at most.
    Weights are relative. Nothing counted, or one arm alone, is 1; a unit in an arm of weight 0 gives MOST, and no
    value is larger.

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
    """Return the count and the share of each arm that has a weight; None where one without a weight has a unit."""
    given = finite(weights)
    if len(counts) != len(given):
        raise ValueError(f"{len(counts)} counts cannot be compared with {len(given)} weights")
    if any(weight < 0 for weight in given) or not sum(given) > 0:
        raise ValueError(f"weights are not negative, and not all 0: {list(weights)!r}")
    check_counts(sum(counts), *counts)
    if any(count and not weight for count, weight in zip(counts, given, strict=True)):
        return None
    return [(count, weight / sum(given)) for count, weight in zip(counts, given, strict=True) if weight]
