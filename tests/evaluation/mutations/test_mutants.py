"""Wrong replies of a suite: changed tool calls, answers of other cases, and each wrong reply once."""

import pytest
from factories import a_case, a_reply

from pytest_graysplit.evaluation.mutations import KINDS, Answered, Neighbours, mutants_of, said
from pytest_graysplit.evaluation.mutations.calls import (
    offered_tools,
    with_another_tool,
    with_other_arguments,
    without_a_call,
)
from pytest_graysplit.types import Expect, ToolCall

REFUND = ToolCall("refund", {"order": 1001, "to": "Ada", "fast": True})


def answered(name, text="30 days.", *, group="a.yaml", calls=(), outcome="ok", **fields):
    return Answered(
        case=a_case(name, **fields), reply=a_reply(text, tool_calls=calls, outcome=outcome), group=group, request=name
    )


def kinds_of(one, *others):
    return [mutant.kind for mutant in mutants_of(one, Neighbours([one, *others]))]


def lender_of(one, *others):
    lender = Neighbours([one, *others]).of(one)
    return None if lender is None else lender.case.id


# --- tool calls


def test_another_tool_is_one_that_the_case_offers():
    """Or one that another case calls; without either, a name that no tool has."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("refund", "look_up")]
    assert offered_tools({"tools": [*tools, {"type": "other"}, "odd"]}) == ["refund", "look_up"]
    assert [calls[0].name for calls, _ in with_another_tool((REFUND,), ["refund", "look_up"])] == ["look_up"]
    assert [calls[0].name for calls, _ in with_another_tool((REFUND,), ["refund"])] == ["refund_v2"]
    assert list(with_another_tool((ToolCall("refund", arguments_text="{"),), ["look_up"])) == []


def test_each_argument_changes_alone():
    """A text gets the value of another case, a number another number, a switch the other state."""
    found = [calls[0].arguments for calls, _ in with_other_arguments((REFUND,), {"to": ["ada", "", 5, "Bo"]})]
    assert [changed["to"] for changed in found] == ["Ada", "Bo", "Ada"]
    assert [changed["fast"] for changed in found] == [True, True, False]
    assert [changed["order"] == 1001 for changed in found] == [False, True, True]


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("Ada", "not Ada"),
        ("A-1001", "A-2001"),
        ([1, 2], [1]),
        ({"a": None, "b": False}, {"a": None, "b": True}),
        (-3.5, -1.5),
    ],
)
def test_argument_without_a_known_value_changes_by_its_type(value, other):
    """Lists lose an element, objects change in their first part that can."""
    [(calls, what)] = with_other_arguments((ToolCall("t", {"x": value}),), {})
    changed = calls[0].arguments["x"]
    if isinstance(value, str) and value[-1].isdecimal():
        assert (len(changed), changed[:2], changed[3:]) == (6, "A-", "001")
    elif isinstance(value, float):
        assert changed < 0
        assert changed != value
    else:
        assert changed == other
    assert what.startswith("x=")


@pytest.mark.parametrize("value", [None, "", [], {}, {"a": None}, float("nan"), float("inf")])
def test_argument_without_a_wrong_value_stays(value):
    """It is unknown which value would be wrong."""
    assert list(with_other_arguments((ToolCall("t", {"x": value}),), {})) == []


def test_call_is_left_out_only_if_something_is_left():
    """An empty reply fails every case, so it would show nothing."""
    assert list(without_a_call((REFUND,), " ")) == []
    assert [calls for calls, _ in without_a_call((REFUND,), "Done.")] == [()]
    assert [calls for calls, _ in without_a_call((REFUND, ToolCall("mail")), "")] == [(REFUND,)]


def test_text_beside_a_call_is_not_changed():
    """The calls are the answer: only they, and the whole reply, are exchanged."""
    one = answered("one", "I refund 30 EUR. It is done.", calls=(REFUND,))
    assert set(kinds_of(one, answered("two", "Hello", calls=(ToolCall("mail"),)))) == {
        "refusal", "neighbour", "tool", "argument", "call-missing"
    }  # fmt: skip


# --- answers of other cases


def test_neighbour_is_the_next_like_case():
    """Of the same file and with the same tags first; the last case takes the first."""
    one, two, three = (
        answered("one", "a b c", tags=("x",)),
        answered("two", "d e f"),
        answered("three", "g", tags=("x",)),
    )
    assert lender_of(one, two, three) == "three"
    assert Neighbours([one, two, three]).of(three).case.id == "one"
    assert lender_of(one, two) == "two"
    assert lender_of(one) is None


@pytest.mark.parametrize(
    "other",
    [
        answered("two", " refund\n"),
        answered("two", "REFUND"),
        answered("two", "shipping", cluster="same"),
        answered("two", "shipping", expect=Expect(contains=("refund",))),
        answered("two", "shipping", outcome="truncated"),
        Answered(case=a_case("two"), reply=a_reply("shipping"), group="a.yaml", request="one"),
    ],
    ids=["same label", "same in capitals", "same cluster", "same expectation", "not whole", "same request"],
)
def test_neighbour_whose_answer_may_be_right_is_not_taken(other):
    """Its answer is the same, or the two cases say themselves that one answer is right for both."""
    one = answered("one", "refund", cluster="same", expect=Expect(contains=("refund",)))
    assert lender_of(one, other) is None
    assert lender_of(one, other, answered("three", "shipping")) == "three"


def test_neighbour_with_a_like_answer_is_not_taken():
    """Two open questions may have one answer in other words."""
    one = answered("one", "You can return a lamp within 30 days.")
    assert lender_of(one, answered("two", "You can return the lamp within 30 days!")) is None
    assert lender_of(one, answered("two", "Shipping costs five euros.")) == "two"


# --- all of them


def test_wrong_replies_are_different_and_none_says_the_same():
    """Two kinds that make the same reply count once, and the right reply is never among them."""
    one, other = answered("one", '{"a": 10, "b": true}'), answered("two", '{"b": true}')
    replies = [mutant.reply for mutant in mutants_of(one, Neighbours([one, other]))]
    assert len({said(reply) for reply in [one.reply, *replies]}) == len(replies) + 1


def test_wrong_replies_keep_latency_cost_and_outcome():
    """Only the answer differs, so budgets say nothing."""
    one = answered("one", "It is 30 days.")
    for mutant in mutants_of(one, Neighbours([one])):
        assert (mutant.reply.outcome, mutant.reply.latency_s, mutant.reply.cost_usd) == (
            "ok", one.reply.latency_s, one.reply.cost_usd
        )  # fmt: skip


def test_wrong_replies_are_in_the_order_of_the_kinds_and_the_same_every_time():
    """Same input, same output."""
    one, other = answered("one", "No, it is 30 days, not two."), answered("two", "Shipping is free.")
    kinds = kinds_of(one, other)
    assert kinds == sorted(kinds, key=list(KINDS).index)
    assert {"number", "negation", "refusal", "cut-off", "neighbour"} == set(kinds)
    assert mutants_of(one, Neighbours([one, other])) == mutants_of(one, Neighbours([one, other]))


def test_recognised_refusals_and_empty_answers_are_left_out():
    """They fail every case by their outcome, so they would raise the share that is caught."""
    one = answered("one", "It is 30 days.")
    refusing = answered("two", "I'm sorry, but I can't help with that.")
    assert "neighbour" not in kinds_of(one, refusing)
    assert kinds_of(answered("one", " ")) == []
