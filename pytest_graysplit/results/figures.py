"""An arm's figures as JSON, for every report and page alike: what is unknown is null, and nothing is infinite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from pytest_graysplit.results.sums import ArmSummary
    from pytest_graysplit.types import Json

# Below this many values the 99th percentile of a sample is its maximum under another name.
P99_NEEDS = 100


def finite(value: float | None) -> float | None:
    """Return the number, or None for what JSON cannot write."""
    return value if value is not None and math.isfinite(value) else None


def usd(amount: Decimal | None) -> float | None:
    """Return US dollars as a number; None where they are unknown."""
    return None if amount is None else float(amount)


def latency_figures(arm: ArmSummary) -> dict[str, Json]:
    """Return the mean and the percentiles of the latencies, in seconds."""
    return {
        "mean": arm.mean_latency_s,
        "p50": arm.latency_s(0.50),
        "p95": arm.latency_s(0.95),
        "p99": arm.latency_s(0.99) if len(arm.latencies_s) >= P99_NEEDS else None,
    }


def token_figures(arm: ArmSummary) -> dict[str, Json]:
    """Return how many tokens were billed, by kind."""
    return {"prompt": arm.usage.prompt, "completion": arm.usage.output, "cached": arm.usage.cached}
