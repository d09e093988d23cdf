"""Comparison of a treatment's replies with the control's: the scored pairs, and the flags."""

import random
from itertools import combinations, permutations

import pytest
from factories import DEEPSEEK, a_case, a_reply, an_error

from pytest_graysplit.evaluation.comparison import PairScores, compare, of_texts
from pytest_graysplit.types import Expect, ToolCall

SCORES = {
    ("a", "x"): 0.2,
    ("a", "y"): 0.4,
    ("b", "x"): 0.6,
    ("b", "y"): 1.0,
    ("a", "b"): 0.9,
    ("a", "c"): 0.5,
    ("b", "c"): 0.1,
    ("c", "x"): 0.8,
    ("c", "y"): 0.0,
}


def compared(control, treatment, **case):
    def score(left, right):
        return SCORES.get((left.text, right.text), 0.0)

    scores = PairScores.of(control, treatment, score)
    return compare(a_case(**case), control, treatment, metric="lexical", scores=scores)


def test_compare_pairs_every_sample_with_every_sample_of_the_other_arm():
    """The similarity is the mean over all pairs, so that one lucky pair does not decide."""
    result = compared([a_reply("a"), a_reply("b")], [a_reply("x", DEEPSEEK), a_reply("y", DEEPSEEK)])
    assert result.similarity == pytest.approx((0.2 + 0.4 + 0.6 + 1.0) / 4)
    assert result.self_similarity == 0.9


def test_compare_pairs_three_control_samples_with_each_other():
    """Each pair counts once, and no sample is paired with itself."""
    result = compared([a_reply("a"), a_reply("b"), a_reply("c")], [a_reply("x", DEEPSEEK)])
    assert result.self_similarity == pytest.approx((0.9 + 0.5 + 0.1) / 3)
    assert result.similarity == pytest.approx((0.2 + 0.6 + 0.8) / 3)


def test_compare_has_no_self_similarity_of_one_sample():
    """Unknown is None, not 1."""
    assert compared([a_reply("a")], [a_reply("x", DEEPSEEK)]).self_similarity is None


def test_comparison_holds_the_first_reply_of_each_side_and_all_samples():
    """A test body sees sample 0, and can read the others."""
    control, treatment = (a_reply("a"), a_reply("b")), (a_reply("x", DEEPSEEK), a_reply("y", DEEPSEEK))
    result = compared(control, treatment, min_similarity=0.7)
    assert (result.control, result.treatment) == (control[0], treatment[0])
    assert (result.control_samples, result.treatment_samples) == (control, treatment)
    assert (result.threshold, result.metric) == (0.7, "lexical")


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (an_error(), a_reply("x", DEEPSEEK)),
        (a_reply("a"), an_error(DEEPSEEK)),
        (a_reply(" \n"), a_reply("x", DEEPSEEK)),
        (a_reply(""), a_reply("", DEEPSEEK)),
    ],
    ids=["control failed", "treatment failed", "control is blank", "both are empty"],
)
def test_compare_has_no_similarity_without_two_sides(control, treatment):
    """A failed call, or a blank control, gives neither a similarity nor a flag."""
    result = compared([control], [treatment])
    assert (result.similarity, result.flags) == (None, ())


def test_compare_scores_a_blank_treatment():
    """The similarity is 0, and no guard reads the empty text."""
    result = compared([a_reply("a")], [a_reply("", DEEPSEEK, outcome="empty")])
    assert (result.similarity, result.flags) == (0.0, ())


def test_compare_leaves_failed_samples_out_of_the_mean():
    """One failed sample does not hide the others."""
    result = compared([a_reply("a"), an_error()], [an_error(DEEPSEEK), a_reply("y", DEEPSEEK)])
    assert (result.similarity, result.self_similarity) == (0.4, None)


def test_compare_flags_each_change_once_for_all_samples():
    """A flag of any sample is a flag of the case; the first one is shown."""
    control = [a_reply("You have 30 days.")]
    answers = ["You have 30 days.", "You have 14 days.", "You have 7 days."]
    result = compared(control, [a_reply(text, DEEPSEEK) for text in answers])
    assert [flag.name for flag in result.flags] == ["number-changed"]
    assert "14" in result.flags[0].detail


def test_guards_read_the_first_sample_of_the_control():
    """The other samples measure the control's variation and raise no flag."""
    result = compared([a_reply("30 days."), a_reply("14 days.")], [a_reply("30 days.", DEEPSEEK)])
    assert result.flags == ()


def test_comparison_ratios_are_treatment_over_control():
    """Slower is above one, cheaper below, and unknown is None."""
    slow = compared([a_reply("abcd")], [a_reply("ab", DEEPSEEK, latency_s=3.0, cost="0.0001")])
    assert (slow.latency_ratio, slow.cost_ratio, slow.length_ratio) == (3.0, pytest.approx(0.1), 0.5)
    unknown = compared([a_reply("", cost="0")], [an_error(DEEPSEEK)])
    assert (unknown.latency_ratio, unknown.cost_ratio, unknown.length_ratio) == (None, None, None)


def test_compare_leaves_out_a_pair_without_a_score():
    """A judge without a verdict removes its pair from the mean; without any pair the similarity is None."""
    known = {("a", "x"): 1.0, ("a", "y"): None}

    def of(*texts):
        replies = [a_reply(text, DEEPSEEK) for text in texts]
        scores = PairScores.of([a_reply("a")], replies, lambda *pair: known[tuple(r.text for r in pair)])
        return compare(a_case(), [a_reply("a")], replies, metric="judge", scores=scores)

    assert of("x", "y").similarity == 1.0
    assert of("y").similarity is None


def alike(left, right):
    return float(left.text == right.text)


@pytest.mark.parametrize(
    ("control", "treatment", "shares"),
    [
        (("a", "a"), ("a",), (1.0, 1.0)),
        (("a", "b"), ("a",), (0.0, 0.5)),
        (("a", "a", "b"), ("a", "b"), (1 / 3, 0.5)),
        (("a",), ("b",), (1.0, 0.0)),
    ],
)
def test_pass_shares_count_pairs_at_the_threshold(control, treatment, shares):
    """The treatment's answers are compared with each of the control's, and these with each other."""
    ours, theirs = [a_reply(text) for text in control], [a_reply(text, DEEPSEEK) for text in treatment]
    scores = PairScores.of(ours, theirs, alike)
    found = scores.control_share([True] * len(ours), 0.9), scores.treatment_share([True] * len(theirs), 0.9)
    assert found == pytest.approx(shares)


def test_pass_shares_of_a_model_against_itself_are_equal():
    """Over all choices of the treatment among three answers, the mean shares of both roles are the same."""
    texts = ["a", "a", "b"]
    ours, theirs = [], []
    for number in range(3):
        one, *others = [*texts[number:], *texts[:number]]
        scores = PairScores.of([a_reply(text) for text in others], [a_reply(one, DEEPSEEK)], alike)
        ours.append(scores.control_share([True, True], 0.9))
        theirs.append(scores.treatment_share([True], 0.9))
    assert sum(ours) == pytest.approx(sum(theirs))


def test_pass_share_excludes_an_answer_that_fails_its_checks():
    """Such an answer fails at any similarity; without a threshold only these checks count."""
    scores = PairScores.of([a_reply("a"), a_reply("a")], [a_reply("a", DEEPSEEK)], alike)
    assert scores.control_share([True, False], 0.9) == 0.5
    assert scores.treatment_share([False], 0.9) == 0.0
    assert (scores.control_share([True, False], None), scores.treatment_share([True], None)) == (0.5, 1.0)


def test_beside_pairs_scores_an_answer_by_its_deficit():
    """The mean of the treatment's scores does not change; each of the control's is compared with the two others."""
    control = [a_reply(text) for text in "abc"]
    scores = PairScores.of(control, [a_reply("x", DEEPSEEK)], lambda one, other: SCORES[one.text, other.text])
    usual, beside = (0.9 + 0.5 + 0.1) / 3, scores.beside_pairs()
    assert [pair.similarity for pair in beside.across.values()] == pytest.approx(
        [usual - (0.9 - 0.4), usual - (0.5 - 0.5), usual - (0.1 - 0.7)]
    )
    assert sum(pair.similarity for pair in beside.across.values()) / 3 == pytest.approx((0.2 + 0.6 + 0.8) / 3)
    lacking = [0.1 - (0.9 + 0.5) / 2, 0.5 - (0.9 + 0.1) / 2, 0.9 - (0.5 + 0.1) / 2]
    assert scores.deficits == pytest.approx(lacking)
    assert [pair.similarity for pair in beside.within.values()] == pytest.approx(
        [max(0.0, usual - deficit) for deficit in lacking]
    )


def test_beside_pairs_needs_three_control_answers_for_the_control():
    """With two, only the treatment is compared with the pair."""
    control, treatment = [a_reply("a"), a_reply("b"), an_error()], [a_reply("x", DEEPSEEK)]
    scores = PairScores.of(control, treatment, lambda one, other: SCORES[one.text, other.text])
    beside = scores.beside_pairs()
    assert scores.deficits == []
    assert (len(beside.across), beside.within) == (1, {})
    assert beside.control_share([True, True, False], 0.9) == pytest.approx(2 / 3)


def test_beside_pairs_passes_a_model_as_often_in_either_role():
    """Each of four answers of one model is the treatment in turn; the shares are the same on average."""
    rng = random.Random(5)
    shares = []
    for _ in range(40):
        table = {pair: rng.random() for pair in combinations("abcd", 2)}
        for four in permutations("abcd"):
            control, treatment = [a_reply(text) for text in four[:3]], [a_reply(four[3], DEEPSEEK)]
            scores = PairScores.of(
                control, treatment, lambda one, other, t=table: t[tuple(sorted((one.text, other.text)))]
            ).beside_pairs()
            usual = sum(table[tuple(sorted(pair))] for pair in combinations(four[:3], 2)) / 3
            threshold = usual - 0.2
            if threshold > 0:
                shares.append(scores.treatment_share([True], threshold) - scores.control_share([True] * 3, threshold))
    assert abs(sum(shares) / len(shares)) < 0.01


REFUND, OTHER = ToolCall("refund", {"order": 1001, "amount": 21.5}), ToolCall("refund", {"order": 1002, "amount": 21.5})


def calling(*calls, text="", model=DEEPSEEK, **fields):
    return a_reply(text, model, tool_calls=calls, **fields)


def called(control, treatment, score):
    return compare(a_case(), control, treatment, metric="lexical", scores=PairScores.of(control, treatment, score))


@pytest.mark.parametrize(
    ("control", "treatment", "similarity", "metric", "flags"),
    [
        (calling(REFUND), calling(REFUND), 1.0, "tool calls", []),
        (calling(REFUND), calling(OTHER), 0.5, "tool calls", ["tool-changed"]),
        (calling(REFUND), a_reply("30 days."), 0.0, "tool calls", ["tool-changed"]),
        (a_reply("30 days."), calling(REFUND), 0.0, "tool calls", ["tool-changed"]),
        (calling(REFUND), a_reply("", outcome="empty"), 0.0, "tool calls", ["tool-changed"]),
        (a_reply("", outcome="empty"), calling(REFUND), 0.0, "tool calls", ["tool-changed"]),
        (calling(REFUND, text="30 days."), calling(REFUND), 1.0, "tool calls", []),
        (calling(REFUND, text="30 days."), calling(REFUND, text="14 days."), 0.4, "lexical", ["number-changed"]),
        (calling(REFUND, text="a"), calling(REFUND, text="a"), 0.4, "lexical", []),
        (calling(REFUND, text="a"), calling(text="a"), 0.0, "tool calls", ["tool-changed"]),
        (calling(REFUND), an_error(), None, "lexical", []),
        (an_error(), calling(REFUND), None, "lexical", []),
    ],
)
def test_compare_scores_tool_calls_where_there_are_any(control, treatment, similarity, metric, flags):
    """Where both sides also have text, the smaller score counts; a failed call is still not an answer."""
    result = called([control], [treatment], lambda *_: 0.4)
    assert (result.similarity, result.metric) == (similarity, metric)
    assert [flag.name for flag in result.flags] == flags


def test_compare_flags_another_order_of_calls_if_the_case_asks_for_one():
    """Elsewhere the order does not count."""
    control, treatment = [calling(REFUND, OTHER)], [calling(REFUND, OTHER), calling(OTHER, REFUND)]
    scores = PairScores.of(control, treatment, lambda *_: 0.0)
    flags = []
    for in_order in (False, True):
        case = a_case(expect=Expect(tool_calls=(REFUND, OTHER), tool_order=in_order))
        flags.append(compare(case, control, treatment, metric="lexical", scores=scores).flags)
    assert flags[0] == ()
    assert [flag.name for flag in flags[1]] == ["tool-changed"]
    assert flags[1][0].detail.endswith("amount=21.5), in another order")


def test_metric_is_not_asked_about_a_missing_text():
    """A judge is asked only about pairs of texts; without its score there is none."""
    asked = []

    def judge(*pair):
        asked.append(tuple(reply.text for reply in pair))

    pairs = [
        (calling(REFUND), calling(REFUND)),
        (calling(REFUND, text="a"), calling(REFUND)),
        (calling(REFUND, text="a"), calling(OTHER, text="b")),
        (a_reply("a"), a_reply("")),
    ]
    results = [called([one], [other], judge) for one, other in pairs]
    assert [result.similarity for result in results] == [1.0, 1.0, None, None]
    assert set(asked) == {("a", "b"), ("a", "")}
    assert list(of_texts(pairs)) == pairs[2:]


def test_compare_compares_control_samples_by_their_calls():
    """The guard flags changes between them."""
    samples = [calling(REFUND), calling(OTHER), calling(REFUND)]
    result = called(samples, [calling(REFUND)], lambda *_: 0.0)
    assert result.self_similarity == pytest.approx((0.5 + 1.0 + 0.5) / 3)
    assert result.flags == ()
    assert [[flag.name for flag in pair.flags] for pair in result.self_pairs] == [
        ["tool-changed"],
        [],
        ["tool-changed"],
    ]
