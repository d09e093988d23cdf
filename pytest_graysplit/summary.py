"""The session-end summary: from results to lines, for whoever prints them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit.display import (
    change,
    count,
    limit,
    listed,
    money,
    percent,
    plural,
    points,
    ratio,
    score,
    seconds,
    share,
)
from pytest_graysplit.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.results import ArmSummary, ComparisonSummary, Results
    from pytest_graysplit.types import Asked

Style = Literal["", "bold", "red", "yellow", "green"]
WORST = 5
# How the line of a metric's own cost begins.
_ASKED = {"semantic": "embeddings"}
# Columns move closer together before a rate loses its interval.
INTERVAL_IMPORTANCE = 4


class Piece(NamedTuple):
    """A stretch of a line in one style."""

    text: str
    style: Style = ""


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table; the least important ones make room on a narrow terminal."""

    title: str
    cells: tuple[str, ...]
    importance: int

    @property
    def width(self) -> int:
        """The widest cell."""
        return max(len(cell) for cell in (self.title, *self.cells))


def lines(
    results: Results, *, metric: str, width: int, notes: Sequence[str] = (), brief: bool = False
) -> Iterator[Line]:
    """Yield the summary; `brief` keeps only the table and the difference lines.

    The same results give the same lines, whatever the order they came in.
    """
    arms = results.arms()
    if not brief:
        yield _plain(_header(results, arms, metric))
        yield from ((Piece(note, "yellow"),) for note in notes)
        yield ()
    yield from _table(arms, width)
    for comparison in results.comparisons():
        yield ()
        yield from _comparison(comparison, arms)
        if not brief and (worst := _worst(results, comparison.treatment, width)):
            yield _plain(worst)


def _plain(text: str) -> Line:
    return (Piece(text),)


def _header(results: Results, arms: Sequence[ArmSummary], metric: str) -> str:
    control = next((arm.model for arm in arms if arm.arm == CONTROL), None)
    replies, replayed = sum(arm.replies for arm in arms), sum(arm.replayed for arm in arms)
    parts = [plural(len(results.rows), "case")]
    parts += [f"control {control}"] if control else []
    parts.append(f"replayed {replayed:,} of {replies:,} replies" + (", latencies as recorded" if replayed else ""))
    used = {one.metric for row in results.rows for one in row.comparisons.values()}
    parts.append(f"metric {listed(sorted(used)) if used else metric}")
    return " · ".join(parts)


def _table(arms: Sequence[ArmSummary], width: int) -> Iterator[Line]:
    columns, gap = _fitting(_columns(arms), width)
    yield (Piece(_row(columns, [column.title for column in columns], gap), "bold"),)
    for number, arm in enumerate(arms):
        text = _row(columns, [column.cells[number] for column in columns], gap)
        yield (Piece(text, "red" if arm.errors else ""),)


def _columns(arms: Sequence[ArmSummary]) -> list[Column]:
    def column(title: str, importance: int, cells: Iterator[str]) -> Column:
        return Column(title=title, cells=tuple(cells), importance=importance)

    return [
        column("model", 9, (_name(arm, arms) for arm in arms)),
        column("pass rate", 9, (_rate(arm) for arm in arms)),
        column("95% CI", INTERVAL_IMPORTANCE, (_interval(arm) for arm in arms)),
        column("p50", 7, (seconds(arm.latency_s(0.50)) for arm in arms)),
        column("p95", 6, (seconds(arm.latency_s(0.95)) for arm in arms)),
        column("errors", 8, (str(arm.errors) for arm in arms)),
        column("tokens in/out", 1, (_tokens(arm) for arm in arms)),
        column("cost", 5, (money(arm.cost_usd) for arm in arms)),
        column("per pass", 3, (_per_pass(arm) for arm in arms)),
    ]


def _name(arm: ArmSummary, arms: Sequence[ArmSummary]) -> str:
    twins = sum(other.model == arm.model for other in arms) > 1
    return f"{arm.model} ({arm.role})" if twins else arm.model


def _rate(arm: ArmSummary) -> str:
    return f"{arm.passed}/{arm.cases}  {percent(arm.passed, arm.cases)}" if arm.cases else "-"


def _interval(arm: ArmSummary) -> str:
    if not arm.cases:
        return "-"
    return f"{share(arm.pass_rate.low)} .. {share(arm.pass_rate.high)}"


def _tokens(arm: ArmSummary) -> str:
    known = arm.usage.prompt or arm.usage.output
    return f"{count(arm.usage.prompt)}/{count(arm.usage.output)}" if known else "unknown"


def _per_pass(arm: ArmSummary) -> str:
    return "no pass" if arm.cost_usd is not None and not arm.passed else money(arm.cost_per_pass_usd)


def _fitting(columns: list[Column], width: int) -> tuple[list[Column], str]:
    """Return the columns that fit, and the gap between them: what is least important makes room for the rest."""
    for gap, spared in (("   ", INTERVAL_IMPORTANCE), ("  ", 9)):
        kept = list(columns)
        while sum(column.width for column in kept) + len(gap) * (len(kept) - 1) > width:
            least = min(kept, key=lambda column: column.importance)
            if least.importance >= spared:
                break
            kept.remove(least)
        else:
            return kept, gap
    return kept, gap


def _row(columns: Sequence[Column], cells: Sequence[str], gap: str) -> str:
    return gap.join(cell.ljust(column.width) for column, cell in zip(columns, cells, strict=True)).rstrip()


def _comparison(one: ComparisonSummary, arms: Sequence[ArmSummary]) -> Iterator[Line]:
    control = next(arm.model for arm in arms if arm.arm == CONTROL)
    twin = ", an A/A run: one model in both roles" if one.treatment == control else ""
    yield (Piece(f"{one.treatment} against {control}{twin}", "bold"),)
    yield _difference(one)
    yield _plain(f"  similarity    {_similarity(one)}")
    if one.flags:
        flags = ", ".join(f"{name} {number}" for name, number in one.flags.items())
        yield (Piece(f"  guards        {flags}", "yellow"),)
    yield _plain(f"  latency       {_latency(one)}")
    yield _plain(f"  cost          {_cost(one, arms)}")
    yield from (_plain(f"  {_ASKED.get(asked.metric, asked.metric):<13} {_asked(asked)}") for asked in one.asked)


def _difference(one: ComparisonSummary) -> Line:
    if not one.n:
        return (Piece("  pass rate     inconclusive: no case was judged on both models", "yellow"),)
    estimate, low, high = one.difference
    style: Style = "red" if high < 0 else "green" if low > 0 else ""
    interval = f"90% CI {points(low)} .. {points(high)}, {plural(one.n, 'pair')}"
    return (Piece("  pass rate     "), Piece(f"{points(estimate)} pp", style), Piece(f"  ({interval})"))


def _similarity(one: ComparisonSummary) -> str:
    if not one.similarities:
        return f"unknown: no {'pair of answers has a score' if one.asked else 'case has two answers to compare'}"
    mean = fmean(one.similarities)
    parts = [f"{score(mean)} mean of {len(one.similarities)}"]
    if one.thresholds:
        several = "its threshold" if one.below == 1 else "their thresholds"
        limits = limit(one.thresholds[0]) if len(one.thresholds) == 1 else several
        parts.append(f"{plural(one.below, 'case')} below {limits}")
    text = ", ".join(parts)
    if one.self_similarities:
        text += f"; control with itself {score(fmean(one.self_similarities))}"
    return text if one.thresholds else f"{text}; not asserted, --graysplit-min-similarity=X sets a threshold"


def _latency(one: ComparisonSummary) -> str:
    if one.latency_ratio is None:
        return "unknown"
    estimate, low, high = one.latency_ratio
    if high == float("inf"):
        return f"{ratio(estimate)} (one pair tells no more)"
    return f"{ratio(estimate)} (90% CI {ratio(low)} .. {ratio(high)})"


def _cost(one: ComparisonSummary, arms: Sequence[ArmSummary]) -> str:
    if one.cost_per_pass_saved_usd is None:
        compared = [arm for arm in arms if arm.arm in (CONTROL, one.treatment)]
        unpriced = list(dict.fromkeys(arm.model for arm in compared if arm.cost_usd is None))
        passless = list(dict.fromkeys(arm.model for arm in compared if not arm.passed))
        return f"unknown: no price for {listed(unpriced)}" if unpriced else f"unknown: no pass of {listed(passless)}"
    saved = one.cost_per_pass_saved_usd * 1_000_000
    volume = f"{money(abs(saved))} {'saved' if saved >= 0 else 'more'} per million passes"
    # Next to nothing, no ratio says anything.
    return volume if one.cost_ratio is None else f"{change(one.cost_ratio)} per pass, {volume}"


def _asked(asked: Asked) -> str:
    """Write what a metric asked: gpt-4.1: 80 calls, $0.0123; 12 better, 20 ties, 8 worse; 5 orders disagreed."""
    cost = money(asked.cost_usd) if asked.cost_usd is not None else "cost unknown"
    parts = [f"{asked.model}: {plural(asked.calls, 'call')}, {cost}"]
    if asked.metric == "judge":
        parts.append(f"{asked.better:,} better, {plural(asked.ties, 'tie')}, {asked.worse:,} worse")
    if asked.disagreements:
        parts.append(f"{plural(asked.disagreements, 'order')} disagreed")
    if asked.unreadable:
        parts.append(f"{asked.unreadable:,} unreadable")
    if asked.failed:
        parts.append(f"{asked.failed:,} failed")
    return "; ".join(parts)


def _worst(results: Results, treatment: str, width: int) -> str:
    """Name the least alike cases that were missed, as many as fit on one line; all count where none could miss."""
    scored = [
        (one.similarity, row.name, one.threshold)
        for row in results.rows
        if (one := row.comparisons.get(treatment)) and one.similarity is not None
    ]
    asserted = any(threshold is not None for _, _, threshold in scored)
    shown = [
        f"{name} {score(value, against=threshold)}"
        for value, name, threshold in sorted(scored, key=lambda case: case[:2])
        if (value < 1 if not asserted else threshold is not None and value < threshold)
    ][:WORST]
    text = shown[0] if shown else ""
    for piece in shown[1:]:
        if len("worst cases:  · ") + len(text) + len(piece) > width:
            break
        text += f" · {piece}"
    return f"worst cases: {text}" if shown else ""
