"""Reports of our tests, in which an answer that pytest quotes is shown and does nothing to the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_graysplit.formatting.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

# pytest colours the differences of an assert itself; a colour that hides (8) is none of its own.
_COLOUR = re.compile(r"(\x1b\[(?:\d\d?;)*(?!8m)\d\d?m)")


def show_plainly(report: Any, *, coloured: bool) -> None:
    """Spell out, in what the report says of a failure, everything that a terminal or a CI runner would obey.

    Colours stay where pytest is writing in colour.
    """
    line = _but_for_colours if coloured else visible
    for entry in _entries(report.longrepr):
        entry.lines[:] = [line(one) for one in entry.lines]
    for crash in _crashes(report.longrepr):
        crash.message = line(crash.message)
    if isinstance(report.longrepr, str):
        report.longrepr = line(report.longrepr)
    elif isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        report.longrepr = (*report.longrepr[:2], line(str(report.longrepr[2])))


def _but_for_colours(text: str) -> str:
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(_COLOUR.split(text)))


def _entries(longrepr: Any) -> Iterator[Any]:
    for traceback, *_ in _chain(longrepr):
        yield from (entry for entry in traceback.reprentries if hasattr(entry, "lines"))


def _crashes(longrepr: Any) -> Iterator[Any]:
    crashes = [crash for _, crash, *_ in _chain(longrepr)] + [getattr(longrepr, "reprcrash", None)]
    yield from {id(crash): crash for crash in crashes if crash is not None}.values()


def _chain(longrepr: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the parts of a failure, the cause of an exception before it; none where it is only a text."""
    if hasattr(longrepr, "chain"):
        yield from longrepr.chain
    elif hasattr(longrepr, "reprtraceback"):
        yield longrepr.reprtraceback, longrepr.reprcrash
