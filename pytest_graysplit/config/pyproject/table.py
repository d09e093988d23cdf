"""The `[tool.graysplit]` table of pyproject.toml: prices, aliases, headers, models, arms, splits, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import checked_looks
from pytest_graysplit.config.policy import BOUNDS, PASS_RATE, RETENTION, ROWS, SHARES, TRUNCATED, WAIT_QUANTILES
from pytest_graysplit.config.pyproject.app import AppTable
from pytest_graysplit.config.pyproject.arms import ArmTable, read_arms, reject_names
from pytest_graysplit.config.pyproject.prices import read_price
from pytest_graysplit.config.pyproject.reading import (
    read_headers,
    read_names,
    read_params,
    read_table,
    read_texts,
    reject_unknown,
    setting_error,
)
from pytest_graysplit.config.pyproject.rollback import Rollback, read_rollback
from pytest_graysplit.config.pyproject.signals import read_signals
from pytest_graysplit.config.pyproject.splits import SplitTable, read_split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from pytest_graysplit.config.policy import SignalRule
    from pytest_graysplit.types import Json

SECTIONS = (
    "prices", "aliases", "headers", "models", "arms", "splits", "verdict", "semantic", "judge", "guards", "rollback",
    "app",
)  # fmt: skip
VERDICT_FIELDS = ("critical", "critical_tags", "bounds", "truncated", "looks", "signals")
MODEL_FIELDS = ("params", "headers")
SEMANTIC_FIELDS = ("model", "params")
JUDGE_FIELDS = ("model", "criteria", "params", "labels")
GUARD_FIELDS = ("judge",)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricModel:
    """A model that a metric calls, and the parameters of its requests.

    A judge may have criteria (None: the default), and a file of labels that show its errors.
    """

    model: str
    params: Mapping[str, Json] = field(default_factory=dict)
    criteria: str | None = None
    labels: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictTable:
    """The section `verdict`: deciding rows and tags, other bounds, planned looks, and the allowed share of cut-offs."""

    critical: tuple[str, ...] = (PASS_RATE,)
    critical_tags: tuple[str, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    truncated: float = TRUNCATED
    looks: tuple[int, ...] = ()
    signals: Mapping[str, SignalRule] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Mapping[str, object]) -> VerdictTable:
        """Check the section; raise UsageError that names the setting."""
        reject_unknown("verdict", table, VERDICT_FIELDS)
        critical = read_names("verdict.critical", table.get("critical", [PASS_RATE]))
        reject_unknown("verdict.critical", dict.fromkeys(critical), ROWS)
        bounds = read_table("verdict.bounds", table.get("bounds"))
        reject_unknown("verdict.bounds", bounds, (*BOUNDS, *WAIT_QUANTILES))
        _check_critical(critical, bounds)
        return cls(
            critical=critical,
            critical_tags=read_names("verdict.critical_tags", table.get("critical_tags", [])),
            bounds={name: _bound(f"verdict.bounds.{name}", bound) for name, bound in bounds.items()},
            truncated=_bound("verdict.truncated", table.get("truncated", TRUNCATED)),
            looks=_looks(table["looks"]) if "looks" in table else (),
            signals=read_signals(table.get("signals")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectConfig:
    """The checked table: prices in USD per million tokens, headers with environment variables filled in."""

    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    model_params: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    model_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    verdict: VerdictTable = field(default_factory=VerdictTable)
    semantic: MetricModel | None = None
    judge: MetricModel | None = None
    judges_flags: bool = False
    arms: Mapping[str, ArmTable] = field(default_factory=dict)
    splits: Mapping[str, SplitTable] = field(default_factory=dict)
    rollback: Rollback | None = None
    app: AppTable = field(default_factory=AppTable)

    @classmethod
    def read(cls, table: Mapping[str, object], environ: Mapping[str, str], folder: Path | None = None) -> ProjectConfig:
        """Check the table of the pyproject.toml in a folder; raise UsageError that names the setting."""
        reject_unknown("", table, SECTIONS)
        models = {
            name: read_table(f"models.{name}", own) for name, own in read_table("models", table.get("models")).items()
        }
        for name, own in models.items():
            reject_unknown(f"models.{name}", own, MODEL_FIELDS)
        return cls(
            prices={
                name: read_price(f"prices.{name}", own)
                for name, own in read_table("prices", table.get("prices")).items()
            },
            aliases=read_texts("aliases", table.get("aliases")),
            headers=read_headers("headers", table.get("headers"), environ),
            model_params={
                name: read_params(f"models.{name}.params", own.get("params")) for name, own in models.items()
            },
            model_headers={
                name: read_headers(f"models.{name}.headers", own.get("headers"), environ)
                for name, own in models.items()
            },
            verdict=VerdictTable.read(read_table("verdict", table.get("verdict"))),
            semantic=_metric_model("semantic", table.get("semantic"), SEMANTIC_FIELDS, folder),
            judge=_metric_model("judge", table.get("judge"), JUDGE_FIELDS, folder),
            judges_flags=_judges_flags(table),
            arms=read_arms(table.get("arms"), folder),
            splits={
                name: read_split(name, own, environ) for name, own in read_table("splits", table.get("splits")).items()
            },
            rollback=read_rollback(table.get("rollback")),
            app=AppTable.read(read_table("app", table.get("app"))),
        )

    def named(self, aliases: Mapping[str, str]) -> ProjectConfig:
        """Return the table with aliases of models resolved; raise UsageError for an arm that is named like a model."""

        def named(metric_model: MetricModel | None) -> MetricModel | None:
            return metric_model and replace(metric_model, model=aliases.get(metric_model.model, metric_model.model))

        arms = {name: replace(arm, model=aliases.get(arm.model, arm.model)) for name, arm in self.arms.items()}
        reject_names(arms, {*self.prices, *self.model_params}, aliases)
        return replace(self, semantic=named(self.semantic), judge=named(self.judge), arms=arms)

    def params_of(self, model: str) -> Mapping[str, Json]:
        """Return the request parameters of this model alone."""
        return self.model_params.get(model, {})

    def headers_of(self, model: str) -> dict[str, str]:
        """Return the extra request headers of the model: the common ones, then its own."""
        return {**self.headers, **self.model_headers.get(model, {})}

    def header_values(self) -> Iterator[str]:
        """Yield every header value, because any of them may be a secret."""
        yield from self.headers.values()
        for own in self.model_headers.values():
            yield from own.values()
        for split in self.splits.values():
            for arm in split.arms:
                yield from arm.headers.values()


def _judges_flags(table: Mapping[str, object]) -> bool:
    """Read whether the judge decides about pairs that a guard flags."""
    own = read_table("guards", table.get("guards"))
    reject_unknown("guards", own, GUARD_FIELDS)
    asks = own.get("judge", False)
    if not isinstance(asks, bool):
        raise setting_error("guards.judge", f"expected true or false, got {asks!r}", "true lets the judge decide")
    if asks and "judge" not in table:
        hint = 'name it: [tool.graysplit.judge] model = "gpt-4.1" (a model, or the name of an arm)'
        raise setting_error("guards.judge", "there is no judge to ask", hint)
    return asks


def _check_critical(critical: tuple[str, ...], bounds: Mapping[str, object]) -> None:
    if not critical:
        raise setting_error("verdict.critical", "is empty", 'a verdict must rest on a row: critical = ["pass_rate"]')
    if all(name in WAIT_QUANTILES for name in critical):
        raise setting_error(
            "verdict.critical",
            "has only rows of live traffic, so a test run would rest on none",
            f'add a row: critical = ["pass_rate", "{critical[0]}"]',
        )
    for name in critical:
        if name in WAIT_QUANTILES and name not in bounds:
            raise setting_error(
                "verdict.critical",
                f"{name} decides, and has no bound",
                f"give one in seconds: [tool.graysplit.verdict.bounds] {name} = 3.0",
            )


def _bound(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise setting_error(name, f"{value!r} is not a number of 0 or more", "write a plain number such as 1.25")
    is_share = name.rpartition(".")[2] in (*SHARES, "truncated")
    if is_share and value >= 1:
        raise setting_error(name, f"{value!r} is not a share below 1", "write 0.02 for two points of a hundred")
    if not value and name.endswith(RETENTION):
        raise setting_error(name, "0 checks nothing", "write 0.8 for eight of ten passes")
    if name.rpartition(".")[2] in WAIT_QUANTILES and not value:
        raise setting_error(name, "a time must be above 0", "write seconds, such as 3.0")
    if not is_share and not value:
        raise setting_error(
            name, "a ratio must be above 0", "write a number above 0, such as 0.5: at most half as much"
        )
    return float(value)


def _looks(value: object) -> tuple[int, ...]:
    try:
        return checked_looks(value if isinstance(value, list) else [value])
    except ValueError as error:
        raise setting_error("verdict.looks", f"{value!r} {error}", "write looks = [100, 200, 400]") from None


def _metric_model(name: str, value: object, known: tuple[str, ...], folder: Path | None) -> MetricModel | None:
    if value is None:
        return None
    table = read_table(name, value)
    reject_unknown(name, table, known)
    for key in ("model", "criteria", "labels"):
        text = table.get(key, "?")
        if not isinstance(text, str) or not text.strip():
            raise setting_error(f"{name}.{key}", f"{text!r} is blank, or not a text", "put the value in quotes")
    if "model" not in table:
        raise setting_error(name, "names no model", f'[tool.graysplit.{name}] model = "..."')
    criteria, labels = table.get("criteria"), table.get("labels")
    return MetricModel(
        model=str(table["model"]).strip(),
        params=read_params(f"{name}.params", table.get("params")),
        criteria=None if criteria is None else str(criteria).strip(),
        labels=None if labels is None else (folder or Path()) / str(labels).strip(),
    )
