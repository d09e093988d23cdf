"""What a run may spend: the worst case of a request, the account that it is reserved in, and what to expect."""

from pytest_graysplit.replies.budget.estimate import Call, UsageSeen, expected_cost
from pytest_graysplit.replies.budget.requirements import require_limit, require_metric_limit, require_prices
from pytest_graysplit.replies.budget.token_limits import token_limit
from pytest_graysplit.replies.budget.tracker import (
    BudgetTracker,
    BudgetUsage,
    MemoryLedger,
    Reservation,
    Totals,
    release_dead_worker,
    usage_of,
    worker_share,
)

__all__ = [
    "BudgetTracker",
    "BudgetUsage",
    "Call",
    "MemoryLedger",
    "Reservation",
    "Totals",
    "UsageSeen",
    "expected_cost",
    "release_dead_worker",
    "require_limit",
    "require_metric_limit",
    "require_prices",
    "token_limit",
    "usage_of",
    "worker_share",
]
