"""The prompts of a configuration: texts, chats, and files with one or many."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from pytest_graysplit.cases.promptfoo.parameters import take_params
from pytest_graysplit.cases.promptfoo.parts import PROMPT
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, parse_yaml, read_text, refuse_code
from pytest_graysplit.formatting.display import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_graysplit.cases.promptfoo.suite import Suite

# promptfoo reads such a text as a file name, even without file://.
_FILE = re.compile(
    r"[^\s{}\[\]]+\.(?:yaml|yml|json|jsonl|csv|txt|md|j2|[cm]?[jt]sx?|py|rb|sh|bash|bat|cmd|exe|pl|ps1)(?::[\w.]+)?"
    r"|[^\s{}\[\]]*[*/][^\s{}\[\]]*\*[^\s{}\[\]]*"
)
_ELSEWHERE = ("exec:", "langfuse://", "portkey://", "helicone://", "az://", "package:")
# The prompt of a configuration that names none.
_DEFAULT = "{{prompt}}"


class Template(NamedTuple):
    """One prompt before it is filled in; `names` are its names in tests and providers."""

    label: str
    body: str
    names: tuple[str, ...]
    params: dict[str, Any]

    def is_named(self, names: Sequence[str]) -> bool:
        """Tell whether a list of labels means this prompt: by a name, or by the start of one before a colon."""
        own = [*self.names, self.label, self.body]
        return any(
            one in own or any(name.startswith(f"{one.removesuffix('*').removesuffix(':')}:") for name in own)
            for one in names
        )


def templates_of(suite: Suite) -> list[Template]:
    """Return every prompt that a model of the suite gets; report prompts that not all of them get."""
    entries = suite.config.get("prompts")
    if entries is None:
        entries = [_DEFAULT]
    if isinstance(entries, dict):  # the older form: file to label
        entries = [{"id": name, "label": label} for name, label in entries.items()]
    if not isinstance(entries, list):
        entries = [entries]
    found: list[Template] = []
    for number, entry in enumerate(entries):
        with suite.counting(f"prompts[{number}]"):
            found += _prompt(suite, entry, f"prompts[{number}]")
    return found


def sent_templates(suite: Suite, templates: list[Template], chosen: Sequence[tuple[str, ...]]) -> list[Template]:
    """Leave out the prompts that no provider names; `chosen` has the prompts that each provider names, if it does."""
    if not any(chosen):
        return templates
    kept = [one for one in templates if any(not names or one.is_named(names) for names in chosen)]
    unsent = [one.names[0] for one in templates if one not in kept]
    if unsent:
        suite.note(f"prompts ({listed(unsent)})", "prompts", "no provider gets this prompt")
    for number, names in enumerate(chosen):
        if names and not all(one.is_named(names) for one in kept):
            suite.miss(
                f"providers[{number}].prompts",
                f"gives only {listed(names)} to this model; here every case is sent to both models",
            )
    return kept


def _prompt(suite: Suite, entry: Any, location: str) -> list[Template]:
    label, body, params = "", entry, {}
    names: tuple[str, ...] = ()
    if isinstance(entry, dict):
        PROMPT.name_parts(suite, {str(name): part for name, part in entry.items()}, location)
        label, body = str(entry.get("label") or entry.get("display") or ""), entry.get("raw") or entry.get("id")
        names = tuple(str(one) for one in (entry.get("label"), entry.get("id")) if one)
        params = _config_of(suite, entry.get("config"), f"{location}.config")
    if isinstance(body, dict | list) and body:
        # A chat that is written as YAML in its place.
        body = json.dumps(body, ensure_ascii=False)
    if not isinstance(body, str) or not body.strip():
        raise NotCarriedError("expected a text, or an object with raw or id")
    if body.startswith(_ELSEWHERE):
        raise NotCarriedError(f"{body.split(maxsplit=1)[0]} is not a prompt in a file here")
    if not body.startswith("file://") and not _FILE.fullmatch(body):
        return [Template(label, body, (*names, body), params)]
    refuse_code(body)
    found = [one for path in suite.files(body) for one in _found_in(path)]
    if not found:
        raise NotCarriedError(f"{body} has no prompt")
    names = (*names, body, body.removeprefix("file://"))
    return [_named(label, names, params, one) for one in found]


def _config_of(suite: Suite, config: Any, location: str) -> dict[str, Any]:
    params, rest = take_params(suite, suite.table(config), location)
    for name in rest:
        suite.miss(f"{location}.{name}", "has no counterpart")
    return params


class _Found(NamedTuple):
    """One prompt of a file: its number if the file has several, its own label, and its text."""

    path: Path
    number: int
    label: str
    body: str


def _found_in(path: Path) -> list[_Found]:
    bodies = _bodies(path)
    several = len(bodies) > 1
    return [_Found(path, number if several else 0, label, body) for number, (label, body) in enumerate(bodies, 1)]


def _named(label: str, names: tuple[str, ...], params: dict[str, Any], one: _Found) -> Template:
    stem = label or one.path.stem
    tag = one.label or (f"{stem}-{one.number}" if one.number else stem)
    return Template(tag, one.body, (*names, tag, one.path.stem), params)


def _bodies(path: Path) -> list[tuple[str, str]]:
    """Return the prompts of a file, each with its own label, if it has one."""
    refuse_code(path.name)
    ending = path.suffix.lower()
    text = read_text(path)
    if ending == ".csv":
        return _csv_prompts(text)
    parts = [text]
    if ending == ".txt":
        parts = re.split(r"^[ \t]*---[ \t]*$", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    elif ending == ".jsonl":
        parts = re.split(r"\r?\n", text)
    bodies = [part.strip() if ending == ".txt" else part for part in parts if part.strip()]
    if ending in (".yaml", ".yml") and bodies:
        bodies = [_yaml_chat(text)]
    return [("", body) for body in bodies]


def _csv_prompts(text: str) -> list[tuple[str, str]]:
    """Return the column `prompt`, or each line of a file that has no comma."""
    if "," not in text:
        lines = [line for line in text.splitlines() if line.strip()]
        return [("", line) for line in lines[lines[:1] != [] and lines[0].strip().lower() == "prompt" :]]
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    found = []
    try:
        for row in rows:
            cells = {str(name).strip(): value.strip() for name, value in row.items() if isinstance(value, str)}
            found.append((cells.get("label", ""), cells.get("prompt", "")))
    except csv.Error as error:
        raise NotCarriedError(f"not valid CSV: {error}") from None
    return [(label, body) for label, body in found if body]


def _yaml_chat(text: str) -> str:
    """Return YAML as JSON, which is recognised as a chat wherever its comments and its first role are."""
    try:
        loaded = parse_yaml(text)
    except yaml.YAMLError:  # a template may become YAML only after its variables are filled in
        return text
    return json.dumps(loaded, ensure_ascii=False)
