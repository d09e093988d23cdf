"""Two JSON answers field by field, or one with the expected values: how many fields are equal, and which differ."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_graysplit.cases.json_fields.rules import Path, format_path, rule_of
from pytest_graysplit.cases.json_fields.values import comparable_texts, same
from pytest_graysplit.formatting.display import cut, format_near_bound
from pytest_graysplit.formatting.escaping import visible_json
from pytest_graysplit.formatting.lookalikes import name_difference
from pytest_graysplit.formatting.number_reading import is_near, plain_numbers, quantities
from pytest_graysplit.types import FieldDifference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_graysplit.types import Flag, Json, JsonField

    # The similarity of two texts under a mode, None if unknown, and the flags of the guards.
    MatchText = Callable[[str, str, str], tuple[float | None, tuple[Flag, ...]]]

# A text field is equal from this similarity on, as an answer is to a reference.
CLOSE_ENOUGH = 0.75
_MISSING: Any = object()
_COMPARED, _EXPECTED = ("control", "treatment"), ("expected", "answer")


class FieldMatch(NamedTuple):
    """The fields of two answers: how many are compared and equal, the others, and flags about text fields."""

    equal: int
    compared: int
    differences: tuple[FieldDifference, ...]
    flags: tuple[Flag, ...]

    @property
    def similarity(self) -> float | None:
        """The share of equal fields; None if no field was compared."""
        return self.equal / self.compared if self.compared else None


class _Field(NamedTuple):
    path: Path
    ours: Any
    theirs: Any


class _Verdict(NamedTuple):
    is_equal: bool
    note: str = ""
    flags: tuple[Flag, ...] = ()


def match_fields(
    control: Json, treatment: Json, rules: Sequence[JsonField], match_text: MatchText, *, exact: bool = False
) -> FieldMatch:
    """Compare two answers over all fields that either has."""
    ours, theirs = comparable_texts(control, exact=exact), comparable_texts(treatment, exact=exact)
    return _matched(_fields(ours, theirs, (), subset=False), rules, match_text, _COMPARED)


def match_expected(
    expected: Json, answer: Json, rules: Sequence[JsonField], match_text: MatchText, *, exact: bool = False
) -> FieldMatch:
    """Compare an answer with expected values: objects may have more names, lists are compared as a whole."""
    ours, theirs = comparable_texts(expected, exact=exact), comparable_texts(answer, exact=exact)
    return _matched(_fields(ours, theirs, (), subset=True), rules, match_text, _EXPECTED)


def paths_of(expected: Json) -> dict[Path, Json]:
    """Return the fields of a JSON value, by their paths."""
    return {field.path: field.ours for field in _fields(expected, expected, (), subset=False)}


def _matched(
    fields: Iterator[_Field], rules: Sequence[JsonField], match_text: MatchText, verbs: tuple[str, str]
) -> FieldMatch:
    equal, compared = 0, 0
    differences: list[FieldDifference] = []
    flags: dict[str, Flag] = {}
    for field in fields:
        rule = rule_of(field.path, rules)
        if rule.mode == "ignore":
            continue
        compared += 1
        verdict = _verdict(field, rule, match_text)
        for flag in verdict.flags:
            flags.setdefault(flag.name, flag)
        if verdict.is_equal:
            equal += 1
        else:
            differences.append(_difference(field, verdict.note, verbs))
    return FieldMatch(equal, compared, tuple(differences), tuple(flags.values()))


def _fields(ours: Any, theirs: Any, path: Path, *, subset: bool) -> Iterator[_Field]:
    """Yield the values at each path that either side has; with `subset`, without names that only the answer has."""
    if _is_either(dict, ours, theirs):
        own, other = _named(ours), _named(theirs)
        names = own if subset else dict.fromkeys([*own, *other])
        for name in names:
            yield from _fields(own.get(name, _MISSING), other.get(name, _MISSING), (*path, name), subset=subset)
        if not names and ours is not _MISSING and theirs is not _MISSING:
            yield _Field(path, {}, {})
        elif not names:
            yield _Field(path, ours, theirs)
    elif _is_either(list, ours, theirs) and (_listed(ours) or _listed(theirs)):
        own_list, other_list = _listed(ours), _listed(theirs)
        for place in range(max(len(own_list), len(other_list))):
            yield from _fields(_at(own_list, place), _at(other_list, place), (*path, place), subset=subset)
    else:
        yield _Field(path, ours, theirs)


def _is_either(kind: type, ours: Any, theirs: Any) -> bool:
    """Tell whether both sides are of a kind, or one is and the other is missing."""
    return all(isinstance(side, kind) or side is _MISSING for side in (ours, theirs))


def _named(value: Any) -> dict[str, Any]:
    return {} if value is _MISSING else value


def _listed(value: Any) -> list[Any]:
    return [] if value is _MISSING else value


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else _MISSING


def _verdict(field: _Field, rule: JsonField, match_text: MatchText) -> _Verdict:
    ours, theirs = field.ours, field.theirs
    if ours is _MISSING or theirs is _MISSING:
        return _Verdict(is_equal=False)
    if same(ours, theirs):
        return _Verdict(is_equal=True)
    if rule.mode == "number":
        numbers = _number(ours), _number(theirs)
        tolerance = Decimal(str(rule.tolerance or 0))
        near = None not in numbers and is_near(*cast("tuple[Decimal, Decimal]", numbers)[::-1], tolerance)
        return _Verdict(is_equal=near)
    if not isinstance(ours, str) or not isinstance(theirs, str):
        return _Verdict(is_equal=False)
    if rule.mode == "exact" or not ours.strip() or not theirs.strip():
        return _Verdict(is_equal=False, note=name_difference(ours, theirs))
    similarity, flags = match_text(rule.mode, ours, theirs)
    shown = "unknown" if similarity is None else format_near_bound(similarity, CLOSE_ENOUGH)
    named = tuple(replace(flag, detail=f"{format_path(field.path)}: {flag.detail}") for flag in flags)
    return _Verdict(similarity is not None and similarity >= CLOSE_ENOUGH, f" ({rule.mode} similarity {shown})", named)


def _number(value: Any) -> Decimal | None:
    """Return a number, also from a text that holds exactly one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Decimal(str(value))
    found = quantities(plain_numbers(value)) if isinstance(value, str) else []
    return found[0].value if len(found) == 1 else None


def _difference(field: _Field, note: str, verbs: tuple[str, str]) -> FieldDifference:
    ours, theirs = (_written(side) for side in (field.ours, field.theirs))
    problem = f"expected {ours}, found {theirs}{note}" if verbs == _EXPECTED else f"{ours} became {theirs}{note}"
    return FieldDifference(format_path(field.path), format_path(field.path, any_place=True), problem)


def _written(value: Any) -> str:
    return "no such field" if value is _MISSING else cut(visible_json(json.dumps(value, ensure_ascii=False)), 80)
