"""The judging of a case's rubric: a request for each criterion and answer, and the verdicts from their replies.

A request is recorded in the case's file, replayed, priced, and counted apart from those of arms and metrics.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.rubric import criterion_messages, read_criterion
from pytest_graysplit.evaluation.model_graded import LONGEST_REMARK, answer_of
from pytest_graysplit.formatting.display import shortened
from pytest_graysplit.replies.fingerprint import request_hash, unchanged
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import CriterionResult, MetricUsage, ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.evaluation.metrics.judge import Answer
    from pytest_graysplit.evaluation.metrics.rubric import CriterionVerdict
    from pytest_graysplit.evaluation.model_graded import Ask
    from pytest_graysplit.replies.reply_request import Address
    from pytest_graysplit.types import Case, Json, Redactor, Reply

_ELSEWHERE = "it was recorded at another address or with other headers; --graysplit-record=all asks again"
# The name of these requests in messages and sums, as that of a metric.
RUBRIC = "rubric"


def criterion_request(judge: Arm, case: Case, answer: Answer, criterion: str, recording_path: Path) -> ReplyRequest:
    """Return the request for the judge's verdict on one criterion for one answer."""
    messages: list[Json] = [dict(message) for message in criterion_messages(case.messages, answer, criterion)]
    body = {"messages": messages, **judge.with_params({})}
    key = ReplyKey(case.id, judge.model, request_hash(body), 0, judge.recorded_as)
    return ReplyRequest(RUBRIC, judge, key, recording_path, body, metric=RUBRIC)


def criterion_verdict(reply: Reply) -> CriterionVerdict | None:
    """Read the verdict in a judge's reply; None for a failed call, or an answer without a clear verdict.

    An answer that was cut off may have lost its verdict after it had quoted another one.
    """
    # A reason such as "I cannot find it" may look like a refusal.
    return read_criterion(reply.text) if reply.outcome in ("ok", "refusal") else None


class RubricJudge:
    """The judge of one case's rubric; it asks once about equal answers, whichever arm gave them."""

    def __init__(
        self, judge: Arm, case: Case, recording_path: Path, ask: Ask, *, as_recorded: Redactor = unchanged
    ) -> None:
        """Judge answers to a case; `ask` returns the replies, and `as_recorded` turns a text into its recorded form."""
        self.arm = judge
        self._case = case
        self._recording_path = recording_path
        self._ask = ask
        self._as_recorded = as_recorded
        self._replies: dict[Address, Reply] = {}
        self._known: dict[Answer, list[ReplyRequest]] = {}

    def requests(self, answers: Iterable[Reply]) -> list[ReplyRequest]:
        """Return the requests about the answers, each request once."""
        every = (request for answer in answers for request in self._requests(answer))
        return list({request.recording_key: request for request in every}.values())

    def prepare(self, answers: Iterable[Reply]) -> None:
        """Send the requests about all answers at once; raise GraysplitError if a reply cannot be had."""
        requests = self.requests(answers)
        self._replies.update(zip((request.recording_key for request in requests), self._ask(requests), strict=True))

    def results(self, answer: Reply) -> tuple[CriterionResult, ...]:
        """Return the verdict on each criterion for an answer, without sending anything."""
        return tuple(
            self._result(answer, criterion, self._replies.get(request.recording_key))
            for criterion, request in zip(self._case.rubric, self._requests(answer), strict=True)
        )

    def usage(self) -> MetricUsage | None:
        """Sum up the requests; None without any."""
        replies = self._replies.values()
        costs = [reply.cost_usd for reply in replies if reply.outcome != "error"]
        known = [cost for cost in costs if cost is not None]
        if not replies:
            return None
        return MetricUsage(
            metric=RUBRIC,
            model=self.arm.name,
            calls=len(replies),
            cost_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None,
            replayed=sum(reply.replayed for reply in replies),
            failed=sum(reply.outcome == "error" for reply in replies),
            unreadable=sum(reply.outcome != "error" and criterion_verdict(reply) is None for reply in replies),
        )

    def _requests(self, answer: Reply) -> list[ReplyRequest]:
        """Return the requests about an answer, one per criterion; to make one takes a tenth of a millisecond."""
        read = answer_of(answer, self._as_recorded, self._case)
        if read not in self._known:
            self._known[read] = [
                criterion_request(self.arm, self._case, read, criterion, self._recording_path)
                for criterion in self._case.rubric
            ]
        return self._known[read]

    def _result(self, answer: Reply, criterion: str, reply: Reply | None) -> CriterionResult:
        if reply is not None and self._is_elsewhere(reply):
            return CriterionResult(criterion=criterion, sample=answer.sample, holds=None, reason=_ELSEWHERE)
        verdict = None if reply is None else criterion_verdict(reply)
        if verdict is None:
            return CriterionResult(criterion=criterion, sample=answer.sample, holds=None, reason=_why_silent(reply))
        reason = shortened(verdict.reason, LONGEST_REMARK)
        return CriterionResult(criterion=criterion, sample=answer.sample, holds=verdict.holds, reason=reason)

    def _is_elsewhere(self, reply: Reply) -> bool:
        """Tell whether a reply was recorded before the judge's table got another address or other headers."""
        return reply.replayed and reply.endpoint_hash != (self.arm.endpoint_hash or None)


def _why_silent(reply: Reply | None) -> str:
    if reply is None:
        return "the judge gave no answer"
    if reply.outcome == "error":
        return f"the call failed: {reply.error}"
    cut = "was cut off" if reply.outcome == "truncated" else "cannot be read"
    return f"its answer {cut}, it begins {reply.text[:60]!r}"
