"""The power of a suite: how often it promotes an equal model, and the smallest drop that it rejects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.verdict.criteria import REJECT_ALPHA
from pytest_graysplit.verdict.pass_criteria import SIZE_OVER_ALPHA
from pytest_graysplit.verdict.planning import FEWEST_PAIRS, look_at

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.mutations.findings import OtherAnswers, SuiteFindings

# The shares of cases that differ by chance, where the recordings do not show any.
USUAL_SHARES = (0.05, 0.10, 0.20, 0.30)
# The p value above which a difference of the control to itself may be chance.
CHANCE = 0.05
# The shares of cases in which another model answers in place of the control.
MIXED = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAt:
    """The power of a suite if a share of its cases differs by chance; `drop` is None if it can show no drop."""

    by_chance: float
    promoted: float
    drop: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The probability that a treatment is rejected which gives another model's answers in a share of the cases."""

    share: float
    rejected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePower:
    """The power of a suite of so many cases with an assertion; `units` counts clusters where cases share any.

    `source` says where the share of cases that differ by chance is from: "again" for the control's own second
    answers, the name of a model for its answers, and "" if it is unknown. Then `at` has several shares. `harder` is the
    number of cases that the control loses to itself by its second answers, if that is not chance; then `at` is empty,
    because a model that is as good would lose them too. `at` is empty as well in a suite that is at none of its planned
    looks, which are in `missed_looks`.
    """

    cases: int
    units: int
    margin: float
    source: str
    at: tuple[PowerAt, ...]
    harder: int = 0
    missed_looks: tuple[int, ...] = ()

    @property
    def is_clustered(self) -> bool:
        """Whether cases share clusters."""
        return self.units < self.cases

    @property
    def is_too_small(self) -> bool:
        """Whether no verdict about so few cases can promote or reject."""
        return self.cases < FEWEST_PAIRS


def power_of(found: SuiteFindings) -> SuitePower:
    """Compute the power of a suite at its own share of cases that differ by chance, or at usual ones."""
    # A case that several tests judge counts once, as in a verdict.
    rated = {(case.file, case.name): case for case in found.cases if case.asserted and case.passes is not None}
    units = len({case.cluster or key for key, case in rated.items()})
    source, shares = _by_chance(found)
    look = look_at(Policy(looks=found.looks, alpha=found.alpha), len(rated), 0)
    missed = found.looks if look is None else ()
    if look is not None:
        found = replace(found, alpha=look.alpha, reject_alpha=found.reject_alpha * look.reject_alpha / REJECT_ALPHA)
    harder = _harder(found.again)
    silent = len(rated) < FEWEST_PAIRS or harder > 0 or bool(missed)
    return SuitePower(
        cases=len(rated),
        units=units,
        margin=found.margin,
        source=source,
        harder=harder,
        missed_looks=missed,
        at=() if silent else tuple(_power_at(units, share, found) for share in shares),
    )


def mixtures(found: SuiteFindings, other: OtherAnswers) -> list[Mixture]:
    """Compute how often a treatment is rejected that gives a weaker model's answers in a part of the cases.

    Empty for a model that is not weaker in these cases, in a suite too small for a verdict or with planned looks, and
    where cases share clusters, in which the losses may come together.
    """
    n, clusters = other.cases, [case.cluster for case in found.cases if case.cluster]
    if other.lost <= other.won or n < FEWEST_PAIRS or found.looks or len(set(clusters)) < len(clusters):
        return []
    differing, drop = (other.lost + other.won) / n, (other.lost - other.won) / n
    return [
        Mixture(
            share=share,
            rejected=stats.rejection_power(
                n, share * differing, found.margin, difference=-share * drop, alpha=found.reject_alpha
            ),
        )
        for share in MIXED
    ]


def _harder(again: OtherAnswers | None) -> int:
    """Return how many cases more the control's second answers fail than its first ones; 0 if that may be chance.

    A threshold does that: the first answer is compared with itself, and the second with the first.
    """
    if again is None or again.lost <= again.won or stats.mcnemar_midp(again.won, again.lost) > CHANCE:
        return 0
    return again.lost - again.won


def _by_chance(found: SuiteFindings) -> tuple[str, tuple[float, ...]]:
    """Return the source of the share of cases that differ by chance, and the share; usual ones without recordings.

    Half a case in one more case is added, because "none in sixty" does not mean that there are none. Another model
    differs by quality too, so only as many cases count as it passes alone, twice.
    """
    if found.again is not None:
        return "again", ((found.again.lost + found.again.won + 0.5) / (found.again.cases + 1),)
    if found.others:
        other = found.others[0]
        return other.model, ((2 * min(other.lost, other.won) + 0.5) / (other.cases + 1),)
    return "", USUAL_SHARES


def _power_at(units: int, share: float, found: SuiteFindings) -> PowerAt:
    drop = stats.detectable_drop(units, share, found.margin, alpha=found.reject_alpha)
    promoted = stats.power(units, share, found.margin, alpha=found.alpha, size=SIZE_OVER_ALPHA * found.alpha)
    passing = [case for case in found.cases if case.asserted and case.passes is not None]
    most = sum(bool(case.passes) for case in passing) / len(passing)
    return PowerAt(by_chance=share, promoted=promoted, drop=None if drop is None or drop > most else drop)
