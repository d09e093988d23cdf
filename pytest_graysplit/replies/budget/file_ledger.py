"""The account of a run under a cap, where several processes of one machine keep it together."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.files import replacing
from pytest_graysplit.replies.budget import Totals
from pytest_graysplit.replies.recordings.state_dir import LOCK_WAIT_S, private_folder, try_lock, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Held for a fifth of a millisecond; filelock itself would look again after fifty.
LOOK_AGAIN_S = 0.001


class FileLedger:
    """Totals in a file under a lock; a process that is killed at any moment leaves them whole."""

    shared = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = ""
        self._one_at_a_time = Lock()  # the file lock keeps other processes out, not the threads of this one

    @classmethod
    def create(cls, root: Path, run_id: str) -> FileLedger:
        """Begin the ledger of a run under the root; raise RecordingError where it cannot be written."""
        ledger = cls(private_folder(root, "budget") / f"{run_id}.json")
        ledger._write(_text_of(Totals()))  # its own
        return ledger

    @contextmanager
    def open(self) -> Iterator[Totals]:
        """Lend the totals; raise RecordingError where they cannot be read or written: nothing more is sent then."""
        with self._one_at_a_time, self._locked():
            totals = self._read()
            yield totals
            text = _text_of(totals)
            if text != self._text:
                self._write(text)

    def remove(self) -> None:
        """Delete the ledger when nobody sends any more."""
        for path in (self.path, self._lock_path):
            path.unlink(missing_ok=True)

    @property
    def _lock_path(self) -> Path:
        return self.path.with_suffix(".lock")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = try_lock(self._lock_path, LOCK_WAIT_S, LOOK_AGAIN_S)
        if lock is None:
            raise _lost(self.path, f"has been locked for {LOCK_WAIT_S:g} s")
        try:
            yield
        finally:
            lock.release()

    def _read(self) -> Totals:
        try:
            self._text = self.path.read_text(encoding="utf-8")
            fields = json.loads(self._text)
        except (OSError, ValueError) as error:
            raise _lost(self.path, f"cannot be read: {error}") from None
        fields["dearer"] = {model: Decimal(factor) for model, factor in fields["dearer"].items()}
        return Totals(**fields)

    def _write(self, text: str) -> None:
        # One process writes at a time, so one name for the new file is enough.
        fresh = self.path.with_suffix(".new")
        try:
            with replacing(self.path, fresh):
                fresh.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path, error) from None
        self._text = text


def _text_of(totals: Totals) -> str:
    return json.dumps(asdict(totals), default=str)


def _lost(path: Path, what: str) -> RecordingError:
    return RecordingError(
        f"the account of this run, {path}, {what}",
        hint="nothing more was sent; leave .graysplit alone while pytest runs, and run again: what came is kept",
        slug=Slug.LEDGER_LOST,
    )
