"""Results of applications: one case each, sums of all calls, and the suspicious answers inside of them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from factories import (
    DEEPSEEK,
    SONNET,
    a_call,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    an_app_run,
    collected,
    paired,
    plain,
    verdicts_of,
)

from pytest_graysplit.plugin.workers import packed, unpacked
from pytest_graysplit.reporting.summary import lines
from pytest_graysplit.reporting.summary.applications import application_lines
from pytest_graysplit.verdict.pairs import pairs_of
from pytest_graysplit.verdict.results import CONTROL, OtherCalls
from pytest_graysplit.verdict.run_facts import caveats_of


def steps(number, model=SONNET, **fields):
    return tuple(a_call(f"Step {one}.", model=model, **fields) for one in range(number))


def pair_of(name="ticket", control=2, treatment=3, **fields):
    """Return the result of a case whose runs make so many calls."""
    case = a_case(name)
    return paired(
        an_app_run(case, CONTROL, "30 days.", *steps(control), **fields),
        an_app_run(case, DEEPSEEK, "30 days.", *steps(treatment, DEEPSEEK), **fields),
    )


def section(results, **facts):
    return plain(lines(results, verdicts_of(results, **facts), metric="lexical", width=120))


def test_figures_of_a_run_are_the_sums_of_its_calls():
    results = collected(pair_of())
    [pair] = pairs_of(results, DEEPSEEK)
    assert (pair.calls.control, pair.calls.treatment) == (2, 3)
    assert (pair.latency_s.control, pair.latency_s.treatment) == (2.0, 3.0)
    assert [round(figure, 6) for figure in pair.cost_usd] == [0.002, 0.003]
    assert [(arm.runs, arm.calls, arm.cost_usd) for arm in results.arms()] == [
        (1, 2, Decimal("0.002")),
        (1, 3, Decimal("0.003")),
    ]


def test_row_of_calls_is_shown_and_never_decides():
    """Twice as many calls cost more, and that is in the rows of cost and latency."""
    results = collected(*(pair_of(f"c{n}", 2, 4 + n % 2) for n in range(60)))
    [verdict] = verdicts_of(results)
    [row] = [row for row in verdict.rows if row.name == "calls_per_case"]
    assert (row.estimate, row.state, row.bound, row.critical, row.n) == (2.5, None, None, False, 60)
    assert verdict.decision == "promote"


def test_cases_without_an_application_have_no_row_of_calls():
    [verdict] = verdicts_of(collected(a_pair(a_case(), a_reply(), a_reply(model=DEEPSEEK))))
    assert "calls_per_case" not in [row.name for row in verdict.rows]


def test_calls_to_other_models_are_summed_up_for_each_arm():
    results = collected(*(pair_of(f"c{n}", passed={"embed-3": 2}) for n in range(3)))
    assert [arm.other_calls for arm in results.arms()] == [{"embed-3": OtherCalls(6, Decimal("0.0006"))}] * 2
    unknown = OtherCalls(1, None).plus(OtherCalls(2, Decimal(1), failed=1))
    assert unknown == OtherCalls(3, None, failed=1)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"served_model": "another"}, "another answered"),
        ({"fell_back": True}, "fell back by itself"),
    ],
    ids=["stranger", "gateway"],
)
def test_suspicious_answer_to_one_call_holds_a_promotion(fields, text):
    """The reply of a run has no served model of its own, so each of its calls is looked at."""
    results = []
    for number in range(60):
        case = a_case(f"c{number}")
        calls = (*steps(2, DEEPSEEK), a_call("Odd.", model=DEEPSEEK, **fields))
        results.append(paired(an_app_run(case, CONTROL, "x"), an_app_run(case, DEEPSEEK, "x", *calls)))
    [verdict] = verdicts_of(collected(*results))
    assert verdict.decision == "hold"
    assert any(text in reason for reason in verdict.reasons)


def test_another_model_that_the_application_calls_is_not_a_stranger():
    """A gateway may serve the embedding model under another name."""
    case = a_case()
    runs = [an_app_run(case, arm, "x", passed={"embed": 1}) for arm in (CONTROL, DEEPSEEK)]
    odd = [
        replace(
            run,
            arms=(
                replace(
                    run.arms[0],
                    replies=tuple(
                        replace(
                            reply,
                            calls=(*reply.calls[:-1], replace(reply.calls[-1], served_model="other", fell_back=True)),
                        )
                        for reply in run.arms[0].replies
                    ),
                ),
            ),
        )
        for run in runs
    ]
    assert caveats_of(collected(paired(*odd)), DEEPSEEK) == ()


def test_calls_recorded_at_another_address_hold_a_promotion():
    results = []
    for number in range(60):
        case = a_case(f"c{number}")
        moved = an_app_run(case, DEEPSEEK, "x")
        moved = replace(moved, arms=(replace(moved.arms[0], elsewhere=1),))
        results.append(paired(an_app_run(case, CONTROL, "x"), moved))
    [verdict] = verdicts_of(collected(*results))
    assert verdict.decision == "hold"
    assert "was recorded at an address" in verdict.reasons[0]


def test_cut_off_calls_hold_a_promotion():
    results = []
    for number in range(60):
        case = a_case(f"c{number}")
        cut = (a_call("Ste", model=DEEPSEEK, outcome="truncated"), a_call("Done.", model=DEEPSEEK))
        results.append(paired(an_app_run(case, CONTROL, "x"), an_app_run(case, DEEPSEEK, "x", *cut)))
    [verdict] = verdicts_of(collected(*results))
    assert verdict.decision == "hold"
    assert "cut off at its token limit: 60 of 120 replies" in verdict.reasons[0]


def in_order(number, first, *calls):
    """Return the result of a case in which one arm ran before the other; the first run makes the first number."""
    case, arms = a_case(f"c{number}"), (CONTROL, DEEPSEEK) if first == CONTROL else (DEEPSEEK, CONTROL)
    runs = {}
    for place, (arm, made) in enumerate(zip(arms, calls, strict=True)):
        run = an_app_run(case, arm, "x", *steps(made))
        replies = tuple(replace(reply, at=f"2026-11-30T10:00:0{place}Z") for reply in run.arms[0].replies)
        runs[arm] = replace(run, arms=(replace(run.arms[0], replies=replies),))
    return paired(runs[CONTROL], runs[DEEPSEEK])


def verdict_of(*results):
    [verdict] = verdicts_of(collected(*results))
    return verdict.decision, verdict.reasons[0]


def test_second_run_that_makes_fewer_calls_holds_a_promotion():
    """A module of the application may remember the answers of the model that ran first."""
    arms = [CONTROL, DEEPSEEK] * 30
    decision, reason = verdict_of(*(in_order(n, arm, 3, 2) for n, arm in enumerate(arms)))
    assert decision == "hold"
    assert reason.startswith("the arm that ran second made fewer calls in 60 of 60 cases in which both differ: the")


def test_model_that_needs_fewer_calls_in_either_order_may_be_promoted():
    cases = [in_order(n, CONTROL, 3, 2) if n % 2 else in_order(n, DEEPSEEK, 2, 3) for n in range(60)]
    assert verdict_of(*cases)[0] == "promote"


def test_order_without_another_number_of_calls_shows_nothing():
    assert verdict_of(*(in_order(n, CONTROL, 2, 2) for n in range(60)))[0] == "promote"
    assert verdict_of(*(in_order(n, CONTROL, 3, 2) if n < 6 else in_order(n, CONTROL, 2, 2) for n in range(60)))[0] == (
        "promote"
    )


def test_second_run_that_always_makes_more_calls_is_not_a_cache():
    assert verdict_of(*(in_order(n, CONTROL, 2, 3) for n in range(60)))[0] == "promote"


def test_treatment_that_fails_its_asserts_is_rejected():
    results = []
    for number in range(60):
        case = a_case(f"c{number}")
        failed = an_app_run(case, DEEPSEEK, "x", misses=[a_miss(kind="body")])
        results.append(paired(an_app_run(case, CONTROL, "x"), failed))
    [verdict] = verdicts_of(collected(*results))
    assert verdict.decision == "reject"


def test_summary_says_what_applications_did():
    silent = a_case("silent")
    results = collected(
        pair_of("a", passed={"embed-3": 2}),
        pair_of("b", 2, 2),
        paired(an_app_run(silent, CONTROL, None), an_app_run(silent, DEEPSEEK, None)),
    )
    found = [line for line in section(results) if line.startswith(("  calls", "  no output", "  also", "    "))]
    assert found[:5] == [
        "  calls         1.7 per run of claude-sonnet-4.5, 2.0 of deepseek-v3.2; 0.3 more per case  (90% CI -0.6 .. +1.3)",
        "                the arms first part at call 3 in 1 of 3 cases",
        "  no output     judged by the asserts alone: 2 of 6 runs set no output",
        "  also called   embed-3 2 times, $0.0002 by claude-sonnet-4.5",
        "                embed-3 2 times, $0.0002 by deepseek-v3.2",
    ]


def test_summary_counts_judged_runs_alone():
    """A run that was not asked, because the cap is used up, has set no output for another reason."""
    results = collected(
        *(paired(*(an_app_run(a_case(f"c{n}"), arm, None) for arm in (CONTROL, DEEPSEEK))) for n in range(2)),
        paired(*(an_app_run(a_case("cap"), arm, None, judged=False, passed={"m": 1}) for arm in (CONTROL, DEEPSEEK))),
    )
    assert [(arm.runs, arm.calls, arm.other_calls["m"].calls) for arm in results.arms()] == [(2, 2, 1)] * 2
    assert "  no output     judged by the asserts alone: 4 of 4 runs set no output" in section(results)


def test_summary_of_one_case_has_no_interval_of_calls():
    assert "  calls         2.0 per run, as many with each model" in section(collected(pair_of("a", 2, 2)))
    more = "  calls         2.0 per run of claude-sonnet-4.5, 3.0 of deepseek-v3.2; 1.0 more per case  (one pair, no interval)"
    assert more in section(collected(pair_of("a", 2, 3)))


def test_difference_of_calls_has_its_own_line_on_a_narrow_terminal():
    results = collected(pair_of("a", 2, 3), pair_of("b", 2, 3))
    found = plain(lines(results, verdicts_of(results), metric="lexical", width=80))
    place = found.index("  calls         2.0 per run of claude-sonnet-4.5, 3.0 of deepseek-v3.2")
    assert found[place + 1] == "                1.0 more per case  (90% CI +1.0 .. +1.0)"


def test_failed_calls_of_other_models_are_counted_and_cost_nothing():
    results = collected(pair_of("a", passed={"embed-3": 2}))
    control, treatment = results.arms()
    [one] = results.comparisons()
    failed = {"embed-3": OtherCalls(1, Decimal(0), failed=1), "rank": OtherCalls(3, Decimal("0.0012"), failed=1)}
    found = [line.text for line in application_lines(one, None, [control, replace(treatment, other_calls=failed)], 80)]
    assert found == [
        "embed-3 2 times, $0.0002 by claude-sonnet-4.5",
        "embed-3 1 time (failed), rank 3 times (1 failed), $0.0012 by deepseek-v3.2",
    ]


def test_cost_names_the_model_without_a_price():
    """An embedding model without a price makes the cost of the case unknown, and not that of the model under test."""
    case = a_case()
    runs = []
    for arm, model in ((CONTROL, SONNET), (DEEPSEEK, DEEPSEEK)):
        run = an_app_run(case, arm, "x", a_call("x", model=model), a_call("", model="embed-3", cost=None))
        [reply] = run.arms[0].replies
        runs.append(replace(run, arms=(replace(run.arms[0], replies=(replace(reply, cost_usd=None),)),)))
    assert "  cost          unknown: no price for embed-3" in section(collected(paired(*runs)))


def test_results_of_a_run_travel_between_processes():
    result = pair_of(passed={"embed-3": 2})
    assert unpacked(packed((result,))) == (result,)
