"""Calibration of `min_similarity="auto"` on every control reply of the run, before the first test."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation.comparison import PairScores, is_same_answer, similarity_of
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.plugin.collect.plans import PLAN, store_plan
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

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.types import Reply

# The number of pairs of answers to different prompts: enough for a 95% point, and faster than fetching the replies.
MAX_PAIRS = 400


def needs_all_replies(context: RunContext, items: Iterable[pytest.Item]) -> bool:
    """Tell whether a run that would fetch a little ahead must fetch all, because a threshold needs every reply.

    A worker has only a part of the items, so it calibrates on recorded replies and fetches none for it.
    """
    return not context.worker.is_worker and any(item.stash[PLAN].case.min_similarity == "auto" for item in items)


def refuse_early_stop(settings: Settings, plans: Iterable[Plan]) -> None:
    """Raise UsageError if calibration would fetch every reply that an early stop is meant to save."""
    if settings.early_stop is not None and any(plan.case.min_similarity == "auto" for plan in plans):
        raise UsageError(
            "--graysplit-early-stop does not go with min_similarity=auto, which asks for every control reply first",
            hint="give a number, --graysplit-min-similarity=X, or leave out --graysplit-early-stop",
            slug=Slug.AUTO_EARLY_STOP,
        )


def calibrate(context: RunContext, items: Iterable[pytest.Item]) -> None:
    """Replace `auto` in the plans of the items by a number per metric.

    Raises UsageError in a worker that would have to fetch a control reply first.
    """
    by_metric: dict[str, list[pytest.Item]] = {}
    for item in items:
        case = item.stash[PLAN].case
        if case.min_similarity == "auto":
            by_metric.setdefault(cast("str", case.metric), []).append(item)
    plans = [item.stash[PLAN] for some in by_metric.values() for item in some]
    refuse_early_stop(context.settings, plans)
    if context.worker.is_worker:
        _refuse_to_fetch(context, plans)
    for metric, some in sorted(by_metric.items()):
        of = f" ({metric})" if len(by_metric) > 1 else ""
        floor = _calibrate_metric(context, [item.stash[PLAN] for item in some], of)
        context.planner.noise_floors[metric] = floor
        for item in some:
            plan = item.stash[PLAN]
            store_plan(item, replace(plan, case=with_noise_floor(plan.case, floor)))


class Measured(NamedTuple):
    """The control's replies to one case, their self-similarity, and the deficit of each against every two others."""

    plan: Plan
    replies: tuple[Reply, ...]
    score: Score
    self_similarity: float | None
    deficits: list[float]


def _calibrate_metric(context: RunContext, plans: Sequence[Plan], of: str) -> NoiseFloor | None:
    """Return the threshold of one metric with a note about it; None, with the reason as a note, without one."""
    # Several items may share a case, such as one per treatment: the case counts once.
    cases = {tuple(request.recording_key for request in plan.requests[CONTROL]): plan for plan in plans}
    measured, samples = [], []
    for plan in cases.values():
        with suppress(Exception):  # the test fails with it, such as an error in a user's hook or a missing reply
            samples.append(replies := plan.replies(context.fetching.fetcher, (CONTROL,))[CONTROL])
            measured.append(_measured(plan, replies, context.evaluator.scorer(plan)))
    known = [one for one in measured if one.self_similarity is not None and isfinite(one.self_similarity)]
    stored = cache(samples)
    floor = None if stored else _floor(known)
    notes = context.totals.notes
    if floor is None:
        fallbacks = {plan.case.fallback_similarity for plan in plans}
        notes.append(uncalibrated(len(known), stored, fallbacks, of))
        return None
    part = context.totals.deselected or context.totals.by_nodeid
    selected = f", calibrated on {plural(len(known), 'selected case')} only" if part else ""
    notes.append(reached(floor, of, selected))
    settled_cases = [by_shortfall(with_noise_floor(one.plan.case, floor), one.self_similarity) for one in known]
    if note := asserts_nothing(floor, settled_cases, of):
        notes.append(note)
    return floor


def _measured(plan: Plan, replies: tuple[Reply, ...], score: Score) -> Measured:
    scores = PairScores.of(replies, (), score)
    return Measured(plan, replies, score, scores.self_similarity, scores.deficits)


def _floor(known: Sequence[Measured]) -> NoiseFloor | None:
    """Calibrate the deficit if most cases have three replies of the control, otherwise one threshold for all cases."""
    others = _other_prompts(known)
    deficits = [one.deficits for one in known if one.deficits]
    if 2 * len(deficits) > len(known) and (floor := calibrated_shortfall(deficits, others)):
        return floor
    return calibrated([one.self_similarity for one in known if one.self_similarity is not None], others)


def _other_prompts(known: Sequence[Measured]) -> float | None:
    """Return the similarity that 5% of the pairs of answers to different prompts reach; None without such a pair.

    Pairs of equal answers are left out, because two prompts may have the same right answer, such as a label. A metric
    that asks a model is not used for this.
    """
    ordered = sorted(known, key=lambda one: order_of(one.plan.key))
    scores = []
    for one, other in islice(_different_pairs(ordered), MAX_PAIRS):
        score = _no_score if isinstance(one.score, ModelGradedScorer) else one.score
        with suppress(Exception):
            scores.append(similarity_of(one.replies[0], other.replies[0], score).similarity)
    finite = [score for score in scores if score is not None and isfinite(score)]
    return quantile(finite, 1 - ALPHA)


def _no_score(_: Reply, __: Reply) -> None:
    """Score no texts; tool calls can be compared without a metric."""


def _different_pairs(ordered: Sequence[Measured]) -> Iterator[tuple[Measured, Measured]]:
    """Yield pairs of cases with different prompts and different answers, each case equally often."""
    for step in range(1, (len(ordered) + 1) // 2):
        for place, one in enumerate(ordered):
            other = ordered[(place + step) % len(ordered)]
            first, second = one.replies[0], other.replies[0]
            clusters = [each.plan.case.cluster for each in (one, other)]
            are_different = one.plan.request_hash != other.plan.request_hash and (
                clusters[0] is None or len(set(clusters)) > 1
            )
            said = [bool(reply.text.strip() or reply.tool_calls) for reply in (first, second)]
            if are_different and all(said) and not is_same_answer(first, second):
                yield one, other


def _refuse_to_fetch(context: RunContext, plans: Sequence[Plan]) -> None:
    requests = {request.recording_key: request for plan in plans for request in plan.requests[CONTROL]}
    fetcher = context.fetching.fetcher
    sendable = (request for plan in plans for request in plan.next_requests(fetcher) if request.arm == CONTROL)
    if missing := fetcher.missing(sendable):
        which = "are not recorded" if context.settings.record == "new" else "would be requested again"
        raise UsageError(
            "auto thresholds are calibrated on every control reply before the first test; "
            f"{len(missing):,} of {len(requests):,} {which}",
            hint="run once without -n, which records them, or give a number: --graysplit-min-similarity=X",
            slug=Slug.AUTO_WORKERS,
        )
