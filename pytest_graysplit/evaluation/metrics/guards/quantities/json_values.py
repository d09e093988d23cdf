"""The guard against changed values in two JSON answers: both are parsed, and compared name by name."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_graysplit.evaluation.metrics.guards.quantities.identifiers import IDENTIFIERS
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import number, plain
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.reader import read
from pytest_graysplit.evaluation.metrics.words import split_words, stem
from pytest_graysplit.types import Flag, parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import Quantity
    from pytest_graysplit.types import Json

    Step: TypeAlias = tuple[str, Json, Json]

NUMBER_CHANGED, VALUE_CHANGED = "number-changed", "value-changed"
_LONGEST_SHOWN, _LONGEST_COMPARED = 60, 2000
_MOST_STEPS, _DEEPEST = 5000, 40
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


class Changes(NamedTuple):
    """The first changed number and the first other changed value of two JSON answers."""

    number: Flag | None = None
    value: Flag | None = None


def is_json_like(text: str) -> bool:
    """Tell, without parsing, whether the answer may be JSON."""
    return text[:1] in ("{", "[") or text.startswith("```")


@lru_cache(maxsize=64)
def changes(control: str, treatment: str) -> Changes | None:
    """Return the changed values of two answers, or None if they are not both a JSON object or array."""
    ours, theirs = _parsed(control), _parsed(treatment)
    if not isinstance(ours, dict | list) or not isinstance(theirs, dict | list):
        return None
    found: dict[str, Flag] = {}
    steps: list[Step] = [("", ours, theirs)]
    taken = 0
    while steps and len(found) < 2 and taken < _MOST_STEPS:
        taken += 1
        path, mine, its = steps.pop()
        if path.count("[") > _DEEPEST:
            continue
        if isinstance(mine, dict) and isinstance(its, dict):
            steps += [(f"{path}.{name}" if path else name, mine[name], its[name]) for name in mine if name in its][::-1]
        elif isinstance(mine, list) and isinstance(its, list):
            steps += [*_items(path, mine, its)][::-1]
        elif name := _difference(mine, its):
            found.setdefault(name, _flag(name, path, mine, its))
    return Changes(found.get(NUMBER_CHANGED), found.get(VALUE_CHANGED))


def _parsed(text: str) -> Json:
    try:
        return parse_json_answer(text)
    except (ValueError, RecursionError):
        return None


def _items(path: str, ours: list[Json], theirs: list[Json]) -> Iterator[Step]:
    """Yield the items of two lists that have no equal one in the other list, side by side if they are equally many."""
    mine, its = [repr(one) for one in ours], [repr(one) for one in theirs]
    known, said = frozenset(mine), frozenset(its)
    left = [(place, one) for place, one in enumerate(ours) if mine[place] not in said]
    right = [one for place, one in enumerate(theirs) if its[place] not in known]
    if len(left) == len(right):
        for (place, one), other in zip(left, right, strict=True):
            yield f"{path}[{place}]", one, other


def _difference(ours: Json, theirs: Json) -> str:
    """Return the name of the flag for two values that contradict each other, or nothing."""
    if isinstance(ours, dict | list) or isinstance(theirs, dict | list):
        return ""
    if ours is None or theirs is None:
        return VALUE_CHANGED if ours != theirs and "" not in (ours, theirs) else ""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return _different_truth(ours, theirs)
    if isinstance(ours, str) and isinstance(theirs, str):
        return _different_text(ours[:_LONGEST_COMPARED], theirs[:_LONGEST_COMPARED])
    if isinstance(ours, str) or isinstance(theirs, str):
        one, other = (ours, theirs) if isinstance(ours, str) else (theirs, ours)
        quantities = _read(str(one)[:_LONGEST_COMPARED])
        return NUMBER_CHANGED if len(quantities) == 1 and quantities[0].raw.isdisjoint({_float(other)}) else ""
    return NUMBER_CHANGED if _float(ours) != _float(theirs) else ""


def _float(value: Json) -> float:
    try:
        return number(float(value)) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def _different_truth(ours: Json, theirs: Json) -> str:
    mine, its = (_TRUTH.get(one.strip().lower()) if isinstance(one, str) else one for one in (ours, theirs))
    return VALUE_CHANGED if isinstance(mine, bool) and isinstance(its, bool) and mine != its else ""


def _different_text(ours: str, theirs: str) -> str:
    mine, its = _bare(ours), _bare(theirs)
    if mine == its or not mine or not its:
        return ""
    quantities, others = _read(ours), _read(theirs)
    if quantities and others:
        return _different_quantities(quantities, others)
    if not (set(ours.strip()) | set(theirs.strip())) & set(" \n"):
        return VALUE_CHANGED if stem(mine) != stem(its) else ""
    words = ours.split(), theirs.split()
    if all(2 <= len(each) <= 4 and all(word[0].isupper() for word in each) for each in words):  # names
        only, its_only = ({stem(word) for word in split_words(text)} for text in (ours, theirs))
        return VALUE_CHANGED if only - its_only and its_only - only else ""
    return ""


def _bare(text: str) -> str:
    """Return the letters and digits alone: "in_stock" and "In stock" are one value."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum() or letter in "+-<>="
    )


def _read(text: str) -> tuple[Quantity, ...]:
    written = plain(text)
    return read(written, frozenset(split_words(written))).quantities


def _different_quantities(ours: tuple[Quantity, ...], theirs: tuple[Quantity, ...]) -> str:
    for one in ours:
        if any(_may_equal(one, other) for other in theirs):
            continue
        for other in theirs:
            if not one.kinds.isdisjoint(other.kinds) and not any(
                not other.keys.isdisjoint(each.keys) or other.is_same_day(each) for each in ours
            ):
                return NUMBER_CHANGED if IDENTIFIERS.isdisjoint(one.kinds) else VALUE_CHANGED
    return ""


def _may_equal(one: Quantity, other: Quantity) -> bool:
    is_number = one.is_plain and not one.raw.isdisjoint(other.raw)
    return is_number or not one.keys.isdisjoint(other.keys) or one.is_same_day(other) or one.is_near(other)


def _flag(name: str, path: str, ours: Json, theirs: Json) -> Flag:
    was, now = (f"{path} = {_shown(value)}" for value in (ours, theirs))
    return Flag(name=name, detail=f"control says {was}, treatment says {now}")


def _shown(value: Json) -> str:
    text = (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
