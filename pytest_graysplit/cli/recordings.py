"""`graysplit recordings`: the options of its commands, and their output."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.config.credentials import KEY_VARIABLES
from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.recordings.maintenance.check import check_file
from pytest_graysplit.replies.recordings.maintenance.discover import find_recordings, project_root
from pytest_graysplit.replies.recordings.maintenance.tidy import merge_shards, tidy
from pytest_graysplit.replies.recordings.maintenance.unused import collect_requested, find_unused

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_graysplit.reporting.summary import StyledText
    from pytest_graysplit.types import Redactor

DONE, FOUND, FAILED = 0, 1, 2

_PATH = "recording file, or folder that holds some (default: all of the project)"


class Line(NamedTuple):
    """One line of output, and its exit code; the command ends with the largest code of its lines.

    `pieces` are the same text in styles, for a terminal with colours.
    """

    text: str
    code: int = DONE
    pieces: Sequence[StyledText] = ()


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    """Add a command, with one text for the list of commands and for its own help."""
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands `tidy`, `check` and `merge` to the parser; each sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = add_command(
        commands, "tidy", "sort recording files, resolve merge conflicts, recover replies of interrupted runs"
    )
    command.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=_PATH)
    command.add_argument("--drop-orphans", action="store_true", help="also drop replies that no case asks for")
    command.set_defaults(run=run_tidy)

    command = add_command(commands, "check", "find broken lines, secrets, and replies that no case asks for")
    command.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=_PATH)
    command.add_argument(
        "--no-orphans",
        action="store_true",
        help="do not collect the tests to find replies that no case asks for",
    )
    command.set_defaults(run=run_check)

    command = add_command(commands, "merge", "merge the recordings of CI shards into those of the project")
    command.add_argument(
        "shards", nargs="+", type=Path, metavar="SHARD_DIR", help="folder with the recordings of one shard"
    )
    command.add_argument("--into", required=True, type=Path, metavar="DIR", help="root folder of the project")
    command.set_defaults(run=run_merge)


def run_tidy(options: argparse.Namespace) -> Iterator[Line]:
    """Tidy the named files, or all of them."""
    root = project_root(Path.cwd())
    files = find_recordings(root, options.paths)
    wanted = collect_requested(root, options.pytest_args, _redactor()) if options.drop_orphans else None
    yield from _lines(tidy(root, files, wanted))


def run_check(options: argparse.Namespace) -> Iterator[Line]:
    """Check the named files, or all of them."""
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
    yield from _lines(merge_shards(options.shards, options.into))


def _lines(lines: Iterable[str | GraysplitError]) -> Iterator[Line]:
    for line in lines:
        yield Line(str(line), FAILED if isinstance(line, GraysplitError) else DONE)


def _redactor() -> Redactor:
    """Return a redactor of all keys of the environment, and of the secrets that the settings of the project name."""
    keys = {os.environ.get(name, "").strip() for name in KEY_VARIABLES}
    folders = [folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / PROJECT_FILE).is_file()]
    with suppress(GraysplitError):  # recordings are checked also where the settings of a run have a mistake
        keys.update(read_settings(folders[0] / PROJECT_FILE if folders else None, os.environ).secrets)
    return redactor(key for key in keys if len(key) >= 8)  # shorter texts occur in ordinary words
