"""The rules of `json_fields`: paths of fields and how they are compared."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.types import JsonField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_STEP = re.compile(r"(?P<name>(?:\\.|[^.\[\]\\])+)|\[(?P<index>\d{0,9})\]")

# Names of objects, places of lists, and "[]" for any place.
Path = tuple[str | int, ...]
_ANY = "[]"


def rule_of(path: Path, rules: Sequence[JsonField]) -> JsonField:
    """Return the rule of a field: the longest path that leads to it, and of two the one that names the place.

    A field without a rule is compared exactly, so that no field is left out by accident.
    """
    leading = [(len(steps), -steps.count(_ANY), rule) for rule in rules if _leads(steps := steps_of(rule.path), path)]
    return max(leading, key=lambda each: each[:2])[2] if leading else JsonField("", "exact")


def format_path(path: Path, *, any_place: bool = False) -> str:
    """Write a path as rules do; `any_place` leaves out the places of lists, so that equal fields are counted together.

    >>> format_path(("items", 0, "sku")), format_path(("items", 0, "sku"), any_place=True), format_path(())
    ('items[0].sku', 'items[].sku', '$')
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += "[]" if any_place else f"[{step}]"
        else:
            name = re.sub(r"([.\[\]\\$])", r"\\\1", step)
            text += f".{name}" if text else name
    return text or "$"


@lru_cache(maxsize=1024)
def steps_of(path: str) -> Path:
    """Return the steps of a path as written in a rule; "$" has none."""
    if path == "$":
        return ()
    steps: list[str | int] = []
    for found in _STEP.finditer(path):
        if found["name"] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", found["name"]))
        else:
            steps.append(int(found["index"]) if found["index"] else _ANY)
    return tuple(steps)


def is_path(path: str) -> bool:
    """Tell whether a text is a path of a field."""
    step = r"(?:\\.|[^.\[\]\\])+"
    place = r"(?:\[\d{0,9}\])"
    return path == "$" or bool(re.fullmatch(rf"(?:{step}|{place}){place}*(?:\.{step}{place}*)*", path))


def _leads(steps: Path, path: Path) -> bool:
    return len(steps) <= len(path) and all(
        isinstance(at, int) if step == _ANY else step == at and type(step) is type(at)
        for step, at in zip(steps, path, strict=False)
    )


def ignores_all(rules: Sequence[JsonField], paths: Mapping[Path, object]) -> bool:
    """Tell whether the rules ignore all of these fields."""
    return all(rule_of(path, rules).mode == "ignore" for path in paths)
