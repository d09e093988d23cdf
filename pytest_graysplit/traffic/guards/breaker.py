"""The circuit breaker of an arm: it stops sending users to an arm that fails or is slow, and finds out when it is well.

It sends nothing itself. The client asks `admit` before each request, and tells `record` its outcome.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.clock import REAL
from pytest_graysplit.traffic.guards.window import SlidingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Reply

BreakerState = Literal["closed", "open", "half-open"]

MOST_EVENTS = 100
# 5% of requests over a bound put the 95th percentile over it.
SLOW_SHARE = 0.05
# Failures for which the arm cannot be blamed: the application's own request, and its end.
_BLAMELESS_SLUGS = frozenset({Slug.REQUEST_CANCELLED, Slug.REQUEST_UNUSABLE})
_BLAMELESS_KINDS = frozenset({"http-400", "http-413", "http-422"})
_logger = logging.getLogger("pytest_graysplit")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """The rules by which a breaker opens, probes and closes.

    It opens when `error_share` of at least `min_requests` requests within `window_s` have failed, when the 95th
    percentile of their latency is over `p95_s` (shown by `min_slow` requests at least), or, with fewer requests than
    that, after `in_a_row` failures in a row. Then it waits for `wait_s`, which doubles with each failed probe up to
    `max_wait_s`. Probes go one at a time and are at most `probe_share` of the requests, and `trial_share` once a probe
    has succeeded; where requests are so rare that this takes longer than `probe_after_s`, one goes then.
    `closes_after` successful probes in a row close it. A request that its user gave up after `abandoned_s` or more
    counts as failed, because an application with a timeout of its own reports no other outcome of a hanging arm.
    """

    window_s: float = 10.0
    min_requests: int = 20
    error_share: float = 0.5
    in_a_row: int = 5
    p95_s: float | None = None
    min_slow: int = 5
    wait_s: float = 5.0
    max_wait_s: float = 60.0
    probe_share: float = 0.01
    trial_share: float = 0.1
    probe_after_s: float = 300.0
    closes_after: int = 5
    abandoned_s: float = 5.0


class Permit(NamedTuple):
    """The admission of one request; `number` is unique, and `opened` tells how often the breaker had opened before."""

    number: int
    opened: int
    is_probe: bool
    admitted_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerEvent:
    """A change of the state, its moment in seconds since 1970, and its reason in words."""

    state: BreakerState
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """The state of a breaker and its counts since the start, for reports; `events` are the latest, the oldest first."""

    state: BreakerState
    reason: str
    opened: int
    diverted: int
    probes: int
    failed_probes: int
    events: tuple[BreakerEvent, ...]


class Breaker:
    """A circuit breaker without any I/O, for all threads of one process; each process has its own.

    `on_event` is called with each change, outside of the lock. `clock` counts seconds, `wall_clock` those since 1970.
    """

    def __init__(
        self,
        policy: BreakerPolicy | None = None,
        *,
        on_event: Callable[[BreakerEvent], None] | None = None,
        clock: Callable[[], float] = REAL.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy or BreakerPolicy()
        self._on_event = on_event
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = Lock()
        self._state: BreakerState = "closed"
        self._window = SlidingWindow(self.policy.window_s)
        self._failures_in_a_row = 0
        self._number = self._opened = self._diverted = self._probes = self._failed_probes = 0
        self._in_flight: dict[int, float] = {}  # only where a latency is bounded: the oldest first
        self._wait_s = self.policy.wait_s
        self._wait_until_s = self._last_probe_s = 0.0
        self._diverted_since_probe = self._successful_probes = 0
        self._probe: Permit | None = None
        self._events: deque[BreakerEvent] = deque(maxlen=MOST_EVENTS)
        self._unsent: list[BreakerEvent] = []

    def admit(self) -> Permit | None:
        """Return the permit to send the next request to the arm, or None if the control has to answer it."""
        with self._lock:
            now_s = self._clock()
            if self._state == "closed":
                self._count_overdue(now_s)
            permit = self._next_permit(now_s)
        self._tell()
        return permit

    def record(self, permit: Permit, *, failed: bool, latency_s: float | None = None) -> None:
        """Count the outcome of an admitted request; `latency_s` is the time that its user waited for this arm."""
        with self._lock:
            now_s = self._clock()
            slow = self.policy.p95_s is not None and latency_s is not None and latency_s > self.policy.p95_s
            is_counted = self._in_flight.pop(permit.number, None) is not None or self.policy.p95_s is None
            if permit.is_probe:
                if permit == self._probe:
                    self._end_probe(now_s, failed=failed or slow)
            elif permit.opened == self._opened and is_counted:
                self._count(now_s, failed=failed, slow=slow)
        self._tell()

    def cancel(self, permit: Permit) -> None:
        """Forget a request that its user gave up; it counts as failed where the user had waited for long."""
        if self._clock() - permit.admitted_s >= self.policy.abandoned_s:
            self.record(permit, failed=True)
            return
        with self._lock:
            self._in_flight.pop(permit.number, None)
            if permit == self._probe:
                self._probe = None

    def status(self) -> BreakerStatus:
        """Return the state and the counts."""
        with self._lock:
            return BreakerStatus(
                state=self._state,
                reason=self._events[-1].reason if self._events else "",
                opened=self._opened,
                diverted=self._diverted,
                probes=self._probes,
                failed_probes=self._failed_probes,
                events=tuple(self._events),
            )

    def _next_permit(self, now_s: float) -> Permit | None:
        is_probe = self._state != "closed"
        if is_probe and not self._may_probe(now_s):
            self._diverted += 1
            self._diverted_since_probe += 1
            return None
        self._number += 1
        permit = Permit(self._number, self._opened, is_probe, now_s)
        if is_probe:
            self._probe, self._last_probe_s = permit, now_s
            self._probes += 1
            self._diverted_since_probe = 0
            if self._state == "open":
                self._change("half-open", "a request in a hundred is sent to see whether it answers again")
        elif self.policy.p95_s is not None:
            self._in_flight[permit.number] = now_s
        return permit

    def _may_probe(self, now_s: float) -> bool:
        rules = self.policy
        if self._probe is not None:
            if now_s - self._last_probe_s < rules.probe_after_s:
                return False
            self._end_probe(now_s, failed=True)  # its outcome was never recorded
        if now_s < self._wait_until_s:
            return False
        share = rules.trial_share if self._successful_probes else rules.probe_share
        enough = (self._diverted_since_probe + 1) * share >= 1
        return enough or now_s - self._last_probe_s >= rules.probe_after_s

    def _end_probe(self, now_s: float, *, failed: bool) -> None:
        self._probe = None
        if failed:
            self._failed_probes += 1
            self._wait_s = min(self._wait_s * 2, self.policy.max_wait_s)
            self._open(now_s, f"a probe failed; the next goes in {self._wait_s:g} s at the earliest")
            return
        self._successful_probes += 1
        if self._successful_probes >= self.policy.closes_after:
            self._wait_s = self.policy.wait_s
            self._change("closed", f"{self._successful_probes} probes in a row were answered")

    def _count_overdue(self, now_s: float) -> None:
        """Count requests that are still in flight after the bound on the latency: a hanging arm reports nothing."""
        bound_s = self.policy.p95_s
        while bound_s is not None and self._in_flight:
            number, since_s = next(iter(self._in_flight.items()))
            if now_s - since_s <= bound_s:
                return
            del self._in_flight[number]
            self._count(now_s, failed=False, slow=True)

    def _count(self, now_s: float, *, failed: bool, slow: bool) -> None:
        self._window.add(now_s, failed=failed, slow=slow)
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        if reason := self._reason_to_open():
            self._opened += 1
            self._open(now_s, reason)

    def _reason_to_open(self) -> str:
        rules, seen = self.policy, self._window.total
        if seen.requests < rules.min_requests:
            in_a_row = self._failures_in_a_row
            return f"{in_a_row} requests in a row failed" if in_a_row >= rules.in_a_row else ""
        if seen.failed >= rules.error_share * seen.requests:
            return f"{seen.failed} of {seen.requests} requests failed within {rules.window_s:g} s"
        if seen.slow >= rules.min_slow and seen.slow > SLOW_SHARE * seen.requests:
            return f"{seen.slow} of {seen.requests} requests took longer than {rules.p95_s:g} s"
        return ""

    def _open(self, now_s: float, reason: str) -> None:
        self._window.clear()
        self._in_flight.clear()
        self._failures_in_a_row = self._successful_probes = self._diverted_since_probe = 0
        self._wait_until_s, self._last_probe_s = now_s + self._wait_s, now_s
        self._change("open", reason)

    def _change(self, state: BreakerState, reason: str) -> None:
        self._state = state
        event = BreakerEvent(state=state, at_s=self._wall_clock(), reason=reason)
        self._events.append(event)
        self._unsent.append(event)

    def _tell(self) -> None:
        """Call `on_event` with the changes that it has not seen; an error of the application is logged."""
        if not self._unsent:
            return
        with self._lock:
            events, self._unsent = self._unsent, []
        for event in events if self._on_event else ():
            try:
                self._on_event(event)  # type: ignore[misc] # it is set
            except Exception:
                _logger.exception("on_event of a circuit breaker failed")


def is_failure_of_arm(reply: Reply, *, is_lasting: bool = False) -> bool:
    """Tell whether a reply counts against its arm: no connection, no whole answer in time, a 5xx, a 429 at the end.

    A refusal, and an empty, filtered or cut-off answer, are answers: the grade judges them. A request that the relay
    calls invalid, or that the application gave up, is not the arm's fault, except where the relay says what every
    request of the arm would meet (`is_lasting`), such as a refused key or parameter.
    """
    if reply.outcome != "error":
        return False
    return is_lasting or not (reply.error_slug in _BLAMELESS_SLUGS or reply.error_kind in _BLAMELESS_KINDS)
