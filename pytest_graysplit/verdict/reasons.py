"""The reasons of a verdict, in words: what a row showed, held against its bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.config.policy import FEEDBACK, GUARDS, PASS_RATE, RETENTION, TAG
from pytest_graysplit.formatting.display import beside, plural, points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.verdict.criteria import Criterion

Measure = Literal["points", "ratio", "score", "usd", "share"]

_LABELS = {
    PASS_RATE: "pass rate",
    RETENTION: "retention",
    "similarity_deficit": "similarity deficit",
    "errors": "errors and refusals",
    GUARDS: "guards' flags",
    "latency": "latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "latency_budget": "latency budget",
    "cost_per_pass": "cost per pass",
    FEEDBACK: "feedback",
    "savings": "savings",
    "savings_with_fallback": "savings with fallback",
    "requests_per_unit": "requests per unit",
}
# By what a figure is multiplied where people read it, and what stands before and after it; ratios are the rest.
_UNITS = {
    "errors": (100, "", " points more"),
    GUARDS: (100, "", " points more"),
    "similarity_deficit": (1, "", ""),
    "latency_budget": (100, "", "%"),
}
# What a page shows a figure in; ratios are the rest.
_MEASURES: Mapping[str, Measure] = {
    PASS_RATE: "points",
    "errors": "points",
    GUARDS: "points",
    "similarity_deficit": "score",
    RETENTION: "share",
    "latency_budget": "share",
    "savings": "usd",
    "savings_with_fallback": "usd",
}
# Rows that are named in the plural.
_MANY = ("errors", GUARDS)
# What is said of a cost where a model is free, by the ratio.
_FREE: Mapping[float, str] = {
    0.0: "is nothing: the treatment is free, and the control is not",
    1.0: "is nothing with either model, so nothing is saved",
    math.inf: "is more than nothing: the control is free, and the treatment is not",
}
MOST_UNITS = 1_000_000


def label_of(name: str) -> str:
    """Return what people call a row: "pass rate", or "pass rate of refund" for a tag."""
    return f"pass rate of {name.removeprefix(TAG)}" if name.startswith(TAG) else _LABELS[name]


def measure_of(row: Criterion) -> Measure:
    """Return what the row's figures are: a difference of shares ("points"), a score, a share, dollars or a ratio."""
    return "points" if row.is_pass_rate or row.name == FEEDBACK else _MEASURES.get(row.name, "ratio")


def reason_of(row: Criterion) -> str:
    """Say where the row stands against its bound, by the end of its interval that decided."""
    label, bound = label_of(row.name), row.bound or 0.0
    if row.of_a_free_model:
        return f"{label} {_FREE[row.estimate]}"
    if row.state is None and row.remark:
        return f"{label} is {row.remark}"
    if row.is_pass_rate or row.name == FEEDBACK:
        return _points(label, row, -bound)
    if row.name == RETENTION:
        return _kept(row, bound)
    worst = row.low if row.state == "fail" else row.high
    scale, before, after = _UNITS.get(row.name, (1, "x", ""))
    stands = f"{before}{_beside(scale * worst, scale * bound)}{after}"
    shown = f"{before}{_plain(scale * bound)}{'' if row.name in _MANY else after}"
    return f"{label} {_may(row)} {stands}, the bound is {shown}"


def interval_of(row: Criterion) -> str:
    """Write a difference of pass rates with its interval and its number of cases."""
    bounds = f"{100 * row.confidence:.3g}% CI {points(row.low)} .. {points(row.high)}"
    return f"{points(row.estimate)} points ({bounds}, {plural(row.n, 'case')})"


def more_units(row: Criterion, needed: int | None) -> str:
    """Say how many more units of live traffic would decide the row, where any usual number does."""
    if needed is None or needed > MOST_UNITS:
        return "the difference is so near to the margin that no traffic of a usual size decides"
    if needed <= row.n:
        return "a few more units would decide"
    return f"about {plural(needed - row.n, 'more unit')} would decide"


def _points(label: str, row: Criterion, margin: float) -> str:
    shown = _plain(100 * margin)
    if row.state == "fail":
        return f"{label} is at least {_beside(-100 * row.high, 100 * margin)} points worse, the margin is {shown}"
    if row.low >= 0:
        return f"{label} is not worse, the margin is {shown}"
    verb = "is at most" if row.state == "pass" else "may be"
    return f"{label} {verb} {_beside(-100 * row.low, 100 * margin)} points worse, the margin is {shown}"


def _kept(row: Criterion, bound: float) -> str:
    verb, end = {"pass": ("keeps at least", row.low), "fail": ("keeps at most", row.high)}.get(
        str(row.state), ("may keep only", row.low)
    )
    shown = _beside(100 * end, 100 * bound)
    return f"retention: {verb} {shown}% of the control's passes, the bound is {_plain(100 * bound)}%"


def _may(row: Criterion) -> str:
    verb = "are" if row.name in _MANY else "is"
    return {"pass": f"{verb} at most", "fail": f"{verb} at least"}.get(str(row.state), "may be")


def _beside(value: float, bound: float) -> str:
    """Write a number with one digit or two, or as many as it takes to stand on its own side of the bound."""
    limit = round(bound, 12)
    return beside(round(value, 12), limit, fewest=1 if abs(limit) >= 2 else 2)


def _plain(value: float) -> str:
    """Write a bound as a person would: 5.0 points, 1.25 times."""
    return f"{round(value, 6):.1f}" if abs(round(value, 1) - value) < 1e-9 else f"{round(value, 6):g}"
