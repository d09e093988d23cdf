"""The thread that writes a traffic log, and the bounded queue before it."""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.traffic.log.records import SplitRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.traffic.log.log_file import Entry, LogFile

# Written by one call: fewer calls than lines while the service is busy, and no wait for more lines while it is not.
BATCH_BYTES = 256_000
# The memory of an entry besides its bytes.
_ENTRY_BYTES = 64

Taken = Literal["taken", "full", "stopped"]


class LogThread:
    """A daemon thread that appends the lines of a bounded queue to a file, at once and in their order.

    The thread starts with the first line, after `on_start`. `on_lost` is called in the thread with the number of lines
    that could not be written and the problem.
    """

    def __init__(
        self,
        file: LogFile,
        *,
        most_bytes: int,
        on_start: Callable[[], None],
        on_lost: Callable[[int, str], None],
    ) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._on_start = on_start
        self._on_lost = on_lost
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._writing = 0
        self._dropped = 0
        self._thread: Thread | None = None
        self._stopping = self._ended = self._abandoned = False
        self._changed = Condition()

    @property
    def has_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def is_idle(self) -> bool:
        """Whether the thread has nothing to write, and so does not use its file."""
        return not (self._entries or self._writing)

    def put(self, entry: Entry) -> Taken:
        """Queue a line, or drop it if the queue is full; a split is always queued. Never waits for the disk."""
        with self._changed:
            if self._stopping:
                return "stopped"
            size = _size_of(entry)
            if self._bytes and self._bytes + size > self._most_bytes and _is_line(entry):
                self._dropped += 1
                return "full"
            self._entries.append(entry)
            self._bytes += size
            if self._thread is None:
                self._start()
            else:
                self._changed.notify_all()
        return "taken"

    def flush(self, timeout_s: float) -> bool:
        """Wait until all queued lines are written; tell whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_idle, timeout_s)

    def stop(self, timeout_s: float) -> int:
        """Write the queued lines, close the file and end the thread; return the number of lines that were not written.

        A line that is being written when the time is over counts as lost.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            if self._thread is None:
                # No line was queued, or the interpreter is shutting down and starts no more threads.
                while self._entries:
                    self._write(self._take())
                self._file.close()
            elif not self._abandoned and not self._changed.wait_for(lambda: self._ended, timeout_s):
                self._abandoned = True
                return self._writing + sum(map(_is_line, self._entries))
        return 0

    def _start(self) -> None:
        self._on_start()
        thread = Thread(target=self._run, name="graysplit-log", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the next line tries again, and `stop` writes the lines without a thread
            return
        self._thread = thread

    def _run(self) -> None:
        while not self._abandoned and (batch := self._next()):
            self._write(batch)
        self._file.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _next(self) -> list[Entry]:
        """Return the next lines; wait while there are none, and return none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries or self._stopping)
            return self._take()

    def _take(self) -> list[Entry]:
        batch: list[Entry] = []
        size = 0
        while self._entries and size < BATCH_BYTES:
            batch.append(self._entries.popleft())
            size += _size_of(batch[-1])
        self._writing = sum(map(_is_line, batch))
        return batch

    def _write(self, batch: list[Entry]) -> None:
        dropped, self._dropped = self._dropped, 0
        try:
            lost, problem = self._file.append(batch, dropped)
        except Exception as error:  # noqa: BLE001 # the thread must outlive an error that was not foreseen
            lost, problem = self._writing, repr(error)
        if lost and not self._abandoned:
            self._on_lost(lost, problem)
        with self._changed:
            self._bytes -= sum(map(_size_of, batch))
            self._writing = 0
            self._changed.notify_all()


def _is_line(entry: Entry) -> bool:
    return not isinstance(entry, SplitRecord)


def _size_of(entry: Entry) -> int:
    return _ENTRY_BYTES + (0 if isinstance(entry, SplitRecord) else len(entry))
