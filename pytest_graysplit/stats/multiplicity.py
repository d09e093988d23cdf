"""Several tests at once, with one error rate for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.stats.interval import check_share

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses are rejected, in the given order, with at most probability alpha of any error.

    Holm's step-down procedure (1979, Scandinavian Journal of Statistics 6:65).

    >>> holm([0.01, 0.04, 0.03], alpha=0.05)
    [True, False, False]
    """
    check_share("alpha", alpha)
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"a p-value lies between 0 and 1, not {p!r}")
    rejected = [False] * len(p_values)
    for done, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > alpha / (len(p_values) - done):
            break
        rejected[index] = True
    return rejected
