"""The interface of observers, and the request that they are told of; an observer that fails harms no request."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from pytest_graysplit.config.address import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.traffic.splitter import Assignment, TrafficSplitter
    from pytest_graysplit.types import Json, Message, Redactor, Reply, Role

_logger = logging.getLogger("pytest_graysplit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """The call of one model for a request, its retries included; both times are in seconds since 1970.

    `messages` and `params` are those that were sent, with the system prompt and the parameters of the arm.
    """

    arm: Arm
    messages: Sequence[Message]
    params: Mapping[str, Json]
    reply: Reply
    started_s: float
    ended_s: float

    @property
    def server(self) -> tuple[str, int]:
        """The host and the port of the endpoint; an empty host if the arm has no address."""
        if not self.arm.access.base_url:
            return "", 0
        origin = origin_of(self.arm.access.base_url)
        return origin.host, origin.port

    @property
    def error_type(self) -> str | None:
        """The kind of the failure, such as http-503; None if the model answered."""
        if self.reply.outcome != "error":
            return None
        return self.reply.error_kind or str(self.reply.error_slug or "_OTHER")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRequest:
    """A request of live traffic that was counted; both times are in seconds since 1970 and enclose the user's wait.

    `calls` has the call of the arm's model and, if that failed and the control took its place, the control's. `clean`
    is the redaction of the client, for an observer that stores texts.
    """

    id: str
    experiment: str
    arm: str
    role: Role
    forced: bool
    started_s: float
    ended_s: float
    calls: tuple[ModelCall, ...]
    clean: Redactor

    @property
    def has_fallback(self) -> bool:
        """Whether the control was asked after the treatment failed."""
        return len(self.calls) > 1


class Observer(Protocol):
    """An object that is told of each request after it was counted, failed and cancelled ones too.

    It is called in the event loop of the client, so it must return at once.
    """

    def observe(self, request: ObservedRequest, /) -> None:
        """Take note of a request; an exception is logged once, and the request goes on."""


class LiveArmLike(Protocol):
    """An arm of the client, with the configuration that its requests are made of."""

    @property
    def arm(self) -> Arm: ...  # noqa: D102 # the class says it


class CallLike(Protocol):
    """A request of the application, as the client keeps it until it is counted."""

    @property
    def splitter(self) -> TrafficSplitter: ...  # noqa: D102
    @property
    def assignment(self) -> Assignment: ...  # noqa: D102
    @property
    def arms(self) -> Sequence[LiveArmLike]: ...  # noqa: D102
    @property
    def messages(self) -> Sequence[Message]: ...  # noqa: D102
    @property
    def params(self) -> Mapping[str, Json]: ...  # noqa: D102
    @property
    def began_s(self) -> float: ...  # noqa: D102


class Observers:
    """All observers of a client; one that raises is logged once, and neither a request nor another observer notices."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)
        self._failed: set[str] = set()

    def tell(  # noqa: PLR0913 # the parts of a request as the recorder has them
        self,
        call: CallLike,
        reply: Reply,
        fallback_reply: Reply | None,
        *,
        request_id: str,
        clean: Redactor,
        wait_s: float | None = None,
    ) -> None:
        """Tell each observer of a counted request, whose user waited for `wait_s` seconds; never raises."""
        if not self._observers:
            return
        try:
            request = observed(call, reply, fallback_reply, request_id=request_id, clean=clean, wait_s=wait_s)
        except Exception:
            if self._is_first_failure("description"):
                _logger.exception("graysplit: a request cannot be described to observers; requests go on")
            return
        for number, observer in enumerate(self._observers):
            try:
                observer.observe(request)
            except Exception:
                if self._is_first_failure(f"observer {number}"):
                    _logger.exception("graysplit: the observer %s failed; requests go on", type(observer).__name__)

    def _is_first_failure(self, of: str) -> bool:
        if of in self._failed:
            return False
        self._failed.add(of)
        return True


def observed(  # noqa: PLR0913 # as `tell`
    call: CallLike,
    reply: Reply,
    fallback_reply: Reply | None,
    *,
    request_id: str,
    clean: Redactor,
    wait_s: float | None = None,
) -> ObservedRequest:
    """Describe a request that has just ended, after `wait_s` seconds.

    Without them it began with the call, whose `began_s` is a reading of `time.perf_counter`.
    """
    ended_s = time.time()
    started_s = ended_s - max(0.0, time.perf_counter() - call.began_s if wait_s is None else wait_s)
    assignment = call.assignment
    own = call.arms[assignment.index].arm
    if fallback_reply is None:
        calls: tuple[ModelCall, ...] = (_model_call(own, call, reply, started_s, ended_s),)
    else:
        taken_over_s = min(max(_end_of(reply, started_s), started_s), ended_s)
        calls = (
            _model_call(own, call, reply, started_s, taken_over_s),
            _model_call(call.arms[0].arm, call, fallback_reply, taken_over_s, ended_s),
        )
    return ObservedRequest(
        id=request_id,
        experiment=call.splitter.salt,
        arm=assignment.arm,
        role=assignment.role,
        forced=assignment.forced,
        started_s=started_s,
        ended_s=ended_s,
        calls=calls,
        clean=clean,
    )


def _model_call(arm: Arm, call: CallLike, reply: Reply, started_s: float, ended_s: float) -> ModelCall:
    return ModelCall(
        arm=arm,
        messages=arm.with_system(call.messages),
        params=arm.with_params(call.params),
        reply=reply,
        started_s=started_s,
        ended_s=ended_s,
    )


def _end_of(reply: Reply, started_s: float) -> float:
    """Return the moment at which the last attempt ended; the start for a request that was never sent."""
    if reply.at is None:
        return started_s
    return datetime.fromisoformat(reply.at).timestamp() + (reply.latency_s or 0.0)
