"""The monitor of live traffic: it counts each request in bounded memory, and grades the treatments on demand."""

from __future__ import annotations

import os
import random
import time
import warnings
from collections import deque
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.stats import sample_ratio_e
from pytest_graysplit.traffic.grade.grade import Grade, grade
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.monitor.figures import (
    OUTCOMES,
    checked_cost,
    checked_score,
    checked_signal,
    refuse_outcome,
    refuse_times,
)
from pytest_graysplit.traffic.monitor.ramp_history import RampHistory, RecentSums, with_rollbacks
from pytest_graysplit.traffic.monitor.report import TrafficState, report_of
from pytest_graysplit.traffic.monitor.request_id import EXCLUDED, new_id, read_id
from pytest_graysplit.traffic.monitor.windows import Windows
from pytest_graysplit.traffic.splitter import Assignment, unknown_arm
from pytest_graysplit.traffic.sums.accumulator import ArmAccumulator, Totals
from pytest_graysplit.traffic.sums.signals import LatestRequests
from pytest_graysplit.traffic.sums.units import BUCKETS, SeenUnits, bucket_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.log.records import FallbackCall
    from pytest_graysplit.traffic.monitor.windows import ArmWindow
    from pytest_graysplit.traffic.splitter import RolledBack, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Outcome, Usage

# The latest failed requests, for a person to read.
MOST_FAILURES = 50
# Names of signals come from outside too: so many are counted, in addition to the declared ones.
MOST_SIGNALS = 16


class Monitor:
    """Sums over the requests of each arm, their costs at the arm's own prices, and users' scores of the answers.

    Forced requests are counted apart, and so are requests without a unit if all of them go to the control: neither is a
    fair sample. `prices` are US dollars per million tokens by model, in addition to the built-in ones. `policy` holds
    the bounds of a treatment. Both come from the pyproject.toml at `project` unless they are given. `clock` returns
    seconds since 1970. `failures` are the latest requests with another outcome than ok, if a client or a log reported
    them. `gaps` are the lines that its log lacks, and `refused_signals` counts the signals with one name too many.
    Threads may share a monitor.
    """

    def __init__(
        self,
        splitter: TrafficSplitter,
        *,
        project: str | os.PathLike[str] | None = None,
        prices: Mapping[str, Mapping[str, float | Decimal]] | None = None,
        policy: Policy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        settings = Settings() if project is None else read_settings(Path(project), os.environ)
        self.policy = policy or settings.policy
        self._prices = PriceTable({**settings.prices, **_exact(prices or {})})
        self._clock = clock
        self._lock = Lock()
        self.previous = Totals()
        self.excluded = Totals()
        self.failures: deque[RequestRecord] = deque(maxlen=MOST_FAILURES)
        self.ramps = RampHistory()
        self.refused_signals = 0
        self.gaps = LogGaps()
        self.version = 0
        self.started_s = clock()
        self._start(splitter)

    def _start(self, splitter: TrafficSplitter) -> None:
        self.splitter = splitter
        self._seen = SeenUnits()
        self._latest = LatestRequests()
        self._unasked: dict[str, int] = {}
        self._identity = splitter.identity
        declared = zip(splitter.assignments, splitter.basis_points, splitter.settings, strict=True)
        self._arms = [ArmAccumulator(*one) for one in declared]
        self._windows = Windows(len(self._arms))
        self._index = {assignment.arm: assignment.index for assignment in splitter.assignments}

    def use(self, splitter: TrafficSplitter) -> None:
        """Change the weights: the sums so far stay in the totals, and the comparison starts again.

        Requests from before and after a change of weights must not be mixed, because the arms would then differ in time
        too. A splitter with an older version than the current one changes nothing.
        """
        with self._lock:
            if splitter.salt != self.splitter.salt:
                self.ramps.clear()
            elif splitter.version < self.splitter.version:
                return
            self.version += self.ramps.add(splitter.rollbacks)
            if splitter.identity == self._identity:
                self.version += splitter.version != self.splitter.version
                self.splitter = splitter
                return
            for arm in self._arms:
                self.previous.absorb(arm.totals)
            self.previous.absorb(self.excluded)
            self.excluded = Totals()
            self._start(splitter)
            self.version += 1

    def record(  # noqa: PLR0913 # each figure of a request by its name
        self,
        arm: str | Assignment,
        *,
        unit: Unit = None,
        outcome: Outcome = "ok",
        latency_s: float | None = None,
        wait_s: float | None = None,
        usage: Usage | None = None,
        cost_usd: Decimal | float | None = None,
        error: str | None = None,
        attempts: int = 1,
        retried: tuple[str, ...] = (),
        served_model: str | None = None,
        fell_back: bool = False,
        fallback: FallbackCall | None = None,
        forced: bool = False,
    ) -> str:
        """Count one request and return its id, which `feedback` needs.

        `arm` is the result of `assign`, or the arm's name. `latency_s` is the time of the last attempt, `wait_s` that
        for which the user waited, with retries and fallback. Without `cost_usd` (US dollars) the tokens of `usage` are
        priced; without either the cost is unknown. Raises UsageError for an invalid arm, outcome, time or cost.
        """
        split = self._identity
        if isinstance(arm, Assignment):
            forced = forced or arm.forced
            arm = arm.arm
        index = self._index.get(arm)
        if index is None:
            raise unknown_arm(arm, list(self._index))
        if outcome not in OUTCOMES:
            raise refuse_outcome(outcome)
        if (latency_s is not None and not 0 <= latency_s < 1e9) or (wait_s is not None and not 0 <= wait_s < 1e9):
            raise refuse_times(latency_s, wait_s)
        cost_usd = None if cost_usd is None else checked_cost(cost_usd)
        model = self._arms[index].assignment.model
        if cost_usd is None and usage is not None:
            priced_as = self._prices.name_for(self._arms[index].assignment.split.table or model, model)
            cost_usd = self._prices.cost_of_answer(priced_as, usage, outcome=outcome)
        key = None if unit is None else self.splitter.key(unit)
        record = RequestRecord(
            "",
            "",
            split,
            arm,
            model,
            outcome,
            unit=None if key is None else key.hex(),
            forced=forced,
            latency_s=latency_s,
            attempts=attempts,
            retried=retried,
            error=error,
            served_model=served_model,
            fell_back=fell_back,
            usage=usage,
            cost_usd=cost_usd,
            fallback=fallback,
            wait_s=wait_s,
        )
        return self.count(record, key, self._clock())

    def count(self, record: RequestRecord, key: bytes | None, at_s: float) -> str:
        """Count a request and return its id; `key` is the key of its unit, and `at_s` is in seconds since 1970.

        A request that was sent under other weights than the current ones counts only in the totals.
        """
        # A request without a unit counts as a unit of its own, in a random cluster.
        bucket = random.randrange(BUCKETS) if key is None else bucket_of(key)
        split, forced = record.split, record.forced
        with self._lock:
            self.version += 1
            if split != self._identity:
                self.previous.add(record)
                return new_id(split, self._index.get(record.arm, 0), EXCLUDED)
            index = self._index[record.arm]
            arm = self._arms[index]
            if forced or (key is None and self.splitter.anonymous == "control"):
                arm.forced += forced
                arm.anonymous += not forced
                self.excluded.add(record)
                return new_id(split, index, EXCLUDED)
            if key is None or self._seen.add(key):
                arm.add_unit(bucket)
            else:  # the first request of a unit is left out: most units send only one, and cost nothing here
                arm.heavy.add(key)
            if key is not None:
                self._latest.put(key, index, at_s)
            arm.add(record, bucket)
            self._windows.add(index, record, at_s)
            return new_id(split, index, bucket)

    @property
    def troubles(self) -> deque[RequestRecord]:
        """The old name of `failures`."""
        warnings.warn(
            "Monitor.troubles is now Monitor.failures; the old name goes in the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.failures

    def record_failure(self, record: RequestRecord) -> None:
        """Keep a request with another outcome than ok, for a person to read."""
        if record.outcome != "ok":
            self.failures.append(record)

    def feedback(self, request_id: str, score: float, *, before: float | None = None) -> None:
        """Count a user's score of an answer: 0 is bad, 1 is good; `before` is the earlier score that it replaces.

        Feedback on a request from before the weights changed is not counted. Raises UsageError for an invalid score or
        id.
        """
        fair, before = checked_score(score), None if before is None else checked_score(before)
        read = read_id(request_id)
        with self._lock:
            if read.split == self._identity and read.bucket != EXCLUDED and read.arm < len(self._arms):
                self.version += 1
                self._arms[read.arm].score(read.bucket, fair, before)

    def signal(self, unit: Unit, name: str, value: float = 1.0, *, before: float | None = None) -> None:
        """Count a signal of a unit, such as a ticket: a value from 0 to 1, in the arm that answers the unit.

        Several signals of one name of a unit are added up; `before` is an earlier value that this one replaces. A
        signal of a unit without a compared request is counted apart. Raises UsageError for an invalid name or value,
        and for one name too many.
        """
        value, before = checked_signal(name, value), None if before is None else checked_signal(name, before)
        if unit is None:
            raise UsageError(
                f"the signal {name} has no unit",
                hint="pass the unit of the request, such as the id of the user",
                slug=Slug.TRAFFIC_SIGNAL,
            )
        if not self.count_signal(self.splitter.key(unit), name, value, before, self._clock()):
            raise UsageError(
                f"the signal {name} is one name too many: {MOST_SIGNALS} that are not declared are counted",
                hint=f"declare it in [tool.graysplit.verdict.signals.{name}], or send fewer names",
                slug=Slug.TRAFFIC_SIGNAL,
            )

    def count_signal(self, key: bytes, name: str, value: float, before: float | None, at_s: float) -> bool:
        """Count a signal of the unit with this key, at a time since 1970; return False for one name too many."""
        with self._lock:
            self.version += 1
            if name not in self._unasked and not self._admits(name):
                self.refused_signals += 1
                return False
            self._unasked.setdefault(name, 0)
            latest = self._latest.find(key)
            if latest is None and key not in self._seen:
                self._unasked[name] += before is None
                return True
            index = self.splitter.assigned(key).index if latest is None else latest.arm
            # A unit that has asked again since, in the log of another process, has an unknown lag.
            lag_s = None if latest is None or at_s < latest.at_s else at_s - latest.at_s
            self._arms[index].signal(name, bucket_of(key), value, before, lag_s)
            return True

    def has_asked(self, key: bytes) -> bool:
        """Tell whether the unit with this key has a compared request."""
        with self._lock:
            return key in self._seen

    def _admits(self, name: str) -> bool:
        declared = self.policy.signals
        return name in declared or sum(known not in declared for known in self._unasked) < MOST_SIGNALS

    def state(self) -> TrafficState:
        """Return the sums of this moment, with the grades."""
        with self._lock:
            # Requests wait for the lock, so the sums are only copied under it.
            taken = [(arm.copy(), self._windows.latencies(index)) for index, arm in enumerate(self._arms)]
            excluded, previous = Totals.of(self.excluded), Totals.of(self.previous)
            unasked = {name: number for name, number in sorted(self._unasked.items()) if number}
            total = Totals.of(self.excluded, self.previous, *(arm.totals for arm in self._arms))
            version, identity, salt = self.splitter.version, self._identity, self.splitter.salt
        sums = tuple(arm.sums(latencies) for arm, latencies in taken)
        ramps = self.ramps.state(version, sums)
        gaps = self.gaps.copy()
        mismatch_e = sample_ratio_e([one.units for one in sums], [one.basis_points for one in sums])
        return TrafficState(
            split=identity,
            salt=salt,
            started_s=self.started_s,
            sums=sums,
            grades=tuple(
                with_rollbacks(grade(sums[0], one, self.policy, mismatch_e=mismatch_e, gaps=gaps), ramps)
                for one in sums[1:]
            ),
            mismatch_e=mismatch_e,
            excluded=excluded,
            previous=previous,
            total=total,
            ramps=ramps,
            unasked_signals=unasked,
            refused_signals=self.refused_signals,
            gaps=gaps,
        )

    def tell_watch(self, source: str, problem: str) -> None:
        """Show the watched file or address of the weights, and its problem or an empty text."""
        with self._lock:
            self.ramps.watched, self.ramps.watch_problem = source, problem
            self.version += 1

    def add_rollbacks(self, rollbacks: Iterable[RolledBack]) -> None:
        """Show rollbacks that another worker has logged."""
        with self._lock:
            self.version += self.ramps.add(rollbacks)

    def recent(self, since_s: float) -> RecentSums:
        """Return the sums of each arm since a moment, by whole minutes, and the costs since the weights were set."""
        with self._lock:
            return RecentSums(
                split=self._identity,
                arms=tuple(zip(self.splitter.arms, self.splitter.basis_points, strict=True)),
                windows=tuple(self._windows.recent(index, since_s) for index in range(len(self._arms))),
                costs_usd=tuple(arm.totals.cost_usd for arm in self._arms),
                requests=sum(arm.totals.requests for arm in self._arms),
            )

    def windows(self) -> list[tuple[int, list[ArmWindow]]]:
        """Return the last hour by minute: the second since 1970 at which each minute begins, and its arms."""
        with self._lock:
            return list(self._windows)

    def grade(self, treatment: str | None = None) -> Grade:
        """Return the grade of the treatment; a single treatment needs no name. Raises UsageError for an unknown arm."""
        grades = {one.treatment: one for one in self.state().grades}
        if treatment is None and len(grades) == 1:
            return next(iter(grades.values()))
        if treatment is None:
            raise UsageError(
                f"there are {len(grades)} treatments, and the grade of none was requested",
                hint=f"name one: {', '.join(grades)}",
                slug=Slug.SPLIT_ARM_UNKNOWN,
            )
        if treatment not in grades:
            raise unknown_arm(treatment, list(grades))
        return grades[treatment]

    def report(self) -> dict[str, Json]:
        """Return the report as JSON with stable keys: numbers, not texts, and null for unknown values."""
        return report_of(self.state())


def _exact(prices: Mapping[str, Mapping[str, float | Decimal]]) -> dict[str, dict[str, Decimal]]:
    # 0.28 means the decimal number, and not the nearest binary fraction.
    return {model: {kind: Decimal(str(usd)) for kind, usd in own.items()} for model, own in prices.items()}
