"""Reports for machines, and the message where one cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import try_writing, why_not, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write the text whole or not at all; raise UsageError when the place cannot be written to."""
    try:
        write_whole(path, pieces)
    except OSError as error:
        raise UsageError(
            f"the report {path} cannot be written: {why_not(path, error)}",
            hint="name a file in a folder that can be written to; the run itself and its recordings are complete",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None


def require_writable(path: Path) -> None:
    """Raise UsageError where the report could not be written at the end: before anything is sent."""
    try:
        try_writing(path)
    except (OSError, ValueError) as error:  # a NUL in the path is no OSError
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"the report {path} cannot be written: {why or error}",
            hint="nothing was sent; name a file in a folder that can be written to with --graysplit-json=FILE",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None
