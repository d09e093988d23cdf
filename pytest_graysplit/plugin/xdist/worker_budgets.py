"""How the workers of a run share its cap: one account for those of this machine, a fixed part for any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.replies.budget import FileLedger, release_dead_worker, usage_of, worker_share

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from pytest_graysplit.replies.budget import BudgetUsage


class WorkerBudgets:
    """Lives in the controller, which knows the workers; each is told what it may spend, and where it is counted.

    A worker on another machine cannot see the account here, so it gets its part for good: one that takes the place
    of a crashed one gets nothing, because nobody knows what the first has spent.
    """

    def __init__(self, root: Path, run_id: str, cap_usd: Decimal) -> None:
        self._root = root
        self._run_id = run_id
        self._cap_usd = cap_usd
        self._ledger: FileLedger | None = None
        self._distant = 0

    def part(self, *, near: bool, near_workers: int, workers: int) -> tuple[str, str, str]:
        """Return the run's cap and the worker's in USD, and the path of its ledger, empty where it counts alone."""
        run = str(self._cap_usd)
        if near:
            if self._ledger is None:
                self._ledger = FileLedger.create(self._root, self._run_id)
            return run, str(worker_share(self._cap_usd, near_workers, workers)), str(self._ledger.path)
        self._distant += 1
        parts = 1 if self._distant <= workers - near_workers else 0
        return run, str(worker_share(self._cap_usd, parts, workers)), ""

    def release_dead_worker(self, worker: str) -> None:
        """Count what a worker that has ended still had set aside as spent."""
        if self._ledger is not None:
            with self._ledger.open() as totals:
                release_dead_worker(totals, worker)

    def close(self) -> BudgetUsage | None:
        """Return what the workers of this machine have spent, and remove their account."""
        if self._ledger is None:
            return None
        with self._ledger.open() as totals:
            spent = usage_of(totals)
        self._ledger.remove()
        self._ledger = None
        return spent
