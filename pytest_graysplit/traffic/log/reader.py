"""Read traffic logs as a stream of records; a line that cannot be read is left out, counted and named."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.log.files import opened, unreadable
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.records import FORMAT, FeedbackRecord, Record, SignalRecord, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path
    from typing import Self

    from pytest_graysplit.traffic.log.gaps import Gap
    from pytest_graysplit.traffic.log.records import RequestRecord

_LINE_HINT = "each line is one JSON object, as SplitClient(log=...) writes it"
_FORMAT_HINT = "read the log with the version of pytest-graysplit that wrote it"
# The latest ids that are remembered, once or twice as many, to find doubled lines: some 30 MB per half million.
RECENT_IDS = 500_000


class Line(NamedTuple):
    """One record of a traffic log, and its place in the log (`traffic.jsonl:14`)."""

    where: str
    record: Record


class _BrokenLine(NamedTuple):
    where: str
    kind: Gap
    problem: str
    cut: bool = False


class RecentIds:
    """The ids of the latest requests and scores, in bounded memory."""

    def __init__(self, most: int = RECENT_IDS) -> None:
        self._most = most
        self._old: set[int] = set()
        self._new: set[int] = set()

    def is_doubled(self, record: RequestRecord | FeedbackRecord | SignalRecord) -> bool:
        """Tell whether the same line was read before, and remember it."""
        key = _key_of(record)
        if key in self._new or key in self._old:
            return True
        self._new.add(key)
        if len(self._new) >= self._most:
            self._old, self._new = self._new, set()
        return False


def _key_of(record: RequestRecord | FeedbackRecord | SignalRecord) -> int:
    """Return a number that two lines share only if they are the same: an id alone may come from another program."""
    if isinstance(record, FeedbackRecord):
        return hash((record.id, record.at, record.score, record.before))
    if isinstance(record, SignalRecord):
        return hash((record.id, record.at, record.unit, record.signal, record.value, record.before))
    return hash((record.id, record.at, record.arm, record.unit, record.latency_s))


class OpenedLogs:
    """The files of traffic logs, all opened at once: a writer may rename them, and opened files are not affected.

    Lines that cannot be read, and lines that were read before, are left out and counted in `gaps`.
    """

    def __init__(self, files: Iterable[Path], gaps: LogGaps, ids: RecentIds | None = None) -> None:
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._streams = [(file, stack.enter_context(opened(file))) for file in files]
            self._stack = stack.pop_all()
        self._gaps = gaps
        self._ids = ids or RecentIds()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lines(self) -> Iterator[Line]:
        """Yield every record, in the order of the files; raise UsageError if there is not a single one."""
        line = None
        for file, stream in self._streams:
            for line in read_lines(_lines(stream, file, self._gaps), str(file), self._gaps, self._ids):
                yield line
        if line is None and not self._gaps.counts["doubled"]:
            raise _without_records([str(file) for file, _ in self._streams], self._gaps)

    def again(self, places: Collection[str]) -> Iterator[Line]:
        """Yield the records at these places once more, without reading the others."""
        for file, stream in self._streams:
            stream.seek(0)
            for number, text in enumerate(_lines(stream, file, LogGaps()), start=1):
                if (where := f"{file}:{number}") in places:
                    yield from (Line(where, found) for found in _records_in(text, where))


def read_files(files: Iterable[Path], gaps: LogGaps, ids: RecentIds | None = None) -> Iterator[Line]:
    """Yield every record of these files; see `OpenedLogs`."""
    with OpenedLogs(files, gaps, ids) as logs:
        yield from logs.lines()


def _records_in(text: bytes, where: str) -> Iterator[Record]:
    return (found for _, found in _decoded([text], where, 1) if not isinstance(found, _BrokenLine))


def read_lines(lines: Iterable[bytes], name: str, gaps: LogGaps, ids: RecentIds, *, first: int = 1) -> Iterator[Line]:
    """Yield the record of each line of the log called `name`; `first` is the number of the first line."""
    broken: _BrokenLine | None = None
    for where, found in _decoded(lines, name, first):
        if broken:
            # A process that was killed in the middle of a line writes the split first when it opens the log again.
            _skip(broken, gaps, torn=isinstance(found, SplitRecord))
            broken = None
        if isinstance(found, _BrokenLine):
            broken = found
        elif isinstance(found, SplitRecord):
            if lost := found.lost or 0:
                gaps.add("lost", where, lines=lost)
            yield Line(where, found)
        elif ids.is_doubled(found):
            gaps.add("doubled", where)
        else:
            yield Line(where, found)
    if broken:
        _skip(broken, gaps, torn=True)


def _decoded(lines: Iterable[bytes], name: str, first: int) -> Iterator[tuple[str, Record | _BrokenLine]]:
    decode = msgspec.json.Decoder(Record).decode
    for number, text in enumerate(lines, start=first):
        where = f"{name}:{number}"
        try:
            yield where, decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not text.isspace():
                yield where, _decode_leniently(text, where)


def _skip(broken: _BrokenLine, gaps: LogGaps, *, torn: bool) -> None:
    if torn and broken.cut:
        gaps.add("incomplete", broken.where)
    else:
        gaps.add(broken.kind, broken.where, broken.problem)


def _lines(stream: Iterable[bytes], file: Path, gaps: LogGaps) -> Iterator[bytes]:
    try:
        yield from stream
    except gzip.BadGzipFile:
        raise UsageError(f"{file}: is not compressed by gzip", hint=_gzip_hint(file), slug=Slug.TRAFFIC_FILE) from None
    except (EOFError, zlib.error):
        gaps.add("cut", str(file))
    except OSError as error:
        raise unreadable(file, error) from None


def _gzip_hint(file: Path) -> str:
    return f"a plain log is called {file.name.removesuffix('.gz')}, without .gz"


def _without_records(files: list[str], gaps: LogGaps) -> UsageError:
    if newer := gaps.first.get("newer"):
        return UsageError(f"{newer.where}: {newer.problem}", hint=_FORMAT_HINT, slug=Slug.TRAFFIC_FORMAT)
    if foreign := gaps.first.get("foreign"):
        return UsageError(f"{foreign.where}: {foreign.problem}", hint=_LINE_HINT, slug=Slug.TRAFFIC_LINE)
    hint = "SplitClient(log=...) writes a log as soon as it gets requests"
    return UsageError(f"{', '.join(files)}: contains no record of traffic", hint=hint, slug=Slug.TRAFFIC_FILE)


def _decode_leniently(text: bytes, where: str) -> Record | _BrokenLine:
    """Read a line that the fast decoder refuses, such as one with lone surrogates; otherwise describe the error."""
    try:
        loaded: Any = json.loads(text.decode())
    except UnicodeDecodeError as error:
        # A line can also be cut within a character.
        problem = f"is not UTF-8 (byte {error.start + 1})"
        return _BrokenLine(where, "foreign", problem, cut=not text.endswith(b"\n"))
    except RecursionError:
        return _BrokenLine(where, "foreign", "is nested too deeply")
    except ValueError as error:
        return _BrokenLine(where, "foreign", f"is not JSON ({error})", cut=text.lstrip().startswith(b"{"))
    found = loaded.get("format") if isinstance(loaded, dict) else None
    if found is not None and found != FORMAT:
        return _BrokenLine(where, "newer", f"is format {found!r}, this version reads {FORMAT}")
    try:
        record: Record = msgspec.convert(loaded, Record)
    except msgspec.ValidationError as error:
        return _BrokenLine(where, "foreign", f"is not a line of a traffic log ({error})")
    return record
