"""A row of a comparison as the live page shows it, of a run or of traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.verdict import figures
from pytest_graysplit.verdict.wording import label_of, measure_of

if TYPE_CHECKING:
    from pytest_graysplit.types import Json
    from pytest_graysplit.verdict import Row


def row_json(row: Row) -> dict[str, Json]:
    """Write the row with its label and what its figures are."""
    return {**figures.row_json(row), "label": label_of(row.name), "unit": measure_of(row)}
