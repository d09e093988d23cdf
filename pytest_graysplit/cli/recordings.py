"""`graysplit recordings`: what each of its commands takes, and the lines it has to say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.config.credentials import KEY_VARIABLES
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.recordings.maintenance.check import check_file
from pytest_graysplit.replies.recordings.maintenance.discover import find_recordings, project_root
from pytest_graysplit.replies.recordings.maintenance.tidy import merge_shards, tidy
from pytest_graysplit.replies.recordings.maintenance.unused import collect_requested, find_unused

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from pytest_graysplit.types import Redactor

DONE, FOUND, FAILED = 0, 1, 2


class Line(NamedTuple):
    """Something to tell, and the exit code that it asks for."""

    text: str
    code: int = DONE


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give the parser the commands `tidy`, `check` and `merge`; each sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("tidy", help="rewrite in order, resolve conflicts, take in leftovers of killed runs")
    command.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a recording file or a folder")
    command.add_argument("--drop-orphans", action="store_true", help="also drop replies that no case asks for any more")
    command.set_defaults(run=run_tidy)

    command = commands.add_parser("check", help="look for broken lines, for secrets, and for replies nobody asks for")
    command.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a recording file or a folder")
    command.add_argument("--no-orphans", action="store_true", help="do not collect the tests to find orphans")
    command.set_defaults(run=run_check)

    command = commands.add_parser("merge", help="bring the recordings of CI shards together")
    command.add_argument("shards", nargs="+", type=Path, metavar="SHARD_DIR", help="a folder that a shard left")
    command.add_argument("--into", required=True, type=Path, metavar="DIR", help="the project's root")
    command.set_defaults(run=run_merge)


def run_tidy(options: argparse.Namespace) -> Iterator[Line]:
    """Tidy the files that were named, or all."""
    root = project_root(Path.cwd())
    files = find_recordings(root, options.paths)
    wanted = collect_requested(root, options.pytest_args, _redactor()) if options.drop_orphans else None
    yield from _told(tidy(root, files, wanted))


def run_check(options: argparse.Namespace) -> Iterator[Line]:
    """Check the files that were named, or all."""
    root = project_root(Path.cwd())
    files = find_recordings(root, options.paths)
    redact = _redactor()
    findings = 0
    for path in files:
        for finding in check_file(root, path, redact):
            findings += 1
            yield Line(str(finding), FOUND)
    if files and not options.no_orphans:
        wanted = collect_requested(root, options.pytest_args, redact)
        for path in files:
            for finding in find_unused(root, path, wanted):
                findings += 1
                yield Line(str(finding), FOUND)
    yield Line(f"recording files: {len(files)}, findings: {findings}")


def run_merge(options: argparse.Namespace) -> Iterator[Line]:
    """Merge the shards."""
    yield from _told(merge_shards(options.shards, options.into))


def _told(lines: Iterable[str | GraysplitError]) -> Iterator[Line]:
    for line in lines:
        yield Line(str(line), FAILED if isinstance(line, GraysplitError) else DONE)


def _redactor() -> Redactor:
    keys = (os.environ.get(name, "").strip() for name in KEY_VARIABLES)
    return redactor(key for key in keys if len(key) >= 8)  # shorter ones are found in ordinary words
