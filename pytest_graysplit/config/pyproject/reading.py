"""Readers of parts of `[tool.graysplit]`; their errors give the dotted name of the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json


def setting_error(name: str, problem: str, hint: str) -> UsageError:
    """Return the error for a setting that cannot be used, by its dotted name."""
    return UsageError(f"pyproject.toml [tool.graysplit] {name}: {problem}", hint=hint, slug=Slug.TOOL_GRAYSPLIT)


def reject_unknown(name: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    """Raise UsageError for the first unknown setting, with the most similar known name."""
    for key in table:
        if key not in known:
            dotted = f"{name}.{key}" if name else key
            raise setting_error(dotted, f"unknown setting{nearest(key, known)}", f"valid names: {', '.join(known)}")


def read_table(name: str, value: object, *, is_secret: bool = False) -> dict[str, object]:
    """Return a table, or an empty one if it is missing; raise UsageError if it is not a table.

    The error does not show a value that may be a secret.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        problem = "is not a table" if is_secret else f"{value!r} is not a table"
        raise setting_error(name, problem, f"write it as [tool.graysplit.{name}]")
    return value


def read_names(name: str, value: object) -> tuple[str, ...]:
    """Return a list of names; raise UsageError for any other value."""
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise setting_error(name, f"{value!r} is not a list of names", 'write it as ["one", "two"]')
    return tuple(value)


def read_texts(name: str, value: object, *, is_secret: bool = False) -> dict[str, str]:
    """Return a table of texts; raise UsageError for any other value."""
    texts: dict[str, str] = {}
    for key, text in read_table(name, value, is_secret=is_secret).items():
        if not isinstance(text, str):
            problem = "is not a text" if is_secret else f"{text!r} is not a text"
            raise setting_error(f"{name}.{key}", problem, "put the value in quotes")
        texts[key] = text
    return texts


def filled(headers: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with environment variables filled in, without those whose variable is not set."""
    missing = unknown(headers, environ)
    return {
        key: environ[text[1:]] if _names_variable(text) else text for key, text in headers.items() if key not in missing
    }


def unknown(headers: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers whose environment variable is not set, with the name of the variable."""
    return {key: text[1:] for key, text in headers.items() if _names_variable(text) and text[1:] not in environ}


def _names_variable(text: str) -> bool:
    return text.startswith("$") and text != "$"


def read_headers(name: str, value: object, environ: Mapping[str, str]) -> dict[str, str]:
    """Return headers with environment variables filled in; raise UsageError for a variable that is not set."""
    headers = read_texts(name, value, is_secret=True)
    for key, variable in unknown(headers, environ).items():
        raise setting_error(
            f"{name}.{key}", f"the environment has no {variable}", f"export {variable}, or remove the header"
        )
    return filled(headers, environ)


def read_params(name: str, value: object) -> dict[str, Json]:
    """Return request parameters; raise UsageError for a parameter that the arm or the case sets."""
    params = read_table(name, value)
    for key in ("model", "messages", "input"):
        if key in params:
            raise setting_error(f"{name}.{key}", f"sets {key}, which the arm and the case decide", "remove it")
    return params  # type: ignore[return-value]  # apart from dates, TOML values are JSON values
