"""The noise floor of the control, its thresholds and its warnings, on values without a run."""

import json
from pathlib import Path

import pytest
from factories import DEEPSEEK, a_case, a_pair, a_reply, collected, one_arm
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.comparison import PairScores, mean_similarity
from pytest_graysplit.evaluation.metrics import built_in
from pytest_graysplit.stats import conformal_threshold
from pytest_graysplit.verdict.noise_floor import (
    Cache,
    NoiseFloor,
    asserts_nothing,
    by_shortfall,
    cache,
    calibrated,
    calibrated_shortfall,
    reached,
    uncalibrated,
    warnings,
    with_noise_floor,
)

AUTO = {"min_similarity": "auto"}


@pytest.mark.parametrize(("n", "k"), [(18, 0), (19, 1), (38, 1), (39, 2), (59, 3), (99, 5)])
def test_calibrated_threshold_is_the_kth_smallest_of_n(n, k):
    """k = floor(.05 (n + 1)), counted exactly where floating point would end just below a whole number."""
    scores = [number / 100 for number in range(n, 0, -1)]
    assert conformal_threshold(scores) == (k / 100 if k else None)


@given(st.lists(st.floats(0, 1), min_size=20, max_size=120))
def test_calibrated_threshold_is_missed_by_at_most_one_in_twenty(scores):
    """The guarantee of split conformal prediction: each score, compared with the threshold of all others."""
    missed = sum(
        score < conformal_threshold(scores[:number] + scores[number + 1 :]) for number, score in enumerate(scores)
    )
    assert missed <= 0.05 * len(scores)


def test_calibrated_threshold_is_rounded_down():
    """To three decimals, so that the control that set the threshold still reaches it."""
    assert calibrated([0.57] * 19) == NoiseFloor(19, 0.57, tied=True)
    assert calibrated([0.62999] + [0.9] * 18) == NoiseFloor(19, 0.629)
    assert calibrated([1.0] * 19).threshold == 1.0
    assert calibrated([0.0004] * 19).threshold == 0.0
    assert calibrated([0.9] * 18) is None


def test_settled_replaces_auto_by_the_calibrated_or_fallback_number():
    """A case with a number of its own keeps it."""
    measured = with_noise_floor(a_case(**AUTO), NoiseFloor(19, 0.62))
    assert (measured.min_similarity, measured.calibrated) == (0.62, True)
    weaker = with_noise_floor(a_case(**AUTO, fallback_similarity=0.75), None)
    assert (weaker.min_similarity, weaker.calibrated) == (0.75, False)
    assert with_noise_floor(a_case(**AUTO), None).min_similarity is None
    fixed = a_case(min_similarity=0.5)
    assert with_noise_floor(fixed, NoiseFloor(19, 0.62)) is fixed


def test_shortfall_is_rounded_up_and_gives_each_case_its_own_threshold():
    """The control's self-similarity minus the shortfall, rounded down and never below 0."""
    floor = calibrated_shortfall([[0.1001, -0.2]] * 20, 0.3)
    assert floor == NoiseFloor(20, shortfall=0.101, other_prompts=0.3, tied=True)
    waiting = with_noise_floor(a_case(**AUTO), floor)
    assert (waiting.min_similarity, waiting.max_deficit, waiting.calibrated) == ("auto", 0.101, False)
    held = by_shortfall(waiting, 0.7)
    assert (held.min_similarity, held.calibrated) == (0.599, True)
    assert by_shortfall(held, 0.8).min_similarity == 0.699, "a second look starts from the answers again"
    assert by_shortfall(waiting, 0.05).min_similarity == 0
    assert by_shortfall(waiting, None) is waiting
    assert by_shortfall(fixed := a_case(min_similarity=0.5), 0.7) is fixed
    assert calibrated_shortfall([[0.1, -0.2]] * 18) is None


@pytest.mark.parametrize(
    ("number", "fields", "asserts"),
    [
        (None, {}, False),
        ("auto", {}, False),
        (0.0, {}, False),
        (0.01, {}, True),
        (0.01, {"other_prompts": 0.5}, True),
        (0.5, {"calibrated": True}, True),
        (0.0, {"calibrated": True}, False),
        (0.5, {"calibrated": True, "other_prompts": 0.5}, False),
        (0.501, {"calibrated": True, "other_prompts": 0.5}, True),
    ],
)
def test_threshold_asserts_something_if_answers_to_other_prompts_miss_it(number, fields, asserts):
    """A number from the user counts as asserting, unless every answer reaches it."""
    assert a_case(min_similarity=number, **fields).asserts_similarity is asserts


def test_reached_says_the_value_of_auto_and_its_miss_rate():
    """The rate is as precise as this number of cases allows."""
    assert (
        reached(NoiseFloor(99, 0.57)) == "min_similarity=auto is 0.57: the control itself misses it in 2 to 9% of cases"
    )
    assert reached(NoiseFloor(19, shortfall=0.2), " (json)", ", calibrated on 19 selected cases only") == (
        "min_similarity=auto (json) is the similarity of the control's answers to a case, less 0.2, calibrated on 19 selected "
        "cases only: the control itself misses it in 0.3 to 15% of cases"
    )


def test_asserts_nothing_names_a_remedy():
    """For all cases or some; with two control samples, three are suggested."""
    idle, held = a_case(min_similarity=0.0, calibrated=True), a_case(min_similarity=0.9, calibrated=True)
    assert asserts_nothing(NoiseFloor(40, 0.9), [held, held]) == ""
    assert asserts_nothing(NoiseFloor(40, 0.0), [idle, idle]) == (
        "min_similarity=auto asserts nothing: every answer reaches 0; "
        "use expect, another metric or three control samples (--graysplit-control-samples=3)"
    )
    assert asserts_nothing(NoiseFloor(40, shortfall=0.4, other_prompts=0.281), [idle, held, held], " (lexical)") == (
        "min_similarity=auto (lexical) asserts nothing in 1 of 3 cases: 5% of the control's answers to other prompts "
        "reach 0.28; use expect or another metric"
    )


def samples(*pairs):
    return [[a_reply(text, response_id=response_id) for text, response_id in pair] for pair in pairs]


def twice(response_id, text="Yes."):
    return ((text, response_id), (text, response_id))


def test_cache_is_recognised_by_response_ids():
    """Three cases or more whose samples are one reply, and no case with different answers to the same prompt."""
    three = (twice("a"), twice("b", "No."), twice("c"))
    assert cache(samples(*three)) == Cache("a", 3)
    assert cache(samples(*three, [("Yes.", "d")])) == Cache("a", 3), "one sample tells nothing"
    assert cache(samples(*three, twice(None))) == Cache("a", 3), "nor do replies without ids"
    assert cache(samples(*three, [("Yes.", "d"), ("Yes.", "e")])) is None
    assert cache(samples(*three, [("Yes.", "d"), ("No.", "d")])) is None


def test_cache_is_not_a_consistent_model():
    """Equal texts with different ids come from a model, equal ids everywhere show nothing, two cases may be chance."""
    assert cache(samples(*[[("Yes.", f"{n}a"), ("Yes.", f"{n}b")] for n in range(30)])) is None
    assert cache(samples(*[twice("chatcmpl-local")] * 30)) is None
    assert cache(samples(twice("a"), twice("b"))) is None
    assert cache([]) is None


@pytest.mark.parametrize(
    ("told", "note"),
    [
        ((8, None, {None}), "min_similarity=auto needs 19 cases with two control samples, this run has 8: not asserted"),
        ((8, None, {0.75}, " (json)"), ("min_similarity=auto (json) needs 19 cases with two control samples, this run "
                                       "has 8: 0.75 is used instead")),
        ((8, None, {0.75, 0.5, None}), ("min_similarity=auto needs 19 cases with two control samples, this run has 8: "
                                       "the fixed numbers are used in the cases that have one")),
        ((30, Cache("a", 30), {None}), "min_similarity=auto is not calibrated on a cache: not asserted"),
    ],
)  # fmt: skip
def test_uncalibrated_says_why_and_names_the_replacement(told, note):
    """Without this line users would believe that every case reached a threshold."""
    assert uncalibrated(*told) == note


def noisy(number, other, **fields):
    """Build a case whose control answered first one text and then `other`."""
    case = a_case(f"case-{number}", **fields)
    return a_pair(case, a_reply("The sky is blue."), a_reply("The sky is blue.", DEEPSEEK), spare=[a_reply(other)])


def test_control_that_misses_its_threshold_is_a_warning():
    """Above one miss in twenty the warning names the threshold, or says that there are several."""
    kept = [noisy(number, "The sky is blue.", min_similarity=0.75) for number in range(19)]
    one = noisy(19, "Grass grows.", min_similarity=0.75)
    assert list(warnings(collected(*kept, one))) == []
    assert list(warnings(collected(*kept[:3], one))) == [
        (
            "the control misses its own threshold of 0.75 in 1 of 4 cases: "
            "a treatment cannot be asked for more; use min_similarity=auto or expect"
        )
    ]
    other = noisy(20, "Grass grows.", min_similarity=0.5)
    assert [note.partition(" in ")[::2] for note in warnings(collected(one, other))] == [
        (
            "the control misses its own thresholds",
            "2 of 2 cases: a treatment cannot be asked for more; use min_similarity=auto or expect",
        )
    ]


def test_calibrated_threshold_is_not_a_warning():
    """It was measured on the same control."""
    assert list(warnings(collected(noisy(1, "Grass grows.", min_similarity=0.75, calibrated=True)))) == []


def test_cache_is_a_warning_with_one_of_its_ids():
    """Also in a run without auto, whose figures of the control's variation are wrong too."""
    pairs = [
        a_pair(
            a_case(f"case-{number}"),
            a_reply(response_id=f"id-{number}"),
            a_reply(model=DEEPSEEK),
            spare=[a_reply(response_id=f"id-{number}")],
        )
        for number in range(3)
    ]
    assert list(warnings(collected(*pairs))) == [
        (
            "the relay answered all control samples of a case with the same stored reply (response id id-0) in "
            "3 cases: it serves a cache, so it is unknown how consistent the control is with itself"
        )
    ]
    assert list(warnings(collected(one_arm(a_case(), DEEPSEEK, a_reply(model=DEEPSEEK))))) == []


DESK = Path(__file__).resolve().parents[2] / "examples" / "support-desk" / "__graysplit__"


@pytest.mark.parametrize(
    ("name", "by_one", "by_own"), [("lexical", (0.25, 0.35), (0.55, 0.65)), ("exact", (0, 0), (0, 0))]
)
def test_three_control_samples_find_more_wrong_answers_than_two(name, by_one, by_own):
    """On the recorded answers of the example, whose treatment is mostly wrong; `exact` finds none."""
    texts = {}
    for line in (line for path in sorted(DESK.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()):
        if "case" in (stored := json.loads(line)):
            by_model = texts.setdefault((stored["request"], stored["case"]), {})
            by_model.setdefault(stored["model"], {})[stored["sample"]] = a_reply(stored["text"], stored["model"])
    asked = [([said["qwen2.5-coder-0.5b"][n] for n in range(3)], [said["smollm2-135m"][0]]) for said in texts.values()]
    metric = built_in(name)
    scores = [PairScores.of(*both, lambda one, other: metric.score(one.text, other.text)) for both in asked]
    one = calibrated([some.within[0, 1].similarity for some in scores]).threshold
    floor = calibrated_shortfall([some.deficits for some in scores])
    own = [
        by_shortfall(with_noise_floor(a_case(**AUTO), floor), some.self_similarity).min_similarity for some in scores
    ]
    alike = [mean_similarity(some.across.values()) for some in scores]
    assert by_one[0] <= sum(value < one for value in alike) / len(alike) <= by_one[1]
    assert by_own[0] <= sum(value < limit for value, limit in zip(alike, own, strict=True)) / len(alike) <= by_own[1]
