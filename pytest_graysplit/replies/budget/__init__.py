"""What a run may spend: the worst case of a request, the account that it is reserved in, and what to expect."""

from pytest_graysplit.replies.budget.estimate import Call, UsageSeen, expected_cost
from pytest_graysplit.replies.budget.requirements import require_limit, require_metric_limit, require_prices
from pytest_graysplit.replies.budget.token_limits import bound_of
from pytest_graysplit.replies.budget.tracker import (
    MemoryLedger,
    Reservation,
    Spending,
    Spent,
    Totals,
    bury,
    part_of,
    standing,
)

__all__ = [
    "Call",
    "MemoryLedger",
    "Reservation",
    "Spending",
    "Spent",
    "Totals",
    "UsageSeen",
    "bound_of",
    "bury",
    "expected_cost",
    "part_of",
    "require_limit",
    "require_metric_limit",
    "require_prices",
    "standing",
]
