"""Parsing of tool calls, in every shape that servers send and recordings hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_graysplit.formatting.json_text import ANSWER_LEVELS, is_nested_deeper, read_strictly
from pytest_graysplit.types import ToolCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json

# The names of a stored call. Calls as a server sent them, which older recordings hold, have further names.
_STORED = ("name", "arguments", "id", "arguments_text")
_SENT = ("function", "custom", "type", "index")


def read_calls(message: Mapping[str, Json]) -> tuple[ToolCall, ...]:
    """Return the calls of a message: `tool_calls`, an older `function_call`, or parts of the type `tool_use`."""
    if sent := _calls_of(message.get("tool_calls")):
        return tuple(map(read_call, sent))
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and legacy:
        return (read_call(legacy),)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return tuple(read_call(part) for part in parts if isinstance(part, dict) and part.get("type") == "tool_use")


def read_call(sent: Json) -> ToolCall:
    """Read one call as a server sent it; the free input of a custom tool becomes its argument `input`."""
    if not isinstance(sent, dict):
        return ToolCall("", arguments_text=_as_text(sent))
    inner = next((part for name in ("function", "custom") if isinstance(part := sent.get(name), dict)), sent)
    if "input" in inner and "arguments" not in inner:
        given = inner["input"]
        arguments, text = ({"input": given}, None) if isinstance(given, str) else _arguments(given)
    else:
        arguments, text = _arguments(inner.get("arguments"))
    return ToolCall(_text(inner.get("name")) or "", arguments, _text(sent.get("id")), text)


def stored_call(stored: Json, location: str) -> ToolCall:
    """Read one call of a recording, in the current or an older form; raise ValueError that names the invalid part."""
    if not isinstance(stored, dict):
        raise ValueError(f"holds a call that is not an object - at `{location}`")  # noqa: TRY004 # the value of a field
    if any(name in stored for name in _SENT):
        return read_call(stored)
    if unknown := [field for field in stored if field not in _STORED]:
        raise ValueError(f"holds a call with the unknown field {unknown[0]!r} - at `{location}`")
    name, arguments = stored.get("name"), stored.get("arguments")
    ident, text = stored.get("id"), stored.get("arguments_text")
    for field, problem, fits in (
        ("name", "is not a text", isinstance(name, str)),
        ("arguments", "are not an object", arguments is None or isinstance(arguments, dict)),
        ("id", "is not a text", ident is None or isinstance(ident, str)),
        ("arguments_text", "is not a text", text is None or isinstance(text, str)),
        ("arguments_text", "cannot be combined with arguments", text is None or arguments is None),
    ):
        if not fits:
            raise ValueError(f"holds a call whose {field} {problem} - at `{location}.{field}`")
    read: Any = (name, arguments or {}, ident, text)
    return ToolCall(*read)


def as_json(call: ToolCall) -> dict[str, Json]:
    """Return a call as recordings and reports hold it; arguments that are not JSON are null, with a text beside it."""
    inner: dict[str, Json] = {"name": call.name, "arguments": dict(call.arguments), "id": call.id}
    return inner if call.arguments_text is None else inner | {"arguments": None, "arguments_text": call.arguments_text}


def _calls_of(sent: Json) -> list[Json]:
    several = sent if isinstance(sent, list) else [sent] if isinstance(sent, dict) and sent else []
    return [call for call in several if call is not None]


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _arguments(given: Json) -> tuple[dict[str, Json], str | None]:
    """Return arguments as an object, and as a text where they are not one; blank and null are empty arguments."""
    if isinstance(given, str):
        return _parsed(given)
    if given is None:
        return {}, None
    if isinstance(given, dict) and not is_nested_deeper(given, ANSWER_LEVELS):
        return given, None
    return {}, _as_text(given)


def _parsed(text: str) -> tuple[dict[str, Json], str | None]:
    if not text.strip():
        return {}, None
    try:
        arguments: Json = read_strictly(text)
    except (ValueError, RecursionError):
        return {}, text
    if arguments is None:
        return {}, None
    if isinstance(arguments, dict) and not is_nested_deeper(arguments, ANSWER_LEVELS):
        return arguments, None
    return {}, text


def _as_text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
