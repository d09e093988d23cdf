"""Case files: cases from JSON lines, YAML and CSV, with errors that name file, line and field."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.cases.attachments import Attachments
from pytest_graysplit.cases.field_types import format_value
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.json_text import RepeatedNameError, object_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_graysplit.types import Case

# JSON lines are read here. Any other format is a module with `rows(text, display_path)`, imported when it is met.
FORMATS = {".jsonl": "", ".yaml": "from_yaml", ".yml": "from_yaml", ".csv": "from_csv"}

_JSON_HINT = 'write each case on one line, such as {"prompt": "your text"}'
# The characters after each name of an object; a text may hold them too.
_AFTER_NAME = re.compile(r'"\s*:')
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


class FileRow(NamedTuple):
    """The unchecked fields of one case, and the line on which they begin."""

    line: int
    fields: dict[str, object]


def broken(display_path: str, line: int, problem: str, hint: str, slug: Slug = Slug.CASE_FILE_SYNTAX) -> UsageError:
    """Build the error for a line that cannot be read; the caller raises it."""
    return UsageError(f"{display_path}:{line}: {problem}", hint=hint, slug=slug)


def read_cases(path: Path, display_path: str, root: Path | None = None) -> tuple[Case, ...]:
    """Read every case of a file; raise UsageError for the first part that cannot be used.

    `display_path` is the path in messages. Images and documents are read from below `root`, by default the folder of
    the file.
    """
    attachments = Attachments(path.parent, root or path.parent)
    cases = tuple(
        build_case(row.fields, where=f"{display_path}:{row.line}", attachments=attachments)
        for row in read_rows(path, display_path)
    )
    reject_duplicates(cases)
    return cases


def read_rows(path: Path, display_path: str) -> Iterator[FileRow]:
    """Yield every row of a file, unchecked; raise UsageError for a file, or a line, that cannot be read."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        hint = f"name it *{', *'.join(FORMATS)}, after its format"
        raise UsageError(f"{display_path}: not a case file", hint=hint, slug=Slug.CASE_FILE_FORMAT)
    text = _text(path, display_path)
    rows = import_module(f"{__name__}.{FORMATS[suffix]}").rows if FORMATS[suffix] else _json_rows
    row: FileRow | None = None
    for row in rows(text, display_path):
        yield row
    if row is None:
        hint = 'write at least one, such as {"prompt": "your text"} in a .jsonl file'
        raise UsageError(f"{display_path}: holds no case", hint=hint, slug=Slug.CASE_FILE_EMPTY)


def reject_duplicates(cases: Iterable[Case]) -> None:
    """Raise UsageError for the first case with the id of another one, because recordings are found by id."""
    first: dict[str, Case] = {}
    for case in cases:
        earlier = first.setdefault(case.id, case)
        if earlier is not case:
            problem = f"{case.where}: id: {case.id!r} is the id of {earlier.where} too"
            hint = (
                "give each case its own id, by which recordings are found (or none: it is then made from the messages)"
            )
            raise UsageError(problem, hint=hint, slug=Slug.CASE_ID_TWICE)


def _json_rows(text: str, display_path: str) -> Iterator[FileRow]:
    """Yield one row per line of JSON lines that is not blank; raise UsageError for the first that is not an object."""
    import msgspec  # not needed by a run without case files

    decode = msgspec.json.Decoder().decode
    # Not splitlines: a prompt may hold U+2028, which JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            fields = decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _malformed_json(line, display_path, number, error) from None
        if not isinstance(fields, dict):
            problem = f"expected an object, got {format_value(fields)}"
            raise broken(display_path, number, problem, _JSON_HINT, Slug.CASE_FILE_SHAPE)
        if sum(1 for _ in _AFTER_NAME.finditer(line)) > _count_names(fields):
            _reject_repeated_names(line, display_path, number)
        yield FileRow(number, fields)


def _count_names(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_count_names, value.values()))
    return sum(map(_count_names, value)) if isinstance(value, list) else 0


def _reject_repeated_names(line: str, display_path: str, number: int) -> None:
    """Raise UsageError for an object with a repeated name, of which the decoder keeps only the last."""
    try:
        json.loads(line, object_pairs_hook=object_once)
    except RepeatedNameError as error:
        hint = "keep one of them; several texts of one check form a list"
        raise broken(display_path, number, f"an object {error}", hint) from None


def _malformed_json(line: str, display_path: str, number: int, error: Exception) -> UsageError:
    try:
        # The slower parser reports the problem and its column.
        json.loads(line)
    except json.JSONDecodeError as known:
        return broken(display_path, number, f"not valid JSON at column {known.colno}: {known.msg}", _JSON_HINT)
    except (ValueError, RecursionError):
        pass
    if isinstance(error, RecursionError):
        return broken(display_path, number, "not valid JSON: it is nested too deep", _JSON_HINT)
    # Python accepts more than JSON: NaN, half a surrogate pair, numbers out of range.
    return broken(display_path, number, f"not valid JSON: {error}", _JSON_HINT)


def _text(path: Path, display_path: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path, display_path) from None
    except IsADirectoryError:
        hint = f"name one file in it, or give it as a folder to pytest, which collects *.graysplit{path.suffix}"
        raise UsageError(
            f"{display_path}: is a folder, not a case file", hint=hint, slug=Slug.CASE_FILE_UNREADABLE
        ) from None
    except OSError as error:
        hint = "make sure that it is a file, and that you may read it"
        raise UsageError(f"{display_path}: {error.strerror}", hint=hint, slug=Slug.CASE_FILE_UNREADABLE) from None
    text = _decoded(content, display_path)
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        hint = "finish the merge (a prompt that shows such marks belongs in a .jsonl file)"
        raise broken(display_path, line, "it has merge conflict marks", hint, Slug.CASE_FILE_CONFLICT)
    return text


def _decoded(content: bytes, display_path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{content[error.start]:02x} is not UTF-8"
        hint = "save the file as UTF-8 (in Excel: CSV UTF-8)"
        raise broken(display_path, line, problem, hint, Slug.CASE_FILE_ENCODING) from None


def _missing(path: Path, display_path: str) -> UsageError:
    try:
        siblings = sorted(
            file.name for file in path.parent.iterdir() if file.suffix.lower() in FORMATS and file.is_file()
        )
    except OSError:
        hint = "its folder does not exist either"
        return UsageError(f"{display_path}: no such file", hint=hint, slug=Slug.CASE_FILE_MISSING)
    hint = f"case files there: {', '.join(siblings[:5]) or 'none'}"
    near = nearest(path.name, siblings)
    return UsageError(f"{display_path}: no such file{near}", hint=hint, slug=Slug.CASE_FILE_MISSING)
