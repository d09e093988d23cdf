"""The marker: one Case per item from `@pytest.mark.graysplit(...)` and parametrization."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_graysplit.cases.attachments import Attachments
from pytest_graysplit.cases.field_types import FieldLocation, read_switch
from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.types import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pytest

MARKER = "graysplit"
ASSERTS = "asserts"
KNOWN_NAMES = (*MARKER_FIELDS, "cases", ASSERTS)
PROMPT_ARGUMENTS = ("prompt", "messages", "case")
CASE_PARAM = "_graysplit_case"
ARM_PARAM = "_graysplit_arm"
OUR_FIXTURES = ("graysplit", "graysplit_reply")


class Arm(str):
    """The name of an arm as a parameter, with its place and its text among the ids of its test."""

    __slots__ = ("place", "text")

    place: int
    text: str


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


def where_of(path: Path, line: int | None, root: Path) -> str:
    """Return the place of a test as messages show it: tests/test_x.py:12."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return shown if line is None else f"{shown}:{line}"


def parametrize(metafunc: pytest.Metafunc, treatments: Sequence[str]) -> None:
    """Split a function into one item per case of its `cases=` file, and into one per arm if it needs several.

    A test with a fixture of ours may be marked later: by a parameter, or by a hook of a conftest.py.
    """
    where = _where(metafunc)
    fields = marker_fields(metafunc.definition, where)
    if "cases" in fields:
        cases = _cases(fields, metafunc, where)
        name = "case" if "case" in metafunc.fixturenames else CASE_PARAM
        _add(metafunc, name, cases, [case.id for case in cases])
    arms = _arms(metafunc, treatments, where)
    if arms:
        named = [Arm(arm) for arm in arms]
        _add(metafunc, ARM_PARAM, named, arms)
        _note_ids(metafunc, named)


def asks_for_arms(metafunc: pytest.Metafunc) -> bool:
    """Tell whether a function is marked, or may be later: by a parameter, or because it has a fixture of ours."""
    if metafunc.definition.get_closest_marker(MARKER) is not None or own_fixture(metafunc.definition):
        return True
    return any(mark.name == MARKER for call in _calls(metafunc) for mark in call.marks)


def own_fixture(item: Any) -> str | None:
    """Return the name of our fixture that the function asks for; None if it is overridden."""
    for name in OUR_FIXTURES:
        if name in getattr(item, "fixturenames", ()):
            known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(name, ())
            return name if len(known) == 1 else None
    return None


def _calls(metafunc: pytest.Metafunc) -> Sequence[Any]:
    return getattr(metafunc, "_calls", ())


def _note_ids(metafunc: pytest.Metafunc, arms: Sequence[Arm]) -> None:
    """Keep the id that pytest has made for each arm, and its place, because other plugins may parametrize later."""
    for arm in arms:
        arm.place, arm.text = 0, arm
    for call in _calls(metafunc):
        arm, ids = call.params[ARM_PARAM], call._idlist  # noqa: SLF001 # the id of a test is these, joined
        arm.place, arm.text = max(arm.place, len(ids) - 1), ids[-1]


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


def _arms(metafunc: pytest.Metafunc, treatments: Sequence[str], where: str) -> list[str]:
    names = metafunc.fixturenames
    if "graysplit_reply" in names and "graysplit" in names:
        raise UsageError(
            f"{where}: the test asks for graysplit and for graysplit_reply",
            hint="use graysplit_reply to judge each model alone, graysplit to judge the treatment against the control",
            slug=Slug.FIXTURE_BOTH,
        )
    if "graysplit_reply" in names and treatments:
        return ["control", *treatments]
    return list(treatments) if len(treatments) > 1 else []


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
        names_prompt = any(name in self._fields for name in ("prompt", "messages", "turns"))
        self._base = None if names_prompt else complete(self._build({**self._fields, "prompt": "?"}, "?"))

    def awaited(self, item: pytest.Item) -> str | None:
        """Return the name of the argument that holds the item's prompt if its value is known only during the test.

        The value of an indirect parameter is the one that its fixture returns.
        """
        if self._from_file or self._base is None:
            return None
        names = [name for name in PROMPT_ARGUMENTS if name in params_of(item)]
        return names[0] if names and all(_is_indirect(item, name) for name in names) else None

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
            made = {name: params[name] for name in PROMPT_ARGUMENTS if name in params and not _is_indirect(item, name)}
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


def params_of(item: pytest.Item) -> Mapping[str, Any]:
    """Return the parameters of an item; empty if it is not parametrized."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else cast("Mapping[str, Any]", callspec.params)


def case_id_of(item: pytest.Item) -> str:
    """Return the name of an item within its file, without the arm: both arms are one case."""
    name = item.nodeid.partition("::")[2] or item.name
    arm = params_of(item).get(ARM_PARAM)
    if not isinstance(arm, Arm):
        return name
    callspec: Any = item.callspec  # type: ignore[attr-defined] # it has parameters
    ids = list(callspec._idlist)  # noqa: SLF001 # the id of a test is these, joined
    places = [place for place, text in enumerate(ids) if text == arm.text and place <= arm.place]
    if not places:
        return name
    del ids[places[-1]]
    base = name.removesuffix(f"[{callspec.id}]")
    return f"{base}[{'-'.join(ids)}]" if ids else base


def _is_indirect(item: Any, name: str) -> bool:
    """Tell whether a parameter goes through a fixture, so that the test gets the fixture's value."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(name)
    # pytest uses this private function to pass a direct parameter.
    return known is not None and getattr(known[-1].func, "__name__", "") != "get_direct_param_fixture_func"
