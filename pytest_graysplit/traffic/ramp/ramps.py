"""All changes of the weights while a client runs: by the application, by a watched split, and by a rollback."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from threading import RLock, Thread
from typing import TYPE_CHECKING

from msgspec import UNSET

from pytest_graysplit.config.pyproject.rollback import BOUND_HINT, Rollback
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.clock import moment_of, stamp_of
from pytest_graysplit.traffic.ramp.guard import RollbackGuard
from pytest_graysplit.traffic.ramp.logged_splits import LoggedSplits
from pytest_graysplit.traffic.ramp.ticker import Ticker
from pytest_graysplit.traffic.ramp.versions import numbered, require_newer, version_of, weights_text
from pytest_graysplit.traffic.ramp.watched import WatchedSplit
from pytest_graysplit.traffic.splitter.rolled_back import RolledBack, ended, in_force

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.traffic.log.records import SplitRecord
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.ramp.guard import Finding
    from pytest_graysplit.traffic.splitter import TrafficSplitter

WATCH_S = 2.0
# The longest wait for the watched split and the log before the first request.
START_S = 15.0
_logger = logging.getLogger("pytest_graysplit")


@dataclass(frozen=True, slots=True, kw_only=True)
class RampOptions:
    """The settings of a client that change its weights while it runs; each of them may be missing.

    `watch` is a path or an http(s) address, `log` the path of the shared log, which tells of other workers' rollbacks.
    Raises UsageError for conditions and a callback that cannot be used.
    """

    watch: str | os.PathLike[str] | None = None
    rollback: Rollback | None = None
    on_rollback: Callable[[RolledBack], object] | None = None
    log: str | os.PathLike[str] | None = None
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.rollback is not None and not isinstance(self.rollback, Rollback):
            raise _unusable(f"rollback={self.rollback!r} is not a Rollback", BOUND_HINT)
        called: object = self.on_rollback
        if called is None:
            return
        if self.rollback is None:
            raise _unusable("on_rollback is given without the conditions of a rollback", BOUND_HINT)
        if not callable(called) or iscoroutinefunction(called):
            hint = "pass a plain function; it is called in a thread, and may schedule work in an event loop"
            raise _unusable(f"on_rollback={called!r} is not a plain function", hint)


class Ramps:
    """The weights in force: those that a person set last, without the treatments that are rolled back.

    `take` puts a splitter in force, in the client, the monitor and the log. Threads may share it.
    """

    def __init__(
        self,
        splitter: TrafficSplitter,
        monitor: Monitor,
        options: RampOptions,
        *,
        settings: Settings,
        take: Callable[[TrafficSplitter], None],
    ) -> None:
        self._set = splitter
        self._monitor = monitor
        self._take = take
        self._clock = options.clock
        self._lock = RLock()
        self._open = True
        self._stopped: frozenset[str] = frozenset()
        self._since = ""
        self._latest_s = 0.0
        self._on_rollback = options.on_rollback
        self._rollback = options.rollback
        self._log = None if options.log is None else Path(options.log)
        self._logged = None if self._log is None else LoggedSplits(self._log, splitter.salt)
        self._guard = None if options.rollback is None else RollbackGuard(monitor, options.rollback)
        self._watched = None
        if options.watch is not None:
            self._watched = WatchedSplit(
                str(options.watch),
                current=lambda: self._set,
                offer=self._offered,
                on_problem=self._tell_watch,
                settings=settings,
            )
            monitor.tell_watch(self._watched.name, "")
        self._tickers = tuple(self._new_tickers())

    async def open(self) -> None:
        """Start in a thread, and wait for it at most so long that a disk or an address that hangs delays no service."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def run() -> None:
            try:
                self.start()
            except Exception:
                _logger.exception("graysplit: the watched split and the rollbacks of the log could not be read")
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ready.set)

        # A thread of its own, because those of the application's pool may all be busy.
        Thread(target=run, name="graysplit-start", daemon=True).start()
        try:
            await asyncio.wait_for(ready.wait(), START_S)
        except TimeoutError:
            _logger.warning("graysplit: still reading the watched split and the log; their weights follow later")

    def start(self) -> None:
        """Take the weights of the watched split, newer ones of the log, and its rollbacks, then begin to follow.

        It reads files and may ask an address, so `open` calls it in a thread.
        """
        self._open = True
        watches = self._watched is not None and self._watched.look()
        with self._lock:
            declared = [] if self._logged is None else list(self._logged.new())
            if self._set.version or (self._watched is not None and not watches):
                self._resume(declared)
            self._monitor.add_rollbacks(_rollbacks(declared))
            self._stop_arms(in_force(self._monitor.ramps.rollbacks, version=self._set.version))
            self._since = self._moment()
            if self._open:
                for ticker in self._tickers:
                    ticker.start()

    def stop(self) -> None:
        """End the threads; one that is at work changes nothing any more."""
        self._open = False
        for ticker in self._tickers:
            ticker.stop()

    def use(self, splitter: TrafficSplitter) -> None:
        """Put the weights of the application in force: a ramp by a person, which also ends a rollback.

        Without a number of its own the splitter gets the next version. Raises UsageError for an older version.
        """
        with self._lock:
            self._ramp(numbered(splitter, self._set))

    def look(self) -> None:
        """Check the conditions of a rollback."""
        if self._guard is not None:
            before = self._set
            findings = self._guard.look(self._clock())
            with self._lock:
                # Findings about weights that a person has changed meanwhile are dropped.
                events = self._roll_back(findings) if self._open and self._set is before else []
            for event in events:
                self._call(event)

    def follow(self) -> None:
        """Follow the rollbacks that other workers logged."""
        if self._logged is None:
            return
        found = _rollbacks(self._logged.new())
        with self._lock:
            self._monitor.add_rollbacks(found)
            version = self._set.version
            if self._open:
                self._stop_arms(in_force(self._monitor.ramps.rollbacks, version=version, since=self._since))

    def look_at_watch(self) -> None:
        """Read the watched split if it has changed."""
        if self._watched is not None and self._open:
            self._watched.look()

    def _new_tickers(self) -> Iterable[Ticker]:
        if self._watched is not None:
            yield Ticker("watch", self.look_at_watch, every_s=WATCH_S)
        if self._rollback is not None:
            yield Ticker("rollback", self.look, every_s=self._rollback.every_s)
            # A thread of its own: a disk that hangs must not stop a rollback.
            yield Ticker("follow", self.follow, every_s=self._rollback.every_s)

    def _ramp(self, splitter: TrafficSplitter) -> None:
        """Take the weights of a person; rollbacks of the treatments that get users have ended."""
        again = {arm for arm, points in zip(splitter.arms, splitter.basis_points, strict=True) if points}
        now, history = self._moment(), self._monitor.ramps.rollbacks
        other = splitter.salt != self._set.salt
        self._put(splitter, self._stopped - again, () if other else ended(history, again, now))
        if other and self._log is not None:
            self._logged = LoggedSplits(self._log, splitter.salt)
        self._set, self._stopped, self._since = splitter, self._stopped - again, now

    def _put(self, splitter: TrafficSplitter, stopped: frozenset[str], history: Iterable[RolledBack]) -> None:
        known = tuple(history)
        self._take(splitter.rolled_back(stopped, known) if stopped or known else splitter)

    def _offered(self, found: TrafficSplitter) -> None:
        """Take the weights of the watched split, unless they are older, or raise a treatment without a new version."""
        with self._lock:
            current = self._set
            require_newer(found, current)
            if found.version == current.version and found.basis_points == current.basis_points:
                return
            _logger.warning(
                "graysplit: new weights from %s: %s", self._watched and self._watched.name, weights_text(found)
            )
            if found.version and found.version == current.version:  # a kill switch in a hurry, not a ramp
                self._put(found, self._stopped, self._monitor.ramps.rollbacks)
                self._set = found
            else:
                self._ramp(found)

    def _tell_watch(self, problem: str) -> None:
        if self._watched is not None:
            self._monitor.tell_watch(self._watched.name, problem)

    def _resume(self, declared: Iterable[SplitRecord]) -> None:
        """Take the weights of the log if they have a newer version: another process was given them by a person."""
        newest = max(declared, key=lambda one: (version_of(one), one.at), default=None)
        arms = [(one.arm, one.model, one.split.table) for one in self._set.assignments]
        if newest is None or version_of(newest) <= self._set.version:
            return
        if [(one.arm, one.model, one.table) for one in newest.arms] == arms:
            points = [one.basis_points for one in newest.arms]
            self._set = self._set.reweighted(points, version=version_of(newest))
            _logger.warning("graysplit: the log has newer weights than this process: %s", weights_text(self._set))
            self._put(self._set, self._stopped, self._monitor.ramps.rollbacks)

    def _stop_arms(self, arms: Iterable[str]) -> None:
        """Send the users of these treatments to the control, as another worker or an earlier process did."""
        with_users = {arm for arm, points in zip(self._set.arms, self._set.basis_points, strict=True) if points}
        new = (frozenset(arms) & with_users) - self._stopped
        if new:
            self._stopped |= new
            _logger.warning("graysplit: rolled back by the log: %s", ", ".join(sorted(new)))
            self._put(self._set, self._stopped, self._monitor.ramps.rollbacks)

    def _roll_back(self, findings: Iterable[Finding]) -> list[RolledBack]:
        points = dict(zip(self._set.arms, self._set.basis_points, strict=True))
        split = self._monitor.splitter.identity
        events = [
            RolledBack(
                arm=one.arm,
                at=self._moment(),
                split=split,
                basis_points=points[one.arm],
                cause=one.cause,
                reason=one.reason,
                version=self._set.version,
            )
            for one in findings
            if points.get(one.arm) and one.arm not in self._stopped
        ]
        if events:
            self._monitor.add_rollbacks(events)
            self._stopped |= {one.arm for one in events}
            self._put(self._set, self._stopped, self._monitor.ramps.rollbacks)
        return events

    def _call(self, event: RolledBack) -> None:
        _logger.warning("graysplit: %s was rolled back %s", event.arm, event.text)
        if self._on_rollback is not None:
            try:
                self._on_rollback(event)
            except Exception:
                _logger.exception("graysplit: on_rollback= failed; the rollback stays in force")

    def _moment(self) -> str:
        """Return the time, later than each earlier one even if the clock is set back."""
        known = [one.ended or one.at for one in self._monitor.ramps.rollbacks]
        latest = [moment.timestamp() for moment in map(moment_of, known) if moment]
        self._latest_s = max(self._clock(), *(past_s + 0.001 for past_s in (self._latest_s, *latest)))
        return stamp_of(self._latest_s)


def _rollbacks(declared: Iterable[SplitRecord]) -> list[RolledBack]:
    return [rollback for one in declared if one.rollbacks is not UNSET for rollback in one.rollbacks]


def _unusable(text: str, hint: str) -> UsageError:
    return UsageError(text, hint=hint, slug=Slug.ROLLBACK_BOUND)
