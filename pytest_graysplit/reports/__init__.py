"""Reports for machines, and one safe way to write a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write the text whole or not at all; raise UsageError when the place cannot be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(pieces)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        cause = f"{path.parent} is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise UsageError(
            f"the report {path} cannot be written: {cause}",
            hint="name a file in a folder that can be written to; the run itself and its recordings are complete",
            slug="report-unwritable",
        ) from None
