"""Bring the recordings of CI shards together in one folder."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug, UsageError
from pytest_graysplit.replies.recordings.maintenance.discover import find_recordings, project_root, recordings_below
from pytest_graysplit.replies.recordings.merge import Batch, add_lines
from pytest_graysplit.replies.recordings.recording_file import read_shelf
from pytest_graysplit.replies.recordings.state_dir import relative_to
from pytest_graysplit.replies.recordings.unmerged import journals, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


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
