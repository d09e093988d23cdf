"""Everything that the rules look at, and how many cases it would take to decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.policy import TAG
from pytest_graysplit.results import CONTROL
from pytest_graysplit.verdict.facts import doubts_of
from pytest_graysplit.verdict.pairs import Both, pairs_of
from pytest_graysplit.verdict.rows import SIZE, rows_of

if TYPE_CHECKING:
    from pytest_graysplit.policy import Policy
    from pytest_graysplit.results import Results
    from pytest_graysplit.verdict.facts import Doubt, RunFacts, Stop
    from pytest_graysplit.verdict.pairs import Pair
    from pytest_graysplit.verdict.rows import Row

FEWEST_PAIRS = 30
# A fair game that starts with 1 reaches 40 with probability 1/40 at the most, whenever one looks (Ville 1939).
HARM_EVIDENCE, PROMISE_EVIDENCE = 40.0, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one treatment: the run, the pairs, the rows that they make, and what makes them doubtful."""

    results: Results
    treatment: str
    facts: RunFacts
    policy: Policy
    pairs: tuple[Pair, ...]
    rows: tuple[Row, ...]
    doubts: tuple[Doubt, ...]

    @classmethod
    def of(cls, results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Evidence:
        """Draw the evidence from the results; their order does not show in it."""
        pairs = pairs_of(results, treatment)
        return cls(
            results=results,
            treatment=treatment,
            facts=facts,
            policy=policy,
            pairs=pairs,
            rows=rows_of(pairs, policy),
            doubts=doubts_of(results, treatment, policy.truncated),
        )

    @property
    def rated(self) -> tuple[Pair, ...]:
        """The pairs that the pass rate counts: those in which something was asserted, or missed."""
        return tuple(pair for pair in self.pairs if pair.is_evidence)

    @property
    def unasserted(self) -> int:
        """How many pairs show nothing by having passed, because nothing was asserted about their answers."""
        return len(self.pairs) - len(self.rated)

    @property
    def passes(self) -> Both:
        """How many cases each model passed, answers that passed in part counted in part."""
        return Both(*(fsum(pair.passed[side] for pair in self.rated) for side in (0, 1)))

    @property
    def stop(self) -> Stop | None:
        """Why the run stopped asking this treatment; None where it did not."""
        return self.facts.stops.get(self.treatment)

    @property
    def is_twin(self) -> bool:
        """Whether one model plays both roles: an A/A run."""
        models = {arm.arm: arm.model for arm in self.results.arms()}
        return models.get(CONTROL) == models.get(self.treatment)

    @property
    def critical(self) -> list[Row]:
        """The rows that decide."""
        return [row for row in self.rows if row.critical]

    @property
    def lacking(self) -> list[str]:
        """The names of the rows that should decide and have no data."""
        wanted = [*self.policy.critical, *(f"{TAG}{tag}" for tag in self.policy.critical_tags)]
        there = {row.name for row in self.rows}
        return [name for name in wanted if name not in there]

    @property
    def unjudged(self) -> Counter[str]:
        """Why cases have no result on both models, and how many."""
        arms = (CONTROL, self.treatment)
        # After an early stop the rest of the suite is not missing: nobody wanted it.
        wanted = [row for row in self.results.rows if self.stop is None or self.treatment in row.arms]
        causes = Counter(cause for row in wanted if (cause := row.unjudged_because(arms)))
        if self.facts.lost:
            causes["without a result"] += self.facts.lost
        return causes

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

    def needed_for(self, row: Row) -> int | None:
        """Return how many cases would decide a pass rate; None where it lies so near the margin that no number does."""
        differences = [pair.difference for pair in self.rated if row.tag is None or row.tag in pair.tags]
        discordant = fmean(difference * difference for difference in differences)
        needed = stats.required_n(discordant, row.estimate, self.policy.margin)
        return None if needed is None else max(needed, self.fewest)

    @property
    def fewest(self) -> int:
        """How many cases it takes at least: so many that none may be lost, and the margin is shown all the same."""
        margin = self.policy.margin
        return max(FEWEST_PAIRS, stats.certifiable_n(margin), stats.smallest_n_for_quantile(1 - margin, SIZE))

    @property
    def needed(self) -> int | None:
        """How many cases would decide every critical pass rate; None where no number would."""
        rates = [row for row in self.critical if row.is_pass_rate]
        numbers = [self.needed_for(row) for row in rates] or [self.fewest]
        return None if None in numbers else max(number for number in numbers if number is not None)
