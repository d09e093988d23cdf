"""Reader of chat responses: a reply or a failure. A status of 200 alone is not a success."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.reading import read_calls
from pytest_graysplit.errors import Slug
from pytest_graysplit.replies.relay.answer import Answer, first_of, holds_no, name_of, read_payload, reply_of, unusable
from pytest_graysplit.replies.relay.usage import object_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
    from pytest_graysplit.types import Json, Redactor, Reply

_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
_THOUGHT = ("text", "thinking", "content", "summary")


def read_response(
    response: RawResponse, *, model: str, sent: Collection[str], is_refusal: Callable[[str], bool], redact: Redactor
) -> Reply | RelayFailure:
    """Read a response of `model`, whose request had the parameters `sent`, into a reply or a failure.

    Success is JSON, or a stream of it, without a top-level error and with at least one choice.
    """
    payload = read_payload(response, model=model, sent=sent, redact=redact)
    if not isinstance(payload, dict):
        return payload
    if choice := first_of(payload.get("choices")):
        finish = name_of(choice.get("finish_reason"))
        if failure := unusable(response, payload, choice, finish):
            return failure
        return reply_of(response, payload, _answer(choice, finish), model=model, is_refusal=is_refusal)
    # The answer is empty but was billed: count the tokens.
    return holds_no("choices", response, payload, Slug.RELAY_NO_CHOICES)


def _answer(choice: dict[str, Json], finish: str | None) -> Answer:
    message = object_of(choice.get("message"))
    refusal = text_of(message.get("refusal"))
    return Answer(
        text=text_of(message.get("content")) or text_of(choice.get("text")),
        refusal=refusal,
        reasoning=_reasoning(message),
        calls=read_calls(message),
        finish=finish,
    )


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
    apart = (thoughts_of(message.get(name)) for name in _REASONING)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return next(filter(None, apart), "") or thoughts_of([part for part in parts if _is_thought(part)])


def _is_thought(part: Json) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "reasoning")


def thoughts_of(value: Json, depth: int = 4) -> str:
    """Return the text of thoughts in any known shape: a text, or parts of it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(thoughts_of(part, depth - 1) for part in value) if depth else ""
    if isinstance(value, dict) and depth:
        return next(filter(None, (thoughts_of(value.get(name), depth - 1) for name in _THOUGHT)), "")
    return ""
