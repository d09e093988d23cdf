"""Write live traffic to a file: one line per request, append-only, rotated, safe under threads and processes."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from filelock import FileLock
from msgspec import UNSET

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.log.records import DeclaredArm, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord
    from pytest_graysplit.traffic.splitter import TrafficSplitter

MAX_BYTES = 100_000_000
BACKUPS = 9
_logger = logging.getLogger("pytest_graysplit")


class TrafficLog:
    """A JSONL file of live traffic with up to nine older files beside it, of which traffic.jsonl.1 is the latest.

    Each line is written by one call, so that several processes may share a file. Lines that cannot be written, for
    example on a full disk, are counted in `lost` and reported once; the answer is still returned. Raises UsageError if
    the file cannot be opened. `clock` returns seconds since 1970.
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
        # Opening the file again does not make these weights newer.
        self._since = stamp_of(clock())
        self._after = ""
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
        """Record that the following lines are split by other weights."""
        with self._lock:
            if splitter.identity != self._splitter.identity:
                self._after = self._splitter.identity
            self._splitter = splitter
            # A clock that is set back must not make these weights older than those before them.
            self._since = max(self._since, stamp_of(self._clock()))
            self._append(self._split_line())

    def write(self, record: RequestRecord | FeedbackRecord) -> None:
        """Append a line; never raises."""
        try:
            line = encode(record) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            # A relay could not be sent such a record either, for example one with an object among the parameters.
            with self._lock:
                self._count_lost(f"the record cannot be written as JSON: {error}")
            return
        with self._lock:
            self._append(line)

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        with self._lock:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        try:
            self._reopen_if_moved()
            if os.fstat(self._file).st_size + len(line) > self._max_bytes:
                self._rotate(len(line))
            whole = os.write(self._file, line) == len(line)
            problem = "" if whole else "only a part of a line was written"
        except OSError as error:
            problem = str(error)
        if problem:
            # The next process that opens the file ends the torn line and writes the split, which tells readers that it
            # was torn.
            self._close()
            self._count_lost(problem)

    def _count_lost(self, problem: str) -> None:
        if not self.lost:
            _logger.warning("graysplit: the traffic log %s cannot be written: %s", self.path, problem)
        self.lost += 1

    def _reopen_if_moved(self) -> None:
        """Open the file again if another process, or logrotate, has replaced it."""
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
        # A line that a killed process left incomplete must not damage the next line.
        os.write(self._file, (b"\n" if torn else b"") + self._split_line())

    def _close(self) -> None:
        with suppress(OSError):
            os.close(self._file)
        self._file = -1

    def _rotate(self, line_bytes: int) -> None:
        with FileLock(f"{self.path}.lock"):
            self._reopen_if_moved()  # another process may have rotated it while this one waited
            size = os.fstat(self._file).st_size
            if size + line_bytes <= self._max_bytes or size <= len(self._split_line()):
                return
            self._close()
            for number in range(self._backups - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._rotated(number).replace(self._rotated(number + 1))
            if self._backups:
                self.path.replace(self._rotated(1))
            else:
                self.path.unlink()
            self._open()

    def _rotated(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _split_line(self) -> bytes:
        splitter = self._splitter
        arms = tuple(
            DeclaredArm(
                arm=one.arm,
                role=one.role,
                model=one.model,
                basis_points=points,
                table=one.split.table,
                fingerprint=one.split.fingerprint,
            )
            for one, points in zip(splitter.assignments, splitter.basis_points, strict=True)
        )
        declared = SplitRecord(
            split=splitter.identity,
            salt=splitter.salt,
            at=self._since,
            arms=arms,
            anonymous=splitter.anonymous,
            version=splitter.version or UNSET,
            after=self._after or UNSET,
            rollbacks=splitter.rollbacks or UNSET,
        )
        return encode(declared) + b"\n"


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
