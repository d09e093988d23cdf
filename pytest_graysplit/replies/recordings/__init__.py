"""Replies that were paid for: journalled while a run goes on, merged at rest, replayed ever after."""

from pytest_graysplit.replies.recordings.journal import Journal
from pytest_graysplit.replies.recordings.merge import MergeReport, merge_journals
from pytest_graysplit.replies.recordings.store import Recordings
from pytest_graysplit.replies.recordings.unmerged import leftovers

__all__ = [
    "Journal",
    "MergeReport",
    "Recordings",
    "leftovers",
    "merge_journals",
]
