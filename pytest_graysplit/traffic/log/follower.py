"""Read a traffic log and follow the lines that are added to it, also across rotations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.log.reader import log_files, read_files, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from pytest_graysplit.traffic.log.reader import Line


class LogFollower:
    """A log that is still written: each call of `new` yields the records since the last call.

    Raises UsageError for a line that cannot be read, and from the first call if there is no log.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._file: BinaryIO | None = None
        self._number = 0
        self._rest = b""

    def new(self) -> Iterator[Line]:
        """Yield the new records; the first call yields all of them."""
        if self._file is None:
            older = [file for file in log_files([self._path]) if file != self._path]
            self._open()
            if older:
                yield from read_files(older, warn=self._warn)
        yield from self._added()
        if self._moved():
            # Lines that were added between the last call and the rotation are still in the moved file.
            yield from self._added()
            self.close()
            self._open()
            yield from self._added()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._number, self._rest = None, 0, b""

    def _open(self) -> None:
        self._file = self._path.open("rb") if self._path.exists() else None

    def _added(self) -> Iterator[Line]:
        if self._file is None:
            return
        # A line is complete when its line end is there; the writer may be in the middle of the last line.
        whole, end, self._rest = (self._rest + self._file.read()).rpartition(b"\n")
        lines = (whole + end).splitlines(keepends=True)
        first, self._number = self._number + 1, self._number + len(lines)
        yield from read_lines(lines, str(self._path), first=first, warn=self._warn)

    def _moved(self) -> bool:
        if self._file is None:
            return self._path.exists()
        try:
            there, here = self._path.stat(), os.fstat(self._file.fileno())
        except FileNotFoundError:
            return False
        return (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev)
