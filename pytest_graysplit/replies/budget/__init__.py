"""The budget of a run under a cap: the limits on a request, reservations, ledgers, and the cost to expect."""

from pytest_graysplit.replies.budget.estimate import Call, RecordedUsage, estimate_cost
from pytest_graysplit.replies.budget.ledger import FileLedger, MemoryLedger, Reservation, Totals
from pytest_graysplit.replies.budget.token_limits import (
    output_limit,
    require_application_limit,
    require_limit,
    require_metric_limit,
    require_prices,
    token_limit,
)
from pytest_graysplit.replies.budget.tracker import (
    BudgetTracker,
    BudgetUsage,
    release_dead_worker,
    usage_of,
    worker_share,
)

__all__ = [
    "BudgetTracker",
    "BudgetUsage",
    "Call",
    "FileLedger",
    "MemoryLedger",
    "RecordedUsage",
    "Reservation",
    "Totals",
    "estimate_cost",
    "output_limit",
    "release_dead_worker",
    "require_application_limit",
    "require_limit",
    "require_metric_limit",
    "require_prices",
    "token_limit",
    "usage_of",
    "worker_share",
]
