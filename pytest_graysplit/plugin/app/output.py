"""The output of an application as a text, so that all metrics and checks of replies apply to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pytest_graysplit.errors import Slug, UsageError

_TEXTS = (date, datetime, time, Decimal, UUID)


def text_of_output(value: object, where: str) -> str:
    """Return the output of the test at `where`: a text as it is, anything else as JSON in the order of its fields.

    None is an output too, an empty one. Raises UsageError for a value that is not JSON.

    >>> text_of_output({"b": 1, "a": [Decimal("2.50")]}, "test_x")
    '{"b": 1, "a": ["2.50"]}'
    """
    __tracebackhide__ = True
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    try:
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)
    except _NotJsonError as error:
        inside = "" if error.value is value else f", which holds {_described(error.value)}"
        raise _unusable(f"{_described(value)}{inside}", where) from None
    except ValueError:
        raise _unusable("JSON with NaN, Infinity or a reference to itself", where) from None


class _NotJsonError(TypeError):
    """A value that has no form in JSON."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON knows it; raise _NotJsonError if that is impossible."""
    if depth > 200:
        raise ValueError("it refers to itself")
    if isinstance(value, Mapping):
        return {_name(name): _plain(entry, depth + 1) for name, entry in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return [_plain(entry, depth + 1) for entry in value]
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value
    if isinstance(value, _TEXTS):
        return value.isoformat() if isinstance(value, date | time) else str(value)
    return _plain(_inside(value), depth + 1)


def _inside(value: Any) -> Any:
    """Return the value of an enum, or the fields of a named tuple, a dataclass or a pydantic model."""
    if isinstance(value, type):
        raise _NotJsonError(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if callable(as_dict := getattr(value, "_asdict", None)):
        return as_dict()
    if callable(dump := getattr(value, "model_dump", None)):  # of pydantic, which is not imported for it
        return dump(mode="json")
    raise _NotJsonError(value)


def _name(name: object) -> str:
    if isinstance(name, str):
        return name
    plain = _plain(name)
    if isinstance(plain, dict | list):
        raise _NotJsonError(name)
    return str(plain)


def _described(value: object) -> str:
    kind = type(value)
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _unusable(found: str, where: str) -> UsageError:
    return UsageError(
        f"{where}: graysplit_app.output: expected a text, dict, list, dataclass or pydantic model, got {found}",
        hint="set the text of the answer, or a dict of what matters in it",
        slug=Slug.APP_OUTPUT,
    )
