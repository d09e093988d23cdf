"""Rows of costs: of a pass on one model over the other, and what a million calls save."""

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


def cost_per_pass_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the ratio of the costs of a pass, treatment over control, where the cost of every reply is known."""
    costs = [pair.cost_usd for pair in pairs if pair.cost_usd is not None]
    if len(costs) < len(pairs):
        return  # a part of the bill is not the bill
    columns = (
        [cost.treatment for cost in costs],
        [pair.passed.treatment for pair in pairs],
        [cost.control for cost in costs],
        [pair.passed.control for pair in pairs],
    )
    clusters = clusters_of(pairs)
    bound = policy.bounds["cost_per_pass"]
    treated, passed, controlled, control_passed = map(math.fsum, columns)
    if (exact := free_row((treated, passed), (controlled, control_passed), len(pairs), bound)) is not None:
        yield exact
    elif (interval := stats.cost_per_pass_ratio(*columns, policy.confidence, clusters)) is not None:
        row = criterion_of("cost_per_pass", interval, len(pairs), "delta method on the log ratio")
        held = at_most(row, bound, stats.cost_per_pass_ratio_p(*columns, bound, clusters=clusters))
        # Cheaper is the point: the same price is no pass.
        yield replace(held, state="inconclusive") if held.state == "pass" and row.high >= bound else held


def free_row(treatment: tuple[float, float], control: tuple[float, float], n: int, bound: float) -> Criterion | None:
    """Return the cost of a pass where a model is free: 0, infinite, or 1 where both are; None elsewhere.

    Each model comes as its cost and its passes. What is free is so in every case, so nothing has to be estimated. A
    model that passed nothing has no such cost.
    """
    (usd, passed), (control_usd, control_passed) = treatment, control
    if not (passed and control_passed) or (usd and control_usd):
        return None
    ratio = math.inf if usd else 0.0 if control_usd else 1.0
    row = Criterion(name="cost_per_pass", estimate=ratio, low=ratio, high=ratio, n=n, method=FREE)
    if ratio == 1:
        return replace(row, bound=bound, state="pass" if bound > 1 else "inconclusive")
    return at_most(row, bound, 0.0 if ratio else 1.0)


def savings_rows(pairs: Sequence[Pair]) -> Iterator[Criterion]:
    """Yield what a million calls save, in US dollars: without, and with a fallback to the control where it fails."""
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
