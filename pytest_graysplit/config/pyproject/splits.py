"""The sections `splits.NAME` as plain tables; `traffic/splitter/` builds splitters from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.config.pyproject.reading import (
    read_headers,
    read_params,
    read_table,
    read_texts,
    reject_unknown,
    setting_error,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json

SPLIT_FIELDS = ("arms", "salt", "anonymous", "version")
ARM_FIELDS = ("model", "weight", "name", "params", "headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitArm:
    """One arm of a configured split; the splitter checks the weight."""

    model: str
    weight: object
    name: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTable:
    """One configured split, with its dotted name for messages; the splitter checks all but the arms."""

    setting: str
    salt: object
    anonymous: object
    version: object
    arms: tuple[SplitArm, ...]


def read_split(name: str, value: object, environ: Mapping[str, str]) -> SplitTable:
    """Return the split of a section, salted by its name by default; raise UsageError that names the setting."""
    setting = f"splits.{name}"
    table = read_table(setting, value)
    reject_unknown(setting, table, SPLIT_FIELDS)
    arms = table.get("arms")
    if not isinstance(arms, list):
        raise setting_error(f"{setting}.arms", "is not a list of arms", 'arms = [{model = "today", weight = 0.9}, ...]')
    return SplitTable(
        setting=setting,
        salt=table.get("salt", name),
        anonymous=table.get("anonymous", "control"),
        version=table.get("version", 0),
        arms=tuple(_arm(f"{setting}.arms[{number}]", arm, environ) for number, arm in enumerate(arms)),
    )


def _arm(name: str, value: object, environ: Mapping[str, str]) -> SplitArm:
    table = read_table(name, value)
    reject_unknown(name, table, ARM_FIELDS)
    for needed in ("model", "weight"):
        if needed not in table:
            raise setting_error(name, f"has no {needed}", '{model = "deepseek-v3.2", weight = 0.1}')
    texts = read_texts(name, {key: table[key] for key in ("model", "name") if key in table})
    return SplitArm(
        model=texts["model"],
        weight=table["weight"],
        name=texts.get("name", ""),
        params=read_params(f"{name}.params", table.get("params")),
        headers=read_headers(f"{name}.headers", table.get("headers"), environ),
    )
