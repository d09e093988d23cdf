"""Scores of JSON answers by their fields: the metric of a case with `json_fields`."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.cases.json_fields.matching import FieldMatch, match_fields
from pytest_graysplit.evaluation.metrics import built_in, guards
from pytest_graysplit.evaluation.metrics.guards.tool_changes import tool_changed
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Case, FieldDifference, Flag, Metric, Reply


class FieldScorer:
    """The scorer of a case with `json_fields`: the share of equal fields, 0 where either answer is not JSON.

    `own` is a scorer that is called first; if it returns None, the fields decide.
    """

    def __init__(self, case: Case, own: Callable[[Reply, Reply], float | None] | None = None) -> None:
        self._rules = case.json_fields
        self._exact = case.expect is not None and case.expect.exact_text
        self._own = own
        self._match = lru_cache(maxsize=64)(self._matched)

    def __call__(self, control: Reply, treatment: Reply) -> float | None:
        """Score the pair; None if the rules leave no field to compare."""
        if self._own is not None and (score := self._own(control, treatment)) is not None:
            return score
        matched = self._match(control.text, treatment.text)
        return 0.0 if matched is None else matched.similarity

    def flags(self, control: Reply, treatment: Reply) -> tuple[Flag, ...]:
        """Return the changes of tool calls, and the changes of meaning in fields that are compared as texts.

        Of a JSON answer only such fields have a meaning that can change unseen.
        """
        changed = tool_changed(control.tool_calls, treatment.tool_calls)
        matched = self._match(control.text, treatment.text)
        said = () if matched is None else matched.flags
        return (changed, *said) if changed else said

    def differences(self, control: Reply, treatment: Reply) -> tuple[FieldDifference, ...]:
        """Return the fields that differ; empty where either answer is not JSON."""
        matched = self._match(control.text, treatment.text)
        return () if matched is None else matched.differences

    def _matched(self, control: str, treatment: str) -> FieldMatch | None:
        try:
            ours, theirs = parse_json_answer(control), parse_json_answer(treatment)
        except ValueError:
            return None
        return match_fields(ours, theirs, self._rules, match_text, exact=self._exact)


def match_text(mode: str, ours: str, theirs: str) -> tuple[float | None, tuple[Flag, ...]]:
    """Return the similarity of two texts of a field, lexical or semantic, and the flags of the guards."""
    return _metric(mode).score(ours, theirs), guards.flags(ours, theirs)


@cache
def _metric(mode: str) -> Metric:
    metric = built_in(mode)
    assert metric is not None  # noqa: S101 # the modes that compare texts are metrics
    return metric
