"""Scores of conversations: the lowest turn decides, and a turn that one arm lacks is the lowest."""

from dataclasses import replace

import pytest
from factories import DEEPSEEK, a_reply, a_talk, an_error, said

from pytest_graysplit.evaluation.comparison import PairScores, compare, is_same_answer, scored_pairs
from pytest_graysplit.types import Expect, ToolCall


def same(one, other):
    return float(one.text == other.text)


def compared(control, treatment, score=same, case=None, **fields):
    """Compare two conversations, each given by its answers."""
    case = case or a_talk(None, None, None, **fields)
    controls, treatments = (said(*control),), (said(*treatment, model=DEEPSEEK),)
    scores = PairScores.of(controls, treatments, score)
    return compare(case, controls, treatments, metric="lexical", scores=scores)


def test_similarity_is_that_of_the_lowest_turn():
    """Two equal turns must not make up for a different one, whichever it is."""
    for place in range(3):
        answers = ["a", "a", "a"]
        answers[place] = "b"
        one = compared(["a", "a", "a"], answers, min_similarity=0.5)
        assert one.similarity == 0
        assert [turn.similarity for turn in one.turns] == [float(turn != place) for turn in range(3)]
        assert one.parting_turn == place
        assert not one.pairs[0].reaches(0.5)


def test_equal_conversations_never_part():
    one = compared(["a", "b", "c"], ["a", "b", "c"], min_similarity=1.0)
    assert (one.similarity, one.parting_turn, one.flags) == (1.0, None, ())


@pytest.mark.parametrize(("control", "treatment"), [("abc", "a"), ("a", "abc")], ids=["treatment", "control"])
def test_turn_that_one_arm_lacks_has_the_similarity_0(control, treatment):
    """A model that ends the conversation early is not like one that goes on."""
    one = compared(control, treatment, min_similarity=0.5)
    assert [turn.similarity for turn in one.turns] == [1.0, 0.0, 0.0]
    assert (one.similarity, one.parting_turn) == (0.0, 1)


def test_flag_of_any_turn_counts_and_names_it():
    one = compared(["The lamp has 30 days.", "Bye."], ["The lamp has 14 days.", "Bye."], lambda *_: 0.9)
    assert [(flag.name, flag.detail.partition(":")[0]) for flag in one.flags] == [("number-changed", "turn 1")]
    assert [bool(turn.flags) for turn in one.turns] == [True, False]
    assert one.parting_turn == 0
    assert not one.pairs[0].reaches(0.5)


def test_score_that_one_turn_lacks_is_unknown_for_the_conversation():
    """A judge that is silent about one turn leaves the case without a score, and never with that of the others."""
    one = compared(["a", "b"], ["a", "b"], lambda left, _: None if left.turn else 1.0, min_similarity=0.5)
    assert one.similarity is None


def test_score_that_is_not_a_number_is_the_lowest():
    one = compared(["a", "b"], ["a", "b"], lambda left, _: float("nan") if left.turn else 1.0, min_similarity=0.5)
    assert not one.pairs[0].is_alike(0.0)


def test_failed_or_empty_answer_of_the_control_cannot_be_compared():
    for last in (an_error(), a_reply("", outcome="empty")):
        assert compared(["a", last], ["a", "b"], min_similarity=0.5).pairs == ()


def test_calls_of_one_turn_are_compared_as_calls():
    calls = [a_reply("", tool_calls=(ToolCall("refund", {"order": number}),)) for number in (1, 2)]
    one = compared(["a", calls[0]], ["a", calls[1]], min_similarity=0.5)
    assert [turn.by_calls for turn in one.turns] == [False, True]
    assert [flag.name for flag in one.flags] == ["tool-changed"]


def test_order_of_calls_is_compared_in_the_turn_that_asks_for_it():
    first, second = ToolCall("look_up"), ToolCall("refund")
    ordered = Expect(tool_calls=(first, second), tool_order=True)
    answers = [a_reply("", tool_calls=calls) for calls in ((first, second), (second, first))]
    one = compared(["a", answers[0]], ["a", answers[1]], case=a_talk(None, ordered))
    assert [flag.name for flag in one.flags] == ["tool-changed"]
    assert compared(["a", answers[0]], ["a", answers[1]], case=a_talk(ordered, None)).flags == ()


def test_every_turn_is_a_pair_of_a_metric_that_asks_a_model():
    pairs = list(scored_pairs([said("a", "b")], [said("x", "y"), said("x", "z", "w")]))
    assert [(one.text, other.text) for one, other in pairs] == [("a", "x"), ("b", "y"), ("a", "x"), ("b", "z")]


def test_ratios_are_of_the_slowest_turn_and_of_all_costs_and_texts():
    slow = [a_reply("aa", latency_s=latency_s, cost=cost) for latency_s, cost in ((1, "0.1"), (2, "0.3"))]
    fast = [a_reply("a", latency_s=latency_s, cost=cost) for latency_s, cost in ((3, "0.2"), (1, "0.6"))]
    one = compared(slow, fast)
    assert (one.latency_ratio, one.cost_ratio, one.length_ratio) == (3.0, 2.0, 0.5)


def test_same_answers_have_the_same_texts_in_every_turn():
    one = said("a", "b")
    assert is_same_answer(one, replace(one, model=DEEPSEEK))
    assert not is_same_answer(one, said("x", "b"))
    assert not is_same_answer(one, said("b"))
