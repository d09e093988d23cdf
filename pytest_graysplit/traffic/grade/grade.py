"""The grade of live traffic: collecting, promote, hold or reject, with reasons that hold at every look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.traffic.grade import grade_rules
from pytest_graysplit.traffic.grade.grade_rules import GradeEvidence
from pytest_graysplit.verdict.rule_table import Remark, Rule, RuleTable

if TYPE_CHECKING:
    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.log.gaps import LogGaps
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict.criteria import Criterion

GradeDecision = Literal["collecting", "promote", "hold", "reject"]

RULES: RuleTable[GradeEvidence, GradeDecision] = RuleTable(
    rules=(
        Rule(grade_rules.too_few, "collecting"),
        Rule(grade_rules.broken_split, "hold"),
        Rule(grade_rules.mistaken, "hold"),
        Rule(grade_rules.unpriced, "hold"),
        Rule(grade_rules.incomplete_log, "hold"),
        Rule(grade_rules.against_itself, "hold"),
        Rule(grade_rules.harmful, "reject"),
        Rule(grade_rules.unknown_waits, "hold"),
        # Every hold also says where each criterion stands.
        Rule(grade_rules.still_open, "hold", ("hold",)),
    ),
    otherwise="promote",
    remarks=(
        Remark(grade_rules.heavy, ("hold", "reject")),
        Remark(grade_rules.promising, ("promote",)),
        Remark(grade_rules.limits_of_promotion, ("promote",)),
        Remark(grade_rules.skipped_lines, ("collecting", "hold", "reject", "promote")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A decision on a treatment, its reasons, and the criteria behind it.

    `needed_units` is the number of units in the smaller arm that would decide a hold; None if no wait is needed, or no
    number of units would decide.
    """

    treatment: str
    verdict: GradeDecision
    reasons: tuple[str, ...]
    rows: tuple[Criterion, ...]
    needed_units: int | None = None


def grade(control: ArmSums, treatment: ArmSums, policy: Policy, *, mismatch_e: float, gaps: LogGaps) -> Grade:
    """Grade a treatment by the sums of the two arms.

    `mismatch_e` is the e-value of the split of all units, `gaps` are the lines that are missing from a log.
    """
    evidence = GradeEvidence.of(control, treatment, policy, mismatch_e, gaps)
    decision, reasons = RULES.apply(evidence)
    return Grade(
        treatment=treatment.arm,
        verdict=decision,
        reasons=reasons,
        rows=evidence.criteria,
        needed_units=_needed(evidence, decision),
    )


def _needed(evidence: GradeEvidence, decision: GradeDecision) -> int | None:
    if decision == "collecting":
        return grade_rules.FEWEST_UNITS
    return evidence.needed if decision == "hold" else None
