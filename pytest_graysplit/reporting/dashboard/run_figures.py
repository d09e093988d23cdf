"""The arms and comparisons of a run in a snapshot, from its results and verdicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.reporting.dashboard.snapshot_json import TWENTIETHS, histogram, latency_edges, row_json
from pytest_graysplit.verdict.figures_json import finite, latency_figures, token_figures, usd
from pytest_graysplit.verdict.results.sums import sum_up_replies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.types import Json, Reply
    from pytest_graysplit.verdict import Criterion, Verdict
    from pytest_graysplit.verdict.results import ArmSummary, ComparisonSummary, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSoFar:
    """One arm during the run: the summary of its judged cases, and the summary of all its answers."""

    judged: ArmSummary
    replies: tuple[Reply, ...]
    answered: ArmSummary


def arms_so_far(
    results: Results, named: Iterable[tuple[str, str]], fetched: Sequence[tuple[str, Reply]]
) -> list[ArmSoFar]:
    """Return all arms, also those without results; `named` holds (arm, model) and `fetched` (arm, reply)."""
    summaries = {one.arm: one for one in results.arms()}
    known = [result for row in results.rows for result in row.arms.values()]
    # No figure includes spare samples of the control, so they must not count as fetched replies.
    counted = {
        id(answer) if answer.turn is None else _identity(answer)
        for result in known
        for reply in (*result.replies, *result.spare)
        for answer in reply.turns
    }
    counted |= {
        _identity(call)
        for result in known
        if result.apps
        for reply in (*result.replies, *result.spare)
        for call in reply.calls
    }
    models = {**dict(named), **{arm: one.model for arm, one in summaries.items()}}
    return [
        _arm_so_far(
            summaries.get(arm) or sum_up_replies((), arm, model),
            [answer for result in known if result.arm == arm for answer in result.answers],
            [reply for name, reply in fetched if name == arm and not {id(reply), _identity(reply)} & counted],
        )
        for arm, model in models.items()
    ]


def _identity(reply: Reply) -> tuple[object, ...]:
    """Return the figures that identify a reply within a conversation, which is another object than the fetched one."""
    return reply.model, reply.sample, reply.at, reply.latency_s, reply.response_id, reply.text, reply.error


def _arm_so_far(judged: ArmSummary, seen: list[Reply], pending: list[Reply]) -> ArmSoFar:
    replies = (*seen, *pending)
    answered = sum_up_replies(replies, judged.arm, judged.model) if pending else judged
    return ArmSoFar(judged=judged, replies=replies, answered=answered)


def arms_json(arms: Sequence[ArmSoFar]) -> list[Json]:
    """Return the arms as JSON, with the same histogram edges for all of them."""
    edges = latency_edges([latency_s for arm in arms for latency_s in arm.answered.latencies_s])
    return [_arm(arm, edges) for arm in arms]


def _arm(arm: ArmSoFar, edges: Sequence[float]) -> Json:
    judged, answered = arm.judged, arm.answered
    rate, timed = judged.pass_rate, len(answered.latencies_s)
    return {
        "arm": judged.arm,
        "role": judged.role,
        # The page names each arm by this text.
        "model": judged.name,
        "weight": None,
        "n": judged.cases,
        "passed": judged.passed,
        "pass_rate": finite(rate.estimate),
        "pass_rate_ci": [rate.low, rate.high] if judged.cases else None,
        "units": None,
        "errors": answered.errors,
        "outcomes": dict(answered.outcomes),
        "error_classes": _error_classes(arm.replies),
        "latency_s": {**latency_figures(answered.mean_latency_s, answered.latency_s, timed), "n": timed},
        "latency_histogram": histogram(answered.latencies_s, edges) if answered.latencies_s else None,
        "tokens": token_figures(answered.usage),
        "cost_usd": usd(answered.cost_usd),
        "unpriced": sum(reply.cost_usd is None and reply.outcome != "error" for reply in arm.replies),
        # Over judged cases only: the other replies still wait for their test.
        "cost_per_pass_usd": usd(judged.cost_per_pass_usd),
        "feedback": None,
        "fallbacks": None,
    }


def _error_classes(replies: Sequence[Reply]) -> dict[str, Json]:
    counts = Counter(reply.error_slug or "unknown" for reply in replies if reply.outcome == "error")
    return {slug: counts[slug] for slug in sorted(counts)}


def verdict_json(verdict: Verdict, one: ComparisonSummary | None) -> Json:
    """Return a finished comparison as JSON."""
    return _comparison(
        verdict.treatment, verdict.decision, verdict.reasons, [row_json(row) for row in verdict.rows], one
    )


def collecting_json(
    treatment: str, reasons: Sequence[str], rows: Sequence[Criterion], one: ComparisonSummary | None
) -> Json:
    """Return an unfinished comparison as JSON: figures with intervals, and no state.

    An interval that is checked many times crosses its bound sooner or later, so it decides nothing before the end.
    """
    return _comparison(treatment, "collecting", reasons, [{**row_json(row), "state": None} for row in rows], one)


def _comparison(
    treatment: str, verdict: str, reasons: Sequence[str], rows: Sequence[Json], one: ComparisonSummary | None
) -> Json:
    return {
        "treatment": treatment,
        "verdict": verdict,
        "reasons": [*reasons],
        "rows": [*rows],
        "similarity": _similarity(one) if one and one.similarities else None,
    }


def _similarity(one: ComparisonSummary) -> Json:
    return {
        "n": len(one.similarities),
        "mean": fmean(one.similarities),
        "threshold": one.thresholds[0] if len(one.thresholds) == 1 else None,
        **histogram(one.similarities, TWENTIETHS),
    }
