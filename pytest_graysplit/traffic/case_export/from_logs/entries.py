"""Entries of logs and exports: JSON lines, JSON and CSV, line by line where the file has lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import why_not
from pytest_graysplit.formatting.json_text import ANSWER_LEVELS, is_nested_deeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Lists of entries inside of an object: a page of an API, or a trace with its observations.
_LISTS = ("data", "runs", "observations", "items", "logs", "child_runs")
_MARK = b"\xef\xbb\xbf"
# The depth of lists in lists, such as children of children.
_LEVELS = 50


class Entry(NamedTuple):
    """One entry with its place; `problem` says why it cannot be read."""

    where: str
    fields: dict[str, Any]
    problem: str = ""


def entries_of(paths: Sequence[Path]) -> Iterator[Entry]:
    """Yield the entries of all files; raise UsageError for a file that cannot be read at all."""
    for path in paths:
        try:
            for entry in _entries(path):
                yield from [entry] if entry.problem else _inside(entry.where, entry.fields)
        except (OSError, EOFError) as error:
            raise UsageError(
                f"the log {path} cannot be read: {_reason(path, error)}",
                hint="name exported files: JSON lines, JSON or CSV, also as .gz",
                slug=Slug.CASE_LOG_UNREADABLE,
            ) from None


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return why_not(path, error) if isinstance(error, OSError) and error.strerror else str(error)


def _entries(path: Path) -> Iterator[Entry]:
    name = path.name.removesuffix(".gz")
    with _opened(path) as file:
        if name.lower().endswith(".csv"):
            yield from _rows(path.name, file)
            return
        first = next((line for line in file if line.strip()), b"")
        file.seek(0)
        if _is_whole(first):
            yield from _lines(path.name, file)
            return
        whole = _parsed(file.read())
        if whole is None:
            file.seek(0)
            yield from _lines(path.name, file)
        else:
            yield from _parts(path.name, whole)


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _is_whole(line: bytes) -> bool:
    """Tell whether the first line is an object by itself, so that the file has one per line."""
    return isinstance(_parsed(line), dict)


def _lines(name: str, file: IO[bytes]) -> Iterator[Entry]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        found = _parsed(line)
        if isinstance(found, dict):
            yield Entry(f"{name}:{number}", found)
        else:
            yield Entry(f"{name}:{number}", {}, "not a JSON object")


def _parts(name: str, whole: Any) -> Iterator[Entry]:
    if isinstance(whole, dict):
        yield Entry(name, whole)
        return
    for number, part in enumerate(whole if isinstance(whole, list) else [whole]):
        where = f"{name}[{number}]"
        yield Entry(where, part) if isinstance(part, dict) else Entry(where, {}, "not a JSON object")


def _rows(name: str, file: IO[bytes]) -> Iterator[Entry]:
    """Yield the rows of CSV, in which a cell may hold JSON."""
    csv.field_size_limit(sys.maxsize)
    with io.TextIOWrapper(cast("Any", file), encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = csv.DictReader(text)
        at = 2
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield Entry(f"{name}:{at}", {}, f"not valid CSV ({error})")
                row = {}
            if row is None:
                return
            if row:
                yield Entry(f"{name}:{at}", {str(column): decoded(cell) for column, cell in row.items() if column})
            at = rows.line_num + 1


def decoded(value: Any) -> Any:
    """Return the JSON that a text holds, if it is an object or a list; an empty text is nothing."""
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in ("{", "["):
        found = _parsed(value.encode("utf-8", "surrogatepass"))
        return value if found is None else found
    return value or None


def _parsed(data: bytes) -> Any:
    """Return the JSON of a text, None if it is not JSON, or is nested deeper than any request."""
    try:
        found = json.loads(data.removeprefix(_MARK), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    is_suspect = data.count(b"[") + data.count(b"{") > ANSWER_LEVELS
    return None if is_suspect and is_nested_deeper(found, ANSWER_LEVELS) else found


def _inside(where: str, fields: dict[str, Any], levels: int = _LEVELS) -> Iterator[Entry]:
    """Yield the entries that an object lists, and the object itself where it has more than a list."""
    lists = {name: fields[name] for name in _LISTS if _is_list_of_entries(fields.get(name))}
    if not lists or not levels:
        yield Entry(where, fields)
        return
    if "child_runs" in lists:
        yield Entry(where, fields)
    for name, parts in lists.items():
        for number, part in enumerate(parts):
            yield from _inside(f"{where}.{name}[{number}]", part, levels - 1)


def _is_list_of_entries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, dict) for part in value)
