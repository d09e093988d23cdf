"""What differs between two requests, field by field, in lines that a person can take in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Json

MOST_LINES = 6
# Letters: a text shown whole, those around a change, and the most of a change.
SHORT = 60
CONTEXT = 24
SHOWN = 120


def differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    """Yield a line for each field that differs, the first ones only where there are many.

    >>> list(differences({"seed": 42, "top_p": 1}, {"seed": 43, "top_p": 1}))
    ['seed: 42 -> 43']
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    changed = [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]
    for name in changed[:MOST_LINES]:
        yield f"{name}: {_change(old.get(name), new.get(name))}"
    if len(changed) > MOST_LINES:
        yield f"and {len(changed) - MOST_LINES} more"


def _leaves(body: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        yield from _fields(name, value)


def _fields(name: str, value: Json) -> Iterator[tuple[str, str]]:
    """Yield every leaf under its path, such as `messages[1].content`, as JSON."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _fields(f"{name}.{key}", part)
    elif isinstance(value, list) and value:
        for number, part in enumerate(value):
            yield from _fields(f"{name}[{number}]", part)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _change(old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{_excerpt(old, 0, 0)} -> {_excerpt(new, 0, 0)}"
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    return f"{_excerpt(old, start, len(old) - end)} -> {_excerpt(new, start, len(new) - end)}"


def _common(old: str, new: str) -> int:
    """Count the letters that both begin with."""
    for count, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return count
    return min(len(old), len(new))


def _excerpt(text: str | None, start: int, stop: int) -> str:
    """Show the letters from start to stop, with a few words around them for the eye."""
    if text is None:
        return "(not sent)"
    if len(text) <= SHORT:
        return text
    first = max(0, start - CONTEXT)
    last = min(len(text), max(stop + CONTEXT, first + SHORT), first + SHOWN)
    # Whole words where there are spaces; some languages have none.
    if first and (space := text.find(" ", first, start)) >= 0:
        first = space + 1
    if last < len(text) and (space := text.rfind(" ", stop, last)) >= 0:
        last = space
    return f"{'... ' if first else ''}{text[first:last]}{' ...' if last < len(text) else ''}"
