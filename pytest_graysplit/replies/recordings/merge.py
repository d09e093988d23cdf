"""Merge journals into recording files: the newest wins, lines are sorted, and no journal is removed before that."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings.recording_file import RecordingFile, read_data, split_lines
from pytest_graysplit.replies.recordings.state_dir import file_lock, relative_to, swap_in
from pytest_graysplit.replies.recordings.unmerged import claim, journals, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_graysplit.replies.recordings.records import Entry
    from pytest_graysplit.replies.recordings.unmerged import JournalText


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """The result of a merge: changed files, the merged replies and journals, warnings and problems.

    A problem keeps its journals, so that the next merge tries again.
    """

    files: tuple[Path, ...] = ()
    replies: int = 0
    journals: int = 0
    warnings: tuple[str, ...] = ()
    problems: tuple[RecordingError, ...] = ()


@dataclass(slots=True)
class Batch:
    """Lines for one recording file; those of runs that record all replies again (`paid_again`) replace stored ones."""

    lines: list[bytes] = field(default_factory=list)
    paid_again: list[bytes] = field(default_factory=list)

    def add(self, journal: JournalText, entry: Entry) -> None:
        """Add an entry of a journal."""
        lines = self.paid_again if journal.mode == "all" else self.lines
        lines += (entry.request_line, entry.reply_line)


def merge_journals(root: Path, only: Sequence[Path] | None = None) -> MergeReport:
    """Merge the journals under the root that no living process holds into their recording files.

    Raises RecordingError where the journals' folder cannot be written; any other problem is in the report.
    """
    with ExitStack() as locks:
        candidates = journals(root) if only is None else only
        claimed = [path for path in candidates if locks.enter_context(claim(path))]
        texts = [read_journal(path, relative_to(root, path), root) for path in claimed]
        changed, failed = _merge(root, texts)
        done = [text for text in texts if text.fate != "keep" and not text.has_entry_for(failed)]
        for text in done:
            _put_away(text)
    return MergeReport(
        files=tuple(changed),
        replies=sum(len(text.entries) for text in done),
        journals=len(done),
        warnings=tuple(warning for text in texts for warning in text.warnings),
        problems=(*failed.values(), *(problem for text in texts for problem in text.problems)),
    )


def add_lines(root: Path, path: Path, lines: Iterable[bytes], paid_again: Iterable[bytes] = ()) -> bool:
    """Merge lines into a recording file and tell whether it changed; raise RecordingError on failure.

    Lines that were `paid_again` replace the stored replies, even where a clock that was set back makes them look older.
    """
    where = relative_to(root, path)
    with file_lock(root, path):
        before = read_data(path, where)
        recording = RecordingFile(where, split_lines(before))
        for line in lines:
            recording.take(line)
        recording.replace(paid_again)
        after = recording.render()
        if changed := after != before:
            swap_in(path, after)
    return changed


def _merge(root: Path, texts: Iterable[JournalText]) -> tuple[list[Path], dict[str, RecordingError]]:
    batches: dict[str, Batch] = defaultdict(Batch)
    for text in texts:
        for entry in text.entries:
            batches[entry.into].add(text, entry)
    changed: list[Path] = []
    failed: dict[str, RecordingError] = {}
    for into, batch in sorted(batches.items()):
        try:
            if add_lines(root, root / into, batch.lines, batch.paid_again):
                changed.append(root / into)
        except RecordingError as error:
            failed[into] = error
    return changed, failed


def _put_away(text: JournalText) -> None:
    """Remove a merged journal; rename it where some of its lines could not be read."""
    if text.fate == "remove":
        text.path.unlink(missing_ok=True)
    else:
        text.path.replace(text.path.with_suffix(".unreadable"))
