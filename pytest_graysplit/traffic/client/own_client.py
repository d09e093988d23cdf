"""Requests that the application sends with a client of its own: their arm, and the record of how they ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from pytest_graysplit.config.options import nearest
from pytest_graysplit.replies.relay.usage import read_usage
from pytest_graysplit.traffic.client.answer_reader import plain, refused
from pytest_graysplit.traffic.splitter import Assignment
from pytest_graysplit.types import Outcome, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from pytest_graysplit.traffic.client.answer_reader import AnswerReader
    from pytest_graysplit.traffic.client.calls import Call
    from pytest_graysplit.traffic.client.recorder import TrafficRecorder
    from pytest_graysplit.traffic.client.serving import RequestService
    from pytest_graysplit.types import Json, Message, Reply

# More seconds, dollars or attempts than any request takes; NaN is not below it either.
_MOST = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAssignment(Assignment):
    """The arm of a unit for one request that the application sends itself; `client.record` takes it back.

    `body` is the request of this arm, `headers` are sent with it, and `base_url` is where the arm is asked.
    """

    call: Call = field(repr=False, compare=False)

    @classmethod
    def of(cls, call: Call) -> Self:
        """Return the assignment of a request."""
        one = call.assignment
        return cls(
            arm=one.arm,
            role=one.role,
            model=one.model,
            split=one.split,
            index=one.index,
            forced=one.forced,
            anonymous=one.anonymous,
            call=call,
        )

    def body(self, messages: Iterable[Message], **params: Json) -> dict[str, Json]:
        """Return the body of the request: the arm's model, its system prompt, and its parameters below these.

        They are the arguments of `openai.chat.completions.create` too.
        """
        return self.call.arm.body(messages, params)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the arm and of the client's templates; `extra_headers` of the openai package."""
        live = self.call.arm
        return {**live.arm.headers, **live.headers}

    @property
    def base_url(self) -> str:
        """The address of the arm."""
        return self.call.arm.arm.access.base_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures that an application gives beside an answer, or in its place; None where it gives none."""

    outcome: Outcome | None = None
    text: str | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    usage: Usage | Mapping[str, Any] | None = None
    attempts: int | None = None
    wait_s: float | None = None
    cost_usd: Decimal | float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a figure that no request can have."""
        if self.outcome is not None and self.outcome not in get_args(Outcome):
            raise refused(
                f"unknown outcome {self.outcome!r}{nearest(str(self.outcome), list(get_args(Outcome)))}",
                f"the outcomes are {', '.join(get_args(Outcome))}",
            )
        for name in ("latency_s", "ttft_s", "wait_s", "attempts", "cost_usd"):
            value = getattr(self, name)
            if value is not None and not _is_figure(value):
                raise refused(
                    f"invalid {name}: {value!r}", f"{name} is a number of 0 or more, or None if it is unknown"
                )

    def applied(self, reply: Reply) -> Reply:
        """Return the reply with these figures in place of its own."""
        usage = self.usage
        if usage is not None and not isinstance(usage, Usage):
            usage = read_usage(plain(usage))
        given = {
            "outcome": self.outcome,
            "text": self.text,
            "latency_s": self.latency_s,
            "ttft_s": self.ttft_s,
            "usage": usage,
            "attempts": self.attempts,
        }
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return replace(reply, **changed)  # always another object: its cost will be filled in

    def paid(self, reply: Reply) -> Reply:
        """Return the reply with the cost that the application gave, if it gave one."""
        return reply if self.cost_usd is None else replace(reply, cost_usd=Decimal(str(self.cost_usd)))


class OwnRequests:
    """The records of requests that an application has sent itself: counted and logged as those of our own client."""

    def __init__(self, reader: AnswerReader, service: RequestService, recorder: TrafficRecorder) -> None:
        self._reader = reader
        self._service = service
        self._recorder = recorder

    def record(self, call: Call, figures: Figures, given: object, fallback: object) -> str:
        """Count and log a request and return its id; `fallback` is the control's answer after a failure, or None."""
        arm, control = call.arm, call.arms[0]
        answer = figures.applied(self._reader.reply(given, arm.arm.model, call.params, figures.text))
        answer = figures.paid(self._service.finished(answer, arm))
        stand_in = None
        if fallback is not None:
            read = self._reader.reply(fallback, control.arm.model, call.params)
            stand_in = self._service.finished(replace(read), control)
        wait_s = answer.latency_s if figures.wait_s is None else figures.wait_s
        return self._recorder.record(call, answer, stand_in, wait_s=wait_s)


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= float(value) < _MOST
