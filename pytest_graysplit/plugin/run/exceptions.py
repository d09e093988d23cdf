"""Tells whether what a test body raised says something of the model, or is a bug that says nothing of any."""

from __future__ import annotations

from contextlib import suppress
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Failed  # pytest.fail.Exception, which type checkers do not take as a base

from pytest_graysplit.errors import AnswerError
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ASSERTIONS = (AssertionError, pytest.fail.Exception, AnswerError)
# By name, so that neither is imported: the test that raised it has done so.
_VALIDATORS = frozenset({"jsonschema", "pydantic", "pydantic_core"})


class NoAnswer(Failed):
    """A body asked for a reply that could not be had; that says nothing of what the body would have asserted."""


def is_miss(error: BaseException, texts: Sequence[str]) -> bool:
    """Tell whether an error is an assertion, or the refusal of something that stands in one of the answers."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_miss(one, texts) for one in error.exceptions)
    if isinstance(error, _ASSERTIONS):
        return not isinstance(error, NoAnswer)
    refused = list(_refused(error))
    return bool(refused) and any(_stands_in(value, texts) for value in refused)


def in_one_line(error: BaseException) -> str:
    """Return the first line of an error, with its kind where that is not plain from the traceback of an assert."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: {first}"


def _refused(error: BaseException) -> Iterator[object]:
    """Yield what a parser of JSON, jsonschema or pydantic did not accept."""
    if isinstance(error, JSONDecodeError):
        yield error.doc
    elif type(error).__name__ == "ValidationError" and type(error).__module__.partition(".")[0] in _VALIDATORS:
        told: Any = error
        if hasattr(told, "instance"):
            yield told.instance
        with suppress(Exception):  # an input that cannot be shown is not the text of an answer
            yield from (one["input"] for one in told.errors())


def _stands_in(value: object, texts: Iterable[str]) -> bool:
    """Tell whether a value is a part of an answer: of its text, or of the JSON in it."""
    if isinstance(value, str) and value.strip() and any(value.strip() in text for text in texts):
        return True
    return any(type(part) is type(value) and part == value for text in texts for part in _parts(text))


def _parts(text: str) -> Iterator[object]:
    with suppress(ValueError):
        left: list[object] = [parse_json_answer(text)]
        while left:
            yield (part := left.pop())
            if isinstance(part, dict):
                left += part.values()
            elif isinstance(part, list):
                left += part
