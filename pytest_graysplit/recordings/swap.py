"""A file changes all at once or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pytest_graysplit.filewriting import remove_stale, temporary_prefix
from pytest_graysplit.recordings.workdir import unwritable


def swap_in(path: Path, data: bytes) -> None:
    """Replace the file by the data, on disk on return; raise RecordingError and leave the old file where that fails."""
    target = Path(os.path.realpath(path))  # a link stays a link
    beside = target.with_name(f"{temporary_prefix(target)}tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(target)
        _write(beside, data)
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
        _settle(target.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise unwritable(path.parent, error) from None


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Put the folder's new entry on disk too: the journals are removed on the strength of it."""
    with suppress(OSError):  # Windows opens no folders, and orders these writes by itself
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
