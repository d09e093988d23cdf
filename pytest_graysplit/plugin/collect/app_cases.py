"""Cases of an application's tests: a prompt is not needed, because the application makes its own requests."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_graysplit.cases.fields import CASE_FIELDS, MARKER_FIELDS, build_case
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.collect.app_arms import APP_FIXTURE
from pytest_graysplit.plugin.collect.arm_params import case_id_of, is_indirect, params_of
from pytest_graysplit.plugin.collect.marks import PROMPT_ARGUMENTS, CaseBuilder
from pytest_graysplit.types import Case

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

# Fields about requests that the plugin makes itself, with the remedy.
_OF_REQUESTS = {
    "turns": "the application holds its own conversation: call it once per message in the body of the test",
    "params": "the application chooses its parameters; those of an arm are in its table, [tool.graysplit.arms.NAME]",
    "system": "the application has its own system message; that of an arm is in its table, [tool.graysplit.arms.NAME]",
    "max_ttft_s": "an application has no first token: use max_latency_s, which holds for the sum of its calls",
}
_ANY_PROMPT = "?"


class AppCaseBuilder(CaseBuilder):
    """The builder of the cases of one function that runs an application."""

    def awaited(self, item: pytest.Item) -> str | None:  # noqa: ARG002 # a case needs no prompt
        """Return None: the application makes its requests itself."""
        return None

    def case(self, item: pytest.Item, made: Mapping[str, object] | None = None) -> Case:  # noqa: ARG002 # see awaited
        """Return the item's case without thresholds of the run; its id is that of the item without arm and sample."""
        for name in _OF_REQUESTS:
            if name in self._fields:
                self._refuse(self._where, name)
        case = self.overlaid(self._read_case(params_of(item))) if self._from_file else self._given(item)
        self._check(case)
        return replace(case, id=case_id_of(item), params={})

    def _given(self, item: pytest.Item) -> Case:
        """Return the case of the marker and of an argument that holds a case; other arguments are the test's own."""
        params = params_of(item)
        given = {name: params[name] for name in PROMPT_ARGUMENTS if name in params and not is_indirect(item, name)}
        case, prompt = given.get("case"), given.get("prompt")
        if isinstance(case, Case):
            return self.overlaid(case)
        if isinstance(case, dict) and not case.keys().isdisjoint(CASE_FIELDS):
            where = f"{self._where}[{case_id_of(item)}]"
            return self._unprompted({**self._fields, **case}, where)
        of_marker = self._of_marker
        if isinstance(prompt, str) and prompt.strip() and not of_marker.messages:
            return replace(of_marker, messages=({"role": "user", "content": prompt},))
        return of_marker

    @cached_property
    def _of_marker(self) -> Case:
        """The case as the marker alone gives it, which is the same for all items."""
        return self._unprompted(dict(self._fields), self._where)

    def _unprompted(self, fields: dict[str, object], where: str) -> Case:
        """Build a case whose prompt may be missing; its id is that of its item."""
        has_prompt = any(name in fields for name in ("prompt", "messages", "turns"))
        given = fields if has_prompt else {**fields, "prompt": _ANY_PROMPT}
        given.pop("id", None)
        case = build_case(given, where=where, id=_ANY_PROMPT, allowed=MARKER_FIELDS, attachments=self._attachments)
        return case if has_prompt else replace(case, messages=())

    def _check(self, case: Case) -> None:
        where = case.where or self._where
        if case.turns:
            self._refuse(where, "turns")
        if case.max_ttft_s is not None:
            self._refuse(where, "max_ttft_s")
        if case.min_similarity == "auto":
            raise UsageError(
                f"{where}: min_similarity=auto needs the answers of all tests before the first one, "
                f"and {APP_FIXTURE} has them only after its test",
                hint="give a number: min_similarity=0.7",
                slug=Slug.CASE_FIELD_CLASH,
            )

    def _refuse(self, where: str, name: str) -> None:
        raise UsageError(
            f"{where}: {name} does not go with {APP_FIXTURE}", hint=_OF_REQUESTS[name], slug=Slug.CASE_FIELD_CLASH
        )
