"""Comparison of a treatment's replies with the control's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations, product
from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.matching import TOOL_CALLS, match
from pytest_graysplit.evaluation.field_scores import FieldScorer
from pytest_graysplit.evaluation.metrics import guards
from pytest_graysplit.evaluation.metrics.guards.tool_changes import order_changed, tool_changed
from pytest_graysplit.types import Comparison, PairScore, flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_graysplit.types import Case, Flag, Reply
    from pytest_graysplit.types.comparisons import Places

    # None means unknown, for instance because a judge gave no verdict.
    Score = Callable[[Reply, Reply], float | None]
    Flagging = Callable[[Reply, Reply], tuple[Flag, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScores:
    """Scores of all comparable pairs of answers to one case, by the places of the two answers.

    `across` holds pairs of a control's and a treatment's answer, `within` pairs of two answers of the control.
    """

    across: Mapping[Places, PairScore] = field(default_factory=dict)
    within: Mapping[Places, PairScore] = field(default_factory=dict)

    @classmethod
    def of(
        cls, control: Sequence[Reply], treatment: Sequence[Reply], score: Score, flagging: Flagging | None = None
    ) -> PairScores:
        """Score each of the treatment's answers with each of the control's, and the control's with each other.

        `flagging` returns the flags of a pair, by default those of the guards.
        """
        flags = flagging or (score.flags if isinstance(score, FieldScorer) else flags_between)
        return cls(
            across={
                places: _pair_score(control[places[0]], treatment[places[1]], score, flags)
                for places in product(range(len(control)), range(len(treatment)))
                if _comparable(control[places[0]], treatment[places[1]])
            },
            within={
                places: _pair_score(control[places[0]], control[places[1]], score, flags)
                for places in combinations(range(len(control)), 2)
                if _comparable(control[places[0]], control[places[1]])
            },
        )

    @property
    def self_similarity(self) -> float | None:
        """The mean similarity over all pairs of the control's answers; None without a pair."""
        return mean_similarity(self.within.values())

    def beside_pairs(self) -> PairScores:
        """Return each answer's scores beside two others of the control, corrected for the similarity of those two.

        An answer's deficit is how much less it is like the two than they are like each other. Each score is the mean
        over the control's pairs, less that deficit. So the mean of the treatment's scores does not change, and a model
        against itself has the same scores in either role.
        """
        usual = self.self_similarity or 0.0
        return PairScores(
            across={
                (two, number): PairScore(max(0.0, usual - deficit), flags)
                for number in sorted({place for _, place in self.across if isinstance(place, int)})
                for two, deficit, flags in self._deficits([self.across.get((n, number)) for n in range(self._controls)])
            },
            within={
                (number, two): PairScore(max(0.0, usual - deficit), flags)
                for number in range(self._controls)
                for two, deficit, flags in self._deficits([self._self_pair(number, n) for n in range(self._controls)])
            },
        )

    @property
    def deficits(self) -> list[float]:
        """The deficit of each of the control's answers beside every two others; empty with fewer than three answers."""
        return [
            deficit
            for number in range(self._controls)
            for _, deficit, _ in self._deficits([self._self_pair(number, n) for n in range(self._controls)])
        ]

    @property
    def _controls(self) -> int:
        return 1 + max((place for places in self.within for place in places if isinstance(place, int)), default=-1)

    def _self_pair(self, one: int, other: int) -> PairScore | None:
        return self.within.get((min(one, other), max(one, other)))

    def _deficits(self, pairs: Sequence[PairScore | None]) -> Iterator[tuple[tuple[int, int], float, tuple[Flag, ...]]]:
        """Yield how much less an answer is like two of the control's than these are like each other.

        `pairs` are the pairs of the answer with each of the control's, by place; None where a pair is missing.
        """
        for one, other in combinations(range(len(pairs)), 2):
            some = [pairs[one], pairs[other], self._self_pair(one, other)]
            first, second, among = (pair.similarity if pair else None for pair in some)
            if first is not None and second is not None and among is not None:
                flags = flags_of(pair for pair in some[:2] if pair)
                yield (one, other), among - (first + second) / 2, flags

    def treatment_share(self, passed: Sequence[bool], threshold: float | None) -> float:
        """Return the share of the treatment's answers that pass, each weighted by its share of pairs at the threshold.

        `passed` tells for each answer whether its other checks pass; an answer without a pair misses every threshold.
        """
        if threshold is None:
            return fmean(passed)
        reached = [
            [pair.reaches(threshold) for (_, place), pair in self.across.items() if place == number and pair.is_scored]
            for number in range(len(passed))
        ]
        return fmean(fmean(some) if holds and some else 0.0 for holds, some in zip(passed, reached, strict=True))

    def control_share(self, passed: Sequence[bool], threshold: float | None) -> float:
        """Return the same share of the control's answers, each by its pairs with the control's others.

        The same rule holds for both arms: a model against itself has the same share in either role, on average. The
        threshold is not applied to an answer without another one to compare it with.
        """
        if threshold is None:
            return fmean(passed)
        reached = [
            [pair.reaches(threshold) for places, pair in self.within.items() if number in places and pair.is_scored]
            for number in range(len(passed))
        ]
        return fmean(
            (fmean(some) if some else 1.0) if holds else 0.0 for holds, some in zip(passed, reached, strict=True)
        )


def compare(  # noqa: PLR0913  # the parts of a comparison, each by name
    case: Case,
    control: Sequence[Reply],
    treatment: Sequence[Reply],
    *,
    metric: str,
    scores: PairScores,
    judged: PairScores | None = None,
    score: Score | None = None,
) -> Comparison:
    """Sum up the pairs of a treatment's answers with the control's, and of the control's with each other.

    `judged` are the scores that are compared with a threshold, where they differ from the others. `score` has made
    them.
    """
    across, within = tuple(scores.across.values()), tuple(scores.within.values())
    return Comparison(
        case=case,
        control=control[0],
        treatment=treatment[0],
        similarity=mean_similarity(across),
        turns=scores.across[0, 0].turns if (0, 0) in scores.across else (),
        # An uncalibrated "auto" gives no number to compare with.
        threshold=None if isinstance(case.min_similarity, str) else case.min_similarity,
        metric=TOOL_CALLS if (0, 0) in scores.across and scores.across[0, 0].by_calls else metric,
        flags=flags_of(
            [*(pair for places, pair in scores.across.items() if places[0] == 0), *_orders(case, control, treatment)]
        ),
        self_similarity=mean_similarity(within),
        control_samples=tuple(control),
        treatment_samples=tuple(treatment),
        pairs=tuple(judged.across.values()) if judged else across,
        self_pairs=tuple(judged.within.values()) if judged else within,
        places=tuple((judged or scores).across),
        self_places=tuple((judged or scores).within),
        fields=score.differences(control[0], treatment[0]) if isinstance(score, FieldScorer) else (),
    )


def scored_pairs(control: Sequence[Reply], treatment: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the pairs that make up the similarity: each of the treatment's answers with each of the control's."""
    return (turn for pair in product(control, treatment) if _comparable(*pair) for turn in turn_pairs(*pair))


def self_pairs(control: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the pairs that show how consistent the control is with itself."""
    return (turn for pair in combinations(control, 2) if _comparable(*pair) for turn in turn_pairs(*pair))


def turn_pairs(control: Reply, other: Reply) -> list[tuple[Reply, Reply]]:
    """Return the pairs of answers to each turn that both conversations have reached; one pair for a single prompt."""
    return list(zip(control.turns, other.turns, strict=False))


def of_texts(pairs: Iterable[tuple[Reply, Reply]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the pairs whose texts count: where a tool was called, only pairs in which both answers have text too."""
    return (pair for pair in pairs if not _calls(*pair) or _both_say(*pair))


def mean_similarity(pairs: Iterable[PairScore]) -> float | None:
    """Return the mean over all pairs with a score; None without one."""
    scores = [pair.similarity for pair in pairs if pair.similarity is not None]
    return fmean(scores) if scores else None


def similarity_of(control: Reply, other: Reply, score: Score) -> PairScore:
    """Score two answers by their tool calls where either has any, or by their texts where that score is smaller.

    The score of two conversations is the lowest of their turns. The guards are not asked.
    """
    if control.turn is None or other.turn is None:
        return _similarity_of(control, other, score)
    return _of_turns(control, other, [_similarity_of(*turn, score) for turn in turn_pairs(control, other)])


def _similarity_of(control: Reply, other: Reply, score: Score) -> PairScore:
    if not _calls(control, other):
        return PairScore(score(control, other))
    called = match(control.tool_calls, other.tool_calls).similarity
    if not called or not _both_say(control, other):
        return PairScore(called, by_calls=True)
    said = score(control, other)
    return PairScore(None if said is None else min(called, said), by_calls=said is not None and called <= said)


def flagging_of(case: Case) -> Flagging:
    """Return the function that flags two answers to a case: by the texts of fields, or by the whole texts."""
    return FieldScorer(case).flags if case.json_fields else flags_between


def flags_between(control: Reply, treatment: Reply) -> tuple[Flag, ...]:
    """Return the flags of the guards on two answers: on their tool calls, and on their texts where both have one."""
    changed = tool_changed(control.tool_calls, treatment.tool_calls)
    said = guards.flags(control.text, treatment.text) if _both_say(control, treatment) else ()
    return (changed, *said) if changed else tuple(said)


def is_same_answer(one: Reply, other: Reply) -> bool:
    """Tell whether two answers, or those of two conversations, have the same texts and the same tool calls."""
    if len(one.turns) != len(other.turns):
        return False
    return all(_is_same(*turn) for turn in turn_pairs(one, other))


def _is_same(one: Reply, other: Reply) -> bool:
    same_calls = not _calls(one, other) or match(one.tool_calls, other.tool_calls).similarity == 1
    return same_calls and one.text.strip() == other.text.strip()


def _pair_score(control: Reply, other: Reply, score: Score, flagging: Flagging) -> PairScore:
    whole = similarity_of(control, other, score)
    if not whole.turns:
        return whole._replace(flags=flagging(control, other))
    found = [flagging(*turn) for turn in turn_pairs(control, other)]
    found += [()] * (len(whole.turns) - len(found))
    turns = tuple(one._replace(flags=flags) for one, flags in zip(whole.turns, found, strict=True))
    named = [PairScore(None, _in_turn(number, flags)) for number, flags in enumerate(found)]
    return whole._replace(flags=flags_of(named), turns=turns)


def _of_turns(control: Reply, other: Reply, turns: list[PairScore]) -> PairScore:
    """Return the score of two conversations; a turn that only one of them has reached has the score 0."""
    turns += [PairScore(0.0)] * abs(len(control.turns) - len(other.turns))
    if any(one.similarity is None for one in turns):
        return PairScore(None, turns=tuple(turns))
    lowest = min(turns, key=lambda one: _ordered(one.similarity))
    return PairScore(lowest.similarity, by_calls=lowest.by_calls, turns=tuple(turns))


def _ordered(similarity: float | None) -> float:
    """Return a score for sorting; one that is not a number reaches no threshold, so it is the lowest."""
    return -1.0 if similarity is None or isnan(similarity) else similarity


def _in_turn(number: int, flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(replace(flag, detail=f"turn {number + 1}: {flag.detail}") for flag in flags)


def _orders(case: Case, control: Sequence[Reply], treatment: Sequence[Reply]) -> Iterator[PairScore]:
    """Yield the flags of calls in another order, if the case asks for an order."""
    if any(expect.tool_order for expect in case.expectations):
        changed = (
            order_changed(first.tool_calls, second.tool_calls)
            for reply in treatment
            for first, second in turn_pairs(control[0], reply)
            if any(expect.tool_order for expect in case.expectations_of(second.turn))
        )
        yield PairScore(None, tuple(flag for flag in changed if flag))


def _calls(control: Reply, treatment: Reply) -> bool:
    return bool(control.tool_calls or treatment.tool_calls)


def _both_say(control: Reply, treatment: Reply) -> bool:
    return bool(control.text.strip() and treatment.text.strip())


def _comparable(control: Reply, treatment: Reply) -> bool:
    if "error" in (control.outcome, treatment.outcome):
        return False
    if control.turn is None:  # a single prompt, in a large suite thousands of times
        return _are_comparable(control, treatment)
    return all(_are_comparable(*turn) for turn in turn_pairs(control, treatment))


def _are_comparable(control: Reply, treatment: Reply) -> bool:
    # An empty treatment differs completely from a control with text; an empty control cannot be compared with.
    return bool(control.text.strip()) or _calls(control, treatment)
