"""The location of recordings: the project's root, and the recording files below a path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.recordings.state_dir import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = "__graysplit__"
# The beginning of a file that this package wrote, or that a merge has left in conflict.
BEGINNINGS = (b'{"format":', b"<<<<<<< ")


def project_root(start: Path) -> Path:
    """Return the nearest parent folder that a run has used as its root, or the start itself."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / PRIVATE).is_dir()), start)


def find_recordings(root: Path, paths: Sequence[Path]) -> list[Path]:
    """Return the recording files below the paths, or below the root where none is given.

    Raises UsageError for a path that does not exist or holds no recordings: a typing error must not look like success.
    """
    if not paths:
        return sorted(_in_named_folders(root))
    return sorted({file for path in paths for file in recordings_below(path)})


def recordings_below(path: Path) -> list[Path]:
    """Return the path itself, or the recordings in the folder; raise UsageError if there are none."""
    if path.is_file():
        return [path]
    found = sorted(_in_named_folders(path)) or sorted(filter(_looks_recorded, _files_below(path)))
    if not found:
        raise UsageError(
            f"{path} holds no recordings" if path.exists() else f"{path} does not exist",
            hint=f"name a recording file, or a folder with recordings or with {FOLDER} folders below it",
            slug=Slug.NO_RECORDINGS,
        )
    return found


def _in_named_folders(path: Path) -> Iterator[Path]:
    return (file for file in _files_below(path) if FOLDER in file.parts)


def _files_below(path: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if not _foreign(folder, name)]
        yield from (Path(folder, name) for name in files if name.endswith(".jsonl") and not name.startswith("."))


def _foreign(folder: str, name: str) -> bool:
    """Tell whether a folder belongs to a tool or to installed packages, and not to this project."""
    return name.startswith(".") or name == "node_modules" or Path(folder, name, "pyvenv.cfg").exists()


def _looks_recorded(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16).startswith(BEGINNINGS)
