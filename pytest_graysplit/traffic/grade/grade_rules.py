"""Rules of the grade: each is a function from the evidence to its reasons, and applies if it yields any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import WAIT_QUANTILES
from pytest_graysplit.formatting.display import listed, percent, plural, shortlist
from pytest_graysplit.traffic.grade.criteria import MEASURED, criteria_of, critical_names
from pytest_graysplit.verdict.criteria import rejecting
from pytest_graysplit.verdict.reasons import label_of, more_units, reason_of
from pytest_graysplit.verdict.rule_table import tolerated
from pytest_graysplit.verdict.run_facts import same_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.log.gaps import LogGaps
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict.criteria import Criterion

FEWEST_UNITS = 30
# If the split follows the weights, an e-value ever reaches this with a probability of at most one in a thousand.
MISMATCH_E = 1000
# Answers of other models change a share by at most their own share: a tenth of a point decides nothing.
STRANGE_SHARE = 0.001
# If all lines that are missing from a log were failures of the smaller arm, they would use a quarter of the bound on
# errors.
MISSING_SHARE = 0.005
# The number of named units with many requests, and of letters of a unit's key: enough to find it in the log.
MOST_NAMED = 3
UNIT_LETTERS = 12
# Criteria that are ratios or times: distances are those of their logarithms.
_RATIOS = ("latency", "latency_p95", "latency_p99", "cost_per_pass", *WAIT_QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeEvidence:
    """The evidence about a treatment: both arms, the policy, the criteria, the split's e-value, and gaps in the log."""

    control: ArmSums
    treatment: ArmSums
    policy: Policy
    mismatch_e: float
    gaps: LogGaps
    criteria: tuple[Criterion, ...]

    @classmethod
    def of(
        cls, control: ArmSums, treatment: ArmSums, policy: Policy, mismatch_e: float, gaps: LogGaps
    ) -> GradeEvidence:
        """Build the criteria of two arms."""
        criteria = criteria_of(control, treatment, policy)
        return cls(
            control=control, treatment=treatment, policy=policy, mismatch_e=mismatch_e, gaps=gaps, criteria=criteria
        )

    @property
    def arms(self) -> tuple[ArmSums, ArmSums]:
        """Control and treatment."""
        return self.control, self.treatment

    @property
    def critical(self) -> list[Criterion]:
        """The criteria that decide."""
        return [criterion for criterion in self.criteria if criterion.critical]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the criteria that must have data."""
        return critical_names(self.control, self.treatment, self.policy)

    @property
    def needed(self) -> int | None:
        """The number of units in the smaller arm that decides all critical criteria; None if no number does."""
        lacking = [name for name in self.names if all(criterion.name != name for criterion in self.criteria)]
        numbers = [needed_for(criterion) for criterion in self.critical]
        known = [FEWEST_UNITS, *(number for number in numbers if number is not None)]
        return None if lacking or None in numbers else max(known)


def busy_units(arm: ArmSums) -> int:
    """Return the number of units with requests to an arm; units that share a cluster count once."""
    return sum(cluster.requests > 0 for cluster in arm.clusters)


def needed_for(criterion: Criterion) -> int | None:
    """Return the number of units in the smaller arm that would decide a criterion; None if no usual number does."""
    ends = [criterion.estimate, criterion.low, criterion.high, criterion.bound or 0.0]
    if criterion.name in _RATIOS:
        if criterion.of_a_free_model:
            return criterion.n if criterion.state != "inconclusive" else None
        if criterion.name in WAIT_QUANTILES and criterion.high == math.inf:
            return stats.fewest_for_quantile(WAIT_QUANTILES[criterion.name])
        if not all(0 < end < math.inf for end in ends):
            return None
        ends = [math.log(end) for end in ends]
    estimate, low, high, bound = ends
    half = estimate - low if estimate > bound else high - estimate
    return stats.needed_units(half, abs(estimate - bound), criterion.n)


def too_few(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the arms with too few units for a valid interval."""
    for arm in evidence.arms:
        units = busy_units(arm)
        if units >= FEWEST_UNITS:
            continue
        if not arm.basis_points:
            yield f"{arm.arm} has a weight of 0 and gets no new units"
        yield f"{arm.arm}: only {plural(units, 'unit')} with requests; a grade needs at least {FEWEST_UNITS}"


def broken_split(evidence: GradeEvidence) -> Iterator[str]:
    """Yield a reason if units do not follow the weights: then the arms differ in more than the model."""
    if evidence.mismatch_e >= MISMATCH_E:
        counts = listed([f"{plural(arm.units, 'unit')} in {arm.arm} ({_weight(arm)})" for arm in evidence.arms])
        p = stats.anytime_p(evidence.mismatch_e)
        yield f"the split is broken, units do not follow the weights: {counts}, p = {p:.1g}"


def mistaken(evidence: GradeEvidence) -> Iterator[str]:
    """Yield reasons why too many answers are not those of the requested models."""
    return (text for text, many in _strange(evidence) if many)


def unpriced(evidence: GradeEvidence) -> Iterator[str]:
    """Yield a reason if the cost decides and is unknown."""
    if "cost_per_pass" in evidence.names:
        for arm in evidence.arms:
            if arm.unpriced:
                answers = f"{plural(arm.unpriced, 'answer')} of {arm.model}"
                yield f"the cost of {answers} is unknown, and cost per pass decides"


def incomplete_log(evidence: GradeEvidence) -> Iterator[str]:
    """Yield a reason if so many lines are missing from the log that they could hide a harm."""
    smaller = min(evidence.arms, key=lambda arm: arm.requests)
    if evidence.gaps.unknown:
        yield "a part of the log could not be read, and its requests may be failures of one arm"
    elif (missing := evidence.gaps.missing) > MISSING_SHARE * smaller.requests:
        share = percent(missing, smaller.requests)
        text = f"{plural(missing, 'line')} of the log could not be counted, {share} of the requests of {smaller.arm}"
        yield f"{text}: they may be failures of one arm, and {MISSING_SHARE:.1%} is tolerated"


def skipped_lines(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the lines of the log that were left out, by reason."""
    return (f"log: {text}" for text in evidence.gaps.skipped())


def against_itself(evidence: GradeEvidence) -> Iterator[str]:
    """Yield a reason if a model would be rejected against itself: then something other than the model differs."""
    if evidence.control.is_configured_as(evidence.treatment) and (found := list(harmful(evidence))):
        yield "one model in both arms cannot be worse than itself, so the arms differ in something else, or by chance"
        yield from found


def harmful(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the critical criteria that fail (Holm 1979 over all of them), by p values that hold at every look."""
    return (reason_of(criterion) for criterion in rejecting(evidence.critical))


def unknown_waits(evidence: GradeEvidence) -> Iterator[str]:
    """Yield a reason if a percentile of the wait decides and the wait of many requests is unknown."""
    arm, deciding = evidence.treatment, [name for name in evidence.names if name in WAIT_QUANTILES]
    unknown = arm.requests - arm.waited
    if deciding and arm.waited and unknown > STRANGE_SHARE * arm.requests:
        requests = f"{plural(unknown, 'request')} of {arm.arm}"
        yield f"the wait of {requests} is unknown, and {label_of(deciding[0])} decides"


def still_open(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the critical criteria without data, and those that do not pass."""
    there = {criterion.name for criterion in evidence.criteria}
    if lacking := [label_of(name) for name in evidence.names if name not in there]:
        yield f"nothing was measured on both arms for {shortlist(lacking)}"
    for criterion in evidence.critical:
        if criterion.state != "pass":
            yield f"{reason_of(criterion)}; {more_units(criterion, needed_for(criterion))}"


def promising(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the reasons for a promotion."""
    return (reason_of(criterion) for criterion in evidence.critical)


def limits_of_promotion(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the limits of a promotion."""
    yield from tolerated(evidence.criteria)
    yield from (f"but {text}" for text, _ in _strange(evidence))
    yield from (f"but {text}" for text in heavy(evidence))
    unmeasured = [label_of(name) for name in evidence.policy.critical if name not in MEASURED]
    if unmeasured:
        yield f"live traffic does not measure {shortlist(unmeasured)}"
    if not any(arm.feedback for arm in evidence.arms):
        yield "no feedback was given, so the quality of the answers is unknown"


def heavy(evidence: GradeEvidence) -> Iterator[str]:
    """Yield the units that send more than a twentieth of an arm's requests, and so shape its figures."""
    for arm in evidence.arms:
        for one in arm.heavy[:MOST_NAMED]:
            share = percent(one.requests, arm.requests)
            text = f"unit {one.unit[:UNIT_LETTERS]} sends at least {share} of the requests of {arm.arm}"
            yield f"{text}: so much of its figures rests on one unit"
        if more := arm.heavy[MOST_NAMED:]:
            yield f"{plural(len(more), 'more unit')} of {arm.arm} with over 5% of its requests each"


def _strange(evidence: GradeEvidence) -> Iterator[tuple[str, bool]]:
    """Yield each other source of answers, and whether it gave more than a tenth of a percent of an arm's."""
    for arm in evidence.arms:
        for served, number in sorted(arm.served.items()):
            if not same_model(arm.model, served):
                text = f"{arm.model} was requested, {served} answered: {plural(number, 'reply', 'replies')}"
                yield text, number > STRANGE_SHARE * arm.requests
        if number := arm.gateway_fallbacks:
            text = f"the gateway retried or fell back by itself for {arm.arm}: {plural(number, 'reply', 'replies')}"
            yield text, number > STRANGE_SHARE * arm.requests


def _weight(arm: ArmSums) -> str:
    return f"{arm.basis_points / 100:g}%"
