"""Bring the recordings of CI shards together in one folder."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, UsageError
from pytest_graysplit.recordings.discover import find_recordings, project_root, recordings_below
from pytest_graysplit.recordings.leftovers import journals, read_journal
from pytest_graysplit.recordings.merge import add_lines
from pytest_graysplit.recordings.shelf import read_shelf
from pytest_graysplit.recordings.workdir import relative_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def merge_shards(shards: Sequence[Path], into: Path) -> Iterator[str | RecordingError]:
    """Merge the recording files and journals of every shard under `into`; yield what was done and what could not be.

    A file keeps its path from the shard's folder; the shards themselves stay as they are.
    """
    lines: dict[Path, list[bytes]] = defaultdict(list)
    for shard in shards:
        yield from _read_shard(shard, into, lines)
    changed = 0
    for path in sorted(lines):
        try:
            if add_lines(project_root(into), path, lines[path]):
                changed += 1
                yield f"{relative_to(into, path)}: changed"
        except RecordingError as error:
            yield error
    yield f"shards: {len(shards)}, recording files: {len(lines)}, changed: {changed}"


def _read_shard(shard: Path, into: Path, lines: dict[Path, list[bytes]]) -> Iterator[str | RecordingError]:
    if not shard.is_dir():
        raise UsageError(
            f"{shard} is no folder",
            hint="name the folders into which the recordings of the shards were downloaded",
            slug="no-recordings",
        )
    held = journals(shard)
    for path in held:
        text = read_journal(path, str(path))
        yield from text.warnings
        for entry in text.entries:
            lines[_inside(into, entry.into, path)] += (entry.request_line, entry.reply_line)
    for path in find_recordings(shard, []) or ([] if held else recordings_below(shard)):
        try:
            shelf = read_shelf(path, str(path))
        except RecordingError as error:
            yield error
        else:
            lines[(into / path.relative_to(shard)).resolve()] += [line for line in shelf.lines if line.strip()]


def _inside(into: Path, name: str, journal: Path) -> Path:
    """Return the path under `into`; a shard comes from elsewhere and must not write where it likes."""
    target = (into / name).resolve()
    if not target.is_relative_to(into.resolve()):
        raise RecordingError(
            f"{journal} records into {name}, which is outside of {into}",
            hint="record with --graysplit-recordings inside the project, or move the journal's recordings by hand",
            slug="recording-outside",
        )
    return target
