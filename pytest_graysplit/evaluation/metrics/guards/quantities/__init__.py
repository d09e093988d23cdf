"""Guards on quantities and exact values: numbers with units, dates, bounds, identifiers, code, choices, JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.quantities import comparing, json_values
from pytest_graysplit.evaluation.metrics.guards.quantities.code import choice_changed, operator_changed
from pytest_graysplit.evaluation.metrics.guards.quantities.comparing import bound_changed

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText
    from pytest_graysplit.types import Flag

__all__ = ["bound_changed", "number_changed", "value_changed"]


def number_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a number, an amount with its unit, a date or a version that differs in the treatment."""
    found = _json_changes(control, treatment)
    return found.number if found else comparing.number_changed(control, treatment)


def value_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag an identifier, an operator or literal in code, a chosen option or a JSON value that differs."""
    if found := _json_changes(control, treatment):
        return found.value
    return (
        comparing.identifier_changed(control, treatment)
        or operator_changed(control, treatment)
        or choice_changed(control, treatment)
    )


def _json_changes(control: ParsedText, treatment: ParsedText) -> json_values.Changes | None:
    if not (json_values.is_json_like(control.text) and json_values.is_json_like(treatment.text)):
        return None
    return json_values.changes(control.text, treatment.text)
