"""The calls of all entries, each read in the form that it has, and counts of those that cannot become a case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.display import plural
from pytest_graysplit.traffic.case_export.from_logs import langfuse_log, langsmith_log, litellm_log, openai_log
from pytest_graysplit.traffic.case_export.from_logs.call import LeftOutError
from pytest_graysplit.traffic.case_export.from_logs.entries import entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from pytest_graysplit.traffic.case_export.from_logs.call import LoggedCall
    from pytest_graysplit.traffic.case_export.from_logs.entries import Entry

# In the order in which an entry is compared with them: the form of OpenAI has the fewest marks of its own.
_FORMATS: dict[str, ModuleType] = {
    module.NAME: module for module in (litellm_log, langsmith_log, langfuse_log, openai_log)
}
FORMATS = tuple(_FORMATS)
UNKNOWN = "in no known format"


class Tally(NamedTuple):
    """A number of entries, and the place of the first."""

    number: int
    first: str


@dataclass(slots=True)
class ReadCounts:
    """Counts of entries: `entries` in all, those that were understood by format, and those left out by reason."""

    entries: int = 0
    understood: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Tally] = field(default_factory=dict)

    def leave_out(self, reason: str, where: str) -> None:
        """Count an entry that cannot become a case."""
        known = self.left_out.get(reason, Tally(0, where))
        self.left_out[reason] = Tally(known.number + 1, known.first)

    def names(self) -> list[str]:
        """Return the understood formats with their counts."""
        return [plural(count, *_FORMATS[name].NOUN) for name, count in self.understood.most_common()]


def calls_of(paths: Sequence[Path], only: str, counts: ReadCounts) -> Iterator[LoggedCall]:
    """Yield the calls of all files in their order, and count the other entries; `only` is a format, or empty."""
    halves = openai_log.BatchLines()
    for entry in entries_of(paths):
        counts.entries += 1
        if whole := halves.joined(entry):
            yield from _call(whole, only, counts)
    for entry in halves.left():
        yield from _call(entry, only, counts)


def _call(entry: Entry, only: str, counts: ReadCounts) -> Iterator[LoggedCall]:
    if entry.problem:
        counts.leave_out(f"({entry.problem})", entry.where)
        return
    name = only or next((name for name, module in _FORMATS.items() if module.is_like(entry.fields)), "")
    if not name:
        counts.leave_out(UNKNOWN, entry.where)
        return
    counts.understood[name] += 1
    try:
        yield _FORMATS[name].call_of(entry)
    except LeftOutError as error:
        counts.leave_out(str(error), entry.where)
