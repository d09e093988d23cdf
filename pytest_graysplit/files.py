"""Safe ways to write a file: either whole, or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from errno import EACCES, EEXIST, EISDIR
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# No write takes this long, so a process that left an older temporary file was killed.
OLDEST_S = 3600.0
# The superuser may write to a read-only file, but hardly wants to.
WRITABLE = 0o222
_TEMPORARY = re.compile(r"(?P<pid>\d{1,10})(\.\w{8})?\.tmp")


def temporary_prefix(path: Path) -> str:
    """Return the beginning of the names of this process's temporary files for the path."""
    return f".{path.name}.{os.getpid()}."


def remove_stale(path: Path) -> None:
    """Remove the temporary files that killed processes left for the path."""
    prefix = f".{path.name}."
    with suppress(OSError):  # a file that cannot be removed does no harm
        for left in [each for each in path.parent.iterdir() if each.name.startswith(prefix)]:
            named = _TEMPORARY.fullmatch(left.name.removeprefix(prefix))
            if named and (_ended(int(named["pid"])) or time.time() - left.stat().st_mtime > OLDEST_S):
                left.unlink(missing_ok=True)


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write the text whole or not at all, and make its folder; raise OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path), suffix=".tmp")
    with replacing(path, Path(temporary)):
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(pieces)
        Path(temporary).chmod(0o644)


def write_durably(path: Path, data: bytes) -> None:
    """Replace the contents of the file and sync them to disk; raise OSError and keep the old file if that fails.

    A link stays a link, and a file keeps its mode.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(target)
    temporary = target.with_name(f"{temporary_prefix(target)}tmp")
    with replacing(target, temporary):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
    _sync_folder(target.parent)


@contextmanager
def replacing(path: Path, temporary: Path) -> Iterator[None]:
    """Move the temporary file, which the block writes, over the path; remove it on failure."""
    try:
        yield
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def try_writing(path: Path) -> None:
    """Raise OSError if the file could not be written later; make no folder, and leave no file behind."""
    if path.exists() and not (path.is_file() and path.stat().st_mode & WRITABLE and os.access(path, os.W_OK)):
        is_file = path.is_file()
        raise OSError(EACCES if is_file else EISDIR, "it is read-only" if is_file else "it is not a file")
    folder = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise FileExistsError(EEXIST, f"{folder} is not a folder")
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=temporary_prefix(path), suffix=".tmp")
    os.close(handle)
    Path(temporary).unlink()


def why_not(path: Path, error: OSError) -> str:
    """Say why the file could not be written, in a few words."""
    return f"{path.parent} is a file" if isinstance(error, FileExistsError) else error.strerror or str(error)


def _sync_folder(folder: Path) -> None:
    """Sync the folder too: journals are removed once the new entry is on disk."""
    with suppress(OSError):  # Windows opens no folders, and orders these writes itself
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _ended(pid: int) -> bool:
    """Tell whether no process has the number; return False if the system does not tell."""
    if os.name == "nt":  # there, the signal 0 ends the process
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False
