"""The table of the page with the figures of each arm: one line per figure, one cell per arm."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import count, format_score, format_share, money, plural, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_graysplit.reporting.dashboard.snapshot_model import Arm
    from pytest_graysplit.types import Json

    # The text of a cell, and the smaller lines below it.
    Cell = tuple[str, ...]

# For figures of an arm that has none yet.
NONE = "-"
MOST_KINDS = 5


def dollars(amount: float | None) -> str:
    """Write US dollars that JSON holds as a number."""
    return money(None if amount is None else Decimal(str(amount)))


def table_json(arms: Sequence[Arm], unit: str) -> list[Json]:
    """Return the lines of the table: their titles, and the cells in the order of the arms."""
    return list(_lines(arms, unit))


def _lines(arms: Sequence[Arm], unit: str) -> Iterator[Json]:
    yield _line("Cases" if unit == "cases" else "Requests", map(_count, arms))
    yield _line("Pass rate", map(_pass_rate, arms), detail="95% CI", strong=True)
    yield _line("Latency p50", map(_median, arms))
    yield _line("p95", ((seconds(arm.latency_s.p95),) for arm in arms))
    if any(arm.latency_s.p99 is not None for arm in arms):
        yield _line("p99", ((seconds(arm.latency_s.p99),) for arm in arms))
    if any(arm.wait_s.n for arm in arms):
        yield _line("Users waited p50", map(_waited, arms), detail="with retries and fallback")
        yield _line("waited p95", ((seconds(arm.wait_s.p95),) for arm in arms))
        if any(arm.wait_s.p99 is not None for arm in arms):
            yield _line("waited p99", ((seconds(arm.wait_s.p99),) for arm in arms))
    yield _line("Errors", map(_errors, arms))
    if any(arm.fallbacks is not None for arm in arms):
        yield _line("Fallbacks", ((NONE if arm.fallbacks is None else f"{arm.fallbacks:,}",) for arm in arms))
    yield _line("Tokens in / out", map(_tokens, arms))
    yield _line("Cost", map(_cost, arms))
    yield _line("Cost per pass", map(_cost_per_pass, arms))
    if any(arm.feedback is not None for arm in arms):
        yield _line("Feedback", map(_feedback, arms))
    for name in sorted({name for arm in arms for name in arm.signals}):
        yield _line(f"Signal {name}", (_signal(arm, name) for arm in arms), detail="per unit")


def _line(title: str, cells: Iterable[Cell], *, detail: str = "", strong: bool = False) -> Json:
    shown: list[Json] = [[text for text in cell if text] for cell in cells]
    return {"title": title, "detail": detail, "strong": strong, "cells": shown}


def _count(arm: Arm) -> Cell:
    return f"{arm.n:,}", "" if arm.units in (None, arm.n) else plural(arm.units or 0, "unit")


def _pass_rate(arm: Arm) -> Cell:
    if not arm.n or arm.pass_rate is None:
        return (NONE,)
    interval = " .. ".join(map(format_share, arm.pass_rate_ci or ()))
    return f"{format_share(arm.pass_rate)}%", f"{arm.passed:,} of {arm.n:,}", interval


def _median(arm: Arm) -> Cell:
    return seconds(arm.latency_s.p50), "" if arm.latency_s.n == arm.n else f"of {arm.latency_s.n:,}"


def _waited(arm: Arm) -> Cell:
    if not arm.wait_s.n:
        return (NONE,)
    return seconds(arm.wait_s.p50), "" if arm.wait_s.n == arm.n else f"of {arm.wait_s.n:,}"


def _errors(arm: Arm) -> Cell:
    """Write the errors as a share of the answers, and the most frequent kinds of them and of other outcomes."""
    others = [(name, times) for name, times in arm.outcomes.items() if name not in ("ok", "error")]
    kinds = [(name, times) for name, times in (*arm.error_classes.items(), *others) if times]
    kinds.sort(key=lambda kind: -kind[1])
    return (
        f"{arm.errors:,} of {arm.answers:,}" if arm.answers else NONE,
        f"{format_share(arm.errors / arm.answers)}%" if arm.errors and arm.answers else "",
        *(f"{name} {times:,}" for name, times in kinds[:MOST_KINDS]),
        f"and {plural(len(kinds) - MOST_KINDS, 'more kind')}" if len(kinds) > MOST_KINDS else "",
    )


def _tokens(arm: Arm) -> Cell:
    tokens = arm.tokens
    if not tokens.prompt and not tokens.completion:
        return ("unknown" if arm.n else NONE,)
    both = f"{count(tokens.prompt)} / {count(tokens.completion)}"
    return both, f"{count(tokens.cached)} cached" if tokens.cached else ""


def _cost(arm: Arm) -> Cell:
    unpriced = f"{arm.unpriced:,} without a price" if arm.unpriced else ""
    return dollars(arm.cost_usd) if arm.answers else NONE, unpriced


def _cost_per_pass(arm: Arm) -> Cell:
    if not arm.n:
        return (NONE,)
    return ("no pass" if arm.cost_usd is not None and not arm.passed else dollars(arm.cost_per_pass_usd),)


def _signal(arm: Arm, name: str) -> Cell:
    signal = arm.signals.get(name)
    if signal is None or signal.per_unit is None:
        return (f"{format_share(0)}%" if arm.units else NONE,)
    lag = "" if signal.lag_s.p50 is None else f"half within {seconds(signal.lag_s.p50)}"
    return f"{format_share(signal.per_unit)}%", plural(signal.n, "signal"), lag


def _feedback(arm: Arm) -> Cell:
    if arm.feedback is None or not arm.feedback.n:
        return (NONE,)
    mean = arm.feedback.mean
    return "unknown" if mean is None else format_score(mean), f"of {arm.feedback.n:,}"
