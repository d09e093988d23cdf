"""Settings of a run: default < ini < environment < command line, each value checked with the name of its source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_graysplit.config.address import query_secrets
from pytest_graysplit.config.credentials import OWN_KEY, Access, find_access
from pytest_graysplit.config.options import OPTIONS
from pytest_graysplit.config.policy import ALPHA, BOUNDS, MARGIN, PROMISE_ALPHA, Policy
from pytest_graysplit.config.pyproject import ProjectConfig
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from pytest_graysplit.config.options import Option
    from pytest_graysplit.types import EarlyStopWhen, Gate, Json, MinSimilarity, OnHold, RecordMode, Secret

# Common misspellings of model names.
BUILT_IN_ALIASES = {"gpt4.1": "gpt-4.1"}


class SettingsSource(NamedTuple):
    """The texts of options from one source, by option name, and the source's spelling of an option."""

    spell: Callable[[Option[Any]], str]
    texts: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a run, checked; a threshold that is None is not set.

    `fallback_similarity` is the number for `min_similarity` from the strongest source; it applies if auto cannot be
    calibrated.
    """

    control: str | None = None
    treatments: tuple[str, ...] = ()
    base_url: str = field(default="", repr=False)  # its query may hold a key
    address_given: bool = True
    address_problem: str = ""
    record: RecordMode = "new"
    record_reason: str = ""
    recordings: str | None = None
    min_similarity: MinSimilarity | None = None
    fallback_similarity: float | None = None
    metric: str = "lexical"
    max_latency_s: float | None = None
    max_latency_ratio: float | None = None
    samples: int = 1
    control_samples: int = 1
    params: Mapping[str, Json] = field(default_factory=dict)
    concurrency: int = 16
    requests_per_min: int | None = None
    timeout_s: float = 60.0
    retries: int = 3
    max_cost_usd: Decimal | None = None
    gate: Gate = "case"
    margin: float = MARGIN
    looks: tuple[int, ...] = ()
    on_hold: OnHold = "pass"
    early_stop: EarlyStopWhen | None = None
    json_path: str | None = None
    dashboard_port: int | None = None
    key: Secret | None = None
    key_variable: str = OWN_KEY
    idle_keys: Mapping[str, Secret] = field(default_factory=dict)
    table: ProjectConfig = field(default_factory=ProjectConfig)

    def samples_of(self, role: str, case_samples: int | None = None) -> int:
        """Return the number of replies per case of an arm; the control may need more."""
        samples = case_samples or self.samples
        return max(samples, self.control_samples) if role == "control" else samples

    def params_of(self, model: str) -> dict[str, Json]:
        """Return the request parameters of the model: those of both arms, then its own."""
        return {**self.params, **self.table.params_of(model)}

    @property
    def policy(self) -> Policy:
        """The bounds of the verdict."""
        own = self.table.verdict
        return Policy(
            margin=self.margin,
            bounds={**BOUNDS, **own.bounds},
            critical=own.critical,
            critical_tags=own.critical_tags,
            max_latency_s=self.max_latency_s,
            truncated=own.truncated,
            looks=self.looks,
            # An early stop for promise spends its part of alpha even if it does not happen.
            alpha=ALPHA - PROMISE_ALPHA if self.early_stop == "both" else ALPHA,
        )

    def check(self) -> None:
        """Raise UsageError for options that contradict each other, or that would fail after the run."""
        if self.treatments and self.control is None:
            raise UsageError(
                f"there is a treatment, {self.treatments[0]}, and no control to compare it with",
                hint="name the model you run today: --graysplit-control=MODEL, or graysplit_control in the ini file",
                slug=Slug.CONTROL_MISSING,
            )
        if self.looks and self.early_stop == "both":
            raise UsageError(
                f"planned looks ({', '.join(map(str, self.looks))}) do not go with --graysplit-early-stop=both, which "
                "looks after every case and would promote between them",
                hint="leave out --graysplit-looks (or looks in [tool.graysplit.verdict]), or stop for harm alone: "
                "--graysplit-early-stop=harm",
                slug=Slug.LOOKS_EARLY_STOP,
            )
        if self.treatments and self.min_similarity == "auto":
            self.check_auto("--graysplit-min-similarity=auto")

    def check_auto(self, asked: str, case_samples: int | None = None) -> None:
        """Raise UsageError if auto is set without a second reply of the control, which costs money."""
        if self.samples_of("control", case_samples) < 2:
            raise UsageError(
                f"{asked} needs two replies of the control to each case, and this run asks for one",
                hint="add --graysplit-control-samples=2: the"
                " second reply shows how consistent the control is with itself",
                slug=Slug.AUTO_SAMPLES,
            )

    @property
    def access(self) -> Access:
        """The address of requests, and the key for it."""
        return Access(
            base_url=self.base_url,
            given=self.address_given,
            key=self.key,
            variable=self.key_variable,
            idle=self.idle_keys,
            problem=self.address_problem,
        )

    def require_key(self, replay: str = "--graysplit-record=none") -> None:
        """Raise UsageError if requests must be sent, and there is no address or no key that belongs there."""
        self.access.require("replies must be fetched", f"replay with {replay}")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no recording, report or message may contain: all keys, and header values, which often hold one."""
        keys = [key.reveal() for key in (self.key, *self.idle_keys.values()) if key]
        values = [*keys, *query_secrets(self.base_url), *self.table.header_values()]
        return tuple(value for value in values if len(value) >= 8)  # shorter texts would blank ordinary words


def resolve(sources: Sequence[SettingsSource], table: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Build the settings from sources of texts, the strongest first, and the `[tool.graysplit]` table.

    Raises UsageError for the first value that cannot be used, naming it as its source spells it.
    """
    tool = ProjectConfig.read(table, environ)
    given = {option.name: values for option in OPTIONS if (values := _values(option, sources))}

    def first(name: str, default: Any = None) -> Any:
        return given[name][0] if name in given else default

    aliases = {**BUILT_IN_ALIASES, **tool.aliases}
    treatments = tuple(aliases.get(model, model) for model in given.get("treatment", ()))
    _reject_duplicates(treatments)
    access = find_access(first("base-url"), environ)
    record, record_reason = resolve_record(first("record", "auto"), environ, access)
    return Settings(
        control=aliases.get(first("control"), first("control")),
        treatments=treatments,
        base_url=access.base_url,
        address_given=access.given,
        address_problem=access.problem,
        record=record,
        record_reason=record_reason,
        recordings=first("recordings"),
        min_similarity=first("min-similarity"),
        fallback_similarity=_fixed_similarity(sources),
        metric=first("metric", "lexical"),
        max_latency_s=first("max-latency"),
        max_latency_ratio=first("max-latency-ratio"),
        samples=first("samples", 1),
        control_samples=first("control-samples", 1),
        params=dict(given.get("param", ())),
        concurrency=first("concurrency", 16),
        requests_per_min=first("rpm"),
        timeout_s=first("timeout", 60.0),
        retries=first("retries", 3),
        max_cost_usd=first("max-cost"),
        gate=first("gate", "case"),
        margin=first("margin", MARGIN),
        looks=first("looks", tool.verdict.looks),
        on_hold=first("on-hold", "pass"),
        early_stop=first("early-stop"),
        json_path=first("json"),
        dashboard_port=first("dashboard"),
        key=access.key,
        key_variable=access.variable,
        idle_keys=access.idle,
        table=tool.named(aliases),
    )


def resolve_record(mode: str, environ: Mapping[str, str], access: Access) -> tuple[RecordMode, str]:
    """Return the record mode, and the reason if `auto` chose it."""
    if mode != "auto":
        return cast("RecordMode", mode), ""
    if environ.get("CI", "").strip().lower() not in ("", "0", "false"):
        return "none", "CI is set"
    if not access.suffices:
        return "none", f"{OWN_KEY} is not set" if access.base_url else "no key is set"
    return "new", ""


def _values(option: Option[Any], sources: Sequence[SettingsSource]) -> list[Any]:
    for source in sources:
        if texts := source.texts.get(option.name):
            return [option.value_of(text, source.spell(option)) for text in texts]
    return []


def _fixed_similarity(sources: Sequence[SettingsSource]) -> float | None:
    option = next(option for option in OPTIONS if option.name == "min-similarity")
    given = (value for source in sources for value in _values(option, [source])[:1])
    return next((value for value in given if value != "auto"), None)


def _reject_duplicates(treatments: Sequence[str]) -> None:
    for model in treatments:
        if treatments.count(model) > 1:
            raise UsageError(
                f"two treatments are both named {model}",
                hint="give each candidate once (a model against itself is an A/A run: name it as control too)",
                slug=Slug.TREATMENT_TWICE,
            )
