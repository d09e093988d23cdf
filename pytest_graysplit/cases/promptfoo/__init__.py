"""Conversion of promptfoo suites: prompts times tests, with the assertions that have a counterpart in a case."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.fields import build_case, fields_of
from pytest_graysplit.cases.promptfoo.assertions import collect
from pytest_graysplit.cases.promptfoo.collected import CollectedAssertions
from pytest_graysplit.cases.promptfoo.parameters import tool_names
from pytest_graysplit.cases.promptfoo.parts import COMMAND, CONFIG, EVALUATE
from pytest_graysplit.cases.promptfoo.prompts import sent_templates, templates_of
from pytest_graysplit.cases.promptfoo.providers import Providers, providers_of
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured
from pytest_graysplit.cases.promptfoo.suite import Suite, dereferenced
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

_SYNTAX = "a text with ? : # or { in it needs quotes, which mean the same to promptfoo"
# A file with none of these is not a suite.
_MAIN_PARTS = ("prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "redteam")


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The fields of every case, and lines about parts not converted (`missing`) and differences (`notes`)."""

    rows: tuple[dict[str, Json], ...]
    tests: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    providers: Providers


def is_suite(path: Path) -> bool:
    """Tell whether a file is a configuration, and not a log or an export of another tool."""
    try:
        config = read_structured(path)
    except NotCarriedError:
        return False
    return isinstance(config, dict) and any(name in config for name in _MAIN_PARTS)


def convert(path: Path) -> Converted:
    """Read a configuration and its files, and name every part that is not converted.

    A UsageError names file and place if the configuration itself cannot be read.
    """
    config = _config(path)
    try:
        filled, named = dereferenced(config)
        return _converted(Suite(path, filled), named)
    except RecursionError:
        hint = "a YAML anchor must not contain itself"
        raise UsageError(f"{path}: tests: is nested too deep", hint=hint, slug=Slug.PROMPTFOO_SHAPE) from None


def _converted(suite: Suite, referenced: set[str]) -> Converted:
    CONFIG.name_parts(suite, {name: part for name, part in suite.config.items() if name not in referenced}, "")
    repeats = _repeats(suite)
    given = providers_of(suite)
    templates = sent_templates(suite, templates_of(suite), given.prompts)
    named: list[tuple[str, dict[str, Any]]] = []
    notes: list[str] = []
    locations: set[str] = set()
    for test in tests_of(suite):
        locations.add(test.location)
        chosen = [one for one in templates if not test.labels or one.is_named(test.labels)]
        if test.labels and templates and not chosen:
            suite.miss(test.title, f"no prompt is called {listed(test.labels)}")
        for template in chosen:
            with suite.counting(test.title):
                named.append(_case(suite, test, template, notes, common=given.common, several=len(templates) > 1))
    return Converted(
        rows=tuple(_with_ids(named)),
        tests=len(locations),
        missing=tuple(dict.fromkeys(suite.missing)),
        notes=tuple(dict.fromkeys([*suite.notes(), *notes, *repeats])),
        providers=given.providers,
    )


def _config(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        hint = "name promptfooconfig.yaml; convert a configuration that is a program to YAML first"
        raise UsageError(f"{path}: not a promptfoo configuration", hint=hint, slug=Slug.PROMPTFOO_FILE)
    try:
        config = read_structured(path)
    except NotCarriedError as error:
        hint = _SYNTAX if path.suffix.lower() != ".json" else "look at quotes and commas there"
        hint = hint if path.exists() else "name promptfooconfig.yaml, or its folder"
        raise UsageError(str(error), hint=hint, slug=Slug.PROMPTFOO_FILE) from None
    if not isinstance(config, dict) or not any(name in config for name in _MAIN_PARTS):
        hint = "it is an object with prompts, providers and tests"
        raise UsageError(
            f"{path}: not a promptfoo configuration: it has neither prompts nor tests",
            hint=hint,
            slug=Slug.PROMPTFOO_SHAPE,
        )
    return {str(name): part for name, part in config.items()}


def _repeats(suite: Suite) -> list[str]:
    """Report the options of a run; return a line for tests that are repeated."""
    lines = []
    for name, place in (("evaluateOptions", EVALUATE), ("commandLineOptions", COMMAND)):
        with suite.counting(name):
            options = suite.table(suite.config.get(name))
            place.name_parts(suite, options, name)
            if options.get("repeat") not in (None, 1):
                lines.append(f"{name}.repeat: --graysplit-samples={options['repeat']} asks for as many answers")
    return lines


def _case(  # noqa: PLR0913  # the parts of one case
    suite: Suite,
    test: PromptfooTest,
    template: Template,
    notes: list[str],
    *,
    common: dict[str, Any],
    several: bool,
) -> tuple[str, dict[str, Any]]:
    values = _values(suite, test)
    body = f"{test.options.get('prefix') or ''}{template.body}{test.options.get('suffix') or ''}"
    fields: dict[str, Any] = fields_of(messages_of(body, values))
    params = render_all({**common, **template.params, **test.params}, values)
    if params:
        fields["params"] = params
    collected = CollectedAssertions(tools=tool_names(params))
    for assertion in test.assertions:
        with suite.counting(f"{assertion.location}: {assertion.fields['type']}"):
            _collect(suite, collected, assertion, values)
    notes += collected.notes
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


def _values(suite: Suite, test: PromptfooTest) -> dict[str, Any]:
    environment = suite.config.get("env")
    return resolve({**({"env": environment} if isinstance(environment, dict) else {}), **test.values})


def _collect(suite: Suite, collected: CollectedAssertions, assertion: Assertion, values: dict[str, Any]) -> None:
    fields = assertion.fields
    if fields.get("weight") == 0:
        raise NotCarriedError("has the weight 0, so it can never fail")
    if "transform" in fields:
        raise NotCarriedError("checks an answer after a program has transformed it")
    value = fields.get("value")
    loaded = suite.loaded(render_all(value, values) if isinstance(value, str) else value)
    collect(collected, fields["type"], render_all(loaded, values), fields.get("threshold"))


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
