"""Replies, keys and journals of a test project, as a run would make them."""

from typing import ClassVar

import pytest

from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings import Journal
from pytest_graysplit.types import Reply, ReplyKey


class RecordingProject:
    """A project folder with recordings; `body` is the default request of every case."""

    body: ClassVar = {"messages": [{"role": "user", "content": "What is your refund policy?"}], "temperature": 0}

    def __init__(self, root):
        self.root = root
        self.file = root / "tests" / "__graysplit__" / "test_support.jsonl"

    def key(self, case="refund-policy", model="claude-sonnet-4.5", sample=0, body=None):
        return ReplyKey(case, model, request_hash(body or self.body), sample)

    def reply(self, text="30 days.", model="claude-sonnet-4.5", at="2026-11-23T10:00:00.000Z", **fields):
        return Reply(model=model, outcome=fields.pop("outcome", "ok"), text=text, at=at, **fields)

    def journal(self, mode="new", run_id="run1", **options):
        return Journal(self.root, mode=mode, run_id=run_id, **options)

    def record(self, *pairs, mode="new", run_id="run1", into=None):
        """Journal the (key, reply) pairs and close the journal, like a run that ends."""
        journal = self.journal(mode, run_id)
        for key, reply in pairs:
            journal.append(into or self.file, key, self.body, reply)
        journal.close()
        return journal

    def lines(self, file=None):
        return (file or self.file).read_text(encoding="utf-8").splitlines()


@pytest.fixture
def project(tmp_path):
    return RecordingProject(tmp_path)


@pytest.fixture(scope="session")
def project_class():
    return RecordingProject
