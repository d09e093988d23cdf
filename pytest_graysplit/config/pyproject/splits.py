"""The sections `splits.NAME`, as plain tables: each describes a traffic splitter, which live traffic builds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.config.pyproject.reading import headers_of, params_of, refuse_unknown, refused, section, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json

SPLIT_FIELDS = ("arms", "salt", "anonymous")
ARM_FIELDS = ("model", "weight", "name", "params", "headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitArm:
    """One arm of a configured split; the weight is unchecked until a splitter is built."""

    model: str
    weight: object
    name: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTable:
    """One configured split, with its dotted name for messages; the salt and `anonymous` are unchecked."""

    setting: str
    salt: object
    anonymous: object
    arms: tuple[SplitArm, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)


def split_of(name: str, value: object, environ: Mapping[str, str]) -> SplitTable:
    """Return the split of a section, salted by its name by default; raise UsageError that names the setting."""
    setting = f"splits.{name}"
    table = section(setting, value)
    refuse_unknown(setting, table, SPLIT_FIELDS)
    arms = table.get("arms")
    if not isinstance(arms, list):
        raise refused(f"{setting}.arms", "is not a list of arms", 'arms = [{model = "today", weight = 0.9}, ...]')
    return SplitTable(
        setting=setting,
        salt=table.get("salt", name),
        anonymous=table.get("anonymous", "control"),
        arms=tuple(_arm(f"{setting}.arms[{place}]", arm, environ) for place, arm in enumerate(arms)),
    )


def _arm(name: str, value: object, environ: Mapping[str, str]) -> SplitArm:
    table = section(name, value)
    refuse_unknown(name, table, ARM_FIELDS)
    for needed in ("model", "weight"):
        if needed not in table:
            raise refused(name, f"has no {needed}", '{model = "deepseek-v3.2", weight = 0.1}')
    texts = texts_of(name, {key: table[key] for key in ("model", "name") if key in table})
    return SplitArm(
        model=texts["model"],
        weight=table["weight"],
        name=texts.get("name", ""),
        params=params_of(f"{name}.params", table.get("params")),
        headers=headers_of(f"{name}.headers", table.get("headers"), environ),
    )
