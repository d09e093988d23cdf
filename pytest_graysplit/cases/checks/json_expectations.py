"""Expectations of JSON answers: the values that they must contain, or their schema."""

from __future__ import annotations

import json
import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.json_fields.matching import match_expected
from pytest_graysplit.cases.json_fields.values import comparable_texts, composed_texts, same
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import cut, excerpt
from pytest_graysplit.formatting.escaping import visible_json
from pytest_graysplit.formatting.lookalikes import name_difference
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jsonschema.protocols import Validator

    from pytest_graysplit.cases.json_fields.matching import MatchText
    from pytest_graysplit.types import Expect, Flag, Json, JsonField

_PLACE = re.compile(r"\[\d+\]")
_ASK = "ask for JSON in the prompt, or send response_format in params (one code fence around it is fine)"


def no_match(mode: str, ours: str, theirs: str) -> tuple[None, tuple[Flag, ...]]:  # noqa: ARG001 # as any other MatchText
    """Match no text: for checks without a model."""
    return None, ()


def check_json(
    expect: Expect, text: str, fields: Sequence[JsonField] = (), match_text: MatchText = no_match
) -> Iterator[CheckFailure]:
    """Yield the failures of an answer to meet `expect.json`, by `fields` where there are any, or its schema."""
    if expect.json is None and expect.json_schema is None and not fields:
        return
    try:
        answer = parse_json_answer(text)
    except (ValueError, RecursionError) as error:
        check = json_check(expect)
        # The place of a syntax error says little; another reason is a rule that the answer breaks.
        reason = "" if isinstance(error, json.JSONDecodeError | RecursionError) else f" ({error})"
        yield CheckFailure(f"expected JSON, found {excerpt(text)}{reason}", _ASK, Slug.EXPECT_JSON, check)
        return
    exact = expect.exact_text
    if isinstance(expect.json, dict | list) and fields:
        yield from _fields(expect.json, answer, fields, match_text, exact=exact)
    elif isinstance(expect.json, dict | list) and (
        problem := first_difference(comparable_texts(expect.json, exact=exact), comparable_texts(answer, exact=exact))
    ):
        hint = "objects may have more names than expected; lists, texts and numbers must be equal"
        yield CheckFailure(problem, hint, Slug.EXPECT_JSON, "expect.json")
    if expect.json_schema is not None:
        yield from _against_schema(*(composed_texts(side, exact=exact) for side in (expect.json_schema, answer)))


def _fields(
    expected: Json, answer: Json, fields: Sequence[JsonField], match_text: MatchText, *, exact: bool
) -> Iterator[CheckFailure]:
    """Yield a failure for each field that differs from its expected value, and for each flag of its text."""
    matched = match_expected(expected, answer, fields, match_text, exact=exact)
    for one in matched.differences:
        hint = "json_fields says how each field is compared; a field without a rule must be equal"
        yield CheckFailure(f"{one.path}: {one.problem}", hint, Slug.EXPECT_JSON_FIELD, f"json_fields.{one.field}")
    for flag in matched.flags:
        field = flag.detail.partition(":")[0]
        if field in {one.path for one in matched.differences}:
            continue
        hint = "similarity does not show this difference; compare the field exactly, or ignore it"
        problem = f"the guard {flag.name} vetoes a field: {flag.detail}"
        yield CheckFailure(problem, hint, Slug.EXPECT_JSON_FIELD, f"json_fields.{_PLACE.sub('[]', field)}")


def json_check(expect: Expect) -> str:
    """Return the name of the check that an answer misses if it is not JSON."""
    if expect.json is not None:
        return "expect.json"
    return "expect.json_schema" if expect.json_schema is not None else "json_fields"


def first_difference(expected: Json, answer: Json, path: str = "$") -> str:
    """Return the first difference from the expected value, or "" if the answer contains it.

    >>> first_difference({"status": "open"}, {"status": "closed", "id": 7})
    '$.status: expected "open", found "closed"'
    """
    if isinstance(expected, dict) and isinstance(answer, dict):
        for name, value in expected.items():
            if name not in answer:
                return f"{path}.{name}: expected {_written(value)}, found no such name"
            if problem := first_difference(value, answer[name], f"{path}.{name}"):
                return problem
        return ""
    if same(expected, answer):
        return ""
    note = name_difference(expected, answer) if isinstance(expected, str) and isinstance(answer, str) else ""
    return f"{path}: expected {_written(expected)}, found {_written(answer)}{note}"


def validator(schema: Json) -> Validator:
    """Compile a JSON Schema once; raise ValueError that names the invalid part."""
    return _validator(json.dumps(schema))


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Validator:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = json.loads(schema_text)
    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError("$.$schema: is not a text")  # noqa: TRY004  # the value of a field, not a programming error
    chosen: type[Validator] = validator_for(schema, default=Draft202012Validator)
    try:
        # This also compiles the patterns in the schema, so an invalid one is found now and not at an answer.
        with warnings.catch_warnings(action="ignore"):
            chosen.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"{error.json_path}: {cut(error.message)}") from None
    # The registry is empty, so a schema never opens a connection.
    return chosen(schema, registry=Registry())


def _against_schema(schema: Json, answer: Json) -> Iterator[CheckFailure]:
    from jsonschema.exceptions import best_match

    try:
        # Patterns are compiled when they are first used, and a doubtful one only warns.
        with warnings.catch_warnings(action="ignore"):
            errors = list(validator(schema).iter_errors(answer))
    except Exception as error:  # noqa: BLE001  # a $ref to nowhere, to itself or into a number raises anything
        hint = "define what $ref names inside the schema (nothing is fetched), without a loop"
        cause = f"no schema at {error.ref}" if hasattr(error, "ref") else type(error).__name__
        problem = f"the JSON Schema cannot be applied: {cause}"
        yield CheckFailure(problem, hint, Slug.EXPECT_JSON_SCHEMA, "expect.json_schema")
        return
    # The first error, and among alternatives the error of the closest alternative.
    if worst := best_match(errors[:1]):
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        hint = "show the model the schema, or send it as response_format in params"
        problem = f"{worst.json_path}: {cut(worst.message)}{more}"
        yield CheckFailure(problem, hint, Slug.EXPECT_JSON_SCHEMA, "expect.json_schema")


def _written(value: Json) -> str:
    return cut(visible_json(json.dumps(value, ensure_ascii=False)))
