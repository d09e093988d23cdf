"""From marked functions and case files to planned items; every problem is one clean collection error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.casefile import SUFFIXES, CaseFile
from pytest_graysplit.plugin.marks import parametrize
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
    """Give a marked function its items."""
    with collect_errors():
        parametrize(metafunc, state_of(metafunc.config).settings.treatments)


def adopt(items: list[pytest.Item]) -> None:
    """Plan the items that came from one marked function."""
    with collect_errors():
        items_of(items[0].config).adopt([item for item in items if isinstance(item, pytest.Function)])


def case_file(path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Return the collector of a case file, or None for a file that only looks like one."""
    if not path.name.endswith(SUFFIXES):
        return None
    with collect_errors():
        file: CaseFile = CaseFile.from_parent(parent, path=path)
        file.plan = items_of(parent.config).adopt_case
        file.treatments = state_of(parent.config).settings.treatments
        return file
