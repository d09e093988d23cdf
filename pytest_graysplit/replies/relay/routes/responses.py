"""Reader of `/responses`: the items of the output, and the response that the last event of a stream carries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.reading import read_call
from pytest_graysplit.errors import Slug
from pytest_graysplit.replies.relay.answer import (
    Answer,
    holds_no,
    name_of,
    objects_of,
    read_payload,
    reply_of,
    unusable,
)
from pytest_graysplit.replies.relay.response import text_of, thoughts_of
from pytest_graysplit.replies.relay.stream import StreamCutError, chunks_of
from pytest_graysplit.replies.relay.usage import object_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
    from pytest_graysplit.types import Json, Redactor, Reply, ToolCall

_LAST = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
# Tools that the application runs, and the field with the arguments; any other call is run by the server.
_ARGUMENTS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
_WORDS = ("message", "reasoning")
# Calls of tools that the server runs and bills apart from the tokens.
_BILLED = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"})


def read_response_object(
    response: RawResponse, *, model: str, sent: Collection[str], is_refusal: Callable[[str], bool], redact: Redactor
) -> Reply | RelayFailure:
    """Read a response of `model`, whose request had the parameters `sent`, into a reply or a failure."""
    payload = read_payload(response, model=model, sent=sent, redact=redact, assembled=assemble_response)
    if not isinstance(payload, dict):
        return payload
    finish, output = _finish(payload), payload.get("output")
    if failure := unusable(response, payload, output, finish):
        return failure
    if not isinstance(output, list):
        return holds_no("output", response, payload, Slug.RELAY_NO_CHOICES)
    items = objects_of(output)
    reply = reply_of(response, payload, _answer(items, finish), model=model, is_refusal=is_refusal)
    billed = sum(item.get("type") in _BILLED for item in items)
    return replace(reply, usage=replace(reply.usage, unpriced=reply.usage.unpriced + billed)) if reply.usage else reply


def assemble_response(body: bytes | bytearray) -> dict[str, Json]:
    """Return the response that the last event of a stream carries, or the first error in the stream.

    Some servers leave the output out of the last event; then it is made of the items that were sent before. Raises
    StreamCutError if the stream ended without a last event.
    """
    items: list[Json] = []
    for event in chunks_of(body):
        kind, whole = event.get("type"), event.get("response")
        if kind == "error" or (event.get("error") and not kind):
            return event
        if kind == "response.output_item.done" and isinstance(item := event.get("item"), dict):
            items.append(item)
        if kind in _LAST and isinstance(whole, dict):
            return whole if whole.get("output") else {**whole, "output": items}
    raise StreamCutError("the stream ended before the answer did")


def _finish(payload: dict[str, Json]) -> str:
    """Return the reason of an incomplete response, else its status; without a reason it was the limit on its tokens."""
    status = name_of(payload.get("status")) or "completed"
    reason = name_of(object_of(payload.get("incomplete_details")).get("reason"))
    return reason or ("max_output_tokens" if status == "incomplete" else status)


def _answer(items: list[dict[str, Json]], finish: str) -> Answer:
    said = [part for item in items if item.get("type") == "message" for part in _parts(item)]
    thoughts = [item.get("summary") or item.get("content") for item in items if item.get("type") == "reasoning"]
    return Answer(
        text="".join(text_of([part]) for part in said),
        refusal="".join(text_of(part.get("refusal")) for part in said if part.get("type") == "refusal"),
        reasoning="".join(map(thoughts_of, thoughts)),
        calls=tuple(_call(item) for item in items if item.get("type") in _ARGUMENTS),
        finish=finish,
        has_acted=any(item.get("type") not in _WORDS for item in items),
    )


def _parts(item: dict[str, Json]) -> list[dict[str, Json]]:
    content = item.get("content")
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else objects_of(content)


def _call(item: dict[str, Json]) -> ToolCall:
    kind = str(item["type"])
    given = item.get(_ARGUMENTS[kind])
    name = name_of(item.get("name")) or kind.removesuffix("_call")
    field = "input" if kind == "custom_tool_call" else "arguments"
    return read_call({"name": name, field: given, "id": item.get("call_id") or item.get("id")})
