"""The noise floor: how far the control repeats itself, and what can be asked of a treatment because of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.display import limit, plural
from pytest_graysplit.escaping import on_one_line
from pytest_graysplit.results import CONTROL
from pytest_graysplit.stats import conformal_threshold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pytest_graysplit.results import Results
    from pytest_graysplit.types import Case, Reply

# The share of cases in which the control itself may fall below its calibrated threshold.
ALPHA = 0.05
NEEDED = 19
# Fewer stored replies than this may be chance, such as a client that sent one request twice.
STORED = 3
_STEP = Decimal("0.001")


class Cache(NamedTuple):
    """What tells that a relay gives stored replies: one of the repeated response ids, and in how many cases."""

    response_id: str
    cases: int


def calibrated(self_similarities: Sequence[float]) -> float | None:
    """Return what a treatment as good as the control reaches in 95% of cases; None with fewer than 19 cases.

    It is rounded down to three decimals: that asks for no more than was measured, and people can read it.
    """
    threshold = conformal_threshold(self_similarities, ALPHA)
    return None if threshold is None else float(Decimal(str(threshold)).quantize(_STEP, ROUND_FLOOR))


def settled(case: Case, threshold: float | None) -> Case:
    """Put the calibrated number where a case says auto; without one, the fixed number of the next weaker source."""
    if case.min_similarity != "auto":
        return case
    if threshold is None:
        return replace(case, min_similarity=case.fallback_similarity)
    return replace(case, min_similarity=threshold, calibrated=True)


def cache(samples: Iterable[Sequence[Reply]]) -> Cache | None:
    """Return the sign that all samples of a case are one stored reply, in every case that can show it.

    The same text under different response ids is a model that repeats itself. A server that gives all its answers one
    id names nothing by it, so at least three ids must have come back.
    """
    told = [replies for replies in samples if len(replies) > 1 and all(reply.response_id for reply in replies)]
    if any(len({(reply.response_id, reply.text, repr(reply.tool_calls)) for reply in replies}) > 1 for replies in told):
        return None
    ids = [replies[0].response_id for replies in told]
    return Cache(str(ids[0]), len(ids)) if len(set(ids)) >= STORED else None


def uncalibrated(cases: int, stored: Cache | None, fallbacks: Collection[float | None], of: str = "") -> str:
    """Say why auto is no number in this run, and what holds in its place; `of` names one metric among several."""
    why = "is not calibrated on a cache"
    if stored is None:
        why = f"needs {NEEDED} cases with two control samples, this run has {cases}"
    return f"min_similarity=auto{of} {why}: {_instead(set(fallbacks))}"


def _instead(fallbacks: set[float | None]) -> str:
    if fallbacks <= {None}:
        return "not asserted"
    numbers = sorted(number for number in fallbacks if number is not None)
    if len(numbers) == 1 and None not in fallbacks:
        return f"{limit(numbers[0])} holds instead"
    return "the numbers given beside it hold, in the cases that have one"


def warnings(results: Results) -> Iterator[str]:
    """Yield what the control's own noise says against trusting a comparison."""
    yield from _misses_itself(results)
    controls = [row.arms[CONTROL] for row in results.rows if CONTROL in row.arms]
    if stored := cache([(*arm.replies, *arm.spare) for arm in controls]):
        yield (
            "the relay answered all control samples of a case with one and the same stored reply "
            f"(response id {on_one_line(stored.response_id)}) in {plural(stored.cases, 'case')}: it serves a cache, "
            "and how far the control repeats itself is not known"
        )


def _misses_itself(results: Results) -> Iterator[str]:
    """A few misses are what a calibrated threshold has too; more are a threshold that the control cannot keep."""
    fixed = [row for row in results.rows if row.discriminates is not None and not row.calibrated]
    missed = sum(not row.discriminates for row in fixed)
    if missed > ALPHA * len(fixed):
        thresholds = {one.threshold for row in fixed for one in row.comparisons.values() if one.threshold is not None}
        which = f"threshold of {limit(thresholds.pop())}" if len(thresholds) == 1 else "thresholds"
        yield (
            f"the control misses its own {which} in {missed:,} of {plural(len(fixed), 'case')}: "
            "a treatment cannot be asked for more; use min_similarity=auto or expect"
        )
