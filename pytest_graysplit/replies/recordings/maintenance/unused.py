"""Recordings that no case asks for any more, judged from a full collection and never from a partial run."""

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
from pytest_graysplit.replies.recordings.recording_file import read_shelf
from pytest_graysplit.replies.recordings.state_dir import relative_to
from pytest_graysplit.types import ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_graysplit.replies.recordings.recording_file import Shelf
    from pytest_graysplit.types import Redactor

Wanted: TypeAlias = "Mapping[Path, AbstractSet[ReplyKey]]"

# Names the file into which the plugin writes, at the end of a collection, a JSON line for each reply that the
# collected cases would ask for: {"into": path, "case": ..., "model": ..., "request": ..., "sample": ...}. A blank
# request stands for whatever a metric will ask the model about the case, which only its replies decide.
VARIABLE = "GRAYSPLIT_WANTED"
# `graysplit judge calibrate` records beside its file, in any format that cases have.
LABELLED_SUFFIXES = (".jsonl", ".yaml", ".yml", ".csv")
NO_FAILURE = (0, 5)  # pytest's own codes: tests collected, no tests collected
AFTER_DASHES = "options for pytest go after `--`: graysplit recordings check -- --graysplit-treatment=MODEL"


def collect_wanted(root: Path, pytest_args: Sequence[str], redact: Redactor) -> Wanted:
    """Let pytest collect everything, and return by file what the collected cases ask for.

    Raises UsageError where the collection fails, or tells of no case at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "wanted.jsonl")
        _collect(root, pytest_args, told)
        rows = told.read_bytes().split(b"\n") if told.exists() else []
    if not any(rows):
        raise UsageError(
            "orphans cannot be judged: pytest collected no case that asks a model",
            hint=f"{AFTER_DASHES}; --no-orphans leaves this check out",
            slug=Slug.ORPHANS_UNCOLLECTED,
        )
    wanted: dict[Path, set[ReplyKey]] = defaultdict(set)
    for row in map(json.loads, filter(None, rows)):
        key = ReplyKey(redact(row["case"]), redact(row["model"]), row["request"], row["sample"])
        wanted[Path(root, row["into"]).resolve()].add(key)
    return wanted


def find_orphans(root: Path, path: Path, wanted: Wanted) -> Iterator[RecordingError]:
    """Yield a finding for every reply in the file that no collected case asks for."""
    where = relative_to(root, path)
    try:
        shelf = read_shelf(path, where)
    except RecordingError:
        return  # the check of its lines has told why
    for key in orphaned(shelf, wanted_of(path, wanted)):
        yield RecordingError(
            f"{where}:{shelf.replies[key] + 1}: no case asks for {key.case!r} ({key.model}, sample {key.sample})",
            hint="if it is gone for good: graysplit recordings tidy --drop-orphans",
            slug=Slug.RECORDING_ORPHAN,
        )


def wanted_of(path: Path, wanted: Wanted) -> AbstractSet[ReplyKey] | None:
    """Return what is wanted of a recording file; None where labelled pairs beside it use it, which no test collects."""
    if (keys := wanted.get(path.resolve())) is not None:
        return keys
    beside = path.resolve().parent.parent
    return None if any((beside / f"{path.stem}{suffix}").is_file() for suffix in LABELLED_SUFFIXES) else frozenset()


def orphaned(shelf: Shelf, wanted: AbstractSet[ReplyKey] | None) -> list[ReplyKey]:
    """Return the keys whose request no case makes, under whatever name; none where nobody can tell what is wanted.

    A model or a sample that this collection does not name is no orphan: the next run may compare it. What a metric
    asked is none while its case is there, or the replies that it judged are, under whatever name.
    """
    if wanted is None:
        return []
    asked = {key.request for key in wanted if key.request}
    metrics = {key.model for key in wanted if not key.request}
    cases = {key.case for key in wanted} | {key.case for key in shelf.replies if key.request in asked}
    return sorted(
        key for key in shelf.replies if key.request not in asked and not (key.model in metrics and key.case in cases)
    )


def _collect(root: Path, pytest_args: Sequence[str], told: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *pytest_args]
    run = subprocess.run(  # noqa: S603  # the arguments are the user's own, for the user's own pytest
        command,
        cwd=root,
        env={**os.environ, VARIABLE: str(told)},
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
