"""The JSON report for scripts in CI and for other reports; its keys are stable, and `format` counts their changes.

`report.schema.json` beside this module describes every key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import try_writing, why_not, write_whole
from pytest_graysplit.formatting.escaping import visible_json
from pytest_graysplit.replies.fingerprint import redact_json, unchanged
from pytest_graysplit.reporting.json_report.case_json import case_json
from pytest_graysplit.reporting.json_report.run_json import Run
from pytest_graysplit.reporting.json_report.sums_json import UNKNOWN_ARM, arm_json, comparison_json
from pytest_graysplit.verdict.results import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.types import Json, Redactor
    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import Results

__all__ = ["SCHEMA", "Run", "chunks", "require_writable", "write_text"]

SCHEMA = Path(__file__).with_name("report.schema.json")


def chunks(
    results: Results,
    verdicts: Sequence[Verdict],
    run: Run,
    redact: Redactor = unchanged,
    configured: Mapping[str, Mapping[str, Json]] = MappingProxyType({}),
) -> Iterator[str]:
    """Yield the report as text, each entry of a list apart; `verdicts` has one for each treatment.

    No piece is longer than the text of one case, one arm, one comparison or the run. `redact` is applied to every
    text, also to ids of tests, which may repeat a prompt. `configured` has the configuration of each arm.
    """
    decided = {verdict.treatment: verdict for verdict in verdicts}
    sections: dict[str, object] = {
        "format": FORMAT,
        "run": run,
        "arms": (arm_json(arm, configured.get(arm.arm, UNKNOWN_ARM)) for arm in results.arms()),
        "comparisons": (comparison_json(one, decided[one.treatment]) for one in results.comparisons()),
        "cases": (case_json(row) for row in results.rows),
    }
    before = "{"
    for name, value in sections.items():
        yield f'{before}\n "{name}": '
        yield from _entries(value, redact) if isinstance(value, Iterator) else [_text(value, 1, redact)]
        before = ","
    yield "\n}\n"


def _entries(values: Iterator[object], redact: Redactor) -> Iterator[str]:
    before = "["
    for value in values:
        yield f"{before}\n  {_text(value, 2, redact)}"
        before = ","
    yield "[]" if before == "[" else "\n ]"


def _text(value: Any, level: int, redact: Redactor) -> str:
    """Return a value as JSON, indented as a part of a larger value and without secrets."""
    text = _indented(value)
    if redact(text) != text:  # searching the text is faster than a walk through its parts
        text = _indented(redact_json(value, redact, names=False))
    # Escape control characters: the parsed text is unchanged, and a terminal that prints the file is safe. Most lines
    # need no escapes, and a text of a model is one line.
    return f"\n{' ' * level}".join(map(visible_json, text.split("\n")))


def _indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write the whole text or nothing; raise UsageError if the file cannot be written."""
    try:
        write_whole(path, pieces)
    except OSError as error:
        raise UsageError(
            f"the report {path} cannot be written: {why_not(path, error)}",
            hint="name a file in a folder that can be written to; the run itself and its recordings are complete",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None


def require_writable(path: Path) -> None:
    """Raise UsageError before anything is sent if the report could not be written at the end."""
    try:
        try_writing(path)
    except (OSError, ValueError) as error:  # a NUL in the path does not raise an OSError
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"the report {path} cannot be written: {why or error}",
            hint="nothing was sent; name a file in a folder that can be written to with --graysplit-json=FILE",
            slug=Slug.REPORT_UNWRITABLE,
        ) from None
