"""The latest requests of live traffic that failed, were refused or cut off, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import plural, shortened
from pytest_graysplit.types import Case
from pytest_graysplit.verdict.figures_json import usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.traffic.log.records import RequestRecord
    from pytest_graysplit.types import Json

SHOWN = 20
LONGEST_NAME = 80
_OUTCOMES = {
    "empty": "the answer is empty",
    "refusal": "the model refused to answer",
    "truncated": "the answer was cut off at its token limit",
    "filtered": "a content filter stopped it",
}


def worst_json(failed: Iterable[RequestRecord]) -> list[Json]:
    """Return the latest failed requests, the newest first; the same question with the same reason appears once."""
    distinct = {(_name(one), _why(one)): one for one in list(failed)}
    return [_worst(one) for one in sorted(distinct.values(), key=lambda one: one.at, reverse=True)[:SHOWN]]


def find_failed_request(failed: Iterable[RequestRecord], wanted: str) -> RequestRecord | None:
    """Return the request with that id, if there is one."""
    return next((one for one in list(failed) if one.id == wanted), None)


def failed_request_json(one: RequestRecord) -> dict[str, Json]:
    """Return a request in full: its prompt, its answer, and the call that replaced it."""
    answers: list[Json] = [
        {
            "arm": one.arm,
            "model": one.model,
            "outcome": one.outcome,
            "text": one.text or "",
            "tool_calls": None,  # the log keeps no calls
            "latency_s": one.latency_s,
            "cost_usd": usd(one.cost_usd),
            "error": one.problem,
        }
    ]
    if (call := one.fallback) is not None:
        answers.append(
            {
                "arm": f"the control in place of {one.arm}",
                "model": call.model,
                "outcome": call.outcome,
                "text": "",
                "tool_calls": None,
                "latency_s": call.latency_s,
                "cost_usd": usd(call.cost_usd),
                "error": call.error,
            }
        )
    return {
        "id": one.id,
        "name": _name(one),
        "prompt": _prompt(one),
        "treatment": one.arm,
        "similarity": None,
        "threshold": None,
        "metric": None,
        "flags": [],
        "misses": {one.arm: [_why(one)]},
        "arms": answers,
        "diff": [],
        "call_diff": [],
    }


def _worst(one: RequestRecord) -> Json:
    return {
        "id": one.id,
        "name": _name(one),
        "treatment": one.arm,
        "similarity": None,
        "passed": {},
        "flags": [],
        "why": _why(one),
    }


def _name(one: RequestRecord) -> str:
    asked = shortened(_prompt(one), LONGEST_NAME)
    return f"{one.arm}: {asked}" if asked else f"{one.arm} at {one.at[11:19]}"


def _why(one: RequestRecord) -> str:
    why = one.problem or _OUTCOMES.get(one.outcome) or one.error or one.outcome
    tries = f", after {plural(one.attempts, 'attempt')}" if one.attempts > 1 else ""
    return f"{why}{tries}{'; the control answered' if one.fallback and one.fallback.outcome != 'error' else ''}"


def _prompt(one: RequestRecord) -> str:
    """Return the last user message; an empty text if the log keeps no texts."""
    return Case(id=one.id, messages=one.messages or ()).prompt
