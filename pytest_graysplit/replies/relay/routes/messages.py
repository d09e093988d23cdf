"""Reader of Anthropic's `/messages`: the blocks of the content, and the events that a stream sends them in."""

from __future__ import annotations

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
    from collections.abc import Callable, Collection, Mapping

    from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
    from pytest_graysplit.types import Json, Redactor, Reply, ToolCall

_WORDS = ("text", "thinking", "redacted_thinking")
# The field of a block that the pieces of each kind add to.
_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def read_message(
    response: RawResponse, *, model: str, sent: Collection[str], is_refusal: Callable[[str], bool], redact: Redactor
) -> Reply | RelayFailure:
    """Read a message of `model`, whose request had the parameters `sent`, into a reply or a failure."""
    payload = read_payload(response, model=model, sent=sent, redact=redact, assembled=assemble_message)
    if not isinstance(payload, dict):
        return payload
    finish, content = name_of(payload.get("stop_reason")), payload.get("content")
    if failure := unusable(response, payload, content, finish):
        return failure
    if not isinstance(content, list):
        return holds_no("content", response, payload, Slug.RELAY_NO_CHOICES)
    answer = _answer(objects_of(content), finish)
    return reply_of(response, payload, answer, model=model, is_refusal=is_refusal)


def assemble_message(body: bytes | bytearray) -> dict[str, Json]:
    """Return the message that the events of a stream form together, or the first error in the stream.

    Raises StreamCutError if the stream ended without a stop reason and without its last event.
    """
    message: dict[str, Json] = {}
    blocks: dict[Json, _Block] = {}
    usage: dict[str, Json] = {}
    has_ended = False
    for event in chunks_of(body):
        kind, delta = event.get("type"), object_of(event.get("delta"))
        if kind == "error" or event.get("error"):
            return event
        if kind == "message_start":
            message |= object_of(event.get("message"))
            usage |= object_of(message.get("usage"))
        elif kind == "content_block_start":
            blocks[_index(event)] = _Block(object_of(event.get("content_block")))
        elif kind == "content_block_delta":
            blocks.setdefault(_index(event), _Block({"type": "text"})).add(delta)
        elif kind == "message_delta":
            message |= {name: value for name, value in delta.items() if value is not None}
            # The last counts are those of the whole answer; a count that is missing or zero was sent at the start.
            usage |= {name: value for name, value in object_of(event.get("usage")).items() if value}
        has_ended = has_ended or kind == "message_stop" or bool(delta.get("stop_reason"))
    if not has_ended:
        raise StreamCutError("the stream ended before the answer did")
    return {**message, "content": [block.whole() for block in blocks.values()], "usage": usage}


class _Block:
    """One block of a streamed message; its text, its thoughts or the arguments of its call arrive in pieces."""

    def __init__(self, begun: Mapping[str, Json]) -> None:
        self._begun = begun
        self._pieces: dict[str, list[str]] = {}

    def add(self, piece: Mapping[str, Json]) -> None:
        """Add a piece; one of another kind, such as a signature, is not a part of the answer."""
        field = _FIELDS.get(str(piece.get("type")))
        if field and isinstance(text := piece.get(field), str):
            self._pieces.setdefault(field, []).append(text)

    def whole(self) -> dict[str, Json]:
        """Return the block as it would be without streaming; the arguments of a call stay a text."""
        joined = {field: "".join(pieces) for field, pieces in self._pieces.items()}
        arguments = joined.pop("partial_json", "")
        texts: dict[str, Json] = {field: f"{self._begun.get(field) or ''}{text}" for field, text in joined.items()}
        return {**self._begun, **texts, **({"input": arguments} if arguments else {})}


def _index(event: dict[str, Json]) -> Json:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _answer(blocks: list[dict[str, Json]], finish: str | None) -> Answer:
    return Answer(
        text="".join(text_of([block]) for block in blocks if block.get("type") == "text"),
        reasoning="".join(thoughts_of(block) for block in blocks if block.get("type") == "thinking"),
        calls=tuple(_call(block) for block in blocks if block.get("type") == "tool_use"),
        finish=finish,
        has_acted=any(block.get("type") not in _WORDS for block in blocks),
    )


def _call(block: dict[str, Json]) -> ToolCall:
    # Under the name `arguments` a text is parsed as JSON; the input of a tool is always an object.
    return read_call({"name": block.get("name"), "arguments": block.get("input"), "id": block.get("id")})
