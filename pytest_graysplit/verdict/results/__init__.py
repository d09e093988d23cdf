"""Results of a run, merged across items and workers and summarised per arm."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_graysplit.types import CONTROL
from pytest_graysplit.verdict.results.app_facts import AppFacts, OtherCalls
from pytest_graysplit.verdict.results.cases import WITHOUT_VERDICT, ArmResult, CaseResult, CaseRow
from pytest_graysplit.verdict.results.sums import ArmSummary, ComparisonSummary, compare_sums, is_aa_run, sum_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CONTROL",
    "FORMAT",
    "WITHOUT_VERDICT",
    "AppFacts",
    "ArmResult",
    "ArmSummary",
    "CaseResult",
    "CaseRow",
    "ComparisonSummary",
    "OtherCalls",
    "Results",
    "is_aa_run",
]

# 1: first published shape (see docs/json.md).
FORMAT = 1


class Results:
    """The reports of all items; sums do not depend on the order of arrival."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[CaseResult, ...]] = {}

    def add(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        """Store the results of one item; a re-run of the item replaces them."""
        self._items[nodeid] = results
        self._forget_sums()

    def of(self, nodeid: str) -> tuple[CaseResult, ...]:
        """Return the results of an item, empty if it has not reported."""
        return self._items.get(nodeid, ())

    def copy(self) -> Results:
        """Return an independent copy that does not change while the run continues."""
        fresh = Results()
        fresh._items = dict(self._items)
        return fresh

    def served(self, treatments: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Return each item with the treatments that it is about; an item of the control alone is about all of them."""
        return [
            (nodeid, tuple(arm.arm for one in some for arm in one.arms if arm.arm != CONTROL) or tuple(treatments))
            for nodeid, some in self._items.items()
        ]

    def drop(self, nodeids: Iterable[str]) -> None:
        """Remove the results of the items."""
        for nodeid in nodeids:
            del self._items[nodeid]
        self._forget_sums()

    def _forget_sums(self) -> None:
        for name in ("rows", "_summaries"):
            self.__dict__.pop(name, None)

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def items(self) -> int:
        """The number of test items that have reported."""
        return len(self._items)

    @property
    def unasked(self) -> int:
        """The number of cases without a judgement because the cost cap was reached."""
        return sum(any(arm.unasked for arm in row.arms.values()) for row in self.rows)

    @cached_property
    def rows(self) -> tuple[CaseRow, ...]:
        """All cases, sorted by file and id."""
        rows: dict[tuple[str, str, str], CaseRow] = {}
        for nodeid in sorted(self._items):
            for result in self._items[nodeid]:
                fresh = CaseRow(case=result.case, request=result.request_hash, file=result.file, nodeid=nodeid)
                row = rows.setdefault(result.key, fresh)
                row.add(result)
        for row in rows.values():
            row.settle()
        return tuple(rows[key] for key in sorted(rows))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that have compared answers, by name."""
        return tuple(sorted({one.metric for row in self.rows for one in row.comparisons.values()}))

    def arms(self) -> tuple[ArmSummary, ...]:
        """Summarise each arm: the control first, then the treatments by name."""
        return tuple(self._summaries.values())

    @cached_property
    def _summaries(self) -> dict[str, ArmSummary]:
        names = {arm for row in self.rows for arm in row.arms}
        return {arm: sum_up(self.rows, arm) for arm in sorted(names, key=lambda arm: (arm != CONTROL, arm))}

    def comparisons(self) -> tuple[ComparisonSummary, ...]:
        """Compare each treatment with the control."""
        if CONTROL not in self._summaries:
            return ()
        control = self._summaries[CONTROL]
        return tuple(compare_sums(self.rows, arm, control) for arm in self.arms() if arm.arm != CONTROL)
