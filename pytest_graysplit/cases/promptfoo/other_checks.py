"""Assertions about JSON, similarity, cost and latency, and those that a judge answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, parse_yaml
from pytest_graysplit.cases.promptfoo.text_checks import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.cases.promptfoo.collected import CollectedAssertions


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
    reference = text_of(value)
    least = 0.75 if threshold is None else _number(threshold)
    if not 0 <= least <= 1:
        raise NotCarriedError(f"has the threshold {least:g}, which is not between 0 and 1")
    collected.set_once("reference", reference)
    collected.expect["min_similarity"] = least
    collected.notes.append(
        "similar: compared by the metric of the case, which is lexical unless you say metric: semantic; "
        "a threshold of embeddings means something else there"
    )


def _latency(collected: CollectedAssertions, threshold: Any) -> None:
    collected.at_most("max_latency_s", _above_zero(threshold) / 1000)


def _cost(collected: CollectedAssertions, threshold: Any) -> None:
    collected.at_most("max_cost_usd", _above_zero(threshold))


def _number(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotCarriedError("has no number as its threshold")
    return float(value)


def _above_zero(value: Any) -> float:
    number = _number(value)
    if not 0 < number < float("inf"):
        raise NotCarriedError("has no number above 0 as its threshold")
    return number


def _criterion(collected: CollectedAssertions, value: Any, threshold: Any) -> None:
    texts = value if isinstance(value, list) else [value]
    for one in texts:
        text = json.dumps(one, ensure_ascii=False) if isinstance(one, dict) else text_of(one)
        if not text.strip():
            raise NotCarriedError("has a blank value")
        collected.criterion(text.strip())
    if threshold is not None:
        collected.notes.append("llm-rubric: the judge says yes or no here, and no score is compared with a threshold")


def _g_eval(collected: CollectedAssertions, value: Any) -> None:
    _criterion(collected, value, None)
    collected.notes.append("g-eval: the judge says yes or no here, and no score is compared with a threshold")


OTHER_KINDS: Mapping[str, Callable[[CollectedAssertions, Any, Any], None]] = {
    "is-json": lambda collected, value, _: _json(collected, value),
    "contains-json": lambda collected, value, _: _contains_json(collected, value),
    "similar": _similar,
    "similar:cosine": _similar,
    "latency": lambda collected, _, threshold: _latency(collected, threshold),
    "cost": lambda collected, _, threshold: _cost(collected, threshold),
    "llm-rubric": _criterion,
    "model-graded-closedqa": _criterion,
    "g-eval": lambda collected, value, _: _g_eval(collected, value),
}
