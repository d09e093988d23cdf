"""The ramps of an experiment as monitor and replay see them: the latest split, and the rollbacks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from pytest_graysplit.traffic.splitter.rolled_back import in_force, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from pytest_graysplit.traffic.grade.grade import Grade
    from pytest_graysplit.traffic.log.records import SplitRecord
    from pytest_graysplit.traffic.monitor.windows import ArmWindow
    from pytest_graysplit.traffic.splitter import RolledBack
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.types import Json

# Earlier rejections that the reasons of a grade name.
MOST_NAMED = 3


class SplitOrder:
    """The order of the splits that the workers of one experiment declare: `takes` finds the latest.

    A higher version is later, also with an earlier moment. Among equal versions, and without versions, the later moment
    wins, but a worker that starts with weights which another one has already changed does not bring them back.
    """

    def __init__(self) -> None:
        self._salt = self._at = ""
        self._version = -1
        self._left: set[str] = set()

    def takes(self, record: SplitRecord) -> bool:
        """Tell whether the split of a record is the latest so far, and then keep it as such."""
        version = 0 if record.version is UNSET else record.version
        if record.salt != self._salt:  # versions of two experiments cannot be compared
            if record.at < self._at:
                return False
            self._version = -1
        if version < self._version:
            return False
        if version > self._version:
            self._left.clear()
        elif record.at < self._at or (record.split in self._left and record.after is UNSET):
            return False
        if record.after is not UNSET:
            self._left.add(record.after)
        self._left.discard(record.split)
        self._version, self._salt, self._at = version, record.salt, record.at
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RampState:
    """The version of the weights, the rollbacks, and the problem of the watched file, at one moment.

    `stopped` are the treatments whose users go to the control until a person ramps them again.
    """

    version: int = 0
    rollbacks: tuple[RolledBack, ...] = ()
    stopped: frozenset[str] = field(default_factory=frozenset)
    watched: str = ""
    watch_problem: str = ""

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each treatment that is rolled back, and for the problem of the watched file."""
        for one in self.rollbacks:
            if not one.ended and one.arm in self.stopped:
                yield f"{one.arm} was rolled back {one.text}; it gets no users until it is ramped again"
        if self.watch_problem:
            yield f"the watched split cannot be used, the last good weights stay: {self.watch_problem}"

    def as_json(self) -> dict[str, Json]:
        """Return the part of the report about ramps."""
        return {
            "version": self.version or None,
            "watch": {"source": self.watched, "problem": self.watch_problem or None} if self.watched else None,
            "rollbacks": [
                {
                    "arm": one.arm,
                    "at": one.at,
                    "weight": one.basis_points / 10_000,
                    "version": one.version or None,
                    "split": one.split,
                    "cause": one.cause,
                    "reason": one.reason,
                    "in_force": not one.ended and one.arm in self.stopped,
                    "ended": one.ended or None,
                }
                for one in self.rollbacks
            ],
        }


class RecentSums(NamedTuple):
    """The sums of the last minutes: each arm with its basis points, its window, and its cost in US dollars.

    The costs and the number of `requests` are those since the weights of `split` were set.
    """

    split: str
    arms: tuple[tuple[str, int], ...]
    windows: tuple[ArmWindow, ...]
    costs_usd: tuple[Decimal, ...]
    requests: int


class RampHistory:
    """The rollbacks that a monitor has seen, and the problem of a watched file; safe under threads."""

    def __init__(self) -> None:
        self.watched = self.watch_problem = ""
        self.rollbacks: tuple[RolledBack, ...] = ()
        self._lock = Lock()

    def add(self, rollbacks: Iterable[RolledBack]) -> bool:
        """Add rollbacks, of a splitter or of a line of the log; tell whether there are new ones."""
        with self._lock:
            before, self.rollbacks = self.rollbacks, merged(self.rollbacks, rollbacks)
            return self.rollbacks != before

    def clear(self) -> None:
        """Forget the rollbacks, because another experiment begins."""
        with self._lock:
            self.rollbacks = ()

    def state(self, version: int, arms: Sequence[ArmSums]) -> RampState:
        """Return the state for the weights in force; a treatment that has a share is not rolled back."""
        without_users = {one.arm for one in arms if not one.basis_points}
        return RampState(
            version=version,
            rollbacks=self.rollbacks,
            stopped=in_force(self.rollbacks, version=version) & without_users,
            watched=self.watched,
            watch_problem=self.watch_problem,
        )


def with_rollbacks(grade: Grade, ramps: RampState) -> Grade:
    """Return the grade with the rollbacks of its treatment as reasons.

    While a rollback is in force the new requests of the treatment decide nothing: it is rejected if it was rejected
    then, and on hold if it exceeded a bound. Later the earlier rollbacks stay in sight.
    """
    own = [one for one in ramps.rollbacks if one.arm == grade.treatment]
    if not own:
        return grade
    earlier = tuple(
        f"{'rejected' if one.cause == 'reject' else 'rolled back'} before {one.text}" for one in reversed(own)
    )[:MOST_NAMED]
    if grade.treatment not in ramps.stopped:
        return replace(grade, reasons=(*grade.reasons, *earlier))
    last = next(one for one in reversed(own) if not one.ended)
    held = last.cause != "reject"
    reasons = (f"rolled back, and not ramped again: {last.text}", *grade.reasons)
    return replace(grade, verdict="hold" if held else "reject", reasons=reasons, needed_units=None)
