"""Evidence that may be read after every case, or every unit of a split, without raising the error rate."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.stats.interval import check_counts, finite

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

Side = Literal["harm", "promote"]

MOST = 1e300
"""The largest e-value that is returned, so that it is a number in every format."""

_STAKES = 20
# Prior weights of the mixtures, in units: the smallest detects a split that is off by half soonest, the largest one
# that is off by a hundredth.
_CONCENTRATIONS = (10, 100, 1_000, 10_000)


class EProcess:
    """Evidence from differences, treatment minus control, in order of arrival: a bet against a hypothesis.

    "harm" bets against "the mean difference is at least -margin", "promote" against "at most -margin". With
    x = (d + 1) / 2 and m = (1 - margin) / 2, E is the mean over k = 1..20 of the product of 1 + s_k (x - m), with
    the stake s_k = 0.95 k / (21 m); for harm 1 - x and 1 - m take their places (Waudby-Smith and Ramdas 2024,
    JRSS B 86:1). If the hypothesis is true, E ever reaches 1 / alpha with at most probability alpha (Ville 1939).

    >>> process = EProcess(margin=0.05, side="harm")
    >>> [round(process.add_cluster([difference], largest=1), 3) for difference in (0, 0, -1)]
    [0.977, 0.955, 1.36]
    """

    __slots__ = ("_log_capitals", "_margin", "_sign", "_stakes")

    def __init__(self, margin: float, side: Side) -> None:
        if not 0 <= margin < 1:
            raise ValueError(f"a margin lies between 0 and 1, not {margin!r}")
        if side not in {"harm", "promote"}:
            raise ValueError(f"a side is 'harm' or 'promote', not {side!r}")
        self._margin = margin
        self._sign = -1 if side == "harm" else 1
        centre = (1 - self._sign * margin) / 2
        self._stakes = [0.95 * k / ((_STAKES + 1) * centre) for k in range(1, _STAKES + 1)]
        # Logarithms, so that a capital near 0 can recover and a large one cannot overflow.
        self._log_capitals = [0.0] * _STAKES

    @property
    def value(self) -> float:
        """The e-value so far; 1.0 before the first difference, at most MOST."""
        return mean_e_value(self._log_capitals)

    def add_cluster(self, differences: Sequence[float], largest: int) -> float:
        """Add the differences of one cluster, whose cases may depend on each other in any way; return the e-value.

        They are one bet: the sum of the cases over the size of the largest cluster, which has to be known beforehand.
        The sum is used instead of the mean, because the hypothesis is about the mean of all cases.
        """
        for difference in differences:
            if not -1 <= difference <= 1:
                raise ValueError(f"a difference of two scores lies between -1 and 1, not {difference!r}")
        if len(differences) > largest:
            raise ValueError(f"a cluster of {len(differences)} cases is larger than the largest, {largest!r}")
        gain = math.fsum(self._sign * (difference + self._margin) for difference in differences) / (2 * largest)
        self._log_capitals = [
            log + math.log1p(stake * gain) for log, stake in zip(self._log_capitals, self._stakes, strict=True)
        ]
        return self.value


def mean_e_value(logs: Sequence[float]) -> float:
    """Return the mean of e-values, which is an e-value, from their logarithms; at most MOST."""
    largest = max(logs)
    log_mean = largest + math.log(math.fsum(math.exp(log - largest) for log in logs) / len(logs))
    return math.exp(log_mean) if log_mean < math.log(MOST) else MOST


def anytime_p(e_value: float) -> float:
    """Return the p-value of an e-value; like the e-value it holds at every look.

    >>> anytime_p(1000.0), anytime_p(0.5)
    (0.001, 1.0)
    """
    return 1 / max(1.0, e_value)


def harm_e_values(
    differences: Sequence[float], margin: float, clusters: Sequence[Hashable] | None = None
) -> list[float]:
    """Return the e-value after each difference, against "the treatment is not worse by more than the margin".

    With `clusters`, a name for each difference, a cluster is one bet, made when its last case is in.

    >>> next(n for n, e in enumerate(harm_e_values([-1] * 20, 0.05), start=1) if e >= 40)
    9
    >>> [round(e, 2) for e in harm_e_values([-1, -1, -1, 0], 0.05, clusters=["a", "a", "b", "b"])]
    [1.0, 1.43, 1.43, 1.75]
    """
    process = EProcess(margin, "harm")
    names = range(len(differences)) if clusters is None else clusters
    sizes: Counter[Hashable] = Counter(names)
    largest = max(sizes.values(), default=1)
    arrived: dict[Hashable, list[float]] = {}
    values = []
    for difference, name in zip(differences, names, strict=True):
        cluster = arrived.setdefault(name, [])
        cluster.append(difference)
        complete = len(cluster) == sizes[name]
        values.append(process.add_cluster(cluster, largest) if complete else process.value)
    return values


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
