"""One case as a file gave it, and the errors that all formats share."""

from __future__ import annotations

from typing import NamedTuple

from pytest_graysplit.errors import Slug, UsageError


class Row(NamedTuple):
    """The fields of one case, unchecked, and the line where they begin."""

    line: int
    fields: dict[str, object]


def broken(shown: str, line: int, problem: str, hint: str, slug: Slug = Slug.CASE_FILE_SYNTAX) -> UsageError:
    """Build the error for a line that cannot be read; the caller raises it."""
    return UsageError(f"{shown}:{line}: {problem}", hint=hint, slug=slug)
