"""Everything that the rules look at, and how many cases it would take to decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import fsum
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import PASS_RATE, PROMISE_ALPHA, TAG
from pytest_graysplit.verdict.advice import advise
from pytest_graysplit.verdict.cost_criteria import cost_per_pass_rows, savings_rows
from pytest_graysplit.verdict.criteria import REJECT_ALPHA
from pytest_graysplit.verdict.latency_criteria import latency_budget_rows, latency_rows
from pytest_graysplit.verdict.pairs import PairedValue, pairs_of
from pytest_graysplit.verdict.pass_criteria import (
    deficit_rows,
    error_rows,
    guard_rows,
    pass_rate_rows,
    retention_rows,
    tag_rows,
)
from pytest_graysplit.verdict.planning import FEWEST_PAIRS, look_at
from pytest_graysplit.verdict.results import CONTROL
from pytest_graysplit.verdict.run_facts import doubts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.advice import Advice
    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.pairs import Pair
    from pytest_graysplit.verdict.planning import Look
    from pytest_graysplit.verdict.results import Results
    from pytest_graysplit.verdict.run_facts import Caveat, RunFacts, StopReason

# A fair game that starts with 1 reaches 40 with probability 1/40 at the most, whenever one looks (Ville 1939).
HARM_EVIDENCE, PROMISE_EVIDENCE = 40.0, 1 / PROMISE_ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one treatment: the run, the pairs, the rows that they make, and what makes them doubtful.

    `rated` are the pairs that the pass rate counts, those in which something was asserted or missed, and `unjudged`
    counts the cases without a result on both models by their cause. At a planned look the policy's bounds err with
    what is left for it.
    """

    results: Results
    treatment: str
    facts: RunFacts
    policy: Policy
    pairs: tuple[Pair, ...]
    rated: tuple[Pair, ...]
    rows: tuple[Criterion, ...]
    doubts: tuple[Caveat, ...]
    unjudged: Counter[str]
    look: Look | None = None

    @classmethod
    def of(cls, results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Evidence:
        """Draw the evidence from the results; their order does not show in it."""
        pairs = pairs_of(results, treatment)
        if (look := look_at(policy, len(results.rows), facts.lost)) is not None:
            policy = replace(policy, alpha=look.alpha)
        return cls(
            results=results,
            treatment=treatment,
            facts=facts,
            policy=policy,
            pairs=pairs,
            rated=tuple(pair for pair in pairs if pair.is_evidence),
            rows=criteria_of(pairs, policy),
            doubts=doubts_of(results, treatment, policy.truncated),
            unjudged=_unjudged(results, treatment, facts),
            look=look,
        )

    @property
    def unasserted(self) -> int:
        """How many pairs show nothing by having passed, because nothing was asserted about their answers."""
        return len(self.pairs) - len(self.rated)

    @property
    def passes(self) -> PairedValue:
        """How many cases each model passed, answers that passed in part counted in part."""
        return PairedValue(*(fsum(pair.passed[side] for pair in self.rated) for side in (0, 1)))

    @property
    def stop(self) -> StopReason | None:
        """Why the run stopped asking this treatment; None where it did not."""
        return self.facts.stops.get(self.treatment)

    @property
    def is_aa_run(self) -> bool:
        """Whether one model plays both roles: an A/A run."""
        models = {arm.arm: arm.model for arm in self.results.arms()}
        return models.get(CONTROL) == models.get(self.treatment)

    @property
    def critical(self) -> list[Criterion]:
        """The rows that decide."""
        return [row for row in self.rows if row.critical]

    @property
    def lacking(self) -> list[str]:
        """The names of the rows that should decide and have no data."""
        wanted = [*self.policy.critical, *(f"{TAG}{tag}" for tag in self.policy.critical_tags)]
        there = {row.name for row in self.rows}
        return [name for name in wanted if name not in there]

    @property
    def missing(self) -> int:
        """How many cases have no result on both models."""
        return self.unjudged.total()

    @property
    def missing_share(self) -> float:
        """The share of all cases that have no result on both models."""
        return self.missing / max(1, self.missing + len(self.pairs))

    @property
    def mcnemar_midp(self) -> float | None:
        """The mid-p value that both models pass as often, by the cases that one alone passes; None without pairs."""
        differences = [pair.difference for pair in self.pairs]
        return stats.mcnemar_midp(differences.count(1), differences.count(-1)) if differences else None

    @property
    def cases(self) -> int:
        """How many cases the suite has, with and without a result."""
        return len(self.results.rows)

    @property
    def reject_alpha(self) -> float:
        """How often the rows may reject a treatment that is worse by no more than the margin."""
        return REJECT_ALPHA if self.look is None else self.look.reject_alpha

    @property
    def is_open(self) -> bool:
        """Whether a critical row does not pass."""
        return any(row.state != "pass" for row in self.critical)

    def advice_for(self, row: Criterion) -> Advice:
        """Return how many cases would decide a row."""
        return advise(row, self.rated if row.is_pass_rate else self.pairs, self.policy, FEWEST_PAIRS)

    @property
    def needed(self) -> int | None:
        """How many cases would decide every critical row, if all are as they look; None where no usual number would."""
        advice = [self.advice_for(row) for row in self.critical]
        return _most([one.in_cases(one.as_it_looks) for one in advice])

    @property
    def needed_if_equal(self) -> int | None:
        """The same if the treatment is as good as the control; None as well where a small sample does not tell."""
        advice = [self.advice_for(row) for row in self.critical]
        return _most([None if one.small else one.in_cases(one.if_equal) for one in advice])


def criteria_of(pairs: Sequence[Pair], policy: Policy, *, resampled: bool = True) -> tuple[Criterion, ...]:
    """Return every row that the pairs have data for, the pass rate first and the tags last.

    Whoever looks while the run goes on can do without those of resamples: they cost more than all the others.
    """
    rated = [pair for pair in pairs if pair.is_evidence]
    rows = [
        *pass_rate_rows(PASS_RATE, rated, policy),
        *retention_rows(rated, policy),
        *deficit_rows(pairs, policy),
        *error_rows(pairs, policy),
        *guard_rows(pairs, policy),
        *latency_rows(pairs, policy, resampled=resampled),
        *latency_budget_rows(pairs, policy),
        *cost_per_pass_rows(pairs, policy),
        *savings_rows(pairs),
    ]
    marked = [replace(row, critical=row.name in policy.critical) for row in rows]
    rows = [*marked, *tag_rows(rated, policy)]
    return tuple(row if row.bound is None else replace(row, confidence=policy.confidence) for row in rows)


def _unjudged(results: Results, treatment: str, facts: RunFacts) -> Counter[str]:
    # After an early stop the rest of the suite is not missing: nobody wanted it.
    wanted = [row for row in results.rows if treatment not in facts.stops or treatment in row.arms]
    causes = Counter(cause for row in wanted if (cause := row.unjudged_because((CONTROL, treatment))))
    if facts.lost:
        causes["without a result"] += facts.lost
    return causes


def _most(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return max(known) if known and len(known) == len(numbers) else None
