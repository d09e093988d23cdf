"""Messages of a conversation: everything that servers with OpenAI's protocol accept, except mistyped names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases import field_types
from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.cases.field_types import FieldLocation
    from pytest_graysplit.types import Json

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# The names of these roles in other tools.
_OTHER_NAMES = {"human": "user", "ai": "assistant", "bot": "assistant", "model": "assistant", "gpt": "assistant"}
# A message of these roles needs content; the others may call a tool, or be empty.
_SPEAKERS = ("system", "developer", "user")
# First the names of OpenAI, then those of servers that extend it. A name unlike all of these is an extension too, and
# is sent.
KNOWN = (
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "annotations",
    "cache_control", "reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "signature",
    "prefix", "partial", "image", "images", "video", "videos", "tool_name", "metadata", "extra_content",
    "provider_specific_fields", "citations", "documents", "attachments", "context", "weight", "type", "id",
)  # fmt: skip
# The types of parts that have a known field of the same name, and the type of that field.
PARTS = {
    "text": "text", "refusal": "text", "image_url": "address", "video_url": "address", "audio_url": "address",
    "input_audio": "object", "file": "object",
}  # fmt: skip
# Types of servers that extend the protocol, which check their fields themselves.
OTHER_PARTS = (
    "input_text", "output_text", "input_image", "input_file", "input_video", "image", "image_base64", "image_file",
    "image_embeds", "audio", "audio_embeds", "video", "video_file", "document", "document_url", "reference",
    "thinking", "redacted_thinking", "reasoning", "reasoning_text", "tool_use", "tool_result", "custom",
)  # fmt: skip
# The similarity, out of 100, of a mistyped name: "contents" and "toolCalls" reach it, "agent_name" does not.
ALIKE = 76
PROMPT = 'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
_PART = 'write {"type": "text", "text": "your text"}'
_CALL = 'write {"id": "...", "type": "function", "function": {"name": "...", "arguments": "{}"}}'
_NO_ROLE = 'name the speaker: "role": "user", "assistant" or "system"'
_CONTENT = "content is the text of the message, or null if an assistant message only calls tools"


def read_conversation(location: FieldLocation, value: object) -> list[dict[str, Json]]:
    """Read the messages of a case."""
    if not isinstance(value, list | tuple) or not value:
        raise location.expected("a list of messages", value, PROMPT)
    return [_message(location.inside(number), entry) for number, entry in enumerate(value)]


def read_content(location: FieldLocation, content: Json) -> None:
    """Check the content of a message that the user writes: a text that is not blank, or a list of parts."""
    if isinstance(content, str):
        field_types.read_text(location, content)
    else:
        _content(location, content, "user", [])


def _message(location: FieldLocation, value: object) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise location.expected("an object", value, PROMPT)
    message = field_types.read_table(location, value)
    for name in message:
        if name not in KNOWN and (near := _nearest(name)):
            hint = f"write {near}; names unlike all known ones are sent unchanged"
            raise location.inside(name).refuse(f"unknown field, did you mean {near}?", hint, Slug.CASE_FIELD_UNKNOWN)
    if message.get("role") is None:
        raise location.refuse("no role", _NO_ROLE, Slug.CASE_PROMPT_MISSING)
    role = _role(location.inside("role"), message["role"])
    _content(location.inside("content"), message.get("content"), role, [name for name in message if name not in KNOWN])
    _other_fields(location, message)
    return message


def _nearest(name: str, known: Sequence[str] = KNOWN) -> str:
    from rapidfuzz import fuzz, process

    normalised = name.strip().lower().replace("-", "_").replace(" ", "_")
    best = process.extractOne(normalised, known, scorer=fuzz.ratio, score_cutoff=ALIKE)
    return str(best[0]) if best else ""


def _role(location: FieldLocation, value: object) -> str:
    role = field_types.read_text(location, value)
    if role not in ROLES:
        known = role.strip().lower()
        near = f", did you mean {_OTHER_NAMES[known]}?" if known in _OTHER_NAMES else nearest(known, ROLES)
        raise location.refuse(
            f"unknown role {field_types.format_value(role)}{near}", f"valid names: {', '.join(ROLES)}"
        )
    return role


def _content(location: FieldLocation, value: Json, role: str, unknown: list[str]) -> None:
    if value is None or value == []:
        if role in _SPEAKERS:
            instead = f"; {unknown[0]} is sent as it is, did you mean content?" if unknown else ""
            raise location.refuse(f"no content{instead}", PROMPT, Slug.CASE_PROMPT_MISSING)
        return
    if not isinstance(value, str | list):
        raise location.expected("a text, a list of parts or null", value, _CONTENT)
    for number, part in enumerate(value if isinstance(value, list) else ()):
        _part(location.inside(number), part)


def _part(location: FieldLocation, part: Json) -> None:
    if isinstance(part, str):  # some servers accept a plain text among the parts
        return
    if not isinstance(part, dict):
        raise location.expected("a part of a message", part, _PART)
    kind = part.get("type")
    if kind is None:
        if not any(name in part for name in PARTS):  # for some servers a part's field shows its type
            raise location.refuse("no type", _PART)
        return
    kind = field_types.read_text(location.inside("type"), kind)
    if kind not in PARTS and kind not in OTHER_PARTS:
        if near := _nearest(kind, (*PARTS, *OTHER_PARTS)):
            hint = f"valid names: {', '.join(PARTS)}; a type unlike all known ones is sent unchanged"
            raise location.inside("type").refuse(
                f"unknown type {field_types.format_value(kind)}, did you mean {near}?", hint
            )
        return
    if kind in PARTS:
        _own_field(location.inside(kind), kind, part.get(kind))


def _own_field(location: FieldLocation, kind: str, value: Json) -> None:
    """Check the field of a part that has the name of its type; an address may be a text, or an object with a url."""
    if PARTS[kind] == "text":
        if not isinstance(value, str):
            raise location.expected("a text", value, f'write {{"type": "{kind}", "{kind}": "your text"}}')
    elif PARTS[kind] == "address":
        address = value.get("url") if isinstance(value, dict) else value
        if not isinstance(address, str) or not address.strip():
            raise location.expected("an object with a url", value, f'write "{kind}": {{"url": "https://..."}}')
    elif not isinstance(value, dict) or not value:
        raise location.expected("an object", value, f'write "{kind}": {{...}}, as its server describes it')


def _other_fields(location: FieldLocation, message: dict[str, Json]) -> None:
    for name in ("name", "tool_call_id"):
        if message.get(name) is not None:
            field_types.read_text(location.inside(name), message[name])
    _check_answered_call(location, message)
    if (calls := message.get("tool_calls")) is not None:
        _calls(location.inside("tool_calls"), calls, message["role"])


def _check_answered_call(location: FieldLocation, message: dict[str, Json]) -> None:
    """Check that a tool's message names the call that it answers: by its id, or for some servers by its name."""
    role = message["role"]
    if role == "tool" and not any(message.get(name) for name in ("tool_call_id", "tool_name", "name")):
        raise location.refuse("no tool_call_id", "name the call that it answers: the id of one in tool_calls above it")
    if role == "function" and not message.get("name"):
        raise location.refuse("no name", "name the function that was called")


def _calls(location: FieldLocation, calls: Json, role: Json) -> None:
    if not isinstance(calls, list):
        raise location.expected("a list of calls", calls, "write a list, or leave the field out")
    if calls and role != "assistant":
        raise location.refuse(f"a message of {role} calls no tools", 'calls belong in messages of "role": "assistant"')
    for number, call in enumerate(calls):
        inside = location.inside(number)
        if not isinstance(call, dict):
            raise inside.expected("a call", call, _CALL)
        function = call.get("function")
        if function is not None and not (isinstance(function, dict) and isinstance(function.get("name"), str)):
            raise inside.inside("function").expected("an object with a name", function, _CALL)
