"""Budget of a run with a cap: the parts of its processes, its limits, and the estimate of its cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import exact_money, listed, plural, rough_money
from pytest_graysplit.replies.budget import (
    BudgetTracker,
    Call,
    FileLedger,
    MemoryLedger,
    RecordedUsage,
    estimate_cost,
    release_dead_worker,
    require_application_limit,
    require_limit,
    require_metric_limit,
    require_prices,
    usage_of,
    worker_share,
)
from pytest_graysplit.replies.conversation import without_answers
from pytest_graysplit.replies.relay.retry import MAX_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.model_graded import ModelGradedMetric
    from pytest_graysplit.plugin.workers import WorkerInput
    from pytest_graysplit.replies.budget import BudgetUsage
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.recordings import Recordings
    from pytest_graysplit.replies.relay.cost_guard import CostGuard
    from pytest_graysplit.replies.reply_request import ReplyRequest


class Budget:
    """The budget of one process: its part of the run's cap, and the tracker of its spending."""

    def __init__(self, cap_usd: Decimal, tracker: BudgetTracker, prices: PriceTable) -> None:
        self.cap_usd = cap_usd
        self._tracker = tracker
        self._prices = prices

    @classmethod
    def of(cls, cap_usd: Decimal | None, prices: PriceTable, worker: WorkerInput) -> Budget | None:
        """Return the budget of this process, None without a cap.

        The input from an xdist controller takes precedence over the settings: a worker on another machine has an
        environment of its own.
        """
        if worker.budget:
            run, own, path = worker.budget
            ledger = FileLedger(Path(path)) if path else MemoryLedger()
            return cls(Decimal(run), BudgetTracker(Decimal(own), ledger, owner=worker.worker_id), prices)
        if cap_usd is None:
            return None
        # Without input, the controller does not have this plugin: the worker takes no more than its part.
        own_usd = worker_share(cap_usd, 1, worker.workers)
        return cls(cap_usd, BudgetTracker(own_usd, MemoryLedger()), prices)

    def cost_guard(self, share: Settings) -> CostGuard:
        """Return the guard that reserves the cost of each request of a relay under these settings."""
        from pytest_graysplit.replies.relay.cost_guard import CostGuard

        gap_s = 60 / share.requests_per_min if share.requests_per_min else 0.0
        patience_s = share.timeout_s + MAX_WAIT_S + gap_s
        return CostGuard(self._tracker, self._prices, cap_usd=self.cap_usd, patience_s=patience_s)

    def require_limits(self, requests: Sequence[ReplyRequest], metrics: Sequence[ModelGradedMetric] = ()) -> None:
        """Raise UsageError, before anything is sent, for a request without a price or a limit of its tokens."""
        priced = [*(request.config.priced_as for request in requests), *(metric.arm.priced_as for metric in metrics)]
        require_prices(priced, self._prices, self.cap_usd)
        for metric in metrics:
            require_metric_limit(metric.name, metric.arm.name, metric.params, self.cap_usd, metric.route)
        # Sorted, because requests come in random order, and two runs should name the same case.
        for request in sorted((request for request in requests if not request.metric), key=lambda request: request.key):
            case, model = request.key.case, request.key.model
            if request.keeps_answer:
                sent = request.body if request.sent_body is None else request.sent_body
                require_application_limit(case, model, sent, self.cap_usd, request.route)
            else:
                require_limit(case, model, request.body, self.cap_usd)

    def own_usage(self) -> BudgetUsage | None:
        """Return the spending of this process; None where it shares its ledger with other workers."""
        return None if self._tracker.shared else self._tracker.usage()


class WorkerBudgets:
    """The parts of a cap that the xdist controller gives to its workers.

    Workers on this machine share one ledger. A worker on another machine cannot read it, so it gets a fixed part; a
    worker that replaces a crashed one there gets nothing, because the spending of the first is unknown.
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

    def release_dead_worker(self, worker_id: str) -> None:
        """Count the open reservations of a worker that has ended as spent."""
        if self._ledger is not None:
            with self._ledger.open() as totals:
                release_dead_worker(totals, worker_id)

    def close(self) -> BudgetUsage | None:
        """Return the spending of the workers on this machine, and remove their ledger."""
        if self._ledger is None:
            return None
        with self._ledger.open() as totals:
            usage = usage_of(totals)
        self._ledger.remove()
        self._ledger = None
        return usage


def _calls(request: ReplyRequest) -> Iterator[Call]:
    """Yield the call of a request and those of the later turns of its conversation."""
    model, priced_as = request.key.model, request.config.priced_as
    yield Call(model, request.key.request, request.body, priced_as)
    for answers, body in enumerate(without_answers(request), start=1):
        yield Call(model, "", body, priced_as, answers)


def estimate(
    requests: Sequence[ReplyRequest], recordings: Recordings | None, prices: PriceTable, cap_usd: Decimal | None
) -> str:
    """Format the expected cost of fetching the requests: 240 calls, about $0.92, cap $1.00."""
    known_usage = RecordedUsage()
    for path in {request.recording_path for request in requests} if recordings else ():
        assert recordings is not None  # noqa: S101 # mypy cannot see it
        for key, usage in recordings.usages(path):
            known_usage.add(key.model, key.request, usage)
    expected = estimate_cost((call for request in requests for call in _calls(request)), known_usage, prices)
    cost = f"about {rough_money(expected.usd)}"
    if expected.unpriced:
        known = f"at least {cost}" if expected.usd else "cost unknown"
        cost = f"{known}: no price for {listed(expected.unpriced)}"
    parts = [plural(expected.calls, "call"), cost, *([f"cap {exact_money(cap_usd)}"] if cap_usd else [])]
    return ", ".join(parts)
