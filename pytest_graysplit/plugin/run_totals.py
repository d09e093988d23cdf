"""Results of a run, with the counts and notes that the summary adds to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_graysplit.replies.budget import BudgetUsage
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE, JudgeStanding
from pytest_graysplit.verdict.results import Results

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.verdict import StopReason


@dataclass(slots=True)
class RunTotals:
    """The results of a run, its counts of tests, its early stops, its notes and its spending.

    `planned` counts the marked tests that will run. `skipped` counts those that an early stop skips, and `late` those
    that ran after the deciding case. `unmarked` holds the node ids of tests that have results without a marker.
    `judge` is the standing of the judge, known at the end of a run with rubrics.
    """

    results: Results = field(default_factory=Results)
    stops: Mapping[str, StopReason] = field(default_factory=dict)
    planned: int = 0
    deselected: int = 0
    crashed: int = 0
    skipped: int = 0
    late: int = 0
    uncollected: int = 0
    unmarked: set[str] = field(default_factory=set)
    interrupted: bool = False
    stopped: bool = False
    by_nodeid: bool = False
    failure: str | None = None
    spent_here: BudgetUsage | None = None
    spent_elsewhere: list[BudgetUsage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    judge: JudgeStanding = UNKNOWN_JUDGE

    def add_worker(self, worker: dict[str, Any]) -> None:
        """Add the totals of an xdist worker; every worker collects, and so counts, the same items."""
        self.planned = max(self.planned, worker["planned"])
        self.deselected = max(self.deselected, worker["deselected"])
        self.skipped += worker["skipped"]
        self.failure = self.failure or worker["failure"]
        self.notes += worker["notes"]
        if "spent" in worker:
            self.spent_elsewhere.append(BudgetUsage.from_texts(worker["spent"]))

    def stop_run(self, session: pytest.Session, error: GraysplitError) -> None:
        """End the session after this test with one message, because every other request would fail as well."""
        if self.failure is None:
            self.failure = str(error)
            session.shouldstop = f"graysplit: {error.problem}"

    def release(self) -> None:
        """Drop the results at the end of the session."""
        self.results = Results()

    @property
    def spent(self) -> BudgetUsage:
        """The spending of a run under a cap, on this machine and on others."""
        return sum(self.spent_elsewhere, self.spent_here or BudgetUsage())

    @property
    def without_result(self) -> int:
        """The number of planned tests that have no result and that no early stop has skipped."""
        unmarked = sum(bool(self.results.of(nodeid)) for nodeid in self.unmarked)
        return max(0, self.planned - (self.results.items - unmarked) - self.skipped - self.late)

    def complete(self) -> bool:
        """Tell whether every case of the suite was judged on every arm."""
        cut = (
            self.interrupted
            or self.stopped
            or self.by_nodeid
            or self.deselected
            or self.crashed
            or self.uncollected
            or self.failure
        )
        judged = all(arm.judged for row in self.results.rows for arm in row.arms.values())
        return judged and not cut and not self.skipped and not self.late and not self.without_result
