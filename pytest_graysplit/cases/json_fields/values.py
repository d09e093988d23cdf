"""Equality of JSON values, with their texts in the form in which they are compared."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.plain_text import is_about_typography, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Json


def same(expected: Json, answer: Json) -> bool:
    """Tell whether two JSON values are equal; unlike Python, JSON distinguishes true and 1."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        return expected.keys() == answer.keys() and all(same(value, answer[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(answer, list):
        return len(expected) == len(answer) and all(map(same, expected, answer))
    return isinstance(expected, bool) == isinstance(answer, bool) and expected == answer


def comparable_texts(value: Json, *, exact: bool) -> Json:
    """Return JSON with its texts in plain form, except those about typography; unchanged if `exact`."""
    return value if exact else with_texts(value, _comparable)


def composed_texts(value: Json, *, exact: bool) -> Json:
    """Return JSON with its accents composed; unchanged if `exact`."""
    return value if exact else with_texts(value, _composed)


def with_texts(value: Json, form: Callable[[str], str]) -> Json:
    """Return JSON with all its texts in another form; names that would become equal stay as they are."""
    if isinstance(value, dict):
        names = [form(name) for name in value]
        kept = names if len(set(names)) == len(value) else value
        return {name: with_texts(part, form) for name, part in zip(kept, value.values(), strict=True)}
    if isinstance(value, list):
        return [with_texts(part, form) for part in value]
    return form(value) if isinstance(value, str) else value


def _comparable(text: str) -> str:
    return _composed(text) if is_about_typography(text) else plain(text)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
