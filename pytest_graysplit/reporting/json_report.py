"""The JSON report for scripts in CI; its keys are stable, and `format` is raised when they change."""

from __future__ import annotations

import json
from math import isnan
from statistics import fmean, median
from typing import TYPE_CHECKING, TypedDict

from pytest_graysplit.cases.tool_calls.reading import as_json
from pytest_graysplit.config.policy import PASS_RATE
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import try_writing, why_not, write_whole
from pytest_graysplit.formatting.escaping import visible_json
from pytest_graysplit.verdict.figures_json import bounds_json, finite, latency_figures, row_json, token_figures, usd
from pytest_graysplit.verdict.results import CONTROL, FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_graysplit.types import Json, MetricUsage, Reply
    from pytest_graysplit.verdict import Criterion, Verdict
    from pytest_graysplit.verdict.results import ArmSummary, CaseRow, ComparisonSummary, Results

# Without a pair, every difference is possible.
NO_DIFFERENCE = {"estimate": None, "low": -1.0, "high": 1.0}


class Run(TypedDict):
    """The identification of one run; times in UTC and seconds."""

    id: str
    started: str
    duration_s: float
    record: str
    complete: bool
    seed: int


def chunks(results: Results, verdicts: Sequence[Verdict], run: Run) -> Iterator[str]:
    """Yield the report as text; `verdicts` has one for each treatment."""
    decided = {verdict.treatment: verdict for verdict in verdicts}
    report = {
        "format": FORMAT,
        "run": run,
        "arms": [_arm(arm) for arm in results.arms()],
        "comparisons": [_comparison(one, decided[one.treatment]) for one in results.comparisons()],
        "cases": [_case(row) for row in results.rows],
    }
    # Escape control characters: the parsed text is unchanged, and a terminal that prints the file is safe.
    yield visible_json(json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False))
    yield "\n"


def _arm(arm: ArmSummary) -> dict[str, object]:
    return {
        "role": arm.role,
        "model": arm.model,
        "cases": arm.cases,
        "passed": arm.passed,
        "pass_rate": finite(arm.pass_rate.estimate),
        "pass_rate_ci": [arm.pass_rate.low, arm.pass_rate.high],
        "errors": arm.errors,
        "outcomes": arm.outcomes,
        "latency_s": latency_figures(arm.mean_latency_s, arm.latency_s, len(arm.latencies_s)),
        "tokens": token_figures(arm.usage),
        "cost_usd": usd(arm.cost_usd),
        "priced": arm.priced,
        "cost_per_pass_usd": usd(arm.cost_per_pass_usd),
        "served_models": arm.served_models,
        "attempts": arm.attempts,
        "replayed": arm.replayed,
        "in_flight": {"median": median(arm.in_flight), "max": max(arm.in_flight)} if arm.in_flight else None,
    }


def _comparison(one: ComparisonSummary, verdict: Verdict) -> dict[str, object]:
    similarities = one.similarities
    rows = {row.name: row for row in verdict.rows}
    return {
        "treatment": one.treatment,
        "n": verdict.cases.total,
        "similarity": {
            "mean": fmean(similarities) if similarities else None,
            "min": min(similarities, default=None),
            "below": one.below,
        },
        "pass_difference": _bounds(rows.get(PASS_RATE)) or NO_DIFFERENCE,
        "latency_ratio": _bounds(rows.get("latency")),
        "cost_ratio": one.cost_ratio,
        "cases": verdict.cases._asdict(),
        "broken": [broken._asdict() for broken in verdict.broken],
        "flags": one.flags,
        "metric_calls": {asked.metric: _asked(asked) for asked in one.asked},
        "rows": [row_json(row) for row in verdict.rows],
        "verdict": verdict.decision,
        "reasons": list(verdict.reasons),
        "cases_needed": verdict.needed,
        "cases_needed_if_equal": verdict.needed_if_equal,
        "mcnemar_midp": verdict.mcnemar_midp,
    }


def _bounds(row: Criterion | None) -> dict[str, Json] | None:
    return None if row is None or isnan(row.estimate) else bounds_json(row)


def _asked(asked: MetricUsage) -> dict[str, object]:
    return {
        "model": asked.model,
        "calls": asked.calls,
        "cost_usd": usd(asked.cost_usd),
        "replayed": asked.replayed,
        "failed": asked.failed,
        "unreadable": asked.unreadable,
        "better": asked.better,
        "ties": asked.ties,
        "worse": asked.worse,
        "disagreements": asked.disagreements,
    }


def _case(row: CaseRow) -> dict[str, object]:
    threshold = next((one.threshold for one in row.comparisons.values() if one.threshold is not None), None)
    return {
        "id": row.case.id,
        "file": row.file,
        "nodeid": row.nodeid,
        "tags": list(row.case.tags),
        "passed": {arm: result.passed for arm, result in row.arms.items() if result.judged},
        "pass_share": {arm: result.pass_share for arm, result in row.arms.items() if result.judged},
        "asserted": row.asserted,
        "similarity": {arm: one.similarity for arm, one in row.comparisons.items()},
        "self_similarity": row.self_similarity,
        "threshold": threshold,
        "calibrated": row.calibrated,
        "discriminates": row.discriminates,
        "flags": [
            {"treatment": arm, "name": flag.name, "detail": flag.detail}
            for arm, one in row.comparisons.items()
            for flag in one.flags
        ],
        "misses": {
            arm: [{"kind": miss.kind, "problem": miss.problem, "slug": miss.slug} for miss in result.misses]
            for arm, result in row.arms.items()
        },
        "replies": {arm: [_reply(reply) for reply in result.replies] for arm, result in row.arms.items()},
        "spare": {arm: [_reply(reply) for reply in result.spare] for arm, result in row.arms.items() if arm == CONTROL},
    }


def _reply(reply: Reply) -> dict[str, Json]:
    return {
        "outcome": reply.outcome,
        "latency_s": reply.latency_s,
        "ttft_s": reply.ttft_s,
        "cost_usd": usd(reply.cost_usd),
        "text": reply.text,
        "reasoning": reply.reasoning,
        "tool_calls": [as_json(call) for call in reply.tool_calls],
        "model": reply.model,
        "served_model": reply.served_model,
        "attempts": reply.attempts,
        "queue_s": reply.queue_s,
        "backoff_s": reply.backoff_s,
        "in_flight": reply.in_flight,
        "replayed": reply.replayed,
        "error": reply.error,
        "error_slug": reply.error_slug,
        "at": reply.at,
    }


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write the whole text or nothing; raise UsageError if the file cannot be written."""
    try:
        write_whole(path, pieces)
    except OSError as error:
        raise UsageError(
            f"the report {path} cannot be written: {why_not(path, error)}",
            hint="name a file in a folder that can be written to; the run itself and its recordings are complete",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None


def require_writable(path: Path) -> None:
    """Raise UsageError before anything is sent if the report could not be written at the end."""
    try:
        try_writing(path)
    except (OSError, ValueError) as error:  # a NUL in the path does not raise an OSError
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"the report {path} cannot be written: {why or error}",
            hint="nothing was sent; name a file in a folder that can be written to with --graysplit-json=FILE",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None
