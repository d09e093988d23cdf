"""The lines of a comparison about applications: their calls, where the arms part, and the other models they call."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import money, plural
from pytest_graysplit.reporting.app_calls import other_models
from pytest_graysplit.reporting.summary.table import SummaryLine, format_parting
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.verdict import Criterion
    from pytest_graysplit.verdict.results import ArmSummary, ComparisonSummary, OtherCalls

INDENT = 16  # of the text after a label


def application_lines(
    one: ComparisonSummary, row: Criterion | None, arms: Sequence[ArmSummary], width: int
) -> Iterator[SummaryLine]:
    """Yield the lines about applications, none if no case runs one; `row` is the row of calls per case."""
    arms = [arm for arm in arms if arm.arm in (CONTROL, one.treatment)]
    if one.applications and row is not None:
        yield from _calls(arms, row, width)
        yield SummaryLine("", format_parting("call", one.parted_runs, plural(one.applications, "case")))
    if silent := sum(arm.without_output for arm in arms):
        runs = plural(sum(arm.runs for arm in arms), "run")
        yield SummaryLine("no output", f"judged by the asserts alone: {silent:,} of {runs} set no output")
    label = "also called"
    for arm in (arm for arm in arms if arm.other_calls):
        yield SummaryLine(label, f"{_others(arm)} by {arm.name}")
        label = ""


def _calls(arms: Sequence[ArmSummary], row: Criterion, width: int) -> Iterator[SummaryLine]:
    """Yield the calls per run of each arm, and the difference: 3.0 per run of sonnet, 3.8 of mini; 0.8 more.

    The difference has a line of its own where both do not fit into one.
    """
    means = [
        f"{arm.calls / arm.runs:.1f} {'per run ' if not number else ''}of {arm.name}" for number, arm in enumerate(arms)
    ]
    is_known = isfinite(row.low) and isfinite(row.high)
    if not row.estimate and not (is_known and (row.low or row.high)):
        yield SummaryLine("calls", f"{arms[0].calls / arms[0].runs:.1f} per run, as many with each model")
        return
    more = f"{abs(row.estimate):.1f} {'fewer' if row.estimate < 0 else 'more'} per case"
    interval = f"{100 * row.confidence:.3g}% CI {row.low:+.1f} .. {row.high:+.1f}"
    rows = [", ".join(means), f"{more}  ({interval if is_known else 'one pair, no interval'})"]
    if len(joined := "; ".join(rows)) <= width - INDENT:
        rows = [joined]
    yield from (SummaryLine("" if number else "calls", text) for number, text in enumerate(rows))


def _others(arm: ArmSummary) -> str:
    """Write the calls to other models: text-embedding-3-small 40 times, $0.0012."""
    return ", ".join(f"{text}{_cost(some)}" for text, some in other_models(arm.other_calls))


def _cost(some: OtherCalls) -> str:
    """Write the cost of calls to a model; nothing if all of them failed."""
    if some.failed == some.calls:
        return ""
    return ", cost unknown" if some.cost_usd is None else f", {money(some.cost_usd)}"
