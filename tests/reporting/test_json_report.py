"""The JSON report: exactly the keys that scripts read, in any order of arrival, whole or not at all."""

import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from factories import (
    DEEPSEEK,
    FLASH,
    SONNET,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    a_run,
    a_talk,
    an_error,
    collected,
    one_arm,
    said,
    verdicts_of,
)
from hypothesis import given
from hypothesis import strategies as st
from report_reader import rebuilt
from report_schema import checked

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.json_report import chunks, require_writable, write_text
from pytest_graysplit.reporting.json_report.run_json import coverage_json
from pytest_graysplit.reporting.json_report.sums_json import UNKNOWN_ARM
from pytest_graysplit.stats import JudgeAccuracy
from pytest_graysplit.types import Expect, MetricUsage, ToolCall, Turn
from pytest_graysplit.verdict import RunFacts, StopReason
from pytest_graysplit.verdict.judge_standing import JudgeStanding
from pytest_graysplit.verdict.results import Results

RUN = a_run(id="run1")
USAGE = ["prompt", "completion", "cached", "cache_write", "cache_write_1h", "reasoning", "total", "unpriced"]


def report(results):
    """Return the report, checked against its schema."""
    return checked(json.loads("".join(chunks(results, verdicts_of(results), RUN))))


def test_report_in_full():
    """One case, one treatment: every key and every value."""
    case = a_case(min_similarity=0.75, tags=("billing",))
    pair = a_pair(
        case,
        a_reply("30 days.", at="2026-11-23T10:00:00Z"),
        a_reply("14 days.", DEEPSEEK, latency_s=0.5, cost="0.0001", replayed=True, served_model="deepseek-v3"),
        misses=[a_miss()],
        spare=[a_reply("A month.")],
        score=lambda one, other: 0.5,
    )
    reply = {
        "sample": 0,
        "finish_reason": None,
        "usage": {**dict.fromkeys(USAGE, 0), "prompt": 10, "completion": 5, "total": 15},
        "reported_cost_usd": None,
        "response_id": None,
        "system_fingerprint": None,
        "retried": [],
        "fell_back": False,
        "error_kind": None,
        "retryable": False,
        "outcome": "ok",
        "latency_s": 1.0,
        "ttft_s": None,
        "cost_usd": 0.001,
        "text": "30 days.",
        "reasoning": "",
        "tool_calls": [],
        "model": SONNET,
        "served_model": SONNET,
        "attempts": 1,
        "queue_s": 0.0,
        "backoff_s": 0.0,
        "in_flight": None,
        "replayed": False,
        "params_unknown": False,
        "error": None,
        "error_slug": None,
        "at": "2026-11-23T10:00:00Z",
        "turn": None,
        "earlier": [],
        "calls": [],
    }
    other = {**reply, "text": "14 days.", "model": DEEPSEEK, "served_model": "deepseek-v3", "latency_s": 0.5}
    other |= {"cost_usd": 0.0001, "replayed": True, "at": None}
    row = {"name": "pass_rate", "state": "inconclusive", "estimate": -1.0, "low": -1.0}
    row |= {"high": pytest.approx(0.46026810), "n": 1, "method": "Tango score, paired", "bound": -0.05}
    row |= {"critical": True, "remark": None, "confidence": 0.9}
    changed = {"name": "number-changed", "detail": "control says 30, treatment says 14"}
    shown = report(collected(pair))
    others = shown["comparisons"][0]["rows"][1:]
    assert [one["name"] for one in others] == [
        *("retention", "similarity_deficit", "errors", "guards", "latency", "savings", "savings_with_fallback"),
        "tag:billing",
    ]
    assert shown == {
        "format": 1,
        "run": RUN,
        "arms": [
            {
                "role": "control",
                "model": SONNET,
                "name": SONNET,
                **UNKNOWN_ARM,
                "cases": 1,
                "passed": 1,
                "pass_rate": 1.0,
                "pass_rate_ci": [pytest.approx(0.20654931), 1.0],
                "errors": 0,
                "outcomes": {"ok": 1},
                "latency_s": {"mean": 1.0, "p50": 1.0, "p95": 1.0, "p99": None},
                "tokens": {"prompt": 10, "completion": 5, "cached": 0},
                "cost_usd": 0.001,
                "priced": 1,
                "cost_per_pass_usd": 0.001,
                "served_models": {SONNET: 1},
                "attempts": 1,
                "replayed": 0,
                "in_flight": None,
                "runs": 0,
                "calls": 0,
                "without_output": 0,
                "other_calls": {},
            },
            {
                "role": "treatment",
                "model": DEEPSEEK,
                "name": DEEPSEEK,
                **UNKNOWN_ARM,
                "cases": 1,
                "passed": 0,
                "pass_rate": 0.0,
                "pass_rate_ci": [0.0, pytest.approx(0.79345069)],
                "errors": 0,
                "outcomes": {"ok": 1},
                "latency_s": {"mean": 0.5, "p50": 0.5, "p95": 0.5, "p99": None},
                "tokens": {"prompt": 10, "completion": 5, "cached": 0},
                "cost_usd": 0.0001,
                "priced": 1,
                "cost_per_pass_usd": None,
                "served_models": {"deepseek-v3": 1},
                "attempts": 1,
                "replayed": 1,
                "in_flight": None,
                "runs": 0,
                "calls": 0,
                "without_output": 0,
                "other_calls": {},
            },
        ],
        "comparisons": [
            {
                "treatment": DEEPSEEK,
                "n": 1,
                "similarity": {"mean": 0.5, "min": 0.5, "below": 1},
                "pass_difference": {"estimate": -1.0, "low": -1.0, "high": pytest.approx(0.46026810)},
                "latency_ratio": {"estimate": 0.5, "low": 0.0, "high": None},
                "cost_ratio": None,
                "cases": {"broken": 1, "fixed": 0, "both_right": 0, "both_wrong": 0, "unasserted": 0},
                "broken": [{"name": "tests/test_support.py::refund-policy", "missed": "expect"}],
                "flags": {"number-changed": 1},
                "fields": {},
                "conversations": 0,
                "parted": [],
                "applications": 0,
                "parted_calls": [],
                "metric_calls": {},
                "rows": [row, *others],
                "verdict": "hold",
                "reasons": [
                    "deepseek-v3.2 was requested, deepseek-v3 answered: 1 reply",
                    "only 1 case; a verdict needs at least 30",
                    "the treatment passes none of 1 case",
                    "pass rate may be 100.0 points worse, the margin is 5.0; at least 54 more cases are needed",
                ],
                "cases_needed": 55,
                "cases_needed_if_equal": None,
                "mcnemar_midp": pytest.approx(0.5),
                "judge": None,
            }
        ],
        "cases": [
            {
                "id": "refund-policy",
                "file": "tests/test_support.py",
                "nodeid": "tests/test_support.py::test_it[refund-policy]#0",
                "tags": ["billing"],
                "request": "0123456789abcdef",
                "where": None,
                "cluster": None,
                "must_pass": False,
                "unjudged": {},
                "metric": None,
                "json_fields": {},
                "samples": None,
                "min_similarity": 0.75,
                "max_deficit": None,
                "other_prompts": None,
                "max_latency_s": None,
                "max_ttft_s": None,
                "max_latency_ratio": None,
                "max_cost_usd": None,
                "messages": [{"role": "user", "content": "What is your refund policy?"}],
                "params": {},
                "differs": {},
                "differing": {},
                "same_request": [],
                "same_arms": [],
                "over_limit": {},
                "elsewhere": {},
                "expect": None,
                "turns": [],
                "rubric": [],
                "rubric_results": {},
                "checks_share": {},
                "rubric_calls": {},
                "guard_calls": {},
                "comparisons": {
                    DEEPSEEK: {
                        "metric": "lexical",
                        "fields": [],
                        "latency_ratio": 0.5,
                        "cost_ratio": 0.1,
                        "pairs": [
                            {"control": [place], "treatment": [0], "similarity": 0.5, "flags": flags, "by_calls": False}
                            for place, flags in enumerate([[changed], []])
                        ],
                        "self_pairs": [
                            {"control": [0], "other": [1], "similarity": 0.5, "flags": [], "by_calls": False}
                        ],
                        "remarks": [],
                        "turns": [],
                        "parting_turn": None,
                    }
                },
                "metric_calls": {},
                "passed": {"control": True, DEEPSEEK: False},
                "pass_share": {"control": 1.0, DEEPSEEK: 0.0},
                "similarity": {DEEPSEEK: 0.5},
                "self_similarity": 0.5,
                "threshold": 0.75,
                "calibrated": False,
                "discriminates": False,
                "asserted": True,
                "flags": [{"treatment": DEEPSEEK, **changed}],
                "misses": {
                    "control": [],
                    DEEPSEEK: [
                        {
                            "kind": "expect",
                            "problem": "treatment deepseek-v3.2: is wrong",
                            "slug": "expect-contains",
                            "check": None,
                            "sample": None,
                            "turn": None,
                            "hint": "fix it",
                        }
                    ],
                },
                "app": False,
                "runs": {},
                "parting_calls": {},
                "replies": {"control": [reply], DEEPSEEK: [other]},
                "spare": {"control": [{**reply, "text": "A month.", "at": None}]},
            }
        ],
    }


def test_report_has_all_documented_keys():
    """The documented keys are written down a second time here."""
    shown = report(collected(a_pair(a_case(), a_reply(), a_reply("14 days.", DEEPSEEK))))
    assert set(shown) == {"format", "run", "arms", "comparisons", "cases"}
    assert set(shown["run"]) >= {"id", "started", "duration_s", "record", "complete", "seed"}
    promised = (
        "role model cases passed pass_rate pass_rate_ci errors outcomes latency_s tokens cost_usd priced "
        "cost_per_pass_usd served_models attempts replayed in_flight runs calls without_output other_calls"
    )
    assert set(shown["arms"][0]) == {*promised.split(), "name", *UNKNOWN_ARM}
    promised = "treatment n similarity pass_difference latency_ratio cost_ratio metric_calls rows verdict reasons"
    assert set(shown["comparisons"][0]) == {
        *promised.split(),
        "flags",
        "fields",
        "conversations",
        "parted",
        "applications",
        "parted_calls",
        "cases_needed",
        "cases_needed_if_equal",
        "mcnemar_midp",
        "judge",
        "cases",
        "broken",
    }
    promised = "name state estimate low high n method"
    assert {frozenset(row) for row in shown["comparisons"][0]["rows"]} == {
        frozenset({*promised.split(), "bound", "critical", "remark", "confidence"})
    }
    assert set(shown["cases"][0]) >= {"id", "nodeid", "passed", "similarity", "threshold", "flags", "replies"}


def test_report_writes_null_for_unknown_figures():
    """No reply, no price, no judgement: null, and 0 only for counts."""
    shown = report(collected(a_pair(a_case(), an_error(), an_error(DEEPSEEK), judged=False)))
    (control, _) = shown["arms"]
    assert (control["pass_rate"], control["pass_rate_ci"]) == (None, [0.0, 1.0])
    assert control["latency_s"] == {"mean": None, "p50": None, "p95": None, "p99": None}
    assert (control["cost_usd"], control["cost_per_pass_usd"], control["priced"]) == (None, None, 0)
    assert (control["errors"], control["outcomes"], control["served_models"]) == (1, {"error": 1}, {})
    (comparison,) = shown["comparisons"]
    assert comparison["similarity"] == {"mean": None, "min": None, "below": 0}
    assert comparison["pass_difference"] == {"estimate": None, "low": -1.0, "high": 1.0}
    assert (comparison["latency_ratio"], comparison["cost_ratio"]) == (None, None)
    assert shown["cases"][0]["passed"] == {}
    assert shown["cases"][0]["replies"]["control"][0]["error"] == "HTTP 500: internal error"


def test_report_of_an_empty_run():
    """A script that reads it finds the same keys."""
    assert report(Results()) == {"format": 1, "run": RUN, "arms": [], "comparisons": [], "cases": []}


@pytest.mark.parametrize(("n", "p99"), [(99, None), (100, 1.0)])
def test_report_has_a_99th_percentile_from_a_hundred_values_on(n, p99):
    """With fewer values it would be the maximum."""
    results = collected(*(one_arm(a_case(f"case-{number}"), "control", a_reply()) for number in range(n)))
    assert report(results)["arms"][0]["latency_s"]["p99"] == p99


@given(st.permutations(range(6)))
def test_report_does_not_depend_on_the_order_of_arrival(order):
    """Workers report in any order; the file is the same, byte for byte."""
    answers = [("30 days.", DEEPSEEK), ("14 days.", DEEPSEEK), ("A month.", FLASH)]
    pairs = [
        a_pair(a_case(f"case-{n % 2}"), a_reply(latency_s=0.1 + n), a_reply(*answers[n % 3], cost=f"0.00{n}1"))
        for n in range(6)
    ]
    in_order, as_they_came = Results(), Results()
    for n in range(6):
        in_order.add(f"item-{n}", (pairs[n],))
        as_they_came.add(f"item-{order[n]}", (pairs[order[n]],))
    assert list(chunks(as_they_came, verdicts_of(as_they_came), RUN)) == list(
        chunks(in_order, verdicts_of(in_order), RUN)
    )


def test_report_is_readable_text():
    """Indented, with letters of all languages, and a line end at the end."""
    results = collected(a_pair(a_case(prompt="¿Qué?"), a_reply("用户"), a_reply("é", DEEPSEEK)))
    text = "".join(chunks(results, verdicts_of(results), RUN))
    assert text.endswith("}\n")
    assert text.startswith('{\n "format": 1,\n')
    assert "用户" in text


def test_report_escapes_half_a_surrogate_pair(tmp_path):
    """A model can write text without a UTF-8 form; the report is valid and keeps it."""
    path = tmp_path / "report.json"
    results = collected(a_pair(a_case(), a_reply("\ud83d!"), a_reply("x", DEEPSEEK)))
    write_text(path, chunks(results, verdicts_of(results), RUN))
    shown = json.loads(path.read_text(encoding="utf-8"))
    assert shown["cases"][0]["replies"]["control"][0]["text"] == "\ud83d!"


def test_report_is_written_case_by_case():
    """The whole text is that of one object, and no piece holds more than one case."""
    texts = [str(number) * 4000 for number in range(20)]
    cases = [a_pair(a_case(text[:1]), a_reply(f"1{text}"), a_reply(f"2{text}", DEEPSEEK)) for text in texts]
    results = collected(*cases)
    pieces = list(chunks(results, verdicts_of(results), RUN))
    shown = json.loads("".join(pieces))
    assert "".join(pieces) == json.dumps(shown, indent=1) + "\n"
    assert max(map(len, pieces)) <= 8 + max(len(json.dumps(case, indent=3)) for case in shown["cases"])


def texts_in(value):
    """Return every text of a parsed report, also names."""
    if isinstance(value, dict):
        return [text for name, part in value.items() for text in (name, *texts_in(part))]
    if isinstance(value, list):
        return [text for part in value for text in texts_in(part)]
    return [value] if isinstance(value, str) else []


def test_report_has_each_answer_once():
    """Two treatments are compared with the same answers of the control, which are in the file once."""
    control, spare = a_reply("Alpha says thirty days."), a_reply("Beta says a month.")
    answers = {DEEPSEEK: "Gamma says two weeks.", FLASH: "Delta says never."}
    pairs = [a_pair(a_case(), control, a_reply(text, model), spare=[spare]) for model, text in answers.items()]
    texts = texts_in(report(collected(*pairs)))
    assert [texts.count(text) for text in (control.text, spare.text, *answers.values())] == [1, 1, 1, 1]
    assert not any("Alpha" in text and text != control.text for text in texts)


def sent(case, **requests):
    """Return a report of a case with the requests of its arms."""
    pair = a_pair(case, a_reply(), a_reply("30 days.", DEEPSEEK))
    return report(collected(replace(pair, requests=requests)))["cases"][0]


def test_report_shows_the_difference_of_an_arm():
    """The case has the control's messages and parameters, and each arm that differs has its own."""
    ours = {"messages": [{"role": "user", "content": "?"}], "temperature": 1, "max_tokens": 9, "stop": ["a"]}
    theirs = {"messages": [{"role": "system", "content": "v2"}, *ours["messages"]], "temperature": True, "stop": ["a"]}
    case = sent(a_case(), control=ours, **{DEEPSEEK: {**theirs, "top_p": 0.5}})
    assert (case["messages"], case["params"]) == (ours["messages"], {"temperature": 1, "max_tokens": 9, "stop": ["a"]})
    difference = {
        "messages": theirs["messages"],
        "params": {"temperature": True, "top_p": 0.5},
        "unset": ["max_tokens"],
    }
    assert case["differs"] == {DEEPSEEK: difference}
    assert sent(a_case(), control=ours, **{DEEPSEEK: {**ours}})["differs"] == {}
    longer = {**ours, "stop": ["a", "b"]}
    assert sent(a_case(), control=ours, **{DEEPSEEK: longer})["differs"] == {
        DEEPSEEK: {"messages": None, "params": {"stop": ["a", "b"]}, "unset": []}
    }


def test_report_writes_parameters_that_json_cannot_hold():
    """Not a number and infinity are null, as in every other place."""
    odd = {"messages": [], "temperature": float("nan"), "logit_bias": {"1": float("-inf")}, "stop": ("a",)}
    assert sent(a_case(), control=odd)["params"] == {"temperature": None, "logit_bias": {"1": None}, "stop": ["a"]}


def test_report_shows_the_case_as_its_user_wrote_it():
    """Expectations in their normal form, and all that decides about the case."""
    expect = Expect(contains=("30",), json={"a": 1}, tool_calls=(ToolCall("refund", {"order": 1}),), tool_order=True)
    limits = {"max_latency_s": 2.0, "max_latency_ratio": 1.5, "max_cost_usd": 0.01, "samples": 2, "metric": "exact"}
    facts = {"where": "support.jsonl:14", "cluster": "billing", "must_pass": True}
    case = sent(a_case(expect=expect, params={"seed": 3}, **limits, **facts))
    assert case["expect"] == {
        "contains": ["30"],
        "json": {"a": 1},
        "tool_calls": [{"name": "refund", "arguments": {"order": 1}}],
        "tool_order": True,
    }
    assert case["params"] == {"seed": 3}
    assert {name: case[name] for name in (*limits, *facts)} == {**limits, **facts}


def test_report_says_why_an_arm_was_not_judged():
    """A failed call and a reason of the item; the arm is absent from the passes."""
    pair = a_pair(a_case(), an_error(), an_error(DEEPSEEK), judged=False, because="not recorded")
    case = report(collected(pair))["cases"][0]
    assert case["unjudged"]["control"] == {"because": "not recorded", "unasked": False, "bug": None}
    both_failed = report(collected(a_pair(a_case(), an_error(), an_error(DEEPSEEK))))["cases"][0]
    assert both_failed["unjudged"][DEEPSEEK]["because"] == "every call failed"
    assert both_failed["passed"] == {}


def rich_results():
    """Return results with every part that a verdict depends on: tags, clusters, budgets, flags, errors, a metric."""
    usage = MetricUsage(metric="judge", model="gpt-4.1", calls=2, cost_usd=Decimal("0.00123"), better=1)
    rows = []
    for number in range(40):
        facts = {"tags": ("even",) if number % 2 == 0 else (), "cluster": f"c{number // 3}", "must_pass": number == 7}
        facts["rubric"] = ("names the days",) if number % 5 == 0 else ()
        case = a_case(f"case-{number:02}", min_similarity=0.4, max_latency_ratio=3.0, metric="judge", **facts)
        control = (a_reply(f"{number} days.", sample=0), a_reply(f"{number} days!", sample=1, latency_s=0.9 + number))
        for model in (DEEPSEEK, FLASH):
            other = a_reply(f"{number % 5 * 7} days.", model, latency_s=0.5 + number / 9, cost=f"0.000{number + 1}")
            answer = an_error(model) if number % 13 == 5 else other
            misses = [a_miss(model, f"treatment {model}: {number}")] if number % 4 == 3 else []
            pair = a_pair(case, control, answer, spare=[a_reply("A spare one.")], misses=misses)
            alike = {"same_request": number % 2 == 0, "same_arms": False, "differing": ("user",) if number == 3 else ()}
            rows.append(replace(pair, asked=usage if number % 2 else None, **alike))
    return collected(*rows, *conversations())


def conversations():
    """Return results of conversations: one that parts at its second turn, and one that a treatment has ended."""
    parts = [{"type": "text", "text": "And now?"}]
    case = a_talk(Expect(contains=("Hi",)), None, min_similarity=0.9)
    case = replace(case, turns=(*case.turns, Turn(message={"role": "user", "content": parts})))
    control = said("Hi.", a_reply("30 days.", latency_s=3.0, cost="0.01"), "Bye.")
    for model in (DEEPSEEK, FLASH):
        yield a_pair(case, control, said("Hi.", "14 days.", "Bye.", model=model), misses=[a_turn_miss(model, 1)])
        ended = replace(case, id="ended")
        yield a_pair(ended, control, said("Hello.", model=model), misses=[a_turn_miss(model, 0)])


def a_turn_miss(arm, turn):
    return replace(a_miss(arm), turn=turn, check=f"turns[{turn}].expect.contains[0]")


def test_report_has_every_turn_of_a_conversation():
    """The script, the answers of each arm, the scores of the turns, and the turn at which the arms part."""
    shown = report(collected(*conversations()))
    ended, talk = shown["cases"]
    assert [turn["user"] for turn in talk["turns"]] == [
        "Question 1",
        "Question 2",
        [{"type": "text", "text": "And now?"}],
    ]
    assert [turn["expect"] for turn in talk["turns"]] == [{"contains": ["Hi"]}, None, None]
    [reply] = talk["replies"][DEEPSEEK]
    assert [(one["turn"], one["text"]) for one in (*reply["earlier"], reply)] == [
        (0, "Hi."),
        (1, "14 days."),
        (2, "Bye."),
    ]
    assert [len(one["earlier"]) for one in (reply, reply["earlier"][1])] == [2, 0]
    assert [case["comparisons"][FLASH]["parting_turn"] for case in (ended, talk)] == [0, 1]
    assert [turn["similarity"] == 1 for turn in talk["comparisons"][FLASH]["turns"]] == [True, False, True]
    assert [turn["similarity"] for turn in ended["comparisons"][FLASH]["turns"]][1:] == [0.0, 0.0]
    assert talk["misses"][DEEPSEEK][0]["turn"] == 1
    [one, _] = shown["comparisons"]
    assert (one["conversations"], one["parted"]) == (2, [{"turn": 0, "cases": 1}, {"turn": 1, "cases": 1}])


def test_report_alone_gives_the_same_sums_and_verdicts():
    """Results that are read from the file make the same file again, to the letter, under every policy and fact."""
    results = rich_results()
    policy = Policy(margin=0.1, critical=("pass_rate", "latency"), critical_tags=("even",), max_latency_s=3.0)
    labels = JudgeStanding(model="gpt-4.1", labels="l.jsonl", accuracy=JudgeAccuracy(45, 50, 40, 50))
    for facts in (
        {},
        {"cut": ("interrupted",), "lost": 3},
        {"stops": {FLASH: StopReason(side="harm", after=30)}},
        {"judge": labels},
        {"judge": JudgeStanding(model="gpt-4.1", problem="it has no labels")},
    ):
        run = a_run(policy, coverage=coverage_json(RunFacts(**facts)))
        text = "".join(chunks(results, verdicts_of(results, policy, **facts), run))
        report = checked(json.loads(text))
        assert "".join(chunks(*rebuilt(report), report["run"])) == text


# --- writing


def test_write_text_makes_folders_and_replaces_the_older_report(tmp_path):
    """Everyone may read the file."""
    path = tmp_path / "build" / "reports" / "graysplit.json"
    write_text(path, ["old"])
    write_text(path, iter(["ne", "w"]))
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_write_text_keeps_the_older_report_on_an_error(tmp_path):
    """Half a report is not written, and nothing is left beside the old one."""
    path = tmp_path / "graysplit.json"
    write_text(path, ["old"])

    def breaking():
        yield "half a rep"
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_text(path, breaking())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


AHEAD = "nothing was sent; name a file in a folder that can be written to with --graysplit-json=FILE"
HINT = "  hint: name a file in a folder that can be written to; the run itself and its recordings are complete"


def refused(path):
    with pytest.raises(UsageError) as caught:
        write_text(path, ["text"])
    return str(caught.value)


def test_write_text_names_a_folder_in_place_of_the_report(tmp_path):
    """The problem, the path and the remedy; no file is left beside it."""
    path = tmp_path / "taken"
    path.mkdir()
    assert refused(path) == f"the report {path} cannot be written: Is a directory\n{HINT}  [report-unwritable]"
    assert list(tmp_path.iterdir()) == [path]


def test_write_text_names_a_file_in_place_of_the_folder(tmp_path):
    """A path through a file cannot be created."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "report.json"
    assert refused(path) == f"the report {path} cannot be written: {path.parent} is a file\n{HINT}  [report-unwritable]"


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_write_text_names_a_folder_without_permission(tmp_path):
    """The message contains the reason of the system."""
    tmp_path.chmod(0o500)
    try:
        path = tmp_path / "report.json"
        assert refused(path) == f"the report {path} cannot be written: Permission denied\n{HINT}  [report-unwritable]"
    finally:
        tmp_path.chmod(0o700)


def test_require_writable_fails_before_anything_is_sent(tmp_path):
    """With the reason; nothing is created or left behind."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "fixed").write_text("")
    (tmp_path / "fixed").chmod(0o444)
    before = sorted(tmp_path.iterdir())
    for name, why in [
        ("folder", "it is not a file"),
        ("fixed", "it is read-only"),
        ("file/report.json", f"{tmp_path / 'file'} is not a folder"),
        ("x" * 300, "File name too long"),
        ("nul\0", "embedded null byte"),
    ]:
        with pytest.raises(UsageError) as caught:
            require_writable(tmp_path / name)
        assert caught.value.problem.endswith(f" cannot be written: {why}")
        assert (caught.value.hint, caught.value.slug) == (AHEAD, "report-unwritable")
    require_writable(tmp_path / "new" / "deep" / "report.json")
    require_writable(tmp_path / "file")
    assert sorted(tmp_path.iterdir()) == before


def test_write_text_removes_the_half_written_file_on_a_full_disk(tmp_path, monkeypatch):
    """The last step fails."""

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    path = tmp_path / "report.json"
    assert refused(path) == (
        f"the report {path} cannot be written: No space left on device\n{HINT}  [report-unwritable]"
    )
    assert list(tmp_path.iterdir()) == []
