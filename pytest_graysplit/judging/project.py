"""What the command knows of a project: the settings in its pyproject.toml and in the environment."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.config import Layer, resolve
from pytest_graysplit.errors import UsageError
from pytest_graysplit.options import OPTIONS
from pytest_graysplit.recordings.discover import project_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_graysplit.config import Settings

PROJECT_FILE = "pyproject.toml"


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards with a pyproject.toml, else the one that a run has used as its root."""
    start = start.resolve()
    return next(
        (folder for folder in (start, *start.parents) if (folder / PROJECT_FILE).is_file()), project_root(start)
    )


def read_settings(root: Path, *, model: str | None, record: str | None, environ: Mapping[str, str]) -> Settings:
    """Resolve the settings as a run of pytest would, the command's own options first.

    pytest's own configuration is read from pyproject.toml alone. Raises UsageError for a value that cannot be used.
    """
    tool = _tool_table(root)
    own = dict(_table(tool, "graysplit"))
    if model is not None:
        own["judge"] = {**_table(own, "judge"), "model": model}
    layers = [
        Layer(lambda option: f"--{option.name}", {"record": [record]} if record else {}),
        Layer(lambda option: f"environment {option.variable}", _environment(environ)),
        Layer(lambda option: f"{PROJECT_FILE}: {option.ini}", _ini_values(tool)),
    ]
    settings = resolve(layers, own, environ)
    if settings.table.judge is None:
        raise UsageError(
            "judge needs a model that judges",
            hint='name it with --model=gpt-4.1, or in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"',
            slug="metric-model-missing",
        )
    # No arm takes part, so none is looked up in the relay's list of models.
    return replace(settings, control=None, treatments=())


def _tool_table(root: Path) -> Mapping[str, object]:
    path = root / PROJECT_FILE
    try:
        return _table(tomllib.loads(path.read_text(encoding="utf-8")), "tool")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.name} cannot be read: {error}", hint="mend it: the settings are in it", slug="tool-graysplit"
        ) from None


def _environment(environ: Mapping[str, str]) -> dict[str, list[str]]:
    return {option.name: [environ[option.variable]] for option in OPTIONS if environ.get(option.variable)}


def _ini_values(tool: Mapping[str, object]) -> dict[str, list[str]]:
    pytest_table = _table(tool, "pytest")
    given = {**pytest_table, **_table(pytest_table, "ini_options")}
    return {option.name: _texts(given[option.ini]) for option in OPTIONS if given.get(option.ini)}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _table(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}
