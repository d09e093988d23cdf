"""Figures of arms and of criteria as JSON, the same in every report and on the page; unknown and infinite are null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from pytest_graysplit.types import Json, Usage
    from pytest_graysplit.verdict.criteria import Criterion

# Below this many values the 99th percentile of a sample is its maximum under another name.
P99_NEEDS = 100


def finite(value: float | None) -> float | None:
    """Return the number, or None for what JSON cannot write."""
    return value if value is not None and math.isfinite(value) else None


def usd(amount: Decimal | None) -> float | None:
    """Return US dollars as a number; None where they are unknown."""
    return None if amount is None else float(amount)


def latency_figures(mean_s: float | None, quantile_s: Callable[[float], float | None], n: int) -> dict[str, Json]:
    """Return the mean and the percentiles of n latencies, in seconds."""
    return {
        "mean": mean_s,
        "p50": quantile_s(0.50),
        "p95": quantile_s(0.95),
        "p99": quantile_s(0.99) if n >= P99_NEEDS else None,
    }


def token_figures(usage: Usage) -> dict[str, Json]:
    """Return how many tokens were billed, by kind."""
    return {"prompt": usage.prompt, "completion": usage.output, "cached": usage.cached}


def bounds_json(row: Criterion) -> dict[str, Json]:
    """Return the estimate of a row with its interval."""
    return {"estimate": finite(row.estimate), "low": finite(row.low), "high": finite(row.high)}


def row_json(row: Criterion) -> dict[str, Json]:
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
