"""Templates of promptfoo: `{{name}}` and `{{name.part}}` of Nunjucks, and filters that need no program."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TAG = re.compile(r"\{\{-?(.*?)-?\}\}|(\{%)|\{#.*?#\}", re.DOTALL)
_PATH = re.compile(r"[A-Za-z_$][\w$]*(?:\.[\w$]+|\[\d+\]|\[\"[^\"]*\"\]|\['[^']*'\])*")
_STEP = re.compile(r"[\w$]+|(?<=[\"'])[^\"'\]]+(?=[\"'])")
_FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "dump": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "lower": lambda value: as_text(value).lower(),
    "safe": lambda value: value,
    "trim": lambda value: as_text(value).strip(),
    "upper": lambda value: as_text(value).upper(),
}


def render(text: str, values: Mapping[str, Any]) -> str:
    """Fill in the text; raise NotCarriedError for anything but a variable with known filters."""

    def filled(match: re.Match[str]) -> str:
        if match[2]:
            raise NotCarriedError("has a {% ... %} block, which is not run")
        return "" if match[1] is None else as_text(_value(match[1].strip(), values))

    return _TAG.sub(filled, text)


def render_all(value: Any, values: Mapping[str, Any]) -> Any:
    """Fill in every text of a value."""
    if isinstance(value, str):
        return render(value, values)
    if isinstance(value, dict):
        return {name: render_all(part, values) for name, part in value.items()}
    return [render_all(part, values) for part in value] if isinstance(value, list) else value


def resolve(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables without a line end at the end, and with references to each other filled in."""
    result = {name: value.removesuffix("\n") if isinstance(value, str) else value for name, value in values.items()}
    for _ in range(5):  # promptfoo's variables may refer to each other; circular references never resolve
        before = dict(result)
        for name, value in before.items():
            if isinstance(value, str) and "{{" in value:
                result[name] = render(value, before)
        if result == before:
            return result
    raise NotCarriedError("has variables that name each other in a circle")


def messages_of(body: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a prompt: a chat in JSON or YAML, else one message of the user.

    A chat is parsed before it is filled in, so that a quote in a variable does not end a text of the chat.
    """
    chat = _chat(body)
    if chat is not None:
        filled: list[dict[str, Any]] = render_all(chat, values)
        return filled
    text = render(body, values)
    return _chat(text) or [{"role": "user", "content": text}]


def as_text(value: object) -> str:
    """Write a value as JavaScript does inside a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ",".join(map(as_text, value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chat(text: str) -> list[dict[str, Any]] | None:
    bare = text.strip()
    try:
        loaded = json.loads(bare) if bare[:1] == "[" else parse_yaml(bare) if bare.startswith("- role:") else None
    except (yaml.YAMLError, ValueError, RecursionError):  # as in promptfoo, anything but a chat is a text
        return None
    if isinstance(loaded, list) and loaded and all(isinstance(one, dict) and "role" in one for one in loaded):
        return loaded
    return None


def _value(expression: str, values: Mapping[str, Any]) -> Any:
    path, *filters = (part.strip() for part in expression.split("|"))
    if not _PATH.fullmatch(path) or any(name not in _FILTERS for name in filters):
        raise NotCarriedError(f"has {{{{{expression}}}}}, which is more than a variable")
    value: Any = values
    for step in _STEP.findall(path):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            where = "env of the configuration" if path.startswith("env.") else "its vars"
            raise NotCarriedError(f"names {path}, which is not in {where}")
    for name in filters:
        value = _FILTERS[name](value)
    return value
