"""All rows of a comparison, in the order in which they are reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.config.policy import PASS_RATE
from pytest_graysplit.verdict.cost_criteria import cost_per_pass_rows, savings_rows
from pytest_graysplit.verdict.latency_criteria import latency_budget_rows, latency_rows
from pytest_graysplit.verdict.pass_criteria import (
    deficit_rows,
    error_rows,
    guard_rows,
    pass_rate_rows,
    retention_rows,
    tag_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.criterion import Row
    from pytest_graysplit.verdict.pairs import Pair


def rows_of(pairs: Sequence[Pair], policy: Policy, *, resampled: bool = True) -> tuple[Row, ...]:
    """Return every row that the pairs have data for, the pass rate first and the tags last.

    Whoever looks while the run goes on can do without those of resamples: they cost more than all the others.
    """
    rated = [pair for pair in pairs if pair.is_evidence]
    rows = [
        *pass_rate_rows(PASS_RATE, rated, policy),
        *retention_rows(rated, policy),
        *deficit_rows(pairs, policy),
        *error_rows(pairs, policy),
        *guard_rows(pairs, policy),
        *latency_rows(pairs, policy, resampled=resampled),
        *latency_budget_rows(pairs, policy),
        *cost_per_pass_rows(pairs, policy),
        *savings_rows(pairs),
    ]
    marked = [replace(row, critical=row.name in policy.critical) for row in rows]
    rows = [*marked, *tag_rows(rated, policy)]
    return tuple(row if row.bound is None else replace(row, confidence=policy.confidence) for row in rows)
