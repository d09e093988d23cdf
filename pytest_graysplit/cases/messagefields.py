"""What a message of a conversation may hold: what servers that speak OpenAI's protocol take, and no mistyped name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases import fieldtypes
from pytest_graysplit.options import nearest

if TYPE_CHECKING:
    from pytest_graysplit.cases.fieldtypes import Place
    from pytest_graysplit.types import Json

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# What other tools call these roles.
_OTHER_NAMES = {"human": "user", "ai": "assistant", "bot": "assistant", "model": "assistant", "gpt": "assistant"}
# Whoever speaks in these roles says something; the others may call a tool, or hand on nothing.
_SPEAKERS = ("system", "developer", "user")
# Of OpenAI first, then of servers that extend it. A name that is like none of these is an extension, too, and is sent.
KNOWN = (
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "annotations",
    "cache_control", "reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "signature",
    "prefix", "partial", "image", "images", "video", "videos", "tool_name", "metadata", "extra_content",
    "provider_specific_fields", "citations", "documents", "attachments", "context", "weight", "type", "id",
)  # fmt: skip
# Of 100, by which a name is taken for a mistyped one: "contents" and "toolCalls" are, "agent_name" is not.
ALIKE = 76
PROMPT = 'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
_NO_ROLE = 'say who speaks: "role": "user", "assistant" or "system"'
_CONTENT = "content is what was said; null where an assistant message only calls tools"


def conversation(place: Place, value: object) -> list[dict[str, Json]]:
    """Read the messages of a case."""
    if not isinstance(value, list | tuple) or not value:
        raise place.expected("a list of messages", value, PROMPT)
    return [_message(place.inside(number), entry) for number, entry in enumerate(value)]


def _message(place: Place, value: object) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise place.expected("an object", value, PROMPT)
    message = fieldtypes.table(place, value)
    for name in message:
        if name not in KNOWN and (near := _nearest(name)):
            hint = f"write {near}; names that are like no known one are sent as they are"
            raise place.inside(name).refuse(f"unknown field, did you mean {near}?", hint, "case-field-unknown")
    if message.get("role") is None:
        raise place.refuse("no role", _NO_ROLE, "case-prompt-missing")
    role = _role(place.inside("role"), message["role"])
    _content(place.inside("content"), message.get("content"), role, [name for name in message if name not in KNOWN])
    _other_fields(place, message)
    return message


def _nearest(name: str) -> str:
    from rapidfuzz import fuzz, process

    spelled = name.strip().lower().replace("-", "_").replace(" ", "_")
    best = process.extractOne(spelled, KNOWN, scorer=fuzz.ratio, score_cutoff=ALIKE)
    return str(best[0]) if best else ""


def _role(place: Place, value: object) -> str:
    role = fieldtypes.text(place, value)
    if role not in ROLES:
        known = role.strip().lower()
        near = f", did you mean {_OTHER_NAMES[known]}?" if known in _OTHER_NAMES else nearest(known, ROLES)
        raise place.refuse(f"unknown role {fieldtypes.shown(role)}{near}", f"known here: {', '.join(ROLES)}")
    return role


def _content(place: Place, value: Json, role: str, unknown: list[str]) -> None:
    if value is None or value == []:
        if role in _SPEAKERS:
            instead = f"; {unknown[0]} is sent as it is, did you mean content?" if unknown else ""
            raise place.refuse(f"no content{instead}", PROMPT, "case-prompt-missing")
        return
    if not isinstance(value, str | list):
        raise place.expected("a text, a list of parts or null", value, _CONTENT)
    for number, part in enumerate(value if isinstance(value, list) else ()):
        _part(place.inside(number), part)


def _part(place: Place, part: Json) -> None:
    if not isinstance(part, dict | str):
        raise place.expected("a part of a message", part, 'write {"type": "text", "text": "your text"}')
    if isinstance(part, dict) and part.get("type") == "text" and not isinstance(part.get("text"), str):
        hint = 'write {"type": "text", "text": "your text"}'
        raise place.inside("text").expected("a text", part.get("text"), hint)


def _other_fields(place: Place, message: dict[str, Json]) -> None:
    for name in ("name", "tool_call_id"):
        if message.get(name) is not None:
            fieldtypes.text(place.inside(name), message[name])
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise place.inside("tool_calls").expected("a list of calls", calls, "write a list, or leave the field out")
