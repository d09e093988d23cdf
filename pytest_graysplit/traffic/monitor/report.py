"""The sums of live traffic as JSON with stable keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.clock import stamp_of
from pytest_graysplit.formatting.display import listed
from pytest_graysplit.stats import anytime_p, wilson
from pytest_graysplit.traffic.splitter import BASIS_POINTS
from pytest_graysplit.verdict.figures_json import finite, latency_figures, row_json, token_figures, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.traffic.grade.grade import Grade
    from pytest_graysplit.traffic.log.gaps import LogGaps
    from pytest_graysplit.traffic.monitor.ramp_history import RampState
    from pytest_graysplit.traffic.sums.accumulator import Totals
    from pytest_graysplit.traffic.sums.snapshot import ArmSums, SignalSums
    from pytest_graysplit.types import Json

# 1: the first shape (see docs/traffic.md).
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficState:
    """The state of a monitor at one moment; `started_s` is in seconds since 1970.

    `excluded` are requests outside the fair sample, `previous` those from before the weights changed, `total` all of
    them. `mismatch_e` is the e-value of the distinct units of each arm against the weights. `ramps` are the version of
    the weights and the rollbacks, `gaps` the lines that the log lacks. `unasked_signals` counts the signals of units
    without a compared request, by name, and `refused_signals` those with one name too many.
    """

    split: str
    salt: str
    started_s: float
    sums: tuple[ArmSums, ...]
    grades: tuple[Grade, ...]
    mismatch_e: float
    excluded: Totals
    previous: Totals
    total: Totals
    ramps: RampState
    gaps: LogGaps
    unasked_signals: Mapping[str, int] = field(default_factory=dict)
    refused_signals: int = 0

    @property
    def mismatch_p(self) -> float:
        """The p-value of the same test, valid at every look."""
        return anytime_p(self.mismatch_e)

    @property
    def unasked(self) -> str:
        """The signals of units without a compared request, in words; an empty text without any."""
        named = [f"{number:,} {name}" for name, number in self.unasked_signals.items()]
        return f"signals of units without a compared request: {listed(named)}" if named else ""

    @property
    def configured(self) -> str:
        """The models of the configured arms, in words; an empty text without such arms."""
        return ", ".join(f"{arm.title} is {arm.model}" for arm in self.sums if arm.table and arm.title != arm.model)


def report_of(state: TrafficState) -> dict[str, Json]:
    """Return the report; unknown values are null, and money is in US dollars."""
    return {
        "format": FORMAT,
        "split": state.split,
        "salt": state.salt,
        "ramps": state.ramps.as_json(),
        "started": stamp_of(state.started_s),
        "arms": [arm_json(one) for one in state.sums],
        "sample_ratio": {
            "p": state.mismatch_p,
            "e_value": state.mismatch_e,
            "units": {one.arm: one.units for one in state.sums},
        },
        "apart": _totals(state.excluded),
        "earlier": _totals(state.previous),
        "total": _totals(state.total),
        "log": {
            "lost": state.gaps.lost,
            "skipped": {kind: state.gaps.counts[kind] for kind in sorted(state.gaps.counts)},
        },
        "signals": {"unasked": _counts(state.unasked_signals), "refused": state.refused_signals},
        "grades": [_grade(one) for one in state.grades],
    }


def arm_json(one: ArmSums) -> dict[str, Json]:
    """Return the figures of one arm."""
    rate = wilson(one.passed, one.requests)
    return {
        "arm": one.arm,
        "role": one.role,
        "model": one.model,
        **({"name": one.title} if one.table else {}),
        "weight": one.basis_points / BASIS_POINTS,
        "units": one.units,
        "requests": one.requests,
        "attempts": one.attempts,
        "passed": one.passed,
        "pass_rate": finite(rate.estimate),
        "pass_rate_ci": [rate.low, rate.high],
        "outcomes": _counts(one.outcomes),
        "errors": one.outcomes.get("error", 0),
        "error_classes": _counts(one.errors),
        "retried": _counts(one.retried),
        "latency_s": {**latency_figures(one.mean_latency_s, one.quantile, one.timed), "n": one.timed},
        "wait_s": {**latency_figures(one.mean_wait_s, one.wait_quantile, one.waited), "n": one.waited},
        "tokens": token_figures(one.usage),
        "cost_usd": usd(one.known_cost_usd),
        "unpriced": one.unpriced,
        "cost_per_pass_usd": usd(one.cost_per_pass_usd),
        "fallbacks": one.fallbacks,
        "fallback_failures": one.fallback_failures,
        "fallback_usd": usd(one.fallback_usd),
        "gateway_fallbacks": one.gateway_fallbacks,
        "served_models": _counts(one.served),
        "feedback": {"n": one.feedback, "mean": one.feedback_mean},
        "signals": {name: _signal(signal, one.units) for name, signal in one.signals.items()},
        "heavy_units": [
            {"unit": heavy.unit, "requests": heavy.requests, "share": heavy.requests / one.requests}
            for heavy in one.heavy
        ],
        "forced": one.forced,
        "anonymous": one.anonymous,
    }


def _signal(signal: SignalSums, units: int) -> dict[str, Json]:
    """Return the figures of a signal: several of one unit are added up."""
    lags = latency_figures(signal.mean_lag_s, signal.lag_quantile, signal.lagged)
    return {
        "n": signal.n,
        "sum": signal.total,
        "per_unit": signal.total / units if units else None,
        "mean": signal.total / signal.n if signal.n else None,
        "lag_s": {**lags, "n": signal.lagged},
    }


def _totals(totals: Totals) -> dict[str, Json]:
    return {
        "requests": totals.requests,
        "attempts": totals.attempts,
        "errors": totals.errors,
        "cost_usd": usd(totals.cost_usd),
        "unpriced": totals.unpriced,
    }


def _grade(grade: Grade) -> dict[str, Json]:
    return {
        "treatment": grade.treatment,
        "verdict": grade.verdict,
        "reasons": list(grade.reasons),
        "units_needed": grade.needed_units,
        "rows": [row_json(row) for row in grade.rows],
    }


def _counts(counts: Mapping[str, int]) -> dict[str, Json]:
    return dict(counts)
