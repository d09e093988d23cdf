"""Factories for the cases, replies and results that a run makes, for tests of their consumers."""

from dataclasses import replace
from decimal import Decimal

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.evaluation.app_comparison import AppPair
from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.evaluation.metrics.text import Lexical
from pytest_graysplit.reporting.json_report.run_json import Run, coverage_json, policy_json
from pytest_graysplit.types import Case, FailedExpectation, Reply, ToolCall, Turn, Usage
from pytest_graysplit.verdict import RunFacts, decide
from pytest_graysplit.verdict.results import CONTROL, AppFacts, ArmResult, CaseResult, OtherCalls, Results

SONNET, DEEPSEEK, FLASH = "claude-sonnet-4.5", "deepseek-v3.2", "gemini-2.5-flash"


def a_case(name="refund-policy", prompt="What is your refund policy?", **fields):
    return Case(id=name, messages=({"role": "user", "content": prompt},), **fields)


def a_reply(text="30 days.", model=SONNET, *, latency_s=1.0, cost="0.001", tokens=(10, 5), **fields):
    return Reply(
        model=model,
        outcome=fields.pop("outcome", "ok"),
        text=text,
        latency_s=latency_s,
        cost_usd=None if cost is None else Decimal(cost),
        usage=None if tokens is None else Usage(prompt=tokens[0], completion=tokens[1], total=sum(tokens)),
        served_model=fields.pop("served_model", model),
        **fields,
    )


def a_talk(*expectations, name="return-talk", **fields):
    """Return a conversation with one turn for each expectation; None expects nothing."""
    turns = tuple(
        Turn(message={"role": "user", "content": f"Question {number}"}, expect=expect)
        for number, expect in enumerate(expectations, start=1)
    )
    return Case(id=name, messages=(turns[0].message,), turns=turns, **fields)


def said(*answers, model=SONNET):
    """Return the reply to the last turn of a conversation with these answers, which holds the earlier ones."""
    made = ()
    for answer in answers:
        reply = a_reply(answer, model) if isinstance(answer, str) else answer
        made += (replace(reply, turn=len(made), earlier=made),)
    return made[-1]


def an_error(model=SONNET, **fields):
    shape = {"outcome": "error", "error": "HTTP 500: internal error", "error_slug": "relay-error", "attempts": 4}
    return a_reply("", model, latency_s=None, cost=None, tokens=None, served_model=None, **{**shape, **fields})


def a_miss(arm=DEEPSEEK, problem="treatment deepseek-v3.2: is wrong", kind="expect"):
    return FailedExpectation(arm=arm, kind=kind, problem=problem, hint="fix it", slug="expect-contains")


def an_arm(arm, *replies, misses=(), share=None, judged=True, because="", spare=()):
    return ArmResult(
        arm=arm,
        name=replies[0].model,
        model=replies[0].model,
        replies=replies,
        misses=tuple(misses),
        share=share,
        judged=judged,
        unjudged_because=because,
        spare=tuple(spare),
    )


def a_call(text="", *tools, model=SONNET, **fields):
    """Return the reply to one call of an application: a text, or calls of tools by name with the order 1001."""
    calls = tuple(ToolCall(name, {"order": 1001}) for name in tools)
    return a_reply(text, model, **{"tool_calls": calls, **fields})


def of_app(output, *calls, model=SONNET, sample=0, **fields):
    """Return the reply of a run of an application: its output, and the sums of its calls."""
    calls = calls or (a_call(output or "", model=model),)
    shape = {
        "outcome": "error" if all(call.outcome == "error" for call in calls) else "ok",
        "tool_calls": tuple(tool for call in calls for tool in call.tool_calls),
        "latency_s": sum(call.latency_s or 0.0 for call in calls),
        "cost": sum((call.cost_usd or 0 for call in calls), 0),
        "served_model": None,
    }
    return a_reply(output or "", model, calls=calls, sample=sample, **{**shape, **fields})


def an_app_run(case, arm, output, *calls, sample=0, of=(1, 1), nodeid="", passed=None, **fields):
    """Return the result of one item with an application; `of` are the samples of the control and of a treatment.

    An output of None was not set, and `passed` are the calls to other models, which come last among the calls.
    """
    case = replace(case, metric=case.metric or "lexical")
    model = fields.pop("model", SONNET if arm == CONTROL else arm)
    calls = calls or (a_call(output or "", model=model),)
    others = tuple(a_call("", model=name, cost="0.0001") for name, one in (passed or {}).items() for _ in range(one))
    reply = of_app(output, *calls, *others, model=model, sample=sample)
    end = f"-{sample + 1}" if sample else ""
    judged = {"judged": fields.pop("judged", True), "because": fields.pop("because", "")}
    return CaseResult(
        case=case,
        request_hash="app",
        nodeid=nodeid or f"tests/test_agent.py::test_agent[{case.id}-{model}{end}]",
        file="tests/test_agent.py",
        arms=(an_arm(arm, reply, misses=fields.pop("misses", ()), **judged),),
        asserted=fields.pop("asserted", True),
        app=AppFacts(
            arm=arm,
            sample=sample,
            control_samples=of[0],
            samples=of[1],
            has_output=output is not None,
            swapped_calls=fields.pop("swapped_calls", len(calls)),
            passed={name: OtherCalls(one, Decimal("0.0001") * one) for name, one in (passed or {}).items()},
            passed_places=tuple(range(len(calls), len(calls) + len(others))),
        ),
        **fields,
    )


def paired(control, treatment, score=None):
    """Return the result of a case from the runs of an application on both arms: one of each, or tuples of them."""
    sides = [runs if isinstance(runs, tuple) else (runs,) for runs in (control, treatment)]
    pair = AppPair(control=sides[0], treatment=sides[1], score=score or lexical)
    pair.compare()
    return pair.result(sides[1][-1].nodeid)


def lexical(left, right):
    return Lexical().score(left.text, right.text)


def a_pair(case, control, *treatment, file="tests/test_support.py", misses=(), control_misses=(), **arms):
    """Return a comparing item's result for one case; the treatment's arm is named after its model."""
    controls = control if isinstance(control, tuple) else (control,)
    spare = arms.get("spare", ())
    judged = {"judged": arms.get("judged", True), "because": arms.get("because", "")}
    return CaseResult(
        case=case,
        request_hash="0123456789abcdef",
        nodeid=f"{file}::test_it[{case.id}]",
        file=file,
        arms=(
            an_arm(CONTROL, *controls, misses=control_misses, spare=spare, **judged),
            an_arm(treatment[0].model, *treatment, misses=misses, **judged),
        ),
        asserted=arms.get("asserted", True),
        same_arms=controls[0].model == treatment[0].model,
        comparison=compare(
            case,
            (*controls, *spare),
            treatment,
            metric="lexical",
            scores=PairScores.of((*controls, *spare), treatment, arms.get("score", lexical)),
        ),
    )


def one_arm(case, arm, *replies, file="tests/test_support.py", misses=(), judged=True):
    """Return a one-arm item's result for one case."""
    return CaseResult(
        case=case,
        request_hash="0123456789abcdef",
        nodeid=f"{file}::test_one[{case.id}-{arm}]",
        file=file,
        arms=(an_arm(arm, *replies, misses=misses, judged=judged),),
        asserted=True,
    )


def collected(*case_results):
    """Return the results of items with one case each; equal node ids get a number."""
    results = Results()
    for number, result in enumerate(case_results):
        results.add(f"{result.nodeid}#{number}", (result,))
    return results


def verdicts_of(results, policy=None, **facts):
    """Return the verdict of each treatment under the default policy, for a run of the whole suite."""
    return [decide(results, one.treatment, policy or Policy(), RunFacts(**facts)) for one in results.comparisons()]


def a_run(policy=None, **fields):
    """Return the section `run` of a report, for a run of the whole suite."""
    options = {
        **dict.fromkeys(("min_similarity", "max_latency_s", "max_latency_ratio", "early_stop", "max_cost_usd", "rpm")),
        "metric": "lexical",
        "samples": 1,
        "control_samples": 1,
        "params": {},
        "gate": "case",
        "on_hold": "pass",
        "concurrency": 16,
        "timeout_s": 60.0,
        "retries": 3,
    }
    tests = dict.fromkeys(("planned", "with_result", "deselected", "crashed", "uncollected", "beyond_stop"), 0)
    run = Run(
        id="a run",
        started="2026-11-23T10:00:00+00:00",
        duration_s=1.5,
        record="new",
        complete=True,
        seed=7,
        versions={"python": "3.11.0"},
        control=SONNET,
        treatments=[DEEPSEEK],
        options=options,
        policy=policy_json(policy or Policy()),
        coverage=coverage_json(RunFacts()),
        tests=tests,
        spent=None,
        notes=[],
    )
    return {**run, **fields}


def plain(lines):
    """Return the lines without their styles."""
    return ["".join(piece.text for piece in line) for line in lines]
