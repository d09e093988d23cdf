"""The section `cases` of the JSON report: the request and expectations of each case, and the answers of each arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.expect_fields import expect_json
from pytest_graysplit.cases.json_field_rules import json_fields_json
from pytest_graysplit.formatting.json_text import plain_json
from pytest_graysplit.reporting.json_report.reply_json import calls_json, reply_json, run_json
from pytest_graysplit.reporting.json_report.sums_json import usage_json
from pytest_graysplit.types import CONTROL
from pytest_graysplit.verdict.figures_json import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_graysplit.types import (
        Case,
        Comparison,
        CriterionResult,
        FailedExpectation,
        Flag,
        Json,
        PairScore,
        Reply,
        Turn,
    )
    from pytest_graysplit.types.comparisons import Places
    from pytest_graysplit.verdict.results import ArmResult, CaseRow


def case_json(row: CaseRow) -> dict[str, object]:
    """Return one case with all answers; each answer is written once, and pairs refer to it by its place."""
    return {
        **_identity(row),
        **_judgement(row),
        **_thresholds(row.case),
        **_request(row),
        "expect": None if row.case.expect is None else plain_json(expect_json(row.case.expect)),
        "rubric": list(row.case.rubric),
        "turns": [_turn(turn) for turn in row.case.turns],
        "misses": {arm: [_miss(miss) for miss in result.misses] for arm, result in row.arms.items()},
        "rubric_results": {arm: list(map(_criterion, one.rubric)) for arm, one in row.arms.items() if one.rubric},
        "checks_share": {
            arm: one.checks_share for arm, one in row.arms.items() if one.judged and one.checks_share is not None
        },
        "comparisons": {arm: _comparison(one, row.parting_turn(arm)) for arm, one in row.comparisons.items()},
        "metric_calls": {arm: {"metric": asked.metric, **usage_json(asked)} for arm, asked in row.asked.items()},
        "rubric_calls": {arm: usage_json(asked) for arm, asked in row.asked_rubric.items()},
        "guard_calls": {arm: usage_json(asked) for arm, asked in row.asked_guards.items()},
        "app": row.is_app,
        "runs": {arm: list(map(run_json, result.apps)) for arm, result in row.arms.items() if result.apps},
        "parting_calls": row.parting_calls,
        "replies": {arm: _replies(result.replies, result) for arm, result in row.arms.items()},
        "spare": {arm: _replies(result.spare, result) for arm, result in row.arms.items() if arm == CONTROL},
    }


def _replies(replies: Iterable[Reply], arm: ArmResult) -> list[dict[str, object]]:
    return [{**reply_json(reply), "calls": calls_json(reply, arm.apps)} for reply in replies]


def _identity(row: CaseRow) -> dict[str, object]:
    case = row.case
    return {
        "id": case.id,
        "file": row.file,
        "nodeid": row.nodeid,
        "request": row.request,
        "where": case.where or None,
        "tags": list(case.tags),
        "cluster": case.cluster,
        "must_pass": case.must_pass,
    }


def _judgement(row: CaseRow) -> dict[str, object]:
    threshold = next((one.threshold for one in row.comparisons.values() if one.threshold is not None), None)
    return {
        "passed": {arm: result.passed for arm, result in row.arms.items() if result.judged},
        "pass_share": {arm: result.pass_share for arm, result in row.arms.items() if result.judged},
        "unjudged": {arm: _unjudged(result) for arm, result in row.arms.items() if not result.judged},
        "over_limit": {arm: result.over_limit for arm, result in row.arms.items() if result.over_limit},
        "elsewhere": {arm: result.elsewhere for arm, result in row.arms.items() if result.elsewhere},
        "asserted": row.asserted,
        "similarity": {arm: finite(one.similarity) for arm, one in row.comparisons.items()},
        "self_similarity": finite(row.self_similarity),
        "threshold": threshold,
        "calibrated": row.calibrated,
        "discriminates": row.discriminates,
        "flags": [{"treatment": arm, **_flag(flag)} for arm, one in row.comparisons.items() for flag in one.flags],
    }


def _unjudged(result: ArmResult) -> dict[str, object]:
    because = result.unjudged_because or ("every call failed" if result.failed else "not judged")
    return {"because": because, "unasked": result.unasked, "bug": result.bug or None}


def _thresholds(case: Case) -> dict[str, object]:
    return {
        "metric": case.metric,
        "json_fields": json_fields_json(case.json_fields),
        "samples": case.samples,
        "min_similarity": case.min_similarity,
        "max_deficit": case.max_deficit,
        "other_prompts": case.other_prompts,
        "max_latency_s": case.max_latency_s,
        "max_ttft_s": case.max_ttft_s,
        "max_latency_ratio": case.max_latency_ratio,
        "max_cost_usd": case.max_cost_usd,
    }


def _request(row: CaseRow) -> dict[str, object]:
    """Return the control's messages and parameters, and the difference of each arm that was sent something else."""
    case: Mapping[str, Json] = {"messages": [dict(message) for message in row.case.messages], **row.case.params}
    base = row.requests.get(CONTROL) or next(iter(row.requests.values()), case)
    differing = {arm: _difference(base, body) for arm, body in row.requests.items() if body != base}
    return {
        "messages": plain_json(base.get("messages")),
        "params": plain_json(_params(base)),
        "differs": differing,
        "differing": {arm: list(names) for arm, names in row.differing.items()},
        "same_request": sorted(row.same_request),
        "same_arms": sorted(row.same_arms),
    }


def _difference(base: Mapping[str, Json], body: Mapping[str, Json]) -> dict[str, object]:
    same_messages = body.get("messages") == base.get("messages")
    return {
        "messages": None if same_messages else plain_json(body.get("messages")),
        "params": plain_json({name: part for name, part in _params(body).items() if _differs(name, part, base)}),
        "unset": [name for name in _params(base) if name not in body],
    }


def _differs(name: str, part: Json, base: Mapping[str, Json]) -> bool:
    # JSON distinguishes true and 1, which are equal in Python.
    return name not in base or (part, type(part)) != (base[name], type(base[name]))


def _params(body: Mapping[str, Json]) -> dict[str, Json]:
    return {name: part for name, part in body.items() if name != "messages"}


def _turn(turn: Turn) -> dict[str, object]:
    expect = None if turn.expect is None else plain_json(expect_json(turn.expect))
    return {"user": plain_json(turn.message.get("content")), "expect": expect}


def _miss(miss: FailedExpectation) -> dict[str, object]:
    return {
        "kind": miss.kind,
        "problem": miss.problem,
        "slug": miss.slug,
        "check": miss.check or None,
        "sample": miss.sample,
        "turn": miss.turn,
        "hint": miss.hint,
    }


def _criterion(one: CriterionResult) -> dict[str, object]:
    return {"criterion": one.criterion, "sample": one.sample, "holds": one.holds, "reason": one.reason}


def _comparison(one: Comparison, parting_turn: int | None) -> dict[str, object]:
    return {
        "metric": one.metric,
        "fields": [{"path": each.path, "field": each.field, "problem": each.problem} for each in one.fields],
        "latency_ratio": finite(one.latency_ratio),
        "cost_ratio": finite(one.cost_ratio),
        "pairs": _pairs(one.places, one.pairs, ("control", "treatment")),
        "self_pairs": _pairs(one.self_places, one.self_pairs, ("control", "other")),
        "remarks": [
            {"control": control, "treatment": treatment, "texts": list(texts)}
            for (control, treatment), texts in sorted(one.all_remarks.items())
        ],
        "turns": [_score(pair) for pair in one.turns],
        "parting_turn": parting_turn,
    }


def _pairs(places: Iterable[Places], scores: Iterable[PairScore], names: tuple[str, str]) -> list[dict[str, object]]:
    return [
        {
            names[0]: _place(first),
            names[1]: _place(second),
            **_score(score),
        }
        for (first, second), score in zip(places, scores, strict=True)
    ]


def _score(score: PairScore) -> dict[str, object]:
    return {
        "similarity": finite(score.similarity),
        "flags": [_flag(flag) for flag in score.flags],
        "by_calls": score.by_calls,
    }


def _place(place: int | tuple[int, int]) -> list[int]:
    return [place] if isinstance(place, int) else list(place)


def _flag(flag: Flag) -> dict[str, object]:
    return {"name": flag.name, "detail": flag.detail}
