"""Labelled answers: one answer to a case, and which criteria of a rubric hold for it according to people."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.field_types import FieldLocation, Fields, reject_unknown
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.cases.files import read_rows
from pytest_graysplit.cases.tool_calls.reading import as_json, stored_call
from pytest_graysplit.errors import Slug
from pytest_graysplit.evaluation.judge_calibration.labelled import CASE_FIELDS
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_graysplit.types import Case, ToolCall

FIELDS = (*CASE_FIELDS, "answer", "tool_calls", "rubric")
_NEEDED = 'a line is {"prompt": "...", "answer": "...", "rubric": {"names the 30-day window": true}}'
_RUBRIC = 'write each criterion with true or false: {"names the 30-day window": true, "promises no refund": false}'


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricLabel:
    """One answer to a case with a rubric, and for each criterion of the rubric whether it holds."""

    case: Case
    answer: Reply
    holding: tuple[bool, ...]

    @property
    def holds(self) -> bool:
        """Whether every criterion holds: the answer passes the rubric."""
        return all(self.holding)


def read_rubric_labels(path: Path, shown: str) -> tuple[RubricLabel, ...]:
    """Read a file of labelled answers in any format of case files; raise UsageError that names file, line and field."""
    labels = tuple(rubric_label(row.fields, f"{shown}:{row.line}") for row in read_rows(path, shown))
    reject_labelled_twice(labels)
    return labels


def rubric_label(fields: dict[str, object], where: str) -> RubricLabel:
    """Read one line; raise UsageError that names its place and the field."""
    place = FieldLocation(where, "")
    reject_unknown(list(fields), FIELDS, place, {"label": "a file has pairs with a label, or answers with a rubric"})
    given = Fields(fields, place)
    for name in ("answer", "rubric"):
        if name not in given.values:
            raise place.refuse(f"no {name}", _NEEDED, Slug.LABELLED_INCOMPLETE)
    criteria = _criteria(place.inside("rubric"), given.values["rubric"])
    own = {name: fields[name] for name in CASE_FIELDS if name in fields}
    case = replace(build_case(own, where=where), rubric=tuple(criteria))
    calls = _calls(place.inside("tool_calls"), given.values.get("tool_calls", []))
    text = _answer(place.inside("answer"), given.values["answer"])
    answer = Reply(model="labelled", outcome="ok", text=text, tool_calls=calls, replayed=True)
    return RubricLabel(case=case, answer=answer, holding=tuple(criteria.values()))


def reject_labelled_twice(labels: Iterable[RubricLabel]) -> None:
    """Raise UsageError for the first answer with a second line: it would count as two, and its labels may differ."""
    first: dict[str, RubricLabel] = {}
    for label in labels:
        calls = [{**as_json(call), "id": None} for call in label.answer.tool_calls]
        parts = [label.case.messages, label.answer.text, calls]
        earlier = first.setdefault(json.dumps(parts, sort_keys=True), label)
        if earlier is not label:
            problem = f"{label.case.where}: the same answer to the same messages is in {earlier.case.where} too"
            hint = "write all criteria of an answer into one line"
            raise FieldLocation("", "").refuse(problem, hint, Slug.LABELLED_TWICE)


def _criteria(place: FieldLocation, value: object) -> dict[str, bool]:
    if not isinstance(value, dict) or not value:
        raise place.expected("an object of criteria", value, _RUBRIC)
    criteria: dict[str, bool] = {}
    for name, holds in value.items():
        criterion = field_types.read_text(place, name).strip()
        inside = FieldLocation(place.where, f"{place.name}[{field_types.format_value(criterion)}]")
        if criterion in criteria:
            raise inside.refuse("is there twice", "keep one of the two", Slug.CASE_FIELD_CLASH)
        if not isinstance(holds, bool):
            raise inside.expected("true or false", holds, _RUBRIC)
        criteria[criterion] = holds
    return criteria


def _answer(place: FieldLocation, value: object) -> str:
    if not isinstance(value, str):
        raise place.expected("a text", value, "write the answer in quotes; a model may also have answered nothing")
    return field_types.check_encodable(place, value)


def _calls(place: FieldLocation, value: object) -> tuple[ToolCall, ...]:
    hint = 'list the calls of the answer: [{"name": "refund", "arguments": {"order": 1001}}]'
    if not isinstance(value, list):
        raise place.expected("a list of calls", value, hint)
    try:
        return tuple(stored_call(field_types.read_json(place, call), place.name) for call in value)
    except ValueError as error:
        raise place.refuse(str(error), hint) from None
