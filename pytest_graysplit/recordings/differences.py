"""What differs between two requests, field by field, in lines that a person can take in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Json

MOST_LINES = 6
CONTEXT_WORDS = 3
SHOWN_WORDS = 12
SHORT = 40


def differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    """Yield a line for each field that differs, the first ones only where there are many.

    >>> list(differences({"seed": 42, "top_p": 1}, {"seed": 43, "top_p": 1}))
    ['seed: 42 -> 43']
    """
    old, new = dict(_fields("", before)), dict(_fields("", after))
    changed = [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]
    for name in changed[:MOST_LINES]:
        yield f"{name}: {_change(old.get(name), new.get(name))}"
    if len(changed) > MOST_LINES:
        yield f"and {len(changed) - MOST_LINES} more"


def _fields(name: str, value: Json | Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield every leaf under its path, such as `messages[1].content`, as JSON."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _fields(f"{name}.{key}" if name else key, part)
    elif isinstance(value, list) and value:
        for number, part in enumerate(value):
            yield from _fields(f"{name}[{number}]", part)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _change(old: str | None, new: str | None) -> str:
    if old is None or new is None or max(len(old), len(new)) <= SHORT:
        return f"{_short(old)} -> {_short(new)}"
    before, after = old.split(" "), new.split(" ")
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    return f"{_excerpt(before, start, end)} -> {_excerpt(after, start, end)}"


def _short(text: str | None) -> str:
    if text is None:
        return "(not sent)"
    words = text.split(" ")
    return _excerpt(words, 0, 0) if len(text) > SHORT else text


def _common(left: list[str], right: list[str]) -> int:
    """Count the words that both begin with."""
    for count, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return count
    return min(len(left), len(right))


def _excerpt(words: list[str], start: int, end: int) -> str:
    """Show the words between what is common, with a few around them for the eye."""
    first = max(0, start - CONTEXT_WORDS)
    last = min(len(words), len(words) - end + CONTEXT_WORDS, first + SHOWN_WORDS)
    return f"{'... ' if first else ''}{' '.join(words[first:last])}{' ...' if last < len(words) else ''}"
