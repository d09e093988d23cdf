"""The command `graysplit`: commands for recordings, case files, suites, live traffic and judges."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

import pytest_graysplit
from pytest_graysplit.cli import cases as case_commands
from pytest_graysplit.cli import judge as judge_commands
from pytest_graysplit.cli import recordings
from pytest_graysplit.cli import suite as suite_commands
from pytest_graysplit.cli import traffic as traffic_commands
from pytest_graysplit.cli.recordings import FAILED, Line, add_command
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DESCRIPTION = (
    "Tidy recordings, make case files, check a suite, grade live traffic, calibrate a judge. Tests run with pytest."
)
CODES = "exit codes: 0 done, no findings; 1 findings; 2 error"
GRADE_HAS_OTHERS = "(`grade` has its own: see graysplit grade --help)"
# The codes of a terminal for the styles of a summary.
_STYLES = {"bold": 1, "red": 31, "green": 32, "yellow": 33}
PYTEST_ARGUMENTS = "Arguments after `--` go to pytest, which collects the tests."


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
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
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
        stream.reconfigure(errors="backslashreplace")  # an id may hold characters that the terminal lacks
    stream.write(f"{_styled(line, stream) if line.pieces else visible(line.text)}\n")


def _styled(line: Line, stream: TextIO) -> str:
    """Return a line in colours if the stream shows any."""
    if not _shows_colours(stream):
        return visible(line.text)
    return "".join(
        f"\x1b[{_STYLES[piece.style]}m{visible(piece.text)}\x1b[0m" if piece.style else visible(piece.text)
        for piece in line.pieces
    )


def _shows_colours(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal with colours; NO_COLOR and FORCE_COLOR decide as for pytest."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="graysplit", description=DESCRIPTION, epilog=f"{CODES} {GRADE_HAS_OTHERS}")
    parser.add_argument("--version", action="version", version=f"graysplit {pytest_graysplit.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    recordings.add_commands(
        add_command(commands, "recordings", "tidy, check or merge recorded replies", f"{CODES}. {PYTEST_ARGUMENTS}")
    )
    case_commands.add_commands(
        add_command(commands, "cases", "make a case file from traffic logs or from a promptfoo suite", CODES)
    )
    traffic_commands.add_grade(
        add_command(commands, "grade", "grade the live traffic of a log", traffic_commands.GRADE_CODES)
    )
    traffic_commands.add_dashboard(add_command(commands, "dashboard", "show the live traffic of a log on a web page"))
    judge_commands.add_commands(
        add_command(commands, "judge", "measure how well a judge agrees with labels of people", CODES)
    )
    suite_commands.add_commands(
        add_command(commands, "suite", "tell whether a suite would notice wrong answers", suite_commands.CHECK_CODES)
    )
    command = add_command(commands, "schema", "print the JSON Schema of the report of --graysplit-json")
    command.set_defaults(run=_schema)
    return parser


def _schema(_: argparse.Namespace) -> Iterator[Line]:
    from pytest_graysplit.reporting.json_report import SCHEMA

    yield Line(SCHEMA.read_text(encoding="utf-8").rstrip("\n"))
