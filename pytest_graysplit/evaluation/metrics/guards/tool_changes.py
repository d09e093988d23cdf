"""The guard against another tool, a missing or extra call, and a changed argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.matching import match
from pytest_graysplit.cases.tool_calls.values import (
    changed,
    format_argument,
    format_call,
    format_calls,
    format_change,
    format_name,
    format_tool,
    identity,
)
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.cases.tool_calls.matching import Match, Matching
    from pytest_graysplit.types import ToolCall

TOOL_CHANGED = "tool-changed"
MOST_CHANGES = 4


def tool_changed(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> Flag | None:
    """Flag calls that differ from those of the control; their order and ids are ignored."""
    if not control and not treatment:
        return None
    if not control or not treatment:
        caller, other, calls = ("control", "treatment", control) if control else ("treatment", "control", treatment)
        return Flag(name=TOOL_CHANGED, detail=f"{caller} calls {format_calls(calls)}, {other} calls no tool")
    changes = [*_changes(match(control, treatment))]
    more = f"; and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
    return Flag(name=TOOL_CHANGED, detail="; ".join(changes[:MOST_CHANGES]) + more) if changes else None


def order_changed(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> Flag | None:
    """Flag the same calls in another order, for a case that asks for an order."""
    ours, theirs = list(map(identity, control)), list(map(identity, treatment))
    if ours == theirs or sorted(ours) != sorted(theirs):
        return None
    detail = f"control calls {format_calls(control)}, treatment calls {format_calls(treatment)}, in another order"
    return Flag(name=TOOL_CHANGED, detail=detail)


def _changes(matching: Matching) -> Iterator[str]:
    if matching.missing and matching.extra:
        yield f"control calls {format_calls(matching.missing)}, treatment calls {format_calls(matching.extra)}"
    elif matching.missing:
        yield f"control also calls {format_calls(matching.missing)}"
    elif matching.extra:
        yield f"treatment also calls {format_calls(matching.extra)}"
    for one in matching.matches:
        yield from _changed_arguments(one)


def _changed_arguments(one: Match) -> Iterator[str]:
    control, treatment = one.control, one.treatment
    if control.arguments_text != treatment.arguments_text:
        yield f"control calls {format_call(control)}, treatment calls {format_call(treatment)}"
        return
    for name in changed(control.arguments, treatment.arguments):
        label = on_one_line(format_name(name))
        was, now = _values(name, one)
        was, now = (f"no {label}" if value is None else f"{label}={value}" for value in (was, now))
        yield f"control calls {on_one_line(format_tool(control))} with {was}, treatment with {now}"


def _values(name: str, one: Match) -> tuple[str | None, str | None]:
    """Return the value of an argument in both calls as text; None in the call that lacks it."""
    ours, theirs = one.control.arguments, one.treatment.arguments
    if name in ours and name in theirs:
        return format_change(ours[name], theirs[name])
    return (format_argument(ours[name]), None) if name in ours else (None, format_argument(theirs[name]))
