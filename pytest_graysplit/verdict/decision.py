"""The decision on a treatment, promote, hold or reject: the rules in their order, and the first that applies."""

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
    from pytest_graysplit.verdict.judge_standing import JudgedRates
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
        Rule(rules.misjudged, "hold", _ANY),
        Rule(rules.stopped_for_harm, "reject", _ANY),
        Rule(rules.unfinished, "hold", _ANY),
        Rule(rules.between_looks, "hold", _ANY),
        Rule(rules.harmful, "reject", _ANY),
        Rule(rules.uncalibrated, "hold", _ANY),
        Rule(rules.unusable, "hold", _ANY),
        Rule(rules.doubtful, "hold", _ANY),
        # After a rejection, the number of cases that would decide is not useful.
        Rule(rules.still_open, "hold", _HOLDS),
    ),
    otherwise="promote",
    remarks=(
        Remark(rules.promising, ("promote",)),
        Remark(rules.corrected, ("promote", "reject")),
        Remark(rules.planned_look, ("promote", "reject")),
        Remark(rules.next_look, _HOLDS),
        Remark(rules.limits_of_promotion, ("promote",)),
    ),
)


class Changes(NamedTuple):
    """The number of cases that the treatment passes less or more than the control, and that both pass or fail alike.

    A case without an assertion about its answers is counted apart.
    """

    broken: int = 0
    fixed: int = 0
    both_right: int = 0
    both_wrong: int = 0
    unasserted: int = 0

    @property
    def total(self) -> int:
        """The number of cases that were judged on both models."""
        return sum(self)


NO_CASES = Changes()


class Broken(NamedTuple):
    """A case that the treatment passes less than the control; `missed` names the kind of the failed expectation."""

    name: str
    missed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision on a treatment, its reasons, and the criteria behind it.

    The number of cases that would decide a hold is `needed` if the observed difference is the true one, and
    `needed_if_equal` if the treatment is as good as the control. `cases` counts the cases by their results on both
    models. `broken` names those that the treatment passes less than the control, the worst first. `mcnemar_midp` is the
    p value of "both models pass equally often", a diagnostic that decides nothing. `judge` is the influence of a judge
    on the pass rates, None if it has none.
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
    judge: JudgedRates | None = None


def decide(results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Verdict:
    """Decide on a treatment; the order of the results does not matter."""
    evidence = Evidence.of(results, treatment, policy, facts)
    decision, reasons = RULES.apply(evidence)
    return Verdict(
        treatment=treatment,
        decision=decision,
        reasons=reasons,
        rows=evidence.criteria,
        needed=evidence.needed if decision == "hold" else None,
        needed_if_equal=evidence.needed_if_equal if decision == "hold" else None,
        mcnemar_midp=evidence.mcnemar_midp,
        cases=changes_of(evidence.pairs),
        broken=broken_of(evidence.pairs),
        judge=evidence.judge,
    )


def changes_of(pairs: Sequence[Pair]) -> Changes:
    """Count the cases by their results on both models."""
    alike = [pair.passed.control for pair in pairs if pair.is_evidence and not pair.difference]
    right = sum(2 * share >= 1 for share in alike)
    broken, fixed = sum(pair.difference < 0 for pair in pairs), sum(pair.difference > 0 for pair in pairs)
    unasserted = sum(not pair.is_evidence for pair in pairs)
    return Changes(broken, fixed, right, both_wrong=len(alike) - right, unasserted=unasserted)


def broken_of(pairs: Sequence[Pair]) -> tuple[Broken, ...]:
    """Return the broken cases: first those that must pass, then by the share of passes lost, then by similarity."""
    broken = sorted((pair for pair in pairs if pair.difference < 0), key=_worst_first)
    return tuple(Broken(pair.name, pair.missed) for pair in broken)


def _worst_first(pair: Pair) -> tuple[bool, float, float, str]:
    return not pair.must_pass, pair.difference, 1.0 if pair.similarity is None else pair.similarity, pair.name
