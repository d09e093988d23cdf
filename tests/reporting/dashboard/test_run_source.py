"""A run as a source of the page: snapshots and cases from real results, and how often they are computed."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread

import pytest
from factories import (
    DEEPSEEK,
    FLASH,
    SONNET,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    a_talk,
    an_error,
    collected,
    one_arm,
    said,
    verdicts_of,
)

from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.fetch_stats import FetchStats
from pytest_graysplit.reporting.dashboard import run_source
from pytest_graysplit.reporting.dashboard.run_cases import WORST
from pytest_graysplit.reporting.dashboard.run_figures import arms_so_far
from pytest_graysplit.reporting.dashboard.run_source import RunSource, RunView, snapshot_of
from pytest_graysplit.stats import JudgeAccuracy
from pytest_graysplit.types import CriterionResult, Flag, ToolCall
from pytest_graysplit.verdict import StopReason
from pytest_graysplit.verdict.judge_standing import JudgeStanding
from pytest_graysplit.verdict.results import CONTROL, Results

STARTED = datetime(2026, 11, 26, 10, 0, 0, tzinfo=UTC)
SETTINGS = Settings(control=SONNET, treatments=(DEEPSEEK,))


def a_view(results=None, **fields):
    return RunView(**{"results": results or Results(), "settings": SETTINGS, "started": STARTED, "stops": {}, **fields})


def four_cases():
    """Four cases; the treatment fails the first, and is faster and cheaper."""
    answers = ["No idea at all.", "You have 1 day.", "You had 2 days.", "You have 3 days."]
    return collected(
        *(
            a_pair(
                a_case(f"case-{n}", min_similarity=0.75),
                a_reply(f"You have {n} days.", latency_s=1 + n),
                a_reply(answer, DEEPSEEK, latency_s=0.5, cost="0.0001"),
                misses=[] if n else [a_miss()],
            )
            for n, answer in enumerate(answers)
        )
    )


def ended(results, **fields):
    return snapshot_of(a_view(results, verdicts=tuple(verdicts_of(results)), **{"complete": True, **fields}))


def only(snapshot, key):
    (one,) = snapshot[key]
    return one


def test_snapshot_of_an_ended_run_has_all_keys():
    """With the figures of the arms and the verdict with its reasons."""
    shown = ended(four_cases(), notes=("a note",))
    assert {key: shown[key] for key in shown if key not in ("arms", "comparisons", "worst")} == {
        "format": 1,
        "kind": "run",
        "title": "4 cases",
        "subtitle": "control claude-sonnet-4.5, treatment deepseek-v3.2, metric lexical",
        "state": "ended",
        "started": "2026-11-26T10:00:00.000+00:00",
        "at": None,
        "elapsed_s": None,
        "progress": {"unit": "cases", "done": 4, "total": 4, "fetched": None, "to_fetch": None, "spent_usd": None},
        "windows": [],
        "notes": ["a note"],
    }
    control, treatment = shown["arms"]
    assert treatment == {
        "arm": DEEPSEEK,
        "role": "treatment",
        "model": DEEPSEEK,
        "weight": None,
        "n": 4,
        "passed": 3,
        "pass_rate": 0.75,
        "pass_rate_ci": [pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4)],
        "units": None,
        "errors": 0,
        "outcomes": {"ok": 4},
        "error_classes": {},
        "latency_s": {"mean": 0.5, "p50": 0.5, "p95": 0.5, "p99": None, "n": 4},
        "latency_histogram": {"edges": control["latency_histogram"]["edges"], "counts": [4, *[0] * 11]},
        "tokens": {"prompt": 40, "completion": 20, "cached": 0},
        "cost_usd": 0.0004,
        "unpriced": 0,
        "cost_per_pass_usd": pytest.approx(0.0004 / 3),
        "feedback": None,
        "fallbacks": None,
    }
    comparison = only(shown, "comparisons")
    (verdict,) = verdicts_of(four_cases())
    assert (comparison["verdict"], comparison["reasons"]) == (verdict.decision, list(verdict.reasons))
    assert comparison["rows"][0] == {
        "name": "pass_rate",
        "label": "pass rate",
        "state": "inconclusive",
        "estimate": -0.25,
        "low": verdict.rows[0].low,
        "high": verdict.rows[0].high,
        "bound": -0.05,
        "n": 4,
        "method": "Tango score, paired",
        "remark": None,
        "critical": True,
        "confidence": 0.9,
        "unit": "points",
    }
    assert {row["name"]: row["unit"] for row in comparison["rows"]} == {
        "pass_rate": "points",
        "retention": "share",
        "errors": "points",
        "latency": "ratio",
        "cost_per_pass": "ratio",
        "savings": "usd",
        "savings_with_fallback": "usd",
    }
    assert comparison["similarity"]["n"] == sum(comparison["similarity"]["counts"]) == 4
    assert comparison["similarity"]["threshold"] == 0.75
    assert comparison["similarity"]["counts"][-1] == 1  # the pair of identical answers


def test_snapshot_of_a_running_run_has_no_states():
    """Rows have intervals only, and the reason is the number of cases left."""
    results = four_cases()
    planned = {
        f"tests/test_support.py::test_it[case-{n}]#{n}": ("tests/test_support.py", f"case-{n}", "0123456789abcdef")
        for n in range(4)
    }
    planned |= {f"other[{n}]": ("tests/test_other.py", f"other-{n}", "0") for n in range(8)}
    shown = snapshot_of(a_view(results, planned=planned, finished=frozenset(list(planned)[:4])))
    comparison = only(shown, "comparisons")
    assert (shown["state"], shown["title"]) == ("running", "12 cases")
    assert (shown["progress"]["done"], shown["progress"]["total"]) == (4, 12)
    assert (comparison["verdict"], comparison["reasons"]) == ("collecting", ["8 of 12 cases are left"])
    assert {row["state"] for row in comparison["rows"]} == {None}
    assert [row["estimate"] for row in comparison["rows"]] == [
        row["estimate"] for row in only(ended(results), "comparisons")["rows"]
    ]


def test_running_comparison_is_corrected_as_its_verdict_will_be():
    """With labels of the judge, the page shows the corrected difference from the first case on."""
    results = collected(
        *(
            a_pair(a_case(f"case-{n}", rubric=("names the days",)), a_reply(), a_reply("?", DEEPSEEK), misses=misses)
            for n, misses in enumerate([[a_miss()]] + [[]] * 9)
        )
    )
    judge = JudgeStanding(model="gpt-4.1", accuracy=JudgeAccuracy(45, 50, 45, 50))
    estimates = [
        only(snapshot_of(a_view(results, **known)), "comparisons")["rows"][0]["estimate"]
        for known in ({}, {"judge": judge})
    ]
    assert estimates == pytest.approx([-0.1, -0.1 / 0.8])


def test_case_of_two_tests_is_judged_when_both_have_ended():
    """Two arms or two treatments of one case count as one case."""
    results = collected(one_arm(a_case("a"), CONTROL, a_reply()))
    (row,) = results.rows
    planned = {"control": row.key, "treatment": row.key}
    assert a_view(planned=planned).cases == (0, 1)
    assert a_view(results, planned=planned, finished={"control"}).cases == (0, 1)
    assert a_view(results, planned=planned, finished=set(planned)).cases == (1, 1)


def test_case_without_a_result_is_not_in_the_total():
    """The summary does not count a test that skips itself either."""
    planned = {"skips": ("f", "a", "0"), "waits": ("f", "b", "0")}
    assert a_view(planned=planned, finished={"skips"}).cases == (0, 1)


def test_total_is_unknown_to_an_xdist_controller():
    """It learns of a case when the case is judged."""
    shown = snapshot_of(a_view(four_cases()))
    assert (shown["title"], shown["progress"]["total"]) == ("4 cases so far", None)
    assert only(shown, "comparisons")["reasons"] == ["4 cases judged so far"]
    cut = ended(four_cases(), complete=False)
    assert (cut["title"], cut["progress"]["done"], cut["progress"]["total"]) == ("4 cases", 4, None)


def test_early_stop_is_a_reason_during_the_run():
    """The verdict still waits for the end."""
    comparison = only(
        snapshot_of(a_view(four_cases(), stops={DEEPSEEK: StopReason(side="harm", after=25)})), "comparisons"
    )
    assert comparison["verdict"] == "collecting"
    assert comparison["reasons"][0] == "harm was shown after 25 cases, and no more requests are sent to it"


def test_snapshot_before_the_first_answer_has_both_arms():
    """Unknown figures are null, not 0."""
    shown = snapshot_of(a_view())
    assert [(arm["arm"], arm["model"], arm["n"]) for arm in shown["arms"]] == [
        (CONTROL, SONNET, 0),
        (DEEPSEEK, DEEPSEEK, 0),
    ]
    for arm in shown["arms"]:
        assert arm["pass_rate"] is arm["pass_rate_ci"] is arm["cost_usd"] is arm["latency_histogram"] is None
        assert arm["latency_s"] == {"mean": None, "p50": None, "p95": None, "p99": None, "n": 0}
    assert only(shown, "comparisons")["similarity"] is None
    assert json.dumps(shown, allow_nan=False)


def test_fetched_replies_count_before_their_test_has_run():
    """Latency, errors and cost count each reply once; passes wait for the test."""
    results = four_cases()
    judged = [reply for row in results.rows for reply in row.arms[DEEPSEEK].replies]
    waiting = [a_reply("More.", DEEPSEEK, latency_s=2.5, cost="0.01"), an_error(DEEPSEEK)]
    replies = tuple((DEEPSEEK, reply) for reply in [*judged, *waiting])
    fetched = FetchStats(sent=9, received=6, spent_usd=Decimal("0.0104"), replies=replies)
    shown = snapshot_of(a_view(results, fetched=fetched))
    treatment = shown["arms"][1]
    assert treatment["latency_s"]["n"] == 5
    assert (treatment["n"], treatment["passed"]) == (4, 3)
    assert (treatment["errors"], treatment["error_classes"]) == (1, {"relay-error": 1})
    assert treatment["cost_usd"] == 0.0104
    assert treatment["cost_per_pass_usd"] == pytest.approx(0.0004 / 3)  # the other replies wait for their test
    assert shown["progress"] == {
        "unit": "cases", "done": 4, "total": None, "fetched": 6, "to_fetch": 9, "spent_usd": 0.0104
    }  # fmt: skip


def test_cost_is_unknown_if_one_reply_has_no_price():
    """The reply is counted as unpriced."""
    shown = snapshot_of(a_view(fetched=FetchStats(replies=((CONTROL, a_reply(cost=None)), (CONTROL, a_reply())))))
    assert (shown["arms"][0]["cost_usd"], shown["arms"][0]["unpriced"]) == (None, 1)


def test_worst_cases_are_sorted_by_failure_flag_and_similarity():
    """Identical answers are not listed."""
    results = four_cases()
    flagged = a_pair(a_case("flagged"), a_reply("You have 30 days."), a_reply("You have 14 days.", DEEPSEEK))
    flagged = replace(
        flagged, comparison=replace(flagged.comparison, flags=(Flag(name="number", detail="30, not 14"),))
    )
    results.add("flagged", (flagged,))
    worst = snapshot_of(a_view(results))["worst"]
    assert [(case["name"].partition("::")[2], case["passed"], case["flags"], case["why"]) for case in worst] == [
        ("case-0", {CONTROL: True, DEEPSEEK: False}, [], "treatment deepseek-v3.2: is wrong"),
        ("flagged", {CONTROL: True, DEEPSEEK: True}, ["number"], "number: 30, not 14"),
        ("case-2", {CONTROL: True, DEEPSEEK: True}, [], "similarity 0.80"),
        ("case-1", {CONTROL: True, DEEPSEEK: True}, [], "similarity 0.82"),
    ]


def test_failures_of_all_treatments_come_before_low_similarities():
    """The treatments share one list."""
    answers = [(DEEPSEEK, "You had 30 days.", []), (FLASH, "You have 31 days.", [a_miss(FLASH)])]
    pairs = [
        a_pair(a_case(), a_reply("You have 30 days."), a_reply(text, model), misses=missed)
        for model, text, missed in answers
    ]
    view = a_view(collected(*pairs), settings=replace(SETTINGS, treatments=(DEEPSEEK, FLASH)))
    assert [case["treatment"] for case in snapshot_of(view)["worst"]] == [FLASH, DEEPSEEK]


def test_worst_cases_are_limited_per_treatment():
    """To the first twenty."""
    pairs = [
        a_pair(a_case(f"case-{n:03}"), a_reply("Yes."), a_reply("No!", DEEPSEEK), misses=[a_miss()]) for n in range(60)
    ]
    assert len(snapshot_of(a_view(collected(*pairs)))["worst"]) == WORST


def test_case_has_the_turns_of_a_conversation():
    """The turns with the answers of the arms that have reached them; every answer counts in the table of the arms."""
    results = collected(a_pair(a_talk(None, None), said("Hi.", "30 days."), said("Hi.", model=DEEPSEEK)))
    source = RunSource(lambda: a_view(results), str)
    snapshot = source.snapshot()
    shown = source.case(snapshot["worst"][0]["id"])
    assert [(turn["user"], turn["parts"], turn["similarity"], len(turn["arms"])) for turn in shown["turns"]] == [
        ("Question 1", False, 1.0, 2),
        ("Question 2", False, 0.0, 1),
    ]
    assert [[arm["text"] for arm in turn["arms"]] for turn in shown["turns"]] == [["Hi.", "Hi."], ["30 days."]]
    assert [sum(arm["outcomes"].values()) for arm in snapshot["arms"]] == [2, 1]


def test_fetched_answers_of_a_conversation_are_counted_once():
    """The fetched reply does not know its turn; the reply in the result does."""
    fetched = [a_reply("Hi.", at="2026-11-30T18:00:00Z"), a_reply("30 days.", at="2026-11-30T18:00:01Z")]
    results = collected(a_pair(a_talk(None, None), said(*fetched), said("Hi.", "30 days.", model=DEEPSEEK)))
    arms = arms_so_far(results, [(CONTROL, "m"), (DEEPSEEK, "m")], [(CONTROL, reply) for reply in fetched])
    assert len(arms[0].replies) == 2


def test_case_has_prompt_answers_difference_and_failures():
    """Its id is that of the list."""
    source = RunSource(lambda: a_view(four_cases()), str)
    first = source.snapshot()["worst"][0]
    assert source.case(first["id"]) == {
        "id": first["id"],
        "name": "tests/test_support.py::case-0",
        "prompt": "What is your refund policy?",
        "treatment": DEEPSEEK,
        "similarity": first["similarity"],
        "threshold": 0.75,
        "metric": "lexical",
        "flags": [],
        "fields": [],
        "misses": {CONTROL: [], DEEPSEEK: ["treatment deepseek-v3.2: is wrong"]},
        "rubric": [],
        "arms": [
            {
                "arm": CONTROL, "model": SONNET, "outcome": "ok", "text": "You have 0 days.", "tool_calls": [],
                "latency_s": 1, "cost_usd": 0.001, "error": None,
            },
            {
                "arm": DEEPSEEK, "model": DEEPSEEK, "outcome": "ok", "text": "No idea at all.", "tool_calls": [],
                "latency_s": 0.5, "cost_usd": 0.0001, "error": None,
            },
        ],
        "diff": [["-", "You have 0 days."], ["+", "No idea at all."]],
        "call_diff": [],
            "turns": [],
        "steps": [],
    }  # fmt: skip


def case_of(result, redact=str):
    source = RunSource(lambda: a_view(collected(result)), redact)
    return source.case(only(source.snapshot(), "worst")["id"])


def test_case_has_the_verdicts_on_the_shown_answers():
    """By criterion and arm; an arm whose answer failed a check was not judged."""
    case = a_case(rubric=("names the days", "is polite"))
    pair = a_pair(case, a_reply("30 days."), a_reply("No!", DEEPSEEK), a_reply("Yes!", DEEPSEEK, sample=1))
    verdicts = tuple(
        CriterionResult(criterion=criterion, sample=sample, holds=holds, reason=f"sample {sample}")
        for sample in (1, 0)
        for criterion, holds in zip(case.rubric, (False, None), strict=True)
    )
    rubric = case_of(replace(pair, arms=(pair.arms[0], replace(pair.arms[1], rubric=verdicts))))["rubric"]
    assert rubric == [
        {"criterion": "names the days", "arms": {DEEPSEEK: {"holds": False, "reason": "sample 0"}}},
        {"criterion": "is polite", "arms": {DEEPSEEK: {"holds": None, "reason": "sample 0"}}},
    ]


def test_case_has_tool_calls_and_their_difference():
    """Beside a text, instead of one, and with arguments that are not JSON."""
    calls = ToolCall("look_up"), ToolCall("refund", {"order": 1001, "to": "Ada"}, "c1")
    other = ToolCall("refund", {"order": 1002, "to": "Ada"}), ToolCall("notify", {}, None, "{")
    case = case_of(a_pair(a_case(), a_reply("I look.", tool_calls=calls), a_reply("", DEEPSEEK, tool_calls=other)))
    assert [arm["tool_calls"] for arm in case["arms"]] == [
        [
            {"name": "look_up", "arguments": {}, "id": None},
            {"name": "refund", "arguments": {"order": 1001, "to": "Ada"}, "id": "c1"},
        ],
        [
            {"name": "refund", "arguments": {"order": 1002, "to": "Ada"}, "id": None},
            {"name": "notify", "arguments": None, "id": None, "arguments_text": "{"},
        ],
    ]
    assert case["call_diff"] == [
        [["-", "look_up()"]],
        [["=", "refund(order="], ["-", "1001"], ["+", "1002"], ["=", ', to="Ada")']],
        [["+", 'notify(not a JSON object: "{")']],
    ]
    assert case["metric"] == "tool calls"


def test_no_part_of_a_secret_is_in_the_calls_of_a_case():
    """A difference could cut a secret in two, and a model may write it as the name of an argument or as a number."""
    secret = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
    calls = [ToolCall("f", {"key": "x" * 99 + end, secret: 1, "n": 8675309}, secret) for end in (secret, secret[:20])]
    results = a_pair(a_case(), a_reply("", tool_calls=calls[:1]), a_reply("", DEEPSEEK, tool_calls=calls[1:]))
    case = case_of(results, lambda text: text.replace(secret, "[redacted]").replace("8675309", "[redacted]"))
    assert case["call_diff"] == [
        [
            ["=", "f(key="],
            ["-", f'…{"x" * 21}[redacted]"'],
            ["+", f'…{"x" * 21}{secret[:20]}"'],
            ["=", ', "[redacted]"=1, n="[redacted]")'],
        ]
    ]
    assert secret not in json.dumps(case)


def test_case_of_one_arm_has_no_comparison():
    """A failed request has its error."""
    source = RunSource(
        lambda: a_view(collected(one_arm(a_case(), DEEPSEEK, an_error(DEEPSEEK), misses=[a_miss()]))), str
    )
    case = source.case(only(source.snapshot(), "worst")["id"])
    assert case["diff"] == case["call_diff"] == []
    assert case["similarity"] is case["threshold"] is case["metric"] is None
    assert [(arm["arm"], arm["outcome"], arm["error"]) for arm in case["arms"]] == [
        (DEEPSEEK, "error", "HTTP 500: internal error")
    ]


def test_unknown_case_is_none():
    """An old page may ask for a case of another run."""
    assert RunSource(lambda: a_view(four_cases()), str).case("0" * 16) is None


def test_all_texts_are_redacted():
    """Prompts, answers, errors, failures and notes."""
    secret = "sk-secret-0123456789"
    pair = a_pair(
        a_case("leaky", prompt=f"My key is {secret}"),
        a_reply(f"Yours is {secret}."),
        a_reply("", DEEPSEEK, outcome="error", error=f"bad key {secret}"),
        misses=[a_miss(problem=f"wanted {secret}")],
    )
    source = RunSource(
        lambda: a_view(collected(pair), notes=(f"saw {secret}",)), lambda text: text.replace(secret, "***")
    )
    snapshot = source.snapshot()
    case = source.case(only(snapshot, "worst")["id"])
    assert secret not in json.dumps([snapshot, case])
    assert (snapshot["notes"], case["prompt"]) == (["saw ***"], "My key is ***")


class Clock:
    """A clock that a test sets, and that moves by `step` with each reading."""

    def __init__(self, step=0.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


class Looks:
    """The state of a run, and a counter of how often its snapshot was computed."""

    def __init__(self, **fields):
        self.view = a_view(**fields)
        self.redacted = 0

    def look(self):
        return self.view

    def redact(self, text):
        self.redacted += text == "run"
        return text


@pytest.mark.parametrize(("step", "rests_s"), [(0.0, 0.5), (0.1, 5.0)])
def test_snapshot_is_computed_for_at_most_a_fiftieth_of_the_time(step, rests_s):
    """At most twice a second, less often if it is slow, and never without a change."""
    clock, looks = Clock(step), Looks()
    source = RunSource(looks.look, looks.redact, clock)
    source.snapshot()
    until, clock.step = clock.now + rests_s, 0.0
    looks.view = a_view(reports=1)
    for clock.now, times in ((until - 0.01, 1), (until + 0.01, 2), (until + 100, 2)):
        source.snapshot()
        assert looks.redacted == times


def test_end_of_the_run_is_shown_at_once():
    """The time of the snapshot stands still then."""
    clock, results = Clock(), four_cases()
    looks = Looks(results=results)
    source = RunSource(looks.look, looks.redact, clock)
    assert source.snapshot()["state"] == "running"
    source.end(a_view(results, verdicts=tuple(verdicts_of(results))))
    last = source.snapshot()
    assert (last["state"], only(last, "comparisons")["verdict"]) == ("ended", "hold")
    looks.view = a_view(reports=7)
    clock.now += 100
    assert source.snapshot() == last
    assert looks.redacted == 2


def test_snapshots_are_consistent_while_results_arrive(monkeypatch):
    """Results are added by one thread while others read."""
    monkeypatch.setattr(run_source, "INTERVAL_S", 0)
    monkeypatch.setattr(run_source, "REST", 0)
    results = Results()
    pairs = [a_pair(a_case(f"case-{n}"), a_reply("Yes."), a_reply("No!", DEEPSEEK)) for n in range(200)]
    source = RunSource(lambda: a_view(results.copy(), reports=results.items), str)
    seen = []
    readers = [Thread(target=lambda: seen.extend(source.snapshot() for _ in range(20))) for _ in range(2)]
    for reader in readers:
        reader.start()
    for pair in pairs:
        results.add(pair.nodeid, (pair,))
    for reader in readers:
        reader.join()
    assert len(seen) == 40
    assert all(len({arm["n"] for arm in shown["arms"]}) == 1 for shown in seen)
    assert source.snapshot()["progress"]["done"] == 200


def test_latency_p95_row_waits_for_the_end():
    """Its resampling takes most of the time; all other rows are there before."""
    pairs = [a_pair(a_case(f"case-{n}"), a_reply(), a_reply("30 days", DEEPSEEK)) for n in range(60)]
    results = collected(*pairs)
    names = [
        {row["name"] for row in only(shown, "comparisons")["rows"]}
        for shown in (ended(results), snapshot_of(a_view(results)))
    ]
    assert names[0] - names[1] == {"latency_p95"}
    assert names[1] < names[0]


def test_page_names_configured_arms_by_their_own_names():
    """Two arms of one model would otherwise look alike; before the first result the settings have the names."""
    settings = replace(SETTINGS, control="today", treatments=("short",))
    pair = a_pair(a_case(), a_reply(), a_reply())
    control, treatment = pair.arms
    named = replace(pair, arms=(replace(control, name="today"), replace(treatment, arm="short", name="short")))
    for results in (Results(), collected(named)):
        shown = snapshot_of(a_view(results, settings=settings))
        assert [(arm["arm"], arm["model"]) for arm in shown["arms"]] == [("control", "today"), ("short", "short")]
