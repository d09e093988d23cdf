"""The type of an estimate with its bounds, and checks of arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Interval(NamedTuple):
    """An estimate with its lower and upper bound."""

    estimate: float
    low: float
    high: float


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless a confidence is a share strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence!r}; 95% is 0.95")


def check_share(name: str, share: float) -> None:
    """Raise ValueError unless a share lies strictly between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"{name} lies between 0 and 1, not {share!r}")


def check_counts(n: int, *parts: float) -> None:
    """Raise ValueError unless every part is a count and their sum is at most n."""
    # Written so that a NaN, for which every comparison is false, is refused as well.
    if not (n >= 0 and all(part >= 0 for part in parts) and sum(parts) <= n):
        shown = " and ".join(repr(part) for part in parts)
        raise ValueError(f"counts are not negative and together at most n: {shown} of {n!r}")


def finite(values: Iterable[float]) -> list[float]:
    """Return the values as floats; raise ValueError that names the first one that is not a finite number."""
    numbers = [float(value) for value in values]
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"every value has to be a finite number, not {number!r}")
    return numbers
