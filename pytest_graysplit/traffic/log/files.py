"""Find the files of traffic logs: in folders, rotated by the writer or by another program, each once, oldest first."""

from __future__ import annotations

import gzip
import re
import zlib
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.log.log_file import PACKED
from pytest_graysplit.traffic.log.records import Record, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedIOBase
    from pathlib import Path

    from pytest_graysplit.traffic.log.gaps import LogGaps

# The date that logrotate adds with `dateext`, with any of the usual formats.
_DATE = r"[.-]20\d\d-?\d\d-?\d\d[\d_T:.-]*"
_ENDING = rf"(?:\.(?:{PACKED}))?"
_IN_A_FOLDER = re.compile(rf"(?:(.+?\.jsonl)(?:\.\d+|{_DATE})?|(.+?){_DATE}\.jsonl){_ENDING}")
# The lines at the beginning of a file that are read to find its first request, and the bytes that identify its content.
_FIRST_LINES = 50
_FIRST_BYTES = 65_536
_PIECE_BYTES = 4096


class _Beginning(NamedTuple):
    """The first lines of a file: whether one is a record of traffic, and the time of the first request."""

    is_traffic: bool
    at: str


def log_files(paths: Iterable[Path], gaps: LogGaps) -> tuple[Path, ...]:
    """Return the files of these logs, oldest first, each once; a folder stands for all logs in it.

    The rotated files of a log are found beside it. `gaps` gets files that cannot be read and files of a folder that are
    not traffic logs. Raises UsageError for a path without a log.
    """
    once: dict[tuple[int, int], Path] = {}
    for file in chain.from_iterable(_logs_in(path, gaps) if path.is_dir() else _with_rotated(path) for path in paths):
        found = file.stat()
        once.setdefault((found.st_ino, found.st_dev), file)
    files = list(_readable(once.values(), gaps))
    at, times = "", {}
    for file in files:
        # A file without a request keeps its place after the file before it.
        at = times[file] = _beginning(file).at or at
    return tuple(sorted(files, key=lambda file: times[file]))


def live_logs(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the logs that are named or that are in the folders, without their rotated files."""
    found = (_names_in(path) if path.is_dir() else [path] for path in paths)
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def is_traffic_log(file: Path) -> bool:
    """Tell whether one of the first lines is a record of traffic."""
    return _beginning(file).is_traffic


def opened(file: Path) -> BufferedIOBase:
    """Open a plain or compressed file; raise UsageError if that fails."""
    try:
        return gzip.open(file) if file.suffix == ".gz" else file.open("rb")
    except OSError as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: OSError) -> UsageError:
    """Return the error for a file that cannot be read."""
    hint = "make sure that it is a file, and that you may read it"
    return UsageError(f"{file}: {error.strerror or error}", hint=hint, slug=Slug.TRAFFIC_FILE)


def _logs_in(folder: Path, gaps: LogGaps) -> Iterator[Path]:
    names = _names_in(folder)
    if not names:
        raise UsageError(
            f"{folder}: is a folder without a traffic log",
            hint="name the .jsonl file, or the folder that contains it",
            slug=Slug.TRAFFIC_FILE,
        )
    for file in chain.from_iterable(map(_with_rotated, names)):
        if is_traffic_log(file):
            yield file
        else:
            gaps.add("other", str(file))


def _names_in(folder: Path) -> list[Path]:
    matches = (_IN_A_FOLDER.fullmatch(file.name) for file in folder.iterdir() if ".graysplit." not in file.name)
    return sorted({folder / (match[1] or f"{match[2]}.jsonl") for match in matches if match})


def _with_rotated(path: Path) -> list[Path]:
    stem, _, ending = path.name.rpartition(".")
    own = re.escape(path.name)
    dated = rf"|{re.escape(stem)}{_DATE}\.{re.escape(ending)}{_ENDING}" if stem else ""
    pattern = re.compile(rf"{own}(?:\.(\d+)|{_DATE})?{_ENDING}{dated}")
    try:
        matches = [match for file in path.parent.iterdir() if (match := pattern.fullmatch(file.name))]
    except OSError:
        raise _missing(path) from None
    if not matches:
        raise _missing(path)
    # The log itself is the newest; of its rotated files, the one with the highest number or the first date is oldest.
    matches.sort(key=lambda match: (match[0] == path.name, -int(match[1] or 0), match[0]))
    return [path.with_name(match[0]) for match in matches]


def _missing(path: Path) -> UsageError:
    beside = (
        sorted(file.name for file in path.parent.glob("*.jsonl*") if ".graysplit." not in file.name)
        if path.parent.is_dir()
        else []
    )
    hint = f"logs there: {', '.join(beside[:5]) or 'none'}" if path.parent.is_dir() else "its folder does not exist"
    return UsageError(f"{path}: no such file{nearest(path.name, beside)}", hint=hint, slug=Slug.TRAFFIC_FILE)


def _readable(files: Iterable[Path], gaps: LogGaps) -> Iterator[Path]:
    """Leave out a compressed file whose plain form is there too, and one that cannot be decompressed."""
    names = set(files)
    for file in files:
        packed = file.suffix if re.fullmatch(PACKED, file.suffix[1:]) else ""
        # While a file is being compressed, both forms exist, and the plain one is complete. Two different files have
        # these names if one was compressed and the next was rotated to the same number.
        if packed == ".gz" and (plain := file.with_suffix("")) in names and _same_content(plain, file):
            continue
        if packed and packed != ".gz":
            gaps.add("packed", str(file))
        elif packed and not file.stat().st_size:
            gaps.add("cut", str(file))
        else:
            yield file


def _same_content(plain: Path, packed: Path) -> bool:
    with plain.open("rb") as file:
        whole = file.read(_FIRST_BYTES)
    found = b""
    with suppress(OSError, EOFError, zlib.error), gzip.open(packed) as file:
        # Piece by piece, because the compressed file may still be written.
        while len(found) < _FIRST_BYTES and (piece := file.read1(_PIECE_BYTES)):
            found += piece
    return whole.startswith(found[:_FIRST_BYTES])


def _beginning(file: Path) -> _Beginning:
    decode, is_traffic = msgspec.json.Decoder(Record).decode, False
    try:
        with opened(file) as lines:
            for line in islice(lines, _FIRST_LINES):
                try:
                    record = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                is_traffic = True
                if not isinstance(record, SplitRecord):
                    return _Beginning(is_traffic, record.at)
    except (OSError, EOFError, UsageError):
        return _Beginning(is_traffic=True, at="")  # the reader names the error
    return _Beginning(is_traffic, "")
