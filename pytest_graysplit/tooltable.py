"""The `[tool.graysplit]` table of pyproject.toml: prices, aliases, headers, models, splits, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.errors import UsageError
from pytest_graysplit.options import nearest
from pytest_graysplit.policy import BOUNDS, PASS_RATE, ROWS
from pytest_graysplit.split import Split, TrafficSplitter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Json

SECTIONS = ("prices", "aliases", "headers", "models", "splits", "verdict", "semantic", "judge")
PRICE_FIELDS = ("input", "cached", "cache_write", "output")
MODEL_FIELDS = ("params", "headers")
SEMANTIC_FIELDS = ("model", "params")
JUDGE_FIELDS = ("model", "criteria", "params")
SPLIT_FIELDS = ("arms", "salt", "anonymous")
ARM_FIELDS = ("model", "weight", "name", "params", "headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedModel:
    """The model that a metric asks, what is sent with each request, and what a judge goes by (None: the default)."""

    model: str
    params: Mapping[str, Json] = field(default_factory=dict)
    criteria: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictTable:
    """The section `verdict`: which rows and tags decide, and bounds other than the usual ones."""

    critical: tuple[str, ...] = (PASS_RATE,)
    critical_tags: tuple[str, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Mapping[str, object]) -> VerdictTable:
        """Check the section as TOML gave it; raise UsageError that names the setting."""
        _refuse_unknown("verdict", table, ("critical", "critical_tags", "bounds"))
        critical = _names("verdict.critical", table.get("critical", [PASS_RATE]))
        _refuse_unknown("verdict.critical", dict.fromkeys(critical), ROWS)
        if not critical:
            raise _refuse("verdict.critical", "is empty", 'a verdict must rest on a row: critical = ["pass_rate"]')
        bounds = _section("verdict.bounds", table.get("bounds"))
        _refuse_unknown("verdict.bounds", bounds, tuple(BOUNDS))
        return cls(
            critical=critical,
            critical_tags=_names("verdict.critical_tags", table.get("critical_tags", [])),
            bounds={name: _bound(f"verdict.bounds.{name}", bound) for name, bound in bounds.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTable:
    """Structured settings, checked: prices in USD per million tokens, headers with their environment filled in."""

    prices: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    model_params: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    model_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    verdict: VerdictTable = field(default_factory=VerdictTable)
    semantic: AskedModel | None = None
    judge: AskedModel | None = None
    splits: Mapping[str, TrafficSplitter] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Mapping[str, object], environ: Mapping[str, str]) -> ToolTable:
        """Check the table as TOML gave it; raise UsageError that names the setting."""
        _refuse_unknown("", table, SECTIONS)
        models = {
            name: _section(f"models.{name}", own) for name, own in _section("models", table.get("models")).items()
        }
        for name, own in models.items():
            _refuse_unknown(f"models.{name}", own, MODEL_FIELDS)
        return cls(
            prices={
                name: _price(f"prices.{name}", own) for name, own in _section("prices", table.get("prices")).items()
            },
            aliases=_texts("aliases", table.get("aliases")),
            headers=_headers("headers", table.get("headers"), environ),
            model_params={name: _params(f"models.{name}.params", own.get("params")) for name, own in models.items()},
            model_headers={
                name: _headers(f"models.{name}.headers", own.get("headers"), environ) for name, own in models.items()
            },
            verdict=VerdictTable.read(_section("verdict", table.get("verdict"))),
            semantic=_asked("semantic", table.get("semantic"), SEMANTIC_FIELDS),
            judge=_asked("judge", table.get("judge"), JUDGE_FIELDS),
            splits={
                name: _splitter(f"splits.{name}", name, own, environ)
                for name, own in _section("splits", table.get("splits")).items()
            },
        )

    def named(self, aliases: Mapping[str, str]) -> ToolTable:
        """Return the table with the models that metrics ask under their own names."""

        def named(asked: AskedModel | None) -> AskedModel | None:
            return asked and replace(asked, model=aliases.get(asked.model, asked.model))

        splits = {name: splitter.named(aliases) for name, splitter in self.splits.items()}
        return replace(self, semantic=named(self.semantic), judge=named(self.judge), splits=splits)

    def params_of(self, model: str) -> Mapping[str, Json]:
        """Return the request parameters that only this model gets."""
        return self.model_params.get(model, {})

    @property
    def asked_models(self) -> tuple[str, ...]:
        """The models that metrics may ask, whether or not a case uses such a metric."""
        return tuple(dict.fromkeys(asked.model for asked in (self.semantic, self.judge) if asked))

    def headers_of(self, model: str) -> dict[str, str]:
        """Return the extra request headers of the model: the common ones, then its own."""
        return {**self.headers, **self.model_headers.get(model, {})}

    def header_values(self) -> Iterator[str]:
        """Yield every header value, because any of them may be a credential."""
        yield from self.headers.values()
        for own in self.model_headers.values():
            yield from own.values()
        for splitter in self.splits.values():
            for split in splitter.splits:
                yield from split.headers.values()


def _refuse(name: str, problem: str, hint: str) -> UsageError:
    return UsageError(f"pyproject.toml [tool.graysplit] {name}: {problem}", hint=hint, slug="tool-graysplit")


def _refuse_unknown(name: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            dotted = f"{name}.{key}" if name else key
            raise _refuse(dotted, f"unknown setting{nearest(key, known)}", f"known here: {', '.join(known)}")


def _section(name: str, value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse(name, f"{value!r} is not a table", f"write it as [tool.graysplit.{name}]")
    return value


def _names(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _refuse(name, f"{value!r} is not a list of names", 'write it as ["one", "two"]')
    return tuple(value)


def _bound(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise _refuse(name, f"{value!r} is not a number of 0 or more", "write a plain number such as 1.25")
    return float(value)


def _texts(name: str, value: object) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, text in _section(name, value).items():
        if not isinstance(text, str):
            raise _refuse(f"{name}.{key}", f"{text!r} is not a text", "put the value in quotes")
        texts[key] = text
    return texts


def _headers(name: str, value: object, environ: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, text in _texts(name, value).items():
        variable = text.removeprefix("$")
        if text.startswith("$") and variable not in environ:
            raise _refuse(
                f"{name}.{key}", f"the environment has no {variable}", f"export {variable}, or remove the header"
            )
        headers[key] = environ[variable] if text.startswith("$") else text
    return headers


def _asked(name: str, value: object, known: tuple[str, ...]) -> AskedModel | None:
    if value is None:
        return None
    table = _section(name, value)
    _refuse_unknown(name, table, known)
    for key in ("model", "criteria"):
        text = table.get(key, "?")
        if not isinstance(text, str) or not text.strip():
            raise _refuse(f"{name}.{key}", f"{text!r} is not a text that says something", "put the value in quotes")
    if "model" not in table:
        raise _refuse(name, "names no model", f'[tool.graysplit.{name}] model = "..."')
    criteria = table.get("criteria")
    return AskedModel(
        model=str(table["model"]).strip(),
        params=_params(f"{name}.params", table.get("params")),
        criteria=None if criteria is None else str(criteria).strip(),
    )


def _splitter(name: str, salt: str, value: object, environ: Mapping[str, str]) -> TrafficSplitter:
    table = _section(name, value)
    _refuse_unknown(name, table, SPLIT_FIELDS)
    arms = table.get("arms")
    if not isinstance(arms, list):
        raise _refuse(f"{name}.arms", "is no list of arms", 'arms = [{model = "today", weight = 0.9}, ...]')
    splits = [_split(f"{name}.arms[{place}]", arm, environ) for place, arm in enumerate(arms)]
    try:
        # Their kinds are checked where any splitter is built, with better words than a table has.
        return TrafficSplitter(splits, salt=table.get("salt", salt), anonymous=table.get("anonymous", "control"))  # type: ignore[arg-type]
    except UsageError as error:
        raise _refuse(name, error.problem, error.hint) from None


def _split(name: str, value: object, environ: Mapping[str, str]) -> Split:
    table = _section(name, value)
    _refuse_unknown(name, table, ARM_FIELDS)
    for needed in ("model", "weight"):
        if needed not in table:
            raise _refuse(name, f"has no {needed}", '{model = "deepseek-v3.2", weight = 0.1}')
    texts = _texts(name, {key: table[key] for key in ("model", "name") if key in table})
    return Split(
        texts["model"],
        table["weight"],  # type: ignore[arg-type] # the splitter checks it
        name=texts.get("name", ""),
        params=_params(f"{name}.params", table.get("params")),
        headers=_headers(f"{name}.headers", table.get("headers"), environ),
    )


def _params(name: str, value: object) -> dict[str, Json]:
    params = _section(name, value)
    for key in ("model", "messages", "input"):
        if key in params:
            raise _refuse(f"{name}.{key}", f"sets {key}, which the arm and the case decide", "remove it")
    return params  # type: ignore[return-value]  # TOML holds nothing that JSON does not, but for dates


def _price(name: str, value: object) -> dict[str, Decimal]:
    table = _section(name, value)
    _refuse_unknown(name, table, PRICE_FIELDS)
    for needed in ("input", "output"):
        if needed not in table:
            raise _refuse(name, f"has no {needed} price", f"{name} = {{input = 0.28, cached = 0.028, output = 0.42}}")
    price: dict[str, Decimal] = {}
    for key, amount in table.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < math.inf:
            raise _refuse(f"{name}.{key}", f"{amount!r} is not a price", "write USD per million tokens, such as 0.28")
        price[key] = Decimal(str(amount))
    return price
