"""Cases of an application's tests: a prompt is not needed, because the application makes its own requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
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
        if isinstance(given.get("case"), Case):
            return self.overlaid(given["case"])
        fields = dict(self._fields)
        if isinstance(given.get("case"), dict):
            fields |= given["case"]
        elif isinstance(given.get("prompt"), str):
            fields["prompt"] = given["prompt"]
        return self._unprompted(fields, case_id_of(item))

    def _unprompted(self, fields: dict[str, object], case_id: str) -> Case:
        """Build a case whose prompt may be missing."""
        has_prompt = any(name in fields for name in ("prompt", "messages", "turns"))
        given = fields if has_prompt else {**fields, "prompt": _ANY_PROMPT}
        given.pop("id", None)
        where = self._where if fields == self._fields else f"{self._where}[{case_id}]"
        case = build_case(given, where=where, id=case_id, allowed=MARKER_FIELDS, attachments=self._attachments)
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
