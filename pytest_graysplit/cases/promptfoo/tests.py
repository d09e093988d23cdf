"""The tests of a configuration, with files read, lists of vars expanded, and defaults applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.cases.promptfoo.csv_tests import test_of_row
from pytest_graysplit.cases.promptfoo.parameters import take_params
from pytest_graysplit.cases.promptfoo.parts import ASSERTION, ASSERTION_SET, OPTIONS, SCENARIO, TEST
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_csv, read_structured, refuse_code
from pytest_graysplit.cases.promptfoo.variables import combinations, variables_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_graysplit.cases.promptfoo.suite import Suite

_TRANSFORMS = ("transform", "postprocess")
# The checks that are not about the answer.
_ABOUT_THE_CALL = ("latency", "cost")
# White space around an answer is ignored anyway.
_HARMLESS = (None, "", "output", "output.trim()")


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
    params: dict[str, Any]
    labels: tuple[str, ...]

    @property
    def title(self) -> str:
        """The place of the test, with its description."""
        return self.location + (f" ({self.description})" if self.description else "")


class _Default(NamedTuple):
    """The default test, read once for all tests."""

    values: dict[str, Any]
    assertions: tuple[Assertion, ...]
    options: dict[str, Any]
    params: dict[str, Any]
    labels: tuple[str, ...]


def tests_of(suite: Suite) -> Iterator[PromptfooTest]:
    """Yield every test with every set of its variables; without tests, yield one without variables."""
    default = _default(suite)
    for location, test in _all_tests(suite):
        with suite.counting(f"{location}{_named(test)}"):
            yield from _expanded(suite, location, test, default)


def _default(suite: Suite) -> _Default:
    table: dict[str, Any] = {}
    values: dict[str, Any] = {}
    with suite.counting("defaultTest"):
        table = suite.table(suite.config.get("defaultTest"))
    TEST.name_parts(suite, table, "defaultTest")
    with suite.counting("defaultTest.vars"):
        values = variables_of(suite, table.get("vars"))
    options, params = _options(suite, table, "defaultTest")
    assertions = tuple(_assertions(suite, table.get("assert"), "defaultTest"))
    return _Default(values, assertions, options, params, _labels(table.get("prompts")))


def _all_tests(suite: Suite) -> Iterator[tuple[str, dict[str, Any]]]:
    entries, scenarios = suite.config.get("tests"), suite.config.get("scenarios")
    if not entries and not scenarios:
        entries = [{}]
    if entries:
        yield from _tests(suite, entries, "tests")
    if scenarios:
        yield from _scenarios(suite, scenarios)


def _tests(suite: Suite, entries: Any, location: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(entries, str) or (isinstance(entries, dict) and "path" in entries):
        entries = [entries]
    if not isinstance(entries, list):
        suite.miss(location, "expected a list of tests, or a file://")
        return
    for number, entry in enumerate(entries):
        at = f"{location}[{number}]"
        with suite.counting(at):
            if isinstance(entry, str):
                yield from _test_files(suite, entry, at)
            elif isinstance(entry, dict) and "path" in entry and "vars" not in entry:
                raise NotCarriedError(f"{entry['path']} generates tests, which is not run")
            else:
                yield at, suite.table(entry)


def _test_files(suite: Suite, entry: str, location: str) -> Iterator[tuple[str, dict[str, Any]]]:
    refuse_code(entry.removeprefix("file://"))
    for path in suite.files(entry):
        with suite.counting(location):
            yield from _tests_in(suite, path)


def _tests_in(suite: Suite, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    refuse_code(path.name)
    ending = path.suffix.lower()
    if ending == ".csv":
        for number, row in enumerate(read_csv(path)):
            yield f"{path.name}[{number}]", test_of_row(suite, row, f"{path.name}[{number}]")
        return
    if ending not in (".yaml", ".yml", ".json", ".jsonl"):
        raise NotCarriedError(f"{path} is of a kind that is not read here: save it as CSV, YAML or JSON")
    rows = read_structured(path)
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list):
        raise NotCarriedError(f"{path}: expected a list of tests")
    for number, row in enumerate(rows):
        at = f"{path.name}[{number}]"
        with suite.counting(at):
            yield at, _with_folder(suite, suite.table(row), path)


def _with_folder(suite: Suite, test: dict[str, Any], path: Path) -> dict[str, Any]:
    """Name files of variables from the folder of the configuration, and no longer from that of the file of the test."""
    names = test.get("vars")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return test
    folder = path.parent.relative_to(suite.path.parent) if path.is_relative_to(suite.path.parent) else path.parent
    return test | {"vars": [str(folder / name.removeprefix("file://")) for name in names]}


def _scenarios(suite: Suite, entries: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each test of a scenario with each set of its data."""
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        at = f"scenarios[{number}]"
        with suite.counting(at):
            loaded = suite.loaded(entry)
            for scenario in loaded if isinstance(loaded, list) else [loaded]:
                yield from _scenario(suite, suite.table(scenario), at)


def _scenario(suite: Suite, scenario: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    SCENARIO.name_parts(suite, scenario, at)
    data = suite.loaded(scenario.get("config"))
    tests = list(_tests(suite, scenario.get("tests") or [{}], f"{at}.tests"))
    for number, one in enumerate(data if isinstance(data, list) else [data]):
        place = f"{at}.config[{number}]"
        with suite.counting(place):
            base = suite.table(one)
            if base.get("options"):
                suite.miss(f"{place}.options", "is read in the tests of a scenario only")
            values = variables_of(suite, base.get("vars"))
            for location, test in tests:
                yield f"{location} with {place}", _joined(suite, base, values, test)


def _joined(suite: Suite, base: dict[str, Any], values: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    """Return a test of a scenario with the variables and the checks of its data."""
    checks = [part for part in (base.get("assert"), test.get("assert")) if isinstance(part, list)]
    other = {name: value for name, value in base.items() if name not in ("options", "assert")}
    joined = {**other, **test, "vars": values | variables_of(suite, test.get("vars"))}
    return joined | ({"assert": [*checks[0], *checks[-1]] if len(checks) == 2 else checks[0]} if checks else {})


def _expanded(suite: Suite, location: str, test: dict[str, Any], default: _Default) -> Iterator[PromptfooTest]:
    title = f"{location}{_named(test)}"
    if test.get("providerOutput"):
        raise NotCarriedError(f"providerOutput {TEST.missing['providerOutput']}")
    TEST.name_parts(suite, test, title)
    own = variables_of(suite, test.get("vars"))
    if isinstance(own.get("assert"), list):
        suite.miss(f"{title}.vars.assert", "stands below vars, so that it is a variable and checks nothing")
    own_options, own_params = _options(suite, test, title)
    # As in promptfoo, an empty prefix does not replace that of the defaults.
    options = {**default.options, **{name: value for name, value in own_options.items() if value not in ("", None)}}
    if options.get("transformVars"):
        raise NotCarriedError("has its vars transformed by a program, which is not run")
    common = () if options.get("disableDefaultAsserts") else default.assertions
    assertions = (*common, *_assertions(suite, test.get("assert"), title))
    is_changed = any(options.get(name) for name in _TRANSFORMS)
    for values in combinations(suite, {**default.values, **own}, spread=not options.get("disableVarExpansion")):
        yield PromptfooTest(
            location=location,
            description=str(test.get("description") or ""),
            values=values,
            own=tuple(own),
            assertions=tuple(one for one in assertions if not is_changed or one.fields["type"] in _ABOUT_THE_CALL),
            options=options,
            params={**default.params, **own_params},
            labels=_labels(test.get("prompts")) or default.labels,
        )


def _options(suite: Suite, test: dict[str, Any], location: str) -> tuple[dict[str, Any], dict[str, Any]]:
    options: dict[str, Any] = {}
    with suite.counting(f"{location}.options"):
        options = suite.table(test.get("options"))
    params, rest = take_params(suite, options, f"{location}.options")
    OPTIONS.name_parts(suite, rest, f"{location}.options")
    for name in _TRANSFORMS:
        if options.get(name) in _HARMLESS:
            rest.pop(name, None)
        else:
            suite.miss(
                f"{location}.options.{name}",
                "is a program that changes the answer: the checks of the answer are left out",
            )
    return rest, params


def _labels(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value if isinstance(value, list) else [value])) if value else ()


def _assertions(suite: Suite, entries: Any, location: str) -> Iterator[Assertion]:
    """Yield the assertions, those of a set one by one."""
    at = f"{location}.assert"
    with suite.counting(at):
        entries = suite.loaded(entries)
        if entries is not None and not isinstance(entries, list):
            raise NotCarriedError(f"expected a list, got {str(entries)[:60]!r}")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        with suite.counting(f"{at}[{number}]"):
            loaded = suite.loaded(entry)
            for one in loaded if isinstance(loaded, list) else [loaded]:
                yield from _assertion(suite, suite.table(one), f"{at}[{number}]")


def _assertion(suite: Suite, fields: dict[str, Any], at: str) -> Iterator[Assertion]:
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise NotCarriedError(f"$ref: {fields['$ref']!r} is not found" if "$ref" in fields else "no type")
    if kind != "assert-set":
        ASSERTION.name_parts(suite, fields, at)
        yield Assertion(at, fields)
        return
    ASSERTION_SET.name_parts(suite, fields, at)
    if fields.get("threshold") is not None:
        raise NotCarriedError("assert-set with a threshold lets some checks fail; here all must pass")
    yield from _assertions(suite, fields.get("assert"), at)


def _named(test: dict[str, Any]) -> str:
    return f" ({test['description']})" if test.get("description") else ""
