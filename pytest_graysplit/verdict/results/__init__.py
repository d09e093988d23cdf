"""What came of a run: accumulated case by case, merged over items and workers, summed up per arm."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_graysplit.types import CONTROL
from pytest_graysplit.verdict.results.cases import ArmResult, CaseResult, CaseRow
from pytest_graysplit.verdict.results.sums import ArmSummary, ComparisonSummary, hold_against, sum_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CONTROL",
    "FORMAT",
    "ArmResult",
    "ArmSummary",
    "CaseResult",
    "CaseRow",
    "ComparisonSummary",
    "Results",
]

# 1: first published shape (see docs/json.md).
FORMAT = 1


class Results:
    """Accumulates what items report; reading it gives sums that do not depend on the order of arrival."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[CaseResult, ...]] = {}

    def add(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        """Keep what one item reported; a re-run of the item replaces what it said before."""
        self._items[nodeid] = results
        self._forget_sums()

    def of(self, nodeid: str) -> tuple[CaseResult, ...]:
        """Return what an item reported, nothing where it has not."""
        return self._items.get(nodeid, ())

    def copy(self) -> Results:
        """Return the same results in a book of their own, which stays as it is while this one goes on."""
        fresh = Results()
        fresh._items = dict(self._items)
        return fresh

    def served(self, treatments: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Return each item with the treatments that it tells something of; the control alone serves all of them."""
        return [
            (nodeid, tuple(arm.arm for one in some for arm in one.arms if arm.arm != CONTROL) or tuple(treatments))
            for nodeid, some in self._items.items()
        ]

    def drop(self, nodeids: Iterable[str]) -> None:
        """Forget what the items reported."""
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
        """How many test items have reported."""
        return len(self._items)

    @property
    def unasked(self) -> int:
        """How many cases nobody could judge because the cap on the cost was used up."""
        return sum(any(arm.unasked for arm in row.arms.values()) for row in self.rows)

    @cached_property
    def rows(self) -> tuple[CaseRow, ...]:
        """All cases, sorted by file and id."""
        rows: dict[tuple[str, str, str], CaseRow] = {}
        for nodeid in sorted(self._items):
            for result in self._items[nodeid]:
                fresh = CaseRow(case=result.case, request=result.request, file=result.file, nodeid=nodeid)
                row = rows.setdefault(result.key, fresh)
                row.take(result)
        for row in rows.values():
            row.settle()
        return tuple(rows[key] for key in sorted(rows))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that have compared answers, by name."""
        return tuple(sorted({one.metric for row in self.rows for one in row.comparisons.values()}))

    def arms(self) -> tuple[ArmSummary, ...]:
        """Sum up each arm: the control first, then the treatments by name."""
        return tuple(self._summaries.values())

    @cached_property
    def _summaries(self) -> dict[str, ArmSummary]:
        names = {arm for row in self.rows for arm in row.arms}
        return {arm: sum_up(self.rows, arm) for arm in sorted(names, key=lambda arm: (arm != CONTROL, arm))}

    def comparisons(self) -> tuple[ComparisonSummary, ...]:
        """Hold each treatment against the control."""
        if CONTROL not in self._summaries:
            return ()
        control = self._summaries[CONTROL]
        return tuple(hold_against(self.rows, arm, control) for arm in self.arms() if arm.arm != CONTROL)
