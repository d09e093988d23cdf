"""A reader of the JSON report, which shows that the file alone gives the same sums and verdicts."""

from decimal import Decimal

from pytest_graysplit.cases.expect_fields import read_expect
from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cases.json_field_rules import read_json_fields
from pytest_graysplit.cases.tool_calls.reading import stored_call
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.reporting.json_report.sums_json import UNKNOWN_ARM
from pytest_graysplit.stats import JudgeAccuracy
from pytest_graysplit.types import (
    CONTROL,
    Case,
    Comparison,
    CriterionResult,
    FailedExpectation,
    FieldDifference,
    Flag,
    MetricUsage,
    PairScore,
    Reply,
    Turn,
    Usage,
)
from pytest_graysplit.verdict import RunFacts, StopReason, decide
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE, JudgeStanding
from pytest_graysplit.verdict.results import AppFacts, ArmResult, CaseResult, OtherCalls, Results

MONEY = ("cost_usd", "reported_cost_usd")
OF_A_CASE = "id metric samples min_similarity max_deficit other_prompts max_latency_s max_ttft_s max_latency_ratio max_cost_usd "
OF_A_CASE += "cluster must_pass calibrated params"


def rebuilt(report):
    """Return the results and the verdicts that the file gives."""
    results = Results()
    models = {CONTROL if arm["role"] == CONTROL else arm["name"]: arm for arm in report["arms"]}
    for case in report["cases"]:
        results.add(case["nodeid"], (*results.of(case["nodeid"]), *_results(case, models)))
    run, fields = report["run"], dict(report["run"]["policy"])
    policy = Policy(**{name: tuple(part) if isinstance(part, list) else part for name, part in fields.items()})
    covered = run["coverage"]
    stops = {name: StopReason(**stop) for name, stop in covered["stops"].items()}
    facts = RunFacts(
        cut=tuple(covered["cut"]),
        lost=covered["lost"],
        budget=covered["budget"] or "",
        stops=stops,
        judge=_standing(covered["judge"]),
    )
    return results, [decide(results, one.treatment, policy, facts) for one in results.comparisons()]


def _standing(judge):
    if judge is None:
        return UNKNOWN_JUDGE
    accuracy = None if judge["accuracy"] is None else JudgeAccuracy(**judge["accuracy"])
    return JudgeStanding(
        model=judge["model"], labels=judge["labels"] or "", accuracy=accuracy, problem=judge["problem"] or ""
    )


def configured_in(report):
    """Return the configuration of each arm, by its name in the results."""
    return {
        CONTROL if arm["role"] == CONTROL else arm["name"]: {name: arm[name] for name in UNKNOWN_ARM}
        for arm in report["arms"]
    }


def _results(row, models):
    case = _case(row)
    arms = {arm: _arm(row, arm, models) for arm in row["replies"]}
    treatments = [arm for arm in arms if arm != CONTROL]
    base = {"messages": row["messages"], **row["params"]}
    requests = {arm: _request(base, row["differs"].get(arm)) for arm in arms}
    for arm in treatments or [CONTROL]:
        own = {name: arms[name] for name in arms if name in (CONTROL, arm)}
        usage = row["metric_calls"].get(arm)
        yield CaseResult(
            case=case,
            request_hash=row["request"],
            nodeid=row["nodeid"],
            file=row["file"],
            arms=tuple(sorted(own.values(), key=lambda one: one.arm != CONTROL)),
            comparison=_comparison(row, case, arms, arm) if arm in row["comparisons"] else None,
            same_request=arm in row["same_request"],
            same_arms=arm in row["same_arms"],
            differing=tuple(row["differing"].get(arm, ())),
            asked=None if usage is None else MetricUsage(**_priced(usage)),
            asked_rubric=_judge_usage("rubric", row["rubric_calls"].get(arm)),
            asked_guards=_judge_usage("guards", row["guard_calls"].get(arm)),
            asserted=row["asserted"],
            requests={name: requests[name] for name in own},
            parting_call=row["parting_calls"].get(arm),
        )


def _judge_usage(subject, usage):
    return None if usage is None else MetricUsage(metric=subject, **_priced(usage))


def _case(row):
    return Case(
        messages=tuple(row["messages"]),
        expect=_expect(row["expect"]),
        turns=tuple(
            Turn(message={"role": "user", "content": turn["user"]}, expect=_expect(turn["expect"]))
            for turn in row["turns"]
        ),
        rubric=tuple(row["rubric"]),
        tags=tuple(row["tags"]),
        where=row["where"] or "",
        json_fields=read_json_fields(FieldLocation("", ""), row["json_fields"]) if row["json_fields"] else (),
        **{name: row[name] for name in OF_A_CASE.split()},
    )


def _expect(fields):
    return None if fields is None else read_expect(FieldLocation("", "expect"), fields)


def _request(base, difference):
    if difference is None:
        return base
    kept = {name: part for name, part in base.items() if name not in difference["unset"]}
    messages = {} if difference["messages"] is None else {"messages": difference["messages"]}
    return {**kept, **difference["params"], **messages}


def _arm(row, arm, models):
    reason = row["unjudged"].get(arm, {"because": "", "unasked": False, "bug": None})
    return ArmResult(
        arm=arm,
        name=models[arm]["name"],
        model=models[arm]["model"],
        over_limit=row["over_limit"].get(arm, 0),
        elsewhere=row["elsewhere"].get(arm, 0),
        replies=tuple(map(_reply, row["replies"][arm])),
        spare=tuple(map(_reply, row["spare"].get(arm, ()))),
        misses=tuple(
            FailedExpectation(arm=arm, **{**miss, "check": miss["check"] or ""}) for miss in row["misses"][arm]
        ),
        share=row["pass_share"].get(arm),
        rubric=tuple(CriterionResult(**one) for one in row["rubric_results"].get(arm, ())),
        checks_share=row["checks_share"].get(arm),
        judged=arm in row["passed"],
        unjudged_because=reason["because"],
        unasked=reason["unasked"],
        bug=reason["bug"] or "",
        apps=tuple(_run(run, arm, row) for run in row["runs"].get(arm, ())),
    )


def _run(run, arm, row):
    replies = [*row["replies"][arm], *row["spare"].get(arm, ())]
    calls = next((reply["calls"] for reply in replies if reply["sample"] == run["sample"]), ())
    other = {name: OtherCalls(**_priced(one)) for name, one in run["other_calls"].items()}
    return AppFacts(
        arm=arm,
        swapped_calls=run["calls"],
        passed=other,
        passed_places=tuple(place for place, call in enumerate(calls) if not call["swapped"]),
        **{name: run[name] for name in ("sample", "control_samples", "samples", "has_output")},
    )


def _comparison(row, case, arms, arm):
    one, controls = row["comparisons"][arm], (*arms[CONTROL].replies, *arms[CONTROL].spare)
    return Comparison(
        case=case,
        control=controls[0],
        treatment=arms[arm].replies[0],
        similarity=row["similarity"][arm],
        threshold=row["threshold"],
        metric=one["metric"],
        flags=tuple(
            Flag(name=flag["name"], detail=flag["detail"]) for flag in row["flags"] if flag["treatment"] == arm
        ),
        self_similarity=row["self_similarity"],
        fields=tuple(FieldDifference(**field) for field in one["fields"]),
        control_samples=controls,
        treatment_samples=arms[arm].replies,
        pairs=_scores(one["pairs"]),
        self_pairs=_scores(one["self_pairs"]),
        places=tuple((_place(pair["control"]), _place(pair["treatment"])) for pair in one["pairs"]),
        self_places=tuple((_place(pair["control"]), _place(pair["other"])) for pair in one["self_pairs"]),
        all_remarks={(said["control"], said["treatment"]): tuple(said["texts"]) for said in one["remarks"]},
        turns=_scores(one["turns"]),
    )


def _scores(pairs):
    return tuple(
        PairScore(pair["similarity"], tuple(Flag(**flag) for flag in pair["flags"]), pair["by_calls"]) for pair in pairs
    )


def _place(place):
    return place[0] if len(place) == 1 else tuple(place)


def _reply(reply):
    usage = None if reply["usage"] is None else Usage(**reply["usage"])
    calls = tuple(stored_call(call, "tool_calls") for call in reply["tool_calls"])
    earlier = tuple(map(_reply, reply["earlier"]))
    made = {"usage": usage, "tool_calls": calls, "retried": tuple(reply["retried"]), "earlier": earlier}
    made["calls"] = tuple(map(_call, reply["calls"]))
    return Reply(**{**_priced(reply), **made})


def _call(call):
    made = {name: part for name, part in call.items() if name != "swapped"}
    made["usage"] = None if call["usage"] is None else Usage(**call["usage"])
    made["tool_calls"] = tuple(stored_call(one, "tool_calls") for one in call["tool_calls"])
    return Reply(**_priced(made))


def _priced(fields):
    return {**fields, **{name: Decimal(str(fields[name])) for name in MONEY if fields.get(name) is not None}}
