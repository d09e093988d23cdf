"""What this process may spend of the run's cap, and what it has to say about costs before and after."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.formatting.display import exact_money, listed, plural, rough_money
from pytest_graysplit.replies.budget import (
    BudgetTracker,
    Call,
    FileLedger,
    MemoryLedger,
    UsageSeen,
    expected_cost,
    require_limit,
    require_metric_limit,
    require_prices,
    worker_share,
)
from pytest_graysplit.replies.relay.retry import MAX_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.model_graded import ModelGradedMetric
    from pytest_graysplit.replies.budget import BudgetUsage
    from pytest_graysplit.replies.fetcher import ReplyRequest
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.recordings import Recordings
    from pytest_graysplit.replies.relay.cost_guard import CostGuard

# Under this key the controller tells a worker its cap and its ledger.
WORKER_INPUT = "graysplit_budget"


class Budget:
    """The cap of a run as this process sees it."""

    def __init__(self, cap_usd: Decimal, tracker: BudgetTracker, prices: PriceTable) -> None:
        self.cap_usd = cap_usd
        self._tracker = tracker
        self._prices = prices

    @classmethod
    def of(cls, cap_usd: Decimal | None, prices: PriceTable, worker: Mapping[str, Any]) -> Budget | None:
        """Return the budget of this process, None without a cap; `worker` is what an xdist controller said to it.

        That counts more than the settings: a worker on another machine has an environment of its own.
        """
        if told := worker.get(WORKER_INPUT):
            run, own, path = told
            ledger = FileLedger(Path(path)) if path else MemoryLedger()
            return cls(Decimal(run), BudgetTracker(Decimal(own), ledger, owner=str(worker["workerid"])), prices)
        if cap_usd is None:
            return None
        # A worker that was told nothing has a controller without us: it takes no more than its part.
        own_usd = worker_share(cap_usd, 1, int(worker.get("workercount", 1)))
        return cls(cap_usd, BudgetTracker(own_usd, MemoryLedger()), prices)

    def cost_guard(self, share: Settings) -> CostGuard:
        """Return what pays for the requests of a relay under these settings."""
        from pytest_graysplit.replies.relay.cost_guard import CostGuard

        gap_s = 60 / share.requests_per_min if share.requests_per_min else 0.0
        patience_s = share.timeout_s + MAX_WAIT_S + gap_s
        return CostGuard(self._tracker, self._prices, cap_usd=self.cap_usd, patience_s=patience_s)

    def require_bounds(self, requests: Sequence[ReplyRequest], metrics: Sequence[ModelGradedMetric] = ()) -> None:
        """Raise UsageError, before anything is sent, for a request of a case or a metric without a price or limit."""
        models = [*(request.key.model for request in requests), *(metric.model for metric in metrics)]
        require_prices(models, self._prices, self.cap_usd)
        for metric in metrics:
            require_metric_limit(metric.name, metric.model, metric.params, self.cap_usd, metric.route)
        # Sorted, because requests come in random order, and two runs should name the same case.
        for request in sorted((request for request in requests if not request.metric), key=lambda request: request.key):
            require_limit(request.key.case, request.key.model, request.body, self.cap_usd)

    def own_spent(self) -> BudgetUsage | None:
        """Return what this process has spent, where it counts alone."""
        return None if self._tracker.shared else self._tracker.usage()


def estimate(
    requests: Sequence[ReplyRequest], recordings: Recordings | None, prices: PriceTable, cap_usd: Decimal | None
) -> str:
    """Write what fetching the requests will cost: 240 calls, about $0.92, cap $1.00."""
    seen = UsageSeen()
    for path in {request.recording_path for request in requests} if recordings else ():
        assert recordings is not None  # noqa: S101 # mypy cannot see it
        for key, usage in recordings.usages(path):
            seen.add(key.model, key.request, usage)
    calls = [Call(request.key.model, request.key.request, request.body) for request in requests]
    expected = expected_cost(calls, seen, prices)
    cost = f"about {rough_money(expected.usd)}"
    if expected.unpriced:
        known = f"at least {cost}" if expected.usd else "cost unknown"
        cost = f"{known}: no price for {listed(expected.unpriced)}"
    parts = [plural(expected.calls, "call"), cost, *([f"cap {exact_money(cap_usd)}"] if cap_usd else [])]
    return ", ".join(parts)
