"""Build the traffic splitters of `[tool.graysplit.splits.NAME]` from the plain tables of the settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import nearest
from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.config.pyproject.reading import setting_error
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter.arms import Split
from pytest_graysplit.traffic.splitter.splitter import TrafficSplitter

if TYPE_CHECKING:
    from pytest_graysplit.config.pyproject.splits import SplitArm, SplitTable


def load_splitter(name: str, project: str | os.PathLike[str] = PROJECT_FILE) -> TrafficSplitter:
    """Return the splitter that `[tool.graysplit.splits.NAME]` of a pyproject.toml describes.

    Raises UsageError for an unknown name, with the nearest known one, and for weights that do not sum to one.
    """
    path = Path(project)
    splits = read_settings(path, os.environ).table.splits
    if name not in splits:
        raise UsageError(
            f"{path} has no split {name!r}{nearest(name, list(splits))}",
            hint=f"write [tool.graysplit.splits.{name}] with arms = [{{model = ..., weight = ...}}, ...]",
            slug=Slug.SPLIT_UNKNOWN,
        )
    return build_splitter(splits[name])


def build_splitter(table: SplitTable) -> TrafficSplitter:
    """Return the splitter of a section, with aliases resolved; raise UsageError that names the section."""
    try:
        # The splitter itself checks the types of the salt and of `anonymous`.
        splitter = TrafficSplitter(
            [_split(arm) for arm in table.arms],
            salt=table.salt,  # type: ignore[arg-type]
            anonymous=table.anonymous,  # type: ignore[arg-type]
        )
    except UsageError as error:
        raise setting_error(table.setting, error.problem, error.hint) from None
    return splitter.named(table.aliases)


def _split(arm: SplitArm) -> Split:
    return Split(arm.model, arm.weight, name=arm.name, params=arm.params, headers=arm.headers)  # type: ignore[arg-type]
