"""Check the figures that an application reports: outcomes, times, costs, scores and signals."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from pytest_graysplit.config.options import nearest
from pytest_graysplit.config.pyproject.signals import NAME_HINT, is_signal_name
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.types import Outcome

OUTCOMES = frozenset(get_args(Outcome))


def checked_cost(cost_usd: Decimal | float) -> Decimal:
    """Return a cost in US dollars; raise UsageError if it is invalid."""
    exact = cost_usd if isinstance(cost_usd, Decimal) else Decimal(str(cost_usd))
    if exact.is_finite() and exact >= 0:
        return exact
    raise UsageError(
        f"invalid cost: {cost_usd!r}",
        hint="cost_usd is a number of US dollars of 0 or more, or None if it is unknown",
        slug=Slug.TRAFFIC_FIGURE,
    )


def checked_score(score: object) -> float:
    """Return a score; raise UsageError if it is not a number from 0 to 1."""
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise UsageError(
            f"invalid score: {score!r}",
            hint="a score is a number from 0, bad, to 1, good: thumbs down is 0.0, thumbs up 1.0",
            slug=Slug.TRAFFIC_SCORE,
        )
    return float(score)


def refuse_outcome(outcome: object) -> UsageError:
    """Return the error for an unknown outcome."""
    return UsageError(
        f"unknown outcome {outcome!r}{nearest(str(outcome), sorted(OUTCOMES))}",
        hint=f"the outcomes are {', '.join(get_args(Outcome))}",
        slug=Slug.TRAFFIC_FIGURE,
    )


def refuse_times(latency_s: float | None, wait_s: float | None) -> UsageError:
    """Return the error for an invalid latency or wait."""
    wrong = latency_s is not None and not 0 <= latency_s < 1e9
    name, value = ("latency", latency_s) if wrong else ("wait", wait_s)
    return UsageError(
        f"invalid {name}: {value!r}",
        hint=f"{name}_s is a number of seconds of 0 or more, or None if it was not measured",
        slug=Slug.TRAFFIC_FIGURE,
    )


def checked_signal(name: object, value: object) -> float:
    """Return the value of a signal; raise UsageError for an invalid name or value."""
    if not is_signal_name(name):
        raise UsageError(f"invalid name of a signal: {name!r}", hint=NAME_HINT, slug=Slug.TRAFFIC_SIGNAL)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UsageError(
            f"invalid value of the signal {name}: {value!r}",
            hint="a value is a number from 0 to 1: an event such as a ticket is 1",
            slug=Slug.TRAFFIC_SIGNAL,
        )
    return float(value)
