"""Early stopping: cases are looked at in the seeded order, whatever order they arrive in, until enough is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.results import CONTROL, Results
from pytest_graysplit.verdict.evidence import HARM_EVIDENCE, PROMISE_EVIDENCE
from pytest_graysplit.verdict.facts import Stop
from pytest_graysplit.verdict.pairs import pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.results import CaseResult


@dataclass(slots=True)
class Wealth:
    """What betting against "no harm", and where wanted against "no promise", has made of 1 for one treatment."""

    harm: stats.EProcess
    promise: stats.EProcess | None
    seen: int = 0

    def add(self, difference: float) -> Stop | None:
        """Take in one case, and return the stop that it gives reason for."""
        self.seen += 1
        if self.harm.add(difference) >= HARM_EVIDENCE:
            return Stop(side="harm", after=self.seen)
        if self.promise is not None and self.promise.add(difference) >= PROMISE_EVIDENCE:
            return Stop(side="promote", after=self.seen)
        return None


class EarlyStop:
    """Follows the items of a run, whose node ids in their seeded order are given before the first result.

    Items of one case stand next to each other. What an item reports waits until all before it have reported: a slow
    answer must not be looked at later than its turn because it is slow.
    """

    def __init__(self, *, margin: float, promote: bool, order: Sequence[str] = ()) -> None:
        self._margin = margin
        self._promote = promote
        self._places: dict[str, int] = {}
        self._order: Sequence[str] = ()
        self._at = 0
        self._reported: dict[str, tuple[CaseResult, ...]] = {}
        self._case: dict[str, tuple[CaseResult, ...]] = {}
        self._wealth: dict[str, Wealth] = {}
        self._last: dict[str, int] = {}
        self.stops: dict[str, Stop] = {}
        self.follow(order)

    def follow(self, order: Sequence[str]) -> None:
        """Take the node ids in the order in which their cases are to be looked at."""
        self._order = order
        self._places = {nodeid: place for place, nodeid in enumerate(order)}

    def report(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        """Take in what an item reported, nothing where it was skipped, and everything that waited for it."""
        self._reported[nodeid] = results
        while self._at < len(self._order) and self._order[self._at] in self._reported:
            nodeid = self._order[self._at]
            self._open(nodeid, self._reported.pop(nodeid))
            self._at += 1
        if self._at == len(self._order):
            self._close()

    def counts(self, nodeid: str, treatments: Iterable[str]) -> bool:
        """Tell whether an item's result is evidence for a treatment it serves: not what came after the last case."""
        place = self._places.get(nodeid, -1)
        return any(place <= self._last.get(treatment, place) for treatment in treatments)

    def _open(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        known = {result.key for some in self._case.values() for result in some}
        if results and known and known.isdisjoint(result.key for result in results):
            self._close()
        if results:
            self._case[nodeid] = results

    def _close(self) -> None:
        """Judge the case whose last item has reported."""
        case = Results()
        for nodeid, results in self._case.items():
            case.add(nodeid, results)
        last = max((self._places[nodeid] for nodeid in self._case), default=-1)
        self._case.clear()
        for one in case.arms():
            pairs = pairs_of(case, one.arm) if one.arm != CONTROL else ()
            for pair in (pair for pair in pairs if pair.is_evidence):
                self._bet(one.arm, pair.difference, last)

    def _bet(self, treatment: str, difference: float, place: int) -> None:
        if treatment in self.stops:
            return
        if treatment not in self._wealth:
            promise = stats.EProcess(self._margin, "promote") if self._promote else None
            self._wealth[treatment] = Wealth(stats.EProcess(self._margin, "harm"), promise)
        if (stop := self._wealth[treatment].add(difference)) is not None:
            self.stops[treatment] = stop
            self._last[treatment] = place
