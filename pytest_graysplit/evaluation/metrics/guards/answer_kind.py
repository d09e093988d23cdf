"""The guards against an answer of another kind than the control's: broken JSON, a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.replies.refusals import TELLING_WORDS, is_refusal
from pytest_graysplit.types import Flag, parse_json_answer

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Reading


def json_broken(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a treatment that is not a JSON object or array where the control is one."""
    kind = _json_kind(control.text)
    if not kind or _json_kind(treatment.text):
        return None
    return Flag(name="json-broken", detail=f"control is a JSON {kind}, treatment does not parse as one")


def refusal_one_side(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a pair of which one declines and the other answers; two refusals agree."""
    ours, theirs = _declines(control), _declines(treatment)
    if ours == theirs:
        return None
    detail = "control declines, treatment answers" if ours else "control answers, treatment declines"
    return Flag(name="refusal-one-side", detail=detail)


def _declines(reading: Reading) -> bool:
    return not TELLING_WORDS.isdisjoint(reading.words) and is_refusal(reading.text)


def _json_kind(text: str) -> str:
    if not text.lstrip().startswith(("{", "[")) and "```" not in text:
        return ""
    try:
        answer = parse_json_answer(text)
    except (ValueError, RecursionError):
        return ""
    return "object" if isinstance(answer, dict) else "array" if isinstance(answer, list) else ""
