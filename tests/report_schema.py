"""The JSON Schema of the report, closed for tests: a key that it does not name is an error there."""

import json

from jsonschema import Draft202012Validator

from pytest_graysplit.reporting.json_report import SCHEMA

SHIPPED = json.loads(SCHEMA.read_text(encoding="utf-8"))


def closed(part):
    """Return a part of the schema in which no object may have other keys; those of a map stay free."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    fresh = {name: closed(one) for name, one in part.items()}
    is_object = part.get("type") == "object" and isinstance(part.get("properties"), dict)
    return {"additionalProperties": False, **fresh} if is_object else fresh


CLOSED = Draft202012Validator(closed(SHIPPED))


def problems_of(report):
    """Return the places at which a report does not fit the closed schema."""
    return [f"{error.json_path}: {error.message}" for error in CLOSED.iter_errors(report)]


def checked(report):
    """Return the report after a check against the closed schema."""
    assert problems_of(report)[:5] == []
    return report
