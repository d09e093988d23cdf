"""JSON lines: one object per line; blank lines are skipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from pytest_graysplit.cases.field_types import format_value
from pytest_graysplit.cases.files import FileRow, broken
from pytest_graysplit.errors import Slug

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.errors import UsageError

_HINT = 'write each case on one line, such as {"prompt": "your text"}'


def rows(text: str, display_path: str) -> Iterator[FileRow]:
    """Yield one row per line that is not blank; raise UsageError for the first one that is not a JSON object."""
    decode = msgspec.json.Decoder().decode
    # Not splitlines: a prompt may hold U+2028, which JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            fields = decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _malformed(line, display_path, number, error) from None
        if not isinstance(fields, dict):
            raise broken(
                display_path, number, f"expected an object, got {format_value(fields)}", _HINT, Slug.CASE_FILE_SHAPE
            )
        yield FileRow(number, fields)


def _malformed(line: str, display_path: str, number: int, error: Exception) -> UsageError:
    try:
        # The slower parser reports the problem and its column.
        json.loads(line)
    except json.JSONDecodeError as precise:
        return broken(display_path, number, f"not valid JSON at column {precise.colno}: {precise.msg}", _HINT)
    except (ValueError, RecursionError):
        pass
    if isinstance(error, RecursionError):
        return broken(display_path, number, "not valid JSON: it is nested too deep", _HINT)
    # Python accepts more than JSON: NaN, half a surrogate pair, numbers out of range.
    return broken(display_path, number, f"not valid JSON: {error}", _HINT)
