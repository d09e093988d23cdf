"""From the evidence to promote, hold or reject: the rules in their order, and the first that applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit.verdict import rules
from pytest_graysplit.verdict.evidence import Evidence
from pytest_graysplit.verdict.rule_table import Remark, Rule, RuleTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.pairs import Pair
    from pytest_graysplit.verdict.results import Results
    from pytest_graysplit.verdict.run_facts import RunFacts

Decision = Literal["promote", "hold", "reject"]

_HOLDS: tuple[Decision, ...] = ("hold",)
_ANY: tuple[Decision, ...] = ("hold", "reject")
RULES: RuleTable[Evidence, Decision] = RuleTable(
    rules=(
        Rule(rules.against_itself, "hold"),
        Rule(rules.mistaken, "hold", _ANY),
        Rule(rules.unfounded, "hold", _ANY),
        Rule(rules.must_pass, "reject", _ANY),
        Rule(rules.stopped_for_harm, "reject", _ANY),
        Rule(rules.unfinished, "hold", _ANY),
        Rule(rules.between_looks, "hold", _ANY),
        Rule(rules.harmful, "reject", _ANY),
        Rule(rules.unusable, "hold", _ANY),
        Rule(rules.doubtful, "hold", _ANY),
        # After a rejection, the number of cases that would decide is not useful.
        Rule(rules.still_open, "hold", _HOLDS),
    ),
    otherwise="promote",
    remarks=(
        Remark(rules.promising, ("promote",)),
        Remark(rules.planned_look, ("promote", "reject")),
        Remark(rules.next_look, _HOLDS),
        Remark(rules.beside_the_point, ("promote",)),
    ),
)


class Changes(NamedTuple):
    """How many cases the treatment passes less than the control, or more, and how many both pass or miss alike.

    Cases about whose answers nothing was asserted are none of these: they are counted apart.
    """

    broken: int = 0
    fixed: int = 0
    both_right: int = 0
    both_wrong: int = 0
    unasserted: int = 0

    @property
    def total(self) -> int:
        """How many cases were judged on both models."""
        return sum(self)


NO_CASES = Changes()


class Broken(NamedTuple):
    """A case that the treatment passes less than the control; `missed` says in few words what it missed."""

    name: str
    missed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with a treatment, why, and the rows it rests on.

    So many cases would decide a hold: `needed` if all is as it looks, `needed_if_equal` if the treatment is as good as
    the control. `cases` counts the cases by their results on both models, and `broken` names those that the treatment
    passes less than the control, the worst first. `mcnemar_midp` is the p value that both models pass as often: a
    diagnostic, which decides nothing.
    """

    treatment: str
    decision: Decision
    reasons: tuple[str, ...]
    rows: tuple[Criterion, ...]
    needed: int | None = None
    needed_if_equal: int | None = None
    mcnemar_midp: float | None = None
    cases: Changes = NO_CASES
    broken: tuple[Broken, ...] = ()


def decide(results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Verdict:
    """Judge a treatment; the same results in any order give the same verdict."""
    seen = Evidence.of(results, treatment, policy, facts)
    decision, reasons = RULES.apply(seen)
    return Verdict(
        treatment=treatment,
        decision=decision,
        reasons=reasons,
        rows=seen.rows,
        needed=seen.needed if decision == "hold" else None,
        needed_if_equal=seen.needed_if_equal if decision == "hold" else None,
        mcnemar_midp=seen.mcnemar_midp,
        cases=changes_of(seen.pairs),
        broken=broken_of(seen.pairs),
    )


def changes_of(pairs: Sequence[Pair]) -> Changes:
    """Count the cases by how they came out on both models."""
    alike = [pair.passed.control for pair in pairs if pair.is_evidence and not pair.difference]
    right = sum(2 * share >= 1 for share in alike)
    broken, fixed = sum(pair.difference < 0 for pair in pairs), sum(pair.difference > 0 for pair in pairs)
    unasserted = sum(not pair.is_evidence for pair in pairs)
    return Changes(broken, fixed, right, both_wrong=len(alike) - right, unasserted=unasserted)


def broken_of(pairs: Sequence[Pair]) -> tuple[Broken, ...]:
    """Return the broken cases: those that must pass first, then by what was lost, and by how unlike the answers are."""
    broken = sorted((pair for pair in pairs if pair.difference < 0), key=_worst_first)
    return tuple(Broken(pair.name, pair.missed) for pair in broken)


def _worst_first(pair: Pair) -> tuple[bool, float, float, str]:
    return not pair.must_pass, pair.difference, 1.0 if pair.similarity is None else pair.similarity, pair.name
