"""Case files as test items: `support.graysplit.jsonl` is collected like a test module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.marks import where_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_graysplit.types import Case

SUFFIXES = (".graysplit.jsonl", ".graysplit.yaml", ".graysplit.yml", ".graysplit.csv")


class CaseFile(pytest.File):
    """One case file; its items are its cases, one per treatment if there are several."""

    plan: Callable[[CaseItem], None]
    treatments: tuple[str, ...] = ()

    def collect(self) -> Iterator[CaseItem]:
        """Read the file; a broken one is one collection error with its line."""
        try:
            yield from self._items()
        except GraysplitError as error:
            raise self.CollectError(str(error)) from None

    def _items(self) -> Iterator[CaseItem]:
        shown = where_of(self.path, None, self.config.rootpath)
        for case in read_cases(self.path, shown):
            for treatment in self.treatments if len(self.treatments) > 1 else (None,):
                name = case.id if treatment is None else f"{case.id}[{treatment}]"
                item: CaseItem = CaseItem.from_parent(self, name=name, case=case, treatment=treatment)
                self.plan(item)
                yield item


class CaseItem(pytest.Item):
    """One case of a case file; its body is empty, because the case contains its expectations."""

    def __init__(self, *, case: Case, treatment: str | None, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type] # pytest's nodes take the arguments of from_parent
        self.case = case
        self.treatment = treatment
        self.add_marker("graysplit")

    def runtest(self) -> None:
        """Do nothing: replies are fetched before the test, and thresholds are checked after it."""

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Return the place of the case, for headings and `-v`."""
        line = self.case.where.rpartition(":")[2]
        return str(self.path), int(line) - 1 if line.isdecimal() else None, self.name
