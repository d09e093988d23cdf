"""Put recording files in order: sorted, newest wins, both sides of a conflict kept, leftovers taken in."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug, UsageError
from pytest_graysplit.replies.recordings.maintenance.discover import find_recordings, project_root, recordings_below
from pytest_graysplit.replies.recordings.maintenance.unused import orphaned, wanted_of
from pytest_graysplit.replies.recordings.merge import Batch, add_lines, merge_journals
from pytest_graysplit.replies.recordings.recording_file import (
    CONFLICT_MARKERS,
    RecordingFile,
    read_data,
    read_shelf,
    split_lines,
)
from pytest_graysplit.replies.recordings.state_dir import file_lock, relative_to, swap_in
from pytest_graysplit.replies.recordings.unmerged import journals, read_journal

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
        shelf = RecordingFile(where, (b"" if line.startswith(CONFLICT_MARKERS) else line for line in lines))
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


def merge_shards(shards: Sequence[Path], into: Path) -> Iterator[str | RecordingError]:
    """Merge the recording files and journals of every shard under `into`; yield what was done and what could not be.

    A file keeps its path from the shard's folder; the shards themselves stay as they are.
    """
    batches: dict[Path, Batch] = defaultdict(Batch)
    for shard in shards:
        yield from _read_shard(shard, into, batches)
    changed = 0
    for path, batch in sorted(batches.items()):
        try:
            if add_lines(project_root(into), path, batch.lines, batch.paid_again):
                changed += 1
                yield f"{relative_to(into, path)}: changed"
        except RecordingError as error:
            yield error
    yield f"shards: {len(shards)}, recording files: {len(batches)}, changed: {changed}"


def _read_shard(shard: Path, into: Path, batches: dict[Path, Batch]) -> Iterator[str | RecordingError]:
    if not shard.is_dir():
        raise UsageError(
            f"{shard} is no folder",
            hint="name the folders into which the recordings of the shards were downloaded",
            slug=Slug.NO_RECORDINGS,
        )
    held = journals(shard)
    for path in held:
        text = read_journal(path, str(path), into)
        yield from text.warnings
        yield from text.problems
        for entry in text.entries:
            batches[(into / entry.into).resolve()].add(text, entry)
    for path in find_recordings(shard, []) or ([] if held else recordings_below(shard)):
        try:
            shelf = read_shelf(path, str(path))
            shelf.examine()
        except RecordingError as error:
            yield error
        else:
            target = (into / path.relative_to(shard)).resolve()
            batches[target].lines += [line for line in shelf.lines if line.strip()]
