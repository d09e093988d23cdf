"""The command `graysplit`: everything that is done between runs."""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING

import pytest_graysplit
from pytest_graysplit.cli import cases as case_commands
from pytest_graysplit.cli import judge as judge_commands
from pytest_graysplit.cli import recordings
from pytest_graysplit.cli import traffic as traffic_commands
from pytest_graysplit.cli.recordings import FAILED, Line
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CODES = (
    "exit codes: 0 done, nothing found; 1 something was found; 2 something could not be done. "
    "`grade` has its own, which its --help tells. What follows `--` goes to pytest where a command collects tests."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:end])
    options.pytest_args = given[end + 1 :]
    code = 0
    try:
        for line in _lines(options):
            _print(line)
            code = max(code, line.code)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = None
    except KeyboardInterrupt:
        code = 130
    return code


def _lines(options: argparse.Namespace) -> Iterator[Line]:
    try:
        yield from options.run(options)
    except GraysplitError as error:
        yield Line(str(error), FAILED)


def _print(line: Line) -> None:
    stream = sys.stderr if line.code == FAILED else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a case may be called anything, a terminal knows less
    stream.write(f"{visible(line.text)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="graysplit", description=pytest_graysplit.__doc__, epilog=CODES)
    parser.add_argument("--version", action="version", version=f"graysplit {pytest_graysplit.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    recordings.add_commands(
        commands.add_parser("recordings", help="tidy, check or merge recorded replies", epilog=CODES)
    )
    case_commands.add_commands(
        commands.add_parser("cases", help="make case files of traffic or of promptfoo's", epilog=CODES)
    )
    traffic_commands.add_grade(
        commands.add_parser("grade", help="grade live traffic by its log", epilog=traffic_commands.GRADE_CODES)
    )
    traffic_commands.add_dashboard(commands.add_parser("dashboard", help="show live traffic on a page, by its log"))
    judge_commands.add_commands(
        commands.add_parser("judge", help="hold a judge against labels of people", epilog=CODES)
    )
    return parser
