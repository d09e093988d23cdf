"""Metrics that ask a model: the requests for a pair of answers, and the scores from their replies.

A request of a metric is a request like any other: recorded in the case's file, replayed, and fetched with the others.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import chain, product
from typing import TYPE_CHECKING, Protocol

from pytest_graysplit.cases.tool_calls.reading import as_json
from pytest_graysplit.errors import GraysplitError, Slug
from pytest_graysplit.evaluation.metrics.judge import (
    BETTER,
    CRITERIA,
    TIE,
    WORSE,
    Answer,
    Judge,
    JudgeVerdict,
    read_verdict,
)
from pytest_graysplit.evaluation.metrics.semantic import EmbeddingSimilarity
from pytest_graysplit.formatting.display import shortened
from pytest_graysplit.replies.conversation import sendable
from pytest_graysplit.replies.fingerprint import redact_call, request_hash, unchanged
from pytest_graysplit.replies.relay.vectors import unpack
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import MetricUsage, ReplyKey, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.replies.reply_request import Address
    from pytest_graysplit.types import Case, Json, Message, Redactor, Reply, Route, ToolCall

    Body = Mapping[str, Json]
    Ask = Callable[[Sequence[ReplyRequest]], Sequence[Reply]]

NAMES = ("semantic", "judge")
LONGEST_REMARK = 400


class ModelGradedMetric(Protocol):
    """The requests of a metric and the scores from their replies; it is given replies and does not know the relay."""

    name: str
    arm: Arm
    route: Route
    params: dict[str, Json]

    def bodies(self, case: Case, control: Answer, treatment: Answer) -> tuple[Body, ...]:
        """Return the requests for the pair, without the model; empty where the texts decide."""

    def rule(self, case: Case, control: Answer, treatment: Answer, reply: Callable[[Body], Reply]) -> JudgeVerdict:
        """Score the pair with the replies to its requests."""

    def readable(self, reply: Reply) -> bool:
        """Tell whether the metric can read the reply."""


class JudgeMetric:
    """The metric `judge`: two requests per pair, one for each order."""

    name = "judge"
    route: Route = "chat"

    def __init__(self, arm: Arm, criteria: str | None = None) -> None:
        self.arm = arm
        self.params = arm.with_params({})
        self._criteria = criteria or CRITERIA

    def bodies(self, case: Case, control: Answer, treatment: Answer) -> tuple[Body, ...]:
        """Return the requests of both orders."""
        return tuple(map(self._body, Judge(str, self._criteria).orders(case.messages, control, treatment)))

    def rule(self, case: Case, control: Answer, treatment: Answer, reply: Callable[[Body], Reply]) -> JudgeVerdict:
        """Combine the judge's verdicts in both orders."""
        judge = Judge(lambda messages: reply(self._body(messages)).text, self._criteria)
        return judge.rule(case.messages, control, treatment)

    def readable(self, reply: Reply) -> bool:
        """Tell whether the reply names a winner."""
        return read_verdict(reply.text) is not None

    def _body(self, messages: Sequence[Message]) -> Body:
        return {"messages": [dict(message) for message in messages], **self.params}


class EmbeddingMetric:
    """The metric `semantic` with a relay's vectors: one request for each text of a pair."""

    name = "semantic"
    route: Route = "embeddings"

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.params = arm.with_params({})

    def bodies(self, case: Case, control: Answer, treatment: Answer) -> tuple[Body, ...]:  # noqa: ARG002 # the texts determine the requests
        """Return the request for each text."""
        return tuple(map(self._body, EmbeddingSimilarity(unpack).texts(control.text, treatment.text)))

    def rule(self, case: Case, control: Answer, treatment: Answer, reply: Callable[[Body], Reply]) -> JudgeVerdict:
        """Score the two texts by their vectors."""
        if not all(self.readable(reply(body)) for body in self.bodies(case, control, treatment)):
            return JudgeVerdict(score=None)
        metric = EmbeddingSimilarity(lambda text: unpack(reply(self._body(text)).text))
        return JudgeVerdict(score=metric.score(control.text, treatment.text))

    def readable(self, reply: Reply) -> bool:
        """Tell whether the reply is a vector."""
        try:
            return len(unpack(reply.text)) > 0
        except ValueError:
            return False

    def _body(self, text: str) -> Body:
        return {"input": text, **self.params}


def model_graded_metric(name: str, settings: Settings) -> ModelGradedMetric | None:
    """Return the metric of that name that asks a model; None if the name is another metric's or no model is set."""
    judge, semantic = settings.table.judge, settings.table.semantic
    if name == "judge" and judge:
        return JudgeMetric(settings.metric_arm(judge), judge.criteria)
    return EmbeddingMetric(settings.metric_arm(semantic)) if name == "semantic" and semantic else None


class ModelGradedScorer:
    """All requests of one metric about one case; called with two replies it scores them, as any metric does.

    Each request is made once, even when several pairs need it. `own` is a scorer that is called first; if it returns
    None, the metric scores the pair. `as_recorded` turns a fresh text into its recorded form, because a replay must
    make the same requests.
    """

    def __init__(  # noqa: PLR0913 # the subject, the asker and three seams, each by name
        self,
        metric: ModelGradedMetric,
        case: Case,
        recording_path: Path,
        ask: Ask,
        *,
        own: Callable[[Reply, Reply], float | None] | None = None,
        as_recorded: Redactor = unchanged,
    ) -> None:
        self.metric = metric
        self._case = case
        self._recording_path = recording_path
        self._ask = ask
        self._own = own
        self._as_recorded = as_recorded
        self._replies: dict[Address, Reply] = {}
        self._verdicts: dict[tuple[Answer, Answer], JudgeVerdict] = {}

    def __call__(self, control: Reply, treatment: Reply) -> float | None:
        """Score the pair, sending only requests that were not sent before."""
        if self._own is not None and (score := self._own(control, treatment)) is not None:
            return score
        return self.verdict(control, treatment).score

    def requests(self, pairs: Iterable[tuple[Reply, Reply]]) -> list[ReplyRequest]:
        """Return the requests for the pairs, each request once."""
        bodies = [
            body
            for pair in pairs
            if self._own is None or self._own(*pair) is None
            for body in self.metric.bodies(self._case, *self._answers(*pair))
        ]
        return list({request.recording_key: request for request in map(self._request, bodies)}.values())

    def prepare(self, pairs: Iterable[tuple[Reply, Reply]]) -> None:
        """Send the requests for all pairs at once."""
        requests = self.requests(pairs)
        self._replies.update(zip((request.recording_key for request in requests), self._ask(requests), strict=True))

    def verdict(self, control: Reply, treatment: Reply) -> JudgeVerdict:
        """Return the metric's verdict on the pair; raise GraysplitError if a reply cannot be had."""
        answers = self._answers(control, treatment)
        if answers not in self._verdicts:
            self._verdicts[answers] = self.metric.rule(self._case, *answers, self._reply)
        return self._verdicts[answers]

    def usage(self, pairs: Iterable[tuple[Reply, Reply]]) -> MetricUsage | None:
        """Sum up the requests, and the verdicts of a judge on the pairs; None without any."""
        replies = self._replies.values()
        verdicts = [self._verdicts[answers] for pair in pairs if (answers := self._answers(*pair)) in self._verdicts]
        if not replies and not verdicts:
            return None
        scores = Counter(verdict.score for verdict in verdicts) if self.metric.name == "judge" else Counter()
        return replace(
            MetricUsage.of(self.metric.name, self.metric.arm.name, replies, self.metric.readable),
            better=scores[BETTER],
            ties=scores[TIE],
            worse=scores[WORSE],
            disagreements=sum(verdict.disagreed for verdict in verdicts),
        )

    def remarks_by_place(
        self, control: Sequence[Reply], treatment: Sequence[Reply]
    ) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return a judge's remarks on each pair by the places of the two replies; empty for other metrics."""
        places = product(range(len(control)), range(len(treatment)))
        every = {(one, other): self._remarks(control[one], treatment[other]) for one, other in places}
        return {pair: remarks for pair, remarks in every.items() if remarks}

    def _remarks(self, control: Reply, treatment: Reply) -> tuple[str, ...]:
        found = []
        for number, turn in enumerate(zip(control.turns, treatment.turns, strict=False), start=1):
            verdict = self._verdicts.get(self._answers(*turn))
            where = "" if control.turn is None else f"turn {number}: "
            found += [shortened(f"{where}{remark}", LONGEST_REMARK) for remark in verdict.remarks()] if verdict else []
        return tuple(found)

    def silence(self) -> str:
        """Say why pairs have no score; empty where every reply was readable."""
        failed = [reply for reply in self._replies.values() if reply.outcome == "error"]
        if failed:
            return f"a call failed: {failed[0].error}"
        odd = [reply for reply in self._replies.values() if not self.metric.readable(reply)]
        return f"its answer cannot be read, it begins {odd[0].text[:60]!r}" if odd else ""

    def silent_error(self) -> GraysplitError | None:
        """Return the error for pairs without a score; None where every reply was readable."""
        if not (silence := self.silence()):
            return None
        return GraysplitError(
            f"{self.metric.name} {self.metric.arm.name} gave no score for case {self._case.id!r}: {silence}",
            hint="a call that failed is tried again by the next run; if the model cannot do it, name another one in "
            f"[tool.graysplit.{self.metric.name}], or assert no similarity",
            slug=Slug.METRIC_SILENT,
        )

    def _reply(self, body: Body) -> Reply:
        request = self._request(body)
        if request.recording_key not in self._replies:
            [self._replies[request.recording_key]] = self._ask([request])
        return self._replies[request.recording_key]

    def _request(self, body: Body) -> ReplyRequest:
        metric = self.metric
        key = ReplyKey(self._case.id, metric.arm.model, request_hash(body), 0, metric.arm.recorded_as)
        return ReplyRequest(metric.name, metric.arm, key, self._recording_path, body, metric.route, metric.name)

    def _answers(self, control: Reply, treatment: Reply) -> tuple[Answer, Answer]:
        return self._answer(control), self._answer(treatment)

    def _answer(self, reply: Reply) -> Answer:
        is_judged = self.metric.route == "chat"
        return answer_of(reply, self._as_recorded, self._case if is_judged else None)


def answer_of(reply: Reply, as_recorded: Redactor, case: Case | None = None) -> Answer:
    """Return a reply as a judge reads it; a fresh one in its recorded form, because a replay makes the same request.

    With its case, the text of a conversation is that of all answers so far, with the user's messages between them.
    """
    kept = unchanged if reply.replayed else as_recorded
    text = _transcript(case, reply, kept) if case is not None and reply.earlier else kept(reply.text)
    return Answer(sendable(text), sendable(_lines(redact_call(call, kept) for call in reply.tool_calls)))


def _transcript(case: Case, reply: Reply, kept: Redactor) -> str:
    """Return all answers of a conversation with the user's messages between them; a blank answer stays blank."""
    if not reply.text.strip():
        return ""
    answers = [f"[assistant]\n{kept(answer.text)}" for answer in reply.turns]
    asked = [f"[user]\n{text_of(turn.message.get('content'))}" for turn in case.turns[1:]]
    return "\n\n".join([answers[0], *chain.from_iterable(zip(asked, answers[1:], strict=False))])


def _lines(calls: Iterable[ToolCall]) -> str:
    """Write each call on a line of its own, without its id, and spelled as it will be when it is replayed."""
    stored = ({name: value for name, value in as_json(call).items() if name != "id"} for call in calls)
    return "\n".join(json.dumps(call, ensure_ascii=False, sort_keys=True) for call in stored)
