"""Pass rates that depend on a judge: corrected for its errors if they are known, and without a promise if not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.stats import Corrected, JudgedCase
from pytest_graysplit.verdict.criteria import Criterion, at_least, criterion_of
from pytest_graysplit.verdict.judge_standing import JudgedRates
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.stats import Interval, JudgeAccuracy
    from pytest_graysplit.verdict.judge_standing import JudgeStanding
    from pytest_graysplit.verdict.pairs import Pair

METHOD = "Rogan-Gladen by {labels} labels, Fieller interval, the judge errs alike on both arms"
UNCORRECTED = "not corrected for the judge's errors"


def are_judged(pairs: Sequence[Pair]) -> bool:
    """Tell whether a judge has a part in any of the pairs' passes."""
    return any(pair.checked is not None for pair in pairs)


def corrected_difference(pairs: Sequence[Pair], accuracy: JudgeAccuracy, confidence: float) -> Corrected:
    """Return the difference of pass rates, treatment minus control, corrected for the errors of the judge."""
    return Corrected(differences_of(pairs), accuracy, clusters_of(pairs), confidence=confidence)


def differences_of(pairs: Sequence[Pair]) -> list[JudgedCase]:
    """Return each pair as the differences of its passes, with and without the judge."""
    return [
        JudgedCase(pair.difference, pair.difference, by_judge=False)
        if pair.checked is None
        else JudgedCase(pair.difference, pair.checked.treatment - pair.checked.control, by_judge=True)
        for pair in pairs
    ]


def corrected_pass_rate(name: str, pairs: Sequence[Pair], policy: Policy, accuracy: JudgeAccuracy) -> Criterion:
    """Return the corrected difference of pass rates, compared with the margin."""
    corrected = corrected_difference(pairs, accuracy, policy.confidence)
    method = METHOD.format(labels=accuracy.holding + accuracy.failing)
    criterion = criterion_of(name, corrected.interval(), len(pairs), method)
    judged = at_least(criterion, -policy.margin, corrected.p_below(-policy.margin))
    return replace(judged, accuracy=accuracy)


def without_promise(criterion: Criterion) -> Criterion:
    """Return the criterion without a state if it passes: a judge that errs makes every difference smaller.

    If it errs alike on both arms, an observed harm is at least as large without the errors, so a failure is kept.
    """
    if criterion.state != "pass" or criterion.of_a_free_model:
        return criterion
    return replace(criterion, state=None, remark=UNCORRECTED)


def rates_of(pairs: Sequence[Pair], difference: Interval, standing: JudgeStanding, policy: Policy) -> JudgedRates:
    """Return the judge's influence on the pass rates of the pairs, whose uncorrected `difference` is known."""
    accuracy = standing.usable
    rates: list[Interval | None] = [None, None]
    if accuracy is not None:
        rates = [
            Corrected(
                _passes_of(pairs, arm), accuracy, clusters_of(pairs), ends=(0.0, 1.0), confidence=policy.confidence
            ).interval()
            for arm in (0, 1)
        ]
    control, treatment = rates
    return JudgedRates(
        standing=standing,
        cases=sum(pair.checked is not None for pair in pairs),
        difference=difference,
        control=control,
        treatment=treatment,
    )


def _passes_of(pairs: Sequence[Pair], arm: int) -> list[JudgedCase]:
    return [
        JudgedCase(pair.passed[arm], pair.passed[arm], by_judge=False)
        if pair.checked is None
        else JudgedCase(pair.passed[arm], pair.checked[arm], by_judge=True)
        for pair in pairs
    ]
