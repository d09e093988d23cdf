"""An estimate and its bounds, and what may be asked of one."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """An estimate with its lower and upper bound."""

    estimate: float
    low: float
    high: float


def two_sided_z(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval; raise ValueError for a confidence outside 0 to 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def check_counts(*parts: int, n: int) -> None:
    """Raise ValueError where the parts are not disjoint counts among n."""
    if n < 0 or any(part < 0 for part in parts) or sum(parts) > n:
        raise ValueError(f"{' and '.join(map(str, parts))} are no counts among {n}")
