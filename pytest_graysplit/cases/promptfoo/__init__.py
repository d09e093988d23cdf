"""Conversion of promptfoo suites: prompts times tests, with the assertions that have a counterpart in a case."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.fields import build_case, fields_of
from pytest_graysplit.cases.promptfoo.assertions import CollectedAssertions, collect
from pytest_graysplit.cases.promptfoo.prompts import templates_of
from pytest_graysplit.cases.promptfoo.providers import Providers, providers_of
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured
from pytest_graysplit.cases.promptfoo.suite import Suite
from pytest_graysplit.cases.promptfoo.templates import as_text, messages_of, render_all, resolve
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
    """The fields of every case, and lines about parts not converted (`missing`) and differences (`notes`)."""

    rows: tuple[dict[str, Json], ...]
    tests: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    providers: Providers


def convert(path: Path) -> Converted:
    """Read a configuration and its files; raise UsageError that names file and place if one cannot be read."""
    suite = Suite(path, _config(path))
    try:
        return _converted(suite)
    except RecursionError:
        hint = "a YAML anchor must not contain itself"
        raise suite.misshapen("tests", "is nested too deep", hint) from None


def _converted(suite: Suite) -> Converted:
    for name in _IGNORED_PARTS:
        if suite.config.get(name):
            suite.missing.append(f"{name}: has no counterpart")
    templates = templates_of(suite)
    named: list[tuple[str, dict[str, Any]]] = []
    notes: list[str] = []
    locations: set[str] = set()
    for test in tests_of(suite):
        locations.add(test.location)
        title = test.location + (f" ({test.description})" if test.description else "")
        chosen = [one for one in templates if not test.labels or {one.label, one.body} & {*test.labels}]
        if test.labels and not chosen:
            suite.missing.append(f"{title}: no prompt is called {listed(test.labels)}")
        for template in chosen:
            with suite.counting(title):
                named.append(_case(suite, test, template, notes, several=len(templates) > 1))
    return Converted(
        rows=tuple(_with_ids(named)),
        tests=len(locations),
        missing=tuple(dict.fromkeys(suite.missing)),
        notes=tuple(dict.fromkeys(notes)),
        providers=providers_of(suite.config),
    )


def _config(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        hint = "name promptfooconfig.yaml; convert a configuration that is a program to YAML first"
        raise UsageError(f"{path}: not a promptfoo configuration", hint=hint, slug=Slug.PROMPTFOO_FILE)
    config = read_structured(path, "")
    if not isinstance(config, dict) or "prompts" not in config:
        hint = "it is an object with prompts, and usually providers and tests"
        raise UsageError(
            f"{path}: not a promptfoo configuration: it has no prompts", hint=hint, slug=Slug.PROMPTFOO_SHAPE
        )
    return config


def _case(
    suite: Suite, test: PromptfooTest, template: Template, notes: list[str], *, several: bool
) -> tuple[str, dict[str, Any]]:
    values = resolve(test.values)
    body = f"{test.options.get('prefix') or ''}{template.body}{test.options.get('suffix') or ''}"
    messages = messages_of(body, values)
    collected = CollectedAssertions()
    for assertion in test.assertions:
        with suite.counting(f"{assertion.location}: {assertion.fields['type']}"):
            _collect(suite, collected, assertion, test, values)
    notes += collected.notes
    fields: dict[str, Any] = fields_of(messages)
    fields |= collected.fields()
    name = _readable(test.description or " ".join(as_text(values[name]) for name in test.own)[:400])
    if several:
        if template.label:
            fields["tags"] = template.label
        # Two prompts with one input are not independent evidence.
        fields["cluster"] = f"{name or 'case'}-{_digest(values)}"
    try:
        build_case(fields, where="")
    except UsageError as error:
        raise NotCarriedError(f"cannot become a case: {error.problem.removeprefix(': ')}") from None
    return "-".join(filter(None, (name, _readable(template.label) if several else ""))), fields


def _collect(
    suite: Suite, collected: CollectedAssertions, assertion: Assertion, test: PromptfooTest, values: dict[str, Any]
) -> None:
    fields = assertion.fields
    if fields.get("weight") == 0:
        raise NotCarriedError("has the weight 0, so it can never fail")
    transformed = [test.options.get(name) for name in ("transform", "postprocess")]
    if any(transformed) or "transform" in fields:
        raise NotCarriedError("checks an answer after a program has transformed it")
    value = suite.loaded(fields.get("value"), f"{assertion.location}.value")
    collect(collected, fields["type"], render_all(value, values), fields.get("threshold"))


def _with_ids(named: list[tuple[str, dict[str, Any]]]) -> Iterator[dict[str, Json]]:
    names = [name for name, _ in named]
    taken: set[str] = set()
    for name, fields in named:
        # Not a number, which would change with every test inserted above: recordings are found by id.
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
