"""What a run may spend: the worst case of a request, the account that it is reserved in, and what to expect."""

from pytest_graysplit.spending.account import Ledger, MemoryLedger, Reservation, Spending, Spent, Totals, bury, standing
from pytest_graysplit.spending.bounds import Bound, Route, bound_of

__all__ = [
    "Bound",
    "Ledger",
    "MemoryLedger",
    "Reservation",
    "Route",
    "Spending",
    "Spent",
    "Totals",
    "bound_of",
    "bury",
    "standing",
]
