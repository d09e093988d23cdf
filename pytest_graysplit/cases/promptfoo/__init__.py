"""Suites of promptfoo as cases: prompts times tests, with the assertions that mean the same here."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.fields import build_case, fields_of
from pytest_graysplit.cases.promptfoo.assertions import CollectedAssertions, take
from pytest_graysplit.cases.promptfoo.prompts import templates_of
from pytest_graysplit.cases.promptfoo.providers import Providers, providers_of
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured
from pytest_graysplit.cases.promptfoo.suite import Suite
from pytest_graysplit.cases.promptfoo.templates import messages_of, render_all, settled, shown
from pytest_graysplit.cases.promptfoo.tests import tests_of
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_graysplit.cases.promptfoo.prompts import Template
    from pytest_graysplit.cases.promptfoo.tests import Assertion, PromptfooTest
    from pytest_graysplit.types import Json

_IGNORED_PARTS = ("scenarios", "redteam", "nunjucksFilters", "extensions", "derivedMetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The fields of every case; what was not carried over, and where both tools differ, as lines to tell."""

    rows: tuple[dict[str, Json], ...]
    tests: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    providers: Providers


def convert(path: Path) -> Converted:
    """Read a configuration and what it names; raise UsageError for what cannot be read, naming file and place."""
    suite = Suite(path, _config(path))
    try:
        return _converted(suite)
    except RecursionError:
        hint = "an anchor of YAML must not hold itself"
        raise suite.misshapen("tests", "is nested too deep", hint) from None


def _converted(suite: Suite) -> Converted:
    for name in _IGNORED_PARTS:
        if suite.config.get(name):
            suite.missing.append(f"{name}: has no counterpart")
    templates = templates_of(suite)
    named: list[tuple[str, dict[str, Any]]] = []
    notes: list[str] = []
    places: set[str] = set()
    for trial in tests_of(suite):
        places.add(trial.place)
        told = trial.place + (f" ({trial.description})" if trial.description else "")
        asking = [one for one in templates if not trial.labels or {one.label, one.body} & {*trial.labels}]
        if trial.labels and not asking:
            suite.missing.append(f"{told}: no prompt is called {listed(trial.labels)}")
        for template in asking:
            with suite.counting(told):
                named.append(_case(suite, trial, template, notes, several=len(templates) > 1))
    return Converted(
        rows=tuple(_with_ids(named)),
        tests=len(places),
        missing=tuple(dict.fromkeys(suite.missing)),
        notes=tuple(dict.fromkeys(notes)),
        providers=providers_of(suite.config),
    )


def _config(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        hint = "name promptfooconfig.yaml; a configuration that is a program has to be written out as YAML first"
        raise UsageError(f"{path}: not a configuration of promptfoo's", hint=hint, slug=Slug.PROMPTFOO_FILE)
    config = read_structured(path, "")
    if not isinstance(config, dict) or "prompts" not in config:
        hint = "it is an object with prompts, and usually providers and tests"
        raise UsageError(f"{path}: no configuration of promptfoo's: no prompts", hint=hint, slug=Slug.PROMPTFOO_SHAPE)
    return config


def _case(
    suite: Suite, trial: PromptfooTest, template: Template, notes: list[str], *, several: bool
) -> tuple[str, dict[str, Any]]:
    values = settled(trial.values)
    body = f"{trial.options.get('prefix') or ''}{template.body}{trial.options.get('suffix') or ''}"
    messages = messages_of(body, values)
    asked = CollectedAssertions()
    for assertion in trial.assertions:
        with suite.counting(f"{assertion.place}: {assertion.fields['type']}"):
            _take(suite, asked, assertion, trial, values)
    notes += asked.notes
    fields: dict[str, Any] = fields_of(messages)
    fields |= asked.fields()
    name = _readable(trial.description or " ".join(shown(values[name]) for name in trial.own)[:400])
    if several:
        if template.label:
            fields["tags"] = template.label
        # Two prompts with one input are no independent evidence.
        fields["cluster"] = f"{name or 'case'}-{_digest(values)}"
    try:
        build_case(fields, where="")
    except UsageError as error:
        raise NotCarriedError(f"makes no case: {error.problem.removeprefix(': ')}") from None
    return "-".join(filter(None, (name, _readable(template.label) if several else ""))), fields


def _take(
    suite: Suite, asked: CollectedAssertions, assertion: Assertion, trial: PromptfooTest, values: dict[str, Any]
) -> None:
    fields = assertion.fields
    if fields.get("weight") == 0:
        raise NotCarriedError("has the weight 0 and can fail nothing")
    transformed = [trial.options.get(name) for name in ("transform", "postprocess")]
    if any(transformed) or "transform" in fields:
        raise NotCarriedError("looks at an answer that a program has transformed")
    value = suite.loaded(fields.get("value"), f"{assertion.place}.value")
    take(asked, fields["type"], render_all(value, values), fields.get("threshold"))


def _with_ids(named: list[tuple[str, dict[str, Any]]]) -> Iterator[dict[str, Json]]:
    names = [name for name, _ in named]
    taken: set[str] = set()
    for name, fields in named:
        # Not a number: it would shift with every test above, and recordings are found by id.
        unique = name if name and names.count(name) == 1 else f"{name or 'case'}-{_digest(fields)}"
        number, candidate = 1, unique
        while candidate in taken:
            number += 1
            candidate = f"{unique}-{number}"
        taken.add(candidate)
        yield {"id": candidate, **fields}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:6]


def _readable(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:7])[:48].strip("-")
