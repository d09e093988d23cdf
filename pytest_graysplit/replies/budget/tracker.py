"""The account of a run under a cap: nothing is sent whose worst case does not fit into what is left.

Amounts are whole numbers of 1e-12 USD, rounded up: sums are exact, whatever decimal context a test has set.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

Grant = Literal["granted", "wait", "used-up"]

DIGITS = 12
_EXACT = Context(prec=60, rounding=ROUND_CEILING)
_FACTOR = Decimal("0.000001")


class Reservation(NamedTuple):
    """What is set aside for one attempt of one model, at the prices that are known, in 1e-12 USD."""

    model: str
    amount: int


@dataclass(slots=True, kw_only=True)
class Totals:
    """What a ledger holds, in 1e-12 USD; `reserved` by owner and model, so that a dead owner's part can be found.

    `unsure` is the part of `spent` that may not have been billed. `dearer` tells by model how much more than
    reserved an answer has cost: the prices of that model are too low. `refused` is what did not fit: from then on
    the cap counts as used up.
    """

    spent: int = 0
    unsure: int = 0
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    dearer: dict[str, Decimal] = field(default_factory=dict)
    refused: int | None = None

    def scaled(self, reservation: Reservation) -> int:
        """Return the amount at what the model has turned out to cost."""
        factor = self.dearer.get(reservation.model)
        return reservation.amount if factor is None else _up(_EXACT.multiply(Decimal(reservation.amount), factor))

    @property
    def in_flight(self) -> int:
        """What is set aside for attempts that have not ended."""
        return sum(
            self.scaled(Reservation(model, amount))
            for models in self.reserved.values()
            for model, amount in models.items()
        )


class Ledger(Protocol):
    """Where the totals are kept; whoever holds them open is alone with them."""

    shared: bool

    def open(self) -> AbstractContextManager[Totals]:
        """Lend the totals; what was changed in them is kept when they are given back."""


class MemoryLedger:
    """The totals of a process that sends alone."""

    shared = False

    def __init__(self) -> None:
        self._totals = Totals()

    @contextmanager
    def open(self) -> Iterator[Totals]:
        """Lend the totals."""
        yield self._totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How a run under a cap stands, in USD; add two accounts to get what both have spent.

    `unsure_usd` is the part that may not have been billed, `refused_usd` what did not fit, `dearer` how many times
    what was reserved a reply of a model has cost.
    """

    usd: Decimal = Decimal(0)
    unsure_usd: Decimal = Decimal(0)
    refused_usd: Decimal | None = None
    dearer: Mapping[str, Decimal] = field(default_factory=dict)

    def as_texts(self) -> list[object]:
        """Return it as what travels between processes of any kind; `from_texts` reads it."""
        refused = None if self.refused_usd is None else str(self.refused_usd)
        return [str(self.usd), str(self.unsure_usd), refused, {name: str(one) for name, one in self.dearer.items()}]

    @classmethod
    def from_texts(cls, texts: Sequence[Any]) -> Spent:
        """Read what `as_texts` made."""
        usd, unsure, refused, dearer = texts
        return cls(
            usd=Decimal(usd),
            unsure_usd=Decimal(unsure),
            refused_usd=None if refused is None else Decimal(refused),
            dearer={name: Decimal(factor) for name, factor in dearer.items()},
        )

    def __add__(self, other: Spent) -> Spent:
        factors = (*self.dearer.items(), *other.dearer.items())
        return Spent(
            usd=self.usd + other.usd,
            unsure_usd=self.unsure_usd + other.unsure_usd,
            refused_usd=self.refused_usd or other.refused_usd,
            dearer={model: max(factor for name, factor in factors if name == model) for model, _ in factors},
        )


class Spending:
    """Grants, refuses and settles reservations, so that what is spent and set aside never exceeds the cap.

    The first request that would not fit even if nothing else were in flight ends the sending for all of them, also
    where a cheaper one would still fit: what is judged must not be picked by its length.
    """

    def __init__(self, cap_usd: Decimal, ledger: Ledger, *, owner: str = "") -> None:
        self.shared = ledger.shared
        self._cap = _floor(cap_usd)
        self._ledger = ledger
        self._owner = owner
        self._ended = False
        self.seen = 0  # what had been spent when the totals were last looked at

    def reservation(self, model: str, amount_usd: Decimal) -> Reservation:
        """Return the reservation that one attempt needs."""
        return Reservation(model, units(amount_usd))

    def reserve(self, wanted: Reservation) -> Grant:
        """Set the amount aside, or tell to wait for what is in flight, or that the cap is used up."""
        if self._ended:
            return "used-up"
        with self._ledger.open() as totals:
            needed, self.seen = totals.scaled(wanted), totals.spent
            if totals.refused is None and totals.spent + needed > self._cap:
                totals.refused = needed
            if totals.refused is not None:
                self._ended = True
                return "used-up"
            if totals.spent + totals.in_flight + needed > self._cap:
                return "wait"
            own = totals.reserved.setdefault(self._owner, {})
            own[wanted.model] = own.get(wanted.model, 0) + wanted.amount
            return "granted"

    def give_up(self, wanted: Reservation) -> None:
        """End the sending because of an amount that was waited for in vain."""
        with self._ledger.open() as totals:
            totals.refused = totals.refused or totals.scaled(wanted)
        self._ended = True

    def settle(self, held: Reservation, actual_usd: Decimal | None) -> None:
        """Replace a reservation by what the attempt cost; all of it stays spent where nobody knows (None)."""
        with self._ledger.open() as totals:
            _release(totals, self._owner, held)
            expected = totals.scaled(held)
            if actual_usd is None:
                totals.unsure += expected
                totals.spent += expected
                return
            actual = units(actual_usd)
            totals.spent += actual
            if actual > expected and held.amount:
                factor = _EXACT.divide(Decimal(actual), Decimal(held.amount))
                totals.dearer[held.model] = factor.quantize(_FACTOR, ROUND_CEILING)

    def standing(self) -> Spent:
        """Return what has been spent so far."""
        with self._ledger.open() as totals:
            return standing(totals)


def standing(totals: Totals) -> Spent:
    """Return the totals in USD; what is still set aside may be billed, and counts as spent and unsure."""
    return Spent(
        usd=usd(totals.spent + totals.in_flight),
        unsure_usd=usd(totals.unsure + totals.in_flight),
        refused_usd=None if totals.refused is None else usd(totals.refused),
        dearer=dict(totals.dearer),
    )


def bury(totals: Totals, owner: str) -> None:
    """Count everything that a dead owner had set aside as spent: nobody will tell what became of it."""
    for model, amount in totals.reserved.pop(owner, {}).items():
        lost = totals.scaled(Reservation(model, amount))
        totals.spent += lost
        totals.unsure += lost


def part_of(cap_usd: Decimal, parts: int, whole: int) -> Decimal:
    """Return so many of `whole` equal parts of a cap, rounded down, so that all together are no more than it."""
    return usd(_floor(cap_usd) * parts // whole)


def units(amount_usd: Decimal) -> int:
    """Return an amount of USD in units of 1e-12, rounded up."""
    return _up(_EXACT.scaleb(amount_usd, DIGITS))


def usd(amount: int) -> Decimal:
    """Return an amount of 1e-12 units in USD."""
    return _EXACT.scaleb(Decimal(amount), -DIGITS)


def _floor(amount_usd: Decimal) -> int:
    return int(_EXACT.scaleb(amount_usd, DIGITS))


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING, _EXACT))


def _release(totals: Totals, owner: str, held: Reservation) -> None:
    own = totals.reserved.get(owner, {})
    left = own.pop(held.model, 0) - held.amount
    if left > 0:
        own[held.model] = left
    if not own:
        totals.reserved.pop(owner, None)
