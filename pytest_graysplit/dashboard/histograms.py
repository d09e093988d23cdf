"""Histograms of latencies and similarities, with edges that a person can read."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Json

# Latencies spread over decades: steps of the same factor, few enough to tell the bars apart on a phone.
MOST_BARS = 24
_STEPS_A_DECADE = (12, 6, 4, 3, 2, 1)
SHORTEST_S = 0.001
TWENTIETHS = tuple(number / 20 for number in range(21))


def latency_edges(latencies_s: Sequence[float]) -> tuple[float, ...]:
    """Return log-spaced edges in seconds that hold all latencies; none where there are none.

    >>> latency_edges([0.5, 2.0])
    (0.464, 0.562, 0.681, 0.825, 1.0, 1.21, 1.47, 1.78, 2.15)
    """
    if not latencies_s:
        return ()
    low, high = (math.log10(max(SHORTEST_S, pick(latencies_s))) for pick in (min, max))
    for steps in _STEPS_A_DECADE:
        first, last = math.floor(low * steps), max(math.floor(low * steps) + 1, math.ceil(high * steps))
        if last - first <= MOST_BARS:
            break
    return tuple(float(f"{10 ** (place / steps):.3g}") for place in range(first, last + 1))


def histogram(values: Sequence[float], edges: Sequence[float]) -> dict[str, Json]:
    """Count the values between the edges; what lies on an edge is above it, what lies outside is at the nearer end.

    >>> histogram([0.1, 0.5, 1.0], [0.0, 0.5, 1.0])
    {'edges': [0.0, 0.5, 1.0], 'counts': [1, 2]}
    """
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return {"edges": [*edges], "counts": [*counts]}
