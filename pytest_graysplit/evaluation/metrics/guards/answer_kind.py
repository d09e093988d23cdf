"""The guards against an answer of another kind than the control's: broken JSON, a refusal, a new script or language."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.parsed_text import parse
from pytest_graysplit.evaluation.metrics.guards.wording.declining import declines, is_unwilling
from pytest_graysplit.evaluation.metrics.words import LANGUAGE_OF, script_of
from pytest_graysplit.replies.refusals import TELLING_WORDS, is_refusal
from pytest_graysplit.types import Flag, parse_json_answer

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

# The words that identify a language.
_TELLING = frozenset(LANGUAGE_OF)


def json_broken(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a treatment that is not a JSON object or array where the control is one."""
    kind = _json_kind(control.text)
    if not kind or _json_kind(treatment.text):
        return None
    return Flag(name="json-broken", detail=f"control is a JSON {kind}, treatment does not parse as one")


def refusal_one_side(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a pair of which one declines and the other answers; two refusals in other words agree."""
    ours, theirs = _declines(control), _declines(treatment)
    if ours == theirs or is_unwilling((treatment if ours else control).text):
        return None
    detail = "control declines, treatment answers" if ours else "control answers, treatment declines"
    return Flag(name="refusal-one-side", detail=detail)


def _declines(parsed: ParsedText) -> bool:
    return (not TELLING_WORDS.isdisjoint(parsed.words) and is_refusal(parsed.text)) or declines(parsed)


def both_decline(control: str, treatment: str) -> bool:
    """Tell whether two answers both decline as a whole."""
    return _declines(parse(control.strip())) and _declines(parse(treatment.strip()))


def _json_kind(text: str) -> str:
    if not text.lstrip().startswith(("{", "[")) and "```" not in text:
        return ""
    try:
        answer = parse_json_answer(text)
    except (ValueError, RecursionError):
        return ""
    return "object" if isinstance(answer, dict) else "array" if isinstance(answer, list) else ""


def script_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a treatment that is mostly written in another script."""
    if control.text.isascii() and treatment.text.isascii():
        return None
    ours, theirs = script_of(control.text), script_of(treatment.text)
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="script-changed", detail=f"control writes {ours} script, treatment writes {theirs} script")


def language_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a treatment in another language, if both texts have enough function words to identify one."""
    if len(control.words & treatment.words & _TELLING) >= 3:  # the common case, cheaply: they share a language
        return None
    ours = _language(control)
    theirs = _language(treatment) if ours else ""
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="language-changed", detail=f"control answers in {ours}, treatment in {theirs}")


def _language(parsed: ParsedText) -> str:
    telling = _TELLING & parsed.words
    if len(telling) < 3:
        return ""
    language, count = Counter(map(LANGUAGE_OF.__getitem__, telling)).most_common(1)[0]
    return language if count >= 3 and count >= 0.7 * len(telling) else ""
