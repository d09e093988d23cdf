"""A row as JSON, for every report and page alike: what is infinite is null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.verdict.results.figures import finite

if TYPE_CHECKING:
    from pytest_graysplit.types import Json
    from pytest_graysplit.verdict.criterion import Row


def bounds_json(row: Row) -> dict[str, Json]:
    """Return the estimate of a row with its interval."""
    return {"estimate": finite(row.estimate), "low": finite(row.low), "high": finite(row.high)}


def row_json(row: Row) -> dict[str, Json]:
    """Return a row with its state, its figures, and what they are held against."""
    return {
        "name": row.name,
        "state": row.state,
        **bounds_json(row),
        "bound": finite(row.bound),
        "critical": row.critical,
        "n": row.n,
        "method": row.method,
        "remark": row.remark or None,
        "confidence": round(row.confidence, 6),
    }
