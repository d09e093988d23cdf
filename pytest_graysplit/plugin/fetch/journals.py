"""Journals and folders that the replies of a run are written to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.replies.recordings import merge_journals, unmerged_journals
from pytest_graysplit.replies.recordings.state_dir import journal_folder, require_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.replies.recordings import MergeReport
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import ReplyKey


class Journals:
    """The journals of a run: recovered before it, merged into the recording files after it.

    `fresh` holds the replies that an interrupted `all` run has recorded, so that none is paid for twice.
    """

    def __init__(
        self,
        settings: Settings,
        root: Path,
        totals: RunTotals,
        *,
        fresh: frozenset[tuple[Path, ReplyKey]],
        shown: Callable[[Path], str],
    ) -> None:
        """Open nothing yet; `shown` writes a path for a message."""
        self._settings = settings
        self._root = root
        self._totals = totals
        self._shown = shown
        self._writable: set[Path] = set()
        self._has_recovered = False
        self.fresh = fresh

    def recover(self) -> None:
        """Merge the journals of interrupted runs, and note the number of replies; a second call does nothing."""
        recovered, self._has_recovered = self._has_recovered, True
        if recovered or self._settings.record == "off" or not journal_folder(self._root).is_dir():
            return
        if self._settings.record == "all":
            self.fresh = frozenset(
                key for left in unmerged_journals(self._root) if left.mode == "all" for key in left.keys
            )
        report = merge_journals(self._root)
        if report.replies:
            self._totals.notes.append(f"recovered {plural(report.replies, 'reply', 'replies')} from an interrupted run")
        self._note_problems(report)

    def merge(self) -> None:
        """Merge this run's journals into the recording files, when no process writes to them any more."""
        if self._settings.record not in ("new", "all") or not journal_folder(self._root).is_dir():
            return
        report = merge_journals(self._root)
        if report.replies:
            files = listed([self._shown(path) for path in report.files[:3]])
            more = f" and {len(report.files) - 3} more" if len(report.files) > 3 else ""
            self._totals.notes.append(f"recorded {plural(report.replies, 'reply', 'replies')} in {files}{more}")
        self._note_problems(report)

    def _note_problems(self, report: MergeReport) -> None:
        self._totals.notes += report.warnings
        self._totals.notes += [str(problem) for problem in report.problems]

    def require_writable(self, requests: Iterable[ReplyRequest | Plan]) -> None:
        """Raise UsageError if the replies could be paid for but not written."""
        paths = {request.recording_path for request in requests}
        for path in paths:
            require_inside(self._root, path)
        for folder in ({path.parent for path in paths} | {self._root / ".graysplit"}) - self._writable:
            existing = next(path for path in (folder, *folder.parents) if path.exists())
            if not existing.is_dir() or not os.access(existing, os.W_OK):
                raise UsageError(
                    f"recordings cannot be written to {self._shown(folder)}: {self._shown(existing)} is "
                    f"{'read-only' if existing.is_dir() else 'not a folder'}",
                    hint="nothing was sent; make it writable, name another folder with --graysplit-recordings=DIR, "
                    "or store nothing with --graysplit-record=off",
                    slug=Slug.FOLDER_UNWRITABLE,
                )
            self._writable.add(folder)  # checked once, because a later test may replace the file system
