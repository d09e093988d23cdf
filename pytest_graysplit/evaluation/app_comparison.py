"""Comparison of an application's runs on two arms: one result from those of all samples of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain, zip_longest
from operator import add
from typing import TYPE_CHECKING, cast

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.assertions import check_comparison, check_control, failed_check
from pytest_graysplit.errors import Slug
from pytest_graysplit.evaluation.comparison import (
    PairScores,
    compare,
    flags_between,
    of_texts,
    scored_pairs,
    self_pairs,
)
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.formatting.display import exact_number
from pytest_graysplit.types import PairScore
from pytest_graysplit.verdict.results.app_runs import facts_of, join_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.flag_judging import FlagJudge
    from pytest_graysplit.types import Case, Comparison, FailedExpectation, MetricUsage, Reply
    from pytest_graysplit.types.comparisons import Places
    from pytest_graysplit.verdict.results import ArmResult, CaseResult

    _Share = Callable[[Sequence[bool], float | None], float]

WITHOUT_CONTROL = "without an answer of the control"
WITHOUT_COMPARISON = "not compared"


@dataclass(slots=True, kw_only=True)
class AppPair:
    """The runs of an application on the control and on one treatment: all samples of one case, by number.

    `problem` is the error that prevents a comparison. No arm is judged then, unless it has failed by itself.
    """

    control: Sequence[CaseResult]
    treatment: Sequence[CaseResult]
    score: Score
    flags: FlagJudge | None = None
    problem: GraysplitError | None = None
    comparison: Comparison | None = None
    scores: PairScores = field(default_factory=PairScores)

    @property
    def case(self) -> Case:
        """The case, with every threshold in force."""
        return self.control[0].case

    @property
    def has_output(self) -> bool:
        """Whether any run has set an output; runs without one are judged by their asserts alone."""
        return any(facts_of(run).has_output for run in (*self.control, *self.treatment))

    @property
    def is_blocked(self) -> bool:
        """Whether an arm is not judged, or all its calls of the model failed, so that nothing can be compared."""
        arms = [run.arms[0] for run in (*self.control, *self.treatment)]
        failed = any(reply.outcome == "error" for arm in arms for reply in arm.replies)
        return failed or not all(arm.judged and arm.replies for arm in arms)

    def compare(self) -> None:
        """Compare the outputs and the tool calls; raise GraysplitError if a metric cannot score them."""
        if any(not run.arms[0].replies for run in (*self.control, *self.treatment)):
            return
        control, treatment = _replies(self.control), _replies(self.treatment)
        self.scores = self._scores(control, treatment)
        if self.has_output or self.scores.across:
            metric = cast("str", self.case.metric)
            self.comparison = compare(
                self._compared_case, control, treatment, metric=metric, scores=self.scores, score=self.score
            )
        if isinstance(self.score, ModelGradedScorer) and self.comparison is not None and self.has_output:
            self._add_remarks(self.score, self.comparison)

    def _scores(self, control: tuple[Reply, ...], treatment: tuple[Reply, ...]) -> PairScores:
        if not self.has_output:
            scores = PairScores.of(control, treatment, unscored, flags_between)
            return PairScores(across=_without_scores(scores.across), within=_without_scores(scores.within))
        if isinstance(self.score, ModelGradedScorer):
            pairs = (scored_pairs(control, treatment), self_pairs(control))
            self.score.prepare(of_texts(chain.from_iterable(pairs)))
        if self.flags is not None:
            self.flags.prepare((*scored_pairs(control, treatment), *self_pairs(control)))
        return PairScores.of(control, treatment, self.score, None if self.flags is None else self.flags.flags)

    def _add_remarks(self, score: ModelGradedScorer, comparison: Comparison) -> None:
        remarks = score.remarks_by_place(_replies(self.control), _replies(self.treatment))
        self.comparison = replace(comparison, remarks=remarks.get((0, 0), ()), all_remarks=remarks)
        if comparison.threshold is not None and comparison.similarity is None:
            self.problem = score.silent_error()

    @property
    def _compared_case(self) -> Case:
        """The case without its threshold if there is no output to compare with it."""
        return self.case if self.has_output else replace(self.case, min_similarity=None)

    def result(self, nodeid: str) -> CaseResult:
        """Return the result of the case, with the failed expectations of the comparison."""
        runs = (*self.control, *self.treatment)
        last = self.treatment[-1]
        return replace(
            last,
            nodeid=nodeid,
            arms=(self._control(), self._treatment()),
            comparison=self.comparison,
            asserted=all(run.asserted for run in runs) or self._asserts_similarity,
            differing=tuple(dict.fromkeys(name for run in runs for name in run.differing)),
            same_request=any(run.same_request for run in runs),
            same_arms=all(run.same_arms for run in self.treatment),
            asked=self.score.usage(self._scored) if isinstance(self.score, ModelGradedScorer) else None,
            asked_rubric=_sum(run.asked_rubric for run in runs),
            asked_guards=None if self.flags is None else self.flags.usage(),
            requests={arm: body for run in runs for arm, body in run.requests.items()},
            app=None,
            parting_call=self._parting_call(),
        )

    @property
    def _scored(self) -> Iterable[tuple[Reply, Reply]]:
        return of_texts(scored_pairs(_replies(self.control), _replies(self.treatment)))

    @property
    def _asserts_similarity(self) -> bool:
        compared = self.comparison
        return compared is not None and compared.similarity is not None and self._compared_case.asserts_similarity

    def _control(self) -> ArmResult:
        arm = join_runs(self.control)
        failed = self._without_output(self.control)
        if not (failed or self.is_blocked or self.problem):
            failed = check_control(self._compared_case, arm.replies[0], tuple(self.scores.within.values()))
        return self._judged(arm, self.control, failed, self.scores.control_share)

    def _treatment(self) -> ArmResult:
        arm = join_runs(self.treatment)
        if arm.judged and not arm.misses and self._lacks_control:
            return _unjudged(arm, WITHOUT_CONTROL)
        failed = self._without_output(self.treatment)
        if self.comparison is not None and not (failed or self.is_blocked or self.problem or self._lacks_control):
            failed = check_comparison(self._compared_case, self.comparison, arm.arm)
        return self._judged(arm, self.treatment, failed, self.scores.treatment_share)

    @property
    def _lacks_control(self) -> bool:
        """Whether a threshold needs an output of the control that is not there."""
        if self.case.min_similarity is None or not self.has_output:
            return False
        arms = [run.arms[0] for run in self.control]
        answered = all(arm.judged and arm.replies and not arm.failed for arm in arms)
        return not answered or not all(facts_of(run).has_output for run in self.control)

    def _without_output(self, runs: Sequence[CaseResult]) -> list[FailedExpectation]:
        """Return the failure of an arm that has set no output, where a threshold compares it with another output.

        A run that failed by itself may have ended before it could set one.
        """
        silent = [run.arms[0] for run in runs if not facts_of(run).has_output and run.arms[0].passed]
        threshold = self.case.min_similarity
        if not isinstance(threshold, float | int) or not self.has_output or not silent or not silent[0].replies:
            return []
        failure = CheckFailure(
            f"no output to compare with min_similarity {exact_number(threshold)}: the test set none, and another "
            "run of it did",
            "set graysplit_app.output on every way through the test, or leave min_similarity out",
            Slug.SIMILARITY_UNKNOWN,
            "min_similarity",
        )
        return [failed_check("similarity", silent[0].arm, silent[0].replies[0], failure)]

    def _judged(
        self, arm: ArmResult, runs: Sequence[CaseResult], failed: list[FailedExpectation], share: _Share
    ) -> ArmResult:
        """Add the failed expectations of the comparison to an arm, and compute its share of passes again."""
        if not arm.judged or not arm.replies:
            return arm
        if self.problem is not None and not arm.misses:
            return _unjudged(arm, WITHOUT_COMPARISON)
        about_arm = any(one.kind not in ("similarity", "guard") for one in failed) or bool(self._without_output(runs))
        threshold = self._threshold

        def rate(passed: Sequence[bool]) -> float:
            return 0.0 if about_arm else share(passed, threshold)

        return replace(
            arm,
            misses=(*arm.misses, *failed),
            share=rate([run.arms[0].passed for run in runs]),
            checks_share=None if arm.checks_share is None else rate([run.arms[0].checks_share == 1 for run in runs]),
        )

    @property
    def _threshold(self) -> float | None:
        """The threshold that each pair of outputs must reach; None if nothing is compared with it."""
        threshold, compared = self._compared_case.min_similarity, self.comparison
        if compared is None or compared.leaves_no_field or self.is_blocked or self.problem is not None:
            return None
        return threshold if isinstance(threshold, float | int) else None

    def _parting_call(self) -> int | None:
        """Return the first call of the model at which the first runs of both arms part, from 0."""
        sides = [facts_of(run).model_calls(reply) for run, reply in zip(*self._first_runs, strict=True)]
        for place, (one, other) in enumerate(zip_longest(*sides)):
            if one is None or other is None or _parts(one, other):
                return place
        return None

    @property
    def _first_runs(self) -> tuple[list[CaseResult], list[Reply]]:
        runs = [self.control[0], self.treatment[0]]
        replies = [reply for run in runs for reply in run.arms[0].replies[:1]]
        return (runs, replies) if len(replies) == len(runs) else ([], [])


def _parts(control: Reply, treatment: Reply) -> bool:
    """Tell whether two answers to calls have another effect: another tool call, another meaning, or only one failed."""
    return (control.outcome == "error") != (treatment.outcome == "error") or bool(flags_between(control, treatment))


def _replies(runs: Iterable[CaseResult]) -> tuple[Reply, ...]:
    return tuple(reply for run in runs for reply in run.arms[0].replies)


def unscored(_one: Reply, _other: Reply) -> None:
    """Give no score, where none can be given."""
    return


def _without_scores(pairs: Mapping[Places, PairScore]) -> dict[Places, PairScore]:
    """Return the pairs with their flags alone: where no output was set, nothing has a similarity."""
    return {places: PairScore(None, pair.flags) for places, pair in pairs.items()}


def _unjudged(arm: ArmResult, because: str) -> ArmResult:
    return replace(arm, judged=False, unjudged_because=because, share=None, checks_share=None)


def _sum(usages: Iterable[MetricUsage | None]) -> MetricUsage | None:
    known = [usage for usage in usages if usage is not None]
    return reduce(add, known) if known else None
