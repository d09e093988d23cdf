"""The commands of `graysplit cases`: their arguments and their output."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cli.recordings import FAILED, FOUND, Line, add_command
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import why_not, write_whole
from pytest_graysplit.formatting.display import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_graysplit.traffic.case_export.export import CaseExport
    from pytest_graysplit.traffic.case_export.sampling import StratumSample


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands `from-traffic` and `import`; each sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = add_command(commands, "from-traffic", "make a case file from the requests of users in a traffic log")
    command.add_argument(
        "logs", nargs="+", type=Path, metavar="LOG", help="traffic log, or a folder of logs; rotated files are read too"
    )
    command.add_argument("--sample", type=_above_zero, default=200, metavar="N", help="number of cases (default: 200)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the sample (default: 0)")
    command.add_argument("--params", action="store_true", help="also write the request parameters")
    command.add_argument("--include-forced", action="store_true", help="also take requests whose arm was forced")
    command.add_argument("--keep-personal-data", action="store_true", help="do not redact personal data in the texts")
    _add_into(command, "named after the log, such as traffic.graysplit.jsonl")
    command.set_defaults(run=run_from_traffic)

    command = add_command(commands, "import", "make a case file from a promptfoo suite")
    command.add_argument(
        "config", type=Path, metavar="promptfooconfig.yaml", help="configuration of the suite, or its folder"
    )
    _add_into(command, "named after the configuration, such as promptfoo.graysplit.yaml")
    command.set_defaults(run=run_import)


def _add_into(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--into", type=Path, metavar="FILE", help=f"file to write (default: {default})")
    command.add_argument("--force", action="store_true", help="replace an existing file")


def run_from_traffic(options: argparse.Namespace) -> Iterator[Line]:
    """Make a case file from the given logs."""
    from pytest_graysplit.traffic.case_export.export import ExportOptions, export_cases
    from pytest_graysplit.traffic.log.files import log_files
    from pytest_graysplit.traffic.log.gaps import LogGaps
    from pytest_graysplit.traffic.log.reader import OpenedLogs

    into = options.into or Path(f"{options.logs[0].name.partition('.')[0] or 'traffic'}.graysplit.jsonl")
    _refuse_name(into, (".jsonl",))
    _refuse_present(into, force=options.force)
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


def run_import(options: argparse.Namespace) -> Iterator[Line]:
    """Make a case file from a configuration; anything that could not be converted makes the exit code 1."""
    # Only this command needs YAML.
    from pytest_graysplit.cases.files.to_yaml import document
    from pytest_graysplit.cases.promptfoo import convert

    config = options.config / "promptfooconfig.yaml" if options.config.is_dir() else options.config
    into = options.into or Path(f"{config.name.partition('.')[0].removesuffix('config')}.graysplit.yaml")
    _refuse_name(into, (".yaml", ".yml"))
    _refuse_present(into, force=options.force)
    export = convert(config)
    yield Line(f"read       {plural(export.tests, 'test')} of {config}")
    yield from (Line(f"missing    {line}", FOUND) for line in export.missing)
    yield from (Line(f"note       {line}") for line in export.notes)
    if not export.rows:
        yield Line(f"no case was written: no test in {config} can be a case", FAILED)
        return
    head = [f"Made of {config.name} by graysplit cases import; edit it here from now on."]
    write(into, document(export.rows, head))
    yield Line(f"written    {plural(len(export.rows), 'case')} to {into}")
    if export.providers.models:
        yield Line(f"models     {', '.join(export.providers.models)}: name them as your relay does")
    if export.providers.apart:
        yield Line(f"note       {listed(export.providers.apart)} differ by model: see models in [tool.graysplit]")
    yield from map(Line, next_step(into, export.providers.models, export.providers.params))


def write(into: Path, pieces: Iterable[str]) -> None:
    """Write a whole case file or none; raise UsageError if the place is not writable."""
    try:
        write_whole(into, pieces)
    except OSError as error:
        raise UsageError(
            f"the case file {into} cannot be written: {why_not(into, error)}",
            hint="name a file in a writable folder with --into",
            slug=Slug.CASE_FILE_UNWRITABLE,
        ) from None


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
    if kept:
        yield "redacted   nothing, as --keep-personal-data asks"
    else:
        kinds = [plural(count, *_NOUNS.get(kind, (kind,))) for kind, count in sorted(export.hidden.items())]
        yield f"redacted   {listed(kinds) if kinds else 'nothing was found'}"
        yield "           names, passwords and postal addresses are not recognised: read the file before you share it"
    if export.with_tools:
        told = plural(export.with_tools, "case")
        yield f"note       {told} had tools or a response format in the request: --params writes them"
    yield from next_step(into, export.models)


def next_step(into: Path, models: Sequence[str] = (), params: Sequence[str] = ()) -> Iterator[str]:
    """Yield the command that runs the file, with the known models and parameters."""
    control, treatment, *_ = [*models, "MODEL", "MODEL"]
    if into.suffixes[-2:-1] == [".graysplit"]:
        sent = "".join(f" --graysplit-param {param}" for param in params)
        yield f"next       pytest --graysplit-control={control} --graysplit-treatment={treatment}{sent} {into}"
    else:
        yield f'next       name it in a test: @pytest.mark.graysplit(cases="{into.name}")'


def _refuse_name(into: Path, endings: tuple[str, ...]) -> None:
    if into.suffix.lower() not in endings:
        raise UsageError(
            f"{into}: the cases are written as {endings[0][1:].upper()}",
            hint=f"name it *.graysplit{endings[0]}, so that pytest collects it by itself",
            slug=Slug.CASE_FILE_FORMAT,
        )


def _refuse_present(into: Path, *, force: bool) -> None:
    if into.exists() and not force:
        raise UsageError(
            f"{into}: already exists",
            hint="--force replaces it, --into names another file",
            slug=Slug.CASE_FILE_EXISTS,
        )


def _above_zero(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


_NOUNS: dict[str, tuple[Any, ...]] = {
    "card": ("card number",),
    "email": ("e-mail address", "e-mail addresses"),
    "iban": ("IBAN",),
    "id": ("UUID",),
    "ip": ("IP address", "IP addresses"),
    "key": ("key or token", "keys and tokens"),
    "login": ("login in an address", "logins in addresses"),
    "number": ("long number",),
    "person": ("name of a speaker", "names of speakers"),
    "phone": ("phone number",),
}
