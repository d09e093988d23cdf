"""The noise floor: how far the control repeats itself, and what can be asked of a treatment because of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.display import exact_number, plural, score
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.stats import conformal_deficit, conformal_miss_range, conformal_threshold
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pytest_graysplit.types import Case, Reply
    from pytest_graysplit.verdict.results import Results

# The share of cases in which the control itself may fall below its calibrated threshold.
ALPHA = 0.05
NEEDED = 19
# Fewer stored replies than this may be chance, such as a client that sent one request twice.
STORED = 3
_STEP = Decimal("0.001")


class NoiseFloor(NamedTuple):
    """What auto asks for in a run: one threshold for all cases, or a deficit where there are three control samples.

    It was measured on so many `cases`, and is `tied` where several of them are just at it. `other_prompts` is what the
    control's answers to other prompts reach in 5% of pairs; None where that was not measured.
    """

    cases: int
    threshold: float | None = None
    deficit: float | None = None
    other_prompts: float | None = None
    tied: bool = False


class Cache(NamedTuple):
    """What tells that a relay gives stored replies: one of the repeated response ids, and in how many cases."""

    response_id: str
    cases: int


def calibrated(self_similarities: Sequence[float], other_prompts: float | None = None) -> NoiseFloor | None:
    """Return what a treatment as good as the control reaches in 95% of cases; None with fewer than 19 cases.

    It is rounded down to three decimals: that asks for no more than was measured, and people can read it.
    """
    threshold = conformal_threshold(self_similarities, ALPHA)
    if threshold is None:
        return None
    return NoiseFloor(
        cases=len(self_similarities),
        threshold=_rounded(threshold, ROUND_FLOOR),
        other_prompts=other_prompts,
        tied=self_similarities.count(threshold) > 1,
    )


def calibrated_deficit(deficits: Sequence[Sequence[float]], other_prompts: float | None = None) -> NoiseFloor | None:
    """Return what a treatment as good as the control lacks at most, in 95% of cases, of how alike the control is.

    `deficits` are those of the control's own answers, case by case; None with fewer than 19 cases. Rounded up.
    """
    deficit = conformal_deficit(deficits, ALPHA)
    if deficit is None:
        return None
    return NoiseFloor(
        cases=len(deficits),
        deficit=_rounded(deficit, ROUND_CEILING),
        other_prompts=other_prompts,
        tied=sum(deficit in some for some in deficits) > 1,
    )


def _rounded(number: float, rounding: str) -> float:
    return float(Decimal(str(number)).quantize(_STEP, rounding))


def settled(case: Case, floor: NoiseFloor | None) -> Case:
    """Put the calibrated number where a case says auto; without one, the fixed number of the next weaker source.

    Where a deficit was calibrated the case keeps its auto until its own control answers are known.
    """
    if case.min_similarity != "auto":
        return case
    if floor is None:
        return replace(case, min_similarity=case.fallback_similarity)
    if floor.deficit is not None:
        return replace(case, max_deficit=floor.deficit, other_prompts=floor.other_prompts)
    return replace(case, min_similarity=floor.threshold, calibrated=True, other_prompts=floor.other_prompts)


def by_deficit(case: Case, self_similarity: float | None) -> Case:
    """Ask of a case how alike its control answers are, less the deficit, rounded down; auto stays where none knows."""
    if case.max_deficit is None or self_similarity is None:
        return case
    number = _rounded(max(0.0, self_similarity - case.max_deficit), ROUND_FLOOR)
    return replace(case, min_similarity=number, calibrated=True)


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


def reached(floor: NoiseFloor, of: str = "", selected: str = "") -> str:
    """Say what auto asks for in this run, and how often the control itself misses it; `of` names one of the metrics."""
    rates = conformal_miss_range(floor.cases, ALPHA)
    low, high = (_share(rate) for rate in rates[1:]) if rates else ("0", "100")
    range_ = f"at most {high}%" if floor.tied else f"{low} to {high}%"  # what is just at it does not miss it
    asks = (
        f"is {exact_number(floor.threshold)}" if floor.threshold is not None else _asks_by_deficit(floor.deficit or 0.0)
    )
    return f"min_similarity=auto{of} {asks}{selected}: the control itself misses it in {range_} of cases"


def _asks_by_deficit(deficit: float) -> str:
    return f"is how alike the control's answers to a case are, less {exact_number(deficit)}"


def _share(rate: float) -> str:
    return f"{100 * rate:.0f}" if rate >= 0.0095 else f"{100 * rate:.1g}"


def asserts_nothing(floor: NoiseFloor, cases: Sequence[Case], of: str = "") -> str:
    """Say that answers to other prompts reach what auto asks for, in how many of the cases; empty where in none."""
    idle = sum(not case.asserts_similarity for case in cases)
    if not idle:
        return ""
    reach = f"5% of the control's answers to other prompts reach {score(floor.other_prompts or 0.0)}"
    why = reach if floor.other_prompts else "every answer reaches 0"
    three = ", another metric or three control samples (--graysplit-control-samples=3)"
    remedy = three if floor.deficit is None else " or another metric"
    where = "" if idle == len(cases) else f" in {idle:,} of {plural(len(cases), 'case')}"
    return f"min_similarity=auto{of} asserts nothing{where}: {why}; use expect{remedy}"


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
        return f"{exact_number(numbers[0])} holds instead"
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
        which = f"threshold of {exact_number(thresholds.pop())}" if len(thresholds) == 1 else "thresholds"
        yield (
            f"the control misses its own {which} in {missed:,} of {plural(len(fixed), 'case')}: "
            "a treatment cannot be asked for more; use min_similarity=auto or expect"
        )
