"""Checks of conversations: every answer by the case, each by its turn, and never a pass of an unfinished one."""

from factories import a_reply, a_talk, said

from pytest_graysplit.cases.checks.conversations import check_answers
from pytest_graysplit.types import Expect, ToolCall


def missed(case, reply, arm="control"):
    return [(miss.turn, miss.check, miss.slug) for miss in check_answers(case, reply, arm, lambda *_: None)]


def test_each_answer_meets_the_expectations_of_its_turn():
    case = a_talk(Expect(contains=("sorry",)), Expect(contains=("30", "days")), expect=Expect(max_words=3))
    assert missed(case, said("I am sorry", "30 days")) == []
    assert missed(case, said("30 days", "I am sorry for that")) == [
        (0, "turns[0].expect.contains[0]", "expect-contains"),
        (1, "expect.max_words", "expect-max-words"),
        (1, "turns[1].expect.contains[0]", "expect-contains"),
        (1, "turns[1].expect.contains[1]", "expect-contains"),
    ]


def test_right_last_answer_does_not_excuse_an_earlier_one():
    case = a_talk(Expect(equals="yes"), None)
    [miss] = check_answers(case, said("no", "yes"), "gpt-4.1", lambda *_: None)
    assert miss.problem == "treatment gpt-4.1, turn 1: expected 'yes', found 'no'"


def test_expectation_of_case_and_turn_is_one_miss():
    """The same text in both places would otherwise be counted twice."""
    case = a_talk(Expect(contains=("a",)), expect=Expect(contains=("a",)))
    assert missed(case, said("b")) == [(0, "expect.contains[0]", "expect-contains")]


def test_unfinished_conversation_is_a_miss_whatever_was_expected():
    """A model that stops at the first turn has not passed the others."""
    case = a_talk(None, None, None)
    refusal = a_reply("I cannot help with that.", outcome="refusal")
    assert missed(case, said("Hello.", "Hi.", "Bye.")) == []
    assert missed(case, said(refusal)) == [(0, "outcome", "outcome-refusal"), (0, "turns[1]", "turn-unasked")]
    assert missed(case, said("Hello.", "Hi.")) == [(1, "turns[2]", "turn-unasked")]
    [_, miss] = check_answers(case, said(refusal), "control", lambda *_: None)
    assert miss.problem == (
        "control claude-sonnet-4.5, turn 1: gave no answer that the user can reply to (refusal), "
        "so 2 later turns of the script were not asked"
    )


def test_call_of_a_tool_ends_a_conversation_except_in_the_last_turn():
    calling = a_reply("", tool_calls=(ToolCall("refund"),))
    case = a_talk(None, Expect(tool_calls=(ToolCall("refund"),)))
    assert missed(case, said("Hello.", calling)) == []
    assert missed(case, said(calling)) == [(0, "turns[1]", "turn-tool-call")]


def test_latency_budget_holds_per_answer_and_cost_budget_for_all():
    answers = said(a_reply("a", latency_s=1, cost="0.4"), a_reply("b", latency_s=3, cost="0.4"))
    assert missed(a_talk(None, None, max_latency_s=2), answers) == [(1, "max_latency_s", "latency-budget")]
    assert missed(a_talk(None, None, max_cost_usd=0.5), answers) == [(None, "max_cost_usd", "cost-budget")]
    assert missed(a_talk(None, None, max_cost_usd=0.8), answers) == []


def test_unknown_cost_of_an_earlier_answer_misses_the_budget():
    answers = said(a_reply("a", cost=None), a_reply("b", cost="0.1"))
    assert missed(a_talk(None, None, max_cost_usd=0.5), answers) == [(None, "max_cost_usd", "cost-unknown")]


def test_reference_of_a_turn_is_compared_with_its_answer():
    case = a_talk(None, Expect(reference="30 days"))
    compared = []
    check_answers(case, said("Hello.", "Bye."), "control", lambda *texts: compared.append(texts) or 1.0)
    assert [(reply.text, reference, text) for reply, reference, text in compared] == [("Bye.", "30 days", "Bye.")]
