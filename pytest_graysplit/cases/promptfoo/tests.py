"""The tests of a configuration, with files read, lists of vars expanded, and defaults applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.cases.promptfoo.assertions import is_known
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured, refuse_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.cases.promptfoo.suite import Suite
_EXPECTED = re.compile(r"__expected\d*")
_WRITTEN = re.compile(r"(?P<type>[a-z-]+)(?:\((?P<threshold>[\d.]+)\))?\s*(?::\s*(?P<value>.*))?", re.DOTALL)
_SHORT = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}


class Assertion(NamedTuple):
    """One assertion, and its place in the configuration."""

    location: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptfooTest:
    """One test with one set of variables; `own` are the variables that do not come from the defaults."""

    location: str
    description: str
    values: dict[str, Any]
    own: tuple[str, ...]
    assertions: tuple[Assertion, ...]
    options: dict[str, Any]
    labels: tuple[str, ...]


def tests_of(suite: Suite) -> Iterator[PromptfooTest]:
    """Yield every test with every set of its variables; without tests, yield one without variables."""
    default: dict[str, Any] = {}
    with suite.counting("defaultTest"):
        default = suite.table(suite.config.get("defaultTest"), "defaultTest")
    for location, test in _tests(suite, suite.config.get("tests") or [{}], "tests"):
        with suite.counting(f"{location}{_named(test)}"):
            yield from _expanded(suite, location, test, default)


def _tests(suite: Suite, entries: Any, location: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(entries, str):
        entries = [entries]
    if not isinstance(entries, list):
        raise suite.misshapen(location, "expected a list of tests, or a file://", "write - vars: {...} for each")
    for number, entry in enumerate(entries):
        at = f"{location}[{number}]"
        if isinstance(entry, str):
            with suite.counting(at):
                yield from _test_files(suite, entry, at)
        elif isinstance(entry, dict) and "path" in entry and "vars" not in entry:
            suite.missing.append(f"{at}: {entry['path']} generates tests, which is not run")
        else:
            yield at, suite.table(entry, at)


def _test_files(suite: Suite, entry: str, location: str) -> Iterator[tuple[str, dict[str, Any]]]:
    name = entry.removeprefix("file://")
    refuse_code(name)
    if "://" in name or name.startswith("huggingface:"):
        raise NotCarriedError(f"{entry} is not on this machine")
    for path in suite.files(name, location):
        rows = read_structured(path, f"{suite.path}: {location}")
        rows = [rows] if isinstance(rows, dict) else rows
        if not isinstance(rows, list):
            raise suite.misshapen(location, f"{path}: expected a list of tests", "write - vars: {...} for each")
        is_csv = path.suffix.lower() == ".csv"
        for number, row in enumerate(rows):
            at = f"{path.name}[{number}]"
            yield at, _test_of_row(row) if is_csv else suite.table(row, at)


def _expanded(suite: Suite, location: str, test: dict[str, Any], default: dict[str, Any]) -> Iterator[PromptfooTest]:
    own = _variables(suite, test, location)
    values = {**_variables(suite, default, "defaultTest"), **own}
    usual = suite.table(default.get("options"), "defaultTest.options")
    options = {**usual, **suite.table(test.get("options"), f"{location}.options")}
    if options.get("transformVars"):
        raise NotCarriedError("has its vars transformed by a program, which is not run")
    common = None if options.get("disableDefaultAsserts") else default.get("assert")
    assertions = [
        *_assertions(suite, common, "defaultTest"),
        *_assertions(suite, test.get("assert"), f"{location}{_named(test)}"),
    ]
    if "threshold" in {**default, **test}:
        suite.missing.append(f"{location}{_named(test)}: threshold lets some checks fail; here all must pass")
    spread = [] if options.get("disableVarExpansion") else _lists_in(values)
    for chosen in product(*(values[name] for name in spread)):
        yield PromptfooTest(
            location=location,
            description=str(test.get("description") or ""),
            values={**values, **dict(zip(spread, chosen, strict=True))},
            own=tuple(own),
            assertions=tuple(assertions),
            options=options,
            labels=_labels(test.get("prompts")),
        )


def _lists_in(values: dict[str, Any]) -> list[str]:
    return [name for name, value in values.items() if value and isinstance(value, list)]


def _labels(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value if isinstance(value, list) else [value])) if value else ()


def _variables(suite: Suite, test: dict[str, Any], location: str) -> dict[str, Any]:
    read = suite.table(suite.loaded(test.get("vars"), f"{location}.vars"), f"{location}.vars")
    return {name: suite.loaded(value, f"{location}.vars.{name}") for name, value in read.items()}


def _assertions(suite: Suite, entries: Any, location: str) -> Iterator[Assertion]:
    if entries is None:
        return
    if not isinstance(entries, list):
        raise suite.misshapen(f"{location}.assert", "expected a list", "write - type: contains, and its value")
    for number, entry in enumerate(entries):
        at = f"{location}.assert[{number}]"
        fields = suite.table(suite.referred(entry, at), at)
        if not isinstance(fields.get("type"), str):
            raise suite.misshapen(at, "no type", "write - type: contains, and its value")
        if fields["type"] != "assert-set":
            yield Assertion(at, fields)
        elif "threshold" in fields:
            suite.missing.append(f"{at}: assert-set with a threshold lets some checks fail; here all must pass")
        else:
            yield from _assertions(suite, fields.get("assert"), at)


def _named(test: dict[str, Any]) -> str:
    return f" ({test['description']})" if test.get("description") else ""


def _test_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the test in a row of CSV: `__expected: contains: x` is an assertion, `__description` its description."""
    texts = {name.strip(): value for name, value in row.items() if isinstance(value, str)}
    test: dict[str, Any] = {"vars": {name: value for name, value in texts.items() if not name.startswith("__")}}
    expected = [value.strip() for name, value in texts.items() if _EXPECTED.fullmatch(name) and value.strip()]
    test["assert"] = [_assertion_in(text) for text in expected]
    test["options"] = {name: texts[f"__{name}"] for name in ("prefix", "suffix") if texts.get(f"__{name}")}
    if texts.get("__description"):
        test["description"] = texts["__description"]
    if texts.get("__threshold"):
        test["threshold"] = texts["__threshold"]
    return test


def _assertion_in(text: str) -> dict[str, Any]:
    match = _WRITTEN.fullmatch(text)
    kind = _SHORT.get(match["type"], match["type"]) if match else ""
    if match is None or not is_known(kind):
        return {"type": "equals", "value": text}
    assertion: dict[str, Any] = {"type": kind}
    if match["value"]:
        assertion["value"] = match["value"].strip()
    if match["threshold"]:
        assertion["threshold"] = float(match["threshold"])
    return assertion
