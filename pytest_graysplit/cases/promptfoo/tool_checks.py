"""Assertions about tool calls, and the few programs that ask nothing but a name of a tool or a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.collected import literal
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.cases.promptfoo.collected import CollectedAssertions

_TRACE = "trajectory: the calls of one answer are checked here, not the spans of a trace"
_PROGRAM = "runs a program; write it as an assert in a Python test"
_QUOTED = r"""(?P<quote>['"])(?P<text>(?:(?!(?P=quote))[^\\\n])+)(?P=quote)"""
# Programs of one expression that say the same as a check.
_CALL_NAME = re.compile(rf"output(?:\[0\])?(?P<sure>\.function)?\.name\s*={{2,3}}\s*{_QUOTED}")
_INCLUDES = re.compile(rf"(?P<no>!)?\s*output(?P<lower>\.toLowerCase\(\))?\.includes\(\s*{_QUOTED}\s*\)")
_OPTIONS = ("name", "type", "min", "args", "arguments", "mode")


def _tool_call_f1(collected: CollectedAssertions, value: Any, threshold: Any) -> None:
    if threshold not in (None, 1):
        raise NotCarriedError("has a threshold below 1, so that another tool may be called")
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotCarriedError("has no names of tools as its value")
    found = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not found:
        raise NotCarriedError("has no value")
    collected.calls(({"name": name} for name in found), no_other_tool_calls=True)
    collected.notes.append("tool-call-f1: each tool is called once here, where promptfoo ignores repeated calls")


def _valid_call(collected: CollectedAssertions) -> None:
    names = collected.tools
    if len(names) != 1:
        raise NotCarriedError("accepts a call of any tool; write the expected one as expect.tool_calls")
    collected.calls([{"name": names[0]}])
    collected.notes.append(
        "is-valid-openai-tools-call: a call of the only tool is checked here, not its arguments against the schema"
    )


def _tool_used(collected: CollectedAssertions, value: Any) -> None:
    steps = value if isinstance(value, list) else [value]
    if isinstance(value, dict):
        least = value.get("min", 1)
        if "max" in value or not isinstance(least, int) or least < 1:
            raise NotCarriedError("bounds how often a tool is called, which has no counterpart in expect")
        steps = [value] * least
    calls = [{"name": _tool_name(step)} for step in steps]
    if len(calls) > 1 and calls[0] == calls[1]:
        if collected.expect.get("tool_calls"):
            raise NotCarriedError("is a second list of tool calls, and a case has one")
        collected.expect["tool_calls"] = calls
    else:
        collected.calls(calls)
    collected.notes.append(_TRACE)


def _tool_sequence(collected: CollectedAssertions, value: Any) -> None:
    table = value if isinstance(value, dict) else {"steps": value}
    steps, mode = table.get("steps"), table.get("mode", "in_order")
    if not isinstance(steps, list) or not steps or mode not in ("in_order", "exact"):
        raise NotCarriedError("has no steps as its value")
    exact = {"no_other_tool_calls": True} if mode == "exact" else {}
    collected.calls([{"name": _tool_name(step)} for step in steps], tool_order=True, **exact)
    collected.notes.append(_TRACE)


def _tool_arguments(collected: CollectedAssertions, value: Any) -> None:
    if not isinstance(value, dict):
        raise NotCarriedError("has no object as its value")
    arguments = value.get("args", value.get("arguments"))
    if value.get("mode", "partial") != "partial" or not isinstance(arguments, dict):
        raise NotCarriedError("compares all arguments; here those in expect.tool_calls must be among them")
    collected.calls([{"name": _tool_name(value), "arguments": arguments}])
    collected.notes.append(_TRACE)


def _tool_name(step: Any) -> str:
    name = step.get("name") if isinstance(step, dict) else step
    if not isinstance(name, str) or not name.strip() or "*" in name or "?" in name:
        raise NotCarriedError("names no tool, or a pattern of names, which has no counterpart in expect")
    if isinstance(step, dict) and (set(step) - {*_OPTIONS} or step.get("type", "tool") != "tool"):
        raise NotCarriedError("says more than the name of a tool and its arguments")
    return name.strip()


def _javascript(collected: CollectedAssertions, value: Any, threshold: Any) -> None:
    program = value.strip().removeprefix("return ").removesuffix(";").strip() if isinstance(value, str) else ""
    if threshold is not None:
        raise NotCarriedError(_PROGRAM)
    match = _CALL_NAME.fullmatch(program)
    # Without a tool of this name, output.name is a part of an answer in JSON.
    if match and (match["sure"] or match["text"] in collected.tools):
        collected.calls([{"name": match["text"]}])
        collected.notes.append("javascript: the first call of output is any call of the answer here")
    elif (match := _INCLUDES.fullmatch(program)) and match["text"].strip():
        text = match["text"]
        if not match["lower"]:
            collected.add("not_contains" if match["no"] else "contains", text)
        elif text != text.lower():
            raise NotCarriedError(_PROGRAM)
        elif match["no"]:
            collected.add("not_regex", f"(?i){literal(text)}")
        else:
            collected.add("icontains", text)
    else:
        raise NotCarriedError(_PROGRAM)


TOOL_KINDS: Mapping[str, Callable[[CollectedAssertions, Any, Any], None]] = {
    "tool-call-f1": _tool_call_f1,
    "is-valid-openai-tools-call": lambda collected, *_: _valid_call(collected),
    "is-valid-openai-function-call": lambda collected, *_: _valid_call(collected),
    "is-valid-function-call": lambda collected, *_: _valid_call(collected),
    "trajectory:tool-used": lambda collected, value, _: _tool_used(collected, value),
    "trajectory:tool-sequence": lambda collected, value, _: _tool_sequence(collected, value),
    "trajectory:tool-args-match": lambda collected, value, _: _tool_arguments(collected, value),
    "javascript": _javascript,
}
