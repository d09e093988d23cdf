"""The sums of one arm at one moment: the input of grade, report and page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.types import Role

_NOTHING = Decimal(0)


def _unknown(_: float) -> float | None:
    return None


def _none(edges: Sequence[float]) -> list[int]:
    return [0] * (len(edges) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSums:
    """Sums over the requests of one cluster: a unit, or several units in the same bucket.

    `units` counts new units, `passed` requests with the outcome ok, `failed` errors and refusals, `timed` requests
    with a known latency, `waited` those with a known wait. `log_latency` sums ln(seconds). `cost_usd` sums the known
    costs, fallbacks included, and `score` the feedback of `scored` answers.
    """

    units: int = 0
    requests: int = 0
    passed: int = 0
    failed: int = 0
    timed: int = 0
    waited: int = 0
    log_latency: float = 0.0
    cost_usd: float = 0.0
    scored: int = 0
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeavyUnit:
    """A unit that sends an unusual share of an arm's requests: its key as in the log, and a lower bound."""

    unit: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSums:
    """The sums of one signal of one arm: how many there were and their values, each in the order of the clusters.

    `lag_quantile` returns a time from a unit's latest request to its signal, in seconds, of the `lagged` known ones.
    """

    numbers: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    mean_lag_s: float | None = None
    lagged: int = 0
    lag_quantile: Callable[[float], float | None] = _unknown

    @property
    def n(self) -> int:
        """The number of signals."""
        return sum(self.numbers)

    @property
    def total(self) -> float:
        """The sum of their values."""
        return math.fsum(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """One arm of live traffic since its weights were set, without forced requests.

    `table` and `fingerprint` are those of a configured arm, and `settings` marks the parameters and headers of the
    split itself. `units` counts distinct units and `clusters` are their
    sums. `quantile` returns a latency in seconds, `counts` the number of latencies between edges; `wait_quantile`
    returns a time that users waited. `served` counts the
    models that answered, `errors` the failed requests by kind, `retried` the repeated attempts by kind. Costs are in US
    dollars, each model's at its own price: `cost_usd` sums the known costs, and `unpriced` counts the answers without a
    price. `fallbacks` counts the answers of the control after a failure; their cost, `fallback_usd`, is part of
    `cost_usd`. `heavy` are units with more than 5% of the requests, the largest first. `signals` are the
    sums of each signal of its units, by name.
    """

    arm: str
    role: Role
    model: str
    basis_points: int
    table: str = ""
    fingerprint: str = ""
    settings: str = ""
    units: int = 0
    requests: int = 0
    attempts: int = 0
    passed: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    retried: Mapping[str, int] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    gateway_fallbacks: int = 0
    fallbacks: int = 0
    fallback_failures: int = 0
    anonymous: int = 0
    forced: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = _NOTHING
    fallback_usd: Decimal = _NOTHING
    unpriced: int = 0
    feedback: int = 0
    feedback_mean: float | None = None
    mean_latency_s: float | None = None
    timed: int = 0
    mean_wait_s: float | None = None
    waited: int = 0
    clusters: tuple[ClusterSums, ...] = ()
    heavy: tuple[HeavyUnit, ...] = ()
    signals: Mapping[str, SignalSums] = field(default_factory=dict)
    quantile: Callable[[float], float | None] = _unknown
    counts: Callable[[Sequence[float]], list[int]] = _none
    wait_quantile: Callable[[float], float | None] = _unknown

    @property
    def title(self) -> str:
        """The name of the arm for a person: that of its table, or of its model, for the control."""
        return self.arm if self.role == "treatment" else self.table or self.model

    def is_configured_as(self, other: ArmSums) -> bool:
        """Tell whether both arms have the same model and configuration, so that neither can be worse."""
        return (self.model, self.fingerprint, self.settings) == (other.model, other.fingerprint, other.settings)

    @property
    def known_cost_usd(self) -> Decimal | None:
        """The cost of all requests, fallbacks included; None if any answer has no price."""
        return None if self.unpriced else self.cost_usd

    @property
    def cost_per_pass_usd(self) -> Decimal | None:
        """The cost of all requests divided by the number that passed; None if either is missing."""
        known = self.known_cost_usd
        return known / self.passed if known is not None and self.passed else None
