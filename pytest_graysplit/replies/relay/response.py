"""Reader of chat responses: a reply or a failure. A status of 200 alone is not a success."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.reading import read_calls
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
from pytest_graysplit.replies.relay.usage import object_of, read_cost, read_usage
from pytest_graysplit.types import Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_graysplit.types import Json, Outcome, Redactor

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
    }
)
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
_THOUGHT = ("text", "thinking", "content", "summary")
_MARK = b"\xef\xbb\xbf"
_FALLBACK_HEADERS = ("x-litellm-attempted-fallbacks", "x-litellm-attempted-retries")


def read_response(
    response: RawResponse, *, model: str, sent: Collection[str], is_refusal: Callable[[str], bool], redact: Redactor
) -> Reply | RelayFailure:
    """Read a response of `model`, whose request had the parameters `sent`, into a reply or a failure.

    Success is JSON, or a stream of it, without a top-level error and with at least one choice.
    """
    payload = read_payload(response, model=model, sent=sent, redact=redact)
    if not isinstance(payload, dict):
        return payload
    if choice := _first_choice(payload):
        if failure := _unusable(response, payload, choice):
            return failure
        return _reply(response, payload, choice, model=model, is_refusal=is_refusal)
    # The answer is empty but was billed: count the tokens.
    return RelayFailure(
        problem="the relay's answer holds no choices",
        slug=Slug.RELAY_NO_CHOICES,
        status=response.status,
        usage=read_usage(payload.get("usage"), payload.get("service_tier")),
        reported_cost_usd=read_cost(payload, response.headers),
    )


def read_payload(
    response: RawResponse, *, model: str, sent: Collection[str], redact: Redactor
) -> dict[str, Json] | Reply | RelayFailure:
    """Read the JSON of a response on any route; an error becomes a failure, or a filtered reply."""
    if not 200 <= response.status < 300:
        return _failed(response, model, sent, redact)
    payload = _parsed(response, redact)
    if isinstance(payload, dict) and (inside := _error_inside(payload)):
        return _failed(response, model, sent, redact, inside=inside)
    return payload


def _unusable(response: RawResponse, payload: dict[str, Json], choice: dict[str, Json]) -> RelayFailure | None:
    """Return the failure of a choice that is not a complete answer of the model; it may have been billed."""
    usage, cost_usd = (
        read_usage(payload.get("usage"), payload.get("service_tier")),
        read_cost(payload, response.headers),
    )
    finish = name_of(choice.get("finish_reason")) or ""
    if finish.lower() in _GAVE_UP:
        problem = f"the relay gave up on the answer, its finish reason is {finish[:40]!r}"
        return RelayFailure(problem=problem, slug=Slug.RELAY_GAVE_UP, usage=usage, reported_cost_usd=cost_usd)
    if is_nested_deeper(choice, ANSWER_LEVELS):
        return replace(_too_deep(), usage=usage, reported_cost_usd=cost_usd)
    return None


def _too_deep() -> RelayFailure:
    problem = f"the answer is nested more than {ANSWER_LEVELS} levels deep"
    return RelayFailure(problem=problem, slug=Slug.RELAY_ANSWER_DEEP, status=422)


def _reply(
    response: RawResponse,
    payload: dict[str, Json],
    choice: dict[str, Json],
    *,
    model: str,
    is_refusal: Callable[[str], bool],
) -> Reply:
    message = object_of(choice.get("message"))
    content, refusal = text_of(message.get("content")), text_of(message.get("refusal"))
    whole = content or text_of(choice.get("text")) or refusal
    reasoning, text = split_thoughts(whole)
    calls, finish = read_calls(message), name_of(choice.get("finish_reason"))
    refused = bool(refusal.strip()) or finish == "refusal"
    return Reply(
        model=model,
        outcome=_outcome(finish, text, refused=refused, called=bool(calls), is_refusal=is_refusal),
        text=text,
        reasoning=_reasoning(message) or reasoning,
        sent_text="" if text == whole else whole,
        served_model=name_of(payload.get("model")),
        ttft_s=response.ttft_s,
        usage=read_usage(payload.get("usage"), payload.get("service_tier")),
        reported_cost_usd=read_cost(payload, response.headers),
        finish_reason=finish,
        tool_calls=calls,
        fell_back=any(_above_zero(response.headers.get(name)) for name in _FALLBACK_HEADERS),
        response_id=name_of(payload.get("id")),
        system_fingerprint=name_of(payload.get("system_fingerprint")),
    )


def _outcome(
    finish: str | None, text: str, *, refused: bool, called: bool, is_refusal: Callable[[str], bool]
) -> Outcome:
    reason = (finish or "").lower()
    if reason in _FILTERED:
        return "filtered"
    if reason in _CUT_OFF:
        return "truncated"
    if refused:
        return "refusal"
    if called:
        return "ok"
    if not text.strip():
        return "empty"
    return "refusal" if is_refusal(text) else "ok"


def _failed(
    response: RawResponse, model: str, sent: Collection[str], redact: Redactor, *, inside: Json = None
) -> Reply | RelayFailure:
    failure = failure_of(response, sent=sent, redact=redact, inside=inside)
    # A content filter judges the prompt: that is an outcome, and every run would pay for nothing to see it again.
    return Reply(model=model, outcome="filtered", error=failure.problem, usage=Usage()) if failure.filtered else failure


def _parsed(response: RawResponse, redact: Redactor) -> dict[str, Json] | RelayFailure:
    try:
        body = response.body.removeprefix(_MARK)
        payload = assemble(body) if is_stream(body) else read_json(body)
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
    choice = _first_choice(payload)
    if choice is None and not payload.get("data") and is_error_in_other_words(payload):
        return payload
    return choice if choice and choice.get("error") else None


def _first_choice(payload: dict[str, Json]) -> dict[str, Json] | None:
    choices = payload.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def text_of(content: Json) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    return content if isinstance(content, str) else ""


def _part(part: Json) -> str:
    # Parts of any other type, such as thinking, do not belong to the answer.
    if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return part if isinstance(part, str) else ""


def _reasoning(message: Mapping[str, Json]) -> str:
    """Return the thoughts that a server sent beside the answer; some servers send the same ones under two names."""
    apart = (_thoughts(message.get(name)) for name in _REASONING)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return next(filter(None, apart), "") or _thoughts([part for part in parts if _is_thought(part)])


def _is_thought(part: Json) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "reasoning")


def _thoughts(value: Json, depth: int = 4) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_thoughts(part, depth - 1) for part in value) if depth else ""
    if isinstance(value, dict) and depth:
        return next(filter(None, (_thoughts(value.get(name), depth - 1) for name in _THOUGHT)), "")
    return ""


def name_of(value: Json) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def _above_zero(text: str | None) -> bool:
    return text is not None and text.isdecimal() and int(text[:9]) > 0
