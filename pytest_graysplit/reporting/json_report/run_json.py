"""The section `run` of the JSON report: its identification, and the facts that its verdicts depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from pytest_graysplit.verdict.figures_json import interval_json, usd
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.replies.budget import BudgetUsage
    from pytest_graysplit.types import Json
    from pytest_graysplit.verdict import RunFacts
    from pytest_graysplit.verdict.judge_standing import JudgeStanding


class Run(TypedDict):
    """The identification of one run with all facts that its verdicts depend on; times in UTC and seconds.

    `spent` is None without a cap on the cost.
    """

    id: str
    started: str
    duration_s: float
    record: str
    complete: bool
    seed: int
    versions: Mapping[str, str]
    control: str | None
    treatments: Sequence[str]
    options: Mapping[str, Json]
    policy: Mapping[str, Json]
    coverage: Mapping[str, Json]
    tests: Mapping[str, int]
    spent: Mapping[str, Json] | None
    notes: Sequence[str]


def policy_json(policy: Policy) -> dict[str, Json]:
    """Return the bounds of the verdict, by their names in pyproject.toml."""
    return {
        "margin": policy.margin,
        "bounds": dict(policy.bounds),
        "critical": list(policy.critical),
        "critical_tags": list(policy.critical_tags),
        "max_latency_s": policy.max_latency_s,
        "truncated": policy.truncated,
        "looks": list(policy.looks),
        "alpha": policy.alpha,
    }


def coverage_json(facts: RunFacts) -> dict[str, Json]:
    """Return the part of the suite that the run covered, with the early stops, and the standing of a judge."""
    return {
        "cut": list(facts.cut),
        "lost": facts.lost,
        "budget": facts.budget or None,
        "stops": {name: {"side": stop.side, "after": stop.after} for name, stop in sorted(facts.stops.items())},
        "judge": None if facts.judge == UNKNOWN_JUDGE else standing_json(facts.judge),
    }


def standing_json(judge: JudgeStanding) -> dict[str, Json]:
    """Return the errors of a judge on labelled answers, or the reason why they are unknown."""
    accuracy = judge.accuracy
    return {
        "model": judge.model,
        "labels": judge.labels or None,
        "accuracy": None if accuracy is None else dict(accuracy._asdict()),
        "sensitivity": None if accuracy is None else interval_json(accuracy.sensitivity),
        "specificity": None if accuracy is None else interval_json(accuracy.specificity),
        "problem": judge.problem or None,
        "uncalibrated_because": judge.uncalibrated_because or None,
    }


def spent_json(spent: BudgetUsage) -> dict[str, Json]:
    """Return the amounts that a run under a cap has used, in US dollars."""
    return {
        "usd": usd(spent.usd),
        "unconfirmed_usd": usd(spent.unconfirmed_usd),
        "refused_usd": usd(spent.refused_usd),
        "price_overruns": {model: float(factor) for model, factor in sorted(spent.price_overruns.items())},
    }
