"""The grade of live traffic: collecting, promote, hold or reject, with reasons that hold however often one looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.traffic.grade import grade_rules
from pytest_graysplit.traffic.grade.grade_rules import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.verdict.criterion import Row

GradeVerdict = Literal["collecting", "promote", "hold", "reject"]

_RULES: tuple[tuple[Callable[[Seen], Iterable[str]], GradeVerdict], ...] = (
    (grade_rules.too_few, "collecting"),
    (grade_rules.broken_split, "hold"),
    (grade_rules.mistaken, "hold"),
    (grade_rules.unpriced, "hold"),
    (grade_rules.against_itself, "hold"),
    (grade_rules.harmful, "reject"),
    (grade_rules.still_open, "hold"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What to do with a treatment, why, and the rows it rests on.

    `needed_units` is how many units the smaller arm takes in all until a hold would be decided; None where nothing
    is to be waited for, or no number of units would do.
    """

    treatment: str
    verdict: GradeVerdict
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    needed_units: int | None = None


def grade(control: ArmSums, treatment: ArmSums, policy: Policy, *, mismatch_e: float) -> Grade:
    """Grade a treatment by what the two arms have summed up; `mismatch_e` is that of the units of all arms."""
    seen = Seen.of(control, treatment, policy, mismatch_e)
    verdict, reasons = _ruled(seen)
    return Grade(
        treatment=treatment.arm,
        verdict=verdict,
        reasons=tuple(reasons),
        rows=seen.rows,
        needed_units=_needed(seen, verdict),
    )


def _ruled(seen: Seen) -> tuple[GradeVerdict, list[str]]:
    """Apply the rules in their order; the first that has a reason decides."""
    for rule, verdict in _RULES:
        if reasons := list(rule(seen)):
            # A hold also says where each row stands.
            more = grade_rules.still_open(seen) if verdict == "hold" else ()
            heavy = grade_rules.heavy(seen) if verdict != "collecting" else ()
            return verdict, [*dict.fromkeys([*reasons, *more, *heavy])]
    return "promote", [*grade_rules.promising(seen), *grade_rules.beside_the_point(seen)]


def _needed(seen: Seen, verdict: GradeVerdict) -> int | None:
    if verdict == "collecting":
        return grade_rules.FEWEST_UNITS
    return seen.needed if verdict == "hold" else None
