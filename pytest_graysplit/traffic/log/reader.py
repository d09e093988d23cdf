"""Read a traffic log as a stream of records: first its rotated files, then the file itself."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.log.records import FORMAT, Record, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_ROTATED = re.compile(r"\.(\d+)(\.gz)?")
_LINE_HINT = "each line is one JSON object, as SplitClient(log=...) writes it"


class Line(NamedTuple):
    """One record of a traffic log, and its place in the log (`traffic.jsonl:14`)."""

    where: str
    record: Record


class _BrokenLine(NamedTuple):
    where: str
    problem: str
    cut: bool


def read_files(files: Iterable[Path], *, warn: Callable[[str], None] = lambda _: None) -> Iterator[Line]:
    """Yield every record of these files, in this order; raise UsageError if there is not a single record.

    A line that a killed process left incomplete, at the end of a file or of a run, is skipped and reported to `warn`.
    """
    named, line = [], None
    with ExitStack() as stack:
        # All files are opened at once: a writer may rename them meanwhile, and open files are not affected.
        streams = [(file, stack.enter_context(_opened(file))) for file in files]
        for file, stream in streams:
            named.append(str(file))
            for line in read_lines(_lines(stream, file, warn), str(file), warn=warn):
                yield line
    if line is None:
        hint = "SplitClient(log=...) writes a log as soon as it gets requests"
        raise UsageError(f"{', '.join(named)}: contains no record of traffic", hint=hint, slug=Slug.TRAFFIC_FILE)


def log_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of these logs, oldest first, each once, even if a pattern also matched rotated files.

    Raises UsageError for a path without a log.
    """
    groups = {path: _with_rotated(path) for path in paths}
    # `traffic.jsonl*` also matches the rotated files, which belong before their log.
    rotated = {file for path, group in groups.items() for file in group if file != path}
    return tuple(dict.fromkeys(file for path, group in groups.items() if path not in rotated for file in group))


def _with_rotated(path: Path) -> list[Path]:
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a traffic log", hint="name the .jsonl file", slug=Slug.TRAFFIC_FILE)
    rotated: dict[int, Path] = {}
    try:
        # While a file is being compressed, both forms may exist; the plain one is complete.
        for file in sorted(path.parent.iterdir(), reverse=True):
            number = _ROTATED.fullmatch(file.name.removeprefix(path.name)) if file.name != path.name else None
            if number and file.name.startswith(path.name):
                rotated[int(number[1])] = file
    except OSError:
        raise _missing(path) from None
    files = [file for _, file in sorted(rotated.items(), reverse=True)]
    if not path.exists() and not files:
        raise _missing(path)
    return [*files, path] if path.exists() else files


def _missing(path: Path) -> UsageError:
    beside = (
        sorted(file.name for file in path.parent.glob("*.jsonl*") if ".graysplit." not in file.name)
        if path.parent.is_dir()
        else []
    )
    hint = f"logs there: {', '.join(beside[:5]) or 'none'}" if path.parent.is_dir() else "its folder does not exist"
    return UsageError(f"{path}: no such file{nearest(path.name, beside)}", hint=hint, slug=Slug.TRAFFIC_FILE)


def read_lines(
    lines: Iterable[bytes], name: str, *, first: int = 1, warn: Callable[[str], None] = lambda _: None
) -> Iterator[Line]:
    """Yield the record of each line of the log called `name`; `first` is the number of the first line."""
    broken: _BrokenLine | None = None
    for where, found in _decoded(lines, name, first):
        if broken:
            # A process that was killed in the middle of a line writes the split first when it opens the log again.
            _skip(broken, warn, torn=isinstance(found, SplitRecord))
            broken = None
        if isinstance(found, _BrokenLine):
            broken = found
        else:
            yield Line(where, found)
    if broken:
        _skip(broken, warn, torn=True)


def _decoded(lines: Iterable[bytes], name: str, first: int) -> Iterator[tuple[str, Record | _BrokenLine]]:
    decode = msgspec.json.Decoder(Record).decode
    for number, text in enumerate(lines, start=first):
        where = f"{name}:{number}"
        try:
            yield where, decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not text.isspace():
                yield where, _decode_leniently(text, where)


def _skip(broken: _BrokenLine, warn: Callable[[str], None], *, torn: bool) -> None:
    if not (torn and broken.cut):
        raise UsageError(f"{broken.where}: {broken.problem}", hint=_LINE_HINT, slug=Slug.TRAFFIC_LINE)
    warn(f"{broken.where}: skipped; the line is incomplete, probably because a process was killed")


def _opened(file: Path) -> AbstractContextManager[Iterable[bytes]]:
    try:
        return gzip.open(file) if file.suffix == ".gz" else file.open("rb")
    except OSError as error:
        raise _unreadable(file, error) from None


def _lines(stream: Iterable[bytes], file: Path, warn: Callable[[str], None]) -> Iterator[bytes]:
    try:
        yield from stream
    except gzip.BadGzipFile:
        raise UsageError(f"{file}: is not compressed by gzip", hint=_gzip_hint(file), slug=Slug.TRAFFIC_FILE) from None
    except (EOFError, zlib.error):
        warn(f"{file}: the compressed file is incomplete; the lines before the end were read")
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> UsageError:
    hint = "make sure that it is a file, and that you may read it"
    return UsageError(f"{file}: {error.strerror or error}", hint=hint, slug=Slug.TRAFFIC_FILE)


def _gzip_hint(file: Path) -> str:
    return f"a plain log is called {file.name.removesuffix('.gz')}, without .gz"


def _decode_leniently(text: bytes, where: str) -> Record | _BrokenLine:
    """Read a line that the fast decoder refuses, such as one with lone surrogates; otherwise describe the error."""
    try:
        loaded: Any = json.loads(text.decode())
    except UnicodeDecodeError as error:
        # A line can also be cut within a character.
        return _BrokenLine(where, f"is not UTF-8 (byte {error.start + 1})", cut=not text.endswith(b"\n"))
    except RecursionError:
        return _BrokenLine(where, "is nested too deeply", cut=False)
    except ValueError as error:
        return _BrokenLine(where, f"is not JSON ({error})", cut=text.lstrip().startswith(b"{"))
    found = loaded.get("format") if isinstance(loaded, dict) else None
    if found is not None and found != FORMAT:
        raise UsageError(
            f"{where}: is format {found!r}, this version reads {FORMAT}",
            hint="read the log with the version of pytest-graysplit that wrote it",
            slug=Slug.TRAFFIC_FORMAT,
        )
    try:
        record: Record = msgspec.convert(loaded, Record)
    except msgspec.ValidationError as error:
        return _BrokenLine(where, f"is not a line of a traffic log ({error})", cut=False)
    return record
