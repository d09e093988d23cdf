"""Settings outside pytest: those of pyproject.toml and of the environment."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import OPTIONS
from pytest_graysplit.config.settings import Settings, SettingsSource, resolve
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


PROJECT_FILE = "pyproject.toml"


def read_settings(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    first: Sequence[SettingsSource] = (),
    own: Mapping[str, Mapping[str, object]] | None = None,
    without: Sequence[str] = (),
) -> Settings:
    """Resolve the settings as a pytest run does; the sources in `first` win over all others.

    `own` sections override those of `[tool.graysplit]`, and sections in `without` are not read. pytest's own
    configuration is read from pyproject.toml alone. Raises UsageError for a value that cannot be used.
    """
    tool = {} if path is None else _tool_table(path)
    table = {name: section for name, section in _table(tool, "graysplit").items() if name not in without}
    for section, values in (own or {}).items():
        table[section] = {**_table(table, section), **values}
    sources = [
        *first,
        SettingsSource(lambda option: f"environment {option.variable}", _environment(environ)),
        SettingsSource(lambda option: f"{PROJECT_FILE}: {option.ini}", _ini_values(tool)),
    ]
    return resolve(sources, table, environ, None if path is None else path.parent)


def _tool_table(path: Path) -> Mapping[str, object]:
    try:
        return _table(tomllib.loads(path.read_text(encoding="utf-8")), "tool")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.name} cannot be read: {error}",
            hint="fix the syntax error; graysplit reads its settings from this file",
            slug=Slug.TOOL_GRAYSPLIT,
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
