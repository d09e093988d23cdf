"""The session-end summary: lines of styled text from results and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.reporting.summary.comparison import broken_lines, comparison_lines, undiscriminating, worst_cases
from pytest_graysplit.reporting.summary.table import Line, StyledText, plain, table_lines
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import ArmSummary, Results

__all__ = ["Line", "StyledText", "lines"]


def lines(  # noqa: PLR0913  # all that a summary can be asked for, each by name
    results: Results,
    verdicts: Sequence[Verdict] = (),
    *,
    metric: str,
    width: int,
    notes: Sequence[str] = (),
    brief: bool = False,
) -> Iterator[Line]:
    """Yield the summary; `brief` keeps only the table and the difference lines.

    The order in which the results arrived does not matter.
    """
    arms = results.arms()
    if not brief:
        yield plain(_header(results, arms, metric))
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
    control = next((arm.model for arm in arms if arm.arm == CONTROL), None)
    replies, replayed = sum(arm.replies for arm in arms), sum(arm.replayed for arm in arms)
    parts = [plural(len(results.rows), "case")]
    parts += [f"control {control}"] if control else []
    parts.append(f"replayed {replayed:,} of {replies:,} replies" + (", latencies as recorded" if replayed else ""))
    if most := max((number for arm in arms for number in arm.in_flight), default=None):
        parts.append(f"up to {most} in flight")
    parts.append(f"metric {listed(results.metrics or [metric])}")
    return " · ".join(parts)
