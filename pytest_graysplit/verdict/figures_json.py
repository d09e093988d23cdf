"""Figures of arms and of criteria as JSON, the same in every report and on the page; unknown and infinite are null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_graysplit.stats import Interval

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from pytest_graysplit.types import Json, Usage
    from pytest_graysplit.verdict.criteria import Criterion

# With fewer values, the 99th percentile of a sample is its maximum.
P99_NEEDS = 100


def finite(value: float | None) -> float | None:
    """Return the number, or None if JSON cannot express it."""
    return value if value is not None and math.isfinite(value) else None


def usd(amount: Decimal | None) -> float | None:
    """Return US dollars as a number; None if they are unknown."""
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
    """Return the billed tokens by kind."""
    return {"prompt": usage.prompt, "completion": usage.output, "cached": usage.cached}


def bounds_json(criterion: Criterion) -> dict[str, Json]:
    """Return the estimate of a criterion with its interval."""
    return interval_json(Interval(criterion.estimate, criterion.low, criterion.high))


def interval_json(interval: Interval) -> dict[str, Json]:
    """Return an estimate with its bounds."""
    return {"estimate": finite(interval.estimate), "low": finite(interval.low), "high": finite(interval.high)}


def row_json(criterion: Criterion) -> dict[str, Json]:
    """Return a criterion with its state, figures and bound."""
    return {
        "name": criterion.name,
        "state": criterion.state,
        **bounds_json(criterion),
        "bound": finite(criterion.bound),
        "critical": criterion.critical,
        "n": criterion.n,
        "method": criterion.method,
        "remark": criterion.remark or None,
        "confidence": round(criterion.confidence, 6),
    }
