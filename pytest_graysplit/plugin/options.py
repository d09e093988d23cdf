"""The door between pytest's options and ini values and our Settings."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config import Settings
    from pytest_graysplit.options import Option


def register(parser: pytest.Parser) -> None:
    """Add every option to the command line and to the ini file; all default to None, one place resolves them."""
    group = parser.getgroup("graysplit", "compare a treatment model with the control on marked prompt cases")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            dest=option.ini,
            metavar=option.metavar,
            action="append" if option.repeatable else "store",
            default=None,
            help=option.help,
            **({} if option.alone is None else {"nargs": "?", "const": option.alone}),
        )
        if option.repeatable:
            parser.addini(option.ini, option.help, type="linelist", default=None)
        else:
            parser.addini(option.ini, option.help, type="string", default=None)


def mentioned(config: pytest.Config) -> bool:
    """Tell whether anything of ours was set for this run, on the command line or in the ini file."""
    return any(getattr(config.option, option.ini, None) for option in OPTIONS) or bool(_given(_ini_values(config)))


def is_given(config: pytest.Config, name: str) -> bool:
    """Tell whether an option has a value from anywhere, without looking at any other."""
    sources = (option_values(config), _environment(os.environ), _ini_values(config))
    return any(name in _given(texts) for texts in sources)


def settings_of(config: pytest.Config) -> Settings:
    """Resolve default < ini < environment < command line; raise UsageError for a value that cannot be used."""
    from pytest_graysplit.config import Layer, resolve

    layers = [
        Layer(lambda option: option.flag, _given(option_values(config))),
        Layer(lambda option: f"environment {option.variable}", _given(_environment(os.environ))),
        Layer(lambda option: f"{_ini_name(config)}: {option.ini}", _given(_ini_values(config))),
    ]
    return resolve(layers, _tool_table(config), os.environ)


def check(config: pytest.Config) -> None:
    """Raise pytest.UsageError for a value that cannot be used, before anything is collected or sent."""
    from pytest_graysplit.errors import GraysplitError

    try:
        settings = settings_of(config)
        settings.check()
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def require_writable_report(config: pytest.Config) -> None:
    """Raise pytest.UsageError where the JSON report could not be written: before anything is collected or sent."""
    from pathlib import Path

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.reports import require_writable

    try:
        if path := settings_of(config).json_path:
            require_writable(Path(path))
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def option_values(config: pytest.Config) -> dict[str, object]:
    """Return what the command line says, by option name."""
    return {option.name: getattr(config.option, option.ini, None) for option in OPTIONS}


def _environment(environ: Mapping[str, str]) -> dict[str, object]:
    return {option.name: environ.get(option.variable) for option in OPTIONS}


def _ini_values(config: pytest.Config) -> dict[str, object]:
    return {option.name: _ini_value(config, option) for option in OPTIONS}


def _ini_value(config: pytest.Config, option: Option[Any]) -> object:
    try:
        return config.getini(option.ini)
    except TypeError:
        # The native [tool.pytest] table of pytest 9 keeps TOML's types, and ours are texts.
        raise pytest.UsageError(
            f"{_ini_name(config)}: {option.ini}: expected a text\n"
            f'  hint: in [tool.pytest], write {option.ini} = "{option.metavar}" in quotes  [option-value]'
        ) from None


def _given(values: Mapping[str, object]) -> dict[str, list[str]]:
    given = {}
    for name, value in values.items():
        if value is not None and value not in ("", []):
            given[name] = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return given


def _ini_name(config: pytest.Config) -> str:
    return config.inipath.name if config.inipath else "ini"


def _tool_table(config: pytest.Config) -> Mapping[str, object]:
    path = config.rootpath / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("graysplit", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"{path.name} cannot be read: {error}") from None
    return table if isinstance(table, dict) else {}
