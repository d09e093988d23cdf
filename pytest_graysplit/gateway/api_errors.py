"""Errors of the gateway, in the shape that clients of each API read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import BudgetExceededError, RecordingError
from pytest_graysplit.gateway.call_answer import NO_RETRY, CallAnswer

if TYPE_CHECKING:
    from pytest_graysplit.errors import GraysplitError

# Anthropic's names of errors by status; any other status is an api_error.
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    504: "timeout_error",
}
_OPENAI_TYPES = {402: "insufficient_quota"}


def refusal(status: int, problem: str, code: str, *, path: str) -> CallAnswer:
    """Return an error answer, in Anthropic's shape for its routes and in OpenAI's for all others."""
    return CallAnswer.of(status, error_body(status, problem, code, path=path), NO_RETRY)


def error_body(status: int, problem: str, code: str, *, path: str) -> bytes:
    """Return the body of an error answer."""
    import msgspec

    if path.startswith("/messages"):
        kind = _ANTHROPIC_TYPES.get(status, "api_error")
        return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": problem, "code": code}})
    kind = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return msgspec.json.encode({"error": {"message": problem, "type": kind, "param": None, "code": code}})


def status_of(error: GraysplitError) -> int:
    """Return the status of the answer to a request that failed with an error of ours."""
    if isinstance(error, RecordingError):
        return 404
    return 402 if isinstance(error, BudgetExceededError) else 502
