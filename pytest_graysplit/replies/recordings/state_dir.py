"""The private folder of a project, `.graysplit`: journals and locks live there, outside version control."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filelock import BaseFileLock

PRIVATE = ".graysplit"
LOCK_WAIT_S = 60.0


def journal_folder(root: Path) -> Path:
    """Return the folder of the project's journals."""
    return root / PRIVATE / "journal"


def private_folder(root: Path, name: str) -> Path:
    """Create a folder under `.graysplit`, which ignores itself in git; raise RecordingError where that fails."""
    folder = root / PRIVATE / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = root / PRIVATE / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def unwritable(path: Path, error: Exception) -> RecordingError:
    """Return the error for a path that cannot be written, with the cause and the remedy."""
    return RecordingError(
        f"{path} cannot be written: {getattr(error, 'strerror', None) or error}",
        hint="make room or give write permission there, or run with --graysplit-record=none (replay only) "
        "or off (store nothing)",
        slug=Slug.RECORDING_UNWRITABLE,
    )


def swap_in(path: Path, data: bytes) -> None:
    """Replace the file by the data, on disk on return; raise RecordingError and keep the old file where that fails."""
    try:
        write_durably(path, data)
    except OSError as error:
        raise unwritable(path.parent, error) from None


def try_lock(lock_path: Path, wait_s: float = 0.0, look_again_s: float = 0.05) -> BaseFileLock | None:
    """Take the lock, polling at this interval; return None if another process holds it for longer than the wait."""
    from filelock import FileLock, Timeout

    try:
        # Taken in one thread and released in another: the relay's thread writes, the main thread closes.
        lock = FileLock(lock_path, thread_local=False)
        lock.acquire(timeout=wait_s, poll_interval=look_again_s)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        raise unwritable(lock_path, error) from None
    return lock


def lock_or_refuse(lock_path: Path, what: str) -> BaseFileLock:
    """Take the lock; raise RecordingError if another process holds it for longer than the wait."""
    if lock := try_lock(lock_path, LOCK_WAIT_S):
        return lock
    raise RecordingError(
        f"{what} has been locked by another process for {LOCK_WAIT_S:g} s",
        hint="wait until the other pytest or graysplit has ended, then run again; what was recorded is in the journal",
        slug=Slug.RECORDING_LOCKED,
    )


@contextmanager
def file_lock(root: Path, path: Path) -> Iterator[None]:
    """Hold the project's lock for one recording file, so that two runs that end together write one after the other."""
    # Not beside the recording: that folder is committed, and a lock file must not be.
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    folder = private_folder(root, "locks")
    lock = lock_or_refuse(folder / f"{name}.lock", relative_to(root, path))
    try:
        yield
    finally:
        lock.release()


def inside(root: Path, name: str) -> Path | None:
    """Return the path of a name in a journal; None where it leads out of the project, also by a link.

    The project is the checkout that contains the root, or the root itself where there is none: pytest's root may be a
    folder beside the tests (`-c ci/pytest.ini`). A name that leads out on one system is refused on every other: a
    journal may come from elsewhere.
    """
    if PureWindowsPath(name).anchor and not Path(name).is_absolute():
        return None
    if "\\" in name and ".." in PureWindowsPath(name).parts:
        return None
    try:
        target, base = Path(os.path.realpath(root / name)), _project_of(os.path.realpath(root))
    except (OSError, ValueError):  # a NUL, half a surrogate pair
        return None
    return root / name if target.is_relative_to(base) else None


@lru_cache(maxsize=64)
def _project_of(root: str) -> Path:
    base = Path(root)
    return next((folder for folder in (base, *base.parents) if (folder / ".git").exists()), base)


def require_inside(root: Path, path: Path) -> None:
    """Raise RecordingError where the merge would refuse to write the recording file: before anything is sent."""
    if inside(root, str(path.absolute())) is None:
        raise outside(f"the project of {root}", relative_to(root, path))


def outside(place: str, name: str) -> RecordingError:
    """Return the error for a recording file outside the project."""
    return RecordingError(
        f"{place}: records into {name!r}, which is outside the project",
        hint="nothing was written there, and a journal that names it is kept; record inside the project: let its "
        "root (pytest's --rootdir) hold the tests, or name a folder in it with --graysplit-recordings",
        slug=Slug.RECORDING_OUTSIDE,
    )


def relative_to(root: Path, path: Path) -> str:
    """Return the path as it is written in journals and messages: from the root, with forward slashes."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # another drive has no relative path
        return path.as_posix()
