"""Replies of a plan, and the pairs of them that its metric scores."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks.assertions import has_text
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.evaluation.comparison import of_texts, scored_pairs, self_pairs
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.types import Reply


def received(plan: Plan, fetcher: ReplyFetcher) -> dict[str, tuple[Reply, ...]]:
    """Wait for the replies of every arm; raise RecordingError or RelayError for an unavailable one."""
    return {arm: tuple(map(fetcher.reply, requests)) for arm, requests in plan.requests.items()}


def received_under_cap(plan: Plan, fetcher: ReplyFetcher) -> dict[str, tuple[Reply, ...]]:
    """Return the replies from before the cap was reached: they were paid for, and their cost counts."""
    return {arm: tuple(_available(fetcher, plan, arm)) for arm in plan.requests}


def _available(fetcher: ReplyFetcher, plan: Plan, arm: str) -> Iterator[Reply]:
    for request in plan.requests[arm]:
        with suppress(GraysplitError):
            yield fetcher.reply(request)


def pairs_of(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield every pair that judging the plan scores: both arms, the control with itself, and each reference."""
    control, treatment = replies.get(CONTROL, ()), replies.get(plan.treatment, ())
    if control and treatment:
        yield from of_texts(scored_pairs(control, treatment))
    if control and (treatment or plan.case.min_similarity is not None):
        yield from of_texts(self_pairs(control))
    yield from reference_pairs(plan, replies)


def reference_pairs(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the reference of the case, if it has one, with each reply that is compared with it."""
    reference = plan.case.expect and plan.case.expect.reference
    if reference:
        for arm in plan.judged_arms:
            for reply in filter(has_text, replies.get(arm, ())[: plan.samples]):
                yield _reference(reply, reference), reply


def reference_score(score: Score, reply: Reply, reference: str, text: str) -> float | None:
    """Score a part of a reply against the reference of its case."""
    return score(_reference(reply, reference), replace(reply, text=text))


def _reference(reply: Reply, text: str) -> Reply:
    """Return the reference in the shape of a reply; marked as replayed, so that nothing is redacted in it."""
    return replace(reply, text=text, replayed=True)
