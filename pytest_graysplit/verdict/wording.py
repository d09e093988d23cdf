"""The reasons of a verdict, in words: what a row showed, held against its bound."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.display import plural
from pytest_graysplit.policy import PASS_RATE

if TYPE_CHECKING:
    from pytest_graysplit.verdict.rows import Row

_LABELS = {
    PASS_RATE: "pass rate",
    "similarity_deficit": "similarity deficit",
    "errors": "errors and refusals",
    "latency": "latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "latency_budget": "latency budget",
    "cost_per_pass": "cost per pass",
    "savings": "savings",
    "savings_with_fallback": "savings with fallback",
}
MOST_CASES = 100_000


def label_of(name: str) -> str:
    """Return what people call a row: "pass rate", or "pass rate of refund" for a tag."""
    return f"pass rate of {name[4:]}" if name.startswith("tag:") else _LABELS[name]


def reason_of(row: Row) -> str:
    """Say where the row stands against its bound, by the end of its interval that decided."""
    label = label_of(row.name)
    bound = row.bound or 0.0
    if row.name == PASS_RATE or row.name.startswith("tag:"):
        return _points(label, row, -bound)
    if row.name == "errors":
        worst = row.low if row.state == "fail" else row.high
        return (
            f"{label} {_may(row)} {_beside(100 * worst, 100 * bound)} points more, the bound is {_plain(100 * bound)}"
        )
    if row.name in ("similarity_deficit", "latency_budget"):
        scale, unit = (100, "%") if row.name == "latency_budget" else (1, "")
        worst = row.low if row.state == "fail" else row.high
        stands = f"{_beside(scale * worst, scale * bound)}{unit}"
        return f"{label} {_may(row)} {stands}, the bound is {_plain(scale * bound)}{unit}"
    worst = row.low if row.state == "fail" else row.high
    return f"{label} {_may(row)} x{_beside(worst, bound)}, the bound is x{_plain(bound)}"


def more_cases(row: Row, needed: int | None) -> str:
    """Say how many more cases would decide the row, where any number that somebody would run does."""
    if needed is None or needed > MOST_CASES:
        return "the difference is so near to the margin that no suite of a usual size decides"
    if needed <= row.n:
        return "a few more cases would decide"
    return f"about {plural(needed - row.n, 'more case')} would decide"


def _points(label: str, row: Row, margin: float) -> str:
    shown = _plain(100 * margin)
    if row.state == "fail":
        return f"{label} is at least {_beside(-100 * row.high, 100 * margin)} points worse, the margin is {shown}"
    if row.low >= 0:
        return f"{label} is not worse, the margin is {shown}"
    verb = "is at most" if row.state == "pass" else "may be"
    return f"{label} {verb} {_beside(-100 * row.low, 100 * margin)} points worse, the margin is {shown}"


def _may(row: Row) -> str:
    return {"pass": "is at most", "fail": "is at least"}.get(str(row.state), "may be")


def _beside(value: float, bound: float) -> str:
    """Write a number with one digit or two, or as many as it takes to stand on its own side of the bound."""
    exact, limit = Decimal(repr(round(value, 12))), Decimal(repr(round(bound, 12)))
    for digits in range(1 if abs(limit) >= 2 else 2, 13):
        rounded = round(exact, digits)
        if rounded.compare(limit) == exact.compare(limit):
            return f"{rounded:f}"
    return f"{exact:f}"


def _plain(value: float) -> str:
    """Write a bound as a person would: 5.0 points, 1.25 times."""
    return f"{round(value, 6):.1f}" if abs(round(value, 1) - value) < 1e-9 else f"{round(value, 6):g}"
