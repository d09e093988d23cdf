"""Answers that the application received with a client of its own, read as those of our own client are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure, failure_of
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.types import Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.types import Outcome, Redactor

# The statuses of HTTP: attributes of these names may hold other numbers.
_STATUSES = range(100, 600)
_STATUS_NAMES = ("status_code", "status", "code")


class AnswerReader:
    """A reader of answers that the application received itself: it reads them as those of our own client."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact

    def reply(self, given: object, model: str, sent: Iterable[str], text: str | None = None) -> Reply:
        """Return the reply to a request with the parameters `sent`.

        The answer is a Reply, a JSON object of the relay, an object of the openai package, an exception, or None if
        only its `text` is known. Raises UsageError for anything else.
        """
        if given is None:
            return Reply(model=model, outcome=_outcome_of(text))
        if isinstance(given, Reply):
            return given
        if isinstance(given, str):
            return Reply(model=model, outcome="error", error=given, error_kind=given)
        if isinstance(given, BaseException):
            return self._failed(given, model, sent)
        response = RawResponse(200, {}, _content_of(given))
        read = read_response(response, model=model, sent=set(sent), is_refusal=is_refusal, redact=self._redact)
        return _reply_of(read, model) if isinstance(read, RelayFailure) else read

    def _failed(self, error: BaseException, model: str, sent: Iterable[str]) -> Reply:
        codes = (getattr(error, name, 0) for name in _STATUS_NAMES)
        status = next((code for code in codes if isinstance(code, int) and code in _STATUSES), 0)
        problem = f"{type(error).__name__}: {self._redact(str(error))[:300]}"
        if not status:
            return _reply_of(RelayFailure(problem=problem, slug=_slug_of(error)), model)
        content = getattr(getattr(error, "response", None), "content", b"")
        body = content if isinstance(content, bytes) and content else problem.encode("utf-8", "replace")
        failure = failure_of(RawResponse(status, {}, body), sent=set(sent), redact=self._redact)
        if failure.filtered:
            return Reply(model=model, outcome="filtered", error=failure.problem, usage=Usage())
        return _reply_of(failure, model)


def plain(given: object) -> Any:
    """Return an object of the openai package as JSON, and JSON as it is."""
    dump = getattr(given, "model_dump_json", None)
    return given if dump is None else read_json(dump())


def _content_of(given: object) -> bytes:
    value = plain(given)
    if isinstance(value, Mapping):
        try:
            return json.dumps(dict(value)).encode()
        except (TypeError, ValueError, RecursionError):
            pass
    raise refused(
        f"the reply is of the type {type(given).__name__}",
        "pass the ChatCompletion, the relay's JSON as a dict, or outcome=, text=, latency_s= and usage=",
    )


def _reply_of(failure: RelayFailure, model: str) -> Reply:
    return Reply(
        model=model,
        outcome="error",
        error=failure.advised,
        error_slug=failure.slug,
        error_kind=failure.kind,
        retryable=failure.retryable,
        usage=failure.usage,
        reported_cost_usd=failure.reported_cost_usd,
    )


def _slug_of(error: BaseException) -> Slug:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Slug.REQUEST_CANCELLED
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Slug.RELAY_TIMEOUT
    if isinstance(error, OSError) or "Connect" in type(error).__name__:
        return Slug.RELAY_UNREACHABLE
    return Slug.RELAY_UNEXPECTED


def _outcome_of(text: str | None) -> Outcome:
    if text is None:
        return "ok"
    if not text.strip():
        return "empty"
    return "refusal" if is_refusal(text) else "ok"


def refused(problem: str, hint: str) -> UsageError:
    """Return the error for a figure or an answer that is not one."""
    return UsageError(problem, hint=hint, slug=Slug.TRAFFIC_FIGURE)
