"""Results of a run: sums that count each case once, with any number of items and in any order."""

from dataclasses import replace
from decimal import Decimal

import pytest
from factories import (
    DEEPSEEK,
    FLASH,
    SONNET,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    an_arm,
    an_error,
    collected,
    one_arm,
)
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import wilson
from pytest_graysplit.types import CriterionResult, Flag, MetricUsage, Usage
from pytest_graysplit.verdict.results import Results
from pytest_graysplit.verdict.results.sums import total_cost


def pair(name="case", control=None, treatment=None, **fields):
    return a_pair(a_case(name), control or a_reply(), treatment or a_reply("30 days", DEEPSEEK), **fields)


def sums(*case_results):
    """(control, treatment, comparison) of a run with one treatment."""
    results = collected(*case_results)
    (comparison,) = results.comparisons()
    return *results.arms(), comparison


# --- arms


@pytest.mark.parametrize(
    ("misses", "told", "share"), [((), None, 1.0), ((a_miss(),), None, 0.0), ((a_miss(),), 0.5, 0.5), ((), 0.5, 0.5)]
)
def test_pass_share_comes_from_the_item(misses, told, share):
    """Without a share, a miss is a miss of all answers; only a whole share is a pass."""
    arm = an_arm(DEEPSEEK, a_reply(), a_reply(), misses=misses, share=told)
    assert (arm.pass_share, arm.passed) == (share, share == 1)


@pytest.mark.parametrize(("second", "share"), [(0.5, 0.5), (1.0, 0.5), (0.0, 0.0), (None, 0.0)])
def test_pass_share_of_several_items_is_the_lowest(second, share):
    """Two tests of one case: an answer passes if both pass it."""
    replies = (a_reply(model=DEEPSEEK), a_reply(model=DEEPSEEK))
    one, other = (
        replace(one_arm(a_case(), DEEPSEEK, *replies), arms=(an_arm(DEEPSEEK, *replies, misses=misses, share=told),))
        for misses, told in (([a_miss()], 0.5), ([a_miss(problem="treatment: another")], second))
    )
    (row,) = collected(one, other).rows
    assert row.arms[DEEPSEEK].pass_share == share


def test_arm_summary_in_full():
    """All figures of one arm over three cases, one of which failed."""
    control, _, _ = sums(
        pair("a", a_reply(latency_s=1.0, tokens=(10, 5), replayed=True, attempts=2)),
        pair("b", a_reply(latency_s=3.0, tokens=(20, 7), outcome="truncated", served_model="claude-sonnet-4.5-2026")),
        pair("c", an_error(), control_misses=[a_miss("control")]),
    )
    assert (control.role, control.arm, control.model) == ("control", "control", SONNET)
    assert (control.cases, control.passed, control.pass_rate) == (3, 2, wilson(2, 3))
    assert (control.errors, control.outcomes) == (1, {"error": 1, "ok": 1, "truncated": 1})
    assert (control.replies, control.replayed, control.attempts) == (3, 1, 7)
    assert (control.latencies_s, control.mean_latency_s, control.latency_s(0.5)) == ((1.0, 3.0), 2.0, 2.0)
    assert control.usage == Usage(prompt=30, completion=12, total=42)
    assert (control.cost_usd, control.priced, control.cost_per_pass_usd) == (Decimal("0.002"), 2, Decimal("0.001"))
    assert control.served_models == {SONNET: 1, "claude-sonnet-4.5-2026": 1}


def test_arms_are_sorted_by_name_after_the_control():
    """The order depends on names alone."""
    results = collected(pair("a", treatment=a_reply("x", FLASH)), pair("b"))
    assert [(arm.role, arm.arm) for arm in results.arms()] == [
        ("control", "control"),
        ("treatment", DEEPSEEK),
        ("treatment", FLASH),
    ]


def test_spare_replies_are_in_no_sum():
    """They measure the control's noise; both arms are counted on as many replies."""
    spare = a_reply("14 days.", latency_s=99.0, tokens=(1000, 1000), cost="5", replayed=True)
    control, _, comparison = sums(pair(spare=[spare]))
    assert (control.replies, control.latencies_s, control.cost_usd, control.replayed) == (
        1,
        (1.0,),
        Decimal("0.001"),
        0,
    )
    assert control.usage == Usage(prompt=10, completion=5, total=15)
    assert len(comparison.self_similarities) == 1


def test_arm_without_a_judgement_does_not_count_as_a_case():
    """A skipped or broken body says nothing about the model; its reply still cost money."""
    control, treatment, _ = sums(pair("a", judged=False), pair("b"))
    assert (control.cases, control.passed, control.cost_usd) == (1, 1, Decimal("0.002"))
    assert (treatment.cases, treatment.passed) == (1, 1)
    assert not an_arm("control", a_reply(), judged=False).passed


def test_reply_without_a_served_model_counts_as_unknown():
    """A failed call was not served by any model."""
    control, _, _ = sums(pair("a", a_reply(served_model=None)), pair("b", an_error()))
    assert control.served_models == {"unknown": 1}


# --- money


@pytest.mark.parametrize(
    ("replies", "cost"),
    [
        ([], None),
        ([an_error()], None),
        ([a_reply()], "0.001"),
        ([a_reply(), an_error()], "0.001"),
        ([a_reply(), a_reply(cost=None)], None),
        ([a_reply(cost="0")], "0"),
    ],
)
def test_cost_with_an_unknown_part_is_unknown(replies, cost):
    """Failed calls without a price do not hide the rest."""
    assert total_cost(replies) == (None if cost is None else Decimal(cost))


def test_cost_is_compared_per_pass():
    """A cheap model that passes half as often saves half as much."""
    _, treatment, comparison = sums(
        pair("a", a_reply(cost="0.01"), a_reply("x", DEEPSEEK, cost="0.002")),
        pair("b", a_reply(cost="0.01"), a_reply("x", DEEPSEEK, cost="0.002"), misses=[a_miss()]),
    )
    assert treatment.cost_per_pass_usd == Decimal("0.004")
    assert (comparison.cost_ratio, comparison.cost_per_pass_saved_usd) == (0.4, Decimal("0.006"))


@pytest.mark.parametrize(
    "fields",
    [
        {"treatment": a_reply("x", DEEPSEEK, cost=None)},
        {"control": a_reply(cost=None)},
        {"misses": [a_miss()]},
        {"control_misses": [a_miss("control")]},
    ],
    ids=["treatment's price", "control's price", "treatment's passes", "control's passes"],
)
def test_savings_need_prices_and_passes_on_both_sides(fields):
    """Otherwise they are unknown in the comparison too."""
    _, _, comparison = sums(pair(**fields))
    assert (comparison.cost_ratio, comparison.cost_per_pass_saved_usd) == (None, None)


# --- comparisons


def test_comparison_summary_in_full():
    """Five different pairs."""
    _, _, comparison = sums(
        pair("both", a_reply(latency_s=1.0), a_reply("30 days.", DEEPSEEK, latency_s=2.0)),
        pair("control", treatment=a_reply("14 days.", DEEPSEEK), misses=[a_miss()]),
        pair("treatment", control_misses=[a_miss("control")]),
        pair("neither", an_error(), an_error(DEEPSEEK), misses=[a_miss()], control_misses=[a_miss("control")]),
        pair("more", control_misses=[a_miss("control")]),
    )
    assert comparison.treatment == DEEPSEEK
    assert comparison.flags == {"number-changed": 1}
    assert comparison.thresholds == ()
    assert comparison.below == 0
    assert len(comparison.similarities) == 4


def test_comparison_counts_cases_below_their_own_threshold():
    """Thresholds may differ by case; each is listed once."""
    cases = [(0.9, 0.8), (0.5, 0.8), (0.9, 0.95), (None, 0.1)]
    _, _, comparison = sums(
        *(
            a_pair(
                a_case(f"case-{n}", min_similarity=threshold),
                a_reply(),
                a_reply("x", DEEPSEEK),
                score=lambda one, other, told=similarity: told,
            )
            for n, (threshold, similarity) in enumerate(cases)
        )
    )
    assert (comparison.thresholds, comparison.below) == ((0.5, 0.9), 1)
    assert comparison.similarities == (0.8, 0.8, 0.95, 0.1)


def test_comparison_sorts_flags_by_number():
    """By number, then by name."""

    def flagged(name, *flags):
        seen = pair(name)
        return replace(seen, comparison=replace(seen.comparison, flags=tuple(Flag(name=f, detail="") for f in flags)))

    _, _, comparison = sums(flagged("a", "z", "b"), flagged("b", "z"), flagged("c", "z", "a"))
    assert list(comparison.flags.items()) == [("z", 3), ("a", 1), ("b", 1)]


def test_comparison_needs_the_control():
    """A treatment alone has none."""
    assert collected(one_arm(a_case(), DEEPSEEK, a_reply("x", DEEPSEEK))).comparisons() == ()


# --- items


def test_case_of_several_items_counts_once():
    """Its misses are those of all items, each once; if one item could not judge it, it is not judged."""
    first, other = a_miss(problem="one"), a_miss(problem="two")
    control, treatment, _ = sums(pair(misses=[first]), pair(misses=[first, other]), pair())
    assert (control.cases, control.replies, control.cost_usd) == (1, 1, Decimal("0.001"))
    assert (treatment.cases, treatment.passed) == (1, 0)
    (row,) = collected(pair(misses=[first]), pair(misses=[first, other])).rows
    assert row.arms[DEEPSEEK].misses == (first, other)
    assert sums(pair(), pair(judged=False))[0].cases == 0


def test_rerun_replaces_the_results_of_its_item():
    """The last run counts, also in sums that were read before."""
    results = Results()
    results.add("item", (pair(misses=[a_miss()]),))
    assert results.arms()[1].passed == 0
    results.add("item", (pair(),))
    assert (results.arms()[1].passed, results.items) == (1, 1)


def test_case_identity_includes_its_request_and_file():
    """Other parameters make another case."""
    asked = pair()
    results = collected(
        asked, replace(asked, request_hash="fedcba9876543210"), replace(asked, file="tests/test_other.py")
    )
    assert [row.name for row in results.rows] == [
        "tests/test_other.py::case",
        "tests/test_support.py::case",
        "tests/test_support.py::case",
    ]


def test_results_without_items_are_empty():
    """A run without any report."""
    results = Results()
    assert not results
    assert (results.items, results.rows, results.arms(), results.comparisons()) == (0, (), (), ())
    results.add("item", ())
    assert results


def a_run():
    """Items of several kinds over four cases."""
    reports = [
        pair("a", a_reply(latency_s=0.1), a_reply("14 days.", DEEPSEEK, latency_s=0.7, cost="0.0003")),
        pair("b", a_reply(latency_s=0.3), a_reply("30 days", FLASH, cost="0.1"), misses=[a_miss(FLASH)]),
        pair("b", a_reply(latency_s=0.3), a_reply("30 days", DEEPSEEK), misses=[a_miss()]),
        pair("b", a_reply(latency_s=0.3), a_reply("30 days", DEEPSEEK), misses=[a_miss(problem="two")]),
        pair("c", an_error(), an_error(DEEPSEEK), misses=[a_miss()], control_misses=[a_miss("control")]),
        one_arm(a_case("d"), "control", a_reply(latency_s=0.6)),
        one_arm(a_case("d"), DEEPSEEK, a_reply("x", DEEPSEEK), misses=[a_miss()]),
    ]
    return [(f"item-{number}", (report,)) for number, report in enumerate(reports)]


@given(st.permutations(a_run()))
def test_results_do_not_depend_on_the_order_of_arrival(items):
    """Every case, arm and comparison is the same."""
    in_order, as_they_came = Results(), Results()
    for item in a_run():
        in_order.add(*item)
    for item in items:
        as_they_came.add(*item)
    assert as_they_came.rows == in_order.rows
    assert as_they_came.arms() == in_order.arms()
    assert as_they_came.comparisons() == in_order.comparisons()


@pytest.mark.parametrize(
    ("answered", "judged"),
    [
        ((True, True, True), (True, True, True)),
        ((False, True, True), (True, True, True)),
        ((True, False, False), (True, True, True)),
        ((False, False, True), (True, False, True)),
        ((False, False, False), (False, False, False)),
    ],
)
def test_arms_that_failed_together_are_not_judged(answered, judged):
    """A relay that fails the control and the treatment alike says nothing about a model."""
    arms = ("control", DEEPSEEK, FLASH)
    models = (SONNET, DEEPSEEK, FLASH)
    (row,) = collected(
        *(
            one_arm(
                a_case(), arm, a_reply(model=model) if there else an_error(model), misses=() if there else [a_miss(arm)]
            )
            for arm, model, there in zip(arms, models, answered, strict=True)
        )
    ).rows
    assert tuple(row.arms[arm].judged for arm in arms) == judged
    assert all(row.arms[arm].misses or there for arm, there in zip(arms, answered, strict=True))


def test_arm_with_one_answer_of_several_samples_is_judged():
    """By its share, even if the other arm has no answer."""
    control = (an_error(), a_reply())
    (row,) = collected(pair(control=control, treatment=an_error(DEEPSEEK), misses=[a_miss()])).rows
    assert all(arm.judged for arm in row.arms.values())


def verdicts(told, sample=0):
    """Return the judge's verdicts on the criteria for one answer: yes, no or silent."""
    holds = {"yes": True, "no": False, "silent": None}
    return tuple(
        CriterionResult(criterion=f"criterion {number}", sample=sample, holds=holds[word])
        for number, word in enumerate(told.split())
    )


@pytest.mark.parametrize(
    ("rubric", "lacks"),
    [
        ((), False),
        (verdicts("yes yes"), False),
        (verdicts("yes silent"), True),
        (verdicts("no silent"), False),
        ((*verdicts("no yes"), *verdicts("yes silent", sample=1)), True),
    ],
)
def test_verdict_is_lacking_only_where_it_decides(rubric, lacks):
    """One criterion that does not hold decides an answer, but not the arm's other answers."""
    assert replace(an_arm(DEEPSEEK, a_reply()), rubric=rubric).lacks_verdict is lacks


@pytest.mark.parametrize(
    ("control", "first", "second", "judged"),
    [
        (verdicts("yes"), verdicts("yes"), verdicts("no"), (True, True, True)),
        (verdicts("silent"), verdicts("yes"), verdicts("no"), (False, False, False)),
        (verdicts("yes"), verdicts("silent"), verdicts("yes"), (True, False, True)),
        (verdicts("yes"), verdicts("silent"), verdicts("silent"), (False, False, False)),
        (verdicts("silent"), (), verdicts("yes"), (False, True, False)),
        ((), verdicts("silent"), verdicts("silent"), (True, False, False)),
    ],
)
def test_arm_without_a_verdict_takes_the_other_one_along(control, first, second, judged):
    """Each arm has a test of its own; one that failed a check with every answer needed no judge."""
    arms = {"control": (SONNET, control), DEEPSEEK: (DEEPSEEK, first), FLASH: (FLASH, second)}
    items = []
    for arm, (model, rubric) in arms.items():
        item = one_arm(a_case(rubric=("criterion 0",)), arm, a_reply(model=model))
        own = replace(item.arms[0], rubric=rubric, share=1.0, checks_share=1.0)
        silent = replace(own, judged=False, unjudged_because="without a verdict of the judge", share=None)
        items.append(replace(item, arms=(silent if own.lacks_verdict else own,)))
    (row,) = collected(*items).rows
    assert tuple(row.arms[arm].judged for arm in arms) == judged
    assert {one.unjudged_because for one in row.arms.values() if not one.judged} <= {"without a verdict of the judge"}


def test_shares_without_the_rubric_are_joined_like_the_others():
    """Two tests of one case: the lowest counts, and one without a rubric has none."""
    shares = [None, 1.0, 0.5]
    items = [
        replace(one, arms=(replace(one.arms[0], checks_share=share),))
        for share in shares
        for one in [one_arm(a_case(), DEEPSEEK, a_reply(model=DEEPSEEK))]
    ]
    (row,) = collected(*items).rows
    assert row.arms[DEEPSEEK].checks_share == 0.5


def test_criteria_are_counted_for_each_arm():
    """Those that fail most come first; an answer without a verdict is not counted."""
    items = [
        replace(one, arms=(one.arms[0], replace(one.arms[1], rubric=rubric)))
        for name, rubric in (("a", verdicts("yes no")), ("b", verdicts("silent no")), ("c", verdicts("no")))
        for one in [pair(name)]
    ]
    control, treatment, _ = sums(*items)
    assert control.criteria == {}
    assert list(treatment.criteria.items()) == [("criterion 1", (2, 2)), ("criterion 0", (1, 2))]


def test_calls_about_the_rubric_are_added_up_apart():
    """A case may ask a judge as its metric and about its rubric."""
    asked = [MetricUsage(metric=metric, model="gpt-4.1", calls=2) for metric in ("judge", "rubric")]
    items = [replace(pair(name), asked=asked[0], asked_rubric=asked[1]) for name in "ab"]
    *_, comparison = sums(*items)
    assert [(one.metric, one.calls) for one in comparison.asked] == [("judge", 4), ("rubric", 4)]


def test_case_is_asserted_by_any_of_its_items():
    """Its bug is that of any of its arms."""
    silent = replace(one_arm(a_case(), "control", a_reply()), asserted=False)
    loud = one_arm(a_case(), DEEPSEEK, a_reply(model=DEEPSEEK))
    assert [collected(*some).rows[0].asserted for some in ((silent,), (silent, loud), (loud, silent))] == [
        False,
        True,
        True,
    ]
    broken = replace(loud, arms=(replace(loud.arms[0], judged=False, bug="KeyError: 'status'"),))
    (row,) = collected(silent, broken, loud).rows
    assert (row.bug, row.arms[DEEPSEEK].judged) == ("KeyError: 'status'", False)
