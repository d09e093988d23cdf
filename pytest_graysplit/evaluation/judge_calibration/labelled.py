"""Labelled pairs: two answers to a case, and which one people found better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.field_types import FieldLocation, Fields, reject_unknown
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug

if TYPE_CHECKING:
    from pytest_graysplit.types import Case

Label = Literal["treatment", "tie", "control"]
LABELS: tuple[Label, ...] = get_args(Label)
CASE_FIELDS = ("id", "prompt", "messages", "system")
FIELDS = (*CASE_FIELDS, "control", "treatment", "label")
_NEEDED = 'a line is {"prompt": "...", "control": "...", "treatment": "...", "label": "control"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One pair of answers to a case, and the side that people found better."""

    case: Case
    control: str
    treatment: str
    label: Label


def labelled_pair(fields: dict[str, object], where: str) -> Labelled:
    """Read one line; raise UsageError that names its place and the field."""
    place = FieldLocation(where, "")
    reject_unknown(list(fields), FIELDS, place, {})
    given = Fields(fields, place)
    for name in ("control", "treatment", "label"):
        if name not in given.values:
            raise place.refuse(f"no {name}", _NEEDED, Slug.LABELLED_INCOMPLETE)
    return Labelled(
        case=build_case({name: fields[name] for name in CASE_FIELDS if name in fields}, where=where),
        control=_answer(place.inside("control"), given.values["control"]),
        treatment=_answer(place.inside("treatment"), given.values["treatment"]),
        label=_label(place.inside("label"), given.values["label"]),
    )


def _answer(place: FieldLocation, value: object) -> str:
    if not isinstance(value, str):
        raise place.expected("a text", value, "write the answer in quotes; a model may also have answered nothing")
    return field_types.check_encodable(place, value)


def _label(place: FieldLocation, value: object) -> Label:
    if value not in LABELS:
        near = nearest(value, LABELS) if isinstance(value, str) else ""
        hint = "the label names the better answer: control, treatment or tie"
        raise place.refuse(f"{field_types.format_value(value)} is not a label{near}", hint)
    return value
