"""`graysplit cases import`: a promptfoo suite or logs of other tools become a case file."""

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
from pytest_graysplit.cli.recordings import FAILED, FOUND, Line, add_command
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import listed, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_graysplit.traffic.case_export.from_logs import LogImport

PROMPTFOO = "promptfoo"
# Also in `FORMATS` of the reader, which is imported only when it is needed.
_FORMATS = (PROMPTFOO, "openai", "litellm", "langfuse", "langsmith")
_PROGRAMS = (".js", ".cjs", ".mjs", ".ts", ".py")


def add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `import`; it sets `run`, which yields lines."""
    command = add_command(commands, "import", "make a case file from a promptfoo suite, or from logs of other tools")
    command.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="promptfooconfig.yaml or its folder; or logs: requests and answers of OpenAI (JSON lines, batch files), "
        "spend logs of LiteLLM, exports of Langfuse or LangSmith",
    )
    command.add_argument("--format", choices=_FORMATS, help="form of the files (default: seen from their content)")
    command.add_argument(
        "--control",
        default="",
        metavar="MODEL",
        help="model whose logged answers are recorded (default: the most frequent)",
    )
    command.add_argument(
        "--sample", type=above_zero, default=200, metavar="N", help="number of cases of a log (default: 200)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the sample (default: 0)")
    command.add_argument(
        "--keep-personal-data", action="store_true", help="do not redact personal data in the texts of a log"
    )
    add_into(command, "named after the first file, such as promptfoo.graysplit.yaml")
    command.set_defaults(run=run_import)


def run_import(options: argparse.Namespace) -> Iterator[Line]:
    """Make a case file; anything that could not be converted makes the exit code 1."""
    first: Path = options.files[0]
    if options.format != PROMPTFOO and (options.format or not _is_suite(first)):
        yield from _run_logs(options)
    elif len(options.files) > 1:
        raise UsageError(
            f"{options.files[1]}: a second file beside a promptfoo suite",
            hint="import one suite at a time",
            slug=Slug.PROMPTFOO_FILE,
        )
    else:
        yield from _run_suite(first / "promptfooconfig.yaml" if first.is_dir() else first, options)


def _is_suite(path: Path) -> bool:
    ending = path.suffix.lower()
    if path.is_dir() or ending in (".yaml", ".yml", *_PROGRAMS):
        return True
    if ending != ".json":
        return False
    from pytest_graysplit.cases.promptfoo import is_suite

    return is_suite(path)


def _run_suite(config: Path, options: argparse.Namespace) -> Iterator[Line]:
    # Only this command needs YAML.
    from pytest_graysplit.cases.files.to_yaml import document
    from pytest_graysplit.cases.promptfoo import convert

    into = options.into or Path(f"{config.name.partition('.')[0].removesuffix('config')}.graysplit.yaml")
    refuse_name(into, (".yaml", ".yml"))
    refuse_present(into, force=options.force)
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


def _run_logs(options: argparse.Namespace) -> Iterator[Line]:
    from pytest_graysplit.traffic.case_export.from_logs import LogOptions, import_logs

    into = options.into or Path(f"{options.files[0].name.partition('.')[0] or 'log'}.graysplit.jsonl")
    refuse_name(into, (".jsonl",))
    refuse_present(into, force=options.force)
    selection = LogOptions(
        size=options.sample,
        seed=options.seed,
        control=options.control,
        format=options.format or "",
        personal_data=options.keep_personal_data,
    )
    made = import_logs(options.files, selection)
    yield from _counts(made)
    if not made.rows:
        yield Line(
            f"no case was written: no entry of {listed([str(file) for file in options.files])} can be a case", FAILED
        )
        return
    yield from _recorded(made, into)
    write(into, (f"{json.dumps(row, ensure_ascii=False)}\n" for row in made.rows))
    yield Line(f"written    {plural(len(made.rows), 'case')} to {into}")
    yield from map(Line, redacted_lines(made.hidden, kept=options.keep_personal_data))
    yield from map(Line, _notes(made))
    yield from map(Line, next_step(into, [made.control]))


def _counts(made: LogImport) -> Iterator[Line]:
    from pytest_graysplit.traffic.case_export.from_logs.calls import UNKNOWN

    yield Line(f"read       {plural(made.counts.entries, 'entry', 'entries')}")
    if made.counts.understood:
        yield Line(f"understood {listed(made.counts.names())}")
    for reason, (number, first) in sorted(made.counts.left_out.items()):
        code = FOUND if reason == UNKNOWN or reason.startswith("(") else 0
        yield Line(f"left out   {number:,} {reason}, the first at {first}", code)
    if made.rows:
        yield Line(f"control    {made.control}: {plural(made.distinct + made.repeats, 'call')}")
        yield Line(f"prompts    {made.distinct:,}, and {plural(made.repeats, 'repeat')} of them")


def _recorded(made: LogImport, into: Path) -> Iterator[Line]:
    from pytest_graysplit.replies.recordings.maintenance.discover import project_root
    from pytest_graysplit.traffic.case_export.from_logs.recorded import record

    if into.suffixes[-2:-1] != [".graysplit"]:
        yield Line(
            "recorded   nothing: the answers need a case file named *.graysplit.jsonl, which pytest runs by itself"
        )
        return
    if made.lines:
        path = record(project_root(into.absolute().parent), into, made.lines)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        yield Line(f"recorded   {plural(made.recorded, 'answer')} of {made.control} in {shown}")
    for reason, (number, first) in made.unrecorded.items():
        yield Line(f"           {plural(number, 'case')} {reason}: a run asks again, the first from {first}")


def _notes(made: LogImport) -> Iterator[str]:
    if made.unknown_params:
        told = plural(made.unknown_params, "case")
        yield f"note       {told} without the parameters of the request: a verdict on their recorded answers holds"
    yield "note       no case has an expect yet: say what a right answer shows, or use --graysplit-min-similarity"
