"""The journal of a running process: a reply is on disk before it is used, and survives kill -9."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_graysplit.formatting.clock import REAL, stamp
from pytest_graysplit.replies.fingerprint import canonical, chained, redact_call, redact_json, unchanged
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.records import FREE_TEXTS, entry_line, reply_line
from pytest_graysplit.replies.recordings.served_answers import redact_served
from pytest_graysplit.replies.recordings.state_dir import (
    journal_folder,
    lock_or_refuse,
    private_folder,
    relative_to,
    unwritable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from filelock import BaseFileLock

    from pytest_graysplit.types import Json, RecordMode, Redactor, Reply, ReplyKey


def recordable(reply: Reply) -> bool:
    """Tell whether the reply is a fresh answer of a model: failures of relay and network are never replayed."""
    return reply.outcome != "error" and not reply.retryable and not reply.replayed


def utc_now() -> str:
    """Return this moment in UTC, to the millisecond."""
    return stamp(REAL.utc_now())


class Journal:
    """An append-only file of one process; nothing is created before the first reply or `open`."""

    def __init__(  # noqa: PLR0913 # each by name
        self,
        root: Path,
        *,
        mode: RecordMode,
        run_id: str,
        redact: Redactor = unchanged,
        redact_for: Callable[[Path], Redactor] | None = None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        """Name the journal after the mode, the run and this process.

        `redact_for` gives the redactor of a recording file, where it is not the same for all of them.
        """
        self.path = journal_folder(root) / f"{mode}-{run_id}-{os.getpid()}.jsonl"
        self._root = root
        self._redact_for = redact_for or (lambda _: redact)
        self._now = now
        self._one_at_a_time = Lock()
        # The functions as they are now: a test that fakes its files must not divert paid replies.
        self._write_bytes, self._close_file, self._remove, self._size_of = os.write, os.close, os.unlink, os.fstat
        self._name = str(self.path)
        self._fd: int | None = None
        self._alive: BaseFileLock | None = None
        self._torn = False

    def open(self) -> None:
        """Create the journal now, so that an unwritable folder is reported before anything is paid for."""
        with self._one_at_a_time:
            self._open()

    def append(  # noqa: PLR0913 # the last two by name
        self,
        into: Path,
        key: ReplyKey,
        body: Mapping[str, Json],
        reply: Reply,
        *,
        is_vector: bool = False,
        also: Redactor = unchanged,
    ) -> None:
        """Store the reply for the recording file, if it is recordable; safe from any thread, on disk on return.

        `also` redacts a secret of this request alone. The text of a vector is stored as it is: it contains no secret,
        and a redacted one would have another direction.
        Raises RecordingError where the disk is full or the folder cannot be written.
        """
        if not recordable(reply):
            return
        free = FREE_TEXTS - {"text"} if is_vector else FREE_TEXTS
        redact = chained(self._redact_for(into), also)
        clean: Any = redact_json(dict(body), redact)
        stored = self._reply(key, reply, free, redact)
        line = entry_line(relative_to(self._root, into), key.request, canonical(clean), stored)
        with self._one_at_a_time:
            self._write(line)

    def close(self) -> None:
        """Release the journal, so that it can be merged; an empty one is removed."""
        with self._one_at_a_time:
            if self._fd is not None:
                is_empty = self._size_of(self._fd).st_size == 0
                self._close_file(self._fd)
                if is_empty:
                    with suppress(OSError):
                        self._remove(self._name)
            if self._alive:
                self._alive.release()
            self._fd = self._alive = None

    def _reply(self, key: ReplyKey, reply: Reply, free: AbstractSet[str], redact: Redactor) -> bytes:
        if reply.tool_calls:
            reply = replace(reply, tool_calls=tuple(redact_call(call, redact) for call in reply.tool_calls))
        if reply.served is not None:
            reply = replace(reply, served=redact_served(reply.served, redact))
        fields = msgspec.to_builtins(reply_line(key, reply, self._now()))
        clean = {name: redact_json(value, redact) if name in free else value for name, value in fields.items()}
        return encode(clean)

    def _open(self) -> int:
        if self._fd is None:
            private_folder(self._root, "journal")
            # The lock comes first: another run may merge and remove a journal without one.
            self._alive = lock_or_refuse(self.path.with_suffix(".lock"), relative_to(self._root, self.path))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            try:
                self._fd = os.open(self.path, flags, 0o666)
            except OSError as error:
                raise unwritable(self.path, error) from None
        return self._fd

    def _write(self, line: bytes) -> None:
        fd = self._open()
        rest = b"\n" + line if self._torn else line
        self._torn = True
        try:
            while rest:  # once, except on a disk that is nearly full
                rest = rest[self._write_bytes(fd, rest) :]
        except OSError as error:
            raise unwritable(self.path, error) from None
        self._torn = False
