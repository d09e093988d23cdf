"""Conversion of promptfoo's assertions to the fields of a case, if both mean the same."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.checks.text_expectations import pattern
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, parse_yaml
from pytest_graysplit.cases.promptfoo.templates import as_text
from pytest_graysplit.config.options import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CODE = frozenset({"javascript", "python", "ruby", "webhook"})
_GRADED = frozenset({
    "llm-rubric", "g-eval", "factuality", "model-graded-closedqa", "model-graded-factuality", "answer-relevance",
    "context-faithfulness", "context-recall", "context-relevance", "conversation-relevance", "select-best",
    "search-rubric", "classifier", "moderation", "guardrails", "pi", "agent-rubric", "trajectory:goal-success",
})  # fmt: skip
_OTHERS = frozenset({
    "levenshtein", "rouge-n", "bleu", "gleu", "meteor", "perplexity", "perplexity-score", "is-sql", "contains-sql",
    "is-xml", "contains-xml", "is-html", "contains-html", "is-valid-openai-tools-call", "is-valid-function-call",
    "is-valid-openai-function-call", "tool-call-f1", "finish-reason", "is-refusal", "max-score", "human",
    "trace-span-count", "trace-span-duration", "trace-error-spans", "skill-used",
})  # fmt: skip
# Checks of `expect` that take several texts.
_SEVERAL = ("contains", "not_contains", "regex")


@dataclass(slots=True, kw_only=True)
class CollectedAssertions:
    """The fields of a case that the assertions of one test have set so far; `notes` are differences of the tools."""

    expect: dict[str, Any] = field(default_factory=dict)
    budgets: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, *texts: str) -> None:
        """Add texts to a check that takes several."""
        if not all(text.strip() for text in texts):
            raise NotCarriedError("has a blank value")
        present = self.expect.setdefault(name, [])
        present.extend(text for text in texts if text not in present)

    def set_once(self, name: str, value: Any) -> None:
        """Set a check that a case has once."""
        if self.expect.setdefault(name, value) != value:
            raise NotCarriedError(f"is a second {name}, and a case has one")

    def fields(self) -> dict[str, Any]:
        """Return the fields of the case; a list of one text becomes that text."""
        expect = {
            name: value[0] if name in _SEVERAL and len(value) == 1 else value for name, value in self.expect.items()
        }
        return {**({"expect": expect} if expect else {}), **self.budgets}

    def schema(self, schema: Any) -> None:
        """Add a JSON Schema that the answer must fit."""
        if not isinstance(schema, dict):
            raise NotCarriedError("has a value that is not a JSON Schema")
        present = self.expect.get("json_schema")
        if present is None:
            self.expect["json_schema"] = schema
        elif "allOf" in present and len(present) == 1:
            present["allOf"].append(schema)
        else:
            self.expect["json_schema"] = {"allOf": [present, schema]}

    def at_most(self, name: str, value: float) -> None:
        """Set a budget; the smaller of two counts."""
        smaller = min(value, self.budgets.get(name, math.inf))
        self.budgets[name] = int(smaller) if smaller.is_integer() else smaller


def collect(collected: CollectedAssertions, kind: str, value: Any, threshold: Any) -> None:
    """Add one assertion to the fields; raise NotCarriedError if a case cannot express it."""
    if kind not in _KINDS:
        raise NotCarriedError(_reason(kind))
    _KINDS[kind](collected, value, threshold)


def is_known(kind: str) -> bool:
    """Tell whether promptfoo has this type of assertion, converted here or not."""
    plain = kind.removeprefix("not-")
    return any(plain in kinds for kinds in (_KINDS, _CODE, _GRADED, _OTHERS))


def python_regex(expression: object) -> str:
    """Convert a JavaScript regular expression to one of Python's `re`; raise NotCarriedError if Python rejects it."""
    text = re.sub(r"\(\?<(?![=!])", "(?P<", as_text(expression))
    text = re.sub(r"\\k<(\w+)>", r"(?P=\1)", text)
    try:
        pattern(text)
    except ValueError as error:
        raise NotCarriedError(f"has the regular expression {text!r}, which Python rejects: {error}") from None
    return text


def _reason(kind: str) -> str:
    plain = kind.removeprefix("not-")
    if plain in _CODE:
        return "runs a program; write it as an assert in a Python test"
    if plain in _GRADED:
        return "asks a model; use the metric judge, which compares both answers"
    if plain in _OTHERS or plain in _KINDS or plain.startswith("similar:"):
        return "has no counterpart in expect"
    return f"is not known{nearest(plain, [*_KINDS, *_CODE, *_GRADED, *_OTHERS])}"


def _texts(value: Any) -> list[str]:
    """Read one text, a list, or texts separated by commas, as promptfoo does for -any and -all."""
    if isinstance(value, str):
        [cells] = csv.reader([" ".join(value.split())], skipinitialspace=True)
        value = [cell.strip() for cell in cells]
    if not isinstance(value, list) or not value:
        raise NotCarriedError("has no value")
    return [as_text(one) for one in value]


def _text(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        raise NotCarriedError("has no text as its value")
    return as_text(value)


def _literal(text: str) -> str:
    """Escape special characters outside of sets; re.escape would also put a backslash before every space."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _absent(expression: str) -> str:
    return rf"\A(?![\s\S]*{expression})"


def _any_case(texts: list[str], joined: str = "") -> list[str]:
    literals = [_literal(text) for text in _reject_blank(texts)]
    return [f"(?i){joined.join(literals)}"] if joined else [f"(?i){literal}" for literal in literals]


def _reject_blank(texts: list[str]) -> list[str]:
    if not all(text.strip() for text in texts):
        raise NotCarriedError("has a blank value")
    return texts


def _contains_any(collected: CollectedAssertions, texts: list[str]) -> None:
    collected.add("regex", "|".join(map(_literal, _reject_blank(texts))))


def _not_equals(collected: CollectedAssertions, value: Any) -> None:
    collected.add("regex", rf"\A(?!\s*{_literal(_text(value).strip())}\s*\Z)")


def _none_in_any_case(collected: CollectedAssertions, texts: list[str]) -> None:
    collected.add("regex", *(f"(?i){_absent(_literal(text))}" for text in _reject_blank(texts)))


def _not_regex(collected: CollectedAssertions, value: Any) -> None:
    text = python_regex(_text(value))
    flags = re.match(r"\(\?[aimsux]+\)", text)
    # Python requires global flags at the start of the expression.
    front = flags[0] if flags else ""
    collected.add("regex", front + _absent(f"(?:{text.removeprefix(front)})"))


def _equals(collected: CollectedAssertions, value: Any) -> None:
    if isinstance(value, dict | list):
        collected.schema({"const": value})
    else:
        collected.set_once("equals", _text(value))


def _json(collected: CollectedAssertions, value: Any) -> None:
    if isinstance(value, str) and value.strip():
        value = _schema_of(value)
    if value is None or value == "":
        collected.set_once("json", value=True)
    else:
        collected.schema(value)


def _schema_of(text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise NotCarriedError(f"has a value that is not a JSON Schema: {' '.join(str(error).split())}") from None


def _contains_json(collected: CollectedAssertions, value: Any) -> None:
    _json(collected, value)
    collected.notes.append("contains-json: here the whole answer must be JSON, or one code fence of it")


def _similar(collected: CollectedAssertions, value: Any, threshold: Any) -> None:
    if isinstance(value, list):
        if len(value) != 1:
            raise NotCarriedError("has several references, and a case has one")
        value = value[0]
    collected.set_once("reference", _text(value))
    collected.expect["min_similarity"] = 0.75 if threshold is None else threshold
    collected.notes.append(
        "similar: compared by the metric of the case, which is lexical unless you say metric: semantic; "
        "a threshold of embeddings means something else there"
    )


def _latency(collected: CollectedAssertions, threshold: Any) -> None:
    collected.at_most("max_latency_s", _number(threshold) / 1000)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotCarriedError("has no number as its threshold")
    return float(value)


def _words(collected: CollectedAssertions, value: Any) -> None:
    bounds = value if isinstance(value, dict) else {"min": value, "max": value}
    least, most = bounds.get("min"), bounds.get("max")
    for bound in (least, most):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 1):
            raise NotCarriedError("has no whole number of 1 or more as its value")
    if least is None and most is None:
        raise NotCarriedError("has no value")
    if most is not None:
        collected.expect["max_words"] = min(most, collected.expect.get("max_words", most))
    if least is not None:
        collected.add("regex", rf"(?:\S+\s+){{{least - 1}}}\S+" if least > 1 else r"\S")


# Each function gets the fields so far, the value of the assertion, and its threshold.
_KINDS: Mapping[str, Callable[[CollectedAssertions, Any, Any], None]] = {
    "equals": lambda collected, value, _: _equals(collected, value),
    "contains": lambda collected, value, _: collected.add("contains", _text(value)),
    "contains-all": lambda collected, value, _: collected.add("contains", *_texts(value)),
    "contains-any": lambda collected, value, _: _contains_any(collected, _texts(value)),
    "icontains": lambda collected, value, _: collected.add("regex", *_any_case([_text(value)])),
    "icontains-all": lambda collected, value, _: collected.add("regex", *_any_case(_texts(value))),
    "icontains-any": lambda collected, value, _: collected.add("regex", *_any_case(_texts(value), "|")),
    "starts-with": lambda collected, value, _: collected.add("regex", rf"\A{_literal(_text(value))}"),
    "regex": lambda collected, value, _: collected.add("regex", python_regex(_text(value))),
    "not-equals": lambda collected, value, _: _not_equals(collected, value),
    "not-contains": lambda collected, value, _: collected.add("not_contains", _text(value)),
    "not-contains-any": lambda collected, value, _: collected.add("not_contains", *_texts(value)),
    "not-icontains": lambda collected, value, _: _none_in_any_case(collected, [_text(value)]),
    "not-icontains-any": lambda collected, value, _: _none_in_any_case(collected, _texts(value)),
    "not-starts-with": lambda collected, value, _: collected.add("regex", rf"\A(?!{_literal(_text(value))})"),
    "not-regex": lambda collected, value, _: _not_regex(collected, value),
    "is-json": lambda collected, value, _: _json(collected, value),
    "contains-json": lambda collected, value, _: _contains_json(collected, value),
    "similar": _similar,
    "similar:cosine": _similar,
    "latency": lambda collected, _, threshold: _latency(collected, threshold),
    "cost": lambda collected, _, threshold: collected.at_most("max_cost_usd", _number(threshold)),
    "word-count": lambda collected, value, _: _words(collected, value),
}  # fmt: skip
