"""The lines of a comparison about applications: their calls, where the arms part, and the other models they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import listed, money, plural
from pytest_graysplit.reporting.summary.table import SummaryLine
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.verdict import Criterion
    from pytest_graysplit.verdict.results import ArmSummary, ComparisonSummary


def application_lines(
    one: ComparisonSummary, row: Criterion | None, arms: Sequence[ArmSummary]
) -> Iterator[SummaryLine]:
    """Yield the lines about applications, none if no case runs one; `row` is the row of calls per case."""
    arms = [arm for arm in arms if arm.arm in (CONTROL, one.treatment) and arm.runs]
    if one.applications and row is not None:
        yield SummaryLine("calls", _calls(arms, row))
        yield SummaryLine("", _parting(one))
    if silent := sum(arm.without_output for arm in arms):
        runs = plural(sum(arm.runs for arm in arms), "run")
        yield SummaryLine("no output", f"judged by the asserts alone: {silent:,} of {runs} set no output")
    label = "also called"
    for arm in (arm for arm in arms if arm.other_calls):
        yield SummaryLine(label, f"{_others(arm)} by {arm.name}")
        label = ""


def _calls(arms: Sequence[ArmSummary], row: Criterion) -> str:
    """Write the calls per run of each arm: 3.0 per run of sonnet, 3.8 of mini; 0.8 more (90% CI 0.3 .. 1.2)."""
    means = [
        f"{arm.calls / arm.runs:.1f} {'per run ' if not number else ''}of {arm.name}" for number, arm in enumerate(arms)
    ]
    if not (row.estimate or row.low or row.high):
        return f"{arms[0].calls / arms[0].runs:.1f} per run, as many with each model"
    more = f"{abs(row.estimate):.1f} {'fewer' if row.estimate < 0 else 'more'} per case"
    interval = f"{100 * row.confidence:.3g}% CI {row.low:+.1f} .. {row.high:+.1f}"
    return f"{', '.join(means)}; {more}  ({interval})"


def _parting(one: ComparisonSummary) -> str:
    """Say at which call the runs of both arms part: the arms first part at call 2 in 3 of 20 cases."""
    cases = plural(one.applications, "case")
    if not one.parted_runs:
        return f"the arms part in none of {cases}"
    some = [f"at call {call + 1} in {number:,}" for call, number in one.parted_runs.items()]
    return f"the arms first part {listed(some)} of {cases}"


def _others(arm: ArmSummary) -> str:
    """Write the calls to other models: text-embedding-3-small 40 times, $0.0012."""
    return ", ".join(
        f"{name} {plural(some.calls, 'time')}, {'cost unknown' if some.cost_usd is None else money(some.cost_usd)}"
        for name, some in arm.other_calls.items()
    )
