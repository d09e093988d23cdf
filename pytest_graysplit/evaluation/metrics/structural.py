"""Similarity of two JSON answers, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json

Path: TypeAlias = "tuple[str | int, ...]"


class Structural:
    """Share of values on which two JSON answers agree, over all places where either answer has one.

    A place is a path of keys and list positions. The order of keys does not matter. The order of a list does, because a
    ranking or a sequence of steps is an answer too. Texts must be equal except for white space around them.
    """

    name = "json"

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1; symmetric. The score is 0 where either answer is not JSON."""
        try:
            ours = dict(_leaves(parse_json_answer(control)))
            theirs = dict(_leaves(parse_json_answer(treatment)))
        except (ValueError, RecursionError):  # JSON nested deeper than Python's limit is as unreadable as broken JSON
            return 0.0
        agreed = sum(path in theirs and _same(value, theirs[path]) for path, value in ours.items())
        return agreed / len(ours.keys() | theirs.keys())


def _leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for position, inner in enumerate(value):
            yield from _leaves(inner, (*path, position))
    else:
        yield path, value


def _same(ours: Json, theirs: Json) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.strip() == theirs.strip()
    # True == 1 in Python, but not in an answer. NaN is not valid JSON, but json.loads accepts it.
    if isinstance(ours, bool) != isinstance(theirs, bool):
        return False
    return ours == theirs or (ours != ours and theirs != theirs)  # noqa: PLR0124 - the test for NaN
