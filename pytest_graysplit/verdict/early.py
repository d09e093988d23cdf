"""Early stopping: follow the cases in the seeded order, independent of their arrival, until the evidence is enough.

Bets are placed on clusters, because the cases of one cluster may depend on each other. A case without a cluster is a
cluster of its own. The seeded order keeps the cases of a cluster together, so a cluster is complete when the next one
begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.verdict.evidence import HARM_EVIDENCE, PROMISE_EVIDENCE
from pytest_graysplit.verdict.pairs import pairs_of
from pytest_graysplit.verdict.results import CONTROL, Results
from pytest_graysplit.verdict.run_facts import StopReason

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pytest_graysplit.verdict.results import CaseResult


@dataclass(slots=True)
class EProcess:
    """The e-processes against "no harm" and, if promise may stop a run, against "no promise", for one treatment."""

    harm: stats.EProcess
    promise: stats.EProcess | None
    cases: int = 0

    def add(self, differences: Sequence[float], largest: int) -> StopReason | None:
        """Add the cases of one cluster, and return the reason to stop if there is one."""
        self.cases += len(differences)
        if self.harm.add_cluster(differences, largest) >= HARM_EVIDENCE:
            return StopReason(side="harm", after=self.cases)
        if self.promise is not None and self.promise.add_cluster(differences, largest) >= PROMISE_EVIDENCE:
            return StopReason(side="promote", after=self.cases)
        return None


@dataclass(slots=True)
class Cluster:
    """The cases of one cluster so far: the position of the last, and the differences by treatment."""

    name: Hashable
    last: int = -1
    differences: dict[str, list[float]] = field(default_factory=dict)


class EarlyStop:
    """A follower of the items of a run, whose node ids are given in seeded order before the first result.

    Items of one case are neighbours, and so are the cases of one cluster. The report of an item waits for all earlier
    items, so that a slow answer is counted in its place and not later.
    """

    def __init__(self, *, margin: float, promote: bool, order: Sequence[str] = (), largest: int = 1) -> None:
        self._margin = margin
        self._promote = promote
        self._places: dict[str, int] = {}
        self._order: Sequence[str] = ()
        self._largest = largest
        self._next = 0
        self._reported: dict[str, tuple[CaseResult, ...]] = {}
        self._case: dict[str, tuple[CaseResult, ...]] = {}
        self._cluster: Cluster | None = None
        self._complete: set[Hashable] = set()
        self._e_processes: dict[str, EProcess] = {}
        self._last: dict[str, int] = {}
        self.stops: dict[str, StopReason] = {}
        self.follow(order, largest)

    def follow(self, order: Sequence[str], largest: int = 1) -> None:
        """Set the node ids in the order in which cases are counted, and the size of the largest cluster.

        No bet is placed on a larger cluster.
        """
        self._order = order
        self._largest = largest
        self._places = {nodeid: place for place, nodeid in enumerate(order)}

    def report(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        """Add the report of an item, empty if it was skipped, and process every report that waited for it."""
        self._reported[nodeid] = results
        while self._next < len(self._order) and self._order[self._next] in self._reported:
            nodeid = self._order[self._next]
            self._open(nodeid, self._reported.pop(nodeid))
            self._next += 1
        if self._next == len(self._order):
            self._close()
            self._settle()

    def counts(self, nodeid: str, treatments: Iterable[str]) -> bool:
        """Tell whether an item's result is evidence for one of its treatments: not after the last counted case."""
        place = self._places.get(nodeid, -1)
        return any(place <= self._last.get(treatment, place) for treatment in treatments)

    def _open(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        if not results:
            return
        known = {result.key for some in self._case.values() for result in some}
        if known and known.isdisjoint(result.key for result in results):
            self._close()
        name = results[0].case.cluster or results[0].key
        if self._cluster is None or self._cluster.name != name:
            self._settle()
            self._cluster = Cluster(name)
        self._case[nodeid] = results

    def _close(self) -> None:
        """Judge the case whose last item has reported."""
        case = Results()
        for nodeid, results in self._case.items():
            case.add(nodeid, results)
        if any(row.case.rubric for row in case.rows):
            self._give_up_promise()
        if self._cluster is not None:
            self._cluster.last = max((self._places[nodeid] for nodeid in self._case), default=self._cluster.last)
            for one in case.arms():
                pairs = pairs_of(case, one.arm) if one.arm != CONTROL else ()
                for pair in (pair for pair in pairs if pair.is_evidence):
                    self._cluster.differences.setdefault(one.arm, []).append(pair.difference)
        self._case.clear()

    def _give_up_promise(self) -> None:
        """Bet on harm alone from now on: a judge's errors hide harm, and a bet does not correct them."""
        self._promote = False
        for process in self._e_processes.values():
            process.promise = None

    def _settle(self) -> None:
        """Bet on the cluster whose last case has been judged."""
        cluster, self._cluster = self._cluster, None
        # If another plugin reorders the items, a cluster can appear twice; only the first part is a bet.
        if cluster is not None and cluster.name not in self._complete:
            self._complete.add(cluster.name)
            for treatment, differences in cluster.differences.items():
                self._bet(treatment, differences, cluster.last)

    def _bet(self, treatment: str, differences: Sequence[float], place: int) -> None:
        if treatment in self.stops or len(differences) > self._largest:
            return
        if treatment not in self._e_processes:
            promise = stats.EProcess(self._margin, "promote") if self._promote else None
            self._e_processes[treatment] = EProcess(stats.EProcess(self._margin, "harm"), promise)
        if (stop := self._e_processes[treatment].add(differences, self._largest)) is not None:
            self.stops[treatment] = stop
            self._last[treatment] = place
