"""What a run may spend: the worst case of a request, the account that it is reserved in, and what to expect."""

from pytest_graysplit.spending.account import (
    MemoryLedger,
    Reservation,
    Spending,
    Spent,
    Totals,
    bury,
    part_of,
    standing,
)
from pytest_graysplit.spending.bounds import bound_of
from pytest_graysplit.spending.demands import require_limit, require_metric_limit, require_prices
from pytest_graysplit.spending.estimate import Call, UsageSeen, expected_cost

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
