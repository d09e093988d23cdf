"""Build the traffic splitters of `[tool.graysplit.splits.NAME]`, and find the configured arms that splits name."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from pytest_graysplit.config.address import query_secrets, shown_address
from pytest_graysplit.config.credentials import HOMES
from pytest_graysplit.config.options import nearest
from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.config.pyproject.reading import setting_error
from pytest_graysplit.config.settings import BUILT_IN_ALIASES
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter.arms import Split
from pytest_graysplit.traffic.splitter.splitter import TrafficSplitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config.pyproject.arms import ArmTable
    from pytest_graysplit.config.pyproject.splits import SplitArm, SplitTable
    from pytest_graysplit.config.settings import Settings


def load_splitter(name: str, project: str | os.PathLike[str] = PROJECT_FILE) -> TrafficSplitter:
    """Return the splitter that `[tool.graysplit.splits.NAME]` of a pyproject.toml describes.

    Raises UsageError for an unknown name, with the nearest known one, and for weights that do not sum to one.
    """
    path = Path(project)
    settings = read_settings(path, os.environ)
    splits = settings.table.splits
    if name not in splits:
        raise UsageError(
            f"{path} has no split {name!r}{nearest(name, list(splits))}",
            hint=f"write [tool.graysplit.splits.{name}] with arms = [{{model = ..., weight = ...}}, ...]",
            slug=Slug.SPLIT_UNKNOWN,
        )
    return build_splitter(splits[name], settings)


def build_splitter(table: SplitTable, settings: Settings) -> TrafficSplitter:
    """Return the splitter of a section with the models of its arms; raise UsageError that names the section."""
    try:
        # The splitter itself checks the types of these values.
        splitter = TrafficSplitter(
            [_split(arm) for arm in table.arms],
            salt=table.salt,  # type: ignore[arg-type]
            anonymous=table.anonymous,  # type: ignore[arg-type]
            version=table.version,  # type: ignore[arg-type]
        )
    except UsageError as error:
        raise setting_error(table.setting, error.problem, error.hint) from None
    return with_arms(splitter, settings)


def with_arms(splitter: TrafficSplitter, settings: Settings) -> TrafficSplitter:
    """Return the splitter with the models that its configured arms and aliases stand for; the names of its arms stay.

    Without any of them it is the same object. Raises UsageError for a system prompt that cannot be read.
    """
    aliases = {**BUILT_IN_ALIASES, **settings.table.aliases}
    splits = [_with_arm(split, settings, aliases) for split in splitter.splits]
    return splitter if splits == list(splitter.splits) else splitter.with_splits(splits)


def _split(arm: SplitArm) -> Split:
    return Split(arm.model, arm.weight, name=arm.name, params=arm.params, headers=arm.headers)  # type: ignore[arg-type]


def _with_arm(split: Split, settings: Settings, aliases: Mapping[str, str]) -> Split:
    model = aliases.get(split.model, split.model)
    name = split.table or model
    table = settings.table.arms.get(name)
    if table is None:
        return replace(split, model=model)
    arm = settings.arm(name)
    return replace(split, model=arm.model, table=name, fingerprint=_fingerprint_of(table, arm.system))


def _fingerprint_of(table: ArmTable, system: str | None) -> str:
    """Return eight letters that change with the table of an arm; empty for a table with a model and a price alone.

    They are the same on every machine: a header counts as the table has it, and neither key nor secret is included.
    """
    secrets = query_secrets(table.base_url)
    query = parse_qsl(urlsplit(table.base_url).query, keep_blank_values=True)
    configuration = {
        "params": {name: value for name, value in table.params.items() if name not in table.unset},
        "unset": sorted(table.unset),
        "base_url": shown_address(table.base_url),
        "query": [(name, "" if value in secrets else value) for name, value in query],
        # Without an address, the variable of a vendor decides where requests go.
        "vendor": table.api_key_env if not table.base_url and table.api_key_env in HOMES else "",
        "headers": {name.lower(): text for name, text in table.headers.items()},
        "system": system or "",
    }
    if not any(configuration.values()):
        return ""
    text = json.dumps(configuration, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
