"""Replies and comparisons are checked against the case, and each failure says what was found and what to do."""

import doctest
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks import json_expectations
from pytest_graysplit.cases.checks.assertions import check_comparison, check_control, check_reply
from pytest_graysplit.cases.checks.json_expectations import first_difference, same
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.errors import ReplyNotJsonError
from pytest_graysplit.formatting.display import exact_number, excerpt, format_near_bound
from pytest_graysplit.types import Comparison, FailedExpectation, Flag, PairScore, Reply, Usage

OK = Reply(model="small", outcome="ok", text="You have 30 days.", latency_s=1.0, cost_usd=Decimal("0.001"))
BIG = replace(OK, model="big")


def a_case(**fields):
    return build_case({"prompt": "How long?", **fields}, where="support.jsonl:1")


def unexpected_score(*_):
    raise AssertionError("nothing here is compared with a reference")


def failures(text, **expect):
    return check_reply(a_case(expect=expect), replace(OK, text=text), "small", unexpected_score)


def problems_and_hints(text, **expect):
    return [(failure.problem, failure.hint, failure.slug) for failure in failures(text, **expect)]


def test_right_reply_fails_nothing():
    """A case without expectations, and one whose expectations are met, have no failure."""
    asked = a_case(expect={"contains": "30", "max_words": 4}, max_latency_s=1, max_cost_usd=0.001)
    assert check_reply(a_case(), OK, "small", unexpected_score) == []
    assert check_reply(asked, OK, "small", unexpected_score) == []


FAILED = "failed calls count"
OUTCOMES = [
    ({"outcome": "error", "error": "HTTP 503:\n  busy", "attempts": 4, "retryable": True, "text": ""}, "control",
     "control small: no answer after 4 attempts: HTTP 503: busy",
     f"{FAILED}; run again later, and only missing replies are fetched"),
    ({"outcome": "error", "error": None, "text": ""}, "small",
     "treatment small: no answer after 1 attempt: the call failed",
     f"{FAILED}, and another attempt will not help: fix the cause, then run again"),
    ({"outcome": "empty", "text": ""}, "small", "treatment small: the answer is empty",
     "raise max_tokens in params (hidden reasoning may have used them up), or look at the prompt"),
    ({"outcome": "refusal"}, "small", "treatment small: the model refused to answer",
     "reword the prompt; if a refusal is right, remove the case from the suite"),
    ({"outcome": "truncated"}, "small", "treatment small: the answer was cut off at its token limit",
     "raise max_tokens in params (newer models: max_completion_tokens), or ask for a shorter answer"),
    ({"outcome": "filtered"}, "small", "treatment small: a content filter stopped the answer",
     "reword the prompt, or have the filter of the relay or the model changed"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "arm", "problem", "hint"), OUTCOMES)
def test_every_outcome_but_ok_fails(reply, arm, problem, hint):
    """The failure names the arm, the model and the cause, and each outcome has its own remedy."""
    assert check_reply(a_case(expect={"max_words": 9}), replace(OK, **reply), arm, unexpected_score) == [
        FailedExpectation(arm=arm, kind="outcome", problem=problem, hint=hint, slug=f"outcome-{reply['outcome']}")
    ]


def test_failed_call_is_one_failure():
    """There is no answer to check."""
    failed = replace(OK, outcome="error", text="", latency_s=60.0, cost_usd=None)
    asked = a_case(expect={"contains": "30"}, max_latency_s=1, max_cost_usd=0.1)
    assert [failure.kind for failure in check_reply(asked, failed, "small", unexpected_score)] == ["outcome"]


def test_cut_off_text_is_checked_too():
    """The outcome comes first, then expectations of the text; without a text, only the outcome counts."""
    asked = a_case(expect={"contains": "60"}, max_latency_s=0.5, max_cost_usd=0.0005)
    kinds = [[failure.kind for failure in check_reply(asked, replace(OK, outcome=outcome, text=text), "small", unexpected_score)]
             for outcome, text in (("truncated", "30"), ("empty", " "), ("ok", ""))]  # fmt: skip
    assert kinds == [
        ["outcome", "expect", "latency", "cost"],
        ["outcome", "latency", "cost"],
        ["expect", "latency", "cost"],
    ]


LITERAL = "contains is case-sensitive and literal; a regex can match more than one wording"
ONLY_CASE = "contains is case-sensitive, and only the case differs here: icontains ignores it"
INSIDE = "not_contains is case-sensitive and literal, also inside words; a regex can match whole words only"
SEARCHED = "it is searched anywhere in the answer, case-sensitive; (?i) ignores case, (?s) lets . span lines"
SPACE = "only white space around the answer is ignored; contains and regex are less strict"
ASK = "ask for JSON in the prompt, or send response_format in params (one code fence around it is fine)"
MORE = "objects may have more names than expected; lists, texts and numbers must be equal"
SHOW = "show the model the schema, or send it as response_format in params"
DEFINE = "define what $ref names inside the schema (nothing is fetched), without a loop"
LONG = "word " * 40
EXPECT = [
    ({"contains": ["30", "free"]}, "30 days", "expected to contain 'free', found '30 days'", LITERAL, "contains"),
    ({"contains": "Free"}, LONG + "free" + LONG,
     f"expected to contain 'Free', found …'{('word ' * 4)}free{('word ' * 12)[:56]}'…", ONLY_CASE, "contains"),
    ({"not_contains": "AI"}, "SAID", "expected not to contain 'AI', found 'SAID'", INSIDE, "not-contains"),
    ({"regex": r"^\d+$"}, "30 days", r"expected to match '^\\d+$', found '30 days'", SEARCHED, "regex"),
    ({"equals": "open "}, "closed\n", "expected 'open', found 'closed'", SPACE, "equals"),
    ({"json": True}, "Sure!", "expected JSON, found 'Sure!'", ASK, "json"),
    ({"json": True}, "[" * 9000, f"expected JSON, found '{'[' * 80}'… (it is nested too deep)", ASK, "json"),
    ({"json_schema": {}}, "", "expected JSON, found ''", ASK, "json"),
    ({"json": {"a": [1]}}, '{"a": [1, 2]}', "$.a: expected [1], found [1, 2]", MORE, "json"),
    ({"json": {"a": {"b": 1}}}, '{"a": {}}', "$.a.b: expected 1, found no such name", MORE, "json"),
    ({"json": {"a": 1}}, '["a"]', '$: expected {"a": 1}, found ["a"]', MORE, "json"),
    ({"json": ["x"]}, f'["{"y" * 200}"]', f'$: expected ["x"], found ["{"y" * 117}…', MORE, "json"),
    ({"json_schema": {"items": {"type": "number"}}}, '["x", "y"]', "$[0]: 'x' is not of type 'number' (and 1 more)",
     SHOW, "json-schema"),
    ({"json_schema": {"properties": {"items": {"items": {"properties": {"price": {"type": "number"}}}}}}},
     '{"items": [{"price": "x"}]}', "$.items[0].price: 'x' is not of type 'number'", SHOW, "json-schema"),
    ({"json_schema": {"$ref": "https://schemas.invalid/x"}}, "{}",
     "the JSON Schema cannot be applied: no schema at https://schemas.invalid/x", DEFINE, "json-schema"),
    ({"json_schema": {"type": "object", "allOf": [{"$ref": "#/type"}]}}, "{}",
     "the JSON Schema cannot be applied: AttributeError", DEFINE, "json-schema"),
    ({"max_words": 2}, "one two  three", "expected at most 2 words, found 3",
     "ask for a length in the prompt, or raise max_words (words are separated by white space)", "max-words"),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "text", "problem", "hint", "slug"), EXPECT)
def test_failed_expectation_shows_expected_and_found(expect, text, problem, hint, slug):
    """It shows both near the relevant place, and explains the check."""
    assert problems_and_hints(text, **expect) == [(f"treatment small: {problem}", hint, f"expect-{slug}")]


MET = [
    ({"contains": ["30", "days"], "not_contains": "AI", "regex": [r"\d+", "d.y"]}, "30 days"),
    ({"equals": "open"}, " open\n"),
    ({"json": True}, '```json\n{"a": 1}\n```'),
    ({"json": True}, "null"),
    ({"json": {"a": {"b": 1}}}, '{"a": {"b": 1.0, "c": 2}, "d": 3}'),
    ({"json": [{"a": True}]}, '[{"a": true}]'),
    ({"json": {"a": 1}, "json_schema": {"required": ["a"]}}, '{"a": 1}'),
    ({"json_schema": {"properties": {"a": {"pattern": "[[b]"}}}}, '{"a": "b"}'),
]


@pytest.mark.parametrize(("expect", "text"), MET)
def test_met_expectation_does_not_fail(expect, text):
    """Each check passes for a right answer."""
    assert problems_and_hints(text, **expect) == []


def test_long_answer_is_shown_at_the_first_difference():
    """Two long texts with the same beginning are shown from their first difference."""
    ((problem, _, _),) = problems_and_hints(LONG + "free", equals=LONG + "paid")
    tail = ("word " * 40 + "free")[-80:]
    assert problem == f"treatment small: expected …{tail[:-4] + 'paid'!r}, found …{tail!r}"


def test_half_a_surrogate_pair_is_escaped():
    """A model can write half a pair, which could not be printed or stored."""
    ((problem, _, _),) = problems_and_hints('{"a": "\\ud800"}', json={"a": 1})
    assert problem == 'treatment small: $.a: expected 1, found "\\ud800"'


def test_judged_reference_needs_half_a_point():
    """0.5 means as good as the reference; an answer without a score is reported by the item."""
    asked = a_case(expect={"reference": "30 days"}, metric="judge")
    assert check_reply(asked, OK, "small", lambda *_: 0.5) == check_reply(asked, OK, "small", lambda *_: None) == []
    assert [failure.slug for failure in check_reply(asked, OK, "small", lambda *_: 0.4)] == ["expect-reference"]


@pytest.mark.parametrize(
    ("expect", "score", "problem"),
    [
        ({}, 0.7496, "similarity 0.7496 to the reference is below 0.75"),
        ({"min_similarity": 0.9}, 0.5, "similarity 0.50 to the reference is below 0.9"),
        ({}, float("nan"), "similarity NaN to the reference is below 0.75"),
    ],
)  # fmt: skip
def test_reference_uses_the_given_score(expect, score, problem):
    """The threshold is that of `expect`, or 0.75, and rounding never hides the difference."""
    asked = a_case(expect={"reference": "30 days", **expect}, min_similarity=0.1)
    pairs = []
    (failure,) = check_reply(asked, OK, "control", lambda *pair: pairs.append(pair) or score)
    assert pairs == [("30 days", OK.text)]
    assert failure == FailedExpectation(
        arm="control",
        kind="expect",
        problem=f"control small: {problem}",
        hint="the reference begins '30 days'; expect.min_similarity sets the threshold",
        slug="expect-reference",
    )
    assert check_reply(asked, OK, "control", lambda *_: 0.9) == []


def test_budgets_are_checked_without_rounding():
    """A reply just over its budget never reads as if it were within it."""
    asked = a_case(max_latency_s=3, max_cost_usd=0.1)
    slow = replace(OK, latency_s=3.0004, cost_usd=Decimal("0.1000001"))
    assert check_reply(asked, slow, "small", unexpected_score) == [
        FailedExpectation(arm="small", kind="latency", problem="treatment small: took 3.0004 s, the budget is 3 s",
             hint="raise max_latency_s, or ask for a shorter answer", slug="latency-budget"),
        FailedExpectation(arm="small", kind="cost", problem="treatment small: cost $0.1000001, the budget is $0.1",
             hint="raise max_cost_usd, or ask for a shorter answer", slug="cost-budget"),
    ]  # fmt: skip
    assert check_reply(asked, replace(OK, latency_s=None, cost_usd=Decimal("0.1")), "small", unexpected_score) == []


def test_first_token_has_its_own_budget():
    """Unknown is a miss, because the relay did not stream; an empty answer has no first token."""
    asked = a_case(max_ttft_s=0.5)
    slow, unknown = (
        check_reply(asked, replace(OK, ttft_s=ttft_s), "small", unexpected_score) for ttft_s in (0.5001, None)
    )
    assert [(miss.kind, miss.problem, miss.slug, miss.check) for miss in (*slow, *unknown)] == [
        ("latency", "treatment small: the first token took 0.5001 s, the budget is 0.5 s", "ttft-budget", "max_ttft_s"),
        ("latency", "treatment small: its time to the first token is unknown, so the budget of 0.5 s cannot be checked",
         "ttft-unknown", "max_ttft_s"),
    ]  # fmt: skip
    assert check_reply(asked, replace(OK, ttft_s=0.5), "small", unexpected_score) == []
    empty = check_reply(asked, replace(OK, outcome="empty", text=""), "small", unexpected_score)
    assert [miss.kind for miss in empty] == ["outcome"]


@pytest.mark.parametrize(
    ("usage", "hint"),
    [
        (Usage(prompt=1, completion=1),
         ('give its price in pyproject.toml: [tool.graysplit.prices] "small" = {input = ..., output = '
          "...}, in USD per million tokens; or pip install pytest-graysplit[prices]")),
        (Usage(prompt=1, completion=1, cache_write=1),
         ('give its price in pyproject.toml: [tool.graysplit.prices] "small" = {input = ..., output = '
          "..., cache_write = ...}, in USD per million tokens; or pip install pytest-graysplit[prices]")),
        (Usage(prompt=1, completion=1, unpriced=1),
         "no price table covers a part of it (sounds, images, searches, or a provider's own bill): remove max_cost_usd"),
        (Usage(total=1), "the relay sent no token usage with this answer: have it send usage, or remove max_cost_usd"),
        (None, "the relay sent no token usage with this answer: have it send usage, or remove max_cost_usd"),
    ],
)  # fmt: skip
def test_unknown_cost_fails_a_budget(usage, hint):
    """Unknown is not zero: the failure names the missing price or usage."""
    assert check_reply(
        a_case(max_cost_usd=1e-05), replace(OK, cost_usd=None, usage=usage), "small", unexpected_score
    ) == [
        FailedExpectation(
            arm="small",
            kind="cost",
            problem="treatment small: its cost is unknown, so the budget of $0.00001 cannot be checked",
            hint=hint,
            slug="cost-unknown",
        )
    ]


def test_reported_cost_of_zero_is_explained():
    """The price table is wrong about the model, or the relay does not know its cost."""
    reply = replace(OK, cost_usd=None, reported_cost_usd=Decimal(0), usage=Usage(prompt=1, completion=1))
    [failure] = check_reply(a_case(max_cost_usd=1e-05), reply, "small", unexpected_score)
    assert failure.hint == (
        "the relay reported a cost of 0, and the model has a price: if it is free, say so in pyproject.toml: "
        '[tool.graysplit.prices] "small" = {input = 0, output = 0}'
    )


def a_comparison(similarity, threshold, **rest):
    flags = rest.get("flags", ())
    given = {"control": BIG, "treatment": OK, "metric": "lexical", "pairs": (PairScore(similarity, flags),), **rest}
    return Comparison(case=a_case(), similarity=similarity, threshold=threshold, **given)


def comparison_failures(comparison, **fields):
    return check_comparison(a_case(**fields), comparison, "small")


def test_similarity_below_the_threshold_fails():
    """Score, metric and threshold have as many digits as needed; flags add no failure."""
    flags = (Flag(name="number", detail="42 became 24"),)
    assert comparison_failures(a_comparison(0.7496, 0.75, flags=flags)) == [
        FailedExpectation(
            arm="small",
            kind="similarity",
            problem="treatment small: lexical similarity 0.7496 is below 0.75",
            hint="where both answers are right, lower min_similarity, choose another metric, or use expect",
            slug="similarity-below",
        )
    ]
    assert [failure.slug for failure in comparison_failures(a_comparison(float("nan"), 0.75))] == ["similarity-below"]


def test_guard_vetoes_a_reached_similarity():
    """Each flag is a failure; without a threshold, flags are only shown."""
    flags = (Flag(name="number", detail="42 became 24"), Flag(name="negation", detail="'not' is gone"))
    hint = "similarity does not show this difference; if it is harmless, leave min_similarity out and use expect"
    reached = "treatment small: lexical similarity 0.95 reaches 0.75, but the guard"
    assert comparison_failures(a_comparison(0.95, 0.75, flags=flags)) == [
        FailedExpectation(arm="small", kind="guard", problem=f"{reached} {told}", hint=hint, slug="guard-veto")
        for told in ("number vetoes it: 42 became 24", "negation vetoes it: 'not' is gone")
    ]
    assert comparison_failures(a_comparison(0.95, None, flags=flags)) == []
    assert comparison_failures(a_comparison(0.75, 0.75)) == []


@pytest.mark.parametrize(
    ("control", "treatment", "silent"),
    [("", "", "control big and treatment small"), ("", "a", "control big"), ("a", "", "treatment small"),
     ("a", "b", "one side")],
)  # fmt: skip
def test_unknown_similarity_fails_a_threshold(control, treatment, silent):
    """The failure names the side without a text."""
    sides = {"control": replace(OK, model="big", text=control), "treatment": replace(OK, text=treatment)}
    assert comparison_failures(a_comparison(None, 0.75, **sides)) == [
        FailedExpectation(
            arm="small",
            kind="similarity",
            problem=f"treatment small: no similarity to compare with 0.75: {silent} gave no text",
            hint="fix that answer first: its own failure says how",
            slug="similarity-unknown",
        )
    ]


def test_latency_ratio_is_checked_if_known():
    """An unknown latency cannot fail."""
    slow = a_comparison(0.9, 0.75, treatment=replace(OK, latency_s=1.5001))
    assert comparison_failures(slow, max_latency_ratio=1.5) == [
        FailedExpectation(
            arm="small",
            kind="latency-ratio",
            problem="treatment small: took x1.5001 as long as the control, the budget is x1.5",
            hint="raise max_latency_ratio, or ask for a shorter answer",
            slug="latency-ratio",
        )
    ]
    assert comparison_failures(slow, max_latency_ratio=2) == []
    assert comparison_failures(slow) == []
    assert (
        comparison_failures(a_comparison(0.9, 0.75, treatment=replace(OK, latency_s=None)), max_latency_ratio=1) == []
    )


def test_control_is_checked_against_its_own_threshold():
    """An inconsistent control is named; with one sample or no threshold there is nothing to check."""
    assert check_control(a_case(min_similarity=0.75), BIG, [PairScore(0.7499)]) == [
        FailedExpectation(
            arm="control",
            kind="similarity",
            problem="control big: similarity 0.7499 to its own other answer is below 0.75",
            hint="the control is less consistent with itself than that, so the threshold is too strict for a treatment: "
            'set min_similarity="auto", lower it, send temperature=0, or check the task with expect',
            slug="control-similarity",
        )
    ]
    for threshold, score in ((0.75, 0.75), (0.75, None), (None, 0.0), ("auto", 0.0)):
        assert check_control(a_case(min_similarity=threshold), BIG, [PairScore(score)]) == []


def test_guards_veto_the_control_too():
    """A control that changes a number between its answers fails like a treatment."""
    flag = Flag(name="number-changed", detail="30 -> 14")
    [failure] = check_control(a_case(min_similarity=0.75), BIG, [PairScore(0.9, (flag,))])
    assert failure == FailedExpectation(
        arm="control",
        kind="guard",
        problem="control big: similarity 0.90 to its own other answer reaches 0.75, but the guard number-changed vetoes it: "
        "30 -> 14",
        hint="similarity does not show this difference; if it is harmless, leave min_similarity out and use expect",
        slug="guard-veto",
    )


@pytest.mark.parametrize(("threshold", "score"), [(0.75, 0.5), (None, 0.9), ("auto", 0.9)])
def test_guards_veto_nothing_below_the_threshold(threshold, score):
    """A threshold that was not reached, or not set, leaves nothing to veto."""
    pairs = [PairScore(score, (Flag(name="number-changed", detail="30 -> 14"),))]
    assert all(failure.kind == "similarity" for failure in check_control(a_case(min_similarity=threshold), BIG, pairs))


@pytest.mark.parametrize(
    ("scores", "slugs"),
    [((0.9, 0.5), []), ((0.9, 0.5, 0.5), ["similarity-below"]), ((1.0, 0.7, 0.7), ["similarity-below"])],
)
def test_several_pairs_fail_if_fewer_than_half_reach_the_threshold(scores, slugs):
    """Pairs are counted for both arms; the mean may reach a threshold that most pairs do not."""
    pairs = tuple(map(PairScore, scores))
    comparison = replace(a_comparison(sum(scores) / len(scores), 0.75), pairs=pairs)
    assert [failure.slug for failure in comparison_failures(comparison)] == slugs
    assert len(check_control(a_case(min_similarity=0.75), BIG, pairs)) == len(slugs)
    if len(scores) == 3 and slugs:
        assert "on average, 1 of 3 pairs reach 0.75" in comparison_failures(comparison)[0].problem


def test_guard_vetoes_only_if_most_pairs_fail_by_it():
    """One changed number in two pairs leaves half of them, which is enough."""
    flagged, plain = PairScore(0.9, (Flag(name="number-changed", detail="30 -> 14"),)), PairScore(0.9)
    assert comparison_failures(replace(a_comparison(0.9, 0.75), pairs=(flagged, plain))) == []
    assert [
        failure.slug
        for failure in comparison_failures(replace(a_comparison(0.9, 0.75), pairs=(flagged, flagged, plain)))
    ] == ["guard-veto"]


def test_calibrated_threshold_names_its_source():
    """The user did not set the number, so no message asks to lower it."""
    auto = replace(a_case(min_similarity=0.213), calibrated=True)
    [control] = check_control(auto, BIG, [PairScore(0.2)])
    assert control.problem == (
        "control big: similarity 0.20 to its own other answer is below 0.213 "
        "(auto: the control with itself stays above it in 95% of cases)"
    )
    assert control.hint == (
        "the control is less consistent with itself than that, so the threshold is too strict for a treatment: check the task with expect"
    )
    [treatment] = check_comparison(auto, replace(a_comparison(0.2, 0.213), case=auto), "small")
    assert treatment.problem == (
        "treatment small: lexical similarity 0.20 is below 0.213 "
        "(auto: the control with itself stays above it in 95% of cases)"
    )
    assert treatment.hint == "where both answers are right, choose another metric, or use expect"


def test_docstring_examples_run():
    """The examples are doctests."""
    result = doctest.testmod(json_expectations)
    assert (result.failed, result.attempted > 0) == (0, True)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_format_near_bound_keeps_the_side_of_the_bound(value, bound):
    """The text compares with the bound as the number does."""
    assume(value != bound)
    assert (Decimal(format_near_bound(value, bound)) < Decimal(exact_number(bound))) == (value < bound)


@given(st.text(max_size=300), st.integers(0, 300))
def test_excerpt_fits_a_line(text, around):
    """An excerpt of any text is short and shows whether there is more."""
    shown = excerpt(text.encode("utf-8", "replace").decode(), around)
    assert "\n" not in shown
    assert (("…" in shown.replace(repr(text), "")) and len(text) > 80) or repr(text) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON, JSON)
def test_every_value_contains_itself(value, more):
    """Also an object with more names, and equal values contain each other."""
    assert same(value, value)
    assert first_difference(value, value) == ""
    if isinstance(value, dict):
        assert first_difference(value, {"a name of four": more, **value}) == ""
    assert not same(value, more) or first_difference(value, more) == ""


@given(st.text(max_size=30))
def test_no_answer_makes_a_check_raise(text):
    """Every answer either passes or fails."""
    expect = {"contains": "a", "not_contains": "b", "regex": "c", "equals": "d", "json": {"a": 1},
              "json_schema": {"type": "object"}, "max_words": 1}  # fmt: skip
    assert all(failure.hint and str(failure.problem.encode()) for failure in failures(text, **expect))


def test_answer_of_fences_and_blanks_is_parsed_at_once():
    """A pattern that retries every length of the blanks takes minutes for it."""
    reply = Reply(model="m", outcome="ok", text="```\n" + " " * 200_000)
    with pytest.raises(ReplyNotJsonError):
        reply.json()
    assert Reply(model="m", outcome="ok", text='```json\n{"a": 1}\n   ```').json() == {"a": 1}


def test_deeply_nested_answer_is_not_json():
    with pytest.raises(ReplyNotJsonError, match="it is nested too deep"):
        Reply(model="m", outcome="ok", text="[" * 100_000 + "]" * 100_000).json()
