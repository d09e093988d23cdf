"""The rule engine of a verdict and of a grade: ordered rules, of which the first that has a reason decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_graysplit.verdict.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_graysplit.verdict.criteria import Criterion

EvidenceT = TypeVar("EvidenceT")
DecisionT = TypeVar("DecisionT")


@dataclass(frozen=True, slots=True)
class Rule(Generic[EvidenceT, DecisionT]):
    """A generator of reasons, and the decision if it is the first rule that yields any.

    After an earlier rule has decided, the reasons of this one are added if the decision is among `added_to`.
    """

    reasons: Callable[[EvidenceT], Iterable[str]]
    decision: DecisionT
    added_to: tuple[DecisionT, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark(Generic[EvidenceT, DecisionT]):
    """A generator of texts that decide nothing and follow the reasons of the decisions in `added_to`."""

    texts: Callable[[EvidenceT], Iterable[str]]
    added_to: tuple[DecisionT, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable(Generic[EvidenceT, DecisionT]):
    """Rules and remarks in their order, and the decision if no rule has a reason."""

    rules: tuple[Rule[EvidenceT, DecisionT], ...]
    otherwise: DecisionT
    remarks: tuple[Remark[EvidenceT, DecisionT], ...]

    def apply(self, evidence: EvidenceT) -> tuple[DecisionT, tuple[str, ...]]:
        """Return the decision and its reasons in the order of the table, each reason once; the remarks come last."""
        decision: DecisionT | None = None
        reasons: list[str] = []
        for rule in self.rules:
            if decision is None or decision in rule.added_to:
                found = list(rule.reasons(evidence))
                decision = rule.decision if decision is None and found else decision
                reasons += found
        decision = self.otherwise if decision is None else decision
        remarks = [text for one in self.remarks if decision in one.added_to for text in one.texts(evidence)]
        return decision, (*dict.fromkeys(reasons), *remarks)


def tolerated(criteria: Iterable[Criterion]) -> Iterator[str]:
    """Yield the criteria that fail and are not critical, as remarks on a promotion."""
    failing = (one for one in criteria if one.state == "fail" and not one.critical)
    yield from (f"but {reason_of(one)} (not critical)" for one in failing)
