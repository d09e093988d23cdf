"""Applications in the JSON report, the failure text and the live page: their calls, and where the arms part."""

import json
from dataclasses import replace

from factories import (
    DEEPSEEK,
    SONNET,
    a_call,
    a_case,
    a_miss,
    a_run,
    an_app_run,
    an_error,
    collected,
    paired,
    verdicts_of,
)
from report_reader import rebuilt
from report_schema import checked

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.reporting.dashboard.page_text import case_texts
from pytest_graysplit.reporting.dashboard.run_cases import case_json
from pytest_graysplit.reporting.dashboard.run_figures import arms_so_far
from pytest_graysplit.reporting.failure import failure
from pytest_graysplit.reporting.json_report import chunks
from pytest_graysplit.types import ServedAnswer
from pytest_graysplit.verdict.results import CONTROL, OtherCalls
from pytest_graysplit.verdict.results.app_runs import alone


def text_of(results):
    return "".join(chunks(results, verdicts_of(results), a_run()))


def report(*case_results):
    return checked(json.loads(text_of(collected(*case_results))))


def an_agent(name="ticket", treatment=("look_up", "cancel"), output="Cancelled.", **fields):
    """Return the result of a case whose control looks up an order, refunds it and answers."""
    case = a_case(name)
    steps = [a_call("", tool, model=DEEPSEEK) for tool in treatment]
    return paired(
        an_app_run(case, CONTROL, "Refunded.", a_call("", "look_up"), a_call("", "refund"), a_call("Refunded.")),
        an_app_run(case, DEEPSEEK, output, *steps, a_call(output, model=DEEPSEEK), **fields),
    )


def test_report_lists_the_calls_of_each_run():
    shown = report(an_agent(passed={"embed-3": 2}))
    [case] = shown["cases"]
    assert (case["app"], case["parting_calls"]) == (True, {DEEPSEEK: 1})
    [reply] = case["replies"][DEEPSEEK]
    assert reply["text"] == "Cancelled."
    assert [(call["model"], call["swapped"], call["text"]) for call in reply["calls"]] == [
        (DEEPSEEK, True, ""),
        (DEEPSEEK, True, ""),
        (DEEPSEEK, True, "Cancelled."),
        ("embed-3", False, ""),
        ("embed-3", False, ""),
    ]
    assert [tool["name"] for call in reply["calls"] for tool in call["tool_calls"]] == ["look_up", "cancel"]
    run = {"sample": 0, "control_samples": 1, "samples": 1, "has_output": True, "calls": 3}
    assert case["runs"] == {
        CONTROL: [{**run, "other_calls": {}}],
        DEEPSEEK: [{**run, "other_calls": {"embed-3": {"calls": 2, "failed": 0, "cost_usd": 0.0002}}}],
    }


def test_report_sums_up_runs():
    shown = report(an_agent("a", passed={"embed-3": 2}), an_agent("b", ("look_up", "refund"), "Refunded."))
    assert [(arm["runs"], arm["calls"], arm["without_output"]) for arm in shown["arms"]] == [(2, 6, 0)] * 2
    assert shown["arms"][1]["other_calls"] == {"embed-3": {"calls": 2, "failed": 0, "cost_usd": 0.0002}}
    [one] = shown["comparisons"]
    assert (one["applications"], one["parted_calls"]) == (2, [{"call": 1, "cases": 1}])
    assert [row["estimate"] for row in one["rows"] if row["name"] == "calls_per_case"] == [0.0]


def test_report_alone_gives_the_same_sums_and_verdicts_of_applications():
    """With samples, a run without an output, an arm alone, a failed call and a model without a price."""
    case = a_case("samples", min_similarity=0.5)
    controls = tuple(an_app_run(case, CONTROL, "x", sample=n, of=(3, 2)) for n in range(3))
    treatments = tuple(an_app_run(case, DEEPSEEK, text, sample=n, of=(3, 2)) for n, text in enumerate(("x", None)))
    results = collected(
        an_agent("a", passed={"embed-3": 1}),
        paired(controls, treatments),
        paired(*(an_app_run(a_case("silent"), arm, None) for arm in (CONTROL, DEEPSEEK))),
        alone([an_app_run(a_case("lost"), CONTROL, "x", a_call("", model=SONNET, cost=None), an_error())]),
    )
    text = text_of(results)
    read = checked(json.loads(text))
    assert "".join(chunks(*rebuilt(read), read["run"])) == text


def test_failure_shows_the_calls_up_to_the_one_at_which_the_arms_part():
    result = an_agent(misses=[a_miss()], passed={"embed-3": 2})
    assert failure(result).splitlines()[3:] == [
        "  case       ticket",
        "  prompt     What is your refund policy?",
        "  control    claude-sonnet-4.5: passed, ok 3.00 s $0.0030 in 3 calls",
        "  treatment  deepseek-v3.2: missed, ok 5.00 s $0.0032 in 5 calls",
        "  similarity 0.12 (lexical), length x1.11",
        "  flag       tool-changed: control calls refund(order=1001), treatment calls cancel(order=1001)",
        "  answers    [-Refunded.-] {+Cancelled.+}",
        "  call 1     both: look_up(order=1001)",
        "  call 2     control: refund(order=1001)",
        "             treatment: cancel(order=1001) (here the arms part)",
        "  calls      then 1 more of the control, 1 more of the treatment",
        "  others     embed-3 2 times by the treatment",
    ]


def test_live_page_shows_each_call_with_the_answers_of_both_arms():
    [row] = collected(an_agent(treatment=("look_up",), passed={"embed-3": 2})).rows
    shown = case_json(row, DEEPSEEK)
    assert [(step["number"], step["parts"], len(step["arms"])) for step in shown["steps"]] == [
        (0, False, 2),
        (1, True, 2),
        (2, False, 1),
    ]
    assert [arm["text"] for arm in shown["arms"]] == ["Refunded.", "Cancelled."]
    assert shown["steps"][1]["call_diff"] == [[["-", "refund(order=1001)"]]]
    assert [step["title"] for step in case_texts(shown)["steps"]] == [
        "Call 1",
        "Call 2, the arms part here",
        "Call 3",
    ]


def test_live_page_counts_the_calls_of_a_finished_run_once():
    """During the run, calls are answers that wait for their test; at its end they are a part of one run."""
    results = collected(an_agent())
    [row] = results.rows
    fetched = [(CONTROL, replace(call, served=ServedAnswer())) for call in row.arms[CONTROL].replies[0].calls]
    arms = arms_so_far(results, [(CONTROL, SONNET), (DEEPSEEK, DEEPSEEK)], fetched)
    assert [len(arm.replies) for arm in arms] == [1, 1]


def test_failure_of_one_run_shows_its_own_calls():
    """The test of one arm fails before the other arm has run."""
    run = an_app_run(a_case(), DEEPSEEK, None, a_call("", "refund"), an_error(DEEPSEEK), misses=[a_miss()])
    assert failure(run).splitlines()[5:] == [
        "  treatment  deepseek-v3.2: missed, ok 1.00 s $0.0010 in 2 calls",
        "  call 1     refund(order=1001)",
        "  call 2     failed: 'HTTP 500: internal error'",
    ]


def test_failure_shows_that_a_call_of_another_model_failed():
    """The application may have failed because of it, and not because of the model under test."""
    run = an_app_run(a_case(), DEEPSEEK, None, a_call("Step."), misses=[a_miss()], passed={"embed-3": 1})
    [reply] = run.arms[0].replies
    reply = replace(reply, calls=(reply.calls[0], an_error("embed-3")))
    run = replace(run, arms=(replace(run.arms[0], replies=(reply,)),))
    assert failure(run).splitlines()[-2:] == [
        "  others     embed-3 1 time",
        "             embed-3 failed: 'HTTP 500: internal error'",
    ]


def test_failure_names_equal_calls_of_other_models_once():
    lines = failure(paired(*both_arms(misses=[a_miss()], passed={"embed-3": 2}))).splitlines()
    assert lines[-1] == "  others     embed-3 2 times by each arm"


def both_arms(case=None, **fields):
    return [an_app_run(case or a_case(), arm, "x", **fields) for arm in (CONTROL, DEEPSEEK)]


def test_failure_counts_failed_calls_of_other_models_without_a_reply_of_the_arm():
    run = an_app_run(a_case(), DEEPSEEK, None, swapped_calls=0)
    bug = replace(run.arms[0], bug="assert ''", judged=False, replies=())
    app = replace(run.app, passed={"embed-3": OtherCalls(2, None, failed=1), "rerank": OtherCalls(1, None, failed=1)})
    text = failure(replace(run, arms=(bug,), app=app))
    assert text.startswith(
        "the test body raised assert '': no request for the model under test came before it, so the case counts for no"
    )
    assert text.splitlines()[-1] == "  others     embed-3 2 times (1 failed), rerank 1 time (failed)"


def test_failure_counts_the_attempts_of_the_failed_call_alone():
    other = a_call("", model="embed-3", attempts=3)
    reply = replace(an_error(DEEPSEEK, attempts=2), calls=(other, an_error(DEEPSEEK, attempts=1)))
    [failed] = check_reply(a_case(), reply, DEEPSEEK, lambda *_: None)
    assert failed.problem == "treatment deepseek-v3.2: no answer after 1 attempt: HTTP 500: internal error"


def test_output_that_is_cut_off_is_helped_by_the_application():
    """It sends the limit; a marker has no params for it."""
    reply = replace(a_call("Take the"), outcome="truncated", calls=(a_call("Take the", outcome="truncated"),))
    [failed] = check_reply(a_case(), reply, DEEPSEEK, lambda *_: None)
    assert failed.hint.startswith("let the application send a higher max_tokens")


def test_failure_of_a_long_run_shows_its_last_calls():
    calls = [a_call("", "look_up") for _ in range(40)]
    run = an_app_run(a_case(), DEEPSEEK, None, *calls, misses=[a_miss(kind="calls")])
    lines = [line for line in failure(run).splitlines() if line.startswith("  call ")]
    assert (len(lines), lines[-1]) == (10, "  call 40    look_up(order=1001)")
