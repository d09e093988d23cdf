"""Comparisons of two answers: scores, flags, failed expectations, and the Protocol of metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pytest_graysplit.formatting.clock import moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pytest_graysplit.types.cases import Case
    from pytest_graysplit.types.replies import Reply

    # The places of two answers. Beside two answers of the control, the place of their pair stands for the second.
    Places = tuple[int | tuple[int, int], int | tuple[int, int]]

# Two replies sent within an hour met the relay under a similar load, so their latencies can be compared.
SIDE_BY_SIDE_S = 3600.0

_NOTHING = Decimal(0)
_COUNTS = ("calls", "replayed", "failed", "unreadable", "better", "ties", "worse", "disagreements", "overruled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A difference in meaning that a guard found and that similarity does not show."""

    name: str
    detail: str


class FieldDifference(NamedTuple):
    """A field of a JSON answer that differs: its path, the path with any place of a list, and the two values."""

    path: str
    field: str
    problem: str


class PairScore(NamedTuple):
    """The similarity of two answers (0 to 1, None without a score), and the guards' flags.

    `by_calls` is set if tool calls were compared, and not texts. `turns` are the scores of the turns of a conversation,
    whose similarity is the lowest of them and whose flags are those of all turns.
    """

    similarity: float | None
    flags: tuple[Flag, ...] = ()
    by_calls: bool = False
    turns: tuple[PairScore, ...] = ()

    @property
    def is_scored(self) -> bool:
        """Whether the metric gave the pair a score."""
        return self.similarity is not None

    def is_alike(self, threshold: float) -> bool:
        """Tell whether the similarity alone reaches a threshold; a score that is not a number reaches none."""
        return self.similarity is not None and self.similarity >= threshold

    def reaches(self, threshold: float) -> bool:
        """Tell whether the pair reaches a threshold and no guard vetoes it."""
        return not self.flags and self.is_alike(threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The replies of a treatment compared with those of the control, for one case.

    `similarity` (0 to 1) is the mean over samples, and None when one side has nothing to compare. The ratios are
    treatment over control, and None when either side is unknown. `self_similarity` compares the control with itself.
    `pairs` are the scores of each treatment answer with each control answer, `self_pairs` those of the control answers
    with each other; `places` and `self_places` have the numbers of their answers, or two numbers where a pair of the
    control's answers stands for one. `remarks` are the judge's comments on the first answers, and `all_remarks` those
    on every pair, by the numbers of the two answers. `fields` are the fields in which the first
    answers differ, where they are compared by `json_fields`. `turns` are the scores of each turn of the first answers,
    empty unless the case is a conversation.
    """

    case: Case
    control: Reply
    treatment: Reply
    similarity: float | None
    threshold: float | None
    metric: str
    flags: tuple[Flag, ...] = ()
    self_similarity: float | None = None
    control_samples: tuple[Reply, ...] = ()
    treatment_samples: tuple[Reply, ...] = ()
    pairs: tuple[PairScore, ...] = ()
    self_pairs: tuple[PairScore, ...] = ()
    remarks: tuple[str, ...] = ()
    places: tuple[Places, ...] = ()
    self_places: tuple[Places, ...] = ()
    fields: tuple[FieldDifference, ...] = ()
    all_remarks: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    turns: tuple[PairScore, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether the threshold was measured on the control's own noise (`min_similarity="auto"`)."""
        return self.case.calibrated

    @property
    def leaves_no_field(self) -> bool:
        """Whether `json_fields` ignores all fields of the answers, so that a threshold has nothing to judge."""
        return bool(self.case.json_fields and self.pairs) and not any(pair.is_scored for pair in self.pairs)

    @property
    def discriminates(self) -> bool | None:
        """Whether the control's similarity to itself reaches the threshold; None if either is unknown."""
        if self.self_similarity is None or self.threshold is None:
            return None
        return self.self_similarity >= self.threshold

    @property
    def parting_turn(self) -> int | None:
        """The first turn of a conversation whose first two answers miss the threshold or are flagged, from 0."""
        for number, pair in enumerate(self.turns):
            if pair.flags or (self.threshold is not None and not pair.is_alike(self.threshold)):
                return number
        return None

    @property
    def latency_ratio(self) -> float | None:
        """Latency of the treatment over that of the control; None also if they were not measured side by side.

        In a conversation it is the largest ratio of a turn.
        """
        ratios = [
            _ratio(other.latency_s, one.latency_s)
            for one, other in zip(self.control.turns, self.treatment.turns, strict=False)
            if side_by_side(one, other) is not False
        ]
        return max((ratio for ratio in ratios if ratio is not None), default=None)

    @property
    def cost_ratio(self) -> float | None:
        """Cost of the treatment over that of the control; in a conversation that of all its answers."""
        return _ratio(cost_of_turns(self.treatment), cost_of_turns(self.control))

    @property
    def length_ratio(self) -> float | None:
        """Characters of the treatment's text over the control's; length alone predicts much of any similarity."""
        treatment, control = (
            sum(len(answer.text) for answer in reply.turns) for reply in (self.treatment, self.control)
        )
        return _ratio(treatment, control)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedExpectation:
    """One expectation that an arm did not meet; `arm` is "control" or the treatment's model.

    `check` is the place of the expectation, such as `expect.contains[1]`, and `sample` the number of the reply that
    missed it, if it was checked on one reply. `turn` is the turn of a conversation, from 0. Two failures with the same
    text are equal.
    """

    arm: str
    kind: Literal[
        "outcome",
        "expect",
        "tool_calls",
        "latency",
        "latency-ratio",
        "cost",
        "similarity",
        "guard",
        "rubric",
        "body",
        "calls",
    ]
    problem: str
    hint: str
    slug: str
    check: str = field(default="", compare=False)
    sample: int | None = field(default=None, compare=False)
    turn: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """A judge's verdict on one criterion of a rubric for one answer, with its reason.

    `sample` is the number of the reply. `holds` is None without a verdict; the reason then says why there is none.
    """

    criterion: str
    sample: int
    holds: bool | None
    reason: str = ""


class Metric(Protocol):
    """A comparison of two answers: 1.0 means as alike as the metric can tell, 0.0 means nothing in common."""

    name: str

    def score(self, control: str, treatment: str) -> float:
        """Score the treatment's text against the control's, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricUsage:
    """Calls of a metric to a model, counted apart from the requests of the arms; add two to get a running total.

    `cost_usd` is None if the price of any answer is unknown. The pair of a call that `failed`, or whose answer was
    `unreadable`, has no score. `better`, `ties` and `worse` count the judge's opinions of the treatment's answers;
    `disagreements` are ties in which the two orders of the answers had different winners. `overruled` counts the
    flagged pairs in which the judge saw no contradiction.
    """

    metric: str
    model: str
    calls: int = 0
    cost_usd: Decimal | None = _NOTHING
    replayed: int = 0
    failed: int = 0
    unreadable: int = 0
    better: int = 0
    ties: int = 0
    worse: int = 0
    disagreements: int = 0
    overruled: int = 0

    @classmethod
    def of(cls, metric: str, model: str, replies: Collection[Reply], readable: Callable[[Reply], bool]) -> MetricUsage:
        """Sum up the replies of a model; a call that failed costs nothing and is not unreadable."""
        answered = [reply for reply in replies if reply.outcome != "error"]
        return cls(
            metric=metric,
            model=model,
            calls=len(replies),
            cost_usd=known_sum(reply.cost_usd for reply in answered),
            replayed=sum(reply.replayed for reply in replies),
            failed=len(replies) - len(answered),
            unreadable=sum(not readable(reply) for reply in answered),
        )

    def __add__(self, other: MetricUsage) -> MetricUsage:
        known = self.cost_usd is not None and other.cost_usd is not None
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        cost_usd = (self.cost_usd or _NOTHING) + (other.cost_usd or _NOTHING) if known else None
        return MetricUsage(metric=self.metric, model=self.model, cost_usd=cost_usd, **counts)


def flags_of(pairs: Iterable[PairScore]) -> tuple[Flag, ...]:
    """Return the flags of some pairs, each kind once."""
    found: dict[str, Flag] = {}
    for pair in pairs:
        for flag in pair.flags:
            found.setdefault(flag.name, flag)
    return tuple(found.values())


def side_by_side(first: Reply, second: Reply) -> bool | None:
    """Tell whether two replies were requested within an hour; None if the time of either is unknown."""
    moments = moment_of(first.at), moment_of(second.at)
    if moments[0] is None or moments[1] is None:
        return None
    return abs((moments[0] - moments[1]).total_seconds()) <= SIDE_BY_SIDE_S


def known_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum of the amounts; None if one of them is unknown.

    >>> known_sum([Decimal("0.5"), Decimal("0.25")]), known_sum([Decimal("0.5"), None])
    (Decimal('0.75'), None)
    """
    every = list(amounts)
    known = [amount for amount in every if amount is not None]
    return sum(known, _NOTHING) if len(known) == len(every) else None


def cost_of_turns(reply: Reply) -> Decimal | None:
    """Return the cost of a reply, in a conversation that of all its answers; None if the cost of any is unknown."""
    return known_sum(answer.cost_usd for answer in reply.turns)


def _ratio(treatment: float | Decimal | None, control: float | Decimal | None) -> float | None:
    if treatment is None or not control:
        return None
    return float(treatment) / float(control)
