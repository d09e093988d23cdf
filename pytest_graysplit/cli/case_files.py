"""Parts of the commands that write case files: their arguments, the file, and lines of their output."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.files import why_not, write_whole
from pytest_graysplit.formatting.display import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def add_into(command: argparse.ArgumentParser, default: str) -> None:
    """Add the options for the file to write."""
    command.add_argument("--into", type=Path, metavar="FILE", help=f"file to write (default: {default})")
    command.add_argument("--force", action="store_true", help="replace an existing file")


def above_zero(text: str) -> int:
    """Read a whole number of 1 or more."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


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


def redacted_lines(hidden: Mapping[str, int], *, kept: bool) -> Iterator[str]:
    """Yield the redacted values by kind, or that nothing was redacted on request."""
    if kept:
        yield "redacted   nothing, as --keep-personal-data asks"
        return
    kinds = [plural(count, *_NOUNS.get(kind, (kind,))) for kind, count in sorted(hidden.items())]
    yield f"redacted   {listed(kinds) if kinds else 'nothing was found'}"
    yield "           names, passwords and postal addresses are not recognised: read the file before you share it"


def next_step(into: Path, models: Sequence[str] = (), params: Sequence[str] = ()) -> Iterator[str]:
    """Yield the command that runs the file, with the known models and parameters."""
    control, treatment, *_ = [*models, "MODEL", "MODEL"]
    if into.suffixes[-2:-1] == [".graysplit"]:
        sent = "".join(f" --graysplit-param {param}" for param in params)
        yield f"next       pytest --graysplit-control={control} --graysplit-treatment={treatment}{sent} {into}"
    else:
        yield f'next       name it in a test: @pytest.mark.graysplit(cases="{into.name}")'


def refuse_name(into: Path, endings: tuple[str, ...]) -> None:
    """Raise UsageError for a file with another ending."""
    if into.suffix.lower() not in endings:
        raise UsageError(
            f"{into}: the cases are written as {endings[0][1:].upper()}",
            hint=f"name it *.graysplit{endings[0]}, so that pytest collects it by itself",
            slug=Slug.CASE_FILE_FORMAT,
        )


def refuse_present(into: Path, *, force: bool) -> None:
    """Raise UsageError for a file that exists, unless it may be replaced."""
    if into.exists() and not force:
        raise UsageError(
            f"{into}: already exists",
            hint="--force replaces it, --into names another file",
            slug=Slug.CASE_FILE_EXISTS,
        )


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
