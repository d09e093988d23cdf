"""The prompts of a configuration: texts, chats, and files with one or many."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from pytest_graysplit.cases.promptfoo.sources import parse_yaml, read_structured, read_text, refuse_code

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_graysplit.cases.promptfoo.suite import Suite

# promptfoo reads such a text as a file name, even without file://.
_FILE = re.compile(r"[^\s{}\[\]]+\.(?:yaml|yml|json|jsonl|csv|txt|md|j2|[cm]?js|ts|py)(?::[\w.]+)?")


class Template(NamedTuple):
    """One prompt before it is filled in."""

    label: str
    body: str


def templates_of(suite: Suite) -> list[Template]:
    """Return every prompt."""
    entries = suite.config.get("prompts")
    if isinstance(entries, dict):  # the older form: file to label
        entries = [{"id": name, "label": label} for name, label in entries.items()]
    if isinstance(entries, str):
        entries = [entries]
    if not isinstance(entries, list) or not entries:
        hint = "write prompts: [...], each a text or file://"
        raise suite.misshapen("prompts", "expected a prompt or a list of them", hint)
    found: list[Template] = []
    for number, entry in enumerate(entries):
        with suite.counting(f"prompts[{number}]"):
            found += _prompt(suite, entry, f"prompts[{number}]")
    return found


def _prompt(suite: Suite, entry: Any, location: str) -> list[Template]:
    label, body = "", entry
    if isinstance(entry, dict):
        label, body = str(entry.get("label") or ""), entry.get("raw") or entry.get("id")
    if not isinstance(body, str) or not body.strip():
        raise suite.misshapen(location, "expected a text, or an object with raw or id", "write the prompt in quotes")
    if not body.startswith("file://") and not _FILE.fullmatch(body):
        return [Template(label, body)]
    refuse_code(body)
    return [template for path in suite.files(body, location) for template in _file(suite, path, label, location)]


def _file(suite: Suite, path: Path, label: str, location: str) -> list[Template]:
    refuse_code(path.name)
    source = f"{suite.path}: {location}"
    if path.suffix.lower() == ".csv":
        rows = read_structured(path, source)
        return [
            Template(row.get("label") or f"{path.stem}-{n}", row.get("prompt") or "") for n, row in enumerate(rows, 1)
        ]
    text = read_text(path, source)
    parts = [text]
    if path.suffix.lower() == ".txt":
        parts = re.split(r"^---[ \t]*$", text, flags=re.MULTILINE)
    elif path.suffix.lower() == ".jsonl":
        parts = text.split("\n")
    bodies = [part.strip() for part in parts if part.strip()]
    if path.suffix.lower() in (".yaml", ".yml"):
        bodies = [_yaml_chat(body) for body in bodies]
    named = label or path.stem
    return [Template(named if len(bodies) == 1 else f"{named}-{n}", body) for n, body in enumerate(bodies, 1)]


def _yaml_chat(text: str) -> str:
    """Return a YAML chat as JSON, which is recognised as a chat wherever its comments and its first role are."""
    try:
        loaded = parse_yaml(text)
    except yaml.YAMLError:  # a template may become YAML only after its variables are filled in
        return text
    is_chat = isinstance(loaded, list) and all(isinstance(one, dict) and "role" in one for one in loaded)
    return json.dumps(loaded, ensure_ascii=False) if is_chat else text
