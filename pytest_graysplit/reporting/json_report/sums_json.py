"""The sections `arms` and `comparisons` of the JSON report: sums over all cases, and the verdicts."""

from __future__ import annotations

from math import isnan
from statistics import fmean, median
from typing import TYPE_CHECKING

from pytest_graysplit.config.policy import PASS_RATE
from pytest_graysplit.verdict.figures_json import (
    bounds_json,
    finite,
    interval_json,
    latency_figures,
    row_json,
    token_figures,
    usd,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json, MetricUsage
    from pytest_graysplit.verdict import Criterion, Verdict
    from pytest_graysplit.verdict.judge_standing import JudgedRates
    from pytest_graysplit.verdict.results import ArmSummary, ComparisonSummary, OtherCalls

# The configuration of an arm that nothing is known about.
UNKNOWN_ARM: Mapping[str, Json] = {"base_url": None, "params": {}, "unset": [], "own_system": False, "headers": []}
# Without a pair, every difference is possible.
NO_DIFFERENCE = {"estimate": None, "low": -1.0, "high": 1.0}


def arm_json(arm: ArmSummary, configured: Mapping[str, Json] = UNKNOWN_ARM) -> dict[str, object]:
    """Return the sums of one arm, with its configuration."""
    return {
        "role": arm.role,
        "name": arm.name,
        "model": arm.model,
        **configured,
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
        "runs": arm.runs,
        "calls": arm.calls,
        "without_output": arm.without_output,
        "other_calls": other_calls_json(arm.other_calls),
    }


def other_calls_json(calls: Mapping[str, OtherCalls]) -> dict[str, object]:
    """Return the calls of applications to models that are not under test, by model."""
    return {
        name: {"calls": one.calls, "failed": one.failed, "cost_usd": usd(one.cost_usd)} for name, one in calls.items()
    }


def comparison_json(one: ComparisonSummary, verdict: Verdict) -> dict[str, object]:
    """Return the comparison of one treatment with the control, and its verdict."""
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
        "fields": one.fields,
        "conversations": one.conversations,
        "parted": [{"turn": turn, "cases": cases} for turn, cases in one.parted.items()],
        "applications": one.applications,
        "parted_calls": [{"call": call, "cases": cases} for call, cases in one.parted_runs.items()],
        "metric_calls": {asked.metric: usage_json(asked) for asked in one.asked},
        "rows": [row_json(row) for row in verdict.rows],
        "verdict": verdict.decision,
        "reasons": list(verdict.reasons),
        "cases_needed": verdict.needed,
        "cases_needed_if_equal": verdict.needed_if_equal,
        "mcnemar_midp": verdict.mcnemar_midp,
        "judge": None if verdict.judge is None else _judged(verdict.judge),
    }


def _judged(judge: JudgedRates) -> dict[str, object]:
    rates = {"control": judge.control, "treatment": judge.treatment}
    return {
        "cases": judge.cases,
        "calibrated": judge.standing.usable is not None,
        "uncorrected": interval_json(judge.difference),
        **{f"{arm}_pass_rate": None if rate is None else interval_json(rate) for arm, rate in rates.items()},
    }


def _bounds(row: Criterion | None) -> dict[str, Json] | None:
    return None if row is None or isnan(row.estimate) else bounds_json(row)


def usage_json(asked: MetricUsage) -> dict[str, object]:
    """Return the calls of a metric that asks a model."""
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
        "overruled": asked.overruled,
    }
