"""Tidy recording files: sort lines, keep the newest, keep both sides of a conflict, merge journals and CI shards."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug, UsageError
from pytest_graysplit.replies.recordings.maintenance.discover import find_recordings, project_root, recordings_below
from pytest_graysplit.replies.recordings.maintenance.unused import requested_of, unused_keys
from pytest_graysplit.replies.recordings.merge import Batch, add_lines, merge_journals
from pytest_graysplit.replies.recordings.recording_file import (
    CONFLICT_MARKERS,
    RecordingFile,
    read_data,
    read_recording,
    split_lines,
)
from pytest_graysplit.replies.recordings.state_dir import file_lock, relative_to, swap_in
from pytest_graysplit.replies.recordings.unmerged import journals, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_graysplit.replies.recordings.maintenance.unused import RequestedReplies

NEWLINE = b"\n"


def tidy(
    root: Path, files: Sequence[Path], requested: RequestedReplies | None = None
) -> Iterator[str | RecordingError]:
    """Tidy the files and merge journals of interrupted runs; yield the changes and the problems.

    Where `requested` is given, replies that are not in it are dropped.
    """
    changed = 0
    for path in files:
        try:
            if path_of_keys := tidy_file(root, path, requested):
                changed += 1
                yield path_of_keys
        except RecordingError as error:
            yield error
    report = merge_journals(root)
    if report.journals:
        yield f"replies recovered from interrupted runs: {report.replies}"
    yield from report.warnings
    yield from report.problems
    yield f"recording files: {len(files)}, rewritten: {changed}"


def tidy_file(root: Path, path: Path, requested: RequestedReplies | None = None) -> str:
    """Rewrite one file if it is not tidy; return a description of the change, or nothing."""
    where = relative_to(root, path)
    with file_lock(root, path):
        before = read_data(path, where)
        lines = split_lines(before)
        recording = RecordingFile(where, (b"" if line.startswith(CONFLICT_MARKERS) else line for line in lines))
        recording.examine()
        if requested is not None:
            for key in unused_keys(recording, requested_of(path, requested)):
                del recording.replies[key]
        recording.drop_unused_requests()
        after = recording.render()
        if after == before:
            return ""
        swap_in(path, after)
    return f"{where}: rewritten (lines: {len(lines)} -> {after.count(NEWLINE)})"


def merge_shards(shards: Sequence[Path], into: Path) -> Iterator[str | RecordingError]:
    """Merge the recording files and journals of every shard under `into`; yield the changes and the problems.

    A file keeps its path from the shard's folder; the shards themselves are not changed.
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
            f"{shard} is not a folder",
            hint="name the folders into which the recordings of the shards were downloaded",
            slug=Slug.NO_RECORDINGS,
        )
    journal_paths = journals(shard)
    for path in journal_paths:
        text = read_journal(path, str(path), into)
        yield from text.warnings
        yield from text.problems
        for entry in text.entries:
            batches[(into / entry.into).resolve()].add(text, entry)
    for path in find_recordings(shard, []) or ([] if journal_paths else recordings_below(shard)):
        try:
            recording = read_recording(path, str(path))
            recording.examine()
        except RecordingError as error:
            yield error
        else:
            target = (into / path.relative_to(shard)).resolve()
            batches[target].lines += [line for line in recording.lines if line.strip()]
