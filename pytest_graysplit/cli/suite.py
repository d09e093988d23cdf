"""`graysplit suite check`: its options, the pytest session that it starts, and its output."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cli.recordings import DONE, FOUND, Line, add_command
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import exact_number, format_score, listed, plural
from pytest_graysplit.formatting.escaping import visible_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.evaluation.mutations.findings import SuiteFindings

CHECK_CODES = "exit codes: 0 done; 1 fewer wrong answers were caught than --min-caught asks; 2 nothing could be checked"
PLUGIN, OPTION = "pytest_graysplit.plugin.suite_check", "--graysplit-suite-check"
AFTER_DASHES = "graysplit suite check tests/ -- --graysplit-control=MODEL"


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the command `check` to the parser; it sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = add_command(
        commands,
        "check",
        "try wrong answers in place of the control's recorded ones, and report which of them fail a case",
        f"{CHECK_CODES}. Arguments after `--` go to pytest, which runs the tests.",
    )
    command.add_argument(
        "paths", nargs="*", metavar="PATH", help="test file, case file, folder or node id (default: as pytest)"
    )
    command.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="only cases that match, as with pytest -k")
    command.add_argument("-v", "--verbose", action="store_true", help="show every wrong answer that was missed")
    command.add_argument(
        "--min-caught", type=_share, metavar="X", help="exit with code 1 if a smaller share is caught, from 0 to 1"
    )
    command.add_argument(
        "--json", metavar="PATH", help="write the findings as JSON; - prints them in place of the text"
    )
    command.set_defaults(run=run_check)


def run_check(options: argparse.Namespace) -> Iterator[Line]:
    """Check the suite in a pytest session of its own."""
    keyword = [] if options.keyword is None else ["-k", options.keyword]
    with tempfile.TemporaryDirectory() as folder:
        session = _Session([*options.paths, *keyword, *options.pytest_args], Path(folder, "findings.json"))
        # Imported while pytest runs, because the other commands do not need them.
        from pytest_graysplit.reporting.json_report import write_text
        from pytest_graysplit.reporting.suite_report import suite_lines
        from pytest_graysplit.reporting.suite_report.counts import caught_share
        from pytest_graysplit.reporting.suite_report.suite_json import findings_json

        found = session.findings()
    _require_checked(found)
    text = json.dumps(findings_json(found), ensure_ascii=False, indent=1, allow_nan=False)
    if options.json not in (None, "-"):
        write_text(Path(options.json), [text, "\n"])
    share, least = caught_share(found).estimate, options.min_caught or 0.0
    if options.json == "-":
        yield Line(visible_json(text), FOUND if share < least else DONE)
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for line in suite_lines(found, width, verbose=options.verbose):
        yield Line("".join(piece.text for piece in line), pieces=line)
    if share < least:
        shown = format_score(share, against=least)
        yield Line(f"caught {shown} of the wrong answers, below {exact_number(least)}", FOUND)


class _Session:
    """A pytest session that writes its findings into a file."""

    def __init__(self, arguments: Sequence[str], path: Path) -> None:
        """Start pytest in the current folder."""
        # The plugin is named, because the environment may keep pytest from loading those that are installed.
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "graysplit",
            "-p",
            PLUGIN,
            f"{OPTION}={path}",
            *arguments,
        ]
        self._path = path
        self._process = subprocess.Popen(  # noqa: S603  # the arguments are the user's own, for the user's own pytest
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def findings(self) -> SuiteFindings:
        """Wait for the end of the session, and return its findings; raise UsageError if there are none."""
        from pytest_graysplit.evaluation.mutations.findings import SuiteFindings

        with self._process as process:
            output = process.communicate()[0]
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        if "error" in found:
            problem, hint, slug = found["error"]
            raise UsageError(problem, hint=hint, slug=Slug(slug))
        if not found:
            last = [line for line in output.splitlines() if line.strip()][-12:]
            raise UsageError(
                "\n  ".join([f"the suite cannot be checked: pytest ended with {process.returncode}", *last]),
                hint=f"make `pytest` collect these tests; options for pytest go after `--`: {AFTER_DASHES}",
                slug=Slug.SUITE_UNCOLLECTED,
            )
        return SuiteFindings.from_json(found)


def _require_checked(found: SuiteFindings) -> None:
    """Raise UsageError if no wrong answer was tried."""
    from pytest_graysplit.reporting.suite_report.counts import LEFT_OUT, left_out

    if found.mutants:
        return
    by_reason = left_out(found)
    reasons = [f"{plural(len(cases), 'case')}: {LEFT_OUT[state]}" for state, cases in by_reason.items()]
    first = f"record the answers of {found.control} first: pytest --graysplit-record=new; or name"
    if set(by_reason) == {"application"}:
        first = "only your code could judge other answers to an application: name"
    raise UsageError(
        f"nothing could be checked, {listed(reasons) if reasons else 'because there is no case of a treatment'}",
        hint=f"{first} the paths of the cases: {AFTER_DASHES}",
        slug=Slug.SUITE_EMPTY,
    )


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
