"""What came of a run: accumulated case by case, merged over items and workers, summed up per arm."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.stats import Interval, quantile, wilson
from pytest_graysplit.types import Comparison, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_graysplit.types import Asked, Case, Miss, Reply, Role

# 1: first published shape (see docs/json.md).
FORMAT = 1
CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm's part in one case: its replies, and what it missed; not judged when nothing could be said of it.

    `spare` are control samples beyond those that both arms gave: they measure noise and enter no rate. `missed` holds
    the numbers of the replies that missed something by themselves; what is missed as a whole is in `misses` alone.
    `unasked` when a reply that the case needs was not asked for, because the cap on the cost was used up.
    """

    arm: str
    model: str
    replies: tuple[Reply, ...]
    spare: tuple[Reply, ...] = ()
    misses: tuple[Miss, ...] = ()
    missed: frozenset[int] = frozenset()
    judged: bool = True
    unasked: bool = False

    @property
    def passed(self) -> bool:
        """Whether everything that was asserted about the arm holds."""
        return self.judged and not self.misses

    @property
    def pass_share(self) -> float:
        """Share of the arm's replies that passed: with one reply a case 0 or 1, with several their mean."""
        if not self.misses:
            return 1.0
        return 1 - len(self.missed) / len(self.replies) if self.missed else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case as one test item saw it: a comparison, or one arm alone.

    `differing` names what the treatment was asked with that the control was not: such a pair compares two things.
    `asked` is what its metric asked a model.
    """

    case: Case
    request: str
    nodeid: str
    file: str
    arms: tuple[ArmResult, ...]
    comparison: Comparison | None = None
    differing: tuple[str, ...] = ()
    asked: Asked | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity over all items that touch it: one prompt with one set of parameters."""
        return self.file, self.case.id, self.request


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """All cases of one arm: passes with their Wilson interval, latencies in seconds, tokens, cost in US dollars."""

    role: Role
    arm: str
    model: str
    cases: int
    passed: int
    pass_rate: Interval
    errors: int
    outcomes: Mapping[str, int]
    latencies_s: tuple[float, ...]
    usage: Usage
    cost_usd: Decimal | None
    priced: int
    replies: int
    replayed: int
    attempts: int
    served_models: Mapping[str, int]

    @property
    def cost_per_pass_usd(self) -> Decimal | None:
        """Cost of all replies over the cases that passed; None where either is missing."""
        return self.cost_usd / self.passed if self.cost_usd is not None and self.passed else None

    @property
    def mean_latency_s(self) -> float | None:
        """Mean latency in seconds."""
        return fmean(self.latencies_s) if self.latencies_s else None

    def latency_s(self, q: float) -> float | None:
        """Return the q-quantile of the latencies in seconds."""
        return quantile(self.latencies_s, q)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSummary:
    """The answers and the bill of one treatment against the control's; passes and latencies are the verdict's."""

    treatment: str
    similarities: tuple[float, ...]
    self_similarities: tuple[float, ...]
    thresholds: tuple[float, ...]
    calibrated: bool
    below: int
    cost_ratio: float | None
    cost_per_pass_saved_usd: Decimal | None
    flags: Mapping[str, int]
    asked: tuple[Asked, ...] = ()


@dataclass(slots=True)
class CaseRow:
    """Everything known of one case: each arm once, each treatment's comparison, and what judging each arm asked."""

    case: Case
    request: str
    file: str
    nodeid: str
    arms: dict[str, ArmResult] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    differing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity, as that of each of its results."""
        return self.file, self.case.id, self.request

    @property
    def name(self) -> str:
        """The case as people read it: file::id."""
        return f"{self.file}::{self.case.id}"

    @property
    def self_similarity(self) -> float | None:
        """How alike the control's own samples are; None where there are not two to compare."""
        return next((one.self_similarity for one in self.comparisons.values() if one.self_similarity is not None), None)

    @property
    def discriminates(self) -> bool | None:
        """Whether the control is as alike itself as the threshold asks; None where nobody can tell."""
        known = [one.discriminates for one in self.comparisons.values() if one.discriminates is not None]
        return all(known) if known else None

    @property
    def calibrated(self) -> bool:
        """Whether its threshold was measured on the control's own noise."""
        return any(one.calibrated for one in self.comparisons.values())

    def take(self, result: CaseResult) -> None:
        """Add what one item saw; an arm that several items saw keeps all its misses."""
        for arm in result.arms:
            seen = self.arms.get(arm.arm)
            self.arms[arm.arm] = _joined(seen, arm) if seen else arm
        if result.comparison is not None:
            self.comparisons[result.arms[-1].arm] = result.comparison
        if result.differing:
            self.differing[result.arms[-1].arm] = result.differing
        if result.asked is not None:
            # Who asked twice for one case was answered from the first time.
            self.asked.setdefault(result.arms[-1].arm, result.asked)


def _joined(first: ArmResult, second: ArmResult) -> ArmResult:
    fresh = tuple(miss for miss in second.misses if miss not in first.misses)
    return replace(
        first,
        replies=first.replies or second.replies,
        spare=first.spare or second.spare,
        misses=first.misses + fresh,
        missed=_joined_missed(first, second),
        judged=first.judged and second.judged,
        unasked=first.unasked or second.unasked,
    )


def _joined_missed(first: ArmResult, second: ArmResult) -> frozenset[int]:
    """Return which replies missed something by themselves; none where one of the two items missed as a whole."""
    if any(arm.misses and not arm.missed for arm in (first, second)):
        return frozenset()
    return first.missed | second.missed


class Results:
    """Accumulates what items report; reading it gives sums that do not depend on the order of arrival."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[CaseResult, ...]] = {}

    def add(self, nodeid: str, results: tuple[CaseResult, ...]) -> None:
        """Keep what one item reported; a re-run of the item replaces what it said before."""
        self._items[nodeid] = results
        self._forget_sums()

    def of(self, nodeid: str) -> tuple[CaseResult, ...]:
        """Return what an item reported, nothing where it has not."""
        return self._items.get(nodeid, ())

    def served(self, treatments: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Return each item with the treatments that it tells something of; the control alone serves all of them."""
        return [
            (nodeid, tuple(arm.arm for one in some for arm in one.arms if arm.arm != CONTROL) or tuple(treatments))
            for nodeid, some in self._items.items()
        ]

    def drop(self, nodeids: Iterable[str]) -> None:
        """Forget what the items reported."""
        for nodeid in nodeids:
            del self._items[nodeid]
        self._forget_sums()

    def _forget_sums(self) -> None:
        for name in ("rows", "_summaries"):
            self.__dict__.pop(name, None)

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def items(self) -> int:
        """How many test items have reported."""
        return len(self._items)

    @property
    def unasked(self) -> int:
        """How many cases nobody could judge because the cap on the cost was used up."""
        return sum(any(arm.unasked for arm in row.arms.values()) for row in self.rows)

    @cached_property
    def rows(self) -> tuple[CaseRow, ...]:
        """All cases, sorted by file and id."""
        rows: dict[tuple[str, str, str], CaseRow] = {}
        for nodeid in sorted(self._items):
            for result in self._items[nodeid]:
                fresh = CaseRow(case=result.case, request=result.request, file=result.file, nodeid=nodeid)
                row = rows.setdefault(result.key, fresh)
                row.take(result)
        return tuple(rows[key] for key in sorted(rows))

    def arms(self) -> tuple[ArmSummary, ...]:
        """Sum up each arm: the control first, then the treatments by name."""
        return tuple(self._summaries.values())

    @cached_property
    def _summaries(self) -> dict[str, ArmSummary]:
        names = {arm for row in self.rows for arm in row.arms}
        return {arm: self._arm(arm) for arm in sorted(names, key=lambda arm: (arm != CONTROL, arm))}

    def comparisons(self) -> tuple[ComparisonSummary, ...]:
        """Hold each treatment against the control."""
        if CONTROL not in self._summaries:
            return ()
        return tuple(self._comparison(arm) for arm in self._summaries if arm != CONTROL)

    def _arm(self, arm: str) -> ArmSummary:
        results = [row.arms[arm] for row in self.rows if arm in row.arms]
        judged = [result for result in results if result.judged]
        replies = [reply for result in results for reply in result.replies]
        passed = sum(result.passed for result in judged)
        return ArmSummary(
            role="control" if arm == CONTROL else "treatment",
            arm=arm,
            model=results[0].model,
            cases=len(judged),
            passed=passed,
            pass_rate=wilson(passed, len(judged)),
            errors=sum(reply.outcome == "error" for reply in replies),
            outcomes=dict(sorted(Counter(reply.outcome for reply in replies).items())),
            latencies_s=tuple(reply.latency_s for reply in replies if reply.latency_s is not None),
            usage=sum((reply.usage for reply in replies if reply.usage), Usage()),
            cost_usd=total_cost(replies),
            priced=sum(reply.cost_usd is not None for reply in replies),
            replies=len(replies),
            replayed=sum(reply.replayed for reply in replies),
            attempts=sum(reply.attempts for reply in replies),
            served_models=dict(
                sorted(Counter(reply.served_model or "unknown" for reply in _answered(replies)).items())
            ),
        )

    def _comparison(self, treatment: str) -> ComparisonSummary:
        compared = [(row.name, row.comparisons[treatment]) for row in self.rows if treatment in row.comparisons]
        scored = [(name, one, one.similarity) for name, one in compared if one.similarity is not None]
        control, candidate = self._summaries[CONTROL], self._summaries[treatment]
        return ComparisonSummary(
            treatment=treatment,
            similarities=tuple(similarity for _, _, similarity in scored),
            self_similarities=tuple(one.self_similarity for _, one in compared if one.self_similarity is not None),
            thresholds=tuple(sorted({one.threshold for _, one in compared if one.threshold is not None})),
            calibrated=any(one.calibrated for _, one in compared),
            below=sum(one.threshold is not None and similarity < one.threshold for _, one, similarity in scored),
            cost_ratio=_cost_ratio(candidate, control),
            cost_per_pass_saved_usd=_saved(candidate, control),
            flags=_by_count(Counter(flag.name for _, one in compared for flag in one.flags)),
            asked=_asked(self.rows, treatment),
        )


def _asked(rows: Sequence[CaseRow], treatment: str) -> tuple[Asked, ...]:
    """Sum up what metrics asked about both arms, by metric and model."""
    sums: dict[tuple[str, str], Asked] = {}
    for row in rows:
        for one in (row.asked[arm] for arm in (CONTROL, treatment) if arm in row.asked):
            known = sums.get((one.metric, one.model))
            sums[one.metric, one.model] = known + one if known else one
    return tuple(sums[key] for key in sorted(sums))


def total_cost(replies: list[Reply]) -> Decimal | None:
    """Return the sum of all costs, or None when any answered reply has no known price: a part is not the total."""
    answered = list(_answered(replies))
    if not answered or any(reply.cost_usd is None for reply in answered):
        return None
    return sum((reply.cost_usd for reply in replies if reply.cost_usd is not None), Decimal(0))


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _answered(replies: list[Reply]) -> Iterator[Reply]:
    return (reply for reply in replies if reply.outcome != "error")


def _cost_ratio(treatment: ArmSummary, control: ArmSummary) -> float | None:
    if treatment.cost_per_pass_usd is None or not control.cost_per_pass_usd:
        return None
    return float(treatment.cost_per_pass_usd / control.cost_per_pass_usd)


def _saved(treatment: ArmSummary, control: ArmSummary) -> Decimal | None:
    if treatment.cost_per_pass_usd is None or control.cost_per_pass_usd is None:
        return None
    return control.cost_per_pass_usd - treatment.cost_per_pass_usd
