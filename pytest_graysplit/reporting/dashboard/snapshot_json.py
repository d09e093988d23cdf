"""JSON that runs and live traffic share: comparison rows, histograms with readable edges, and the grade for scripts."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from pytest_graysplit.verdict.figures_json import row_json as plain_row_json
from pytest_graysplit.verdict.reasons import label_of, measure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Json
    from pytest_graysplit.verdict import Criterion

# Latencies spread over decades, so the edges grow by a constant factor; a phone has room for this many bars.
MOST_BARS = 24
_STEPS_PER_DECADE = (12, 6, 4, 3, 2, 1)
SHORTEST_S = 0.001
TWENTIETHS = tuple(number / 20 for number in range(21))
# From best to worst. The worst verdict of all treatments is the status.
STATUSES = ("promote", "collecting", "hold", "reject")
COUNTS = ("n", "passed", "errors")


def row_json(row: Criterion) -> dict[str, Json]:
    """Return a row of a comparison with its label and the unit of its figures."""
    return {**plain_row_json(row), "label": label_of(row.name), "unit": measure_of(row)}


def latency_edges(latencies_s: Sequence[float]) -> tuple[float, ...]:
    """Return log-spaced edges in seconds that include all latencies; an empty tuple without latencies.

    >>> latency_edges([0.5, 2.0])
    (0.464, 0.562, 0.681, 0.825, 1.0, 1.21, 1.47, 1.78, 2.15)
    """
    if not latencies_s:
        return ()
    low, high = (math.log10(max(SHORTEST_S, pick(latencies_s))) for pick in (min, max))
    for steps in _STEPS_PER_DECADE:
        first, last = math.floor(low * steps), max(math.floor(low * steps) + 1, math.ceil(high * steps))
        if last - first <= MOST_BARS:
            break
    return tuple(float(f"{10 ** (place / steps):.3g}") for place in range(first, last + 1))


def histogram(values: Sequence[float], edges: Sequence[float]) -> dict[str, Json]:
    """Count the values between the edges; a value on an edge counts above it, one outside in the nearest bar.

    >>> histogram([0.1, 0.5, 1.0], [0.0, 0.5, 1.0])
    {'edges': [0.0, 0.5, 1.0], 'counts': [1, 2]}
    """
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return {"edges": [*edges], "counts": [*counts]}


def grade_of(snapshot: dict[str, Json]) -> dict[str, Json]:
    """Return the worst verdict as `status`, and per treatment its verdict, reasons and the counts of both arms."""
    arms = {str(arm["arm"]): arm for arm in _records(snapshot, "arms")}
    treatments = [_treatment(comparison, arms) for comparison in _records(snapshot, "comparisons")]
    verdicts = [str(treatment["verdict"]) for treatment in treatments]
    return {
        "format": 1,
        "status": max(verdicts, key=STATUSES.index, default="collecting"),
        "state": snapshot["state"],
        "at": snapshot["at"],
        "treatments": list(treatments),
    }


def _treatment(comparison: dict[str, Json], arms: dict[str, dict[str, Json]]) -> dict[str, Json]:
    name = str(comparison["treatment"])
    both = {arm: arms[arm] for arm in ("control", name) if arm in arms}
    # A source must not report a verdict without data.
    known = comparison["verdict"] in STATUSES and len(both) == 2 and all(arm["n"] for arm in both.values())
    return {
        "treatment": name,
        "verdict": comparison["verdict"] if known else "collecting",
        "reasons": comparison["reasons"],
        "arms": {arm: {count: values[count] for count in COUNTS} for arm, values in both.items()},
    }


def _records(snapshot: dict[str, Json], key: str) -> list[dict[str, Json]]:
    found = snapshot[key]
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
