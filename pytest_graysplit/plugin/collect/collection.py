"""From marked functions and case files to planned items; every problem is one clean collection error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.case_file import SUFFIXES, CaseFile
from pytest_graysplit.plugin.collect.marks import asks_for_arms, is_marked, parametrize
from pytest_graysplit.plugin.context import STATE
from pytest_graysplit.plugin.runtime import items_of, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def collect_errors() -> Iterator[None]:
    """Turn our errors into pytest's own kind for collection, which is shown without a traceback."""
    try:
        yield
    except GraysplitError as error:
        raise pytest.Collector.CollectError(str(error)) from None


def parametrize_marked(metafunc: pytest.Metafunc) -> None:
    """Give a function that is marked, or may be later, its items."""
    if not asks_for_arms(metafunc):
        return
    with collect_errors():
        parametrize(metafunc, state_of(metafunc.config).settings.treatments)


def adopt(items: list[pytest.Item]) -> None:
    """Plan the marked ones among the items that came from one function."""
    if any(map(is_marked, items)):
        with collect_errors():
            items_of(items[0].config).adopter.adopt(items)


def plan_collected(config: pytest.Config, items: list[pytest.Item], *, last: bool) -> None:
    """Plan what other plugins have made or marked since; `last` when all of them have."""
    if STATE not in config.stash and not any(map(is_marked, items)):
        return
    try:
        items_of(config).plan_collected(items, last=last)
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def case_file(path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Return the collector of a case file, or None for a file that only looks like one."""
    if not path.name.endswith(SUFFIXES):
        return None
    with collect_errors():
        file: CaseFile = CaseFile.from_parent(parent, path=path)
        file.plan = items_of(parent.config).adopter.adopt_case
        file.treatments = state_of(parent.config).settings.treatments
        return file
