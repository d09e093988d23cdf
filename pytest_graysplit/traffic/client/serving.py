"""The service of one request after the other: the arm answers, or the control in its place, by the user's deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.errors import BudgetExceededError, Slug, UsageError
from pytest_graysplit.replies.fingerprint import redact_reply
from pytest_graysplit.traffic.client.brakes import BRAKED, Trial
from pytest_graysplit.traffic.client.reply import arm_reply, failure
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.traffic.client.brakes import Brakes
    from pytest_graysplit.traffic.client.bulkheads import Bulkheads
    from pytest_graysplit.traffic.client.calls import Call
    from pytest_graysplit.traffic.client.live_arms import LiveArm
    from pytest_graysplit.traffic.client.pieces import Pieces
    from pytest_graysplit.traffic.client.recorder import TrafficRecorder
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.types import Redactor

# The fields of a reply that hold the model's output to the user.
_MODEL_TEXTS = frozenset({"text", "reasoning", "tool_calls"})


class RequestService:
    """The service of requests, whole or in pieces; each is recorded once, also if the application stops waiting.

    With `fallback` the control answers if a treatment fails, in the time that is left for the user. It also answers if
    a brake keeps the request from its treatment.
    """

    def __init__(  # noqa: PLR0913 # the parts of a client
        self,
        bulkheads: Bulkheads,
        brakes: Brakes,
        recorder: TrafficRecorder,
        *,
        prices: PriceTable,
        without_secrets: Redactor,
        fallback: bool,
    ) -> None:
        self._bulkheads = bulkheads
        self._brakes = brakes
        self._recorder = recorder
        self._prices = prices
        self._without_secrets = without_secrets
        self._fallback = fallback

    async def serve(self, call: Call, pieces: Pieces | None = None) -> SplitReply:
        """Return the reply to a request; its text also goes into `pieces`, while it arrives.

        Raises RequestFailedError if there is no answer.
        """
        reply: Reply | None = None
        stand_in: Reply | None = None
        try:
            reply, cause = await self._ask_arm(call, pieces)
            if self._may_fall_back(call, reply, pieces):
                stand_in, cause = await self._ask(call.arms[0], call, _left_s(call, call.deadlines.timeout_s), pieces)
        except BaseException as error:
            # A cancelled request may have been sent and may be billed, so it is counted. With a UsageError nothing was.
            if reply is not None or not isinstance(error, UsageError):
                ended = _cancelled(call.arm if reply is None else call.arms[0], call, pieces)
                self._finish(call, reply or ended, None if reply is None else ended, pieces)
            raise
        answered = self._finish(call, reply, stand_in, pieces)
        if answered.outcome == "error":
            raise failure(answered) from cause
        return answered

    async def _ask_arm(self, call: Call, pieces: Pieces | None) -> tuple[Reply, RelayError | None]:
        """Ask the arm of the unit, unless its breaker is open."""
        trial = self._brakes.admit(call)
        if trial is None:
            return self._brakes.diverted(call), None
        if not isinstance(trial, Trial):
            return await self._ask(call.arm, call, self._time_for_arm_s(call), pieces)
        if pieces is not None:
            pieces.on_first = trial.begin
        try:
            reply, cause = await self._ask(call.arm, call, self._time_for_arm_s(call), pieces)
        except BaseException:
            trial.cancel()
            raise
        trial.end(reply, is_lasting=cause is not None)
        return reply, cause

    async def _ask(
        self, live: LiveArm, call: Call, deadline_s: float, pieces: Pieces | None
    ) -> tuple[Reply, RelayError | None]:
        relay = await self._bulkheads.relay_of(live)
        listener = None if pieces is None else pieces.listener(call.deadlines.timeout_s)
        try:
            reply, cause = await relay.attempt(
                live.arm,
                live.body(call.messages, call.params, streams=listener is not None),
                headers={**live.headers, **call.headers} if call.headers else live.headers,
                deadline_s=deadline_s,
                listener=listener,
            )
        except BudgetExceededError as error:
            return self._brakes.refused(live.name, live.arm.model, error), None
        if listener is not None:
            reply = listener.completed(reply)
        return self.finished(reply, live), cause

    def finished(self, reply: Reply, live: LiveArm) -> Reply:
        """Return a fresh reply of an arm with its cost, and without secrets in its figures.

        Sums, log, page and metrics show these fields. The model's output belongs to the user, and is redacted only for
        the log.
        """
        reply = redact_reply(reply, self._without_secrets, kept=_MODEL_TEXTS)
        return self._prices.priced(reply, live.arm.priced_as)

    def _time_for_arm_s(self, call: Call) -> float:
        may_fall_back = self._fallback and call.assignment.role == "treatment"
        return _left_s(call, call.deadlines.treatment_s if may_fall_back else call.deadlines.timeout_s)

    def _may_fall_back(self, call: Call, reply: Reply, pieces: Pieces | None) -> bool:
        """Tell whether the control may answer: not after the user has seen a piece of the treatment's answer."""
        if reply.outcome != "error" or call.assignment.role != "treatment":
            return False
        if not self._fallback and reply.error_slug not in BRAKED:
            return False
        return not (pieces is not None and pieces.has_begun) and call.waited_s() < call.deadlines.timeout_s

    def _finish(self, call: Call, reply: Reply, stand_in: Reply | None, pieces: Pieces | None) -> SplitReply:
        """Record the request, with the wait that the user saw, and return its reply."""
        wait_s = call.waited_s()
        request_id = self._recorder.record(call, reply, stand_in, wait_s=wait_s)
        answered = arm_reply(
            stand_in or reply,
            arm=call.assignment.arm,
            role=call.assignment.role,
            request_id=request_id,
            wait_s=wait_s,
            failed=None if stand_in is None else reply,
        )
        if pieces is not None:
            pieces.reply = answered
        return answered


def _left_s(call: Call, timeout_s: float) -> float:
    """Return the seconds that are left, in whole milliseconds for messages."""
    return max(0.001, round(timeout_s - call.waited_s(), 3))


def _cancelled(live: LiveArm, call: Call, pieces: Pieces | None) -> Reply:
    """Return the reply of a request that the application stopped waiting for, with the part that had arrived."""
    reply = Reply(
        model=live.arm.model,
        outcome="error",
        error="the application stopped waiting",
        error_slug=Slug.REQUEST_CANCELLED,
        latency_s=call.waited_s(),
    )
    if pieces is None or (heard := pieces.heard) is None:
        return reply
    return replace(reply, text=heard.text, ttft_s=heard.ttft_s, usage=heard.usage)
