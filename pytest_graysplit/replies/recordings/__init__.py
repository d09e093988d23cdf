"""Record replies in a journal during the run, merge them afterwards, replay them later."""

from pytest_graysplit.replies.recordings.journal import Journal
from pytest_graysplit.replies.recordings.merge import MergeReport, merge_journals
from pytest_graysplit.replies.recordings.store import Recordings
from pytest_graysplit.replies.recordings.unmerged import unmerged_journals

__all__ = [
    "Journal",
    "MergeReport",
    "Recordings",
    "merge_journals",
    "unmerged_journals",
]
