"""The progress of a fetch, and the statistics of all requests of a run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_graysplit.types import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a fetch; `spent_usd` is the cost of the answers that are not `unpriced`."""

    done: int
    total: int
    errors: int
    elapsed_s: float
    spent_usd: Decimal
    unpriced: int = 0

    @property
    def rate_per_s(self) -> float:
        """Replies per second so far."""
        return self.done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds left at this rate; None before the first reply."""
        return (self.total - self.done) / self.rate_per_s if self.rate_per_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStats:
    """Statistics of all requests since the run began; `replies` are those of the arms.

    `spent_usd` is None where an answer has no known price.
    """

    sent: int = 0
    received: int = 0
    spent_usd: Decimal | None = Decimal(0)
    replies: tuple[tuple[str, Reply], ...] = ()
