"""Criteria of live traffic: two independent arms, clustered by unit, with bounds that hold at every look."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import FEEDBACK, PASS_RATE, SIGNAL, WAIT_QUANTILES, SignalRule
from pytest_graysplit.verdict.cost_criteria import MILLION, free_criterion
from pytest_graysplit.verdict.criteria import Criterion, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.stats import ClusteredRatio, Compared
    from pytest_graysplit.traffic.sums.snapshot import ArmSums, ClusterSums

# Failed requests are most of the misses in traffic, and the margin of the pass rate would allow five points of them.
ALWAYS_CRITICAL = (PASS_RATE, "errors")
# The criteria of a policy that traffic measures; the others compare the answers of both models to one request.
MEASURED = (*ALWAYS_CRITICAL, "latency", "latency_p95", "latency_p99", "cost_per_pass", *WAIT_QUANTILES)


def critical_names(control: ArmSums, treatment: ArmSums, policy: Policy) -> tuple[str, ...]:
    """Return the names of the criteria that decide: pass rate, errors, those of the policy, and feedback if any."""
    added = [name for name in policy.critical if name in MEASURED and name not in ALWAYS_CRITICAL]
    spoken = [FEEDBACK] if control.feedback or treatment.feedback else []
    signals = [SIGNAL + name for name, rule in policy.signals.items() if rule.critical]
    return (*ALWAYS_CRITICAL, *added, *spoken, *signals)


def criteria_of(control: ArmSums, treatment: ArmSums, policy: Policy) -> tuple[Criterion, ...]:
    """Return every criterion that both arms have data for, the pass rate first."""
    arms = (treatment, control)
    criteria = (
        *_share(PASS_RATE, arms, ("passed", "requests"), policy),
        *_share("errors", arms, ("failed", "requests"), policy),
        *_latency(arms, policy),
        *_percentile("latency_p95", 0.95, arms, policy),
        *_percentile("latency_p99", 0.99, arms, policy),
        *_own_waits(treatment, policy),
        *_cost_per_pass(arms, policy),
        *_share(FEEDBACK, arms, ("score", "scored"), policy),
        *_signals(arms, policy),
        *_savings(arms),
        *_requests_per_unit(arms),
    )
    critical = critical_names(control, treatment, policy)
    return tuple(replace(criterion, critical=criterion.name in critical) for criterion in criteria)


def _both(arms: tuple[ArmSums, ArmSums], over: str, under: str) -> tuple[ClusteredRatio, ClusteredRatio] | None:
    treatment, control = (_ratio(arm, over, under) for arm in arms)
    return None if treatment is None or control is None else (treatment, control)


def _ratio(arm: ArmSums, over: str, under: str) -> ClusteredRatio | None:
    """Return the ratio of an arm, with the number of units that its clusters stand for.

    A bound holds at every look if time is counted in units; the number of clusters is fixed.
    """
    return _shared(arm, stats.clustered_ratio(_column(arm.clusters, over), _column(arm.clusters, under)))


def _shared(arm: ArmSums, ratio: ClusteredRatio | None) -> ClusteredRatio | None:
    shared = arm.units / max(1, sum(one.requests > 0 for one in arm.clusters))
    if ratio is None or shared <= 1:
        return ratio
    return ratio._replace(effective=ratio.effective * shared, clusters=round(ratio.clusters * shared))


def _column(clusters: tuple[ClusterSums, ...], name: str) -> list[float]:
    return [getattr(cluster, name) for cluster in clusters]


def _row(name: str, compared: Compared, both: tuple[ClusteredRatio, ClusteredRatio], method: str) -> Criterion:
    estimate, low, high = compared.interval
    units = min(arm.clusters for arm in both)
    return Criterion(
        name=name, estimate=estimate, low=low, high=high, n=units, method=f"{method}, clustered, at any look"
    )


def _share(name: str, arms: tuple[ArmSums, ArmSums], columns: tuple[str, str], policy: Policy) -> Iterator[Criterion]:
    """Yield a difference of shares: the pass rate or feedback, which must not fall, or errors, which must not rise."""
    if (both := _both(arms, *columns)) is None:
        return
    rises = name == "errors"
    bound = policy.bounds["errors"] if rises else -policy.margin
    compared = stats.share_difference(*both, bound)
    criterion = _row(name, compared, both, "Newcombe score")
    yield at_most(criterion, bound, compared.above_p) if rises else at_least(criterion, bound, compared.below_p)


def _latency(arms: tuple[ArmSums, ArmSums], policy: Policy) -> Iterator[Criterion]:
    bound = policy.bounds["latency"]
    if both := _both(arms, "log_latency", "timed"):
        compared = stats.geometric_ratio(*both, bound)
        yield at_most(_row("latency", compared, both, "Welch t of logs"), bound, compared.above_p)


def _percentile(name: str, q: float, arms: tuple[ArmSums, ArmSums], policy: Policy) -> Iterator[Criterion]:
    bound = policy.bounds[name]
    if both := _both(arms, "log_latency", "timed"):
        (treatment, control), (t, c) = both, arms
        compared = stats.quantile_ratio_of(
            t.quantile, treatment.effective, c.quantile, control.effective, q=q, bound=bound
        )
        if compared:
            yield at_most(_row(name, compared, both, "MOVER of order statistics"), bound, compared.above_p)


def _own_waits(treatment: ArmSums, policy: Policy) -> Iterator[Criterion]:
    """Yield the percentiles of the time that users of the treatment waited, for each that has a bound."""
    units = _ratio(treatment, "waited", "waited")
    for name, q in WAIT_QUANTILES.items():
        if units is None or (bound := policy.bounds.get(name)) is None:
            continue
        if compared := stats.own_quantile(treatment.wait_quantile, units.effective, q=q, bound=bound):
            yield at_most(
                _row(name, compared, (units, units), "beta mixture of order statistics"), bound, compared.above_p
            )


def _cost_per_pass(arms: tuple[ArmSums, ArmSums], policy: Policy) -> Iterator[Criterion]:
    if any(arm.unpriced for arm in arms):
        return  # a sum without some of the answers would be too low
    bound = policy.bounds["cost_per_pass"]
    both = _both(arms, "cost_usd", "passed")
    if both is None:
        return
    units = min(arm.clusters for arm in both)
    treatment, control = (
        (math.fsum(_column(arm.clusters, "cost_usd")), math.fsum(_column(arm.clusters, "passed"))) for arm in arms
    )
    if (exact := free_criterion(treatment, control, units, bound)) is not None:
        yield exact
    elif (compared := stats.ratio_of_ratios(*both, bound)) is not None:
        judged = at_most(
            _row("cost_per_pass", compared, both, "delta method on the log ratio"), bound, compared.above_p
        )
        # The treatment must be cheaper: an equal cost does not pass.
        yield replace(judged, state="inconclusive") if judged.state == "pass" and judged.high >= bound else judged


def _savings(arms: tuple[ArmSums, ArmSums]) -> Iterator[Criterion]:
    """Yield the savings per million requests, in US dollars; a failed treatment pays for its fallback."""
    if any(arm.unpriced for arm in arms) or (both := _both(arms, "cost_usd", "requests")) is None:
        return
    estimate, low, high = stats.mean_difference(*both, 0.0).interval
    saved = stats.Interval(-MILLION * estimate + 0.0, -MILLION * high + 0.0, -MILLION * low + 0.0)
    if math.isfinite(low):
        yield _row("savings", stats.Compared(saved, 1.0, 1.0), both, "Welch t, US dollars a million requests")


def _requests_per_unit(arms: tuple[ArmSums, ArmSums]) -> Iterator[Criterion]:
    """Yield the ratio of requests per unit: users with bad answers ask again, or leave."""
    both = _both(arms, "requests", "units")
    if both and (compared := stats.ratio_of_ratios(*both, 1.0)):
        yield _row("requests_per_unit", compared, both, "delta method on the log ratio")


def _signals(arms: tuple[ArmSums, ArmSums], policy: Policy) -> Iterator[Criterion]:
    """Yield a row for each signal that any unit gave; one without a rule is shown only."""
    for name in dict.fromkeys([*policy.signals, *sorted({name for arm in arms for name in arm.signals})]):
        rule = policy.signals.get(name)
        treatment, control = (_signal_ratio(arm, name, rule or SignalRule()) for arm in arms)
        if treatment is None or control is None or not any(name in arm.signals for arm in arms):
            continue
        compared, method = _signal_difference((treatment, control), policy, rule)
        row = _row(SIGNAL + name, compared, (treatment, control), method)
        yield row if rule is None else _judged(row, compared, rule, policy, arms)


def _signal_ratio(arm: ArmSums, name: str, rule: SignalRule) -> ClusteredRatio | None:
    """Return the sum of values per unit, of which those without a signal count as 0, or the mean value per signal."""
    signal, clusters = arm.signals.get(name), len(arm.clusters)
    values = signal.values if signal else (0.0,) * clusters
    numbers = signal.numbers if signal else (0,) * clusters
    return _shared(
        arm, stats.clustered_ratio(values, _column(arm.clusters, "units") if rule.per == "unit" else numbers)
    )


def _signal_difference(
    both: tuple[ClusteredRatio, ClusteredRatio], policy: Policy, rule: SignalRule | None
) -> tuple[Compared, str]:
    bound = _signal_bound(rule, policy) if rule else 0.0
    # Several signals of a unit are added up, so a sum per unit can be more than a share.
    if max(arm.ratio for arm in both) < 1:
        return stats.share_difference(*both, bound), "Newcombe score"
    return stats.mean_difference(*both, bound), "Welch t"


def _signal_bound(rule: SignalRule, policy: Policy) -> float:
    margin = policy.margin if rule.margin is None else rule.margin
    return -margin if rule.better == "higher" else margin


def _judged(
    row: Criterion, compared: Compared, rule: SignalRule, policy: Policy, arms: tuple[ArmSums, ArmSums]
) -> Criterion:
    """Compare a signal with its bound; an arm in which it was never seen may lack its wiring, so it cannot pass."""
    bound = _signal_bound(rule, policy)
    judged = at_least(row, bound, compared.below_p) if bound < 0 else at_most(row, bound, compared.above_p)
    unseen = [arm.arm for arm in arms if row.name.removeprefix(SIGNAL) not in arm.signals]
    if judged.state == "pass" and unseen:
        return replace(judged, state=None, remark=f"not seen yet in {unseen[0]}")
    return judged
