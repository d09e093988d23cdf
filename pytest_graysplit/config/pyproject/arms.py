"""The sections `arms.NAME` as checked tables; the settings make arms of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.config.address import masked, read_address, shown_address
from pytest_graysplit.config.credentials import HOMES, looks_like_a_key
from pytest_graysplit.config.pyproject.prices import read_price
from pytest_graysplit.config.pyproject.reading import (
    read_names,
    read_params,
    read_table,
    read_texts,
    reject_unknown,
    setting_error,
)
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from pytest_graysplit.types import Json

ARM_FIELDS = ("model", "params", "unset", "base_url", "api_key_env", "headers", "system", "price")
FILE = "file:"
# The parts that every request needs, so that no arm may remove them.
NEEDED = ("model", "messages", "input")
# They divide node ids, which have the names of arms in brackets.
DIVIDERS = ("::", "[", "]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTable:
    """One configured arm; `system` is a text, or the name of a file after `file:`, relative to `folder`.

    A header whose value begins with $ names an environment variable.
    """

    setting: str
    model: str
    params: Mapping[str, Json] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    base_url: str = field(default="", repr=False)
    api_key_env: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    system: str | None = None
    price: Mapping[str, Decimal] | None = None
    folder: Path | None = None

    @property
    def source(self) -> str:
        """The file of the system prompt as the table names it; empty for a text."""
        return (self.system or "").removeprefix(FILE).strip() if (self.system or "").startswith(FILE) else ""

    @property
    def endpoint_hash(self) -> str:
        """Eight hexadecimal digits of the address and the headers as written, without secrets; empty without any."""
        if not (self.base_url or self.headers or self.api_key_env in HOMES):
            return ""
        headers = sorted((name.lower(), text) for name, text in self.headers.items())
        address = shown_address(self.base_url) if self.base_url else self.api_key_env
        return hashlib.sha256(json.dumps([address, headers]).encode("utf-8", "backslashreplace")).hexdigest()[:8]

    def system_text(self) -> str | None:
        """Return the system prompt; raise UsageError for a file that cannot be read, or is outside the project."""
        if not self.source:
            return self.system
        folder = (self.folder or Path()).resolve()
        name = f"{self.setting}.system"
        try:
            path = (folder / self.source).resolve()
            if not path.is_relative_to(folder):
                hint = f"move the file below {folder.name}/"
                raise setting_error(name, f"{self.source} is outside the project", hint)
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:  # a RuntimeError for a loop of links
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            hint = 'write system = "file:prompts/v2.md", relative to pyproject.toml, or the prompt itself in quotes'
            raise setting_error(name, f"{self.source} cannot be read: {why}", hint) from None
        if not text.strip():
            raise setting_error(name, f"{self.source} is empty", "write the system prompt into the file")
        return text.removesuffix("\n")


def read_arms(value: object, folder: Path | None) -> dict[str, ArmTable]:
    """Return the configured arms by name; raise UsageError that names the setting."""
    return {name: _read_arm(name, own, folder) for name, own in read_table("arms", value).items()}


def reject_names(arms: Mapping[str, ArmTable], models: Collection[str], aliases: Mapping[str, str]) -> None:
    """Raise UsageError for an arm that has the name of the control's role, or of another configured model."""
    for name, arm in arms.items():
        setting = f"arms.{name}"
        if name == CONTROL:
            raise setting_error(setting, "control is the name of a role", "choose another name, such as today")
        others = {*models, *aliases, *aliases.values(), *(other.model for other in arms.values())} - {arm.model}
        if name in others:
            raise setting_error(
                setting, f"{name} is also the name of a model in this file", "choose a name that no model has"
            )


def _read_arm(name: str, value: object, folder: Path | None) -> ArmTable:
    setting = f"arms.{name}"
    table = read_table(setting, value)
    reject_unknown(setting, table, ARM_FIELDS)
    if not name.isprintable() or name != name.strip() or not name or any(part in name for part in DIVIDERS):
        hint = f"name the arm with letters, such as low-effort, without {', '.join(DIVIDERS)}"
        raise setting_error("arms", f"{name!r} is not a name", hint)
    texts = read_texts(
        setting, {key: table[key] for key in ("model", "base_url", "api_key_env") if key in table}, is_secret=True
    )
    for key, text in texts.items():
        if not text.strip():
            raise setting_error(f"{setting}.{key}", "is empty", "write a text, or remove the line")
    if "model" not in texts:
        raise setting_error(setting, "names no model", f'[tool.graysplit.{setting}] model = "gpt-4.1"')
    return ArmTable(
        setting=setting,
        model=texts["model"].strip(),
        params=read_params(f"{setting}.params", table.get("params")),
        unset=_read_unset(f"{setting}.unset", table.get("unset", [])),
        base_url=_read_address(f"{setting}.base_url", texts.get("base_url")),
        api_key_env=_read_variable(f"{setting}.api_key_env", texts.get("api_key_env", "").strip()),
        headers=read_texts(f"{setting}.headers", table.get("headers"), is_secret=True),
        system=_read_system(f"{setting}.system", table.get("system")),
        price=read_price(f"{setting}.price", table["price"]) if "price" in table else None,
        folder=folder,
    )


def _read_unset(name: str, value: object) -> tuple[str, ...]:
    unset = read_names(name, value)
    for param in unset:
        if not param or param != param.strip():
            raise setting_error(name, f"{param!r} is not the name of a parameter", "write it without blanks")
        if param in NEEDED:
            raise setting_error(name, f"removes {param}, which every request needs", "name request parameters only")
    return tuple(dict.fromkeys(unset))


def _read_address(name: str, text: str | None) -> str:
    if text is None:
        return ""
    try:
        return read_address(text)
    except ValueError as error:
        raise setting_error(name, f"{masked(text)!r} {error}", 'write it as "http://127.0.0.1:8000/v1"') from None


def _read_variable(name: str, text: str) -> str:
    """Return the name of an environment variable; a key in its place is not quoted."""
    is_name = text.isascii() and text.replace("_", "").isalnum() and not text[0].isdigit()
    if text and (not is_name or looks_like_a_key(text)):
        raise setting_error(
            name,
            "is not the name of an environment variable, or it looks like a key",
            'name the variable that holds the key: "VLLM_API_KEY"',
        )
    return text


def _read_system(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip().removeprefix(FILE).strip():
        raise setting_error(name, f"{value!r} is not a prompt", 'write "file:prompts/v2.md", or the prompt in quotes')
    return value.strip() if value.lstrip().startswith(FILE) else value
