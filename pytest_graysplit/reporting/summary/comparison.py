"""The comparison of one treatment with the control: one line per figure with its state, and the verdict."""

from __future__ import annotations

import textwrap
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.config.policy import PASS_RATE, RETENTION
from pytest_graysplit.formatting.display import (
    change,
    exact_number,
    excerpt,
    format_score,
    format_share,
    listed,
    money,
    plural,
    points,
    ratio,
    shortlist,
)
from pytest_graysplit.reporting.summary.applications import application_lines
from pytest_graysplit.reporting.summary.table import StyledText, SummaryLine, format_parting
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_graysplit.reporting.summary.table import Line, Style
    from pytest_graysplit.stats import Interval
    from pytest_graysplit.types import MetricUsage
    from pytest_graysplit.verdict import Changes, Criterion, Verdict
    from pytest_graysplit.verdict.judge_standing import JudgedRates
    from pytest_graysplit.verdict.results import ArmSummary, ComparisonSummary

INDENT = 16
MOST_FIELDS = 5
# The label of the line about the cost of a metric.
_ASKED = {"semantic": "embeddings", "guards": "flags judged"}
_STATE_STYLES: Mapping[str, Style] = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_DECISION_STYLES: Mapping[str, Style] = {"promote": "green", "hold": "yellow", "reject": "red"}


def comparison_lines(
    one: ComparisonSummary, verdict: Verdict, arms: Sequence[ArmSummary], width: int
) -> Iterator[Line]:
    """Yield the comparison of a treatment with the control, and the verdict with its reasons."""
    control = next(arm.name for arm in arms if arm.arm == CONTROL)
    twin = ", an A/A run: one model in both roles" if one.same_arms else ""
    yield (StyledText(f"{one.treatment} against {control}{twin}", "bold"),)
    summary = list(_summary_lines(one, verdict, arms, width))
    compared = [f"  {each.label:<13} {each.text}" for each in summary if each.row is not None]
    column = max((len(text) for text in compared), default=0) + 3
    for each in summary:
        yield _line(each, column if column + len("inconclusive") <= width else 0)
    yield from (
        _line(each, 0) for each in _criteria([arm for arm in arms if arm.arm in (CONTROL, one.treatment)], width)
    )
    yield from decision_lines("verdict", verdict.decision, verdict.reasons, width)


def _line(line: SummaryLine, column: int) -> Line:
    text = f"  {line.label:<13} {line.text}"
    if line.row is None or line.row.state is None:
        return (StyledText(text, line.style),)
    gap = " " * max(2, column - len(text))
    return (StyledText(f"{text}{gap}"), StyledText(line.row.state, _STATE_STYLES[line.row.state]))


def _summary_lines(
    one: ComparisonSummary, verdict: Verdict, arms: Sequence[ArmSummary], width: int
) -> Iterator[SummaryLine]:
    rows = {row.name: row for row in verdict.rows}
    yield _difference(rows.get(PASS_RATE), verdict.cases)
    if verdict.judge is not None:
        yield from _judge(verdict.judge, rows.get(PASS_RATE))
    if (row := rows.get(RETENTION)) is not None and (row.critical or row.state == "fail" or row.estimate < 1):
        yield SummaryLine("  retention", _retention(row), row)
    for tagged in (row for row in verdict.rows if row.tag is not None):
        if tagged.critical or tagged.state == "fail":
            yield SummaryLine(f"  {tagged.tag}", _points(tagged), tagged)
    if verdict.cases.total:
        yield SummaryLine("cases", _changes(verdict.cases))
    if one.conversations:
        yield SummaryLine("turns", format_parting("turn", one.parted, plural(one.conversations, "conversation")))
    yield from application_lines(one, rows.get("calls_per_case"), arms, width)
    yield SummaryLine("similarity", _similarity(one))
    if (row := rows.get("similarity_deficit")) is not None:
        interval = f"{_signed(row.low)} .. {_signed(row.high)}"
        yield SummaryLine(
            "deficit", f"{_signed(row.estimate)}  ({_ci(row)} {interval}, bound {_signed(row.bound)})", row
        )
    yield from _fields(one, arms)
    if one.flags:
        yield SummaryLine("guards", ", ".join(f"{name} {number}" for name, number in one.flags.items()), style="yellow")
    if (row := rows.get("errors")) is not None and (row.estimate or row.critical):
        yield SummaryLine("errors", _points(row), row)
    yield from _latencies(rows)
    yield from _costs(one, rows, arms)
    yield from (SummaryLine(_ASKED.get(asked.metric, asked.metric), _asked(asked)) for asked in one.asked)


def _fields(one: ComparisonSummary, arms: Sequence[ArmSummary]) -> Iterator[SummaryLine]:
    """Yield the fields of JSON answers that fail most, per arm."""
    names = {arm.arm: arm.name for arm in arms}
    for arm, fields in one.fields.items():
        shown = shortlist([f"{name} {number}" for name, number in fields.items()], MOST_FIELDS)
        yield SummaryLine("fields", f"most failing of {names[arm]}: {shown}", style="yellow")


def _difference(row: Criterion | None, cases: Changes) -> SummaryLine:
    if row is None:
        why = "nothing was asserted about the answers" if cases.total else "no case was judged on both models"
        return SummaryLine("pass rate", f"inconclusive: {why}", style="yellow")
    remark = f"; {row.remark}" if row.remark else ""
    return SummaryLine("pass rate", f"{_points(row)}{remark}", row)


def _judge(judge: JudgedRates, row: Criterion | None) -> Iterator[SummaryLine]:
    """Yield the errors of the judge, and the pass rates without them; or that they are unknown."""
    name, control, treatment = judge.standing.model or "the judge", judge.control, judge.treatment
    if control is None or treatment is None or row is None:
        text = f"unknown: {name} is uncalibrated, so {plural(judge.cases, 'case')} with a rubric cannot promote"
        yield SummaryLine("judge errors", text, style="yellow")
        return
    as_judged = f"{points(judge.difference.low)} .. {points(judge.difference.high)}"
    yield SummaryLine("  as judged", f"{points(judge.difference.estimate)} pp  ({_ci(row)} {as_judged}), not corrected")
    yield SummaryLine("judge errors", f"{name}: {judge.standing.described}")
    rates = ", ".join(f"{_rate(rate)} {arm}" for arm, rate in (("control", control), ("treatment", treatment)))
    yield SummaryLine("  corrected", f"{rates}  ({_ci(row)})")


def _rate(rate: Interval) -> str:
    return f"{format_share(rate.estimate)} ({format_share(rate.low)} .. {format_share(rate.high)})"


def _retention(row: Criterion) -> str:
    kept, low, high, bound = (f"{100 * value:.0f}" for value in (row.estimate, row.low, row.high, row.bound or 0.0))
    return f"keeps {kept}% of the control's passes  ({_ci(row)} {low} .. {high}, bound {bound})"


def _changes(cases: Changes) -> str:
    text = f"{cases.broken:,} broke, {cases.fixed:,} fixed; {cases.both_right:,} right on both"
    text += f", {cases.both_wrong:,} wrong on both"
    return f"{text}; {cases.unasserted:,} without an assertion" if cases.unasserted else text


def _points(row: Criterion) -> str:
    limit = "margin" if row.is_pass_rate else "bound"
    interval = f"{_ci(row)} {points(row.low)} .. {points(row.high)}, {limit} {points(row.bound or 0)}"
    return f"{points(row.estimate)} pp  ({interval}, {plural(row.n, 'pair')})"


def _ci(row: Criterion) -> str:
    """Name the interval by its confidence: 90% CI, and more at a planned look."""
    return f"{100 * row.confidence:.3g}% CI"


def _signed(value: float | None) -> str:
    return f"{value:+.2f}" if value else "0.00"


def _similarity(one: ComparisonSummary) -> str:
    if not one.similarities:
        return f"unknown: no {'pair of answers has a score' if one.asked else 'case has two answers to compare'}"
    mean = fmean(one.similarities)
    parts = [f"{format_score(mean)} mean of {len(one.similarities)}"]
    if one.thresholds:
        several = "its threshold" if one.below == 1 else "their thresholds"
        auto = " (auto)" if one.calibrated else ""
        limits = f"{exact_number(one.thresholds[0])}{auto}" if len(one.thresholds) == 1 else several
        parts.append(f"{plural(one.below, 'case')} below {limits}")
    text = ", ".join(parts)
    if one.self_similarities:
        text += f"; control with itself {format_score(fmean(one.self_similarities))}"
    return text if one.thresholds else f"{text}; not asserted, --graysplit-min-similarity=X sets a threshold"


def _latencies(rows: Mapping[str, Criterion]) -> Iterator[SummaryLine]:
    if "latency" not in rows:
        yield SummaryLine("latency", "unknown")
    for name, label in (("latency", "latency"), ("latency_p95", "p95"), ("latency_p99", "p99")):
        if (row := rows.get(name)) is not None:
            yield _latency(label, row)
    if (row := rows.get("latency_budget")) is not None:
        share = f"{100 * row.estimate:.1f}% of {plural(row.n, 'reply', 'replies')} over the budget"
        yield SummaryLine(
            "budget", f"{share}  ({_ci(row)} {100 * row.low:.1f} .. {100 * row.high:.1f}, bound 5.0)", row
        )


def _latency(label: str, row: Criterion) -> SummaryLine:
    if row.state is None:
        apart = f"{row.remark}: {plural(row.n, 'pair')} within an hour"
        hint = ", --graysplit-record=all measures both again" if label == "latency" else ""
        return SummaryLine(label, f"{apart}{hint}", style="yellow")
    return SummaryLine(label, f"{_ratio(row)}; {row.remark}" if row.remark else _ratio(row), row)


def _ratio(row: Criterion) -> str:
    if row.high == float("inf"):
        return f"{ratio(row.estimate)}  (one pair, no interval)"
    return f"{ratio(row.estimate)}  ({_ci(row)} {ratio(row.low)} .. {ratio(row.high)}, bound {ratio(row.bound or 0)})"


def _costs(one: ComparisonSummary, rows: Mapping[str, Criterion], arms: Sequence[ArmSummary]) -> Iterator[SummaryLine]:
    row = rows.get("cost_per_pass")
    if one.cost_per_pass_saved_usd is None:
        yield SummaryLine(
            "cost", f"unknown: {_why_unknown([arm for arm in arms if arm.arm in (CONTROL, one.treatment)])}"
        )
        return
    saved = one.cost_per_pass_saved_usd * 1_000_000
    amount = f"{money(abs(saved))} {'saved' if saved >= 0 else 'more'} per million passes"
    # The ratio is that of the cases judged on both models, as its interval is. If the control costs almost nothing, it
    # is left out.
    cost_ratio = one.cost_ratio if row is None else row.estimate
    if row is not None and row.of_a_free_model and cost_ratio:
        yield SummaryLine("cost", "both models are free" if cost_ratio == 1 else f"{amount}: the control is free", row)
        return
    text = amount if cost_ratio is None else f"{change(cost_ratio)} per pass, {amount}"
    if row is not None and cost_ratio and row.high < float("inf"):
        text += f"  ({_ci(row)} {change(row.low)} .. {change(row.high)})"
    yield SummaryLine("cost", text, row)


def _why_unknown(arms: Sequence[ArmSummary]) -> str:
    """Name the unknown parts of the cost per pass: prices, tokens, answers, or passes."""

    def models(chosen: Iterable[ArmSummary], *, unpriced: bool = False) -> str:
        named = ((arm.unpriced_models if unpriced else ()) or (arm.model,) for arm in chosen)
        return listed(list(dict.fromkeys(name for names in named for name in names)))

    reasons = []
    if priceless := [
        arm for arm in arms if arm.unpriced and arm.unpriced == arm.answers - arm.uncounted - arm.disputed
    ]:
        reasons.append(f"no price for {models(priceless, unpriced=True)}")
    for arm in arms:
        of_all = f"of {plural(arm.answers, 'answer')} of {arm.name}"
        if arm.unpriced and arm not in priceless:
            reasons.append(f"no price for {arm.unpriced:,} {of_all}")
        if arm.uncounted:
            reasons.append(f"no token usage with {arm.uncounted:,} {of_all}")
        if arm.disputed:
            reasons.append(f"a reported cost of 0, against its price, with {arm.disputed:,} {of_all}")
    if not reasons and (silent := [arm for arm in arms if not arm.answers]):
        reasons.append(f"no answer of {models(silent)}")
    return ", ".join(reasons) or f"no pass of {models(arm for arm in arms if not arm.passes)}"


def _asked(asked: MetricUsage) -> str:
    """Write the usage of a metric: gpt-4.1: 80 calls, $0.0123; 12 better, 20 ties, 8 worse; 5 orders disagreed."""
    cost = money(asked.cost_usd) if asked.cost_usd is not None else "cost unknown"
    parts = [f"{asked.model}: {plural(asked.calls, 'call')}, {cost}"]
    if asked.metric == "judge":
        parts.append(f"{asked.better:,} better, {plural(asked.ties, 'tie')}, {asked.worse:,} worse")
    if asked.metric == "guards":
        parts.append(f"{asked.overruled:,} of them do not contradict")
    if asked.disagreements:
        parts.append(f"{plural(asked.disagreements, 'order')} disagreed")
    if asked.unreadable:
        parts.append(f"{asked.unreadable:,} unreadable")
    if asked.failed:
        parts.append(f"{asked.failed:,} failed")
    return "; ".join(parts)


def _criteria(arms: Sequence[ArmSummary], width: int) -> Iterator[SummaryLine]:
    """Yield for each arm how often a criterion of a rubric failed, and the criteria that fail most, as many as fit."""
    label = "criteria"
    for arm in (arm for arm in arms if arm.criteria):
        failed, judged = (sum(counts) for counts in zip(*arm.criteria.values(), strict=True))
        text = f"{arm.name} fails {failed:,} of {judged:,}"
        for number, (criterion, count) in enumerate(arm.criteria.items()):
            piece = f"{': ' if not number else ', '}{excerpt(criterion, limit=40)} {count.failed:,} of {count.judged:,}"
            if not count.failed or INDENT + len(text) + len(piece) > max(width, 80):
                break
            text += piece
        yield SummaryLine(label, text)
        label = ""


def decision_lines(label: str, decision: str, reasons: Sequence[str], width: int) -> Iterator[Line]:
    """Yield a decision and its reasons under a label, each beginning a line."""
    lead = f"  {label:<13} "
    for number, reason in enumerate(reasons):
        text = f"{decision.upper()}: {reason}" if number == 0 else reason
        wrapped = textwrap.wrap(text, max(40, width - INDENT), break_long_words=False, break_on_hyphens=False)
        for part in wrapped:
            yield (StyledText(lead), StyledText(part, _DECISION_STYLES.get(decision, "")))
            lead = " " * INDENT
