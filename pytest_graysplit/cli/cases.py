"""The commands of `graysplit cases`: their arguments and their output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.cli.case_files import (
    above_zero,
    add_into,
    next_step,
    redacted_lines,
    refuse_name,
    refuse_present,
    write,
)
from pytest_graysplit.cli.case_import import add_import
from pytest_graysplit.cli.recordings import FAILED, Line, add_command
from pytest_graysplit.formatting.display import listed, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_graysplit.traffic.case_export.export import CaseExport
    from pytest_graysplit.traffic.case_export.sampling import StratumSample


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands `from-traffic` and `import`; each sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = add_command(commands, "from-traffic", "make a case file from the requests of users in a traffic log")
    command.add_argument(
        "logs", nargs="+", type=Path, metavar="LOG", help="traffic log, or a folder of logs; rotated files are read too"
    )
    command.add_argument("--sample", type=above_zero, default=200, metavar="N", help="number of cases (default: 200)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the sample (default: 0)")
    command.add_argument("--params", action="store_true", help="also write the request parameters")
    command.add_argument("--include-forced", action="store_true", help="also take requests whose arm was forced")
    command.add_argument("--keep-personal-data", action="store_true", help="do not redact personal data in the texts")
    add_into(command, "named after the log, such as traffic.graysplit.jsonl")
    command.set_defaults(run=run_from_traffic)

    add_import(commands)


def run_from_traffic(options: argparse.Namespace) -> Iterator[Line]:
    """Make a case file from the given logs."""
    from pytest_graysplit.traffic.case_export.export import ExportOptions, export_cases
    from pytest_graysplit.traffic.log.files import log_files
    from pytest_graysplit.traffic.log.gaps import LogGaps
    from pytest_graysplit.traffic.log.reader import OpenedLogs

    into = options.into or Path(f"{options.logs[0].name.partition('.')[0] or 'traffic'}.graysplit.jsonl")
    refuse_name(into, (".jsonl",))
    refuse_present(into, force=options.force)
    selection = ExportOptions(
        size=options.sample,
        seed=options.seed,
        personal_data=options.keep_personal_data,
        params=options.params,
        forced=options.include_forced,
    )
    gaps = LogGaps()
    with OpenedLogs(log_files(options.logs, gaps), gaps) as logs:
        export = export_cases(logs, selection)
    yield from (Line(f"skipped    {text}") for text in gaps.skipped())
    yield from map(Line, _counts(export))
    if not export.rows:
        yield Line(
            f"no case was written: no request in {listed([str(log) for log in options.logs])} can be a case", FAILED
        )
        return
    write(into, (f"{json.dumps(row, ensure_ascii=False)}\n" for row in export.rows))
    yield from map(Line, _written(export, into, kept=options.keep_personal_data))


def _counts(export: CaseExport) -> Iterator[str]:
    yield f"read       {plural(export.requests, 'request')}"
    for reason, count in sorted(export.left_out.items()):
        yield f"left out   {count:,} {reason}"
    yield f"prompts    {export.distinct:,}, and {plural(export.repeats, 'repeat')} of them"
    if export.sample.strata:
        yield "strata     prompts  requests  cases"
        yield from map(_row, export.sample.strata)


def _row(row: StratumSample) -> str:
    return f"           {row.prompts:>7,}  {row.requests:>8,}  {row.taken:>5,}  {', '.join(row.stratum)}"


def _written(export: CaseExport, into: Path, *, kept: bool) -> Iterator[str]:
    yield f"written    {plural(len(export.rows), 'case')} to {into}"
    yield from redacted_lines(export.hidden, kept=kept)
    if export.with_tools:
        told = plural(export.with_tools, "case")
        yield f"note       {told} had tools or a response format in the request: --params writes them"
    yield from next_step(into, export.models)
