"""The table of the summary: one line per arm, and as many columns as fit on the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit.formatting.display import count, format_share, listed, money, percent, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.verdict import Criterion
    from pytest_graysplit.verdict.results import ArmSummary

Style = Literal["", "bold", "red", "yellow", "green"]
# The columns move closer together before the interval of a rate is dropped.
INTERVAL_IMPORTANCE = 4


class StyledText(NamedTuple):
    """A part of a line in one style."""

    text: str
    style: Style = ""


Line = tuple[StyledText, ...]


class SummaryLine(NamedTuple):
    """One line about a figure, with the criterion that compares it with a bound, if any."""

    label: str
    text: str
    row: Criterion | None = None
    style: Style = ""


def plain(text: str) -> Line:
    """Return a line in the usual style."""
    return (StyledText(text),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table; the least important columns are dropped on a narrow terminal."""

    title: str
    cells: tuple[str, ...]
    importance: int

    @property
    def width(self) -> int:
        """The width of the widest cell."""
        return max(len(cell) for cell in (self.title, *self.cells))


def table_lines(arms: Sequence[ArmSummary], width: int) -> Iterator[Line]:
    """Yield the table: a title line, and one line per arm."""
    return column_lines(_columns(arms), width, marked=[bool(arm.errors) for arm in arms])


def column_lines(columns: list[Column], width: int, marked: Sequence[bool] = ()) -> Iterator[Line]:
    """Yield the columns that fit: their titles, and one line per cell; `marked` lines are red."""
    fitting, gap = _fitting(columns, width)
    yield (StyledText(_row(fitting, [column.title for column in fitting], gap), "bold"),)
    for number in range(len(columns[0].cells)):
        text = _row(fitting, [column.cells[number] for column in fitting], gap)
        yield (StyledText(text, "red" if any(marked[number : number + 1]) else ""),)


def _columns(arms: Sequence[ArmSummary]) -> list[Column]:
    def column(title: str, importance: int, cells: Iterator[str]) -> Column:
        return Column(title=title, cells=tuple(cells), importance=importance)

    return [
        column("model" if all(arm.name == arm.model for arm in arms) else "arm", 9, (_name(arm, arms) for arm in arms)),
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
    twins = sum(other.name == arm.name for other in arms) > 1
    return f"{arm.name} ({arm.role})" if twins else arm.name


def _rate(arm: ArmSummary) -> str:
    if not arm.cases:
        return "-"
    passes = f"{arm.passes:.1f}".removesuffix(".0")
    return f"{passes}/{arm.cases}  {percent(arm.passes, arm.cases)}"


def _interval(arm: ArmSummary) -> str:
    if not arm.cases:
        return "-"
    return f"{format_share(arm.pass_rate.low)} .. {format_share(arm.pass_rate.high)}"


def _tokens(arm: ArmSummary) -> str:
    known = arm.usage.prompt or arm.usage.output
    return f"{count(arm.usage.prompt)}/{count(arm.usage.output)}" if known else "unknown"


def _per_pass(arm: ArmSummary) -> str:
    return "no pass" if arm.cost_usd is not None and not arm.passes else money(arm.cost_per_pass_usd)


def _fitting(columns: list[Column], width: int) -> tuple[list[Column], str]:
    """Return the columns that fit, and the gap between them: the least important ones are dropped first."""
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


def format_parting(step: str, parted: Mapping[int, int], whole: str) -> str:
    """Say at which step, counted from 0, the arms first part in how many cases.

    >>> format_parting("turn", {0: 2, 3: 1}, "20 conversations")
    'the arms first part at turn 1 in 2 and at turn 4 in 1 of 20 conversations'
    """
    if not parted:
        return f"the arms part in none of {whole}"
    some = [f"at {step} {number + 1} in {cases:,}" for number, cases in parted.items()]
    return f"the arms first part {listed(some)} of {whole}"
