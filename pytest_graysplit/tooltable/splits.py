"""The sections `splits.NAME`: each describes a traffic splitter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import UsageError
from pytest_graysplit.split import Split, TrafficSplitter
from pytest_graysplit.tooltable.reading import headers_of, params_of, refuse_unknown, refused, section, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SPLIT_FIELDS = ("arms", "salt", "anonymous")
ARM_FIELDS = ("model", "weight", "name", "params", "headers")


def splitter_of(name: str, salt: str, value: object, environ: Mapping[str, str]) -> TrafficSplitter:
    """Return the splitter that a section describes, salted by its name; raise UsageError for what describes none."""
    table = section(name, value)
    refuse_unknown(name, table, SPLIT_FIELDS)
    arms = table.get("arms")
    if not isinstance(arms, list):
        raise refused(f"{name}.arms", "is no list of arms", 'arms = [{model = "today", weight = 0.9}, ...]')
    splits = [_split(f"{name}.arms[{place}]", arm, environ) for place, arm in enumerate(arms)]
    try:
        # Their kinds are checked where any splitter is built, with better words than a table has.
        return TrafficSplitter(splits, salt=table.get("salt", salt), anonymous=table.get("anonymous", "control"))  # type: ignore[arg-type]
    except UsageError as error:
        raise refused(name, error.problem, error.hint) from None


def _split(name: str, value: object, environ: Mapping[str, str]) -> Split:
    table = section(name, value)
    refuse_unknown(name, table, ARM_FIELDS)
    for needed in ("model", "weight"):
        if needed not in table:
            raise refused(name, f"has no {needed}", '{model = "deepseek-v3.2", weight = 0.1}')
    texts = texts_of(name, {key: table[key] for key in ("model", "name") if key in table})
    return Split(
        texts["model"],
        table["weight"],  # type: ignore[arg-type] # the splitter checks it
        name=texts.get("name", ""),
        params=params_of(f"{name}.params", table.get("params")),
        headers=headers_of(f"{name}.headers", table.get("headers"), environ),
    )
