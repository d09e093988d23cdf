"""Put recording files in order: sorted, newest wins, both sides of a conflict kept, leftovers taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings.maintenance.unused import orphaned, wanted_of
from pytest_graysplit.replies.recordings.merge import merge_journals
from pytest_graysplit.replies.recordings.recording_file import CONFLICT_MARKERS, Shelf, read_data, split_lines
from pytest_graysplit.replies.recordings.state_dir import file_lock, relative_to, swap_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_graysplit.replies.recordings.maintenance.unused import Wanted

NEWLINE = b"\n"


def tidy(root: Path, files: Sequence[Path], wanted: Wanted | None = None) -> Iterator[str | RecordingError]:
    """Tidy the files and take leftover journals in; yield what was done and what could not be.

    Replies that are not `wanted` are dropped, where that is given.
    """
    changed = 0
    for path in files:
        try:
            if told := tidy_file(root, path, wanted):
                changed += 1
                yield told
        except RecordingError as error:
            yield error
    report = merge_journals(root)
    if report.journals:
        yield f"replies taken in from killed runs: {report.replies}"
    yield from report.warnings
    yield from report.problems
    yield f"recording files: {len(files)}, rewritten: {changed}"


def tidy_file(root: Path, path: Path, wanted: Wanted | None = None) -> str:
    """Rewrite one file if it is not in order; return what was done, or nothing."""
    where = relative_to(root, path)
    with file_lock(root, path):
        before = read_data(path, where)
        lines = split_lines(before)
        shelf = Shelf(where, (b"" if line.startswith(CONFLICT_MARKERS) else line for line in lines))
        shelf.examine()
        if wanted is not None:
            for key in orphaned(shelf, wanted_of(path, wanted)):
                del shelf.replies[key]
        shelf.drop_unasked()
        after = shelf.render()
        if after == before:
            return ""
        swap_in(path, after)
    return f"{where}: rewritten (lines: {len(lines)} -> {after.count(NEWLINE)})"
