"""The fields of `expect`, checked before any request is sent."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.checks.json_expectations import validator
from pytest_graysplit.cases.checks.language_expectations import LANGUAGES, require_detector
from pytest_graysplit.cases.checks.text_expectations import pattern
from pytest_graysplit.cases.field_types import FieldLocation, Fields, reject_unknown
from pytest_graysplit.errors import Slug
from pytest_graysplit.types import Expect, ToolCall

if TYPE_CHECKING:
    from pytest_graysplit.types import Json

EXPECT_FIELDS = (
    "contains", "icontains", "contains_any", "not_contains", "starts_with", "regex", "not_regex", "equals", "number",
    "tolerance", "choice", "language", "json", "json_schema", "reference", "min_similarity", "min_words", "max_words",
    "exact_text", "tool_calls", "tool_order", "no_other_tool_calls", "no_tool_calls",
)  # fmt: skip
# Names that belong beside `expect` and not into it.
BESIDE_EXPECT = {"rubric": 'put it beside expect: "rubric": ["names the 30-day window"]'}
_CALL_FIELDS = ("name", "arguments")
_CALLS = 'name the tools and the arguments that matter: [{"name": "refund", "arguments": {"order": 1001}}]'


def read_expect(location: FieldLocation, value: object) -> Expect:
    """Read the expectations of an answer; raise UsageError for a value that cannot be one."""
    if not isinstance(value, dict):
        hint = 'say how it is checked, such as expect: {"contains": "30 days"}'
        raise location.expected(f"an object with {', '.join(EXPECT_FIELDS)}", value, hint)
    reject_unknown(list(value), EXPECT_FIELDS, location, BESIDE_EXPECT)
    given = Fields(value, location)
    expected = Expect(
        contains=given.read("contains", field_types.read_texts) or (),
        icontains=given.read("icontains", field_types.read_texts) or (),
        contains_any=given.read("contains_any", field_types.read_texts) or (),
        not_contains=given.read("not_contains", field_types.read_texts) or (),
        starts_with=given.read("starts_with", field_types.read_text),
        regex=given.read("regex", _patterns) or (),
        not_regex=given.read("not_regex", _patterns) or (),
        equals=given.read("equals", field_types.read_text),
        number=given.read("number", field_types.read_number),
        tolerance=given.read("tolerance", field_types.read_distance),
        choice=given.read("choice", _choice),
        language=given.read("language", _language),
        json=given.read("json", _json),
        json_schema=given.read("json_schema", _schema),
        reference=given.read("reference", field_types.read_text),
        min_similarity=given.read("min_similarity", field_types.read_share),
        min_words=given.read("min_words", field_types.read_count),
        max_words=given.read("max_words", field_types.read_count),
        exact_text=given.read("exact_text", field_types.read_switch) or False,
        tool_calls=given.read("tool_calls", _tool_calls) or (),
        tool_order=given.read("tool_order", field_types.read_switch) or False,
        no_other_tool_calls=given.read("no_other_tool_calls", field_types.read_switch) or False,
        no_tool_calls=given.read("no_tool_calls", field_types.read_switch) or False,
    )
    _reject_clashes(expected, location)
    return expected


def expect_json(expected: Expect) -> dict[str, Json]:
    """Return the expectations in the form that `read_expect` reads, with only the fields that are set."""
    given = {one.name: getattr(expected, one.name) for one in fields(Expect)}
    return {one.name: _json_of(given[one.name]) for one in fields(Expect) if given[one.name] != one.default}


def _json_of(value: Any) -> Json:
    if isinstance(value, ToolCall):
        return {"name": value.name, "arguments": dict(value.arguments)}
    return [_json_of(part) for part in value] if isinstance(value, tuple) else cast("Json", value)


def _reject_clashes(expected: Expect, location: FieldLocation) -> None:
    if expected.min_similarity is not None and expected.reference is None:
        hint = "inside expect it compares the answer with expect.reference; outside, it compares the two models"
        raise location.inside("min_similarity").refuse("there is no reference", hint, Slug.CASE_FIELD_CLASH)
    if expected.tolerance is not None and expected.number is None:
        hint = "it is the distance that expect.number allows: write both"
        raise location.inside("tolerance").refuse("there is no number", hint, Slug.CASE_FIELD_CLASH)
    if expected.min_words and expected.max_words and expected.min_words > expected.max_words:
        hint = "no answer can meet both"
        raise location.inside("min_words").refuse("is above max_words", hint, Slug.CASE_FIELD_CLASH)
    about_calls = [name for name in ("tool_calls", "tool_order", "no_other_tool_calls") if getattr(expected, name)]
    if expected.no_tool_calls and about_calls:
        hint = "it expects an answer without calls: use it alone, or leave it out"
        raise location.inside("no_tool_calls").refuse(
            f"cannot be combined with {about_calls[0]}", hint, Slug.CASE_FIELD_CLASH
        )
    if about_calls and not expected.tool_calls:
        hint = "it needs expect.tool_calls; if no tool may be called at all, write no_tool_calls: true"
        raise location.inside(about_calls[0]).refuse("there are no tool_calls", hint, Slug.CASE_FIELD_CLASH)


def _patterns(location: FieldLocation, value: object) -> tuple[str, ...]:
    expressions = field_types.read_texts(location, value)
    for expression in expressions:
        try:
            pattern(expression)
        except ValueError as error:
            problem = f"{field_types.format_value(expression)} is not a valid regular expression: {error}"
            hint = "put a backslash before characters that are meant literally, such as \\( or \\?"
            raise location.refuse(problem, hint, Slug.CASE_REGEX) from None
    return expressions


def _choice(location: FieldLocation, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # YAML reads the label 2 as a number
    text = field_types.read_text(location, value).strip()
    label = text.strip("().:*")
    return label if re.fullmatch(r"[A-Za-z]|\d{1,2}", label) else text


def _language(location: FieldLocation, value: object) -> str:
    if value not in LANGUAGES:
        hint = "two small letters of ISO 639-1, without a country: en, de, fr, es, it, pt, nl, pl, ja, zh, ..."
        raise location.expected("the code of a language, such as de", value, hint)
    require_detector()
    return str(value)


def _tool_calls(location: FieldLocation, value: object) -> tuple[ToolCall, ...]:
    if not isinstance(value, list | tuple) or not value:
        instead = "; if no tool may be called, write no_tool_calls: true" if value in ([], ()) else ""
        raise location.expected("a list of calls", value, f"{_CALLS}{instead}")
    return tuple(_tool_call(location.inside(number), entry) for number, entry in enumerate(value))


def _tool_call(location: FieldLocation, value: object) -> ToolCall:
    if not isinstance(value, dict):
        raise location.expected("a call", value, _CALLS)
    reject_unknown(list(value), _CALL_FIELDS, location, dict.fromkeys(("function", "type", "id"), _CALLS))
    given = Fields(value, location)
    name = given.read("name", field_types.read_text)
    if name is None:
        raise location.refuse("no name", _CALLS)
    return ToolCall(name.strip(), given.read("arguments", field_types.read_table) or {})


def _json(location: FieldLocation, value: object) -> Json:
    if value is not True and not isinstance(value, dict | list):
        hint = 'true asks for JSON of any kind; {"status": "open"} for an object that holds at least this'
        raise location.expected("true, an object or a list", value, hint)
    return field_types.read_json(location, value)


def _schema(location: FieldLocation, value: object) -> Json:
    schema = field_types.read_table(location, value)
    try:
        validator(schema)
    except ValueError as error:
        raise location.refuse(
            f"is not a valid JSON Schema: {error}", "compare it with json-schema.org", Slug.CASE_SCHEMA
        ) from None
    return schema
