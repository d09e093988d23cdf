"""The project around `graysplit judge`: its root folder and the judge's settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.config.settings import Layer
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.recordings.maintenance.discover import project_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings


def find_root(start: Path) -> Path:
    """Return the nearest parent folder with a pyproject.toml, else the root of an earlier run."""
    start = start.resolve()
    return next(
        (folder for folder in (start, *start.parents) if (folder / PROJECT_FILE).is_file()), project_root(start)
    )


def read_judge_settings(root: Path, *, model: str | None, record: str | None, environ: Mapping[str, str]) -> Settings:
    """Resolve the settings as a run of pytest would, the command's own options first.

    Raises UsageError for an invalid value, and where no model is set for the judge.
    """
    given = Layer(lambda option: f"--{option.name}", {"record": [record]} if record else {})
    own = {} if model is None else {"judge": {"model": model}}
    settings = read_settings(root / PROJECT_FILE, environ, first=[given], own=own)
    if settings.table.judge is None:
        raise UsageError(
            "judge needs a model that judges",
            hint='name it with --model=gpt-4.1, or in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"',
            slug=Slug.METRIC_MODEL_MISSING,
        )
    # No arm takes part, so the relay's list of models is not checked for one.
    return replace(settings, control=None, treatments=())
