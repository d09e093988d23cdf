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
_STEP = re.compile(r"(?<=[\"'])[^\"'\]]+(?=[\"'])|[\w$]+")
_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# The first name of a variable in a template, or of a block.
_ROOT = re.compile(r"\{\{\s*([A-Za-z_]\w*)[^{}\s|]*\s*(?:\|[^}]+)?\}\}|\{%\s*(?:if|for\s+\w+\s+in)\s+([A-Za-z_]\w*)")
_PARTIAL = re.compile(r"\{%[^%]*$|\{\{[^}]*$|\{#[^#]*$", re.MULTILINE)
_RAW = re.compile(r"\{%\s*raw\s*%\}.*\{%\s*endraw\s*%\}", re.DOTALL)
_ROUNDS = 5
# JavaScript writes such numbers with an exponent.
_FIRST_EXPONENT = 1e21
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
        return "" if match[1] is None else _shown(match[1].strip(), values)

    return _TAG.sub(filled, text)


def render_all(value: Any, values: Mapping[str, Any]) -> Any:
    """Fill in every text of a value."""
    if isinstance(value, str):
        return render(value, values)
    if isinstance(value, dict):
        return {name: render_all(part, values) for name, part in value.items()}
    return [render_all(part, values) for part in value] if isinstance(value, list) else value


def resolve(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables without a line end at the end, and with names of other variables filled in.

    As in promptfoo, only the first name in a text is looked at each time, five times at most.
    """
    result = {name: value.removesuffix("\n") if isinstance(value, str) else value for name, value in values.items()}
    for _ in range(_ROUNDS):
        texts = {name: value for name, value in result.items() if isinstance(value, str)}
        named = {name: match for name in texts if (match := _named_in(result[name], result))}
        if not named:
            return result
        for name in named:
            if match := _named_in(result[name], result):
                text = result[name]
                result[name] = f"{text[: match.start()]}{_shown(match[1], result)}{text[match.end() :]}"
    if any(match and match[1] in _names_behind(match[1], values) for match in map(_first_name, result.values())):
        raise NotCarriedError("has variables that name each other in a circle")
    return result


def _first_name(value: Any) -> re.Match[str] | None:
    return _NAME.search(value) if isinstance(value, str) else None


def _named_in(value: Any, values: Mapping[str, Any]) -> re.Match[str] | None:
    """Return the first name in a text, if it is that of a variable."""
    match = _first_name(value)
    return match if match and match[1] in values else None


def _names_behind(name: str, values: Mapping[str, Any]) -> set[str]:
    """Return the names of variables that a variable is made of."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        value = values.get(waiting.pop())
        new = {match[1] for match in _NAME.finditer(value)} - found if isinstance(value, str) else set()
        found |= new
        waiting += new
    return found


def _rendered(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables with the templates in them filled in, except those that name an unknown variable."""
    return {
        name: _whole(value, values) if isinstance(value, str) and not _names_unknown(value, values) else value
        for name, value in values.items()
    }


def _whole(text: str, values: Mapping[str, Any]) -> str:
    """Fill in a text, unless a tag of it does not end on its line: then promptfoo takes all of it as it is."""
    return text if _PARTIAL.search(text) and not _RAW.search(text) else render(text, values)


def _names_unknown(text: str, values: Mapping[str, Any]) -> bool:
    roots = (match[1] or match[2] for match in _ROOT.finditer(text))
    return any(root != "env" and root not in values for root in roots)


def messages_of(body: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a prompt: a chat in JSON or YAML, else one message of the user.

    JSON is parsed before it is filled in, so that a quote in a variable does not end a text of it.
    """
    chat = _chat(body)
    if chat is not None:
        filled: list[dict[str, Any]] = render_all(chat, values)
        return filled
    parsed = _json(body)
    text = _whole(body, _rendered(values)) if parsed is None else _pretty(render_all(parsed, values))
    return _chat(text) or [{"role": "user", "content": text}]


def _json(body: str) -> Any:
    try:
        parsed = json.loads(body) if body.lstrip()[:1] in ("{", "[", '"') else None
    except (ValueError, RecursionError):
        return None
    return parsed


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def as_text(value: object) -> str:
    """Write a value as JavaScript does inside a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _FIRST_EXPONENT:
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


def _shown(expression: str, values: Mapping[str, Any]) -> str:
    value = _value(expression, values)
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value)):
        raise NotCarriedError(f"writes {{{{{expression}}}}} as [object Object]: say {{{{{expression} | dump}}}}")
    return as_text(value)


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
