"""The cases of a run that need a look, and one case in full."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from pytest_graysplit.cases.tool_calls.reading import as_json
from pytest_graysplit.formatting.display import format_score
from pytest_graysplit.replies.fingerprint import redact_call, unchanged
from pytest_graysplit.reporting.calldiff import call_diff
from pytest_graysplit.reporting.worddiff import diff_segments
from pytest_graysplit.types import text_of
from pytest_graysplit.verdict.figures_json import usd
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Comparison, Json, Redactor, Reply, ToolCall
    from pytest_graysplit.verdict.results import ArmResult, CaseRow, Results

# The number of listed cases per treatment.
WORST = 20


def case_id(row: CaseRow, treatment: str) -> str:
    """Return the id of a case on the page: a hash, which needs no escapes in a URL and contains no secret."""
    key = "\0".join((*row.key, treatment))
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def find_case(results: Results, treatments: Sequence[str], wanted: str) -> tuple[CaseRow, str] | None:
    """Return the case with that id and its treatment."""
    pairs = ((row, treatment) for row in results.rows for treatment in treatments)
    return next(((row, treatment) for row, treatment in pairs if case_id(row, treatment) == wanted), None)


def worst_json(results: Results, treatments: Sequence[str]) -> list[Json]:
    """Return the cases that need a look: failed expectations first, then guard flags, then the lowest similarity."""
    picked: list[tuple[CaseRow, str]] = []
    for treatment in treatments:
        seen = ((row, treatment) for row in results.rows if _needs_a_look(row, treatment))
        picked += sorted(seen, key=lambda pair: _rank(*pair))[:WORST]
    # Sorting keeps the order of the names among equals.
    return [_worst(*pair) for pair in sorted(picked, key=lambda pair: _rank(*pair))]


def _needs_a_look(row: CaseRow, treatment: str) -> bool:
    arm, one = row.arms.get(treatment), row.comparisons.get(treatment)
    return bool((arm and arm.misses) or (one and (one.flags or (one.similarity is not None and one.similarity < 1))))


def _rank(row: CaseRow, treatment: str) -> tuple[bool, bool, float]:
    arm, one = row.arms.get(treatment), row.comparisons.get(treatment)
    alike = one.similarity if one is not None and one.similarity is not None else 0.0
    return not (arm and arm.misses), not (one and one.flags), alike


def _worst(row: CaseRow, treatment: str) -> Json:
    one = row.comparisons.get(treatment)
    return {
        "id": case_id(row, treatment),
        "name": row.name,
        "treatment": treatment,
        "similarity": one.similarity if one else None,
        "passed": {arm: result.passed for arm, result in _both(row, treatment).items() if result.judged},
        "flags": [flag.name for flag in one.flags] if one else [],
        "why": next(_reasons(row, treatment), ""),
    }


def _reasons(row: CaseRow, treatment: str) -> Iterator[str]:
    if arm := row.arms.get(treatment):
        yield from (miss.problem for miss in arm.misses)
    if one := row.comparisons.get(treatment):
        yield from (f"{flag.name}: {flag.detail}" for flag in one.flags)
        if one.similarity is not None:
            yield f"similarity {format_score(one.similarity, against=one.threshold)}"


def case_json(row: CaseRow, treatment: str, redact: Redactor = unchanged) -> dict[str, Json]:
    """Return one case in full: the prompt, both answers, their differences, and the failed expectations.

    Only tool calls are redacted here: their differences could show a part of a secret.
    """
    one = row.comparisons.get(treatment)
    replies = _replies(row, treatment, one)
    return {
        "id": case_id(row, treatment),
        "name": row.name,
        "prompt": row.case.prompt,
        "treatment": treatment,
        "similarity": one.similarity if one else None,
        "threshold": one.threshold if one else None,
        "metric": one.metric if one else None,
        "flags": [{"name": flag.name, "detail": flag.detail} for flag in one.flags] if one else [],
        "fields": [{"name": each.path, "detail": each.problem} for each in one.fields] if one else [],
        "misses": {arm: [miss.problem for miss in row.arms[arm].misses] for arm in replies},
        "rubric": [_criterion(row, criterion, replies) for criterion in row.case.rubric],
        **_answers(replies, redact),
        "turns": [_turn(row, treatment, number, replies, redact) for number in range(len(row.case.turns))],
        "steps": list(_steps(row, treatment, replies, redact)),
    }


def _steps(row: CaseRow, treatment: str, replies: dict[str, Reply], redact: Redactor) -> Iterator[Json]:
    """Yield the calls of an application one by one, each with the answers of the arms that have made it."""
    runs = {arm: row.arms[arm].calls_of(reply) for arm, reply in replies.items() if row.arms[arm].apps}
    for number in range(max((len(run) for run in runs.values()), default=0)):
        answers = {arm: run[number] for arm, run in runs.items() if number < len(run)}
        yield {
            "number": number,
            "parts": row.parting_calls.get(treatment) == number,
            **_answers(answers, redact),
        }


def _answers(answers: dict[str, Reply], redact: Redactor) -> dict[str, Json]:
    """Return the answers of the arms to one turn or call, with the differences if there are two."""
    calls = {arm: [redact_call(call, redact) for call in answer.tool_calls] for arm, answer in answers.items()}
    return {
        "arms": [_answer(arm, answer, calls[arm]) for arm, answer in answers.items()],
        "diff": _diff(*(answer.text for answer in answers.values())) if len(answers) == 2 else [],
        "call_diff": _call_diff(*calls.values()) if len(calls) == 2 else [],
    }


def _turn(row: CaseRow, treatment: str, number: int, replies: dict[str, Reply], redact: Redactor) -> Json:
    """Return one turn of a conversation: the message of the user, and the answers of the arms that have reached it."""
    one = row.comparisons.get(treatment)
    score = one.turns[number] if one is not None and number < len(one.turns) else None
    answers = {arm: reply.turns[number] for arm, reply in replies.items() if number < len(reply.turns)}
    return {
        "number": number,
        "user": text_of(row.case.turns[number].message.get("content")),
        "parts": row.parting_turn(treatment) == number,
        "similarity": None if score is None else score.similarity,
        **_answers(answers, redact),
    }


def _criterion(row: CaseRow, criterion: str, replies: Mapping[str, Reply]) -> Json:
    """Return the verdicts on a criterion by arm, for the replies that are shown; an arm that needed none is absent."""
    verdicts = {
        arm: {"holds": one.holds, "reason": one.reason}
        for arm, reply in replies.items()
        for one in row.arms[arm].rubric
        if (one.criterion, one.sample) == (criterion, reply.sample)
    }
    return {"criterion": criterion, "arms": cast("Json", verdicts)}


def _replies(row: CaseRow, treatment: str, one: Comparison | None) -> dict[str, Reply]:
    """Return one reply per arm, the control's first: the compared replies, or else the first of each arm."""
    if one is not None:
        return {CONTROL: one.control, treatment: one.treatment}
    return {arm: result.replies[0] for arm, result in _both(row, treatment).items() if result.replies}


def _both(row: CaseRow, treatment: str) -> dict[str, ArmResult]:
    return {arm: row.arms[arm] for arm in (CONTROL, treatment) if arm in row.arms}


def _answer(arm: str, reply: Reply, calls: Sequence[ToolCall]) -> Json:
    return {
        "arm": arm,
        "model": reply.model,
        "outcome": reply.outcome,
        "text": reply.text,
        "tool_calls": [as_json(call) for call in calls],
        "latency_s": reply.latency_s,
        "cost_usd": usd(reply.cost_usd),
        "error": reply.error,
    }


def _diff(control: str, treatment: str) -> list[Json]:
    return [[sign, " ".join(words)] for sign, words in diff_segments(control, treatment)]


def _call_diff(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> list[Json]:
    return [[[sign, text] for sign, text in line] for line in call_diff(control, treatment)]
