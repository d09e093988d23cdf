"""Parts of the readers that all routes share: the JSON of a response, and the reply that an answer becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.json_text import ANSWER_LEVELS, TooDeepError, is_nested_deeper, read_json
from pytest_graysplit.replies.reasoning_text import split_thoughts
from pytest_graysplit.replies.relay.failures import (
    RawResponse,
    RelayFailure,
    failure_of,
    is_error,
    is_error_in_other_words,
    not_json,
)
from pytest_graysplit.replies.relay.stream import StreamCutError, assemble, is_stream
from pytest_graysplit.replies.relay.usage import read_cost, read_usage
from pytest_graysplit.types import Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_graysplit.types import Json, Outcome, Redactor, ToolCall

    Assemble = Callable[[bytes | bytearray], dict[str, Json]]

_CUT_OFF = frozenset(
    {
        *("length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit"),
        *("context_length", "context_length_exceeded", "model_context_window_exceeded"),
    }
)
_FILTERED = frozenset(
    {
        *("blocklist", "content_filter", "content_filtered", "guardrail_intervened", "image_safety", "moderation"),
        *("prohibited_content", "recitation", "safety", "sensitive", "spii"),
    }
)
# The server gave up; its partial text is not the model's answer.
_GAVE_UP = frozenset(
    {
        *("abort", "aborted", "cancel", "canceled", "cancelled", "engine_error", "error", "failed", "failure"),
        *("incomplete", "insufficient_system_resource", "internal_error", "interrupted", "load", "network_error"),
        *("overloaded", "preempted", "server_error", "timeout", "unavailable"),
        *("malformed_function_call", "malformed_response", "missing_thought_signature", "unexpected_tool_call"),
        *("finish_reason_unspecified", "other"),
        *("queued", "in_progress"),  # a response that is worked out in the background
    }
)
_MARK = b"\xef\xbb\xbf"
_FALLBACK_HEADERS = ("x-litellm-attempted-fallbacks", "x-litellm-attempted-retries")


class Answer(NamedTuple):
    """The parts of a model's answer, which each API sends in another place.

    `refusal` is the text with which the model declines, where the API sends it separately. `finish` is the reason for
    the answer's end in the words of the API. `has_acted` marks an answer that need not have a text or a tool call: the
    server itself has run a tool.
    """

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str | None = None
    has_acted: bool = False


def read_payload(
    response: RawResponse, *, model: str, sent: Collection[str], redact: Redactor, assembled: Assemble = assemble
) -> dict[str, Json] | Reply | RelayFailure:
    """Read the JSON of a response on any route; an error becomes a failure, or a filtered reply.

    `assembled` joins the events of a stream into the whole answer.
    """
    if not 200 <= response.status < 300:
        return _failed(response, model, sent, redact)
    payload = _parsed(response, redact, assembled)
    if isinstance(payload, dict) and (inside := _error_inside(payload)):
        failed = _failed(response, model, sent, redact, inside=inside)
        return with_bill(failed, response, payload) if isinstance(failed, RelayFailure) else failed
    return payload


def reply_of(
    response: RawResponse,
    payload: Mapping[str, Json],
    answer: Answer,
    *,
    model: str,
    is_refusal: Callable[[str], bool],
) -> Reply:
    """Return the reply of an answer, with the facts that a response states beside it."""
    whole = answer.text or answer.refusal
    reasoning, text = split_thoughts(whole)
    return Reply(
        model=model,
        outcome=_outcome(answer, text, is_refusal),
        text=text,
        reasoning=answer.reasoning or reasoning,
        sent_text="" if text == whole else whole,
        served_model=name_of(payload.get("model")),
        ttft_s=response.ttft_s,
        usage=read_usage(payload.get("usage"), payload.get("service_tier")),
        reported_cost_usd=read_cost(payload, response.headers),
        finish_reason=answer.finish,
        tool_calls=answer.calls,
        fell_back=any(_above_zero(response.headers.get(name)) for name in _FALLBACK_HEADERS),
        response_id=name_of(payload.get("id")),
        system_fingerprint=name_of(payload.get("system_fingerprint")),
    )


def unusable(
    response: RawResponse, payload: Mapping[str, Json], answer: Json, finish: str | None
) -> RelayFailure | None:
    """Return the failure of an answer that is not a complete one of the model; it may have been billed."""
    if (finish or "").lower() in _GAVE_UP:
        problem = f"the relay gave up on the answer, its finish reason is {(finish or '')[:40]!r}"
        return with_bill(RelayFailure(problem=problem, slug=Slug.RELAY_GAVE_UP), response, payload)
    if is_nested_deeper(answer, ANSWER_LEVELS):
        return with_bill(_too_deep(), response, payload)
    return None


def with_bill(failure: RelayFailure, response: RawResponse, payload: Mapping[str, Json]) -> RelayFailure:
    """Return the failure with the tokens and the cost of the unusable answer, which was billed."""
    usage = read_usage(payload.get("usage"), payload.get("service_tier"))
    return replace(failure, usage=usage, reported_cost_usd=read_cost(payload, response.headers))


def holds_no(part: str, response: RawResponse, payload: Mapping[str, Json], slug: Slug) -> RelayFailure:
    """Return the failure of an answer without the part that the model has made; it may have been billed."""
    problem = f"the relay's answer holds no {part}"
    return with_bill(RelayFailure(problem=problem, slug=slug, status=response.status), response, payload)


def name_of(value: Json) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def first_of(value: Json) -> dict[str, Json] | None:
    """Return the first part of a list if it is an object, else None."""
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) else None


def objects_of(value: Json) -> list[dict[str, Json]]:
    """Return the objects in a list; none of any other value."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _outcome(answer: Answer, text: str, is_refusal: Callable[[str], bool]) -> Outcome:
    reason = (answer.finish or "").lower()
    if reason in _FILTERED:
        return "filtered"
    if reason in _CUT_OFF:
        return "truncated"
    if answer.refusal.strip() or answer.finish == "refusal":
        return "refusal"
    if answer.calls:
        return "ok"
    if not text.strip():
        return "ok" if answer.has_acted else "empty"
    return "refusal" if is_refusal(text) else "ok"


def _too_deep() -> RelayFailure:
    problem = f"the answer is nested more than {ANSWER_LEVELS} levels deep"
    return RelayFailure(problem=problem, slug=Slug.RELAY_ANSWER_DEEP, status=422)


def _failed(
    response: RawResponse, model: str, sent: Collection[str], redact: Redactor, *, inside: Json = None
) -> Reply | RelayFailure:
    failure = failure_of(response, sent=sent, redact=redact, inside=inside)
    # A content filter judges the prompt: that is an outcome, and every run would pay for nothing to see it again.
    return Reply(model=model, outcome="filtered", error=failure.problem, usage=Usage()) if failure.filtered else failure


def _parsed(response: RawResponse, redact: Redactor, assembled: Assemble) -> dict[str, Json] | RelayFailure:
    try:
        body = response.body.removeprefix(_MARK)
        payload = assembled(body) if is_stream(body) else read_json(body)
    except StreamCutError as error:
        return RelayFailure(problem=str(error), slug=Slug.RELAY_STREAM_CUT)
    except TooDeepError:
        return _too_deep()
    except ValueError:
        return not_json(response, redact)
    return payload if isinstance(payload, dict) else not_json(response, redact, parses=True)


def _error_inside(payload: dict[str, Json]) -> dict[str, Json] | None:
    if is_error(payload):
        return payload
    choice = first_of(payload.get("choices"))
    answered = choice or any(payload.get(name) for name in ("data", "output", "content"))
    if not answered and is_error_in_other_words(payload):
        return payload
    return choice if choice and choice.get("error") else None


def _above_zero(text: str | None) -> bool:
    return text is not None and text.isdecimal() and int(text[:9]) > 0
