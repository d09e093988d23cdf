"""The field `json_fields` of a case, checked before any request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.field_types import FieldLocation, Fields, format_value, reject_unknown
from pytest_graysplit.cases.json_fields.rules import is_path
from pytest_graysplit.config.options import nearest
from pytest_graysplit.types import FieldMode, JsonField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Json

MODES: tuple[FieldMode, ...] = get_args(FieldMode)
_PATH = "write it as customer.id or items[].sku; a point inside a name as \\."


def read_json_fields(location: FieldLocation, value: object) -> tuple[JsonField, ...]:
    """Read the rules; raise UsageError for a path or a mode that cannot be used."""
    if not isinstance(value, dict) or not value:
        hint = 'name fields and how they are compared: {"order": "exact", "note": "ignore", "reason": "semantic"}'
        raise location.expected("an object of fields", value, hint)
    return tuple(_field(location.inside(str(path)), path, mode) for path, mode in value.items())


def _field(location: FieldLocation, path: object, value: object) -> JsonField:
    if not isinstance(path, str) or not is_path(path):
        raise location.refuse(f"{format_value(path)} is not the path of a field", _PATH)
    tolerance = None
    if isinstance(value, dict):
        reject_unknown(list(value), ("mode", "tolerance"), location, {})
        given = Fields(value, location)
        tolerance, value = given.read("tolerance", field_types.read_distance), given.values.get("mode", "number")
    if value not in MODES:
        near = nearest(value, MODES) if isinstance(value, str) else ""
        raise location.expected(f"one of {', '.join(MODES)}{near}", value, "it says how the field is compared")
    if tolerance is not None and value != "number":
        raise location.inside("tolerance").refuse(f"has no meaning for {value}", "only number has a tolerance")
    return JsonField(path, value, tolerance)


def json_fields_json(rules: Sequence[JsonField]) -> dict[str, Json]:
    """Return the rules in the form that `read_json_fields` reads."""
    return {
        rule.path: rule.mode if rule.tolerance is None else {"mode": rule.mode, "tolerance": rule.tolerance}
        for rule in rules
    }
