"""The evidence that the rules use, with the number of cases that would decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import fsum
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import PASS_RATE, PROMISE_ALPHA, TAG, WAIT_QUANTILES
from pytest_graysplit.verdict.advice import advise
from pytest_graysplit.verdict.cost_criteria import call_criteria, cost_per_pass_criteria, savings_criteria
from pytest_graysplit.verdict.criteria import REJECT_ALPHA
from pytest_graysplit.verdict.judged_criteria import are_judged, rates_of, without_promise
from pytest_graysplit.verdict.latency_criteria import latency_budget_criteria, latency_ratio_criteria
from pytest_graysplit.verdict.pairs import PairedValue, pairs_of
from pytest_graysplit.verdict.pass_criteria import (
    error_criteria,
    guard_criteria,
    pass_rate_criteria,
    retention_criteria,
    shortfall_criteria,
    tag_criteria,
)
from pytest_graysplit.verdict.planning import FEWEST_PAIRS, look_at
from pytest_graysplit.verdict.results import CONTROL, is_aa_run
from pytest_graysplit.verdict.run_facts import caveats_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.stats import JudgeAccuracy
    from pytest_graysplit.verdict.advice import Advice
    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.judge_standing import JudgedRates
    from pytest_graysplit.verdict.pairs import Pair
    from pytest_graysplit.verdict.planning import Look
    from pytest_graysplit.verdict.results import Results
    from pytest_graysplit.verdict.run_facts import Caveat, RunFacts, StopReason

# A fair game that starts with 1 ever reaches 40 with a probability of at most 1/40 (Ville 1939).
HARM_EVIDENCE, PROMISE_EVIDENCE = 40.0, 1 / PROMISE_ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence about one treatment: the run, the pairs, their criteria, and the caveats.

    `rated` are the pairs that the pass rate counts: something was asserted about them, or missed. `unjudged` counts the
    cases without a result on both models by their cause. At a planned look, the alpha of `policy` is that of the look.
    `judge` is the influence of a judge on the pass rates, None if it has none.
    """

    results: Results
    treatment: str
    facts: RunFacts
    policy: Policy
    pairs: tuple[Pair, ...]
    rated: tuple[Pair, ...]
    criteria: tuple[Criterion, ...]
    caveats: tuple[Caveat, ...]
    unjudged: Counter[str]
    look: Look | None = None
    judge: JudgedRates | None = None

    @classmethod
    def of(cls, results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Evidence:
        """Build the evidence from the results, whose order does not matter."""
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
            criteria=criteria_of(pairs, policy, accuracy=facts.judge.usable),
            caveats=caveats_of(results, treatment, policy.truncated),
            unjudged=_unjudged(results, treatment, facts),
            look=look,
            judge=_judge(pairs, policy, facts),
        )

    @property
    def unasserted(self) -> int:
        """The number of pairs whose passing shows nothing, because nothing was asserted about their answers."""
        return len(self.pairs) - len(self.rated)

    @property
    def passes(self) -> PairedValue:
        """The number of cases that each model passed; partly passed answers count in part."""
        return PairedValue(*(fsum(pair.passed[side] for pair in self.rated) for side in (0, 1)))

    @property
    def accuracy(self) -> JudgeAccuracy | None:
        """The accuracy of a judge by which the pass rates are corrected; None if they are not."""
        return None if self.judge is None else self.judge.standing.usable

    @property
    def corrected_control(self) -> stats.Interval | None:
        """The control's pass rate, corrected for the errors of a judge; None if nothing is corrected."""
        return None if self.judge is None else self.judge.control

    @property
    def stop(self) -> StopReason | None:
        """The reason to stop asking this treatment; None if the run did not."""
        return self.facts.stops.get(self.treatment)

    @property
    def is_aa_run(self) -> bool:
        """Whether both arms have one configuration: an A/A run."""
        return is_aa_run(self.results.rows, self.treatment)

    @property
    def critical(self) -> list[Criterion]:
        """The criteria that decide."""
        return [criterion for criterion in self.criteria if criterion.critical]

    @property
    def lacking(self) -> list[str]:
        """The names of the critical criteria without data, apart from those that only live traffic has."""
        measured = [name for name in self.policy.critical if name not in WAIT_QUANTILES]
        wanted = [*measured, *(f"{TAG}{tag}" for tag in self.policy.critical_tags)]
        there = {criterion.name for criterion in self.criteria}
        return [name for name in wanted if name not in there]

    @property
    def missing(self) -> int:
        """The number of cases without a result on both models."""
        return self.unjudged.total()

    @property
    def missing_share(self) -> float:
        """The share of all cases without a result on both models."""
        return self.missing / max(1, self.missing + len(self.pairs))

    @property
    def mcnemar_midp(self) -> float | None:
        """The mid-p value of "both models pass equally often"; None without pairs."""
        differences = [pair.difference for pair in self.pairs]
        return stats.mcnemar_midp(differences.count(1), differences.count(-1)) if differences else None

    @property
    def cases(self) -> int:
        """The number of cases in the suite, with or without a result."""
        return len(self.results.rows)

    @property
    def reject_alpha(self) -> float:
        """The probability that the criteria reject a treatment that is worse by no more than the margin."""
        return REJECT_ALPHA if self.look is None else self.look.reject_alpha

    @property
    def is_open(self) -> bool:
        """Whether a critical criterion does not pass."""
        return any(criterion.state != "pass" for criterion in self.critical)

    def advice_for(self, criterion: Criterion) -> Advice:
        """Return the number of cases that would decide a criterion."""
        return advise(criterion, self.rated if criterion.is_pass_rate else self.pairs, self.policy, FEWEST_PAIRS)

    @property
    def needed(self) -> int | None:
        """The number of cases that decide all critical criteria as observed; None if no usual number does."""
        advice = [self.advice_for(criterion) for criterion in self.critical]
        return _most([one.in_cases(one.as_it_looks) for one in advice])

    @property
    def needed_if_equal(self) -> int | None:
        """The same for a treatment that is as good as the control; also None if a small sample does not tell."""
        advice = [self.advice_for(criterion) for criterion in self.critical]
        return _most([None if one.small else one.in_cases(one.if_equal) for one in advice])


def _judge(pairs: Sequence[Pair], policy: Policy, facts: RunFacts) -> JudgedRates | None:
    rated = [pair for pair in pairs if pair.is_evidence]
    if not are_judged(rated):
        return None
    [plain] = pass_rate_criteria(PASS_RATE, rated, policy)
    return rates_of(rated, stats.Interval(plain.estimate, plain.low, plain.high), facts.judge, policy)


def criteria_of(
    pairs: Sequence[Pair], policy: Policy, *, accuracy: JudgeAccuracy | None = None, resampled: bool = True
) -> tuple[Criterion, ...]:
    """Return every criterion that the pairs have data for, the pass rate first and the tags last.

    Pass rates that a judge has a part in are corrected by its `accuracy`; other figures of passes cannot be. The live
    page leaves out the `resampled` ones, which take longer than all the others.
    """
    rated = [pair for pair in pairs if pair.is_evidence]
    criteria = [
        *pass_rate_criteria(PASS_RATE, rated, policy, accuracy),
        *_uncorrected(retention_criteria(rated, policy), rated),
        *shortfall_criteria(pairs, policy),
        *error_criteria(pairs, policy),
        *guard_criteria(pairs, policy),
        *latency_ratio_criteria(pairs, policy, resampled=resampled),
        *latency_budget_criteria(pairs, policy),
        *_uncorrected(cost_per_pass_criteria(pairs, policy), pairs),
        *savings_criteria(pairs),
        *call_criteria(pairs),
    ]
    marked = [replace(one, critical=one.name in policy.critical) for one in criteria]
    criteria = [*marked, *tag_criteria(rated, policy, accuracy)]
    return tuple(one if one.bound is None else replace(one, confidence=policy.confidence) for one in criteria)


def _uncorrected(criteria: Iterable[Criterion], pairs: Sequence[Pair]) -> Iterable[Criterion]:
    return map(without_promise, criteria) if are_judged(pairs) else criteria


def _unjudged(results: Results, treatment: str, facts: RunFacts) -> Counter[str]:
    # After an early stop, the rest of the suite is not missing.
    wanted = [row for row in results.rows if treatment not in facts.stops or treatment in row.arms]
    causes = Counter(cause for row in wanted if (cause := row.unjudged_because((CONTROL, treatment))))
    if facts.lost:
        causes["without a result"] += facts.lost
    return causes


def _most(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return max(known) if known and len(known) == len(numbers) else None
