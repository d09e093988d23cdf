"""How often a judge that says yes or no is right, measured on answers that people have labelled."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_graysplit.stats.interval import Interval, check_counts
from pytest_graysplit.stats.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

ValueT = TypeVar("ValueT")
OtherT = TypeVar("OtherT")

# Fewer labelled answers of a kind than this show too little about a judge's errors.
FEWEST_LABELS = 10
# A correction divides by the judge's informedness; below this it would only enlarge noise.
LEAST_INFORMED = 0.1


class JudgeAccuracy(NamedTuple):
    """The labelled answers that hold and those that fail, and how many of each kind the judge got right.

    >>> accuracy = JudgeAccuracy(said_yes=27, holding=30, said_no=16, failing=20)
    >>> [round(bound, 3) for bound in accuracy.sensitivity], round(accuracy.informedness.estimate, 3)
    ([0.9, 0.744, 0.965], 0.7)
    """

    said_yes: int
    holding: int
    said_no: int
    failing: int

    @property
    def sensitivity(self) -> Interval:
        """The share of yes among the answers that hold, with its 95% Wilson interval."""
        return wilson(self.said_yes, self.holding)

    @property
    def specificity(self) -> Interval:
        """The share of no among the answers that fail, with its 95% Wilson interval."""
        return wilson(self.said_no, self.failing)

    @property
    def informedness(self) -> Interval:
        """Sensitivity + specificity - 1 (Youden 1950), 0 for a coin; 95% interval by MOVER (Zou and Donner 2008)."""
        yes, no = self.sensitivity, self.specificity
        down = math.hypot(yes.estimate - yes.low, no.estimate - no.low)
        up = math.hypot(yes.high - yes.estimate, no.high - no.estimate)
        estimate = yes.estimate + no.estimate - 1
        if math.isnan(estimate):
            return Interval(estimate, -1.0, 1.0)
        return Interval(estimate, max(-1.0, estimate - down), min(1.0, estimate + up))

    @property
    def is_known(self) -> bool:
        """Whether there are labels enough of both kinds, and the judge can tell them apart."""
        return min(self.holding, self.failing) >= FEWEST_LABELS and self.informedness.low > LEAST_INFORMED

    def check(self) -> None:
        """Raise ValueError unless the counts are possible and there is a label of each kind."""
        check_counts(self.holding, self.said_yes)
        check_counts(self.failing, self.said_no)
        if not (self.holding and self.failing):
            raise ValueError(f"labels of both kinds are needed: {self.holding} hold, {self.failing} fail")


def cohen_kappa(table: Mapping[tuple[ValueT, OtherT], int]) -> float | None:
    """Return the agreement beyond chance of two raters (Cohen 1960); None where chance alone would agree on all.

    `table` counts the pairs of values that both raters gave.

    >>> round(cohen_kappa({("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}), 2)
    0.4
    """
    whole = sum(table.values())
    rows, columns = Counter[object](), Counter[object]()
    for (one, other), number in table.items():
        rows[one] += number
        columns[other] += number
    agreed = sum(number for (one, other), number in table.items() if one == other)
    by_chance = sum(rows[value] * columns[value] for value in rows)
    if whole * whole == by_chance:  # also without any pair
        return None
    return (agreed * whole - by_chance) / (whole * whole - by_chance)
