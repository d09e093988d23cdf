"""Replies that were paid for: journalled while a run goes on, merged at rest, replayed ever after."""

from pytest_graysplit.recordings.journal import Journal
from pytest_graysplit.recordings.ledger import FileLedger
from pytest_graysplit.recordings.leftovers import leftovers
from pytest_graysplit.recordings.merge import MergeReport, merge_journals
from pytest_graysplit.recordings.store import Recordings

__all__ = [
    "FileLedger",
    "Journal",
    "MergeReport",
    "Recordings",
    "leftovers",
    "merge_journals",
]
