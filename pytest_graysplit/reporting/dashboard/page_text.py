"""The texts that the page prints from a snapshot or a case: numbers look as they do in the terminal.

Charts and bars are drawn in the browser from the figures of the snapshot, and label their axes themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_graysplit.cases.tool_calls.values import format_call
from pytest_graysplit.formatting.display import exact_number, format_score, format_share, plural, points, ratio, seconds
from pytest_graysplit.reporting.dashboard.arm_table import dollars, table_json
from pytest_graysplit.reporting.dashboard.snapshot_model import Case, Snapshot
from pytest_graysplit.types import ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.reporting.dashboard.snapshot_model import (
        Answer,
        Arm,
        Call,
        Comparison,
        Progress,
        Row,
        Similarity,
        Step,
        Turn,
        WindowArm,
    )
    from pytest_graysplit.types import Json

# The suffix of an estimate, by the unit of its row.
_SUFFIXES = {"points": " pp", "share": "%"}


def page_texts(snapshot: Mapping[str, Json]) -> dict[str, Json]:
    """Return the texts of the page, in the order of the lists of the snapshot."""
    state = msgspec.convert(snapshot, Snapshot, strict=False)
    return {
        "progress": _progress(state.progress),
        "arms": [{"name": arm.name, "head": _head(arm), "cost": _cost(arm, state.arms[0])} for arm in state.arms],
        "table": table_json(state.arms, state.progress.unit),
        "latency": _latency(state),
        "comparisons": [_comparison(one) for one in state.comparisons],
        "worst": ["-" if one.similarity is None else format_score(one.similarity) for one in state.worst],
        "windows": _windows(state),
    }


def case_texts(case: Mapping[str, Json]) -> dict[str, Json]:
    """Return the line of facts about a case, and for each of its answers a line of facts and the tool calls.

    A conversation has the same for each turn, and an application for each call, with a heading.
    """
    found = msgspec.convert(case, Case, strict=False)
    return {
        "facts": " · ".join(_facts(found)),
        **_answers(found.arms),
        "turns": [{"title": _turn_title(turn), **_answers(turn.arms)} for turn in found.turns],
        "steps": [{"title": _step_title(step), **_answers(step.arms)} for step in found.steps],
    }


def _answers(arms: Sequence[Answer]) -> dict[str, Json]:
    return {
        "arms": [_answer(arm) for arm in arms],
        "calls": [[*map(_call, arm.tool_calls or ())] for arm in arms],
    }


def _turn_title(turn: Turn) -> str:
    alike = "" if turn.similarity is None else f", similarity {format_score(turn.similarity)}"
    return f"Turn {turn.number + 1}{alike}{', the arms part here' if turn.parts else ''}"


def _step_title(step: Step) -> str:
    return f"Call {step.number + 1}{', the arms part here' if step.parts else ''}"


def _progress(progress: Progress) -> Json:
    unit, done, total = progress.unit, progress.done, progress.total
    parts = [f"{done:,} {unit}" if total is None else f"{done:,} of {total:,} {unit} judged"]
    if progress.to_fetch:
        parts.append(f"{progress.fetched or 0:,} of {progress.to_fetch:,} replies fetched")
    if progress.spent_usd is not None:
        parts.append(f"{dollars(progress.spent_usd)} spent")
    elif progress.to_fetch and progress.fetched:
        parts.append("cost unknown")
    return {
        "text": " · ".join(parts),
        "bar": "" if total is None else f"{done:,} of {total:,} {unit}",
        "title": f"{done:,}" if total is None else f"{done}/{total}",
    }


def _head(arm: Arm) -> str:
    twin = f" {arm.arm}" if arm.role == "treatment" and arm.arm != arm.model else ""
    weight = "" if arm.weight is None else f", {100 * arm.weight:.6g}% of traffic"
    return f"{arm.role}{twin}{weight}"


def _cost(arm: Arm, control: Arm) -> Json:
    """Return the cost per pass, and the text below its bar."""
    below = f"{dollars(arm.cost_usd)} in all"
    if arm is not control and arm.cost_per_pass_usd and control.cost_per_pass_usd:
        below += f", {ratio(arm.cost_per_pass_usd / control.cost_per_pass_usd)} of the control's"
    if arm.unpriced:
        below += f", {plural(arm.unpriced, 'reply', 'replies')} without a price"
    no_pass = arm.cost_usd is not None and not arm.passed
    return {"per_pass": "no pass" if no_pass else dollars(arm.cost_per_pass_usd), "detail": below}


def _latency(state: Snapshot) -> str:
    """Describe the chart of latencies."""
    described = [
        f"{arm.name}: half of {plural(arm.latency_s.n, 'reply', 'replies')} within {seconds(arm.latency_s.p50)}, "
        f"95% within {seconds(arm.latency_s.p95)}"
        for arm in state.arms
        if arm.latency_histogram is not None and any(arm.latency_histogram.counts)
    ]
    return f"Latency. {'; '.join(described)}."


def _comparison(one: Comparison) -> Json:
    return {
        "rows": [_row(row) for row in one.rows],
        "similarity": None if one.similarity is None else _similarity(one.similarity),
    }


def _row(row: Row) -> Json:
    low, high = _figure(row.low, row), _figure(row.high, row)
    known = row.estimate is not None
    unknown = "the control is free" if row.state == "fail" else "not enough data"
    return {
        "detail": f"n {row.n:,}, {row.method}",
        "estimate": f"{_figure(row.estimate, row)}{_SUFFIXES.get(row.unit, '')}" if known else unknown,
        "range": f"{low or 'no bound'} .. {high or 'no bound'}" if known and (low or high) else "",
        "bound": _bound(row),
    }


def _figure(value: float | None, row: Row) -> str:
    """Write a value of a row in the row's unit; an unknown one is an empty text."""
    if value is None:
        return ""
    writers = {"points": points, "ratio": ratio, "usd": dollars, "share": format_share, "seconds": seconds}
    return writers[row.unit](value) if row.unit in writers else format_score(value, against=row.bound, fewest=3)


def _bound(row: Row) -> str:
    """Write a bound with every digit that it was given, so that no value beside it seems to reach it."""
    if row.bound is None or row.unit in (*_SUFFIXES, "usd", "seconds"):
        return _figure(row.bound, row)
    return f"{'x' if row.unit == 'ratio' else ''}{exact_number(row.bound)}"


def _similarity(one: Similarity) -> Json:
    threshold = "no threshold" if one.threshold is None else f"threshold {exact_number(one.threshold)}"
    mean = "unknown" if one.mean is None else format_score(one.mean, against=one.threshold)
    return {"text": f"{plural(one.n, 'pair')}: mean {mean}, {threshold}.", "threshold": threshold}


def _windows(state: Snapshot) -> Json:
    """Describe the charts of the course of traffic by its last window; None without any."""
    if not state.windows:
        return None
    last = state.windows[-1]
    figures = [(arm.name, last.arms.get(arm.arm)) for arm in state.arms]

    def describe(name: str, texts: Iterator[str]) -> str:
        latest = ", ".join(f"{arm} {text}" for (arm, _), text in zip(figures, texts, strict=True))
        return f"{name} over time; in the last window: {latest}."

    return {
        "caption": "Requests per minute" if last.seconds == 60 else f"Requests per {last.seconds:,} s",
        "requests": describe("Requests", (f"{one.n:,}" if one else "none" for _, one in figures)),
        "errors": describe("Share of errors", (_error_share(one) for _, one in figures)),
        "p95": describe("Latency, 95th percentile", (_p95(one) for _, one in figures)),
    }


def _error_share(one: WindowArm | None) -> str:
    return f"{format_share(one.errors / one.n)}%" if one and one.n else "none"


def _p95(one: WindowArm | None) -> str:
    return seconds(one.p95) if one and one.p95 is not None else "none"


def _facts(case: Case) -> Iterator[str]:
    if case.treatment:
        yield case.treatment
    if case.similarity is not None:
        yield f"similarity {format_score(case.similarity, against=case.threshold)}"
    elif case.metric is not None:
        # Without a metric nothing was compared: a request of live traffic has one answer.
        yield "similarity unknown"
    if case.threshold is not None:
        yield f"threshold {exact_number(case.threshold)}"
    if case.metric is not None:
        yield f"metric {case.metric}"


def _answer(arm: Answer) -> str:
    latency = None if arm.latency_s is None else seconds(arm.latency_s)
    return " · ".join(filter(None, (arm.outcome, latency, f"cost {dollars(arm.cost_usd)}")))


def _call(call: Call) -> str:
    return format_call(ToolCall(call.name, call.arguments or {}, None, call.arguments_text), whole=True)
