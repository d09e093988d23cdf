"""Expectations of tool calls: pure functions from the calls of an answer to its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.tool_calls.matching import assigned, in_order
from pytest_graysplit.cases.tool_calls.values import format_call, format_calls
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.types import Expect, ToolCall

_SUBSET = "a call may have more arguments than expected; numbers and dates are compared by value"


def check_tool_calls(expect: Expect, calls: Sequence[ToolCall]) -> Iterator[CheckFailure]:
    """Yield the failures of an answer's calls: a missing call, another order, or additional calls."""
    if expect.no_tool_calls and calls:
        hint = "the case asks for an answer in text; tool_choice in params can forbid calls"
        problem = f"expected no tool call, called {format_calls(calls)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_TOOL_CALLS, "expect.no_tool_calls")
    if not expect.tool_calls:
        return
    positions = assigned(expect.tool_calls, calls)
    if missing := [place for place, position in enumerate(positions) if position is None]:
        for place in missing:
            wanted = format_call(expect.tool_calls[place], partly=True)
            problem = f"expected {wanted}, called {format_calls(calls) or 'no tool'}"
            yield CheckFailure(problem, _SUBSET, Slug.EXPECT_TOOL_CALLS, f"expect.tool_calls[{place}]")
        return
    wanted_calls = format_calls(expect.tool_calls, partly=True)
    if expect.tool_order and in_order(expect.tool_calls, calls) is None:
        problem = f"expected in this order {wanted_calls}, called {format_calls(calls)}"
        hint = "leave tool_order out if any order is right"
        yield CheckFailure(problem, hint, Slug.EXPECT_TOOL_CALLS, "expect.tool_order")
    others = [call for position, call in enumerate(calls) if position not in positions]
    if expect.no_other_tool_calls and others:
        hint = "leave no_other_tool_calls out if more calls are harmless, or expect them too"
        problem = f"expected no other call than {wanted_calls}, also called {format_calls(others)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_TOOL_CALLS, "expect.no_other_tool_calls")


def check_readable(calls: Sequence[ToolCall]) -> Iterator[CheckFailure]:
    """Yield the calls that no tool can run: without a name, or with arguments that are not a JSON object."""
    for place, call in enumerate(calls):
        if not call.is_readable:
            reason = "the call names no tool" if call.arguments_text is None else "its arguments are not a JSON object"
            hint = "raise max_tokens in params, in case the call was cut off; an unreadable call equals no other call"
            problem = f"called {format_call(call)}: {reason}"
            yield CheckFailure(problem, hint, Slug.TOOL_CALL_UNREADABLE, f"reply.tool_calls[{place}]")


def check_without_text(expect: Expect, calls: Sequence[ToolCall]) -> Iterator[CheckFailure]:
    """Yield all expectations of a text as failed, for an answer that only calls tools."""
    wanted = [
        *(("contain", part, Slug.EXPECT_CONTAINS, f"contains[{place}]") for place, part in enumerate(expect.contains)),
        *(
            ("contain", part, Slug.EXPECT_ICONTAINS, f"icontains[{place}]")
            for place, part in enumerate(expect.icontains)
        ),
        ("contain one of", ", ".join(expect.contains_any) or None, Slug.EXPECT_CONTAINS_ANY, "contains_any"),
        ("start with", expect.starts_with, Slug.EXPECT_STARTS_WITH, "starts_with"),
        *(("match", part, Slug.EXPECT_REGEX, f"regex[{place}]") for place, part in enumerate(expect.regex)),
        ("be", expect.equals, Slug.EXPECT_EQUALS, "equals"),
        ("give the number", None if expect.number is None else str(expect.number), Slug.EXPECT_NUMBER, "number"),
        ("choose", expect.choice, Slug.EXPECT_CHOICE, "choice"),
        ("be in the language", expect.language, Slug.EXPECT_LANGUAGE, "language"),
        ("have words", None if expect.min_words is None else str(expect.min_words), Slug.EXPECT_MIN_WORDS, "min_words"),
        ("be like the reference", expect.reference, Slug.EXPECT_REFERENCE, "reference"),
    ]
    instead = f"found no text, called {format_calls(calls)}"
    hint = "if the call is right, expect it in tool_calls; if a text is right, set no_tool_calls: true"
    for verb, text, slug, check in wanted:
        if text is not None:
            yield CheckFailure(f"expected to {verb} {excerpt(text)}, {instead}", hint, slug, f"expect.{check}")
    if expect.json is not None or expect.json_schema is not None:
        check = "expect.json_schema" if expect.json is None else "expect.json"
        yield CheckFailure(f"expected JSON, {instead}", hint, Slug.EXPECT_JSON, check)
