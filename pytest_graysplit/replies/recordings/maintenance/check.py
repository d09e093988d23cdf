"""Check recording files: lines that cannot be read, and secrets that must not be there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.replies.recordings.jsonl import LineError
from pytest_graysplit.replies.recordings.recording_file import read_data, refusal, split_lines
from pytest_graysplit.replies.recordings.records import examine, odd_cost
from pytest_graysplit.replies.recordings.state_dir import relative_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from pathlib import Path

    from pytest_graysplit.types import Redactor

# Shapes that their issuers document, to find keys that are not in the settings.
SHAPES = {
    "an API key (sk-...)": r"sk-(?=[\w-]*\d)[\w-]{20,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}",
    "a GitLab token": r"glpat-[\w-]{20,}",
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
    "a Slack token": r"xox[abeoprs]-[\w-]{10,}",
    "an AWS access key": r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "a Google API key": r"AIza[\w-]{35}",
    "a JSON web token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "an Authorization header": r"[Bb]earer +(?=[\w.~+/-]*\d)[\w.~+/-]{20,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
_SHAPES = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(f"({shape})" for shape in SHAPES.values()) + ")")


def check_file(root: Path, path: Path, redact: Redactor) -> Iterator[RecordingError]:
    """Yield every problem of a file; `redact` blanks the secrets that are known by value."""
    where = relative_to(root, path)
    try:
        lines = split_lines(read_data(path, where))
    except RecordingError as error:
        yield error
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            examine(line)
            if (cost := odd_cost(line)) is not None:
                yield _unbelieved(f"{where}:{number}", cost)
        except LineError as error:
            yield refusal(f"{where}:{number}", line, error)
        if secret := _secret(line.decode(errors="replace"), redact):
            yield RecordingError(
                f"{where}:{number}: holds what looks like {secret}",
                hint="revoke it where it was issued, remove it from the test and version control, and record again",
                slug=Slug.RECORDING_SECRET,
            )


def _unbelieved(place: str, cost: Decimal) -> RecordingError:
    return RecordingError(
        f"{place}: reported_cost_usd is {cost}, which counts as an unknown cost",
        hint="delete the field; the cost is then computed from the tokens where the model has a price",
        slug=Slug.RECORDING_COST,
    )


def _secret(text: str, redact: Redactor) -> str:
    """Return the kind of secret in the text; the secret itself is never repeated."""
    if redact(text) != text:
        return "your own API key"
    found = _SHAPES.search(text)
    return list(SHAPES)[(found.lastindex or 1) - 1] if found else ""
