"""Expectations of JSON answers: the values that they must contain, or their schema."""

from __future__ import annotations

import json
import unicodedata
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.lookalikes import name_difference
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import cut, excerpt
from pytest_graysplit.formatting.escaping import visible_json
from pytest_graysplit.formatting.plain_text import is_about_typography, plain
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.protocols import Validator

    from pytest_graysplit.types import Expect, Json

_ASK = "ask for JSON in the prompt, or send response_format in params (one code fence around it is fine)"


def check_json(expect: Expect, text: str) -> Iterator[CheckFailure]:
    """Yield the failures of an answer to meet `expect.json` or `expect.json_schema`."""
    if expect.json is None and expect.json_schema is None:
        return
    try:
        answer = parse_json_answer(text)
    except (ValueError, RecursionError) as error:
        check = "expect.json_schema" if expect.json is None else "expect.json"
        # The place of a syntax error says little; another reason is a rule that the answer breaks.
        reason = "" if isinstance(error, json.JSONDecodeError | RecursionError) else f" ({error})"
        yield CheckFailure(f"expected JSON, found {excerpt(text)}{reason}", _ASK, Slug.EXPECT_JSON, check)
        return
    form = _unchanged if expect.exact_text else _comparable
    if isinstance(expect.json, dict | list) and (
        problem := first_difference(with_texts(expect.json, form), with_texts(answer, form))
    ):
        hint = "objects may have more names than expected; lists, texts and numbers must be equal"
        yield CheckFailure(problem, hint, Slug.EXPECT_JSON, "expect.json")
    if expect.json_schema is not None:
        composed = _unchanged if expect.exact_text else _composed
        yield from _against_schema(with_texts(expect.json_schema, composed), with_texts(answer, composed))


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


def with_texts(value: Json, form: Callable[[str], str]) -> Json:
    """Return JSON with all its texts in another form; names that would become equal stay as they are."""
    if isinstance(value, dict):
        names = [form(name) for name in value]
        kept = names if len(set(names)) == len(value) else value
        return {name: with_texts(part, form) for name, part in zip(kept, value.values(), strict=True)}
    if isinstance(value, list):
        return [with_texts(part, form) for part in value]
    return form(value) if isinstance(value, str) else value


def _comparable(text: str) -> str:
    return _composed(text) if is_about_typography(text) else plain(text)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _unchanged(text: str) -> str:
    return text


def same(expected: Json, answer: Json) -> bool:
    """Tell whether two JSON values are equal; unlike Python, JSON distinguishes true and 1."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        return expected.keys() == answer.keys() and all(same(value, answer[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(answer, list):
        return len(expected) == len(answer) and all(map(same, expected, answer))
    return isinstance(expected, bool) == isinstance(answer, bool) and expected == answer


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
