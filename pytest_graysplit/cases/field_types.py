"""What a field of a case may hold: one reader a kind, and errors that name file, line and field."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import cut
from pytest_graysplit.formatting.json_text import CASE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.types import Json, MinSimilarity

T = TypeVar("T")

_NUMBER = "write a plain number such as 3 or 0.75, without quotes"
_TEXT = "put the value in quotes"


class Place(NamedTuple):
    """Where a field stands (`support.jsonl:14`) and its dotted name (`expect.min_similarity`)."""

    where: str
    name: str

    def inside(self, key: str | int) -> Place:
        """Return the place of an entry of this field."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.name else key
        return Place(self.where, f"{self.name}{step}")

    def refuse(self, problem: str, hint: str, slug: Slug = Slug.CASE_FIELD_TYPE) -> UsageError:
        """Build the error for this field; the caller raises it."""
        return UsageError(": ".join(part for part in (*self, problem) if part), hint=hint, slug=slug)

    def expected(self, what: str, got: object, hint: str) -> UsageError:
        """Build the error for a field that holds something else; the caller raises it."""
        return self.refuse(f"expected {what}, got {shown(got)}", hint)


class Fields:
    """Named values of one object, each read by its kind; None is a field that was not given."""

    def __init__(self, values: Mapping[str, object], place: Place) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}
        self.place = place

    def read(self, name: str, kind: Callable[[Place, object], T]) -> T | None:
        """Return the field as its kind reads it, or None when it was not given."""
        return kind(self.place.inside(name), self.values[name]) if name in self.values else None


def shown(value: object) -> str:
    """Write a value for a message, cut where it would fill the screen."""
    try:
        return cut(repr(value), 60)
    except (RecursionError, ValueError):  # a list that holds itself many times over, an integer of 5,000 digits
        return f"a {type(value).__name__} too large to show"


def refuse_unknown(names: Sequence[object], known: Sequence[str], place: Place, remedies: Mapping[str, str]) -> None:
    """Raise UsageError for the first name that is not known, with the remedy for it or the nearest name."""
    for name in names:
        if not isinstance(name, str):
            raise place.refuse(f"the field name {shown(name)} is not a text", _TEXT)
        if name not in known:
            near = "" if name in remedies else nearest(name, known)
            hint = remedies.get(name, f"known here: {', '.join(known)}")
            raise place.inside(name).refuse(f"unknown field{near}", hint, Slug.CASE_FIELD_UNKNOWN)


def text(place: Place, value: object) -> str:
    """Read a text that says something and can be sent."""
    if not isinstance(value, str):
        raise place.expected("a text", value, _TEXT)
    if not value.strip():
        raise place.refuse("is blank", "write the text, or leave the field out")
    return encodable(place, value)


def encodable(place: Place, value: str) -> str:
    """Return the text, unless it holds half a character: that cannot be sent, hashed or stored."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(value[error.start]):x}"
            hint = "write the character itself, or both halves of the escape"
            raise place.refuse(f"{half} is half of a surrogate pair", hint) from None
    return value


def texts(place: Place, value: object) -> tuple[str, ...]:
    """Read one text or a list of at least one: an empty list would look like a check and check nothing."""
    if value in ([], ()):
        raise place.expected("a text or a list of texts", value, "list what is meant, or leave the field out")
    return labels(place, value)


def labels(place: Place, value: object) -> tuple[str, ...]:
    """Read one text or a list of any length."""
    if isinstance(value, str):
        return (text(place, value),)
    if not isinstance(value, list | tuple):
        raise place.expected("a text or a list of texts", value, 'write "one text" or ["one", "two"]')
    return tuple(text(place.inside(number), entry) for number, entry in enumerate(value))


def above_zero(place: Place, value: object) -> float:
    """Read a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise place.expected("a number above 0", value, _NUMBER)
    return float(value)


def share(place: Place, value: object, what: str = "a number from 0 to 1") -> float:
    """Read a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise place.expected(what, value, _NUMBER)
    return float(value)


def threshold(place: Place, value: object) -> MinSimilarity:
    """Read a number from 0 to 1, or the word auto."""
    return "auto" if value == "auto" else share(place, value, "a number from 0 to 1, or auto")


def count(place: Place, value: object) -> int:
    """Read a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise place.expected("a whole number of 1 or more", value, "write a whole number such as 2, without quotes")
    return value


def switch(place: Place, value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise place.expected("true or false", value, "write true or false, without quotes")
    return value


def table(place: Place, value: object) -> dict[str, Json]:
    """Read an object of names and JSON values."""
    if not isinstance(value, dict):
        raise place.expected("an object", value, 'write it as {"name": value}')
    checked = json_value(place, value)
    assert isinstance(checked, dict)  # noqa: S101  # a dict comes back as one; this tells mypy
    return checked


def json_value(place: Place, value: object, depth: int = 0) -> Json:
    """Read anything that JSON can hold, and nothing else: it is sent, hashed and stored."""
    if depth > CASE_LEVELS:
        outermost = Place(place.where, place.name.partition(".")[0])
        hint = "write it flatter; a YAML anchor must not hold itself"
        raise outermost.refuse(f"is nested more than {CASE_LEVELS} deep", hint)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise place.refuse(f"the name {shown(key)} is not a text", _TEXT)
            encodable(place, key)
        return {key: json_value(place.inside(key), entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(place.inside(number), entry, depth + 1) for number, entry in enumerate(value)]
    return _json_scalar(place, value)


def _json_scalar(place: Place, value: object) -> Json:
    if isinstance(value, str):
        return encodable(place, value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -sys.float_info.max <= value <= sys.float_info.max:
        return value
    raise place.expected("a JSON value", value, "put it in quotes, or write a finite number")
