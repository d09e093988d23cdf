"""Read traffic logs and follow the lines that are added to them, also across rotations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.log.files import is_traffic_log, live_logs, log_files
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.reader import RecentIds, read_files, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pytest_graysplit.traffic.log.reader import Line


class LogsFollower:
    """Logs that are still written: each call of `new` yields the records since the last call.

    A log that appears later in one of the folders is followed too. Lines that cannot be read are counted in `gaps`.
    Raises UsageError from the first call if there is no log.
    """

    def __init__(self, paths: Sequence[Path], gaps: LogGaps) -> None:
        self._paths = paths
        self._gaps = gaps
        self._ids = RecentIds()
        self._followed: dict[Path, _FollowedLog] = {}
        self._has_begun = False

    def new(self) -> Iterator[Line]:
        """Yield the new records; the first call yields all of them."""
        older = () if self._has_begun else log_files(self._paths, self._gaps)
        self._has_begun = True
        for path in live_logs(self._paths):
            if path not in self._followed and (path in self._paths or is_traffic_log(path)):
                self._followed[path] = _FollowedLog(path, self._gaps, self._ids)
        if rotated := [file for file in older if file not in self._followed]:
            yield from read_files(rotated, self._gaps, self._ids)
        for log in self._followed.values():
            yield from log.new()

    def close(self) -> None:
        """Close the files."""
        for log in self._followed.values():
            log.close()


class _FollowedLog:
    """One log that is still written."""

    def __init__(self, path: Path, gaps: LogGaps, ids: RecentIds) -> None:
        self._path = path
        self._gaps = gaps
        self._ids = ids
        self._file: BinaryIO | None = None
        self._open()

    def new(self) -> Iterator[Line]:
        if self._file is None:
            self._open()
        yield from self._added()
        if self._file is not None and self._moved():
            # Lines that were added between the last call and the rotation are still in the moved file.
            yield from self._added()
            missed = self._newer_than(os.fstat(self._file.fileno()))
            self.close()
            self._open()
            if missed:
                yield from read_files(missed, self._gaps, self._ids)
            yield from self._added()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _open(self) -> None:
        self._file = self._path.open("rb") if self._path.exists() else None
        self._number, self._rest = 0, b""

    def _added(self) -> Iterator[Line]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():  # emptied, as logrotate does with copytruncate
            self._file.seek(0)
            self._number, self._rest = 0, b""
        # A line is complete when its line end is there; the writer may be in the middle of the last line.
        whole, end, self._rest = (self._rest + self._file.read()).rpartition(b"\n")
        lines = (whole + end).splitlines(keepends=True)
        first, self._number = self._number + 1, self._number + len(lines)
        yield from read_lines(lines, str(self._path), self._gaps, self._ids, first=first)

    def _moved(self) -> bool:
        if self._file is None:
            return False
        try:
            there, here = self._path.stat(), os.fstat(self._file.fileno())
        except FileNotFoundError:
            return False
        return (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev)

    def _newer_than(self, followed: os.stat_result) -> list[Path]:
        """Return the rotated files that were written after the followed one: it was rotated more than once."""
        rotated = [file for file in log_files([self._path], LogGaps()) if file != self._path and file.suffix != ".gz"]
        found = ((file, file.stat()) for file in rotated)
        return [file for file, it in found if it.st_mtime_ns > followed.st_mtime_ns and it.st_ino != followed.st_ino]
