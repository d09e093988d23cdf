"""The judging of a case's rubric: a request for each criterion and answer, and the verdicts from their replies.

A request is recorded in the case's file, replayed, priced, and counted apart from those of arms and metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.judge_requests import (
    JudgeRequests,
    each_once,
    judge_request,
    judge_verdict,
)
from pytest_graysplit.evaluation.metrics.rubric import CriterionVerdict, criterion_messages
from pytest_graysplit.evaluation.model_graded import LONGEST_REMARK, answer_of
from pytest_graysplit.formatting.display import shortened
from pytest_graysplit.replies.fingerprint import unchanged
from pytest_graysplit.types import CriterionResult

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.evaluation.metrics.judge import Answer
    from pytest_graysplit.evaluation.model_graded import Ask
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Case, MetricUsage, Redactor, Reply

# The name of these requests in messages and sums, as that of a metric.
RUBRIC = "rubric"


def criterion_request(judge: Arm, case: Case, answer: Answer, criterion: str, recording_path: Path) -> ReplyRequest:
    """Return the request for the judge's verdict on one criterion for one answer."""
    return judge_request(judge, RUBRIC, case.id, criterion_messages(case.messages, answer, criterion), recording_path)


def criterion_verdict(reply: Reply) -> CriterionVerdict | None:
    """Read the verdict in a judge's reply; None for a failed call, or an answer without a clear verdict."""
    verdict = judge_verdict(reply)
    return None if verdict is None else CriterionVerdict(*verdict)


class RubricJudge:
    """The judge of one case's rubric; it asks once about equal answers, whichever arm gave them."""

    def __init__(
        self, judge: Arm, case: Case, recording_path: Path, ask: Ask, *, as_recorded: Redactor = unchanged
    ) -> None:
        """Judge answers to a case; `ask` returns the replies, and `as_recorded` turns a text into its recorded form."""
        self.arm = judge
        self._case = case
        self._recording_path = recording_path
        self._asked = JudgeRequests(judge, RUBRIC, ask)
        self._as_recorded = as_recorded
        self._known: dict[Answer, list[ReplyRequest]] = {}

    def requests(self, answers: Iterable[Reply]) -> list[ReplyRequest]:
        """Return the requests about the answers, each request once."""
        return each_once(request for answer in answers for request in self._requests(answer))

    def prepare(self, answers: Iterable[Reply]) -> None:
        """Send the requests about all answers at once; raise GraysplitError if a reply cannot be had."""
        self._asked.prepare(request for answer in answers for request in self._requests(answer))

    def results(self, answer: Reply) -> tuple[CriterionResult, ...]:
        """Return the verdict on each criterion for an answer, without sending anything."""
        return tuple(
            self._result(answer, criterion, request)
            for criterion, request in zip(self._case.rubric, self._requests(answer), strict=True)
        )

    def usage(self) -> MetricUsage | None:
        """Sum up the requests; None without any."""
        return self._asked.usage()

    def _requests(self, answer: Reply) -> list[ReplyRequest]:
        """Return the requests about an answer, one per criterion; to make one takes a tenth of a millisecond."""
        read = answer_of(answer, self._as_recorded, self._case)
        if read not in self._known:
            self._known[read] = [
                criterion_request(self.arm, self._case, read, criterion, self._recording_path)
                for criterion in self._case.rubric
            ]
        return self._known[read]

    def _result(self, answer: Reply, criterion: str, request: ReplyRequest) -> CriterionResult:
        verdict = self._asked.verdict(request)
        if verdict is None:
            reason = self._asked.why_silent(request)
            return CriterionResult(criterion=criterion, sample=answer.sample, holds=None, reason=reason)
        reason = shortened(verdict.reason, LONGEST_REMARK)
        return CriterionResult(criterion=criterion, sample=answer.sample, holds=verdict.yes, reason=reason)
