"""The noise floor: how consistent the control is with itself, and the similarity that a treatment can be held to."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.display import exact_number, format_score, plural
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.stats import conformal_deficit, conformal_miss_range, conformal_threshold
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pytest_graysplit.types import Case, Reply
    from pytest_graysplit.verdict.results import Results

# The share of cases in which the control may miss its calibrated threshold.
ALPHA = 0.05
NEEDED = 19
# Fewer stored replies than this may be chance, for example a client that sent one request twice.
STORED = 3
_STEP = Decimal("0.001")


class NoiseFloor(NamedTuple):
    """The value of auto in a run: one threshold for all cases, or a shortfall with three control samples.

    It was measured on `cases` cases, and is `tied` if several of them are exactly at it. `other_prompts` is the
    similarity that 5% of pairs with the control's answers to other prompts reach; None if it was not measured.
    """

    cases: int
    threshold: float | None = None
    shortfall: float | None = None
    other_prompts: float | None = None
    tied: bool = False


class Cache(NamedTuple):
    """The evidence that a relay serves stored replies: one of the repeated response ids, and the number of cases."""

    response_id: str
    cases: int


def calibrated(self_similarities: Sequence[float], other_prompts: float | None = None) -> NoiseFloor | None:
    """Return the threshold that a treatment as good as the control reaches in 95% of cases; None below 19 cases.

    It is rounded down to three decimals, so that it never exceeds the measured one.
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


def calibrated_shortfall(
    shortfalls: Sequence[Sequence[float]], other_prompts: float | None = None
) -> NoiseFloor | None:
    """Return the largest shortfall of a treatment as good as the control, in 95% of cases; None below 19 cases.

    The shortfall of an answer is its similarity to the control's answers, subtracted from their similarity to each
    other. `shortfalls` are those of the control's own answers, per case. The result is rounded up.
    """
    shortfall = conformal_deficit(shortfalls, ALPHA)
    if shortfall is None:
        return None
    return NoiseFloor(
        cases=len(shortfalls),
        shortfall=_rounded(shortfall, ROUND_CEILING),
        other_prompts=other_prompts,
        tied=sum(shortfall in some for some in shortfalls) > 1,
    )


def _rounded(number: float, rounding: str) -> float:
    return float(Decimal(str(number)).quantize(_STEP, rounding))


def with_noise_floor(case: Case, floor: NoiseFloor | None) -> Case:
    """Replace auto in a case by the calibrated number, or without one by the fixed number of the next weaker source.

    With a calibrated shortfall, the case keeps auto until its own control answers are known.
    """
    if case.min_similarity != "auto":
        return case
    if floor is None:
        return replace(case, min_similarity=case.fallback_similarity)
    if floor.shortfall is not None:
        return replace(case, max_deficit=floor.shortfall, other_prompts=floor.other_prompts)
    return replace(case, min_similarity=floor.threshold, calibrated=True, other_prompts=floor.other_prompts)


def by_shortfall(case: Case, self_similarity: float | None) -> Case:
    """Replace auto by the control's self-similarity minus the shortfall, rounded down; keep it if either is unknown."""
    if case.max_deficit is None or self_similarity is None:
        return case
    number = _rounded(max(0.0, self_similarity - case.max_deficit), ROUND_FLOOR)
    return replace(case, min_similarity=number, calibrated=True)


def cache(samples: Iterable[Sequence[Reply]]) -> Cache | None:
    """Return the evidence that every case with several samples got one stored reply for all of them, or None.

    A consistent model gives the same text under different response ids. A server may also give all its answers one id,
    so at least three different ids are needed.
    """
    repeated = [replies for replies in samples if len(replies) > 1 and all(reply.response_id for reply in replies)]
    if any(
        len({(reply.response_id, reply.text, repr(reply.tool_calls)) for reply in replies}) > 1 for replies in repeated
    ):
        return None
    ids = [replies[0].response_id for replies in repeated]
    return Cache(str(ids[0]), len(ids)) if len(set(ids)) >= STORED else None


def reached(floor: NoiseFloor, of: str = "", selected: str = "") -> str:
    """Describe the value of auto in this run, and how often the control misses it; `of` names one of the metrics."""
    rates = conformal_miss_range(floor.cases, ALPHA)
    low, high = (_share(rate) for rate in rates[1:]) if rates else ("0", "100")
    range_ = f"at most {high}%" if floor.tied else f"{low} to {high}%"  # a similarity at the threshold is not a miss
    asks = (
        f"is {exact_number(floor.threshold)}"
        if floor.threshold is not None
        else _asks_by_shortfall(floor.shortfall or 0.0)
    )
    return f"min_similarity=auto{of} {asks}{selected}: the control itself misses it in {range_} of cases"


def _asks_by_shortfall(shortfall: float) -> str:
    return f"is the similarity of the control's answers to a case, less {exact_number(shortfall)}"


def _share(rate: float) -> str:
    return f"{100 * rate:.0f}" if rate >= 0.0095 else f"{100 * rate:.1g}"


def asserts_nothing(floor: NoiseFloor, cases: Sequence[Case], of: str = "") -> str:
    """Say in how many cases answers to other prompts reach the value of auto; return "" if they do in none."""
    idle = sum(not case.asserts_similarity for case in cases)
    if not idle:
        return ""
    reach = f"5% of the control's answers to other prompts reach {format_score(floor.other_prompts or 0.0)}"
    why = reach if floor.other_prompts else "every answer reaches 0"
    three = ", another metric or three control samples (--graysplit-control-samples=3)"
    remedy = three if floor.shortfall is None else " or another metric"
    where = "" if idle == len(cases) else f" in {idle:,} of {plural(len(cases), 'case')}"
    return f"min_similarity=auto{of} asserts nothing{where}: {why}; use expect{remedy}"


def uncalibrated(cases: int, stored: Cache | None, fallbacks: Collection[float | None], of: str = "") -> str:
    """Say why auto has no calibrated value in this run, and name its replacement; `of` names one of several metrics."""
    why = "is not calibrated on a cache"
    if stored is None:
        why = f"needs {NEEDED} cases with two control samples, this run has {cases}"
    return f"min_similarity=auto{of} {why}: {_instead(set(fallbacks))}"


def _instead(fallbacks: set[float | None]) -> str:
    if fallbacks <= {None}:
        return "not asserted"
    numbers = sorted(number for number in fallbacks if number is not None)
    if len(numbers) == 1 and None not in fallbacks:
        return f"{exact_number(numbers[0])} is used instead"
    return "the fixed numbers are used in the cases that have one"


def warnings(results: Results) -> Iterator[str]:
    """Yield warnings about the control's own variation, which limit trust in a comparison."""
    yield from _misses_itself(results)
    controls = [row.arms[CONTROL] for row in results.rows if CONTROL in row.arms]
    if stored := cache([(*arm.replies, *arm.spare) for arm in controls]):
        yield (
            "the relay answered all control samples of a case with the same stored reply "
            f"(response id {on_one_line(stored.response_id)}) in {plural(stored.cases, 'case')}: it serves a cache, "
            "so it is unknown how consistent the control is with itself"
        )


def _misses_itself(results: Results) -> Iterator[str]:
    """Warn if the control misses its fixed thresholds more often than it would miss a calibrated one."""
    fixed = [row for row in results.rows if row.discriminates is not None and not row.calibrated]
    missed = sum(not row.discriminates for row in fixed)
    if missed > ALPHA * len(fixed):
        thresholds = {one.threshold for row in fixed for one in row.comparisons.values() if one.threshold is not None}
        which = f"threshold of {exact_number(thresholds.pop())}" if len(thresholds) == 1 else "thresholds"
        yield (
            f"the control misses its own {which} in {missed:,} of {plural(len(fixed), 'case')}: "
            "a treatment cannot be asked for more; use min_similarity=auto or expect"
        )
