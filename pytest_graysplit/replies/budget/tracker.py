"""The budget of a run under a cap: a request is sent only where its worst case fits into the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Literal

from pytest_graysplit.replies.budget.ledger import DIGITS, EXACT, Reservation, units, usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.replies.budget.ledger import Ledger, Totals

ReservationResult = Literal["reserved", "wait", "used-up"]

_FACTOR = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUsage:
    """The amounts that a run under a cap has used, in USD; usages of several processes can be added.

    `unconfirmed_usd` is the part that may not have been billed, `refused_usd` the amount that did not fit, and
    `price_overruns` the largest ratio of billed to reserved cost by model.
    """

    usd: Decimal = Decimal(0)
    unconfirmed_usd: Decimal = Decimal(0)
    refused_usd: Decimal | None = None
    price_overruns: Mapping[str, Decimal] = field(default_factory=dict)

    def as_texts(self) -> list[object]:
        """Return the usage in plain types, for other processes; `from_texts` reads it."""
        refused = None if self.refused_usd is None else str(self.refused_usd)
        return [
            str(self.usd),
            str(self.unconfirmed_usd),
            refused,
            {name: str(one) for name, one in self.price_overruns.items()},
        ]

    @classmethod
    def from_texts(cls, texts: Sequence[Any]) -> BudgetUsage:
        """Read a usage that `as_texts` wrote."""
        usd, unconfirmed, refused, overruns = texts
        return cls(
            usd=Decimal(usd),
            unconfirmed_usd=Decimal(unconfirmed),
            refused_usd=None if refused is None else Decimal(refused),
            price_overruns={name: Decimal(factor) for name, factor in overruns.items()},
        )

    def __add__(self, other: BudgetUsage) -> BudgetUsage:
        factors = (*self.price_overruns.items(), *other.price_overruns.items())
        return BudgetUsage(
            usd=self.usd + other.usd,
            unconfirmed_usd=self.unconfirmed_usd + other.unconfirmed_usd,
            refused_usd=self.refused_usd or other.refused_usd,
            price_overruns={model: max(factor for name, factor in factors if name == model) for model, _ in factors},
        )


class BudgetTracker:
    """The reservations of one process, so that the amount spent and reserved never exceeds the cap.

    The first request that would not fit even with nothing else in flight ends the sending for all requests, also
    where a cheaper one would still fit: the length of a case must not decide whether it is compared.
    """

    def __init__(self, cap_usd: Decimal, ledger: Ledger, *, owner: str = "") -> None:
        self.shared = ledger.shared
        self._cap = _floor(cap_usd)
        self._ledger = ledger
        self._owner = owner
        self._is_used_up = False
        self.last_spent = 0  # the amount spent, as of the last reservation

    def reservation(self, model: str, amount_usd: Decimal) -> Reservation:
        """Return the reservation that one attempt needs; it is not made yet."""
        return Reservation(model, units(amount_usd))

    def reserve(self, wanted: Reservation) -> ReservationResult:
        """Make the reservation where it fits; it has to wait where requests in flight may leave room for it."""
        if self._is_used_up:
            return "used-up"
        with self._ledger.open() as totals:
            needed, self.last_spent = totals.scaled(wanted), totals.spent
            if totals.refused is None and totals.spent + needed > self._cap:
                totals.refused = needed
            if totals.refused is not None:
                self._is_used_up = True
                return "used-up"
            if totals.spent + totals.in_flight + needed > self._cap:
                return "wait"
            totals.reserve(self._owner, wanted)
            return "reserved"

    def refuse(self, wanted: Reservation) -> None:
        """Stop sending: waiting did not free enough of the budget for the reservation."""
        with self._ledger.open() as totals:
            totals.refused = totals.refused or totals.scaled(wanted)
        self._is_used_up = True

    def settle(self, reserved: Reservation, actual_usd: Decimal | None) -> None:
        """Replace a reservation by the cost of the attempt; where that is unknown (None) all of it counts as spent."""
        with self._ledger.open() as totals:
            totals.release(self._owner, reserved)
            expected = totals.scaled(reserved)
            if actual_usd is None:
                totals.unconfirmed += expected
                totals.spent += expected
                return
            actual = units(actual_usd)
            totals.spent += actual
            if actual > expected and reserved.amount:
                factor = EXACT.divide(Decimal(actual), Decimal(reserved.amount))
                totals.price_overruns[reserved.model] = factor.quantize(_FACTOR, ROUND_CEILING)

    def usage(self) -> BudgetUsage:
        """Return the usage so far."""
        with self._ledger.open() as totals:
            return usage_of(totals)


def usage_of(totals: Totals) -> BudgetUsage:
    """Return the totals in USD; open reservations may be billed, and count as spent and unconfirmed."""
    return BudgetUsage(
        usd=usd(totals.spent + totals.in_flight),
        unconfirmed_usd=usd(totals.unconfirmed + totals.in_flight),
        refused_usd=None if totals.refused is None else usd(totals.refused),
        price_overruns=dict(totals.price_overruns),
    )


def release_dead_worker(totals: Totals, owner: str) -> None:
    """Count a crashed worker's reservations as spent, since their outcome is unknown."""
    for model, amount in totals.reserved.pop(owner, {}).items():
        lost = totals.scaled(Reservation(model, amount))
        totals.spent += lost
        totals.unconfirmed += lost


def worker_share(cap_usd: Decimal, parts: int, whole: int) -> Decimal:
    """Return `parts` of `whole` equal parts of a cap, rounded down, so that their sum does not exceed it."""
    return usd(_floor(cap_usd) * parts // whole)


def _floor(amount_usd: Decimal) -> int:
    return int(EXACT.scaleb(amount_usd, DIGITS))
