"""The judging of a rubric: its requests, the verdicts from recorded replies, and the sum of the calls."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from factories import a_case, a_reply, an_error

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.evaluation.metrics.judge import Answer
from pytest_graysplit.evaluation.rubric_judging import RubricJudge, criterion_request, criterion_verdict
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.types import CriterionResult, ToolCall

JUDGE = Arm(name="strict", model="gpt-4.1", params={"temperature": 0}, metric="judge")
WINDOW, REFUND = "names the 30-day window", "promises no refund"
CASE = a_case(rubric=(WINDOW, REFUND))
PATH = Path("__graysplit__/support.jsonl")


def said(verdict="yes", reason="It does."):
    return a_reply(f'{{"reason": "{reason}", "verdict": "{verdict}"}}', "gpt-4.1")


def judge_of(case=CASE, reply=lambda _: said(), **fields):
    """Return the judge of a case, and the requests that it has sent."""
    sent = []

    def ask(requests):
        sent.extend(requests)
        return [reply(request) for request in requests]

    return RubricJudge(JUDGE, case, PATH, ask, **fields), sent


def test_each_criterion_is_a_request_of_its_own():
    """Both are sent at once, with the parameters of the judge, and recorded under the case and the judge's model."""
    judge, sent = judge_of()
    judge.prepare([a_reply("Within 30 days.")])
    assert [WINDOW in request.body["messages"][1]["content"] for request in sent] == [True, False]
    for request in sent:
        assert request.body["temperature"] == 0
        assert request.key == (CASE.id, "gpt-4.1", request_hash(request.body), 0, "", 0)
        assert (request.role, request.recording_path) == ("rubric", PATH)


def test_request_is_the_one_that_a_calibration_makes():
    """A labelled answer with the text of a reply leads to the same recording key."""
    judge, _ = judge_of()
    made = criterion_request(JUDGE, CASE, Answer("Within 30 days."), REFUND, PATH)
    assert made == judge.requests([a_reply("Within 30 days.")])[1]


def test_equal_answers_of_two_arms_share_one_request():
    """Neither the model nor the arm nor the sample is a part of it."""
    judge, sent = judge_of()
    answers = [a_reply("Yes.", "claude-sonnet-4.5"), a_reply("Yes.", "deepseek-v3.2", sample=3, latency_s=9.0)]
    judge.prepare(answers)
    assert len(sent) == 2
    assert [one.holds for answer in answers for one in judge.results(answer)] == [True] * 4
    assert judge.usage().calls == 2
    text = str([request.body for request in sent])
    assert "claude" not in text
    assert "deepseek" not in text


def test_tool_calls_are_part_of_the_request():
    """The judge reads the calls without their ids, which differ from run to run."""
    judge, _ = judge_of()
    plain, *others = (
        judge.requests([a_reply("Done.", tool_calls=calls)])[0].body["messages"][1]["content"]
        for calls in ((), (ToolCall("refund", {"order": 7}, "call_1"),), (ToolCall("refund", {"order": 7}, "call_2"),))
    )
    assert others[0] == others[1] != plain
    assert '{"arguments": {"order": 7}, "name": "refund"}' in others[0]


def test_a_fresh_answer_is_judged_as_it_will_be_recorded():
    """A replay finds the same request, and a secret does not travel to the judge."""
    judge, _ = judge_of(as_recorded=lambda text: text.replace("sk-1", "[redacted]"))
    fresh, replayed = a_reply("Key sk-1."), a_reply("Key [redacted].", replayed=True)
    assert judge.requests([fresh]) == judge.requests([replayed])


def test_results_name_criterion_sample_verdict_and_reason():
    """One result per criterion, in the order of the rubric."""
    judge, _ = judge_of(reply=lambda request: said("yes" if WINDOW in str(request.body) else "no", "So it is."))
    answer = a_reply("Within 30 days.", sample=2)
    judge.prepare([answer])
    assert judge.results(answer) == (
        CriterionResult(criterion=WINDOW, sample=2, holds=True, reason="So it is."),
        CriterionResult(criterion=REFUND, sample=2, holds=False, reason="So it is."),
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (an_error("gpt-4.1"), "the call failed: HTTP 500: internal error"),
        (a_reply("Yes, it does.", "gpt-4.1"), "its answer cannot be read, it begins 'Yes, it does.'"),
        (a_reply('{"verdict": "yes"} {"rea', outcome="truncated"), "its answer was cut off, it begins '{\"ver"),
    ],
)
def test_a_judge_without_a_verdict_decides_nothing(reply, reason):
    """A failed call, an unreadable answer and a cut one give neither a pass nor a miss."""
    judge, _ = judge_of(reply=lambda _: reply)
    answer = a_reply("Within 30 days.")
    judge.prepare([answer])
    for one in judge.results(answer):
        assert one.holds is None
        assert one.reason.startswith(reason)
    usage = judge.usage()
    assert (usage.failed, usage.unreadable) == ((2, 0) if reply.outcome == "error" else (0, 2))


def test_verdict_of_another_endpoint_decides_nothing():
    """The arm of the judge has another address now, so its recorded verdicts may be those of another model."""
    reply = said()
    judge, _ = judge_of(reply=lambda _: reply)
    for endpoint_hash, holds in ((None, True), ("0a1b2c3d", None)):
        reply = replace(said(), replayed=True, endpoint_hash=endpoint_hash)
        judge.prepare([a_reply("Yes.")])
        assert [one.holds for one in judge.results(a_reply("Yes."))] == [holds] * 2
    assert judge.results(a_reply("Yes."))[0].reason.startswith("it was recorded at another address")


def test_results_before_the_requests_are_unknown():
    """A judge that was not asked has said nothing."""
    judge, sent = judge_of()
    assert [one.holds for one in judge.results(a_reply("Yes."))] == [None, None]
    assert (sent, judge.usage()) == ([], None)


def test_a_verdict_in_a_refusal_counts():
    """A reason may begin like a refusal; the JSON says what was meant."""
    text = 'I cannot find the window. {"reason": "I cannot find it.", "verdict": "no"}'
    assert criterion_verdict(a_reply(text, outcome="refusal")).holds is False


def test_usage_adds_up_calls_and_cost():
    """It is counted as `rubric`, apart from the arms and from the metric `judge`."""
    judge, _ = judge_of()
    judge.prepare([a_reply("Yes."), a_reply("No.")])
    usage = judge.usage()
    assert (usage.metric, usage.model, usage.calls, usage.cost_usd) == ("rubric", "strict", 4, Decimal("0.004"))
