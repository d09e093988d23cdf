"""Write live traffic to a file without waiting for the disk: one line per request, in their order, rotated."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING
from weakref import WeakSet

from msgspec import UNSET, UnsetType

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.log_file import LogFile
from pytest_graysplit.traffic.log.log_thread import LogThread
from pytest_graysplit.traffic.log.records import DeclaredArm, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pytest_graysplit.traffic.log.log_file import Entry
    from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord, SignalRecord
    from pytest_graysplit.traffic.splitter import TrafficSplitter

MAX_BYTES = 100_000_000
BACKUPS = 9
# Some ten thousand lines: a disk may hang for seconds before a line is lost.
QUEUE_BYTES = 32_000_000
# The longest wait for the disk when the log is closed or the process ends.
CLOSE_S = 5.0
_logger = logging.getLogger("pytest_graysplit")


class TrafficLog:
    """A JSONL file of live traffic with up to nine older files beside it, of which traffic.jsonl.1 is the latest.

    A thread writes the lines at once, so a call never waits for the disk, and several processes may share a file. Lines
    that cannot be written, for example on a full disk, or for which the queue has no room, are counted in `lost` and in
    `gaps`, and are reported once; the answer is still returned. Raises UsageError if the file cannot be opened. `clock`
    returns seconds since 1970.
    """

    def __init__(  # noqa: PLR0913 # the limits of a log, each by its name
        self,
        path: str | os.PathLike[str],
        *,
        splitter: TrafficSplitter,
        clock: Callable[[], float],
        max_bytes: int = MAX_BYTES,
        backups: int = BACKUPS,
        queue_bytes: int = QUEUE_BYTES,
        gaps: LogGaps | None = None,
    ) -> None:
        self.path = Path(path)
        self.lost = 0
        self.gaps = gaps or LogGaps()
        self._limits = {"max_bytes": max_bytes, "backups": backups}
        self._queue_bytes = queue_bytes
        self._clock = clock
        self._lock = Lock()
        # Opening the file again does not make these weights newer, so the time is that of this moment.
        self._split = _declaration(splitter, stamp_of(clock()))
        self._writer = self._new_writer()
        try:
            self._file.open()
        except OSError as error:
            raise UsageError(
                f"the traffic log {self.path} cannot be written: {error.strerror or error}",
                hint="nothing was sent; make its folder, or name another file with log=",
                slug=Slug.TRAFFIC_LOG_UNWRITABLE,
            ) from None
        _logs.add(self)

    def use(self, splitter: TrafficSplitter) -> None:
        """Record that the following lines are split by other weights."""
        with self._lock:
            # A clock that is set back must not make these weights older than those before them.
            at = max(self._split.at, stamp_of(self._clock()))
            after = self._split.after if splitter.identity == self._split.split else self._split.split
            self._split = split = _declaration(splitter, at, after)
        self._put(split)

    def write(self, record: RequestRecord | FeedbackRecord | SignalRecord) -> None:
        """Queue a line; never raises, and never waits for the disk."""
        try:
            line = encode(record) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            # A relay could not be sent such a record either, for example one with an object among the parameters.
            self._lose(1, f"the record cannot be written as JSON: {error}", elsewhere=True)
            return
        if not self._put(line):
            self._lose(1, "the disk is too slow, and the queue of lines is full", elsewhere=True)

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until all lines so far are written, at most so long; tell whether they are."""
        return self._writer.flush(timeout_s)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write the queued lines and close the file; a later line opens it again.

        Lines that the disk does not take in this time are lost, and are counted and reported like others.
        """
        if lost := self._writer.stop(timeout_s):
            self._lose(lost, f"{plural(lost, 'line')} could not be written within {timeout_s:g} s")
        if self.lost:
            _logger.info("graysplit: the traffic log %s lacks %s", self.path, plural(self.lost, "line"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, entry: Entry) -> bool:
        while (taken := self._writer.put(entry)) == "stopped":
            with self._lock:
                if self._writer.has_stopped:
                    self._writer = self._new_writer()
        if _exit.is_set():
            self.close()
        return taken == "taken"

    def _new_writer(self) -> LogThread:
        self._file = LogFile(self.path, self._split, **self._limits)
        return LogThread(self._file, most_bytes=self._queue_bytes, on_start=_close_with_the_process, on_lost=self._lose)

    def _lose(self, lines: int, problem: str, *, elsewhere: bool = False) -> None:
        with self._lock:
            first, self.lost = not self.lost, self.lost + lines
        self.gaps.lose(lines)
        if first:
            warn = _warn_elsewhere if elsewhere else _warn
            warn(f"graysplit: the traffic log {self.path} cannot be written: {problem}")

    def _restart_in_child(self) -> None:
        """Begin again after a fork; the lines in the queue are written by the parent."""
        if self._writer.is_idle:
            self._file.close()
        self._lock = Lock()
        self.lost = 0
        self.gaps.restart()
        self._writer = self._new_writer()


def _declaration(splitter: TrafficSplitter, at: str, after: str | UnsetType = UNSET) -> SplitRecord:
    arms = tuple(
        DeclaredArm(
            arm=one.arm,
            role=one.role,
            model=one.model,
            basis_points=points,
            table=one.split.table,
            fingerprint=one.split.fingerprint,
            settings=settings,
        )
        for one, points, settings in zip(splitter.assignments, splitter.basis_points, splitter.settings, strict=True)
    )
    return SplitRecord(
        split=splitter.identity,
        salt=splitter.salt,
        at=at,
        arms=arms,
        anonymous=splitter.anonymous,
        version=splitter.version or UNSET,
        after=after,
        rollbacks=splitter.rollbacks or UNSET,
    )


def _warn(text: str) -> None:
    _logger.warning("%s", text)


def _warn_elsewhere(text: str) -> None:
    """Log a warning in another thread, because a handler of the application may write to the same slow disk."""
    try:
        Thread(target=_warn, args=(text,), name="graysplit-warning", daemon=True).start()
    except RuntimeError:  # at the end of the process
        _warn(text)


def _close_all() -> None:
    """Write the lines that are left when the process ends; later lines are written at once."""
    _exit.set()
    for log in tuple(_logs):
        log.close()


def _close_with_the_process() -> None:
    """Let processes of `multiprocessing` write their last lines: they do not run the functions of `atexit`."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _close_all, exitpriority=0)


def _restart_all() -> None:
    for log in tuple(_logs):
        log._restart_in_child()  # noqa: SLF001 # the log's own module


_logs: WeakSet[TrafficLog] = WeakSet()
_exit = Event()
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_all)
