"""Results of conversations: one case each, costs of all turns, and no promotion of a model that ends them early."""

from dataclasses import replace

from factories import DEEPSEEK, a_miss, a_pair, a_reply, a_talk, collected, said, verdicts_of

from pytest_graysplit.plugin.workers import packed, unpacked
from pytest_graysplit.types import Expect
from pytest_graysplit.verdict.pairs import pairs_of


def a_turn_miss(arm, turn):
    return replace(a_miss(arm), turn=turn)


def answers(*figures, model="claude-sonnet-4.5"):
    """Return a conversation by the latency and the cost of each answer."""
    return said(*(a_reply("a", model, latency_s=latency_s, cost=cost) for latency_s, cost in figures))


def test_cost_of_a_conversation_is_the_sum_of_its_turns_and_its_latency_their_mean():
    control, treatment = answers((1, "0.1"), (3, "0.3")), answers((2, "0.2"), (2, "0.2"), model=DEEPSEEK)
    results = collected(a_pair(a_talk(None, None), control, treatment))
    [pair] = pairs_of(results, DEEPSEEK)
    assert (pair.latency_s.control, pair.latency_s.treatment) == (2.0, 2.0)
    assert (pair.cost_usd.control, pair.cost_usd.treatment) == (0.4, 0.4)
    assert [(arm.cases, arm.replies, float(arm.cost_usd)) for arm in results.arms()] == [(1, 2, 0.4)] * 2


def test_latency_leaves_out_turns_that_one_arm_has_not_reached():
    """Otherwise a treatment that stops before a slow turn would seem to be faster."""
    control, treatment = answers((1, "0.1"), (9, "0.1")), answers((1, "0.1"), model=DEEPSEEK)
    [pair] = pairs_of(collected(a_pair(a_talk(None, None), control, treatment)), DEEPSEEK)
    assert (pair.latency_s.control, pair.latency_s.treatment) == (1.0, 1.0)


def test_unknown_cost_of_one_turn_is_unknown_for_the_conversation():
    control, treatment = answers((1, "0.1"), (1, "0.1")), answers((1, None), (1, "0.1"), model=DEEPSEEK)
    [pair] = pairs_of(collected(a_pair(a_talk(None, None), control, treatment)), DEEPSEEK)
    assert pair.cost_usd is None


def test_refusal_at_any_turn_counts_as_a_failed_reply():
    refused = said("a", a_reply("No.", DEEPSEEK, outcome="refusal"))
    [pair] = pairs_of(collected(a_pair(a_talk(None, None, None), said("a", "b", "c"), refused)), DEEPSEEK)
    assert (pair.failed.control, pair.failed.treatment) == (0, 1)


def test_conversations_are_counted_by_the_first_turn_at_which_the_arms_part():
    """A failure of both arms at one turn does not part them; a failure of one does."""
    same, other = said("a", "b", "c"), said("a", "b", "c", model=DEEPSEEK)
    both = {"misses": [a_turn_miss(DEEPSEEK, 0)], "control_misses": [a_turn_miss("control", 0)]}
    results = collected(
        a_pair(a_talk(None, None, None, name="equal"), same, other),
        a_pair(a_talk(None, None, None, name="both-wrong"), same, other, **both),
        a_pair(a_talk(None, None, None, name="one-wrong"), same, other, misses=[a_turn_miss(DEEPSEEK, 2)]),
        a_pair(a_talk(None, None, None, name="unlike", min_similarity=0.9), same, said("a", "x", "c", model=DEEPSEEK)),
    )
    [one] = results.comparisons()
    assert (one.conversations, one.parted) == (4, {1: 1, 2: 1})


def test_results_of_conversations_travel_between_processes():
    result = a_pair(a_talk(None, None), said("a", "b"), said("a", "c", model=DEEPSEEK))
    assert unpacked(packed(result)) == result


def test_treatment_that_ends_conversations_early_is_never_promoted():
    """Its answers so far are those of the control, it is cheaper, and its last answer is right."""
    case = [a_talk(Expect(contains=("a",)), None, name=f"talk-{number}") for number in range(60)]
    ended = said(a_reply("a", DEEPSEEK, cost="0.00001"))
    miss = a_turn_miss(DEEPSEEK, 0)
    pairs = [a_pair(one, said("a", "b"), ended, misses=[miss]) for one in case]
    assert [verdict.decision for verdict in verdicts_of(collected(*pairs))] == ["reject"]
    whole = [a_pair(one, said("a", "b"), said("a", "b", model=DEEPSEEK)) for one in case]
    assert [verdict.decision for verdict in verdicts_of(collected(*whole))] == ["promote"]
