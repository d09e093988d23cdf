"""Writes live traffic to a file, a line a request: append-only, rotated, and safe under threads and processes."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from filelock import FileLock

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.log.records import Declared, DeclaredArm

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pytest_graysplit.traffic.log.records import Answered, Scored
    from pytest_graysplit.traffic.splitter import TrafficSplitter

MAX_BYTES = 100_000_000
BACKUPS = 9
_logger = logging.getLogger("pytest_graysplit")


class TrafficLog:
    """A JSONL file of live traffic, and up to nine older ones beside it: traffic.jsonl.1 is the latest of them.

    Each line is written whole by one call, so that several processes may share a file. What cannot be written any
    more, because the disk is full, is counted in `lost` and told once: no answer is held back for it. Raises UsageError
    where the file cannot be opened. `clock` tells seconds since 1970.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        splitter: TrafficSplitter,
        clock: Callable[[], float],
        max_bytes: int = MAX_BYTES,
        backups: int = BACKUPS,
    ) -> None:
        self.path = Path(path)
        self.lost = 0
        self._max_bytes = max_bytes
        self._backups = backups
        self._clock = clock
        self._lock = Lock()
        self._splitter = splitter
        # Since when these weights are in force: opening the file again makes them no newer.
        self._since = stamp_of(clock())
        self._file = -1
        try:
            self._open()
        except OSError as error:
            raise UsageError(
                f"the traffic log {self.path} cannot be written: {error.strerror or error}",
                hint="nothing was sent; make its folder, or name another file with log=",
                slug=Slug.TRAFFIC_LOG_UNWRITABLE,
            ) from None

    def use(self, splitter: TrafficSplitter) -> None:
        """Tell readers that what follows was split by other weights."""
        with self._lock:
            self._splitter = splitter
            self._since = stamp_of(self._clock())
            self._append(self._declaration())

    def write(self, record: Answered | Scored) -> None:
        """Append a line; never raises."""
        try:
            line = encode(record) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            # What no relay could be sent either, such as an object among the parameters.
            with self._lock:
                self._lose(f"the record is no JSON: {error}")
            return
        with self._lock:
            self._append(line)

    def close(self) -> None:
        """Close the file; a line that comes later opens it again."""
        with self._lock:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        try:
            self._follow()
            if os.fstat(self._file).st_size + len(line) > self._max_bytes:
                self._rotate(len(line))
            whole = os.write(self._file, line) == len(line)
            trouble = "" if whole else "the disk took a part of a line"
        except OSError as error:
            trouble = str(error)
        if trouble:
            # Whoever opens it again ends a line that was torn, and declares the split, by which readers know.
            self._close()
            self._lose(trouble)

    def _lose(self, trouble: str) -> None:
        if not self.lost:
            _logger.warning("graysplit: the traffic log %s cannot be written: %s", self.path, trouble)
        self.lost += 1

    def _follow(self) -> None:
        """Open the file anew where another process, or logrotate, has put a new one in its place."""
        try:
            there, here = self.path.stat(), os.fstat(self._file) if self._file >= 0 else None
            if here is not None and (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev):
                return
        except FileNotFoundError:
            pass
        self._close()
        self._open()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        torn = os.fstat(self._file).st_size and not _ends_whole(self.path)
        # A process that was killed in the middle of a line must not spoil the first one of the next.
        os.write(self._file, (b"\n" if torn else b"") + self._declaration())

    def _close(self) -> None:
        with suppress(OSError):
            os.close(self._file)
        self._file = -1

    def _rotate(self, coming: int) -> None:
        with FileLock(f"{self.path}.lock"):
            self._follow()  # another process may have done it while this one waited
            size = os.fstat(self._file).st_size
            if size + coming <= self._max_bytes or size <= len(self._declaration()):
                return
            self._close()
            for number in range(self._backups - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._aged(number).replace(self._aged(number + 1))
            if self._backups:
                self.path.replace(self._aged(1))
            else:
                self.path.unlink()
            self._open()

    def _aged(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _declaration(self) -> bytes:
        splitter = self._splitter
        arms = tuple(
            DeclaredArm(arm=one.arm, role=one.role, model=one.model, basis_points=points)
            for one, points in zip(splitter.assignments, splitter.basis_points, strict=True)
        )
        declared = Declared(
            split=splitter.identity,
            salt=splitter.salt,
            at=self._since,
            arms=arms,
            anonymous=splitter.anonymous,
        )
        return encode(declared) + b"\n"


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
