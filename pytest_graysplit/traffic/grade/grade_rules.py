"""The rules by which live traffic is graded, each from what was seen to its reasons; without a reason none applies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.formatting.display import listed, percent, plural, shortlist
from pytest_graysplit.traffic.grade.criteria import MEASURED, criteria_of, critical_names
from pytest_graysplit.verdict.criteria import rejecting
from pytest_graysplit.verdict.reasons import label_of, more_units, reason_of
from pytest_graysplit.verdict.rule_table import tolerated
from pytest_graysplit.verdict.run_facts import same_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict.criteria import Criterion

FEWEST_UNITS = 30
# While the split follows the weights, an e-value ever reaches this with a probability of one in a thousand at most.
MISMATCH_E = 1000
# Answers that came from elsewhere move a share by no more than their own share: a tenth of a point decides nothing.
STRANGE_SHARE = 0.001
# Of the units with a large share of an arm's requests, and of a unit's key: enough to find it in the log.
MOST_NAMED = 3
UNIT_LETTERS = 12
# Rows that are ratios: distances are those of their logarithms.
_RATIOS = ("latency", "latency_p95", "cost_per_pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeEvidence:
    """What a treatment is graded by: both arms, the policy, the rows they make, and the e-value against their split."""

    control: ArmSums
    treatment: ArmSums
    policy: Policy
    mismatch_e: float
    rows: tuple[Criterion, ...]

    @classmethod
    def of(cls, control: ArmSums, treatment: ArmSums, policy: Policy, mismatch_e: float) -> GradeEvidence:
        """Make the rows of two arms."""
        rows = criteria_of(control, treatment, policy)
        return cls(control=control, treatment=treatment, policy=policy, mismatch_e=mismatch_e, rows=rows)

    @property
    def arms(self) -> tuple[ArmSums, ArmSums]:
        """Control and treatment."""
        return self.control, self.treatment

    @property
    def critical(self) -> list[Criterion]:
        """The rows that decide."""
        return [row for row in self.rows if row.critical]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rows that have to be there to decide."""
        return critical_names(self.control, self.treatment, self.policy)

    @property
    def needed(self) -> int | None:
        """With how many units in the smaller arm all critical rows would be decided; None where no number does it."""
        lacking = [name for name in self.names if all(row.name != name for row in self.rows)]
        numbers = [needed_for(row) for row in self.critical]
        known = [FEWEST_UNITS, *(number for number in numbers if number is not None)]
        return None if lacking or None in numbers else max(known)


def busy_units(arm: ArmSums) -> int:
    """Return how many units have sent a request to an arm; units that share a cluster count once."""
    return sum(cluster.requests > 0 for cluster in arm.clusters)


def needed_for(row: Criterion) -> int | None:
    """Return how many units in the smaller arm would decide a row; None where no number of a usual size does."""
    ends = [row.estimate, row.low, row.high, row.bound or 0.0]
    if row.name in _RATIOS:
        if row.of_a_free_model:
            return row.n if row.state != "inconclusive" else None
        if not all(0 < end < math.inf for end in ends):
            return None
        ends = [math.log(end) for end in ends]
    estimate, low, high, bound = ends
    half = estimate - low if estimate > bound else high - estimate
    return stats.needed_units(half, abs(estimate - bound), row.n)


def too_few(seen: GradeEvidence) -> Iterator[str]:
    """Yield what is missing before any interval can be trusted."""
    for arm in seen.arms:
        units = busy_units(arm)
        if units >= FEWEST_UNITS:
            continue
        if not arm.basis_points:
            yield f"{arm.arm} has a weight of 0 and gets no new units"
        missing = plural(FEWEST_UNITS - units, "more unit")
        yield f"{arm.arm}: {plural(units, 'unit')} with requests, {missing} to go to {FEWEST_UNITS}"


def broken_split(seen: GradeEvidence) -> Iterator[str]:
    """Yield a reason where units did not come out as the weights say: then the arms differ in more than the model."""
    if seen.mismatch_e >= MISMATCH_E:
        counts = listed([f"{plural(arm.units, 'unit')} in {arm.arm} ({_weight(arm)})" for arm in seen.arms])
        p = stats.anytime_p(seen.mismatch_e)
        yield f"the split is broken, units do not follow the weights: {counts}, p = {p:.1g}"


def mistaken(seen: GradeEvidence) -> Iterator[str]:
    """Yield reasons why too many answers are not those of the models that were asked."""
    return (text for text, many in _strange(seen) if many)


def unpriced(seen: GradeEvidence) -> Iterator[str]:
    """Yield a reason where the cost decides and nobody knows it."""
    if "cost_per_pass" in seen.names:
        for arm in seen.arms:
            if arm.unpriced:
                answers = f"{plural(arm.unpriced, 'answer')} of {arm.model}"
                yield f"the cost of {answers} is unknown, and cost per pass decides"


def against_itself(seen: GradeEvidence) -> Iterator[str]:
    """Yield a reason where a model would be rejected against itself: then something other than the model differs."""
    if seen.control.model == seen.treatment.model and (found := list(harmful(seen))):
        yield "one model in both arms is no worse than itself, so the arms differ in something else, or by chance"
        yield from found


def harmful(seen: GradeEvidence) -> Iterator[str]:
    """Yield the critical rows that fail (Holm 1979 over all of them), by p-values that hold at every look."""
    return (reason_of(row) for row in rejecting(seen.critical))


def still_open(seen: GradeEvidence) -> Iterator[str]:
    """Yield what stands between the treatment and a promotion: critical rows without data, or that do not pass."""
    there = {row.name for row in seen.rows}
    if lacking := [label_of(name) for name in seen.names if name not in there]:
        yield f"nothing was measured on both arms for {shortlist(lacking)}"
    for row in seen.critical:
        if row.state != "pass":
            yield f"{reason_of(row)}; {more_units(row, needed_for(row))}"


def promising(seen: GradeEvidence) -> Iterator[str]:
    """Yield what speaks for a promotion."""
    return (reason_of(row) for row in seen.critical)


def beside_the_point(seen: GradeEvidence) -> Iterator[str]:
    """Yield what stands in nobody's way and should be known to whoever promotes."""
    yield from tolerated(seen.rows)
    yield from (f"but {text}" for text, _ in _strange(seen))
    yield from (f"but {text}" for text in heavy(seen))
    unmeasured = [label_of(name) for name in seen.policy.critical if name not in MEASURED]
    if unmeasured:
        yield f"live traffic does not measure {shortlist(unmeasured)}"
    if not any(arm.feedback for arm in seen.arms):
        yield "no feedback was given: nobody has said how good the answers are"


def heavy(seen: GradeEvidence) -> Iterator[str]:
    """Yield the units that send more than a twentieth of an arm's requests: what they meet is much of its figures."""
    for arm in seen.arms:
        for one in arm.heavy[:MOST_NAMED]:
            share = percent(one.requests, arm.requests)
            told = f"unit {one.unit[:UNIT_LETTERS]} sends at least {share} of the requests of {arm.arm}"
            yield f"{told}: so much of its figures rests on one unit"
        if more := arm.heavy[MOST_NAMED:]:
            yield f"{plural(len(more), 'more unit')} of {arm.arm} with over 5% of its requests each"


def _strange(seen: GradeEvidence) -> Iterator[tuple[str, bool]]:
    """Yield what answered in place of the models, and whether it was more than a tenth of a per cent of an arm."""
    for arm in seen.arms:
        for served, number in sorted(arm.served.items()):
            if not same_model(arm.model, served):
                text = f"{arm.model} was asked for, {served} answered: {plural(number, 'reply', 'replies')}"
                yield text, number > STRANGE_SHARE * arm.requests
        if number := arm.gateway_fallbacks:
            text = f"the gateway retried or fell back by itself for {arm.arm}: {plural(number, 'reply', 'replies')}"
            yield text, number > STRANGE_SHARE * arm.requests


def _weight(arm: ArmSums) -> str:
    return f"{arm.basis_points / 100:g}%"
