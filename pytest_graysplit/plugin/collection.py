"""Collection of marked functions and case files as planned items; each error is one clean collection error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.adopting import SUFFIXES, CaseFile
from pytest_graysplit.plugin.collect.marks import asks_for_arms, is_marked, parametrize
from pytest_graysplit.plugin.context import CONTEXT
from pytest_graysplit.plugin.registration import context_of, runner_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def collect_errors() -> Iterator[None]:
    """Turn our errors into collection errors, which pytest shows without a traceback."""
    try:
        yield
    except GraysplitError as error:
        raise pytest.Collector.CollectError(str(error)) from None


def parametrize_marked(metafunc: pytest.Metafunc) -> None:
    """Split a function into its items if it is marked, or may be marked later."""
    if not asks_for_arms(metafunc):
        return
    with collect_errors():
        parametrize(metafunc, context_of(metafunc.config).settings)


def adopt(items: list[pytest.Item]) -> None:
    """Plan the marked items of one function."""
    if any(map(is_marked, items)):
        with collect_errors():
            runner_of(items[0].config).adopter.adopt(items)


def plan_collected(config: pytest.Config, items: list[pytest.Item], *, last: bool) -> None:
    """Plan items that other plugins have added or marked; `last` means that all plugins have done so."""
    if CONTEXT not in config.stash and not any(map(is_marked, items)):
        return
    try:
        runner_of(config).plan_collected(items, last=last)
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def case_file(path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Return the collector of a case file; None if the name has another suffix."""
    if not path.name.endswith(SUFFIXES):
        return None
    with collect_errors():
        file: CaseFile = CaseFile.from_parent(parent, path=path)
        file.plan = runner_of(parent.config).adopter.adopt_case
        file.treatments = context_of(parent.config).settings.treatments
        return file
