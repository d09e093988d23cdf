"""Ledgers: the amounts that a run under a cap has spent and reserved, in memory or in a file that processes share.

Amounts are whole numbers of 1e-12 USD, rounded up: sums are exact in any decimal context of a test.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import ROUND_CEILING, Context, Decimal
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.files import replacing
from pytest_graysplit.replies.recordings.state_dir import LOCK_WAIT_S, private_folder, try_lock, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

DIGITS = 12
EXACT = Context(prec=60, rounding=ROUND_CEILING)
# The lock is held for a fifth of a millisecond, and filelock itself polls every fifty.
LOCK_POLL_S = 0.001


class Reservation(NamedTuple):
    """The amount that is reserved for one attempt of one model at the known prices, in 1e-12 USD."""

    model: str
    amount: int


@dataclass(slots=True, kw_only=True)
class Totals:
    """The content of a ledger, in 1e-12 USD; `reserved` by owner and model, so that a dead owner's part can be found.

    `unconfirmed` is the part of `spent` that may not have been billed. `price_overruns` gives, by model, the largest
    ratio of billed to reserved cost: the prices of that model are too low. `refused` is the first amount that did not
    fit: from then on the cap counts as reached.
    """

    spent: int = 0
    unconfirmed: int = 0
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    price_overruns: dict[str, Decimal] = field(default_factory=dict)
    refused: int | None = None

    def scaled(self, reservation: Reservation) -> int:
        """Return the reserved amount, multiplied by the price overrun of its model."""
        factor = self.price_overruns.get(reservation.model)
        return reservation.amount if factor is None else _rounded_up(EXACT.multiply(reservation.amount, factor))

    @property
    def in_flight(self) -> int:
        """The amount reserved for attempts that have not ended."""
        return sum(
            self.scaled(Reservation(model, amount))
            for models in self.reserved.values()
            for model, amount in models.items()
        )

    def reserve(self, owner: str, reservation: Reservation) -> None:
        """Add a reservation of the owner."""
        own = self.reserved.setdefault(owner, {})
        own[reservation.model] = own.get(reservation.model, 0) + reservation.amount

    def release(self, owner: str, reservation: Reservation) -> None:
        """Remove a reservation of the owner."""
        own = self.reserved.get(owner, {})
        left = own.pop(reservation.model, 0) - reservation.amount
        if left > 0:
            own[reservation.model] = left
        if not own:
            self.reserved.pop(owner, None)


class Ledger(Protocol):
    """A place for the totals; one thread of one process at a time has them open."""

    shared: bool

    def open(self) -> AbstractContextManager[Totals]:
        """Yield the totals, and keep the changes that are made to them."""


class MemoryLedger:
    """The totals of a process that sends alone."""

    shared = False

    def __init__(self) -> None:
        self._totals = Totals()

    @contextmanager
    def open(self) -> Iterator[Totals]:
        """Yield the totals."""
        yield self._totals


class FileLedger:
    """A file with the totals, under a lock; it stays whole when a process is killed at any moment."""

    shared = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = ""
        self._thread_lock = Lock()  # the file lock excludes other processes, and not the threads of this one

    @classmethod
    def create(cls, root: Path, run_id: str) -> FileLedger:
        """Create the ledger of a run under the root; raise RecordingError where it cannot be written."""
        ledger = cls(private_folder(root, "budget") / f"{run_id}.json")
        ledger._write(_text_of(Totals()))
        return ledger

    @contextmanager
    def open(self) -> Iterator[Totals]:
        """Yield the totals; raise RecordingError where the file cannot be read or written: sending stops then."""
        with self._thread_lock, self._locked():
            totals = self._read()
            yield totals
            text = _text_of(totals)
            if text != self._text:
                self._write(text)

    def remove(self) -> None:
        """Delete the file after the run has sent its last request."""
        for path in (self.path, self._lock_path):
            path.unlink(missing_ok=True)

    @property
    def _lock_path(self) -> Path:
        return self.path.with_suffix(".lock")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = try_lock(self._lock_path, LOCK_WAIT_S, LOCK_POLL_S)
        if lock is None:
            raise _unusable(self.path, f"has been locked for {LOCK_WAIT_S:g} s")
        try:
            yield
        finally:
            lock.release()

    def _read(self) -> Totals:
        try:
            self._text = self.path.read_text(encoding="utf-8")
            fields = json.loads(self._text)
        except (OSError, ValueError) as error:
            raise _unusable(self.path, f"cannot be read: {error}") from None
        fields["price_overruns"] = {model: Decimal(factor) for model, factor in fields["price_overruns"].items()}
        return Totals(**fields)

    def _write(self, text: str) -> None:
        # One process writes at a time, so one name for the new file is enough.
        fresh = self.path.with_suffix(".new")
        try:
            with replacing(self.path, fresh):
                fresh.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path, error) from None
        self._text = text


def units(amount_usd: Decimal) -> int:
    """Return an amount of USD in units of 1e-12, rounded up."""
    return _rounded_up(EXACT.scaleb(amount_usd, DIGITS))


def usd(amount: int) -> Decimal:
    """Return an amount of 1e-12 units in USD."""
    return EXACT.scaleb(Decimal(amount), -DIGITS)


def _rounded_up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING, EXACT))


def _text_of(totals: Totals) -> str:
    return json.dumps(asdict(totals), default=str)


def _unusable(path: Path, problem: str) -> RecordingError:
    return RecordingError(
        f"the ledger of this run, {path}, {problem}",
        hint="nothing more was sent; do not change .graysplit while pytest runs, and run again: the replies are kept",
        slug=Slug.LEDGER_LOST,
    )
