"""A row of a comparison as the live page shows it, of a run or of traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.results.figures import finite
from pytest_graysplit.verdict.wording import label_of, measure_of

if TYPE_CHECKING:
    from pytest_graysplit.types import Json
    from pytest_graysplit.verdict import Row


def row_json(row: Row) -> dict[str, Json]:
    """Write the row with its label and what its figures are; what is infinite is null."""
    return {
        "name": row.name,
        "label": label_of(row.name),
        "state": row.state,
        "estimate": finite(row.estimate),
        "low": finite(row.low),
        "high": finite(row.high),
        "bound": finite(row.bound),
        "n": row.n,
        "method": row.method,
        "critical": row.critical,
        "unit": measure_of(row),
    }
