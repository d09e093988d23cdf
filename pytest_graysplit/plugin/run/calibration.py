"""Calibrates `min_similarity="auto"` on every control reply of the run, before the first test."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation.comparison import PairScores
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.stats import quantile
from pytest_graysplit.verdict.noise_floor import (
    ALPHA,
    NoiseFloor,
    asserts_nothing,
    by_shortfall,
    cache,
    calibrated,
    calibrated_shortfall,
    reached,
    uncalibrated,
    with_noise_floor,
)
from pytest_graysplit.verdict.pairs import order_of
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pytest

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.types import Reply

# So many pairs of answers to unlike prompts are scored: enough for a 95% point, and less than the replies take.
MOST_PAIRS = 400


def fetches_first(state: RunContext, items: Iterable[pytest.Item]) -> bool:
    """Tell whether a run that would fetch a little ahead must fetch all: the first threshold needs every reply.

    A worker sees only a part of the items, so it calibrates on what is recorded and fetches none of it.
    """
    return not state.is_worker and any(item.stash[PLAN].case.min_similarity == "auto" for item in items)


def refuse_early_stop(state: RunContext, plans: Iterable[Plan]) -> None:
    """Raise UsageError where calibrating would ask for every reply that an early stop is there to spare."""
    if state.settings.early_stop is not None and any(plan.case.min_similarity == "auto" for plan in plans):
        raise UsageError(
            "--graysplit-early-stop does not go with min_similarity=auto, which asks for every control reply first",
            hint="give a number, --graysplit-min-similarity=X, or leave out --graysplit-early-stop",
            slug=Slug.AUTO_EARLY_STOP,
        )


def calibrate(state: RunContext, plans: Iterable[Plan]) -> None:
    """Give the plans that ask for auto their number, one for each metric.

    Raises UsageError in a worker that would have to fetch a control reply first.
    """
    asked: dict[str, list[Plan]] = {}
    for plan in plans:
        if plan.case.min_similarity == "auto":
            asked.setdefault(cast("str", plan.case.metric), []).append(plan)
    refuse_early_stop(state, [plan for some in asked.values() for plan in some])
    if state.is_worker:
        _refuse_to_fetch(state, [plan for some in asked.values() for plan in some])
    for metric, some in sorted(asked.items()):
        of = f" ({metric})" if len(asked) > 1 else ""
        state.noise_floor[metric] = floor = _measure(state, some, of)
        for plan in some:
            plan.case = with_noise_floor(plan.case, floor)


class Measured(NamedTuple):
    """The control's answers to one case, how alike they are, and what each lacks of that beside every two others."""

    plan: Plan
    replies: tuple[Reply, ...]
    score: Score
    self_similarity: float | None
    deficits: list[float]


def _measure(state: RunContext, plans: Sequence[Plan], of: str) -> NoiseFloor | None:
    """Return what one metric asks for, and note what it is, that it asserts nothing, or why there is none."""
    # Several items may be about one case, such as one for each treatment: it counts once.
    cases = {tuple(request.recording_key for request in plan.requests[CONTROL]): plan for plan in plans}
    measured, samples = [], []
    for plan in cases.values():
        with suppress(Exception):  # what breaks here, such as a user's hook or a missing reply, is the test's to show
            samples.append(replies := _control(state, plan))
            measured.append(_measured(plan, replies, state.scoring.of(plan.case, plan.path, plan.recording_path)))
    known = [one for one in measured if one.self_similarity is not None and isfinite(one.self_similarity)]
    stored = cache(samples)
    floor = None if stored else _floor(known)
    if floor is None:
        fallbacks = {plan.case.fallback_similarity for plan in plans}
        state.tally.notes.append(uncalibrated(len(known), stored, fallbacks, of))
        return None
    part = state.tally.deselected or state.tally.by_nodeid
    selected = f", calibrated on {plural(len(known), 'selected case')} only" if part else ""
    state.tally.notes.append(reached(floor, of, selected))
    settled_cases = [by_shortfall(with_noise_floor(one.plan.case, floor), one.self_similarity) for one in known]
    if note := asserts_nothing(floor, settled_cases, of):
        state.tally.notes.append(note)
    return floor


def _measured(plan: Plan, replies: tuple[Reply, ...], score: Score) -> Measured:
    scores = PairScores.of(replies, (), score)
    return Measured(plan, replies, score, scores.self_similarity, scores.deficits)


def _floor(known: Sequence[Measured]) -> NoiseFloor | None:
    """Calibrate the deficit where most cases have three answers of the control, else one threshold for all."""
    others = _other_prompts(known)
    deficits = [one.deficits for one in known if one.deficits]
    if 2 * len(deficits) > len(known) and (floor := calibrated_shortfall(deficits, others)):
        return floor
    return calibrated([one.self_similarity for one in known if one.self_similarity is not None], others)


def _other_prompts(known: Sequence[Measured]) -> float | None:
    """Return what the control's answers to other prompts reach in 5% of pairs; None without a pair of unlike answers.

    Two prompts may have the same right answer, such as a label, so that equal answers tell nothing. A metric that asks
    a model is not asked for this.
    """
    ordered = sorted(known, key=lambda one: order_of((one.plan.file, one.plan.case.id, one.plan.request_hash)))
    scores = []
    for one, other in islice(_unlike(ordered), MOST_PAIRS):
        if not isinstance(one.score, ModelGradedScorer):
            with suppress(Exception):
                scores.append(one.score(one.replies[0], other.replies[0]))
    told = [score for score in scores if score is not None and isfinite(score)]
    return quantile(told, 1 - ALPHA)


def _unlike(ordered: Sequence[Measured]) -> Iterator[tuple[Measured, Measured]]:
    """Yield pairs of cases of unlike prompts with unlike answers, each case as often as any other."""
    for step in range(1, (len(ordered) + 1) // 2):
        for place, one in enumerate(ordered):
            other = ordered[(place + step) % len(ordered)]
            texts = [each.replies[0].text.strip() for each in (one, other)]
            clusters = [each.plan.case.cluster for each in (one, other)]
            told_apart = one.plan.request_hash != other.plan.request_hash and (
                clusters[0] is None or len(set(clusters)) > 1
            )
            if told_apart and all(texts) and len(set(texts)) > 1:
                yield one, other


def _control(state: RunContext, plan: Plan) -> tuple[Reply, ...]:
    return tuple(map(state.fetcher.reply, plan.requests[CONTROL]))


def _refuse_to_fetch(state: RunContext, plans: Sequence[Plan]) -> None:
    requests = {request.recording_key: request for plan in plans for request in plan.requests[CONTROL]}
    if missing := state.fetcher.missing(requests.values()):
        which = "are not recorded" if state.settings.record == "new" else "would be asked anew"
        raise UsageError(
            "auto thresholds are calibrated on every control reply before the first test; "
            f"{len(missing):,} of {len(requests):,} {which}",
            hint="run once without -n, which records them, or give a number: --graysplit-min-similarity=X",
            slug=Slug.AUTO_WORKERS,
        )
