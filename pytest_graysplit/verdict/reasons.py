"""Reasons in words: the figures of a criterion, compared with its bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.config.policy import FEEDBACK, GUARDS, PASS_RATE, RETENTION, SIGNAL, TAG, WAIT_QUANTILES
from pytest_graysplit.formatting.display import format_near_bound, plural, points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.verdict.criteria import Criterion

Measure = Literal["points", "ratio", "score", "usd", "share", "seconds"]

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
    "p95_s": "p95 of the wait",
    "p99_s": "p99 of the wait",
    "cost_per_pass": "cost per pass",
    FEEDBACK: "feedback",
    "savings": "savings",
    "savings_with_fallback": "savings with fallback",
    "calls_per_case": "calls per case",
    "requests_per_unit": "requests per unit",
}
# The factor of a shown figure, and the text before and after it; all others are ratios.
_UNITS = {
    "errors": (100, "", " points more"),
    GUARDS: (100, "", " points more"),
    "similarity_deficit": (1, "", ""),
    "latency_budget": (100, "", "%"),
    **dict.fromkeys(WAIT_QUANTILES, (1, "", " s")),
}
# The unit of a figure on the page; all others are ratios.
_MEASURES: Mapping[str, Measure] = {
    PASS_RATE: "points",
    "errors": "points",
    GUARDS: "points",
    "similarity_deficit": "score",
    RETENTION: "share",
    "latency_budget": "share",
    **dict.fromkeys(WAIT_QUANTILES, "seconds"),
    "savings": "usd",
    "savings_with_fallback": "usd",
    "calls_per_case": "score",
}
# Criteria with a name in the plural.
_MANY = ("errors", GUARDS)
# The text about a cost ratio of a free model.
_FREE: Mapping[float, str] = {
    0.0: "is 0: the treatment is free, and the control is not",
    1.0: "is 0 with both models, so nothing is saved",
    math.inf: "is above 0: the control is free, and the treatment is not",
}
MOST_UNITS = 1_000_000


def label_of(name: str) -> str:
    """Return the label of a criterion for people: "pass rate", or "pass rate of refund" for a tag."""
    if name.startswith(SIGNAL):
        return f"signal {name.removeprefix(SIGNAL)}"
    return f"pass rate of {name.removeprefix(TAG)}" if name.startswith(TAG) else _LABELS[name]


def measure_of(criterion: Criterion) -> Measure:
    """Return the unit of the figures: a difference of shares ("points"), a score, a share, dollars or a ratio."""
    if criterion.must_not_fall or criterion.name.startswith(SIGNAL):
        return "points"
    return _MEASURES.get(criterion.name, "ratio")


def reason_of(criterion: Criterion) -> str:
    """Compare the criterion with its bound in words, by the end of its interval that decided."""
    label, bound = label_of(criterion.name), criterion.bound or 0.0
    if criterion.of_a_free_model:
        return f"{label} {_FREE[criterion.estimate]}"
    if criterion.state is None and criterion.remark:
        return f"{label} is {criterion.remark}"
    if criterion.must_not_fall:
        return _points(label, criterion, -bound)
    if criterion.name == RETENTION:
        return _kept(criterion, bound)
    worst = criterion.low if criterion.state == "fail" else criterion.high
    unit = "errors" if criterion.name.startswith(SIGNAL) else criterion.name
    scale, before, after = _UNITS.get(unit, (1, "x", ""))
    if criterion.name in WAIT_QUANTILES and worst == math.inf:
        return f"{label} has no upper end yet, the bound is {_plain(bound)}{after}"
    stands = f"{before}{_beside(scale * worst, scale * bound)}{after}"
    shown = f"{before}{_plain(scale * bound)}{'' if unit in _MANY else after}"
    return f"{label} {_may(criterion)} {stands}, the bound is {shown}"


def interval_of(criterion: Criterion) -> str:
    """Write a difference of pass rates with its interval and its number of cases."""
    bounds = f"{100 * criterion.confidence:.3g}% CI {points(criterion.low)} .. {points(criterion.high)}"
    return f"{points(criterion.estimate)} points ({bounds}, {plural(criterion.n, 'case')})"


def more_units(criterion: Criterion, needed: int | None) -> str:
    """Say how many more units of live traffic would decide the criterion."""
    if needed is None or needed > MOST_UNITS:
        return "the difference is so close to the margin that no usual amount of traffic would decide"
    if needed <= criterion.n:
        return "a few more units would decide"
    return f"about {plural(needed - criterion.n, 'more unit')} would decide"


def _points(label: str, criterion: Criterion, margin: float) -> str:
    shown = _plain(100 * margin)
    if criterion.state == "fail":
        return f"{label} is at least {_beside(-100 * criterion.high, 100 * margin)} points worse, the margin is {shown}"
    if criterion.low >= 0:
        return f"{label} is not worse, the margin is {shown}"
    verb = "is at most" if criterion.state == "pass" else "may be"
    return f"{label} {verb} {_beside(-100 * criterion.low, 100 * margin)} points worse, the margin is {shown}"


def _kept(criterion: Criterion, bound: float) -> str:
    verb, end = {"pass": ("keeps at least", criterion.low), "fail": ("keeps at most", criterion.high)}.get(
        str(criterion.state), ("may keep only", criterion.low)
    )
    shown = _beside(100 * end, 100 * bound)
    return f"retention: {verb} {shown}% of the control's passes, the bound is {_plain(100 * bound)}%"


def _may(criterion: Criterion) -> str:
    verb = "are" if criterion.name in _MANY else "is"
    return {"pass": f"{verb} at most", "fail": f"{verb} at least"}.get(str(criterion.state), "may be")


def _beside(value: float, bound: float) -> str:
    """Write a number with one or two digits, or with as many as show on which side of the bound it is."""
    limit = round(bound, 12)
    return format_near_bound(round(value, 12), limit, fewest=1 if abs(limit) >= 2 else 2)


def _plain(value: float) -> str:
    """Write a bound in the usual form: 5.0 points, 1.25 times."""
    return f"{round(value, 6):.1f}" if abs(round(value, 1) - value) < 1e-9 else f"{round(value, 6):g}"
