"""Equality of arguments, and the display of calls."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unicodedata import normalize

from pytest_graysplit.formatting.display import cut
from pytest_graysplit.formatting.escaping import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_graysplit.types import Json, ToolCall

LONGEST_CALL = 160
LONGEST_NAME, LONGEST_VALUE = 60, 80
MOST_CALLS = 6
# A name that needs no quotes beside parentheses and commas.
_PLAIN_NAME = re.compile(r"[\w.:/-]+")
# A day, alone or with a time, as RFC 3339 writes it; without an offset it is taken for UTC.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII)


def canonical(value: Json) -> str:
    """Return the one spelling that all equal values share: numbers and dates by value, objects in any order.

    >>> canonical({"on": "2026-11-30", "n": 1.0}) == canonical({"n": 1, "on": "2026-11-30T00:00:00Z"})
    True
    """
    return json.dumps(_normalised(value), sort_keys=True, separators=(",", ":"))


def identity(call: ToolCall) -> tuple[str, str]:
    """Return a key that two calls share exactly if they call the same tool with equal arguments."""
    if call.arguments_text is None:
        return call.name, canonical(dict(call.arguments))
    return call.name, f"text {call.arguments_text}"


def holds(answer: Json, expected: Json) -> bool:
    """Tell whether an answer contains the expected value: objects may have more names, all else must be equal."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        return all(name in answer and holds(answer[name], value) for name, value in expected.items())
    return canonical(answer) == canonical(expected)


def changed(ours: Mapping[str, Json], theirs: Mapping[str, Json]) -> list[str]:
    """Return the names of the arguments that differ, in their order."""
    names = dict.fromkeys([*ours, *theirs])
    return [
        name
        for name in names
        if not (name in ours and name in theirs and canonical(ours[name]) == canonical(theirs[name]))
    ]


def format_call(call: ToolCall, *, partly: bool = False, whole: bool = False) -> str:
    """Write a call on one line, cut if it is long and not `whole`; `partly` says that further arguments may follow.

    >>> from pytest_graysplit.types import ToolCall
    >>> format_call(ToolCall("refund", {"order": 1001, "to": "Ada"}))
    'refund(order=1001, to="Ada")'
    """
    written = _json if whole else format_argument
    if call.arguments_text is not None:
        inside = f"not a JSON object: {written(call.arguments_text)}"
    else:
        inside = ", ".join(f"{format_name(name)}={written(value)}" for name, value in call.arguments.items())
        inside = inside or ("..." if partly else "")
    begin = f"{format_tool(call)}({inside}"
    return on_one_line(begin if whole else cut(begin, LONGEST_CALL)) + ")"


def format_calls(calls: Iterable[ToolCall], *, partly: bool = False) -> str:
    """Write calls one after another, and the number of those that do not fit."""
    each = list(calls)
    more = f" and {len(each) - MOST_CALLS} more" if len(each) > MOST_CALLS else ""
    return ", ".join(format_call(call, partly=partly) for call in each[:MOST_CALLS]) + more


def format_tool(call: ToolCall) -> str:
    """Write the name of a call's tool, which may be missing."""
    return format_name(call.name) if call.name else "(a tool without a name)"


def format_name(name: str) -> str:
    """Write the name of a tool or of an argument, quoted if it could be taken for something else.

    >>> format_name("look_up"), format_name("refund(order=1)")
    ('look_up', '"refund(order=1)"')
    """
    half = LONGEST_NAME // 2
    short = name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
    return name if short == name and _PLAIN_NAME.fullmatch(name) else json.dumps(short, ensure_ascii=False)


def format_argument(value: Json) -> str:
    """Write a value as JSON, shortened if it is long."""
    return cut(_json(value), LONGEST_VALUE)


def format_change(was: Json, now: Json) -> tuple[str, str]:
    """Write two unequal values as JSON, shortened to a part that differs."""
    return around_difference(_json(was), _json(now), LONGEST_VALUE)


def around_difference(was: str, now: str, width: int) -> tuple[str, str]:
    """Shorten two texts to a part that has their first difference, so that two long ones never look alike.

    >>> around_difference("a" * 90 + "bc", "a" * 90 + "dc", 10)
    ('…aaaabc', '…aaaadc')
    """
    if max(len(was), len(now)) <= width:
        return was, now
    equal = next((place for place, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    begin = max(0, equal - width // 3 - 1)
    short = [("…" if begin and text else "") + cut(text[begin:], width) for text in (was, now)]
    return short[0], short[1]


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _normalised(value: Json) -> Json:
    if isinstance(value, str):
        return _moment(value) or _nfc(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {_nfc(name): _normalised(part) for name, part in value.items()}
    return [_normalised(part) for part in value] if isinstance(value, list) else value


def _nfc(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)


def _moment(text: str) -> str:
    """Return the moment that a text names, as text in UTC, or nothing; other texts are never spelled like one."""
    if not (10 <= len(text) <= 32 and _MOMENT.fullmatch(text)):
        return ""
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""
