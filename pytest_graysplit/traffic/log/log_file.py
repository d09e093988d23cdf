"""The file of a traffic log: shared by processes, rotated here or by another program, each file with its split."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout
from msgspec.structs import replace

from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.log.records import SplitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TypeAlias

# Longer than any rotation; a process that hangs with the lock must not stop the others.
LOCK_WAIT_S = 5.0
# The endings of compressed files.
PACKED = r"gz|bz2|xz|zst|lz4|zip|Z"

# The bytes of a line, or the split of the lines after it.
Entry: TypeAlias = "bytes | SplitRecord"


class Appended(NamedTuple):
    """The number of lines that could not be written, and the latest problem."""

    lost: int
    problem: str


class LogFile:
    """A log file and its rotation; one thread at a time uses it, and a call blocks as long as the disk does.

    Each file begins with the split, also after another program has renamed, deleted or emptied it.
    """

    def __init__(self, path: Path, split: SplitRecord, *, max_bytes: int, backups: int) -> None:
        self._path = path
        self._split = split
        self._max_bytes = max_bytes
        self._backups = backups
        self._file = -1
        self._size = 0
        self._lost = 0

    def open(self) -> None:
        """Open the file and write the split; raise OSError if that fails."""
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        torn = os.fstat(self._file).st_size and not _ends_whole(self._file)
        # A line that a killed process left incomplete must not damage the next line.
        self._declare(b"\n" if torn else b"")

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with suppress(OSError):
            os.close(self._file)
        self._file = -1

    def append(self, entries: Iterable[Entry], lost: int = 0) -> Appended:
        """Append the lines in their order, each whole or not at all; `lost` lines before them are declared."""
        self._lost += lost
        missed, problem, waiting = 0, "", deque(entries)
        while waiting:
            try:
                self._append_some(waiting)
            except OSError as error:
                # The next process that opens the file ends the torn line and writes the split, which tells readers that
                # it was torn.
                self.close()
                problem = error.strerror or str(error)
                missed += self._is_line(waiting.popleft())
        self._lost += missed
        return Appended(missed, problem)

    def _append_some(self, waiting: deque[Entry]) -> None:
        """Write as many lines as the file takes before its rotation, by one call, and remove them from `waiting`."""
        self._prepare(len(_line_of(waiting[0])))
        lines = self._fitting(waiting)
        head = _line_of(replace(self._split, lost=self._lost)) if self._lost else b""
        written = os.write(self._file, b"".join([head, *lines])) - len(head)
        self._size += len(head) + written
        if written >= 0:
            self._lost = 0
        for line in lines:
            written -= len(line)
            if written < 0:
                raise OSError("only a part of a line was written")
            self._is_line(waiting.popleft())

    def _is_line(self, entry: Entry) -> bool:
        if isinstance(entry, SplitRecord):
            self._split = entry
        return not isinstance(entry, SplitRecord)

    def _fitting(self, waiting: Iterable[Entry]) -> list[bytes]:
        lines: list[bytes] = []
        size = self._size
        for entry in waiting:
            line = _line_of(entry)
            size += len(line)
            if lines and size > self._max_bytes:
                break
            lines.append(line)
        return lines

    def _prepare(self, line_bytes: int) -> None:
        self._reopen_if_moved()
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):  # a pipe or a terminal has no size, and is not rotated
            return
        size = found.st_size
        if size < self._size:  # emptied, for example by logrotate with copytruncate
            self._declare()
        else:
            self._size = size
        if self._size + line_bytes > self._max_bytes:
            self._rotate(line_bytes)

    def _reopen_if_moved(self) -> None:
        """Open the file again if another process, or logrotate, has replaced it."""
        try:
            there, here = self._path.stat(), os.fstat(self._file) if self._file >= 0 else None
            if here is not None and (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev):
                return
        except FileNotFoundError:
            pass
        self.close()
        self.open()

    def _declare(self, before: bytes = b"") -> None:
        line = before + _line_of(self._split)
        if os.write(self._file, line) < len(line):
            raise OSError("only a part of the split was written")
        self._size = os.fstat(self._file).st_size

    def _rotate(self, line_bytes: int) -> None:
        # Without the lock the file grows beyond its limit, which is better than a log that stops.
        with suppress(Timeout), FileLock(f"{self._path}.lock", timeout=LOCK_WAIT_S):
            self._reopen_if_moved()  # another process may have rotated it while this one waited
            self._size = os.fstat(self._file).st_size
            if self._size + line_bytes <= self._max_bytes or self._size <= len(_line_of(self._split)):
                return
            self.close()
            self._shift()
            if self._backups:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            else:
                self._path.unlink()
            self.open()

    def _shift(self) -> None:
        """Delete the oldest file and rename the others, also those that another program has compressed."""
        pattern = re.compile(rf"{re.escape(self._path.name)}\.(\d+)((?:\.(?:{PACKED}))?)")
        found = [match for file in self._path.parent.iterdir() if (match := pattern.fullmatch(file.name))]
        for match in sorted(found, key=lambda match: -int(match[1])):
            number, file = int(match[1]), self._path.with_name(match[0])
            with suppress(FileNotFoundError):
                if number == self._backups:
                    file.unlink()
                elif number < self._backups:
                    file.replace(self._path.with_name(f"{self._path.name}.{number + 1}{match[2]}"))


def _line_of(entry: Entry) -> bytes:
    return encode(entry) + b"\n" if isinstance(entry, SplitRecord) else entry


def _ends_whole(file: int) -> bool:
    """Tell whether the opened file ends with a whole line; another process may rename it meanwhile."""
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1) == b"\n"
