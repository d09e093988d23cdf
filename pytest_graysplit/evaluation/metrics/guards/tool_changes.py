"""The guard against another tool, a missing or extra call, and a changed argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.matching import match
from pytest_graysplit.cases.tool_calls.values import changed, format_argument, format_call, format_calls, identity
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
        was, now = (
            f"{name}={format_argument(call.arguments[name])}" if name in call.arguments else f"no {name}"
            for call in (control, treatment)
        )
        yield f"control calls {control.name} with {was}, treatment with {now}"
