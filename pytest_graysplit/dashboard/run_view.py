"""What a live page may know of a run, taken at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from pytest_graysplit.config import Settings
    from pytest_graysplit.results import Results
    from pytest_graysplit.runner import Fetched
    from pytest_graysplit.verdict import Stop, Verdict

    CaseKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """What a run knows at one moment, in values that do not change any more.

    `planned` are the node ids of the tests that will run, each with its case, and `finished` those that have ended;
    `planned` and `fetched` are None where other processes know them. `verdicts` are None while the run goes on, and
    `complete` is an ended run that saw every case.
    """

    results: Results
    settings: Settings
    started: datetime
    reports: int = 0
    planned: Mapping[str, CaseKey] | None = None
    finished: Collection[str] = ()
    fetched: Fetched | None = None
    stops: Mapping[str, Stop]
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] | None = None
    complete: bool = False

    @property
    def mark(self) -> tuple[object, ...]:
        """What differs when there is something new to show."""
        fetched = (self.fetched.sent, self.fetched.came) if self.fetched else ()
        return self.reports, fetched, len(self.notes), self.verdicts is None

    @property
    def cases(self) -> tuple[int, int | None]:
        """How many cases have been judged, and how many will have been; None where nobody here knows.

        A case is waited for until all its tests have ended; one that none of them told of is in no rate.
        """
        judged = {row.key for row in self.results.rows}
        if self.planned is None:
            return len(judged), len(judged) if self.complete else None
        waiting = {key for nodeid, key in self.planned.items() if nodeid not in self.finished}
        return len(judged - waiting), len(judged | waiting)
