"""The grade of live traffic: collecting, promote, hold or reject, with reasons that hold however often one looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.traffic.grade import grade_rules
from pytest_graysplit.traffic.grade.grade_rules import GradeEvidence
from pytest_graysplit.verdict.rule_table import Remark, Rule, RuleTable

if TYPE_CHECKING:
    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict.criteria import Criterion

GradeDecision = Literal["collecting", "promote", "hold", "reject"]

RULES: RuleTable[GradeEvidence, GradeDecision] = RuleTable(
    rules=(
        Rule(grade_rules.too_few, "collecting"),
        Rule(grade_rules.broken_split, "hold"),
        Rule(grade_rules.mistaken, "hold"),
        Rule(grade_rules.unpriced, "hold"),
        Rule(grade_rules.against_itself, "hold"),
        Rule(grade_rules.harmful, "reject"),
        # Every hold also says where each criterion stands.
        Rule(grade_rules.still_open, "hold", ("hold",)),
    ),
    otherwise="promote",
    remarks=(
        Remark(grade_rules.heavy, ("hold", "reject")),
        Remark(grade_rules.promising, ("promote",)),
        Remark(grade_rules.beside_the_point, ("promote",)),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What to do with a treatment, why, and the rows it rests on.

    `needed_units` is how many units the smaller arm takes in all until a hold would be decided; None where nothing
    is to be waited for, or no number of units would do.
    """

    treatment: str
    verdict: GradeDecision
    reasons: tuple[str, ...]
    rows: tuple[Criterion, ...]
    needed_units: int | None = None


def grade(control: ArmSums, treatment: ArmSums, policy: Policy, *, mismatch_e: float) -> Grade:
    """Grade a treatment by what the two arms have summed up; `mismatch_e` is that of the units of all arms."""
    seen = GradeEvidence.of(control, treatment, policy, mismatch_e)
    decision, reasons = RULES.apply(seen)
    return Grade(
        treatment=treatment.arm,
        verdict=decision,
        reasons=reasons,
        rows=seen.rows,
        needed_units=_needed(seen, decision),
    )


def _needed(seen: GradeEvidence, decision: GradeDecision) -> int | None:
    if decision == "collecting":
        return grade_rules.FEWEST_UNITS
    return seen.needed if decision == "hold" else None
