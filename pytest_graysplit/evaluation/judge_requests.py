"""Questions of yes or no to a judge about one case: each sent once, recorded in the case's file, and counted apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.yes_no import read_yes_or_no
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import MetricUsage, ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.evaluation.metrics.yes_no import YesOrNo
    from pytest_graysplit.evaluation.model_graded import Ask
    from pytest_graysplit.replies.reply_request import Address
    from pytest_graysplit.types import Json, Message, Reply

_ELSEWHERE = "it was recorded at another address or with other headers; --graysplit-record=all asks again"


def judge_request(
    judge: Arm, subject: str, case_id: str, messages: Sequence[Message], recording_path: Path
) -> ReplyRequest:
    """Return a request to the judge; `subject` names in messages and sums what it is asked about."""
    asked: list[Json] = [dict(message) for message in messages]
    body = {"messages": asked, **judge.with_params({})}
    key = ReplyKey(case_id, judge.model, request_hash(body), 0, judge.recorded_as)
    return ReplyRequest(subject, judge, key, recording_path, body, metric=subject)


def judge_verdict(reply: Reply) -> YesOrNo | None:
    """Read the verdict in a judge's reply; None for a failed call, or an answer without a clear verdict.

    An answer that was cut off may have lost its verdict after it had quoted another one.
    """
    # A reason such as "I cannot find it" may look like a refusal.
    return read_yes_or_no(reply.text) if reply.outcome in ("ok", "refusal") else None


class JudgeRequests:
    """The requests of one subject about one case, and their replies."""

    def __init__(self, judge: Arm, subject: str, ask: Ask) -> None:
        """Keep the replies that `ask` returns; `subject` is that of the requests."""
        self._judge = judge
        self._subject = subject
        self._ask = ask
        self._replies: dict[Address, Reply] = {}

    def prepare(self, requests: Iterable[ReplyRequest]) -> None:
        """Send all requests at once, each once; raise GraysplitError if a reply cannot be had."""
        once = each_once(requests)
        self._replies.update(zip((request.recording_key for request in once), self._ask(once), strict=True))

    def verdict(self, request: ReplyRequest) -> YesOrNo | None:
        """Return the verdict in the reply to a request; None for a reply that has none or is missing."""
        reply = self._replies.get(request.recording_key)
        return None if reply is None or self._judge.is_elsewhere(reply) else judge_verdict(reply)

    def verdicts(self) -> list[YesOrNo]:
        """Return the verdicts in all replies that have one."""
        found = (judge_verdict(reply) for reply in self._replies.values() if not self._judge.is_elsewhere(reply))
        return [verdict for verdict in found if verdict is not None]

    def why_silent(self, request: ReplyRequest) -> str:
        """Say why the reply to a request has no verdict."""
        reply = self._replies.get(request.recording_key)
        if reply is None:
            return "the judge gave no answer"
        if self._judge.is_elsewhere(reply):
            return _ELSEWHERE
        if reply.outcome == "error":
            return f"the call failed: {reply.error}"
        cut = "was cut off" if reply.outcome == "truncated" else "cannot be read"
        return f"its answer {cut}, it begins {reply.text[:60]!r}"

    def usage(self) -> MetricUsage | None:
        """Sum up the requests; None without any."""
        replies = self._replies.values()
        if not replies:
            return None
        return MetricUsage.of(self._subject, self._judge.name, replies, lambda reply: judge_verdict(reply) is not None)


def each_once(requests: Iterable[ReplyRequest]) -> list[ReplyRequest]:
    """Return the requests without repeats, in their order."""
    return list({request.recording_key: request for request in requests}.values())
