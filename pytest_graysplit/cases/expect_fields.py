"""The fields of `expect`: what may be asked of an answer, checked before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.checks.expectations import pattern
from pytest_graysplit.cases.checks.json_expectations import validator
from pytest_graysplit.cases.field_types import Fields, Place, refuse_unknown
from pytest_graysplit.errors import Slug
from pytest_graysplit.types import Expect, ToolCall

if TYPE_CHECKING:
    from pytest_graysplit.types import Json

EXPECT_FIELDS = (
    "contains", "not_contains", "regex", "equals", "json", "json_schema", "reference", "min_similarity", "max_words",
    "tool_calls", "tool_order", "no_other_tool_calls", "no_tool_calls",
)  # fmt: skip
_CALL_FIELDS = ("name", "arguments")
_CALLS = 'name the tools and the arguments that matter: [{"name": "refund", "arguments": {"order": 1001}}]'


def expect(place: Place, value: object) -> Expect:
    """Read what a right answer must show; raise UsageError for what can be no expectation."""
    if not isinstance(value, dict):
        hint = 'say how it is checked, such as expect: {"contains": "30 days"}'
        raise place.expected(f"an object with {', '.join(EXPECT_FIELDS)}", value, hint)
    refuse_unknown(list(value), EXPECT_FIELDS, place, {})
    given = Fields(value, place)
    asked = Expect(
        contains=given.read("contains", field_types.texts) or (),
        not_contains=given.read("not_contains", field_types.texts) or (),
        regex=given.read("regex", _patterns) or (),
        equals=given.read("equals", field_types.text),
        json=given.read("json", _json),
        json_schema=given.read("json_schema", _schema),
        reference=given.read("reference", field_types.text),
        min_similarity=given.read("min_similarity", field_types.share),
        max_words=given.read("max_words", field_types.count),
        tool_calls=given.read("tool_calls", _tool_calls) or (),
        tool_order=given.read("tool_order", field_types.switch) or False,
        no_other_tool_calls=given.read("no_other_tool_calls", field_types.switch) or False,
        no_tool_calls=given.read("no_tool_calls", field_types.switch) or False,
    )
    _refuse_clashes(asked, place)
    return asked


def _refuse_clashes(asked: Expect, place: Place) -> None:
    if asked.min_similarity is not None and asked.reference is None:
        hint = (
            "here it holds the answer against expect.reference; the two models are compared by min_similarity outside"
        )
        raise place.inside("min_similarity").refuse("there is no reference", hint, Slug.CASE_FIELD_CLASH)
    beside = [name for name in ("tool_calls", "tool_order", "no_other_tool_calls") if getattr(asked, name)]
    if asked.no_tool_calls and beside:
        hint = "it asks for an answer without calls: keep it alone, or leave it out"
        raise place.inside("no_tool_calls").refuse(f"goes with no {beside[0]}", hint, Slug.CASE_FIELD_CLASH)
    if beside and not asked.tool_calls:
        hint = "it says more about expect.tool_calls; where no tool may be called at all, write no_tool_calls: true"
        raise place.inside(beside[0]).refuse("there are no tool_calls", hint, Slug.CASE_FIELD_CLASH)


def _patterns(place: Place, value: object) -> tuple[str, ...]:
    expressions = field_types.texts(place, value)
    for expression in expressions:
        try:
            pattern(expression)
        except ValueError as error:
            problem = f"{field_types.shown(expression)} is no regular expression: {error}"
            hint = "put a backslash before what is meant literally, such as \\( or \\?"
            raise place.refuse(problem, hint, Slug.CASE_REGEX) from None
    return expressions


def _tool_calls(place: Place, value: object) -> tuple[ToolCall, ...]:
    if not isinstance(value, list | tuple) or not value:
        instead = "; no_tool_calls: true says that none may occur" if value in ([], ()) else ""
        raise place.expected("a list of calls", value, f"{_CALLS}{instead}")
    return tuple(_tool_call(place.inside(number), entry) for number, entry in enumerate(value))


def _tool_call(place: Place, value: object) -> ToolCall:
    if not isinstance(value, dict):
        raise place.expected("a call", value, _CALLS)
    refuse_unknown(list(value), _CALL_FIELDS, place, dict.fromkeys(("function", "type", "id"), _CALLS))
    given = Fields(value, place)
    name = given.read("name", field_types.text)
    if name is None:
        raise place.refuse("no name", _CALLS)
    return ToolCall(name.strip(), given.read("arguments", field_types.table) or {})


def _json(place: Place, value: object) -> Json:
    if value is not True and not isinstance(value, dict | list):
        hint = 'true asks for JSON of any kind; {"status": "open"} for an object that holds at least this'
        raise place.expected("true, an object or a list", value, hint)
    return field_types.json_value(place, value)


def _schema(place: Place, value: object) -> Json:
    schema = field_types.table(place, value)
    try:
        validator(schema)
    except ValueError as error:
        raise place.refuse(f"is no JSON schema: {error}", "compare it with json-schema.org", Slug.CASE_SCHEMA) from None
    return schema
