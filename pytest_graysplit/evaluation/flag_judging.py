"""The judge of flagged pairs: where a guard sees another meaning, a model decides whether the answers contradict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.comparison import flagging_of
from pytest_graysplit.evaluation.judge_requests import JudgeRequests, each_once, judge_request
from pytest_graysplit.evaluation.metrics.contradiction import contradiction_messages
from pytest_graysplit.evaluation.metrics.guards import ABOUT_FORM
from pytest_graysplit.evaluation.model_graded import answer_of
from pytest_graysplit.replies.fingerprint import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.evaluation.model_graded import Ask
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Case, Flag, MetricUsage, Redactor, Reply

# The name of these requests in messages and sums, as that of a metric.
GUARDS = "guards"


class FlagJudge:
    """The judge of one case's flagged pairs, asked once about two texts, in whichever order they come.

    A flag about the form of an answer stays: to see a refusal, broken JSON, another language or another tool call, one
    need not understand the answer. A flag also stays where the judge gives no clear verdict.
    """

    def __init__(
        self, judge: Arm, case: Case, recording_path: Path, ask: Ask, *, as_recorded: Redactor = unchanged
    ) -> None:
        """Judge pairs of a case; `ask` returns the replies, and `as_recorded` turns a text into its recorded form."""
        self._judge = judge
        self._case = case
        self._recording_path = recording_path
        self._asked = JudgeRequests(judge, GUARDS, ask)
        self._as_recorded = as_recorded
        self._found = flagging_of(case)

    def requests(self, pairs: Iterable[tuple[Reply, Reply]]) -> list[ReplyRequest]:
        """Return the requests about the pairs that a guard of meaning flags, each request once."""
        return each_once(self._request(*pair) for pair in pairs if any(map(_is_judged, self._found(*pair))))

    def prepare(self, pairs: Iterable[tuple[Reply, Reply]]) -> None:
        """Send the requests about all pairs at once; raise GraysplitError if a reply cannot be had."""
        self._asked.prepare(self.requests(pairs))

    def flags(self, one: Reply, other: Reply) -> tuple[Flag, ...]:
        """Return the flags of a pair that stand: without those of meaning, if the judge sees no contradiction."""
        return tuple(self._standing(one, other))

    def usage(self) -> MetricUsage | None:
        """Sum up the requests, and the pairs without a contradiction; None without any request."""
        usage = self._asked.usage()
        return usage and replace(usage, overruled=sum(not verdict.yes for verdict in self._asked.verdicts()))

    def _standing(self, one: Reply, other: Reply) -> Iterator[Flag]:
        found = self._found(one, other)
        verdict = self._asked.verdict(self._request(one, other)) if any(map(_is_judged, found)) else None
        for flag in found:
            if verdict is None or not _is_judged(flag):
                yield flag
            elif verdict.yes:
                yield replace(flag, detail=f"{flag.detail}; the judge agrees")

    def _request(self, one: Reply, other: Reply) -> ReplyRequest:
        texts = (answer_of(reply, self._as_recorded, self._case).text for reply in (one, other))
        messages = contradiction_messages(self._case.messages, *texts)
        return judge_request(self._judge, GUARDS, self._case.id, messages, self._recording_path)


def _is_judged(flag: Flag) -> bool:
    return flag.name not in ABOUT_FORM
