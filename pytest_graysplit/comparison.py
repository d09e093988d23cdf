"""Holds a treatment's replies against the control's."""

from __future__ import annotations

from itertools import combinations, product
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.metrics import guards
from pytest_graysplit.types import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_graysplit.types import Case, Flag, Reply

    # None: nobody can tell, for instance because a judge gave no verdict.
    Score = Callable[[Reply, Reply], float | None]


def compare(
    case: Case,
    control: Sequence[Reply],
    treatment: Sequence[Reply],
    *,
    metric: str,
    score: Score,
) -> Comparison:
    """Compare every sample of the treatment with every sample of the control, and the control's with each other."""
    return Comparison(
        case=case,
        control=control[0],
        treatment=treatment[0],
        similarity=_mean(scored_pairs(control, treatment), score),
        # Uncalibrated, "auto" names no number to hold anything to.
        threshold=None if isinstance(case.min_similarity, str) else case.min_similarity,
        metric=metric,
        flags=_flags(control[0], treatment),
        self_similarity=self_similarity(control, score),
        control_samples=tuple(control),
        treatment_samples=tuple(treatment),
    )


def scored_pairs(control: Sequence[Reply], treatment: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the pairs whose scores make the similarity: each of the treatment's with each of the control's."""
    return (pair for pair in product(control, treatment) if _comparable(*pair))


def self_pairs(control: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the pairs that tell how far the control repeats itself."""
    return (pair for pair in combinations(control, 2) if _comparable(*pair))


def self_similarity(samples: Sequence[Reply], score: Score) -> float | None:
    """Return how alike the samples of one arm are, the mean over all pairs; None with fewer than two to compare."""
    return _mean(self_pairs(samples), score)


def self_flags(samples: Sequence[Reply]) -> tuple[Flag, ...]:
    """Return what changed in meaning between an arm's first sample and its others."""
    return _flags(samples[0], samples[1:])


def _mean(pairs: Iterable[tuple[Reply, Reply]], score: Score) -> float | None:
    scores = [one for pair in pairs if (one := score(*pair)) is not None]
    return fmean(scores) if scores else None


def _comparable(control: Reply, treatment: Reply) -> bool:
    # An empty treatment is as far from a control that said something as can be; an empty control says nothing.
    return "error" not in (control.outcome, treatment.outcome) and bool(control.text.strip())


def _flags(control: Reply, treatments: Sequence[Reply]) -> tuple[Flag, ...]:
    found: dict[str, Flag] = {}
    for reply in treatments:
        if _comparable(control, reply) and reply.text.strip():
            for flag in guards.flags(control.text, reply.text):
                found.setdefault(flag.name, flag)
    return tuple(found.values())
