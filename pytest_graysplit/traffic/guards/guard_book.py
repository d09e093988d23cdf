"""The guards of the arms as reports show them: their states, and their latest changes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.formatting.display import exact_money, money, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_graysplit.traffic.guards.breaker import BreakerStatus
    from pytest_graysplit.traffic.guards.daily_spend import DailySpendStatus
    from pytest_graysplit.types import Json

GuardName = Literal["breaker", "spend"]
MOST_EVENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEvent:
    """A change of a guard: `state` is that of a breaker, or "used-up"; `at` is a moment in UTC."""

    arm: str
    guard: GuardName
    state: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmGuards:
    """The guards of one arm in this process; None for a guard that the arm does not have."""

    arm: str
    breaker: BreakerStatus | None = None
    spend: DailySpendStatus | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the states for a report."""
        return {
            "arm": self.arm,
            "breaker": None if self.breaker is None else _breaker(self.breaker),
            "spend": None if self.spend is None else _spend(self.spend),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """The guards of all arms at one moment, and the latest changes, the oldest first."""

    arms: tuple[ArmGuards, ...] = ()
    events: tuple[GuardEvent, ...] = ()

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each guard that acts or has acted; from a log, its latest change."""
        latest = {(one.arm, one.guard): one for one in self.events}
        for (arm, guard), event in latest.items():
            since = f"since {event.at}: {event.reason}"
            if guard == "spend":
                yield f"the budget of {arm} was used up at {event.at}: {event.reason}"
            elif event.state == "closed":
                yield f"the breaker of {arm} is closed again {since}"
            else:
                yield f"the breaker of {arm} is {event.state} {since}"
        for one in self.arms:
            if one.breaker is not None and one.breaker.diverted:
                diverted = plural(one.breaker.diverted, "request")
                yield f"the breaker of {one.arm} has sent {diverted} to the control in all"
            if one.spend is not None:
                spent, limit = money(one.spend.spent_usd), exact_money(one.spend.usd_per_day)
                yield f"{one.arm} has spent {spent} of {limit} on {one.spend.day}"

    def as_json(self) -> dict[str, Json]:
        """Return the states and the changes for a report."""
        return {
            "arms": [one.as_json() for one in self.arms],
            "events": [
                {"at": one.at, "arm": one.arm, "guard": one.guard, "state": one.state, "reason": one.reason}
                for one in self.events
            ],
        }


class GuardBook:
    """The guards that a monitor shows: the states are read from a client, the changes may also come from a log."""

    def __init__(self) -> None:
        self._read: Callable[[], Iterable[ArmGuards]] = tuple
        self._events: deque[GuardEvent] = deque(maxlen=MOST_EVENTS)
        self._lock = Lock()

    def show(self, read: Callable[[], Iterable[ArmGuards]]) -> None:
        """Show the guards that this function returns."""
        self._read = read

    def add(self, event: GuardEvent) -> None:
        """Show a change."""
        with self._lock:
            self._events.append(event)

    def state(self) -> GuardState:
        """Return the guards of this moment."""
        with self._lock:
            events = tuple(self._events)
        return GuardState(arms=tuple(self._read()), events=events)


def _breaker(status: BreakerStatus) -> dict[str, Json]:
    return {
        "state": status.state,
        "reason": status.reason,
        "opened": status.opened,
        "diverted": status.diverted,
        "probes": status.probes,
        "failed_probes": status.failed_probes,
    }


def _spend(status: DailySpendStatus) -> dict[str, Json]:
    return {
        "day": status.day,
        "usd_per_day": float(status.usd_per_day),
        "spent_usd": float(status.spent_usd),
        "unconfirmed_usd": float(status.unconfirmed_usd),
        "refused": status.refused,
        "unbounded": status.unbounded,
        "used_up": status.is_used_up,
    }
