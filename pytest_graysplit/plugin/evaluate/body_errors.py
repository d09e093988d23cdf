"""Errors of test bodies: failed expectations of the model, bugs of the test, and unavailable replies."""

from __future__ import annotations

from contextlib import suppress
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from _pytest.outcomes import Failed  # pytest.fail.Exception, which type checkers do not take as a base

from pytest_graysplit.errors import AnswerError, Slug
from pytest_graysplit.types import FailedExpectation, parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ASSERTIONS = (AssertionError, pytest.fail.Exception, AnswerError)
# Compared by name, so that neither package is imported here.
_VALIDATORS = frozenset({"jsonschema", "pydantic", "pydantic_core"})


class NoAnswer(Failed):
    """An error for a body that used an unavailable reply; it says nothing about the model."""


class UnavailableReply:
    """A stand-in for a missing reply in a fixture of the user; any use of it fails with the reason."""

    def __init__(self, reason: str, *, unasked: bool = False) -> None:
        """Keep the reason; `unasked` skips the test instead, because the cap was reached before the request."""
        self._reason = reason
        self._unasked = unasked

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        if self._unasked:
            pytest.skip(self._reason)
        raise NoAnswer(self._reason, pytrace=False)


def body_failure(arm: str, problem: str, hint: str) -> FailedExpectation:
    """Return the failed expectation of an arm whose test failed, in its body or outside of it."""
    return FailedExpectation(arm=arm, kind="body", problem=problem, hint=hint, slug=Slug.BODY_FAILED, check="body")


def is_failed_expectation(error: BaseException, texts: Sequence[str]) -> bool:
    """Tell whether an error counts against the model: an assertion, or the refusal of a part of its answer."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_failed_expectation(one, texts) for one in error.exceptions)
    if isinstance(error, _ASSERTIONS):
        return not isinstance(error, NoAnswer)
    refused = list(_refused(error))
    return bool(refused) and any(_is_part(value, texts) for value in refused)


def in_one_line(error: BaseException) -> str:
    """Return the first line of an error, after the name of its class unless it is an assertion."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: {first}"


def _refused(error: BaseException) -> Iterator[object]:
    """Yield the values that a parser of JSON, jsonschema or pydantic did not accept."""
    if isinstance(error, JSONDecodeError):
        yield error.doc
    elif type(error).__name__ == "ValidationError" and type(error).__module__.partition(".")[0] in _VALIDATORS:
        validation: Any = error
        if hasattr(validation, "instance"):
            yield validation.instance
        with suppress(Exception):  # an input that pydantic cannot show is not the text of an answer
            yield from (one["input"] for one in validation.errors())


def _is_part(value: object, texts: Iterable[str]) -> bool:
    """Tell whether a value is a part of an answer's text, or of the JSON in it."""
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
