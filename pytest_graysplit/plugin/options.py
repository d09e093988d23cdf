"""Conversion of pytest's options and ini values to our Settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.config.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_graysplit.config.options import Option
    from pytest_graysplit.config.settings import Settings

PROJECT_FILE = "pyproject.toml"
# The name of the option that `graysplit suite check` gives to pytest, with the path of the file for its findings.
SUITE_CHECK = "graysplit_suite_check"
# The similarity from which a name is taken for a mistyped one, from 0 to 100.
MISTYPED = 85


def register(parser: pytest.Parser) -> None:
    """Add every option to the command line and to the ini file; all default to None and are resolved in one place."""
    group = parser.getgroup("graysplit", "compare a treatment model with the control on marked prompt cases")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            dest=option.ini,
            metavar=option.metavar,
            action="append" if option.repeatable else "store",
            default=None,
            help=option.help,
            **({} if option.const is None else {"nargs": "?", "const": option.const}),
        )
        if option.repeatable:
            parser.addini(option.ini, option.help, type="linelist", default=None)
        else:
            parser.addini(option.ini, option.help, type="string", default=None)


def mentioned(config: pytest.Config) -> bool:
    """Tell whether an option of ours is set for this run, on the command line or in the ini file."""
    return any(getattr(config.option, option.ini, None) for option in OPTIONS) or bool(_given(_ini_values(config)))


def is_given(config: pytest.Config, name: str) -> bool:
    """Tell whether an option has a value from any source, without reading any other option."""
    sources = (option_values(config), _environment(os.environ), _ini_values(config))
    return any(name in _given(texts) for texts in sources)


def settings_of(config: pytest.Config) -> Settings:
    """Resolve default < ini < environment < command line; raise UsageError for an invalid value."""
    from pytest_graysplit.config.settings import SettingsSource, resolve

    layers = [
        SettingsSource(lambda option: option.flag, _given(option_values(config))),
        SettingsSource(lambda option: f"environment {option.variable}", _given(_environment(os.environ))),
        SettingsSource(lambda option: f"{_ini_name(config)}: {option.ini}", _given(_ini_values(config))),
    ]
    table, folder = _tool_table(config)
    settings = resolve(layers, table, os.environ, folder)
    if settings.table.splits:
        from pytest_graysplit.traffic.splitter.configured import build_splitter

        for split in settings.table.splits.values():
            build_splitter(split, settings)  # an error in a split ends the run that reads it, not the run that uses it
    return settings


def check(config: pytest.Config) -> None:
    """Raise pytest.UsageError for an invalid value, before anything is collected or sent."""
    from pytest_graysplit.errors import GraysplitError

    try:
        settings = settings_of(config)
        settings.check()
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def header(config: pytest.Config) -> str | None:
    """Return the line with the address of the relay and the variable of its key; None without a treatment."""
    from pytest_graysplit.errors import GraysplitError

    if not is_given(config, "treatment"):
        return None
    try:
        settings = settings_of(config)
    except GraysplitError:  # collection fails with it, if there is a marked test
        return None
    reason = f", because {settings.record_reason}" if settings.record_reason else ""
    only = f"; replays only{reason}" if settings.record == "none" else ""
    return f"graysplit: {_endpoints(settings)}{only}{''.join(_mistyped(settings))}"


def _endpoints(settings: Settings) -> str:
    """Describe the endpoints of the run's arms; an arm with one of its own is named."""
    described: dict[str, None] = {}
    for arm in settings.arms:
        name = f"{arm.name}: " if arm.access.arm else ""
        described[f"{name}{arm.access.described()}"] = None
    return "; ".join(described) or settings.access.described()


def _mistyped(settings: Settings) -> Iterator[str]:
    """Yield a remark on each name that is a model's, because no arm has it, and that is nearly the name of an arm."""
    from pytest_graysplit.config.options import nearest

    arms = settings.table.arms
    for arm in settings.arms:
        if arm.name not in arms and (suggestion := nearest(arm.name, list(arms), MISTYPED)):
            yield f"; no arm is named {arm.name}, so it is a model{suggestion}"


def pytest_option(config: pytest.Config, name: str, default: Any = None) -> Any:
    """Return the value of one of pytest's own options; `-p no:NAME` may have removed the plugin that defines it."""
    return getattr(config.option, name, default)


def findings_path(config: pytest.Config) -> str | None:
    """Return the path of the file for the findings of a check of the suite; None in any other run."""
    path: str | None = pytest_option(config, SUITE_CHECK)
    return path


def require_writable_report(config: pytest.Config) -> None:
    """Raise pytest.UsageError if the JSON report could not be written, before anything is collected or sent."""
    from pathlib import Path

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.reporting.json_report import require_writable

    try:
        if path := settings_of(config).json_path:
            require_writable(Path(path))
    except GraysplitError as error:
        raise pytest.UsageError(str(error)) from None


def option_values(config: pytest.Config) -> dict[str, object]:
    """Return the values of the command line by option name."""
    return {option.name: getattr(config.option, option.ini, None) for option in OPTIONS}


def _environment(environ: Mapping[str, str]) -> dict[str, object]:
    return {option.name: environ.get(option.variable) for option in OPTIONS}


def _ini_values(config: pytest.Config) -> dict[str, object]:
    return {option.name: _ini_value(config, option) for option in OPTIONS}


def _ini_value(config: pytest.Config, option: Option[Any]) -> object:
    try:
        return config.getini(option.ini)
    except TypeError:
        from pytest_graysplit.errors import Slug

        # The native [tool.pytest] table of pytest 9 keeps the types of TOML, and our values are strings.
        raise pytest.UsageError(
            f"{_ini_name(config)}: {option.ini}: expected a text\n"
            f'  hint: in [tool.pytest], write {option.ini} = "{option.metavar}" in quotes  [{Slug.OPTION_VALUE}]'
        ) from None


def _given(values: Mapping[str, object]) -> dict[str, list[str]]:
    given = {}
    for name, value in values.items():
        if value is not None and value not in ("", []):
            given[name] = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return given


def _ini_name(config: pytest.Config) -> str:
    return config.inipath.name if config.inipath else "ini"


def _tool_table(config: pytest.Config) -> tuple[Mapping[str, object], Path | None]:
    """Return `[tool.graysplit]` of the nearest pyproject.toml that has one, and the folder of that file.

    The file counts also if another one configures pytest.
    """
    for path in _project_files(config):
        tool = _tool(path)
        if "graysplit" in tool:
            table = tool["graysplit"]
            if isinstance(table, dict):
                return table, path.parent
            from pytest_graysplit.errors import Slug

            raise pytest.UsageError(
                f"{path.name}: tool.graysplit: expected a table, got {table!r}\n"
                f"  hint: write [tool.graysplit.prices] or another of its sections  [{Slug.TOOL_GRAYSPLIT}]"
            )
    return {}, None


def _project_files(config: pytest.Config) -> Iterator[Path]:
    """Yield each pyproject.toml from the root folder up to the repository's, and then from the ini file up."""
    starts = [config.rootpath, *([config.inipath.parent] if config.inipath else []), config.invocation_params.dir]
    visited = set()
    for start in starts:
        for folder in (start, *start.parents):
            if folder in visited:
                break
            visited.add(folder)
            if (path := folder / PROJECT_FILE).is_file():
                yield path
            if (folder / ".git").exists():
                break


def _tool(path: Path) -> Mapping[str, object]:
    import tomllib  # takes 6 ms, and pytest needs it only for a pyproject.toml

    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("tool", {})
    except (OSError, ValueError) as error:
        from pytest_graysplit.errors import Slug

        raise pytest.UsageError(
            f"{path} cannot be read: {error}\n"
            f"  hint: fix the syntax error; graysplit reads its settings from this file  [{Slug.TOOL_GRAYSPLIT}]"
        ) from None
    return tool if isinstance(tool, dict) else {}
