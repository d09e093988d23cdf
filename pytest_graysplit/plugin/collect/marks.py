"""The marker: one Case per item from `@pytest.mark.graysplit(...)` and parametrization."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.attachments import Attachments
from pytest_graysplit.cases.field_types import FieldLocation, read_switch, read_texts
from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.collect.app_arms import APP_FIXTURE, app_arms, asks_for_app
from pytest_graysplit.plugin.collect.arm_params import (
    ARM_PARAM,
    ArmParam,
    calls_of,
    case_id_of,
    is_indirect,
    note_ids,
    params_of,
)
from pytest_graysplit.types import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pytest

    from pytest_graysplit.config.settings import Settings

MARKER = "graysplit"
ASSERTS = "asserts"
SWAP = "swap"
KNOWN_NAMES = (*MARKER_FIELDS, "cases", ASSERTS, SWAP)
PROMPT_ARGUMENTS = ("prompt", "messages", "case")
CASE_PARAM = "_graysplit_case"
OUR_FIXTURES = ("graysplit", "graysplit_reply", APP_FIXTURE)


def is_marked(node: Any) -> bool:
    """Tell whether a node has our marker; keywords also contain file names, so they alone do not suffice."""
    return MARKER in node.keywords and node.get_closest_marker(MARKER) is not None


def marks_of(node: Any) -> tuple[pytest.Mark, ...]:
    """Return our markers on a node, the nearest first."""
    return tuple(node.iter_markers(MARKER))


def marker_fields(node: pytest.Item | Any, where: str) -> dict[str, object]:
    """Merge all our markers on a node, the nearest winning field by field; raise UsageError for positional values."""
    fields: dict[str, object] = {}
    for mark in reversed(marks_of(node)):
        if mark.args:
            raise UsageError(
                f"{where}: @pytest.mark.graysplit takes names only, got {mark.args[0]!r}",
                hint="write @pytest.mark.graysplit(prompt=...) or another of: " + ", ".join(KNOWN_NAMES),
                slug=Slug.MARKER_POSITIONAL,
            )
        fields.update(mark.kwargs)
    return fields


def asserts_of(fields: dict[str, object], where: str) -> bool | None:
    """Remove `asserts` from the fields and return it: whether the body asserts something, None if it is not set."""
    asserts = fields.pop(ASSERTS, None)
    return None if asserts is None else read_switch(FieldLocation(where, ASSERTS), asserts)


def _swap_of(fields: dict[str, object], item: pytest.Item, where: str) -> tuple[str, ...]:
    """Remove `swap` from the fields and return it: the names of the models that an application's test replaces."""
    swap = fields.pop(SWAP, None)
    if swap is None:
        return ()
    if not asks_for_app(item):
        raise UsageError(
            f"{where}: swap names models that an application asks, and this test runs none",
            hint=f"let the test ask for the fixture {APP_FIXTURE}, or remove swap",
            slug=Slug.CASE_FIELD_CLASH,
        )
    return read_texts(FieldLocation(where, SWAP), swap)


def where_of(path: Path, line: int | None, root: Path) -> str:
    """Return the place of a test as messages show it: tests/test_x.py:12."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return shown if line is None else f"{shown}:{line}"


def parametrize(metafunc: pytest.Metafunc, settings: Settings) -> None:
    """Split a function into one item per case of its `cases=` file, and into one per arm if it needs several.

    A test with a fixture of ours may be marked later: by a parameter, or by a hook of a conftest.py.
    """
    where = _where(metafunc)
    fields = marker_fields(metafunc.definition, where)
    if "cases" in fields:
        cases = _cases(fields, metafunc, where)
        name = "case" if "case" in metafunc.fixturenames else CASE_PARAM
        _add(metafunc, name, cases, [case.id for case in cases])
    arms = _arms(metafunc, settings, fields.get("samples"), where)
    if arms:
        _add(metafunc, ARM_PARAM, arms, list(map(str, arms)))
        note_ids(metafunc, arms)


def asks_for_arms(metafunc: pytest.Metafunc) -> bool:
    """Tell whether a function is marked, or may be later: by a parameter, or because it has a fixture of ours."""
    if metafunc.definition.get_closest_marker(MARKER) is not None or own_fixture(metafunc.definition):
        return True
    return any(mark.name == MARKER for call in calls_of(metafunc) for mark in call.marks)


def own_fixture(item: Any) -> str | None:
    """Return the name of our fixture that the function asks for; None if it is overridden."""
    for name in OUR_FIXTURES:
        if name in getattr(item, "fixturenames", ()):
            known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(name, ())
            return name if len(known) == 1 else None
    return None


def _where(metafunc: pytest.Metafunc) -> str:
    definition = metafunc.definition
    return where_of(definition.path, _line(definition), definition.config.rootpath)


def _line(item: Any) -> int | None:
    line = item.location[1]
    return None if line is None else line + 1


def _cases(fields: dict[str, object], metafunc: pytest.Metafunc, where: str) -> tuple[Case, ...]:
    source = fields["cases"]
    if not isinstance(source, str | Path):
        raise UsageError(
            f"{where}: cases: expected the path of a case file, got {source!r}",
            hint='write cases="support.jsonl", relative to the test file',
            slug=Slug.CASE_FIELD_TYPE,
        )
    for name in ("prompt", "messages", "turns", "system"):
        if name in fields:
            raise UsageError(
                f"{where}: both cases and {name}",
                hint="the prompts are in the case file; keep one of the two",
                slug=Slug.CASE_FIELD_CLASH,
            )
    path = metafunc.definition.path.parent / source
    root = metafunc.config.rootpath
    return read_cases(path, where_of(path, None, root), root)


def _arms(metafunc: pytest.Metafunc, settings: Settings, samples: object, where: str) -> list[ArmParam]:
    names, treatments = metafunc.fixturenames, settings.treatments
    both = [name for name in OUR_FIXTURES if name in names]
    if len(both) > 1:
        raise UsageError(
            f"{where}: the test asks for {both[0]} and for {both[1]}",
            hint="use graysplit_reply to judge each model alone, graysplit to judge the treatment against the control"
            + (f", and {APP_FIXTURE} to run your application with each of them" if APP_FIXTURE in both else ""),
            slug=Slug.FIXTURE_BOTH,
        )
    if APP_FIXTURE in names:
        return app_arms(settings, samples)
    if "graysplit_reply" in names and treatments:
        return list(map(ArmParam.of, ["control", *treatments]))
    return list(map(ArmParam.of, treatments)) if len(treatments) > 1 else []


def _add(metafunc: pytest.Metafunc, name: str, values: Iterable[object], ids: list[str]) -> None:
    if name not in metafunc.fixturenames:
        metafunc.fixturenames.append(name)
    metafunc.parametrize(name, list(values), ids=ids)


class CaseBuilder:
    """The builder of the cases of all items of one function that share their markers, which are checked once."""

    def __init__(self, item: pytest.Item, root: Path, complete: Callable[[Case], Case]) -> None:
        """Read the markers of the item; `complete` fills the open thresholds of a case."""
        self._marks = marks_of(item)  # kept, because builders are found by the identity of their markers
        self._where = where_of(item.path, _line(item), root)
        self._fields = marker_fields(item, self._where)
        self._complete = complete
        self._attachments = Attachments(item.path.parent, root)
        self._from_file = self._fields.pop("cases", None) is not None
        # Whether the body of the test asserts something, if the marker says so; None if the body decides.
        self.asserts = asserts_of(self._fields, self._where)
        # The models that a test of an application replaces; empty for that of the control.
        self.swap = _swap_of(self._fields, item, self._where)
        names_prompt = any(name in self._fields for name in ("prompt", "messages", "turns"))
        self._base = None if names_prompt else complete(self._build({**self._fields, "prompt": "?"}, "?"))

    def awaited(self, item: pytest.Item) -> str | None:
        """Return the name of the argument that holds the item's prompt if its value is known only during the test.

        The value of an indirect parameter is the one that its fixture returns.
        """
        if self._from_file or self._base is None:
            return None
        names = [name for name in PROMPT_ARGUMENTS if name in params_of(item)]
        return names[0] if names and all(is_indirect(item, name) for name in names) else None

    def case(self, item: pytest.Item, made: Mapping[str, object] | None = None) -> Case:
        """Return the item's case; raise UsageError if it has no prompt or an invalid one.

        `made` holds the argument of `awaited` with the value that its fixture has returned.
        """
        params = params_of(item)
        if self._from_file:
            return self._complete(self.overlaid(self._read_case(params)))
        case_id = case_id_of(item)
        if self._base is None:
            return self._complete(self._build(self._fields, case_id))
        if made is None:
            made = {name: params[name] for name in PROMPT_ARGUMENTS if name in params and not is_indirect(item, name)}
        return self._prompted(made, case_id, self._base)

    def _read_case(self, params: Mapping[str, Any]) -> Case:
        case = params.get(CASE_PARAM) or params.get("case")
        if isinstance(case, Case):
            return case
        raise UsageError(
            f"{self._where}: cases: this marker came too late to make one item per case",
            hint="put cases= in a marker on the function, its class or its module, not on a parameter or in a hook",
            slug=Slug.MARKER_LATE,
        )

    def _build(self, fields: dict[str, object], case_id: str) -> Case:
        return build_case(fields, where=self._where, id=case_id, allowed=KNOWN_NAMES, attachments=self._attachments)

    def _prompted(self, params: Mapping[str, Any], case_id: str, base: Case) -> Case:
        for name in PROMPT_ARGUMENTS:
            if name in params:
                if name == "prompt" and isinstance(params[name], str) and params[name].strip():
                    # The most common case, thousands of times in a large suite; all other fields were checked once.
                    messages = (*self._system(), {"role": "user", "content": params[name]})
                    return replace(base, id=case_id, messages=messages)
                return self._complete(self._from_argument(name, params[name], case_id))
        raise UsageError(
            f"{self._where}: the marked test has no prompt",
            hint='give one: @pytest.mark.graysplit(prompt="..."), cases="file.jsonl", or parametrize "prompt"',
            slug=Slug.CASE_PROMPT_MISSING,
        )

    def _from_argument(self, name: str, value: object, case_id: str) -> Case:
        if isinstance(value, Case):
            return self.overlaid(value)
        where = f"{self._where}[{case_id}]"
        if name == "case" and not isinstance(value, dict):
            raise UsageError(
                f"{where}: case: expected a dict of fields or a Case, got {value!r}",
                hint='write {"prompt": "..."}, or call the argument prompt',
                slug=Slug.CASE_FIELD_TYPE,
            )
        fields = {**self._fields, **(value if isinstance(value, dict) else {name: value})}
        case_id = str(fields.pop("id", case_id))
        return build_case(fields, where=where, id=case_id, allowed=MARKER_FIELDS, attachments=self._attachments)

    def _system(self) -> tuple[dict[str, Any], ...]:
        system = self._fields.get("system")
        return ({"role": "system", "content": system},) if isinstance(system, str) else ()

    def overlaid(self, case: Case) -> Case:
        """Replace the fields of a case from a case file that the marker also sets."""
        if self._base is None or not self._fields:
            return case
        changes = {name: getattr(self._base, name) for name in self._fields if name not in ("system", "id")}
        if changes.get("min_similarity") == "auto" and not isinstance(case.min_similarity, str):
            changes["fallback_similarity"] = case.min_similarity
        return replace(case, **changes)
