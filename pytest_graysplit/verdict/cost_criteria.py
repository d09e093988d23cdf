"""Criteria of costs: the ratio of the costs per pass, the savings per million calls, and the calls of applications."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.verdict.criteria import FREE, Criterion, at_most, criterion_of, t_method
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.pairs import Pair

MILLION = 1_000_000


def cost_per_pass_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the ratio of the costs per pass, treatment over control, if the cost of every reply is known."""
    costs = [pair.cost_usd for pair in pairs if pair.cost_usd is not None]
    if len(costs) < len(pairs):
        return  # a sum without some of the replies would be too low
    columns = (
        [cost.treatment for cost in costs],
        [pair.passed.treatment for pair in pairs],
        [cost.control for cost in costs],
        [pair.passed.control for pair in pairs],
    )
    clusters = clusters_of(pairs)
    bound = policy.bounds["cost_per_pass"]
    treated, passed, controlled, control_passed = map(math.fsum, columns)
    if (exact := free_criterion((treated, passed), (controlled, control_passed), len(pairs), bound)) is not None:
        yield exact
    elif (interval := stats.cost_per_pass_ratio(*columns, policy.confidence, clusters)) is not None:
        criterion = criterion_of("cost_per_pass", interval, len(pairs), "delta method on the log ratio")
        judged = at_most(criterion, bound, stats.cost_per_pass_ratio_p(*columns, bound, clusters=clusters))
        # The treatment must be cheaper: an equal cost does not pass.
        yield replace(judged, state="inconclusive") if judged.state == "pass" and criterion.high >= bound else judged


def free_criterion(
    treatment: tuple[float, float], control: tuple[float, float], n: int, bound: float
) -> Criterion | None:
    """Return the ratio of the costs per pass if a model is free: 0, infinite, or 1 if both are; None if neither is.

    Each model is given as its cost and its passes. A free model is free in every case, so nothing is estimated. A model
    without a pass has no cost per pass.
    """
    (usd, passed), (control_usd, control_passed) = treatment, control
    if not (passed and control_passed) or (usd and control_usd):
        return None
    ratio = math.inf if usd else 0.0 if control_usd else 1.0
    criterion = Criterion(name="cost_per_pass", estimate=ratio, low=ratio, high=ratio, n=n, method=FREE)
    if ratio == 1:
        return replace(criterion, bound=bound, state="pass" if bound > 1 else "inconclusive")
    return at_most(criterion, bound, 0.0 if ratio else 1.0)


def call_criteria(pairs: Sequence[Pair]) -> Iterator[Criterion]:
    """Yield how many more calls of its model an application makes per case, if any case runs one.

    More calls are neither better nor worse: their cost and their time are in other rows.
    """
    counted = [(pair, pair.calls) for pair in pairs if pair.calls is not None]
    clusters = clusters_of([pair for pair, _ in counted])
    more = [calls.treatment - calls.control for _, calls in counted]
    if (interval := stats.t_interval(more, clusters=clusters)) is not None:
        yield criterion_of("calls_per_case", interval, len(counted), f"{t_method(clusters)}, more calls in a run")


def savings_criteria(pairs: Sequence[Pair]) -> Iterator[Criterion]:
    """Yield the savings per million calls in US dollars: without and with a fallback to the control on failure."""
    priced = [(pair, pair.cost_usd) for pair in pairs if pair.cost_usd is not None]
    if not priced or len(priced) < len(pairs):
        return
    clusters = clusters_of(pairs)
    plain = [MILLION * (cost.control - cost.treatment) for _, cost in priced]
    caught = [
        MILLION * (cost.control - cost.treatment - (1 - pair.passed.treatment) * cost.control) for pair, cost in priced
    ]
    for name, savings in (("savings", plain), ("savings_with_fallback", caught)):
        if (interval := stats.t_interval(savings, clusters=clusters)) is not None:
            yield criterion_of(name, interval, len(pairs), f"{t_method(clusters)}, US dollars a million calls")
