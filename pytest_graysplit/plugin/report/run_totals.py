"""What the summary must know of a run beside its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_graysplit.replies.budget import Spent

if TYPE_CHECKING:
    from pytest_graysplit.verdict.results import Results


@dataclass(slots=True)
class Tally:
    """What the summary must know beside the results: what was planned, left out, lost, and said on the way."""

    planned: int = 0
    deselected: int = 0
    crashed: int = 0
    spared: int = 0
    late: int = 0
    uncollected: int = 0
    interrupted: bool = False
    stopped: bool = False
    by_nodeid: bool = False
    failure: str | None = None
    spent_here: Spent | None = None
    spent_elsewhere: list[Spent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def absorb(self, worker: dict[str, Any]) -> None:
        """Add what an xdist worker knows; every worker collects, and so counts, the same items."""
        self.planned = max(self.planned, worker["planned"])
        self.deselected = max(self.deselected, worker["deselected"])
        self.spared += worker["spared"]
        self.failure = self.failure or worker["failure"]
        self.notes += worker["notes"]
        if "spent" in worker:
            self.spent_elsewhere.append(Spent.from_texts(worker["spent"]))

    @property
    def spent(self) -> Spent:
        """What a run under a cap has spent, on this machine and on others."""
        return sum(self.spent_elsewhere, self.spent_here or Spent())

    def complete(self, results: Results) -> bool:
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
        judged = all(arm.judged for row in results.rows for arm in row.arms.values())
        return judged and not cut and results.items >= self.planned
