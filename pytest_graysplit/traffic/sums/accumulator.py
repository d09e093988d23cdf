"""Accumulate the requests of one arm in bounded memory."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.sums.latencies import Latencies
from pytest_graysplit.traffic.sums.signals import SignalAccumulator
from pytest_graysplit.traffic.sums.snapshot import ArmSums, ClusterSums, HeavyUnit
from pytest_graysplit.traffic.sums.units import BUCKETS, HeavyUnits
from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.traffic.log.records import FallbackCall, RequestRecord
    from pytest_graysplit.traffic.splitter import Assignment

FAILED = frozenset({"error", "refusal"})
# Names of errors and models come from outside, so names beyond this number are counted together.
MOST_NAMES = 64
OTHERS = "others"
# A unit with a larger share of an arm's requests is named, because it dominates the figures of the arm.
HEAVY_SHARE = 0.05


class Totals:
    """Counts of requests, attempts and errors, and their cost."""

    __slots__ = ("attempts", "cost_usd", "errors", "requests", "unpriced")

    def __init__(self) -> None:
        self.requests = self.attempts = self.errors = self.unpriced = 0
        self.cost_usd = Decimal(0)

    def add(self, record: RequestRecord) -> None:
        """Count a request, and the fallback call after it."""
        self.requests += 1
        self.attempts += record.attempts
        cost_usd = record.cost_usd
        if cost_usd is not None:
            self.cost_usd += cost_usd
        if record.outcome == "error":
            self.errors += 1
        elif cost_usd is None:
            self.unpriced += 1
        if (call := record.fallback) is not None:
            self.attempts += call.attempts
            if call.cost_usd is not None:
                self.cost_usd += call.cost_usd
            elif call.outcome != "error":
                self.unpriced += 1

    def absorb(self, other: Totals) -> None:
        """Add other totals."""
        for name in Totals.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @classmethod
    def of(cls, *parts: Totals) -> Totals:
        """Return the sum of the parts, as a new object."""
        whole = cls()
        for part in parts:
            whole.absorb(part)
        return whole


class ArmAccumulator:
    """The sums of one arm since its weight was set."""

    def __init__(self, assignment: Assignment, basis_points: int, settings: str = "") -> None:
        self.assignment = assignment
        self.basis_points = basis_points
        self.settings = settings
        self.units = self.anonymous = self.forced = 0
        self.totals = Totals()
        self.heavy = HeavyUnits()
        self.signals: dict[str, SignalAccumulator] = {}
        self.outcomes: defaultdict[str, int] = defaultdict(int)
        self.errors: defaultdict[str, int] = defaultdict(int)
        self.retried: defaultdict[str, int] = defaultdict(int)
        self.served: defaultdict[str, int] = defaultdict(int)
        self.gateway_fallbacks = self.fallbacks = self.fallback_failures = 0
        self.fallback_usd = Decimal(0)
        self._prompt = self._completion = self._cached = self._cache_write = self._reasoning = self._total = 0
        self._waits = Latencies()
        self._units, self._requests, self._passed, self._failed, self._timed, self._waited, self._scored = (
            array("q", bytes(8 * BUCKETS)) for _ in range(7)
        )
        self._log_latency, self._cost_usd, self._score = (array("d", bytes(8 * BUCKETS)) for _ in range(3))

    def add_unit(self, bucket: int) -> None:
        """Count a new unit of the cluster in that bucket."""
        self.units += 1
        self._units[bucket] += 1

    def add(self, record: RequestRecord, bucket: int) -> None:
        """Count a request of the cluster in that bucket."""
        self.totals.add(record)
        outcome, latency_s, cost_usd, usage = record.outcome, record.latency_s, record.cost_usd, record.usage
        self.outcomes[outcome] += 1
        self._requests[bucket] += 1
        if outcome == "ok":
            self._passed[bucket] += 1
        elif outcome in FAILED:
            self._failed[bucket] += 1
        if latency_s is not None:
            self._timed[bucket] += 1
            self._log_latency[bucket] += math.log(max(latency_s, 1e-9))
        if record.wait_s is not None:
            self._count_wait(record.wait_s, bucket)
        if cost_usd is not None:
            self._cost_usd[bucket] += float(cost_usd)
        if usage is not None:
            self._count_tokens(usage)
        self._count_names(record)
        self.gateway_fallbacks += record.fell_back
        if (fallback := record.fallback) is not None:
            self._count_fallback(fallback, bucket)

    def score(self, bucket: int, score: float, before: float | None) -> None:
        """Count a user's score of an answer; it replaces the score `before`."""
        self._scored[bucket] += before is None
        self._score[bucket] += score - (before or 0.0)

    def signal(self, name: str, bucket: int, value: float, before: float | None, lag_s: float | None) -> None:
        """Count a signal of a unit in that bucket, `lag_s` seconds after the unit's latest request."""
        if name not in self.signals:
            self.signals[name] = SignalAccumulator()
        self.signals[name].add(bucket, value, before, lag_s)

    def _count_names(self, record: RequestRecord) -> None:
        if (error := record.error) is not None:
            _count(self.errors, error)
        for kind in record.retried:
            _count(self.retried, kind)
        if (served_model := record.served_model) is not None:
            _count(self.served, served_model)

    def _count_wait(self, wait_s: float, bucket: int) -> None:
        self._waited[bucket] += 1
        self._waits.add(wait_s)

    def _count_tokens(self, usage: Usage) -> None:
        self._prompt += usage.prompt
        self._completion += usage.completion
        self._total += usage.prompt + usage.output
        if usage.cached or usage.cache_write or usage.reasoning:
            self._cached += usage.cached
            self._cache_write += usage.cache_write
            self._reasoning += usage.reasoning

    def _count_fallback(self, call: FallbackCall, bucket: int) -> None:
        self.fallbacks += 1
        self.fallback_failures += call.outcome == "error"
        if call.cost_usd is not None:
            self.fallback_usd += call.cost_usd
            self._cost_usd[bucket] += float(call.cost_usd)

    def sums(self, latencies: Latencies) -> ArmSums:
        """Return a snapshot of the sums, with the latencies of the arm."""
        scored, waits = sum(self._scored), self._waits.copy()
        buckets = [bucket for bucket, requests in enumerate(self._requests) if requests or self._scored[bucket]]
        return ArmSums(
            arm=self.assignment.arm,
            role=self.assignment.role,
            model=self.assignment.model,
            basis_points=self.basis_points,
            table=self.assignment.split.table,
            fingerprint=self.assignment.split.fingerprint,
            settings=self.settings,
            units=self.units,
            requests=self.totals.requests,
            attempts=self.totals.attempts,
            passed=self.outcomes.get("ok", 0),
            outcomes=_ordered(self.outcomes),
            errors=_ordered(self.errors),
            retried=_ordered(self.retried),
            served=_ordered(self.served),
            gateway_fallbacks=self.gateway_fallbacks,
            fallbacks=self.fallbacks,
            fallback_failures=self.fallback_failures,
            anonymous=self.anonymous,
            forced=self.forced,
            usage=Usage(
                prompt=self._prompt,
                completion=self._completion,
                cached=self._cached,
                cache_write=self._cache_write,
                reasoning=self._reasoning,
                total=self._total,
            ),
            cost_usd=self.totals.cost_usd,
            fallback_usd=self.fallback_usd,
            unpriced=self.totals.unpriced,
            feedback=scored,
            feedback_mean=math.fsum(self._score) / scored if scored else None,
            mean_latency_s=latencies.mean_s,
            timed=latencies.n,
            mean_wait_s=waits.mean_s,
            waited=waits.n,
            clusters=self._clusters(buckets),
            heavy=tuple(
                HeavyUnit(unit=key.hex(), requests=requests)
                for key, requests in self.heavy.above(HEAVY_SHARE * self.totals.requests)
            ),
            signals={name: self.signals[name].sums(buckets) for name in sorted(self.signals)},
            quantile=latencies.quantile_s,
            counts=latencies.counts,
            wait_quantile=waits.quantile_s,
        )

    def copy(self) -> ArmAccumulator:
        """Return the sums of this moment as an object of their own, in a small part of the time that `sums` takes."""
        return deepcopy(self, {id(self.assignment): self.assignment})

    def _clusters(self, buckets: Sequence[int]) -> tuple[ClusterSums, ...]:
        return tuple(
            ClusterSums(
                units=self._units[bucket],
                requests=self._requests[bucket],
                passed=self._passed[bucket],
                failed=self._failed[bucket],
                timed=self._timed[bucket],
                waited=self._waited[bucket],
                log_latency=self._log_latency[bucket],
                cost_usd=self._cost_usd[bucket],
                scored=self._scored[bucket],
                score=self._score[bucket],
            )
            for bucket in buckets
        )


def _count(counts: defaultdict[str, int], name: str) -> None:
    counts[name if name in counts or len(counts) < MOST_NAMES else OTHERS] += 1


def _ordered(counts: defaultdict[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
