"""CSV with a header of field names; a dotted column (`expect.contains`, `params.seed`) sets one entry of an object.

An empty cell is a missing field. `tags` and the columns of `expect` that list texts hold texts separated by `;`.
`messages`, `turns`, `params`, `json_fields`, `expect`, `expect.json`, `expect.json_schema` and `expect.tool_calls` hold
JSON.
`params.NAME` holds JSON if it parses, else a text. Any other cell is a number, true or false, or a text.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import msgspec

from pytest_graysplit.cases.expect_fields import BESIDE_EXPECT, EXPECT_FIELDS
from pytest_graysplit.cases.field_types import FieldLocation, format_value, reject_unknown
from pytest_graysplit.cases.fields import CASE_FIELDS
from pytest_graysplit.cases.files import FileRow, broken
from pytest_graysplit.errors import Slug

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTS = ("tags", "rubric", "expect.contains", "expect.icontains", "expect.contains_any", "expect.not_contains")
_JSON = (
    "messages",
    "turns",
    "params",
    "json_fields",
    "expect",
    "expect.json",
    "expect.json_schema",
    "expect.tool_calls",
)
_SWITCHES = (
    "must_pass", "expect.exact_text", "expect.tool_order", "expect.no_other_tool_calls", "expect.no_tool_calls",
)  # fmt: skip
_NUMBERS = (
    "min_similarity", "max_latency_s", "max_ttft_s", "max_latency_ratio", "max_cost_usd", "samples", "expect.number",
    "expect.tolerance", "expect.min_similarity", "expect.min_words", "expect.max_words",
)  # fmt: skip
_COLUMNS = (*CASE_FIELDS, *(f"expect.{name}" for name in EXPECT_FIELDS))
_QUOTES = 'put a cell that holds a comma, a quote or a line break in double quotes, and write a quote inside as ""'


def rows(text: str, display_path: str) -> Iterator[FileRow]:
    """Yield one row per record below the header; raise UsageError for the first one that does not match it."""
    columns: list[str] | None = None
    for line, cells in _records(text, display_path):
        if columns is None:
            columns = _header(cells, display_path, line)
        elif any(cell.strip() for cell in cells):
            yield FileRow(line, _fields(columns, cells, FieldLocation(f"{display_path}:{line}", "")))


def _records(text: str, display_path: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))  # a prompt may be long; the limit is global
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise broken(display_path, line, f"not valid CSV: {error}", _QUOTES) from None
    finally:
        csv.field_size_limit(limit)


def _header(cells: list[str], display_path: str, line: int) -> list[str]:
    columns = [cell.strip() for cell in cells]
    while columns and not columns[-1]:  # spreadsheets leave empty columns behind
        columns.pop()
    for problem, hint in _header_problems(columns):
        raise broken(display_path, line, problem, hint, Slug.CASE_FILE_SHAPE)
    named = [column for column in columns if not column.startswith("params.")]
    remedies = {f"expect.{name}": f"name the column {name}, without expect" for name in BESIDE_EXPECT}
    reject_unknown(named, _COLUMNS, FieldLocation(f"{display_path}:{line}", ""), remedies)
    return columns


def _header_problems(columns: list[str]) -> Iterator[tuple[str, str]]:
    for separator in (";", "\t"):
        if len(columns) == 1 and separator in columns[0]:
            yield f"the columns are separated by {separator!r}, not by commas", "save it as comma-separated values"
    if not set(columns) & set(_COLUMNS):
        hint = "name the fields in the first line, such as id,prompt,expect.contains"
        yield f"expected a header that names fields, got {format_value(','.join(columns))}", hint
    for number, column in enumerate(columns, start=1):
        if not column:
            yield f"column {number} has no name", "name its field, or remove the column"
        if columns.count(column) > 1:
            yield f"two columns are named {column}", "keep one of them"


def _fields(columns: list[str], cells: list[str], location: FieldLocation) -> dict[str, object]:
    if any(cell.strip() for cell in cells[len(columns) :]):
        problem = f"{len(cells)} cells under {len(columns)} columns"
        raise location.refuse(problem, _QUOTES, Slug.CASE_FILE_SHAPE)
    fields: dict[str, object] = {}
    # Whole objects first, so that a dotted column adds to them in any order of columns.
    for column, cell in sorted(zip(columns, cells, strict=False), key=lambda pair: "." in pair[0]):
        if cell.strip():
            _put(fields, location.inside(column), _value(location.inside(column), cell))
    return fields


def _put(fields: dict[str, object], location: FieldLocation, value: object) -> None:
    head, _, entry = location.name.partition(".")
    if not entry:
        fields[head] = value
        return
    parent = fields.setdefault(head, {})
    if not isinstance(parent, dict) or entry in parent:
        raise location.refuse(f"the {head} column sets it already", "keep one of the two", Slug.CASE_FIELD_CLASH)
    parent[entry] = value


def _value(location: FieldLocation, cell: str) -> object:
    column, bare = location.name, cell.strip()
    if column == "rubric" and bare.startswith("[") and bare.endswith("]"):
        return _json(location, bare)
    if column in _LISTS:
        _reject_json_list(location, bare)
        return [part.strip() for part in cell.split(";") if part.strip()]
    if column in _NUMBERS:
        return _number(bare)
    # Spreadsheets write TRUE.
    if (column in _JSON or column in _SWITCHES) and bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    if column in _JSON or column.startswith("params."):
        return _json(location, bare)
    return cell


def _reject_json_list(location: FieldLocation, cell: str) -> None:
    """Raise UsageError for a JSON list, which would be cut at its semicolons, or count as one text."""
    if cell.startswith("[") and cell.endswith("]"):
        try:
            json.loads(cell)
        except (ValueError, RecursionError):
            return
        hint = 'separate the texts by ;, or write the check as JSON in a column expect: "{""contains"": [""a;b""]}"'
        raise location.refuse("is a JSON list, and this column holds texts", hint, Slug.CASE_FILE_SHAPE)


def _number(cell: str) -> object:
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return cell


def _json(location: FieldLocation, cell: str) -> object:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.MsgspecError, RecursionError) as error:
        if location.name.startswith("params."):
            return cell
        hint = 'write JSON in the cell, its quotes doubled: "{""status"": ""open""}"'
        raise location.refuse(f"not valid JSON: {error}", hint, Slug.CASE_FILE_SYNTAX) from None
