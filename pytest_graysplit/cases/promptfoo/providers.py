"""The models of a configuration, and the parameters that it sends to all of them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_KINDS = re.compile(r"^(?:[a-z-]+:)?(?:chat|completion|messages|responses|text):|^[a-z-]+:")
_PARAMS = ("temperature", "max_tokens", "max_completion_tokens", "top_p", "seed")


class Providers(NamedTuple):
    """Names of models, `name=value` of the parameters that all get, and names of the parameters that differ."""

    models: tuple[str, ...]
    params: tuple[str, ...]
    apart: tuple[str, ...]


def providers_of(config: dict[str, Any]) -> Providers:
    """Read the providers that are models, and leave out programs and addresses."""
    entries = config.get("providers") or config.get("targets") or []
    models: dict[str, None] = {}
    sent: list[dict[str, Any]] = []
    for entry in entries if isinstance(entries, list) else [entries]:
        name, settings = _read(entry)
        if name and "://" not in name and not name.startswith(("exec:", "python:", "file:", "http")):
            models[_KINDS.sub("", name)] = None
            sent.append(settings)
    named = [name for name in _PARAMS if any(name in one for one in sent)]
    common = [name for name in named if all(one.get(name) == sent[0].get(name) for one in sent)]
    apart = [name for name in named if name not in common]
    return Providers(tuple(models), tuple(f"{name}={sent[0][name]}" for name in common), tuple(apart))


def _read(entry: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if not isinstance(entry, dict):
        return "", {}
    name: Any = entry.get("id")
    if name is None and len(entry) == 1:  # {"openai:gpt-4o": {"config": ...}}
        [(name, entry)] = entry.items()
    settings = entry.get("config") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else "", settings if isinstance(settings, dict) else {}
