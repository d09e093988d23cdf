"""The grade of a traffic log as lines for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import (
    change,
    count,
    format_share,
    money,
    percent,
    plural,
    points,
    ratio,
    seconds,
)
from pytest_graysplit.reporting.summary.comparison import decision_lines
from pytest_graysplit.reporting.summary.table import Column, column_lines
from pytest_graysplit.traffic.splitter import BASIS_POINTS
from pytest_graysplit.traffic.sums.snapshot import SignalSums
from pytest_graysplit.verdict.reasons import label_of, measure_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.reporting.summary import Line
    from pytest_graysplit.traffic.monitor.report import TrafficState
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict import Criterion


def traffic_lines(state: TrafficState, name: str, width: int) -> Iterator[str]:
    """Yield the figures of each arm in a log, and the grade of each treatment with its reasons."""
    requests, units = sum(arm.requests for arm in state.sums), sum(arm.units for arm in state.sums)
    yield f"{name} · experiment {state.salt} · {plural(requests, 'request')} of {plural(units, 'unit')}"
    yield from _left_out(state)
    yield from state.ramps.notes()
    if state.configured:
        yield state.configured
    yield ""
    yield from map(_text, column_lines(_columns(state.sums), width))
    for grade in state.grades:
        yield ""
        yield f"{grade.treatment} against {state.sums[0].title}"
        yield from (f"  {label_of(row.name):<21} {figure_text(row)}" for row in grade.rows)
        yield from map(_text, decision_lines("grade", grade.verdict, grade.reasons, width))


def _text(line: Line) -> str:
    return "".join(part.text for part in line)


def _left_out(state: TrafficState) -> Iterator[str]:
    parts = [
        (state.previous.requests, "from before the weights changed"),
        (sum(arm.forced for arm in state.sums), "routed by force"),
        (sum(arm.anonymous for arm in state.sums), "without a unit"),
    ]
    if left_out := [f"{plural(number, 'request')} {why}" for number, why in parts if number]:
        yield f"not compared: {', '.join(left_out)}"
    if state.unasked:
        yield f"not compared: {state.unasked}"
    if state.refused_signals:
        yield f"not counted: {plural(state.refused_signals, 'signal')} with one name too many"


def _column(title: str, importance: int, cells: Iterator[str]) -> Column:
    return Column(title=title, cells=tuple(cells), importance=importance)


def _columns(arms: Sequence[ArmSums]) -> list[Column]:
    column = _column
    return [
        column("arm", 9, (arm.title for arm in arms)),
        column("share", 5, (percent(arm.basis_points, BASIS_POINTS) for arm in arms)),
        column("units", 8, (f"{arm.units:,}" for arm in arms)),
        column("ok", 9, (_rate(arm) for arm in arms)),
        column("p50", 7, (seconds(arm.quantile(0.50)) for arm in arms)),
        column("p95", 6, (seconds(arm.quantile(0.95)) for arm in arms)),
        *_waits(arms),
        column("errors", 8, (str(arm.outcomes.get("error", 0)) for arm in arms)),
        column("tokens in/out", 1, (f"{count(arm.usage.prompt)}/{count(arm.usage.output)}" for arm in arms)),
        column("feedback", 4, (_feedback(arm) for arm in arms)),
        *_signals(arms),
        column("cost", 5, (money(arm.known_cost_usd) for arm in arms)),
        column("per ok", 3, (money(arm.cost_per_pass_usd) for arm in arms)),
    ]


def _waits(arms: Sequence[ArmSums]) -> Iterator[Column]:
    """Yield the time that users waited, if it is known."""
    if any(arm.waited for arm in arms):
        yield _column("wait p50", 6, (seconds(arm.wait_quantile(0.50)) for arm in arms))
        yield _column("wait p95", 7, (seconds(arm.wait_quantile(0.95)) for arm in arms))


def _signals(arms: Sequence[ArmSums]) -> Iterator[Column]:
    """Yield the sum of each signal per unit, in per cent, and the number of signals."""
    for name in sorted({name for arm in arms for name in arm.signals}):
        yield _column(name, 2, (_signal(arm, name) for arm in arms))


def _signal(arm: ArmSums, name: str) -> str:
    signal = arm.signals.get(name, SignalSums())
    return f"{format_share(signal.total / arm.units)}%  {signal.n:,}" if arm.units else "-"


def _rate(arm: ArmSums) -> str:
    return f"{arm.passed:,}/{arm.requests:,}  {percent(arm.passed, arm.requests)}" if arm.requests else "-"


def _feedback(arm: ArmSums) -> str:
    return "-" if arm.feedback_mean is None else f"{arm.feedback_mean:.2f} of {arm.feedback:,}"


def figure_text(row: Criterion) -> str:
    """Write the figures of a criterion with its interval, its bound and its state."""
    measure = measure_of(row)
    if measure == "seconds":
        return _wait_text(row)
    if row.of_a_free_model:
        free = {0.0: change(0.0), 1.0: "both models are free"}
        return f"{free.get(row.estimate, 'the control is free')}{_state(row)}"
    if not math.isfinite(row.high - row.low):
        return f"{_estimate(row, measure)}  (too few units for an interval)"
    return _interval_text(row, measure)


def _interval_text(row: Criterion, measure: str) -> str:
    if measure == "points":
        bound = "" if row.bound is None else f", bound {points(row.bound)}"
        return f"{points(row.estimate)} pp  ({points(row.low)} .. {points(row.high)}{bound}){_state(row)}"
    if measure == "usd":
        return f"${row.estimate:,.2f} per million requests  (${row.low:,.2f} .. ${row.high:,.2f})"
    if row.name == "cost_per_pass":
        return f"{change(row.estimate)}  ({change(row.low)} .. {change(row.high)}){_state(row)}"
    bound = "" if row.bound is None else f", bound {ratio(row.bound)}"
    return f"{ratio(row.estimate)}  ({ratio(row.low)} .. {ratio(row.high)}{bound}){_state(row)}"


def _wait_text(row: Criterion) -> str:
    high = "no upper end yet" if math.isinf(row.high) else seconds(row.high)
    bound = "" if row.bound is None else f", bound {seconds(row.bound)}"
    return f"{seconds(row.estimate)}  ({seconds(row.low)} .. {high}{bound}){_state(row)}"


def _estimate(row: Criterion, measure: str) -> str:
    return f"${row.estimate:,.2f} per million requests" if measure == "usd" else ratio(row.estimate)


def _state(row: Criterion) -> str:
    return f"  {row.state}" if row.state else ""
