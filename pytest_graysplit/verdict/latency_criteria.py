"""Criteria of latencies: ratios of those measured side by side, and the treatment's own against its budget."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import SEED
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.criteria import Criterion, at_most, criterion_of, t_method
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.pairs import Pair

LATE_SHARE = 0.05
# If other pairs were measured apart, at least this many pairs must have been measured side by side.
FEWEST_SIDE_BY_SIDE = 30
NOT_SIDE_BY_SIDE = "not measured side by side"


def latency_ratio_criteria(pairs: Sequence[Pair], policy: Policy, *, resampled: bool) -> Iterator[Criterion]:
    """Compare the latencies that were measured side by side; yield a criterion without a state if they are too few."""
    timed, apart = [pair for pair in pairs if pair.latency_s is not None], sum(pair.apart for pair in pairs)
    beside = f"{len(timed):,} of {plural(len(timed) + apart, 'pair')} measured side by side" if apart else ""
    for name, q in (("latency", 0.0), ("latency_p95", 0.95), ("latency_p99", 0.99)):
        # A smaller sample cannot bound this percentile from above.
        needed = stats.smallest_n_for_quantile(q) if q else 1
        if len(timed) + apart < needed or (q and not resampled):
            continue
        if apart and len(timed) < max(needed, FEWEST_SIDE_BY_SIDE):
            yield _not_side_by_side(name, len(timed), policy.bounds[name])
        elif (criterion := _percentile(name, q, timed, policy) if q else _ratio(timed, policy)) is not None:
            yield replace(criterion, remark="; ".join(filter(None, (beside, criterion.remark))))


def _not_side_by_side(name: str, n: int, bound: float) -> Criterion:
    unknown = stats.Interval(math.nan, -math.inf, math.inf)
    return replace(criterion_of(name, unknown, n, "none"), bound=bound, remark=NOT_SIDE_BY_SIDE)


def _ratio(timed: Sequence[Pair], policy: Policy) -> Criterion | None:
    treatment, control = _columns(timed)
    clusters, bound = clusters_of(timed), policy.bounds["latency"]
    if (interval := stats.log_ratio(treatment, control, policy.confidence, clusters)) is None:
        return None
    criterion = criterion_of("latency", interval, len(timed), f"{t_method(clusters)} of log ratios")
    return at_most(criterion, bound, stats.log_ratio_p(treatment, control, bound, clusters=clusters))


def _percentile(name: str, q: float, timed: Sequence[Pair], policy: Policy) -> Criterion | None:
    if (ratio := stats.quantile_ratio(*_columns(timed), q, seed=SEED)) is None:
        return None
    criterion = criterion_of(name, ratio.interval(policy.confidence), len(timed), "paired percentile bootstrap")
    return at_most(criterion, policy.bounds[name], ratio.p(policy.bounds[name]))


def _columns(timed: Sequence[Pair]) -> tuple[list[float], list[float]]:
    """Return the latencies of the treatment and of the control."""
    both = [pair.latency_s for pair in timed if pair.latency_s is not None]
    return [one.treatment for one in both], [one.control for one in both]


def latency_budget_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Compare the share of the treatment's replies over the latency budget with 5%, by the exact binomial test.

    The latencies of the control do not matter here.
    """
    budget_s = policy.max_latency_s
    waits_s = [pair.wait_s for pair in pairs if pair.wait_s is not None]
    if budget_s is None or not waits_s:
        return
    n, late = len(waits_s), sum(wait_s > budget_s for wait_s in waits_s)
    share = stats.clopper_pearson(late, n, policy.confidence)
    criterion = criterion_of("latency_budget", share, n, "exact binomial, share over the budget")
    yield at_most(criterion, LATE_SHARE, 1 - stats.binomial_budget_p(late - 1, n, LATE_SHARE) if late else 1.0)
