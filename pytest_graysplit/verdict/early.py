"""Early stopping: cases are looked at in the seeded order, whatever order they arrive in, until enough is shown.

The bets are on clusters, because the cases of one cluster may be as alike as they like; a case without a cluster is one
by itself. In the seeded order the cases of a cluster stand together, so it is complete where the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.verdict.evidence import HARM_EVIDENCE, PROMISE_EVIDENCE
from pytest_graysplit.verdict.pairs import pairs_of
from pytest_graysplit.verdict.results import CONTROL, Results
from pytest_graysplit.verdict.run_facts import Stop

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pytest_graysplit.verdict.results import CaseResult


@dataclass(slots=True)
class Wealth:
    """What betting against "no harm", and where wanted against "no promise", has made of 1 for one treatment."""

    harm: stats.EProcess
    promise: stats.EProcess | None
    seen: int = 0

    def add(self, differences: Sequence[float], largest: int) -> Stop | None:
        """Take in the cases of one cluster, and return the stop that they give reason for."""
        self.seen += len(differences)
        if self.harm.add_cluster(differences, largest) >= HARM_EVIDENCE:
            return Stop(side="harm", after=self.seen)
        if self.promise is not None and self.promise.add_cluster(differences, largest) >= PROMISE_EVIDENCE:
            return Stop(side="promote", after=self.seen)
        return None


@dataclass(slots=True)
class Cluster:
    """The cases that are one piece of evidence, so far: the place of the last, and the differences by treatment."""

    name: Hashable
    last: int = -1
    differences: dict[str, list[float]] = field(default_factory=dict)


class EarlyStop:
    """Follows the items of a run, whose node ids in their seeded order are given before the first result.

    Items of one case stand next to each other, and so do the cases of one cluster. What an item reports waits until all
    before it have reported: a slow answer must not be looked at later than its turn because it is slow.
    """

    def __init__(self, *, margin: float, promote: bool, order: Sequence[str] = (), largest: int = 1) -> None:
        self._margin = margin
        self._promote = promote
        self._places: dict[str, int] = {}
        self._order: Sequence[str] = ()
        self._largest = largest
        self._at = 0
        self._reported: dict[str, tuple[CaseResult, ...]] = {}
        self._case: dict[str, tuple[CaseResult, ...]] = {}
        self._cluster: Cluster | None = None
        self._complete: set[Hashable] = set()
        self._wealth: dict[str, Wealth] = {}
        self._last: dict[str, int] = {}
        self.stops: dict[str, Stop] = {}
        self.follow(order, largest)

    def follow(self, order: Sequence[str], largest: int = 1) -> None:
        """Take the node ids in the order in which their cases are to be looked at, and the size of the largest cluster.

        Clusters that turn out larger than that are not bet on.
        """
        self._order = order
        self._largest = largest
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
            self._settle()

    def counts(self, nodeid: str, treatments: Iterable[str]) -> bool:
        """Tell whether an item's result is evidence for a treatment it serves: not what came after the last case."""
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
        if self._cluster is not None:
            self._cluster.last = max((self._places[nodeid] for nodeid in self._case), default=self._cluster.last)
            for one in case.arms():
                pairs = pairs_of(case, one.arm) if one.arm != CONTROL else ()
                for pair in (pair for pair in pairs if pair.is_evidence):
                    self._cluster.differences.setdefault(one.arm, []).append(pair.difference)
        self._case.clear()

    def _settle(self) -> None:
        """Bet on the cluster whose last case has been judged."""
        cluster, self._cluster = self._cluster, None
        # Items that another plugin has put in an order of its own may come back to a cluster: it was one bet.
        if cluster is not None and cluster.name not in self._complete:
            self._complete.add(cluster.name)
            for treatment, differences in cluster.differences.items():
                self._bet(treatment, differences, cluster.last)

    def _bet(self, treatment: str, differences: Sequence[float], place: int) -> None:
        if treatment in self.stops or len(differences) > self._largest:
            return
        if treatment not in self._wealth:
            promise = stats.EProcess(self._margin, "promote") if self._promote else None
            self._wealth[treatment] = Wealth(stats.EProcess(self._margin, "harm"), promise)
        if (stop := self._wealth[treatment].add(differences, self._largest)) is not None:
            self.stops[treatment] = stop
            self._last[treatment] = place
