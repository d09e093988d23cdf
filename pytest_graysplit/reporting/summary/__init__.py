"""The session-end summary: lines of styled text from results and verdicts."""

from __future__ import annotations

import textwrap
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import format_score, listed, plural
from pytest_graysplit.reporting.summary.comparison import comparison_lines
from pytest_graysplit.reporting.summary.table import Line, StyledText, plain, table_lines
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import ArmSummary, Results

__all__ = ["Line", "StyledText", "lines"]

WORST = 5
MOST_BROKEN = 5


def lines(  # noqa: PLR0913  # all that a summary can be asked for, each by name
    results: Results,
    verdicts: Sequence[Verdict] = (),
    *,
    metric: str,
    width: int,
    configured: Mapping[str, str] = MappingProxyType({}),
    notes: Sequence[str] = (),
    brief: bool = False,
) -> Iterator[Line]:
    """Yield the summary; `brief` keeps only the table and the difference lines.

    `configured` describes the arms that are more than a model, by name.
    The order in which the results arrived does not matter.
    """
    arms = results.arms()
    if not brief:
        yield plain(_header(results, arms, metric))
        yield from _configured_lines(configured, width)
        yield from ((StyledText(note, "yellow"),) for note in notes)
        yield ()
    yield from table_lines(arms, width)
    decided = {verdict.treatment: verdict for verdict in verdicts}
    for one in results.comparisons():
        yield ()
        verdict = decided[one.treatment]
        yield from comparison_lines(one, verdict, arms, width)
        if not brief:
            yield from broken_lines(verdict, width)
            if worst := worst_cases(results, verdict, width):
                yield plain(worst)
    if not brief and (blind := undiscriminating(results, width)):
        yield plain(blind)


def _header(results: Results, arms: Sequence[ArmSummary], metric: str) -> str:
    control = next((arm.name for arm in arms if arm.arm == CONTROL), None)
    replies, replayed = sum(arm.replies for arm in arms), sum(arm.replayed for arm in arms)
    parts = [plural(len(results.rows), "case")]
    parts += [f"control {control}"] if control else []
    kind = "runs" if results.rows and all(row.is_app for row in results.rows) else "replies"
    parts.append(f"replayed {replayed:,} of {replies:,} {kind}" + (", latencies as recorded" if replayed else ""))
    if most := max((number for arm in arms for number in arm.in_flight), default=None):
        parts.append(f"up to {most} in flight")
    parts.append(f"metric {listed(results.metrics or [metric])}")
    return " · ".join(parts)


def _configured_lines(configured: Mapping[str, str], width: int) -> Iterator[Line]:
    """Say what each configured arm is: low-effort is gpt-4.1, reasoning_effort "low"."""
    for name, described in configured.items():
        text = f"{name} is {described}"
        for line in textwrap.wrap(text, max(40, width), subsequent_indent="  ", break_on_hyphens=False):
            yield plain(line)


def broken_lines(verdict: Verdict, width: int) -> Iterator[Line]:
    """Name the broken cases with the kind of the failed expectation, the worst first, and count those left out."""
    named = [f"{one.name} ({one.missed})" if one.missed else one.name for one in verdict.broken]
    lead, indent = "broken cases: ", " " * 14
    if len(named) > MOST_BROKEN:
        named[MOST_BROKEN:] = [f"{len(named) - MOST_BROKEN:,} more"]
    text = lead
    for number, name in enumerate(named):
        piece = name if number == len(named) - 1 else f"{name} ·"
        if text.strip() and text != lead and len(f"{text}{piece}") > width:
            yield (StyledText(text.rstrip()),)
            text = indent
        text += f"{piece} "
    if named:
        yield (StyledText(text.rstrip()),)


def worst_cases(results: Results, verdict: Verdict, width: int) -> str:
    """Name the least similar cases in one line: those below their threshold, or all if there is no threshold.

    The line is empty if the treatment broke a case.
    """
    if verdict.broken:
        return ""
    scored = [
        (one.similarity, row.name, one.threshold)
        for row in results.rows
        if (one := row.comparisons.get(verdict.treatment)) and one.similarity is not None
    ]
    asserted = any(threshold is not None for _, _, threshold in scored)
    shown = [
        f"{name} {format_score(value, against=threshold)}"
        for value, name, threshold in sorted(scored, key=lambda case: case[:2])
        if (value < 1 if not asserted else threshold is not None and value < threshold)
    ][:WORST]
    text = shown[0] if shown else ""
    for piece in shown[1:]:
        if len("worst cases:  · ") + len(text) + len(piece) > width:
            break
        text += f" · {piece}"
    return f"worst cases: {text}" if shown else ""


def undiscriminating(results: Results, width: int) -> str:
    """Name the cases that cannot tell a treatment from noise, the noisiest first, in one line."""
    blind = sorted((row.self_similarity or 0.0, row.name) for row in results.rows if row.discriminates is False)
    for reason in (" (the control is less like itself than the threshold)", ""):
        for shown in range(min(len(blind), WORST), 0, -1):
            names = [name for _, name in blind[:shown]]
            names += [f"{len(blind) - shown} more"] if len(blind) > shown else []
            text = f"cannot discriminate: {listed(names)}{reason}"
            if len(text) <= width:
                return text
    return f"cannot discriminate: {plural(len(blind), 'case')}" if blind else ""
