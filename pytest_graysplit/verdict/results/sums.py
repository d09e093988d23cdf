"""Sums over all cases: each arm by itself, and each treatment compared with the control."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import fsum
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats import Interval, quantile, wilson
from pytest_graysplit.types import CONTROL, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import MetricUsage, Reply, Role
    from pytest_graysplit.verdict.results.app_facts import AppFacts, OtherCalls
    from pytest_graysplit.verdict.results.cases import ArmResult, CaseRow


class CriterionCount(NamedTuple):
    """The number of answers that failed a criterion, and of all answers with a verdict on it."""

    failed: int
    judged: int


# The beginning of the name of a check of one field.
_FIELD = "json_fields."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """All cases of one arm: passes with their Wilson interval, latencies in seconds, tokens, cost in US dollars.

    `arm` is "control" or the name of a treatment, and `name` the arm's own name, which is its model's for a plain arm.
    `passed` counts the cases in which all answers passed, and `passes` adds up the shares of passing answers; with one
    answer per case they are equal. Rates use the shares. The cost of an answer is unknown for three reasons: its tokens
    were not counted (`uncounted`), the relay reported 0 for a model with a price (`disputed`), or there is no price
    (`unpriced`). `in_flight` is the number of requests in flight when a reply was requested, for replies that recorded
    it. `criteria` has for each criterion of a rubric the number of answers that failed it, and of those with a verdict.
    `unpriced_models` are the models without a price. Of applications, `runs` counts the runs that were judged, `calls`
    their calls of the arm's model, and `without_output` those that set no output; `other_calls` sums up the calls of
    other models in all runs, by name.
    """

    role: Role
    arm: str
    name: str
    model: str
    cases: int
    passed: int
    passes: float
    pass_rate: Interval
    errors: int
    outcomes: Mapping[str, int]
    latencies_s: tuple[float, ...]
    usage: Usage
    cost_usd: Decimal | None
    priced: int
    unpriced: int
    uncounted: int
    disputed: int
    replies: int
    replayed: int
    attempts: int
    in_flight: tuple[int, ...]
    served_models: Mapping[str, int]
    criteria: Mapping[str, CriterionCount] = field(default_factory=dict)
    unpriced_models: tuple[str, ...] = ()
    runs: int = 0
    calls: int = 0
    without_output: int = 0
    other_calls: Mapping[str, OtherCalls] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        """The number of calls that have not failed."""
        return self.replies - self.errors

    @property
    def cost_per_pass_usd(self) -> Decimal | None:
        """The cost of all replies per passed case; None if either is missing."""
        if self.cost_usd is None or not self.passes:
            return None
        return self.cost_usd / Decimal(str(self.passes))

    @property
    def mean_latency_s(self) -> float | None:
        """Mean latency in seconds."""
        return fmean(self.latencies_s) if self.latencies_s else None

    def latency_s(self, q: float) -> float | None:
        """Return the q-quantile of the latencies in seconds."""
        return quantile(self.latencies_s, q)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSummary:
    """The answers and the cost of one treatment against the control's; passes and latencies are in the verdict.

    `same_arms` is true if both have one configuration: an A/A run. `fields` counts the cases in
    which each field of `json_fields` fails, by arm: it differs from its expected value, or, of the treatment, from the
    control's. `parted` counts the conversations by the first turn, from 0, at which the arms part, and `parted_runs`
    the cases with an application by the first call; `applications` counts these cases.
    """

    treatment: str
    same_arms: bool
    similarities: tuple[float, ...]
    self_similarities: tuple[float, ...]
    thresholds: tuple[float, ...]
    calibrated: bool
    below: int
    cost_ratio: float | None
    cost_per_pass_saved_usd: Decimal | None
    flags: Mapping[str, int]
    conversations: int = 0
    parted: Mapping[int, int] = field(default_factory=dict)
    asked: tuple[MetricUsage, ...] = ()
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    applications: int = 0
    parted_runs: Mapping[int, int] = field(default_factory=dict)


def sum_up(rows: Sequence[CaseRow], arm: str) -> ArmSummary:
    """Summarise one arm over all its cases."""
    results = [row.arms[arm] for row in rows if arm in row.arms]
    judged = [result for result in results if result.judged]
    replies = [answer for result in results for answer in result.answers]
    passed, passes = sum(result.passed for result in judged), fsum(result.pass_share for result in judged)
    first = results[0]
    summary = sum_up_replies(
        replies, arm, first.model, name=first.label, cases=len(judged), passed=passed, passes=passes
    )
    runs = [one for result in results for one in result.apps if not one.is_spare]
    concluded = [one for result in judged for one in result.apps if not one.is_spare]
    return replace(
        summary,
        criteria=_criteria(results),
        served_models=_served([answer for result in results for answer in result.model_answers]),
        runs=len(concluded),
        calls=sum(one.swapped_calls for one in concluded),
        without_output=sum(not one.has_output for one in concluded),
        other_calls=_other_calls(runs),
    )


def _other_calls(runs: Sequence[AppFacts]) -> dict[str, OtherCalls]:
    """Sum up the calls to models that are not under test, by name."""
    sums: dict[str, OtherCalls] = {}
    for name, calls in (one for run in runs for one in run.passed.items()):
        sums[name] = sums[name].plus(calls) if name in sums else calls
    return dict(sorted(sums.items()))


def _served(replies: Sequence[Reply]) -> dict[str, int]:
    return dict(sorted(Counter(reply.served_model or "unknown" for reply in _answered(replies)).items()))


def _criteria(results: Sequence[ArmResult]) -> dict[str, CriterionCount]:
    """Count the verdicts on each criterion, those that fail most first."""
    verdicts: dict[str, list[bool]] = {}
    for one in (one for result in results for one in result.rubric):
        if one.holds is not None:
            verdicts.setdefault(one.criterion, []).append(one.holds)
    counts = {criterion: CriterionCount(held.count(False), len(held)) for criterion, held in verdicts.items()}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1].failed, pair[1].judged, pair[0])))


def sum_up_replies(  # noqa: PLR0913  # an arm's figures, each by name
    replies: Sequence[Reply],
    arm: str,
    model: str,
    *,
    name: str = "",
    cases: int = 0,
    passed: int = 0,
    passes: float | None = None,
) -> ArmSummary:
    """Summarise the replies of an arm with so many judged cases; `passes` adds up the shares of passing answers."""
    passes = float(passed) if passes is None else round(passes, 9)
    unknown = [list(_unknown(reply)) for reply in _answered(replies) if reply.cost_usd is None]
    uncounted = sum(any(not call.is_counted for call in calls) for calls in unknown)
    disputed = sum(all(call.is_counted and call.reported_cost_usd == 0 for call in calls) for calls in unknown)
    return ArmSummary(
        role="control" if arm == CONTROL else "treatment",
        arm=arm,
        name=name or (model if arm == CONTROL else arm),
        model=model,
        cases=cases,
        passed=passed,
        passes=passes,
        pass_rate=wilson(passes, cases),
        errors=sum(reply.outcome == "error" for reply in replies),
        outcomes=dict(sorted(Counter(reply.outcome for reply in replies).items())),
        latencies_s=tuple(reply.latency_s for reply in replies if reply.latency_s is not None),
        usage=sum((reply.usage for reply in replies if reply.usage), Usage()),
        cost_usd=total_cost(replies),
        priced=sum(reply.cost_usd is not None for reply in replies),
        unpriced=len(unknown) - uncounted - disputed,
        uncounted=uncounted,
        disputed=disputed,
        unpriced_models=tuple(
            sorted(
                {call.model for calls in unknown for call in calls if call.is_counted and call.reported_cost_usd != 0}
            )
        ),
        replies=len(replies),
        replayed=sum(reply.replayed for reply in replies),
        attempts=sum(reply.attempts for reply in replies),
        in_flight=tuple(reply.in_flight for reply in replies if reply.in_flight is not None),
        served_models=_served(replies),
    )


def _unknown(reply: Reply) -> Iterator[Reply]:
    """Yield the calls of a reply whose cost is unknown; a reply to a prompt is its only call."""
    calls = [call for call in reply.calls if call.cost_usd is None and call.outcome != "error"]
    yield from calls or [reply]


def compare_sums(rows: Sequence[CaseRow], treatment: ArmSummary, control: ArmSummary) -> ComparisonSummary:
    """Summarise the comparisons of a treatment with the control over all cases."""
    name = treatment.arm
    compared = [row.comparisons[name] for row in rows if name in row.comparisons]
    scored = [(one, one.similarity) for one in compared if one.similarity is not None]
    talks = [row for row in rows if row.case.turns and row.is_judged((CONTROL, name))]
    parted = [row.parting_turn(name) for row in talks]
    return ComparisonSummary(
        treatment=name,
        same_arms=is_aa_run(rows, name),
        similarities=tuple(similarity for _, similarity in scored),
        self_similarities=tuple(one.self_similarity for one in compared if one.self_similarity is not None),
        thresholds=tuple(sorted({one.threshold for one in compared if one.threshold is not None})),
        calibrated=any(one.calibrated for one in compared),
        below=sum(one.threshold is not None and similarity < one.threshold for one, similarity in scored),
        cost_ratio=_cost_ratio(treatment, control),
        cost_per_pass_saved_usd=_saved(treatment, control),
        flags=_by_count(Counter(flag.name for one in compared for flag in one.flags)),
        asked=_asked(rows, name),
        fields={arm: found for arm in (CONTROL, name) if (found := _failing_fields(rows, arm))},
        conversations=len(talks),
        parted=dict(sorted(Counter(turn for turn in parted if turn is not None).items())),
        applications=sum(row.is_app and row.is_judged((CONTROL, name)) for row in rows),
        parted_runs=dict(sorted(Counter(row.parting_calls[name] for row in rows if name in row.parting_calls).items())),
    )


def is_aa_run(rows: Sequence[CaseRow], treatment: str) -> bool:
    """Tell whether a treatment has the configuration of the control."""
    about = [row for row in rows if treatment in row.arms]
    return bool(about) and all(treatment in row.same_arms for row in about)


def _failing_fields(rows: Sequence[CaseRow], arm: str) -> dict[str, int]:
    """Count the cases in which each field fails, the most frequent first."""
    counts: Counter[str] = Counter()
    for row in rows:
        misses = row.arms[arm].misses if arm in row.arms else ()
        failing = {miss.check.removeprefix(_FIELD) for miss in misses if miss.check.startswith(_FIELD)}
        compared = row.comparisons.get(arm)
        counts.update(failing | {one.field for one in (compared.fields if compared else ())})
    return _by_count(counts)


def _asked(rows: Sequence[CaseRow], treatment: str) -> tuple[MetricUsage, ...]:
    """Sum up the usage of metrics and of the judge of rubrics about both arms, by metric and model."""
    sums: dict[tuple[str, str], MetricUsage] = {}
    for row in rows:
        by_subject = (row.asked, row.asked_rubric, row.asked_guards)
        asked = [usage[arm] for usage in by_subject for arm in (CONTROL, treatment) if arm in usage]
        for one in asked:
            known = sums.get((one.metric, one.model))
            sums[one.metric, one.model] = known + one if known else one
    return tuple(sums[key] for key in sorted(sums))


def total_cost(replies: Sequence[Reply]) -> Decimal | None:
    """Return the sum of all costs, or None if any answered reply has no known price."""
    answered = list(_answered(replies))
    if not answered or any(reply.cost_usd is None for reply in answered):
        return None
    return sum((reply.cost_usd for reply in replies if reply.cost_usd is not None), Decimal(0))


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _answered(replies: Sequence[Reply]) -> Iterator[Reply]:
    return (reply for reply in replies if reply.outcome != "error")


def _cost_ratio(treatment: ArmSummary, control: ArmSummary) -> float | None:
    if treatment.cost_per_pass_usd is None or not control.cost_per_pass_usd:
        return None
    return float(treatment.cost_per_pass_usd / control.cost_per_pass_usd)


def _saved(treatment: ArmSummary, control: ArmSummary) -> Decimal | None:
    if treatment.cost_per_pass_usd is None or control.cost_per_pass_usd is None:
        return None
    return control.cost_per_pass_usd - treatment.cost_per_pass_usd
