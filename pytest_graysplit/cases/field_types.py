"""Types of fields of a case: one reader per type, with errors that name file, line and field."""

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


class FieldLocation(NamedTuple):
    """The line of a field (`support.jsonl:14`) and its dotted name (`expect.min_similarity`)."""

    where: str
    name: str

    def inside(self, key: str | int) -> FieldLocation:
        """Return the location of an entry of this field."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.name else key
        return FieldLocation(self.where, f"{self.name}{step}")

    def refuse(self, problem: str, hint: str, slug: Slug = Slug.CASE_FIELD_TYPE) -> UsageError:
        """Build the error for this field; the caller raises it."""
        return UsageError(": ".join(part for part in (*self, problem) if part), hint=hint, slug=slug)

    def expected(self, what: str, got: object, hint: str) -> UsageError:
        """Build the error for a field with a value of another type; the caller raises it."""
        return self.refuse(f"expected {what}, got {format_value(got)}", hint)


class Fields:
    """The fields of one object, each read by the reader of its type; a field that is None counts as missing."""

    def __init__(self, values: Mapping[str, object], location: FieldLocation) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}
        self.location = location

    def read(self, name: str, kind: Callable[[FieldLocation, object], T]) -> T | None:
        """Return the field as its reader returns it, or None if it is missing."""
        return kind(self.location.inside(name), self.values[name]) if name in self.values else None


def format_value(value: object) -> str:
    """Write a value for a message, shortened if it is long."""
    try:
        return cut(repr(value), 60)
    except (RecursionError, ValueError):  # a list that holds itself many times over, or an integer of 5,000 digits
        return f"a {type(value).__name__} too large to show"


def reject_unknown(
    names: Sequence[object], known: Sequence[str], location: FieldLocation, remedies: Mapping[str, str]
) -> None:
    """Raise UsageError for the first unknown name, with its remedy or the most similar known name."""
    for name in names:
        if not isinstance(name, str):
            raise location.refuse(f"the field name {format_value(name)} is not a text", _TEXT)
        if name not in known:
            near = "" if name in remedies else nearest(name, known)
            hint = remedies.get(name, f"valid names: {', '.join(known)}")
            raise location.inside(name).refuse(f"unknown field{near}", hint, Slug.CASE_FIELD_UNKNOWN)


def read_text(location: FieldLocation, value: object) -> str:
    """Read a text that is not blank and can be sent."""
    if not isinstance(value, str):
        raise location.expected("a text", value, _TEXT)
    if not value.strip():
        raise location.refuse("is blank", "write the text, or leave the field out")
    return check_encodable(location, value)


def check_encodable(location: FieldLocation, value: str) -> str:
    """Return the text, unless it holds half a surrogate pair, which cannot be sent, hashed or stored."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(value[error.start]):x}"
            hint = "write the character itself, or both halves of the escape"
            raise location.refuse(f"{half} is half of a surrogate pair", hint) from None
    return value


def read_texts(location: FieldLocation, value: object) -> tuple[str, ...]:
    """Read one text, or a list of at least one; an empty list would look like a check and check nothing."""
    if value in ([], ()):
        raise location.expected("a text or a list of texts", value, "list at least one text, or leave the field out")
    return read_labels(location, value)


def read_labels(location: FieldLocation, value: object) -> tuple[str, ...]:
    """Read one text or a list of any length."""
    if isinstance(value, str):
        return (read_text(location, value),)
    if not isinstance(value, list | tuple):
        raise location.expected("a text or a list of texts", value, 'write "one text" or ["one", "two"]')
    return tuple(read_text(location.inside(number), entry) for number, entry in enumerate(value))


def read_positive(location: FieldLocation, value: object) -> float:
    """Read a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise location.expected("a number above 0", value, _NUMBER)
    return float(value)


def read_number(location: FieldLocation, value: object) -> float:
    """Read any finite number; a whole number stays one, with all its digits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise location.expected("a number", value, "write it as in JSON, such as 1250.5, without quotes")
    return value


def read_distance(location: FieldLocation, value: object) -> float:
    """Read a number of 0 or more."""
    number = read_number(location, value)
    if number < 0:
        raise location.expected("a number of 0 or more", value, _NUMBER)
    return number


def read_share(location: FieldLocation, value: object, what: str = "a number from 0 to 1") -> float:
    """Read a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise location.expected(what, value, _NUMBER)
    return float(value)


def read_threshold(location: FieldLocation, value: object) -> MinSimilarity:
    """Read a number from 0 to 1, or the word auto."""
    return "auto" if value == "auto" else read_share(location, value, "a number from 0 to 1, or auto")


def read_count(location: FieldLocation, value: object) -> int:
    """Read a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise location.expected("a whole number of 1 or more", value, "write a whole number such as 2, without quotes")
    return value


def read_switch(location: FieldLocation, value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise location.expected("true or false", value, "write true or false, without quotes")
    return value


def read_table(location: FieldLocation, value: object) -> dict[str, Json]:
    """Read an object of names and JSON values."""
    if not isinstance(value, dict):
        raise location.expected("an object", value, 'write it as {"name": value}')
    checked = read_json(location, value)
    assert isinstance(checked, dict)  # noqa: S101  # a dict comes back as one; this tells mypy
    return checked


def read_json(location: FieldLocation, value: object, depth: int = 0) -> Json:
    """Read any JSON value, and reject others: it is sent, hashed and stored."""
    if depth > CASE_LEVELS:
        outermost = FieldLocation(location.where, location.name.partition(".")[0])
        hint = "reduce the nesting; a YAML anchor must not contain itself"
        raise outermost.refuse(f"is nested more than {CASE_LEVELS} deep", hint)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise location.refuse(f"the name {format_value(key)} is not a text", _TEXT)
            check_encodable(location, key)
        return {key: read_json(location.inside(key), entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [read_json(location.inside(number), entry, depth + 1) for number, entry in enumerate(value)]
    return _json_scalar(location, value)


def _json_scalar(location: FieldLocation, value: object) -> Json:
    if isinstance(value, str):
        return check_encodable(location, value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -sys.float_info.max <= value <= sys.float_info.max:
        return value
    raise location.expected("a JSON value", value, "put it in quotes, or write a finite number")
