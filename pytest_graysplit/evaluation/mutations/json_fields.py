"""JSON answers without one of their fields; all other characters stay as they were."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined] # the scanner of json.loads
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.mutations.mutant import Change
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json

# Fields of one answer that are dropped, each in a mutant of its own.
MOST_FIELDS = 3
_BLANK = re.compile(r"\s*")


class _Member(NamedTuple):
    """A member of an object: its name, its value, and its place in the text."""

    name: str
    value: Json
    begin: int
    end: int


def is_json(text: str) -> bool:
    """Tell whether an answer is a JSON object or array, also inside one code fence."""
    try:
        return isinstance(parse_json_answer(text), dict | list)
    except ValueError:
        return False


def without_fields(text: str) -> Iterator[Change]:
    """Yield a JSON object, or an array that begins with one, without one of its first fields that are not empty.

    >>> [change.text for change in without_fields('{"id": 7, "note": ""}')]
    ['{ "note": ""}']
    """
    start = text.find("{")
    if start < 0 or not is_json(text):
        return
    try:
        members = list(_members(text, start))
    except ValueError:  # an array without objects, whose texts contain a brace
        return
    dropped = 0
    for place, member in enumerate(members):
        if member.value in (None, "", [], {}) or dropped == MOST_FIELDS:
            continue
        changed = _without(text, members, place)
        if is_json(changed):
            dropped += 1
            yield Change(changed, f"without {json.dumps(member.name, ensure_ascii=False)}")


def _members(text: str, start: int) -> Iterator[_Member]:
    """Yield the members of the object that begins at a brace; raise ValueError if it is not an object."""
    at = _after_blank(text, start + 1)
    while text[at : at + 1] == '"':
        name, colon = scanstring(text, at + 1)
        value, end = json.JSONDecoder().raw_decode(text, _after_blank(text, _after_blank(text, colon) + 1))
        yield _Member(name, value, at, end)
        at = _after_blank(text, end)
        if text[at : at + 1] != ",":
            return
        at = _after_blank(text, at + 1)


def _without(text: str, members: list[_Member], place: int) -> str:
    """Cut a member and one comma out of the text: the comma after it, or before the last member."""
    member = members[place]
    if place + 1 < len(members):
        return f"{text[: member.begin]}{text[text.index(',', member.end) + 1 :]}"
    begin = members[place - 1].end if place else member.begin
    return f"{text[:begin]}{text[member.end :]}"


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
