"""Recordings that no case uses any more, judged from a full collection and never from a partial run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.errors import RecordingError, Slug, UsageError
from pytest_graysplit.replies.recordings.recording_file import read_recording
from pytest_graysplit.replies.recordings.records import is_answer_of_application
from pytest_graysplit.replies.recordings.state_dir import relative_to
from pytest_graysplit.types import ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_graysplit.replies.recordings.recording_file import RecordingFile
    from pytest_graysplit.types import Redactor

RequestedReplies: TypeAlias = "Mapping[Path, AbstractSet[ReplyKey]]"

# Names the file into which the plugin writes, at the end of a collection, one JSON line per reply that the collected
# cases would request: {"into": path, "case": ..., "model": ..., "request": ..., "sample": ...}. A blank request stands
# for all requests of a metric about the case, which depend on its replies, and a line without a model for the later
# turns of a conversation, or for the requests of an application. Those of all configured arms are there too.
VARIABLE = "GRAYSPLIT_WANTED"
# `graysplit judge calibrate` records beside its file, in any format that cases have.
LABELLED_SUFFIXES = (".jsonl", ".yaml", ".yml", ".csv")
NO_FAILURE = (0, 5)  # pytest's own codes: tests collected, no tests collected
AFTER_DASHES = "options for pytest go after `--`: graysplit recordings check -- --graysplit-treatment=MODEL"


def collect_requested(root: Path, pytest_args: Sequence[str], redact: Redactor) -> RequestedReplies:
    """Collect all tests with pytest, and return the keys that the collected cases request, by file.

    Raises UsageError where the collection fails, or finds no case.
    """
    with tempfile.TemporaryDirectory() as folder:
        path_of_keys = Path(folder, "wanted.jsonl")
        _collect(root, pytest_args, path_of_keys)
        rows = path_of_keys.read_bytes().split(b"\n") if path_of_keys.exists() else []
    if not any(rows):
        raise UsageError(
            "orphans cannot be judged: pytest collected no case that asks a model",
            hint=f"{AFTER_DASHES}; --no-orphans leaves this check out",
            slug=Slug.ORPHANS_UNCOLLECTED,
        )
    requested: dict[Path, set[ReplyKey]] = defaultdict(set)
    for row in map(json.loads, filter(None, rows)):
        key = ReplyKey(redact(row["case"]), redact(row["model"]), row["request"], row["sample"], row.get("arm", ""))
        requested[Path(root, row["into"]).resolve()].add(key)
    return requested


def find_unused(root: Path, path: Path, requested: RequestedReplies) -> Iterator[RecordingError]:
    """Yield a finding for every reply in the file that no collected case requests."""
    where = relative_to(root, path)
    try:
        recording = read_recording(path, where)
    except RecordingError:
        return  # the check of its lines has reported the cause
    for key in unused_keys(recording, requested_of(path, requested)):
        who = ", ".join(filter(None, (key.model, key.arm and f"arm {key.arm}", f"sample {key.sample}")))
        yield RecordingError(
            f"{where}:{recording.replies[key] + 1}: no case asks for {key.case!r} ({who})",
            hint="if it is gone for good: graysplit recordings tidy --drop-orphans",
            slug=Slug.RECORDING_ORPHAN,
        )


def requested_of(path: Path, requested: RequestedReplies) -> AbstractSet[ReplyKey] | None:
    """Return the requested keys of a recording file; None for labelled pairs, which no test collects."""
    if (keys := requested.get(path.resolve())) is not None:
        return keys
    beside = path.resolve().parent.parent
    return None if any((beside / f"{path.stem}{suffix}").is_file() for suffix in LABELLED_SUFFIXES) else frozenset()


def unused_keys(recording: RecordingFile, requested: AbstractSet[ReplyKey] | None) -> list[ReplyKey]:
    """Return the keys whose request no case makes under any name; none where the requests are unknown.

    A model, an arm or a sample that this collection does not name still counts as used: the next run may compare it.
    The requests of a metric count as used while their case exists, or the replies that it judged, under any name. The
    same holds for the turns of a conversation and its first turn. Answers to applications count as used while there is
    a test of one: only a run shows which it asks for, and one test may use the answers of another.
    """
    if requested is None:
        return []
    hashes = {key.request for key in requested if key.request}
    metrics = {key.model for key in requested if not key.request and key.model}
    cases = {key.case for key in requested} | {key.case for key in recording.replies if key.request in hashes}
    conversations = _conversations(recording, requested)
    keeps_calls = any(not key.request and not key.model for key in requested)
    return sorted(
        key
        for key in recording.replies
        if key.request not in hashes
        and not (key.model in metrics and key.case in cases)
        and key.case not in conversations
        and not (keeps_calls and is_answer_of_application(recording.lines[recording.replies[key]]))
    )


def _conversations(recording: RecordingFile, requested: AbstractSet[ReplyKey]) -> set[str]:
    """Return the names of cases that are conversations, also the earlier ones under which a first turn is recorded."""
    named = {key.case for key in requested if not key.request and not key.model}
    openings = {key.request for key in requested if key.request and key.case in named}
    return named | {key.case for key in recording.replies if key.request in openings}


def _collect(root: Path, pytest_args: Sequence[str], path_of_keys: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *pytest_args]
    run = subprocess.run(  # noqa: S603  # the arguments are the user's own, for the user's own pytest
        command,
        cwd=root,
        env={**os.environ, VARIABLE: str(path_of_keys)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if run.returncode not in NO_FAILURE:
        last = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()][-5:]
        raise UsageError(
            "\n  ".join([f"orphans cannot be judged: pytest --collect-only ended with {run.returncode}", *last]),
            hint=f"make the collection work ({AFTER_DASHES}), or leave this check out with --no-orphans",
            slug=Slug.ORPHANS_UNCOLLECTED,
        )
