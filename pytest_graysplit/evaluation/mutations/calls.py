"""Answers with other tool calls: another tool, another argument, or a call left out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pytest_graysplit.cases.tool_calls.values import canonical, format_argument, format_name
from pytest_graysplit.evaluation.mutations.numbers import other_number, with_other_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Json, ToolCall

    Calls = tuple[ToolCall, ...]

# Arguments of one answer that are changed, each in a mutant of its own.
MOST_ARGUMENTS = 4


def with_another_tool(calls: Calls, tools: Sequence[str]) -> Iterator[tuple[Calls, str]]:
    """Yield the calls with the first one to another tool: one that the case offers, or one of another case."""
    other = next((name for name in tools if name and all(name != call.name for call in calls)), None)
    if calls and calls[0].is_readable:
        name = other or f"{calls[0].name}_v2"
        yield (replace(calls[0], name=name), *calls[1:]), f"{format_name(calls[0].name)} → {format_name(name)}"


def with_other_arguments(calls: Calls, values: Mapping[str, Sequence[Json]]) -> Iterator[tuple[Calls, str]]:
    """Yield the calls with one argument changed; `values` are those that other cases give an argument of a name."""
    changed = 0
    for place, call in enumerate(calls):
        for name, value in call.arguments.items() if call.is_readable else ():
            other = _other_value(value, values.get(name, ()))
            if other is not None and changed < MOST_ARGUMENTS:
                changed += 1
                new = replace(call, arguments={**call.arguments, name: other})
                what = f"{format_name(name)}={format_argument(value)} → {format_argument(other)}"
                yield (*calls[:place], new, *calls[place + 1 :]), what


def without_a_call(calls: Calls, text: str) -> Iterator[tuple[Calls, str]]:
    """Yield the calls without the last one; none if nothing would be left, which fails every case as empty."""
    if calls and (len(calls) > 1 or text.strip()):
        yield calls[:-1], f"without {format_name(calls[-1].name)}"


def offered_tools(params: Mapping[str, Json]) -> list[str]:
    """Return the names of the tools in the parameters of a request."""
    tools = params.get("tools")
    found = []
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            found.append(name)
    return found


def _other_value(value: Json, known: Sequence[Json]) -> Json:
    """Return another value of the same type; None where the value is empty, or no wrong one is known."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and math.isfinite(value):
        changed = other_number(str(abs(value)))
        return cast("Json", type(value)(changed)) * (-1 if value < 0 else 1)  # type: ignore[operator] # a number
    if isinstance(value, str):
        return _other_text(value, known)
    if isinstance(value, list):
        return value[:-1] if value else None
    if isinstance(value, dict):
        for name, part in value.items():
            if (other := _other_value(part, ())) is not None:
                return {**value, name: other}
    return None


def _other_text(value: str, known: Sequence[Json]) -> Json:
    for other in known:
        if isinstance(other, str) and other.strip() and canonical(other.casefold()) != canonical(value.casefold()):
            return other
    changed = next(with_other_numbers(value), None)
    if changed is not None:
        return changed.text
    return f"not {value}" if value.strip() else None
