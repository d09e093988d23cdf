"""What the control's own noise allows to ask, and what it warns of; on values, without any run."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specimens import DEEPSEEK, a_case, a_pair, a_reply, collected, one_arm

from pytest_graysplit.evaluation.comparison import PairScores, mean_similarity
from pytest_graysplit.evaluation.metrics import built_in
from pytest_graysplit.stats import conformal_threshold
from pytest_graysplit.verdict.noise_floor import (
    Cache,
    NoiseFloor,
    asserts_nothing,
    by_deficit,
    cache,
    calibrated,
    calibrated_deficit,
    reached,
    settled,
    uncalibrated,
    warnings,
)

AUTO = {"min_similarity": "auto"}


@pytest.mark.parametrize(("n", "k"), [(18, 0), (19, 1), (38, 1), (39, 2), (59, 3), (99, 5)])
def test_the_threshold_is_the_kth_smallest_of_n(n, k):
    """k = floor(.05 (n + 1)), counted exactly where floating point would end just below a whole number."""
    scores = [number / 100 for number in range(n, 0, -1)]
    assert conformal_threshold(scores) == (k / 100 if k else None)


@given(st.lists(st.floats(0, 1), min_size=20, max_size=120))
def test_no_more_than_one_in_twenty_falls_below_what_the_others_set(scores):
    """Split conformal's promise: each score, held to the threshold of all the others, misses it at most that often."""
    missed = sum(
        score < conformal_threshold(scores[:number] + scores[number + 1 :]) for number, score in enumerate(scores)
    )
    assert missed <= 0.05 * len(scores)


def test_the_calibrated_number_is_rounded_down_and_never_up():
    """Three decimals that people can read, and the control that set the threshold still reaches it."""
    assert calibrated([0.57] * 19) == NoiseFloor(19, 0.57, tied=True)
    assert calibrated([0.62999] + [0.9] * 18) == NoiseFloor(19, 0.629)
    assert calibrated([1.0] * 19).threshold == 1.0
    assert calibrated([0.0004] * 19).threshold == 0.0
    assert calibrated([0.9] * 18) is None


def test_auto_becomes_the_number_of_the_run_or_that_of_the_next_weaker_source():
    """A case that names a number keeps it."""
    measured = settled(a_case(**AUTO), NoiseFloor(19, 0.62))
    assert (measured.min_similarity, measured.calibrated) == (0.62, True)
    weaker = settled(a_case(**AUTO, fallback_similarity=0.75), None)
    assert (weaker.min_similarity, weaker.calibrated) == (0.75, False)
    assert settled(a_case(**AUTO), None).min_similarity is None
    fixed = a_case(min_similarity=0.5)
    assert settled(fixed, NoiseFloor(19, 0.62)) is fixed


def test_a_deficit_is_rounded_up_and_asks_of_each_case_its_own_number():
    """How alike the control's answers are, less the deficit, rounded down and never below 0."""
    floor = calibrated_deficit([[0.1001, -0.2]] * 20, 0.3)
    assert floor == NoiseFloor(20, deficit=0.101, other_prompts=0.3, tied=True)
    waiting = settled(a_case(**AUTO), floor)
    assert (waiting.min_similarity, waiting.max_deficit, waiting.calibrated) == ("auto", 0.101, False)
    held = by_deficit(waiting, 0.7)
    assert (held.min_similarity, held.calibrated) == (0.599, True)
    assert by_deficit(held, 0.8).min_similarity == 0.699, "a second look starts from the answers again"
    assert by_deficit(waiting, 0.05).min_similarity == 0
    assert by_deficit(waiting, None) is waiting
    assert by_deficit(fixed := a_case(min_similarity=0.5), 0.7) is fixed
    assert calibrated_deficit([[0.1, -0.2]] * 18) is None


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
def test_a_threshold_asserts_something_where_an_answer_to_another_prompt_misses_it(number, fields, asserts):
    """A number that somebody gave is theirs to judge, unless every answer reaches it."""
    assert a_case(min_similarity=number, **fields).asserts_similarity is asserts


def test_a_run_says_what_auto_is_and_how_often_the_control_misses_it():
    """The rate is known as well as so many cases tell it."""
    assert (
        reached(NoiseFloor(99, 0.57)) == "min_similarity=auto is 0.57: the control itself misses it in 2 to 9% of cases"
    )
    assert reached(NoiseFloor(19, deficit=0.2), " (json)", ", calibrated on 19 selected cases only") == (
        "min_similarity=auto (json) is how alike the control's answers to a case are, less 0.2, calibrated on 19 selected "
        "cases only: the control itself misses it in 0.3 to 15% of cases"
    )


def test_what_asserts_nothing_is_said_with_the_way_out():
    """In all cases or in some; three control samples are a way out for those who have two."""
    idle, held = a_case(min_similarity=0.0, calibrated=True), a_case(min_similarity=0.9, calibrated=True)
    assert asserts_nothing(NoiseFloor(40, 0.9), [held, held]) == ""
    assert asserts_nothing(NoiseFloor(40, 0.0), [idle, idle]) == (
        "min_similarity=auto asserts nothing: every answer reaches 0; "
        "use expect, another metric or three control samples (--graysplit-control-samples=3)"
    )
    assert asserts_nothing(NoiseFloor(40, deficit=0.4, other_prompts=0.281), [idle, held, held], " (lexical)") == (
        "min_similarity=auto (lexical) asserts nothing in 1 of 3 cases: 5% of the control's answers to other prompts "
        "reach 0.28; use expect or another metric"
    )


def samples(*pairs):
    return [[a_reply(text, response_id=response_id) for text, response_id in pair] for pair in pairs]


def twice(response_id, text="Yes."):
    return ((text, response_id), (text, response_id))


def test_a_stored_reply_is_told_by_its_response_id():
    """Three cases or more whose samples are one reply, and no case that shows another answer to the same prompt."""
    three = (twice("a"), twice("b", "No."), twice("c"))
    assert cache(samples(*three)) == Cache("a", 3)
    assert cache(samples(*three, [("Yes.", "d")])) == Cache("a", 3), "one sample tells nothing"
    assert cache(samples(*three, twice(None))) == Cache("a", 3), "nor do replies without ids"
    assert cache(samples(*three, [("Yes.", "d"), ("Yes.", "e")])) is None
    assert cache(samples(*three, [("Yes.", "d"), ("No.", "d")])) is None


def test_a_model_that_repeats_itself_is_no_cache():
    """Equal texts under ids of their own come from a model; equal ids everywhere name nothing; two cases are chance."""
    assert cache(samples(*[[("Yes.", f"{n}a"), ("Yes.", f"{n}b")] for n in range(30)])) is None
    assert cache(samples(*[twice("chatcmpl-local")] * 30)) is None
    assert cache(samples(twice("a"), twice("b"))) is None
    assert cache([]) is None


@pytest.mark.parametrize(
    ("told", "note"),
    [
        ((8, None, {None}), "min_similarity=auto needs 19 cases with two control samples, this run has 8: not asserted"),
        ((8, None, {0.75}, " (json)"), ("min_similarity=auto (json) needs 19 cases with two control samples, this run "
                                       "has 8: 0.75 holds instead")),
        ((8, None, {0.75, 0.5, None}), ("min_similarity=auto needs 19 cases with two control samples, this run has 8: "
                                       "the numbers given beside it hold, in the cases that have one")),
        ((30, Cache("a", 30), {None}), "min_similarity=auto is not calibrated on a cache: not asserted"),
    ],
)  # fmt: skip
def test_a_run_that_cannot_calibrate_says_why_and_what_holds(told, note):
    """Silence would look like a threshold that every case reached."""
    assert uncalibrated(*told) == note


def noisy(number, other, **fields):
    """A case whose control said one thing first and `other` then."""
    case = a_case(f"case-{number}", **fields)
    return a_pair(case, a_reply("The sky is blue."), a_reply("The sky is blue.", DEEPSEEK), spare=[a_reply(other)])


def test_a_control_that_misses_its_own_threshold_is_told():
    """One in twenty is what a calibrated threshold misses too; above that the number is named, or that there are several."""
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


def test_a_calibrated_threshold_is_no_warning():
    """It was measured on that very control."""
    assert list(warnings(collected(noisy(1, "Grass grows.", min_similarity=0.75, calibrated=True)))) == []


def test_a_cache_is_told_with_one_of_its_ids():
    """In a run without auto too: whatever is said of the control's noise there is wrong."""
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
            "the relay answered all control samples of a case with one and the same stored reply (response id id-0) in "
            "3 cases: it serves a cache, and how far the control repeats itself is not known"
        )
    ]
    assert list(warnings(collected(one_arm(a_case(), DEEPSEEK, a_reply(model=DEEPSEEK))))) == []


DESK = Path(__file__).resolve().parents[2] / "examples" / "support-desk" / "__graysplit__"


@pytest.mark.parametrize(
    ("name", "by_one", "by_own"), [("lexical", (0.25, 0.35), (0.55, 0.65)), ("exact", (0, 0), (0, 0))]
)
def test_three_samples_catch_more_real_answers_of_another_model_than_two(name, by_one, by_own):
    """The recorded answers of the example, whose treatment is mostly wrong; `exact` can ask for nothing at all."""
    texts = {}
    for line in (line for path in sorted(DESK.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()):
        if "case" in (stored := json.loads(line)):
            by_model = texts.setdefault((stored["request"], stored["case"]), {})
            by_model.setdefault(stored["model"], {})[stored["sample"]] = a_reply(stored["text"], stored["model"])
    asked = [([said["qwen2.5-coder-0.5b"][n] for n in range(3)], [said["smollm2-135m"][0]]) for said in texts.values()]
    metric = built_in(name)
    scores = [PairScores.of(*both, lambda one, other: metric.score(one.text, other.text)) for both in asked]
    one = calibrated([some.within[0, 1].similarity for some in scores]).threshold
    floor = calibrated_deficit([some.deficits for some in scores])
    own = [by_deficit(settled(a_case(**AUTO), floor), some.self_similarity).min_similarity for some in scores]
    alike = [mean_similarity(some.across.values()) for some in scores]
    assert by_one[0] <= sum(value < one for value in alike) / len(alike) <= by_one[1]
    assert by_own[0] <= sum(value < limit for value, limit in zip(alike, own, strict=True)) / len(alike) <= by_own[1]
