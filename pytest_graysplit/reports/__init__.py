"""Reports for machines, and the message where one cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import UsageError
from pytest_graysplit.filewriting import why_not, write_whole

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
            slug="report-unwritable",
        ) from None
