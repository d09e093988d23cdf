"""The marker: from `@pytest.mark.graysplit(...)` and parametrization to one Case an item."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pytest

MARKER = "graysplit"
KNOWN_NAMES = (*MARKER_FIELDS, "cases")
PROMPT_ARGUMENTS = ("prompt", "messages", "case")
CASE_PARAM = "_graysplit_case"
ARM_PARAM = "_graysplit_arm"


def marker_fields(node: pytest.Item | Any, where: str) -> dict[str, object]:
    """Merge all our markers on a node, the nearest winning field by field; raise UsageError for positional values."""
    fields: dict[str, object] = {}
    for mark in reversed(list(node.iter_markers(MARKER))):
        if mark.args:
            raise UsageError(
                f"{where}: @pytest.mark.graysplit takes names only, got {mark.args[0]!r}",
                hint="write @pytest.mark.graysplit(prompt=...) or another of: " + ", ".join(KNOWN_NAMES),
                slug="marker-positional",
            )
        fields.update(mark.kwargs)
    return fields


def where_of(path: Path, line: int | None, root: Path) -> str:
    """Write the place of a test for a message: tests/test_x.py:12."""
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return shown if line is None else f"{shown}:{line}"


def parametrize(metafunc: pytest.Metafunc, treatments: Sequence[str]) -> None:
    """Give a marked function one item a case of its `cases=` file, and one an arm where it needs several."""
    where = _where(metafunc)
    fields = marker_fields(metafunc.definition, where)
    if "cases" in fields:
        cases = _cases(fields, metafunc, where)
        name = "case" if "case" in metafunc.fixturenames else CASE_PARAM
        _add(metafunc, name, cases, [case.id for case in cases])
    arms = _arms(metafunc, treatments, where)
    if arms:
        _add(metafunc, ARM_PARAM, arms, arms)


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
            slug="case-field-type",
        )
    for name in ("prompt", "messages", "system"):
        if name in fields:
            raise UsageError(
                f"{where}: both cases and {name}",
                hint="the prompts are in the case file; keep one of the two",
                slug="case-field-clash",
            )
    path = metafunc.definition.path.parent / source
    return read_cases(path, where_of(path, None, metafunc.config.rootpath))


def _arms(metafunc: pytest.Metafunc, treatments: Sequence[str], where: str) -> list[str]:
    names = metafunc.fixturenames
    if "graysplit_reply" in names and "graysplit" in names:
        raise UsageError(
            f"{where}: the test asks for graysplit and for graysplit_reply",
            hint="use graysplit_reply to judge each model alone, graysplit to judge the treatment against the control",
            slug="fixture-both",
        )
    if "graysplit_reply" in names and treatments:
        return ["control", *treatments]
    return list(treatments) if len(treatments) > 1 else []


def _add(metafunc: pytest.Metafunc, name: str, values: Iterable[object], ids: list[str]) -> None:
    if name not in metafunc.fixturenames:
        metafunc.fixturenames.append(name)
    metafunc.parametrize(name, list(values), ids=ids)


class CaseBuilder:
    """Builds the cases of all items that came from one marked function, checking the marker once."""

    def __init__(self, item: pytest.Function, root: Path, complete: Callable[[Case], Case]) -> None:
        """Read the marker of the item's function; `complete` fills thresholds that a case leaves open."""
        self._where = where_of(item.path, _line(item), root)
        self._fields = marker_fields(item, self._where)
        self._complete = complete
        self._from_file = self._fields.pop("cases", None) is not None
        names_prompt = "prompt" in self._fields or "messages" in self._fields
        self._base = None if names_prompt else complete(self._build({**self._fields, "prompt": "?"}, "?"))

    def case(self, item: pytest.Function) -> Case:
        """Return the item's case; raise UsageError where it has no prompt or one that cannot be sent."""
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if self._from_file:
            return self._complete(self._overlaid(cast("Case", params.get(CASE_PARAM) or params["case"])))
        case_id = _case_id(item, params)
        if self._base is None:
            return self._complete(self._build(self._fields, case_id))
        return self._prompted(params, case_id, self._base)

    def _build(self, fields: dict[str, object], case_id: str, where: str = "") -> Case:
        return build_case(fields, where=where or self._where, id=case_id, allowed=KNOWN_NAMES)

    def _prompted(self, params: dict[str, Any], case_id: str, base: Case) -> Case:
        for name in PROMPT_ARGUMENTS:
            if name in params:
                if name == "prompt" and isinstance(params[name], str) and params[name].strip():
                    # The common road, thousands of times in a large suite: the rest was checked once.
                    messages = (*self._system(), {"role": "user", "content": params[name]})
                    return replace(base, id=case_id, messages=messages)
                return self._complete(self._from_argument(name, params[name], case_id))
        raise UsageError(
            f"{self._where}: the marked test has no prompt",
            hint='give one: @pytest.mark.graysplit(prompt="..."), cases="file.jsonl", or parametrize "prompt"',
            slug="case-prompt-missing",
        )

    def _from_argument(self, name: str, value: object, case_id: str) -> Case:
        if isinstance(value, Case):
            return self._overlaid(value)
        where = f"{self._where}[{case_id}]"
        if name == "case" and not isinstance(value, dict):
            raise UsageError(
                f"{where}: case: expected a dict of fields or a Case, got {value!r}",
                hint='write {"prompt": "..."}, or call the argument prompt',
                slug="case-field-type",
            )
        fields = {**self._fields, **(value if isinstance(value, dict) else {name: value})}
        return self._build(fields, str(fields.pop("id", case_id)), where)

    def _system(self) -> tuple[dict[str, Any], ...]:
        system = self._fields.get("system")
        return ({"role": "system", "content": system},) if isinstance(system, str) else ()

    def _overlaid(self, case: Case) -> Case:
        """What the marker sets beats what the case file says."""
        if self._base is None or not self._fields:
            return case
        changes = {name: getattr(self._base, name) for name in self._fields if name not in ("system", "id")}
        if changes.get("min_similarity") == "auto" and not isinstance(case.min_similarity, str):
            changes["fallback_similarity"] = case.min_similarity
        return replace(case, **changes)


def _case_id(item: pytest.Function, params: dict[str, Any]) -> str:
    name = item.nodeid.partition("::")[2] or item.name
    arm = params.get(ARM_PARAM)
    if arm is None:
        return name
    return name.removesuffix(f"[{arm}]") if name.endswith(f"[{arm}]") else name.removesuffix(f"-{arm}]") + "]"
