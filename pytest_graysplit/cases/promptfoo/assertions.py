"""Conversion of promptfoo's assertions to the fields of a case, if both mean the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.other_checks import OTHER_KINDS
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError
from pytest_graysplit.cases.promptfoo.text_checks import TEXT_KINDS
from pytest_graysplit.cases.promptfoo.tool_checks import TOOL_KINDS
from pytest_graysplit.config.options import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.cases.promptfoo.collected import CollectedAssertions

_CODE = frozenset({"javascript", "python", "ruby", "webhook"})
_GRADED = frozenset({
    "llm-rubric", "g-eval", "factuality", "model-graded-closedqa", "model-graded-factuality", "answer-relevance",
    "context-faithfulness", "context-recall", "context-relevance", "conversation-relevance", "select-best",
    "search-rubric", "research-rubric", "agent-rubric", "classifier", "moderation", "guardrails", "pi",
    "trajectory:goal-success",
})  # fmt: skip
_OTHERS = frozenset({
    "levenshtein", "rouge-n", "bleu", "gleu", "meteor", "perplexity", "perplexity-score", "is-sql", "contains-sql",
    "is-xml", "contains-xml", "is-html", "contains-html", "finish-reason", "is-refusal", "max-score", "human",
    "trace-span-count", "trace-span-duration", "trace-error-spans", "skill-used", "trajectory:step-count",
    "similar:dot", "similar:euclidean", "assert-set",
})  # fmt: skip
# Each function gets the fields so far, the value of the assertion, and its threshold.
_CONVERTED: Mapping[str, Callable[[CollectedAssertions, Any, Any], None]] = {
    **TEXT_KINDS,
    **OTHER_KINDS,
    **TOOL_KINDS,
}
# Every type of assertion that promptfoo has, without `not-`.
KINDS = frozenset({*(kind.removeprefix("not-") for kind in _CONVERTED), *_CODE, *_GRADED, *_OTHERS})


def collect(collected: CollectedAssertions, kind: str, value: Any, threshold: Any) -> None:
    """Add one assertion to the fields; raise NotCarriedError if a case cannot express it."""
    if kind not in _CONVERTED:
        raise NotCarriedError(_reason(kind))
    _CONVERTED[kind](collected, value, threshold)


def _reason(kind: str) -> str:
    plain = kind.removeprefix("not-")
    if plain in _CODE:
        return "runs a program; write it as an assert in a Python test"
    if plain in ("llm-rubric", "g-eval", "model-graded-closedqa"):
        return "denies a criterion; write the denial as a criterion of rubric"
    if plain in _GRADED:
        return "asks a model; write what a right answer shows as rubric"
    if plain.startswith("promptfoo:redteam:"):
        return "judges an attack, which is not run"
    if plain in KINDS:
        return "has no counterpart in expect"
    return f"is not known{nearest(plain, sorted(KINDS))}"
