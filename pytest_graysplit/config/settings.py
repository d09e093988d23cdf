"""Settings of a run: default < ini < environment < command line, each value checked with the name of its source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_graysplit.config.address import query_secrets
from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import OWN_KEY, Access, find_access, find_arm_access
from pytest_graysplit.config.options import OPTIONS
from pytest_graysplit.config.policy import ALPHA, BOUNDS, MARGIN, PROMISE_ALPHA, Policy
from pytest_graysplit.config.pyproject import ProjectConfig
from pytest_graysplit.config.pyproject.reading import filled, unknown
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from pytest_graysplit.config.options import Option
    from pytest_graysplit.config.pyproject import MetricModel
    from pytest_graysplit.types import EarlyStopWhen, Gate, Json, MinSimilarity, OnHold, RecordMode

# Keys that only an application under test sends, to models that are not.
APPLICATION_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# Common misspellings of model names.
BUILT_IN_ALIASES = {"gpt4.1": "gpt-4.1"}


class SettingsSource(NamedTuple):
    """The texts of options from one source, by option name, and the source's spelling of an option."""

    spell: Callable[[Option[Any]], str]
    texts: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a run, checked; a threshold that is None is not set.

    `control` and `treatments` are names of arms: of configured ones, or of models. `fallback_similarity` is the number
    for `min_similarity` from the strongest source; it applies if auto cannot be calibrated. `arm_access` has the
    endpoint of each configured arm, and whether its table decides it; `arm_headers` the headers of its own with
    environment variables filled in, and `unknown_headers` those whose variable is not set, with that variable.
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
    application_keys: tuple[Secret, ...] = ()  # never sent by an arm, and to be redacted
    table: ProjectConfig = field(default_factory=ProjectConfig)
    arm_access: Mapping[str, tuple[Access, bool]] = field(default_factory=dict, repr=False)
    arm_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    unknown_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _arms: dict[str, Arm] = field(default_factory=dict, init=False, repr=False, compare=False)

    def samples_of(self, role: str, case_samples: int | None = None) -> int:
        """Return the number of replies per case of an arm; the control may need more."""
        samples = case_samples or self.samples
        return max(samples, self.control_samples) if role == "control" else samples

    def of_control_alone(self) -> Settings:
        """Return the settings of a run that replays the control in both roles, and writes no report."""
        own = () if self.control is None else (self.control,)
        return replace(
            self, treatments=own, record="none", record_reason="", gate="case", early_stop=None, json_path=None
        )

    def arm(self, name: str) -> Arm:
        """Return the arm of that name, or the plain arm of the model of that name.

        Raises UsageError if its system prompt cannot be read.
        """
        if name not in self._arms:
            self._arms[name] = self._built_arm(name)
        return self._arms[name]

    def _built_arm(self, name: str) -> Arm:
        table, own = self.table, self.table.arms.get(name)
        model = name if own is None else own.model
        access, has_own_endpoint = self.arm_access.get(name, (self.access, False))
        own_headers = {**self.arm_headers.get(name, {})}
        unknown = self.unknown_headers.get(name, {})
        own_params = {**table.params_of(model), **(own.params if own else {})}
        return Arm(
            name=name,
            model=model,
            params={**self.params, **own_params},
            own_params=own_params,
            unset=own.unset if own else (),
            system=own.system_text() if own else None,
            source=own.source if own else "",
            # The headers of the run may hold its secrets, so they go to its own address only.
            headers=own_headers if has_own_endpoint else {**table.headers_of(model), **own_headers},
            unknown=unknown,
            price=own.price if own else None,
            access=access,
            has_own_endpoint=has_own_endpoint,
            has_own_headers=bool(own_headers or unknown),
            is_configured=own is not None,
            endpoint_hash=own.endpoint_hash if own else "",
        )

    def metric_arm(self, metric: MetricModel) -> Arm:
        """Return the arm that a metric asks; its prompts are those of the metric, and it has no parameters of a run.

        The parameters of the metric's own section override those of the arm.
        """
        arm, own = self.arm(metric.model), self.table.arms.get(metric.model)
        params = {**(own.params if own else {}), **metric.params}
        name = "judge" if metric is self.table.judge else "semantic"
        return replace(arm, params=params, own_params=metric.params, system=None, metric=name)

    @property
    def metric_arms(self) -> tuple[Arm, ...]:
        """The arms that metrics may ask, used or not."""
        return tuple(self.metric_arm(metric) for metric in (self.table.semantic, self.table.judge) if metric)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms of the run, the control first; empty in a run without a treatment."""
        names = [self.control, *self.treatments] if self.control is not None and self.treatments else []
        return tuple(map(self.arm, names))

    @property
    def prices(self) -> dict[str, Mapping[str, Decimal]]:
        """The prices of the project: those of models by their names, and those of arms as `Arm.priced_as` says."""
        own = {f"arm {name}": arm.price for name, arm in self.table.arms.items() if arm.price is not None}
        return {**self.table.prices, **own}

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
            signals=own.signals,
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
        self._check_arms()
        if self.treatments and self.min_similarity == "auto":
            self.check_auto("--graysplit-min-similarity=auto")

    def _check_arms(self) -> None:
        """Raise UsageError for two treatments of one configuration, and for an arm that cannot be built."""
        for number, arm in enumerate(self.arms):
            for other in self.arms[1:number]:
                if arm.is_same_as(other):
                    raise UsageError(
                        f"the treatments {other.name} and {arm.name} have the same configuration",
                        hint="give each candidate once, or let their tables in [tool.graysplit.arms] differ",
                        slug=Slug.TREATMENT_TWICE,
                    )

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

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no recording, report or message may contain: all keys, and header values, which often hold one."""
        every = [self.access, *(access for access, _ in self.arm_access.values())]
        keys = [key.reveal() for access in every for key in (access.key, *access.idle.values()) if key]
        keys += [key.reveal() for key in self.application_keys]
        in_queries = [secret for access in every for secret in query_secrets(access.base_url)]
        own_headers = [value for headers in self.arm_headers.values() for value in headers.values()]
        values = dict.fromkeys([*keys, *in_queries, *self.table.header_values(), *own_headers])
        return tuple(value for value in values if len(value) >= 8)  # shorter texts would blank ordinary words


def resolve(
    sources: Sequence[SettingsSource],
    table: Mapping[str, object],
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> Settings:
    """Build the settings from sources of texts, the strongest first, and the `[tool.graysplit]` table.

    `folder` is that of the pyproject.toml with the table. Raises UsageError for the first value that cannot be used,
    naming it as its source spells it.
    """
    tool = ProjectConfig.read(table, environ, folder)
    given = {option.name: values for option in OPTIONS if (values := _values(option, sources))}

    def first(name: str, default: Any = None) -> Any:
        return given[name][0] if name in given else default

    aliases = {**BUILT_IN_ALIASES, **tool.aliases}
    treatments = tuple(aliases.get(model, model) for model in given.get("treatment", ()))
    _reject_duplicates(treatments)
    access = find_access(first("base-url"), environ)
    named = tool.named(aliases)
    control = aliases.get(first("control"), first("control"))
    arm_access = {
        name: find_arm_access(name, arm.base_url, arm.api_key_env, access, environ) for name, arm in named.arms.items()
    }
    every = [arm_access[name][0] if name in arm_access else access for name in (control, *treatments)]
    record, record_reason = resolve_record(first("record", "auto"), environ, every)
    return Settings(
        control=control,
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
        application_keys=tuple(Secret(environ[name]) for name in APPLICATION_KEYS if environ.get(name)),
        table=named,
        arm_access=arm_access,
        arm_headers={name: filled(arm.headers, environ) for name, arm in named.arms.items()},
        unknown_headers={name: unknown(arm.headers, environ) for name, arm in named.arms.items()},
    )


def resolve_record(mode: str, environ: Mapping[str, str], every: Sequence[Access]) -> tuple[RecordMode, str]:
    """Return the record mode, and the reason if `auto` chose it: a run records if the endpoint of any arm has a key."""
    if mode != "auto":
        return cast("RecordMode", mode), ""
    if environ.get("CI", "").strip().lower() not in ("", "0", "false"):
        return "none", "CI is set"
    if not any(access.suffices for access in every):
        return "none", _key_unset(every[0])
    return "new", ""


def _key_unset(access: Access) -> str:
    if not access.base_url:
        return "no key is set"
    if access.arm and not access.names_variable:
        return f"no key is known for {access.shown}, the relay of arm {access.arm}"
    return f"{access.variable} is not set"


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
