"""The lines that are missing from a log: those that could not be written, and those that could not be read."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit.formatting.display import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

Gap = Literal["incomplete", "foreign", "newer", "undeclared", "invalid", "doubled", "lost", "cut", "packed", "other"]

_TEXTS: dict[Gap, tuple[str, str]] = {
    "incomplete": ("line is incomplete, as a kill leaves it", "lines are incomplete, as kills leave them"),
    "foreign": ("line is not a line of a traffic log", "lines are not lines of a traffic log"),
    "newer": ("line is of a newer version", "lines are of a newer version"),
    "undeclared": ("line belongs to a split that no line declares", "lines belong to splits that no line declares"),
    "invalid": ("line has an impossible value", "lines have impossible values"),
    "doubled": ("line is there twice and counts once", "lines are there twice and count once"),
    "lost": ("line could not be written by the application", "lines could not be written by the application"),
    "cut": ("compressed file is incomplete", "compressed files are incomplete"),
    "other": ("file is not a traffic log and was left out", "files are not traffic logs and were left out"),
    "packed": ("file is compressed in a way that cannot be read", "files are compressed in a way that cannot be read"),
}  # fmt: skip
# A part of a file is missing, so the number of missing lines is unknown.
_UNKNOWN: tuple[Gap, ...] = ("cut", "packed")
# Nothing is missing.
_HARMLESS: tuple[Gap, ...] = ("doubled", "other")


class FirstGap(NamedTuple):
    """The first place with a gap of one kind, such as `traffic.jsonl:14`, and the problem there."""

    where: str
    problem: str


class LogGaps:
    """Counts of missing lines, safe under threads: `lost` by the writers of this process, `counts` by the reader.

    `first` is the first place of each kind. A doubled line is counted and is not missing.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.counts: Counter[Gap] = Counter()
        self.first: dict[Gap, FirstGap] = {}
        self._lock = Lock()

    def lose(self, lines: int) -> None:
        """Count lines that could not be written."""
        with self._lock:
            self.lost += lines

    def restart(self) -> None:
        """Count no lost lines yet, in the child process after a fork."""
        self._lock = Lock()
        self.lost = 0

    def add(self, kind: Gap, where: str, problem: str = "", *, lines: int = 1) -> None:
        """Count lines or files that could not be read."""
        with self._lock:
            self.counts[kind] += lines
            self.first.setdefault(kind, FirstGap(where, problem))

    @property
    def missing(self) -> int:
        """The number of lines that a reader does not have; more may be missing if `unknown`."""
        return sum(number for kind, number in self.counts.items() if kind not in _HARMLESS and kind not in _UNKNOWN)

    @property
    def unknown(self) -> bool:
        """Whether a part of a file could not be read, so that the number of missing lines is unknown."""
        return any(self.counts[kind] for kind in _UNKNOWN)

    def copy(self) -> LogGaps:
        """Return the counts of this moment."""
        taken = LogGaps()
        with self._lock:
            taken.lost, taken.counts, taken.first = self.lost, self.counts.copy(), self.first.copy()
        return taken

    def skipped(self) -> Iterator[str]:
        """Yield one sentence per kind of line that could not be read, with the first place."""
        for kind, (one, many) in _TEXTS.items():
            if number := self.counts[kind]:
                where, problem = self.first[kind]
                told = f"1 {one}: {where}" if number == 1 else f"{number:,} {many}; the first is {where}"
                yield f"{told} ({problem})" if problem else told

    def texts(self) -> Iterator[str]:
        """Yield the same, and the number of lines that could not be written."""
        yield from self.skipped()
        if self.lost:
            yield f"{plural(self.lost, 'line')} could not be written to the log"
