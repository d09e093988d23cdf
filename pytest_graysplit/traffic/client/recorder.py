"""Record each request of live traffic in the monitor and in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.replies.fingerprint import redact_json
from pytest_graysplit.traffic.log.records import (
    FallbackCall,
    FeedbackRecord,
    GuardRecord,
    RequestRecord,
    SignalRecord,
)
from pytest_graysplit.traffic.log.writer import CLOSE_S
from pytest_graysplit.traffic.monitor.request_id import EXCLUDED, new_id
from pytest_graysplit.traffic.observers.observer import Observers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.traffic.client.calls import Call
    from pytest_graysplit.traffic.guards.guard_book import GuardEvent
    from pytest_graysplit.traffic.log.writer import TrafficLog
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.observers.observer import Observer
    from pytest_graysplit.traffic.splitter import TrafficSplitter, Unit
    from pytest_graysplit.types import Redactor, Reply


# Logged instead of a text that could not be redacted.
UNREDACTED = "[not logged: redact failed]"
_logger = logging.getLogger("pytest_graysplit")


class TrafficRecorder:
    """The monitor and the log together: each counted request is a line of the log."""

    def __init__(
        self,
        monitor: Monitor,
        log: TrafficLog | None,
        redact: Redactor,
        *,
        keep_texts: bool,
        observers: Iterable[Observer] = (),
    ) -> None:
        self._monitor = monitor
        self._log = log
        self._redact = redact
        self._keep_texts = keep_texts
        self._hook_failed = False
        self._observers = Observers(observers)

    def record(self, call: Call, reply: Reply, fallback_reply: Reply | None, *, wait_s: float | None = None) -> str:
        """Count and log the request and return its id.

        `fallback_reply` is the control's reply after a failure, and `wait_s` the time that the application waited.
        """
        now_s = time.time()
        record = _record_of(call, reply, None if fallback_reply is None else _fallback_of(fallback_reply), wait_s)
        request_id = self._monitor.count(record, call.key, now_s)
        if self._log is not None or reply.outcome != "ok":
            self._keep(self._completed(record, request_id, call, reply, now_s))
        self._observers.tell(call, reply, fallback_reply, request_id=request_id, clean=self._clean, wait_s=wait_s)
        return request_id

    def _keep(self, record: RequestRecord) -> None:
        if self._log is not None:
            self._log.write(record)
        self._monitor.record_failure(record)

    def feedback(self, request_id: str, score: float, *, before: float | None) -> None:
        """Count and log a user's score of an answer."""
        self._monitor.feedback(request_id, score, before=before)
        if self._log is not None:
            self._log.write(FeedbackRecord(id=request_id, at=stamp_of(time.time()), score=float(score), before=before))

    def guard(self, event: GuardEvent) -> None:
        """Show and log a change of a guard."""
        self._monitor.tell_guard(event)
        if self._log is not None:
            self._log.write(
                GuardRecord(
                    split=self._monitor.splitter.identity,
                    at=event.at,
                    arm=event.arm,
                    guard=event.guard,
                    state=event.state,
                    reason=self._clean(event.reason),
                )
            )

    def signal(self, splitter: TrafficSplitter, unit: Unit, name: str, value: float, *, before: float | None) -> None:
        """Count and log a signal of a unit."""
        self._monitor.signal(unit, name, value, before=before)
        if self._log is not None:
            self._log.write(
                SignalRecord(
                    id=new_id(splitter.identity, 0, EXCLUDED),
                    at=stamp_of(time.time()),
                    split=splitter.identity,
                    unit=splitter.key(unit).hex(),
                    signal=name,
                    value=float(value),
                    before=before,
                )
            )

    def use(self, splitter: TrafficSplitter) -> None:
        """Tell the monitor and the log that other weights are in force."""
        self._monitor.use(splitter)
        if self._log is not None:
            self._log.use(splitter)

    async def close(self) -> None:
        """Close the log in a thread, because it may wait for the disk."""
        if self._log is not None:
            # A pool of the application without a free thread must not hold the end up; the process then closes the log.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._log.close), 2 * CLOSE_S)

    def _completed(
        self, record: RequestRecord, request_id: str, call: Call, reply: Reply, now_s: float
    ) -> RequestRecord:
        """Return the record with its id, its time and redacted texts."""
        return replace(
            record,
            id=request_id,
            at=reply.at or stamp_of(now_s),
            problem=None if reply.error is None else self._clean(reply.error),
            **(self._texts(call, reply) if self._keep_texts else {}),
        )

    def _texts(self, call: Call, reply: Reply) -> dict[str, Any]:
        messages = tuple(redact_json(dict(message), self._clean) for message in call.messages)
        params = redact_json(dict(call.params), self._clean)
        return {"messages": messages or None, "params": params, "text": self._clean(reply.text)}

    def _clean(self, text: str, /) -> str:
        """Redact a text; if the hook of the application fails, the text is not logged."""
        try:
            cleaned: object = self._redact(text)
            if not isinstance(cleaned, str):
                raise TypeError(f"redact= returned {type(cleaned).__name__}, not a text")  # noqa: TRY301 # handled like an error of the hook itself
        except Exception:
            if not self._hook_failed:
                _logger.exception("graysplit: redact= failed; texts that it fails on are not logged")
            self._hook_failed = True
            return UNREDACTED
        return cleaned


def _record_of(call: Call, reply: Reply, fallback: FallbackCall | None, wait_s: float | None) -> RequestRecord:
    return RequestRecord(
        id="",
        at="",
        split=call.splitter.identity,
        arm=call.assignment.arm,
        model=call.assignment.model,
        outcome=reply.outcome,
        unit=None if call.key is None else call.key.hex(),
        forced=call.assignment.forced,
        latency_s=reply.latency_s,
        ttft_s=reply.ttft_s,
        queue_s=reply.queue_s,
        backoff_s=reply.backoff_s,
        attempts=reply.attempts,
        retried=reply.retried,
        error=_kind_of(reply),
        served_model=reply.served_model,
        fell_back=reply.fell_back,
        usage=reply.usage,
        cost_usd=reply.cost_usd,
        fallback=fallback,
        wait_s=wait_s,
    )


def _fallback_of(reply: Reply) -> FallbackCall:
    return FallbackCall(
        model=reply.model,
        outcome=reply.outcome,
        latency_s=reply.latency_s,
        attempts=reply.attempts,
        usage=reply.usage,
        cost_usd=reply.cost_usd,
        error=_kind_of(reply),
    )


def _kind_of(reply: Reply) -> str | None:
    return reply.error_kind or reply.error_slug
