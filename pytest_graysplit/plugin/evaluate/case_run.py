"""Case runs: the replies of one item, their comparison, the failed expectations, and the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, cast

from pytest_graysplit.cases.checks.assertions import check_comparison, check_control, check_rubric, has_text
from pytest_graysplit.cases.checks.conversations import check_answers
from pytest_graysplit.cases.checks.expectations import asserts_something
from pytest_graysplit.errors import BudgetExceededError, GraysplitError, Slug
from pytest_graysplit.evaluation.comparison import PairScores, compare, of_texts, scored_pairs, self_pairs
from pytest_graysplit.evaluation.field_scores import match_text
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.plugin.evaluate.body_errors import (
    NoAnswer,
    UnavailableReply,
    body_failure,
    in_one_line,
    is_failed_expectation,
)
from pytest_graysplit.plugin.evaluate.judged_replies import JudgedReply, elsewhere, missing_verdict, over_limit
from pytest_graysplit.replies.conversation import so_far
from pytest_graysplit.verdict.noise_floor import by_shortfall
from pytest_graysplit.verdict.results import CONTROL, WITHOUT_VERDICT, ArmResult, CaseResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.flag_judging import FlagJudge
    from pytest_graysplit.evaluation.rubric_judging import RubricJudge
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.types import Case, Comparison, FailedExpectation, MetricUsage, Reply


# The reason of an unjudged case in a verdict, by the slug of the case's problem.
_CAUSES = {
    Slug.RECORDING_MISSING: "not recorded",
    Slug.METRIC_SILENT: "without a score of the metric",
    Slug.RUBRIC_SILENT: WITHOUT_VERDICT,
    Slug.BUDGET_USED_UP: "not asked, the cap is used up",
    Slug.RUN_STOPPED: "not asked, the run was stopped",
}
_SEE_TRACEBACK = "the traceback above shows the assert; both answers are below"


@dataclass(slots=True, kw_only=True)
class CaseRun:
    """The replies of one item's arms, their comparison, and the errors of its test.

    `case` is the plan's case, with the threshold that follows from its own control replies. `rubric` is the judge of
    its rubric, and `flags` the judge of its flagged pairs; None without one.
    """

    plan: Plan
    case: Case
    score: Score
    rubric: RubricJudge | None = None
    flags: FlagJudge | None = None
    replies: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    comparison: Comparison | None = None
    scores: PairScores = field(default_factory=PairScores)
    problem: GraysplitError | None = None
    body_error: str | None = None
    bug: str = ""
    unfinished: bool = False

    @classmethod
    def evaluate(
        cls,
        plan: Plan,
        fetcher: ReplyFetcher,
        score: Score,
        *,
        rubric: RubricJudge | None = None,
        flags: FlagJudge | None = None,
    ) -> CaseRun:
        """Wait for the replies, compare and judge them; the error of an unavailable one is kept as the problem."""
        run = cls(plan=plan, case=plan.case, score=score, rubric=rubric, flags=flags)
        try:
            run.replies = plan.replies(fetcher)
            # Raises as well if no hook knows the metric, or if a reply of a model-graded metric is not recorded.
            run._compare()  # its own
            run._judge()  # its own
        except BudgetExceededError as error:
            run.problem = error
            run.replies = received_under_cap(plan, fetcher)
            run.comparison = None
        except GraysplitError as error:
            run.problem = error
        return run

    def conclude(self) -> None:
        """Make the replies that exist only after the body of the test; those to a prompt are there before it."""

    def _compare(self) -> None:
        if isinstance(self.score, ModelGradedScorer):
            self.score.prepare(pairs_of(self.plan, self.replies))
        if CONTROL in self.replies:
            self._compare_with(self.replies[CONTROL], self.replies.get(self.plan.treatment))
        self.problem = self._missing_score()

    def _compare_with(self, control: tuple[Reply, ...], treatment: tuple[Reply, ...] | None) -> None:
        if treatment is None and self.case.min_similarity is None:
            return
        if self.flags is not None:
            self.flags.prepare(compared_pairs(control, treatment or ()))
        flagging = None if self.flags is None else self.flags.flags
        scores = self.scores = PairScores.of(control, treatment or (), self.score, flagging)
        if self.case.max_deficit is not None:
            self.case = by_shortfall(self.case, scores.self_similarity)
            self.scores = scores.beside_pairs()
        if treatment is not None:
            metric = cast("str", self.case.metric)
            self.comparison = compare(
                self.case, control, treatment, metric=metric, scores=scores, judged=self.scores, score=self.score
            )
            if isinstance(self.score, ModelGradedScorer):
                remarks = self.score.remarks_by_place(control, treatment)
                self.comparison = replace(self.comparison, remarks=remarks.get((0, 0), ()), all_remarks=remarks)

    def _judge(self) -> None:
        """Ask the judge about every answer that passes all checks; a verdict that is missing is the problem."""
        if self.rubric is not None:
            self.rubric.prepare(self.answers_to_judge())
            judged = chain.from_iterable(map(self._judged, self.judged_arms))
            self.problem = self.problem or missing_verdict(self.case, self.rubric.arm, judged)

    def answers_to_judge(self) -> list[Reply]:
        """Return the answers of both arms that count in a pass rate and pass all checks."""
        return [
            reply for arm in self.judged_arms for reply in self._counted(arm) if not self._failed_by_reply(arm, reply)
        ]

    def _judged(self, arm: str) -> list[JudgedReply]:
        """Return the arm's replies that count in its pass rate, each with its failed expectations."""
        return [self._judged_reply(arm, reply) for reply in self._counted(arm)]

    def _judged_reply(self, arm: str, reply: Reply) -> JudgedReply:
        failed = self._failed_by_reply(arm, reply)
        if self.rubric is None or failed:
            return JudgedReply(failed)
        results = self.rubric.results(reply)
        return JudgedReply(failed, results, check_rubric(reply, arm, results))

    def _counted(self, arm: str) -> tuple[Reply, ...]:
        """Return the replies of an arm that count in its pass rate."""
        replies = self.replies.get(arm, ())
        return replies if arm == CONTROL and self._counts_spare_replies() else replies[: self.plan.samples]

    def _missing_score(self) -> GraysplitError | None:
        """Return the error for a threshold without a score: a judge that gives no verdict must not fail the model."""
        if not isinstance(self.score, ModelGradedScorer):
            return None
        error = self.score.silent_error()
        return error if error is not None and self._lacks_a_score() else None

    def _lacks_a_score(self) -> bool:
        compared = self.comparison
        if compared is not None and compared.threshold is not None and compared.similarity is None:
            return True
        return any(self.score(*pair) is None for pair in reference_pairs(self.plan, self.replies))

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that this item judges."""
        return self.plan.judged_arms

    @property
    def unasked(self) -> bool:
        """Whether a request was not sent because of the cap; then no arm is judged."""
        return isinstance(self.problem, BudgetExceededError)

    @property
    def blocked(self) -> bool:
        """Whether the body cannot run, because a reply that it needs is missing or an error."""
        return self.problem is not None or any(
            reply.outcome == "error" for arm in self.judged_arms for reply in self.replies[arm]
        )

    def comparison_or_reason(self) -> Comparison:
        """Return the comparison for the fixture, or a stand-in that gives the reason why there is none."""
        if self.blocked or self.comparison is None:
            return cast("Comparison", UnavailableReply(self._reason(), unasked=self.unasked))
        return self.comparison

    def reply_or_reason(self) -> Reply:
        """Return the only arm's reply for the fixture, or a stand-in that gives the reason why there is none."""
        if self.blocked:
            return cast("Reply", UnavailableReply(self._reason(), unasked=self.unasked))
        return self.replies[self.judged_arms[0]][0]

    def _reason(self) -> str:
        if isinstance(self.problem, BudgetExceededError):
            return self.problem.problem
        if self.problem is not None:
            return str(self.problem)
        causes = [reply.error for arm in self.judged_arms for reply in self.replies[arm] if reply.error]
        return f"no answer to case {self.case.id!r}: {causes[0]}" if causes else "this test has no comparison"

    def note_error(self, error: BaseException) -> None:
        """Keep the first error of the body of each kind: a failed expectation of the model, or a bug."""
        replies = self.replies.get(self.judged_arms[-1], ())
        if is_failed_expectation(error, [answer.text for reply in replies for answer in reply.turns]):
            self.body_error = self.body_error or in_one_line(error)
        elif isinstance(error, NoAnswer):
            self.unfinished = True
        else:
            self.bug = self.bug or in_one_line(error)

    def result(self, nodeid: str) -> CaseResult:
        """Judge each arm and return the result of the case."""
        judged = {arm: [] if self.unasked else self._judged(arm) for arm in self.judged_arms}
        lacks_verdict = any(one.missing for arm in self.judged_arms for one in judged[arm])
        return CaseResult(
            case=self.case,
            request_hash=self.plan.request_hash,
            nodeid=nodeid,
            file=self.plan.file,
            arms=tuple(self._arm(arm, judged[arm], lacks_verdict=lacks_verdict) for arm in self.judged_arms),
            comparison=self.comparison,
            differing=self.plan.differing,
            same_request=self.plan.same_request,
            same_arms=self.plan.same_arms,
            asked=self._metric_usage(),
            asked_rubric=None if self.rubric is None else self.rubric.usage(),
            asked_guards=None if self.flags is None else self.flags.usage(),
            asserted=self._asserted(),
            requests={arm: some[0].body for arm in self.judged_arms if (some := self.plan.requests.get(arm))},
        )

    def _asserted(self) -> bool:
        """Tell whether an expectation could have failed; a threshold without a score, or one too low, cannot."""
        if self.plan.body_asserts or self.case.rubric or any(map(asserts_something, self.case.expectations)):
            return True
        compared = self.comparison
        return compared is not None and compared.similarity is not None and self.case.asserts_similarity

    def _metric_usage(self) -> MetricUsage | None:
        if not isinstance(self.score, ModelGradedScorer):
            return None
        control, treatment = self.replies.get(CONTROL, ()), self.replies.get(self.plan.treatment, ())
        return self.score.usage(of_texts(scored_pairs(control, treatment)))

    def _arm(self, arm: str, each: Sequence[JudgedReply], *, lacks_verdict: bool) -> ArmResult:
        """Judge an arm by its replies; where the case lacks a verdict, failed checks of all of them decide, or nothing.

        Criteria that do not hold then decide nothing either, because the other arm may be the one without a verdict.
        """
        replies = self.replies.get(arm, ())
        own, spare = replies[: self.plan.samples], replies[self.plan.samples :]
        answers = [answer for reply in own for answer in reply.turns]
        whole = [] if self.unasked else self._failed_by_arm(arm)
        by_reply = (one.failures(with_rubric=not lacks_verdict) for one in each[: self.plan.samples])
        failures = (*chain.from_iterable(by_reply), *whole)
        awaits_judge = lacks_verdict and any(one.passes_checks for one in each)
        judged = not self.bug and not awaits_judge and (bool(failures) or not self._unjudgeable(arm))
        config, requests = self.plan.config_of(arm), self.plan.requests.get(arm, ())
        return ArmResult(
            arm=arm,
            model=config.model,
            name=config.name,
            replies=own,
            spare=spare,
            misses=failures,
            share=self._share(arm, [one.passes for one in each], whole) if judged and own else None,
            rubric=tuple(chain.from_iterable(one.rubric for one in each)),
            checks_share=self._share(arm, [one.passes_checks for one in each], whole)
            if judged and own and self.rubric
            else None,
            judged=judged,
            unjudged_because="" if judged else self._unjudged_because(),
            unasked=self.unasked,
            over_limit=over_limit(requests[0].body, answers) if requests else 0,
            elsewhere=elsewhere(config, answers),
            bug=self.bug,
        )

    def _unjudged_because(self) -> str:
        """Return in a few words why an arm is not judged."""
        if self.bug or self.unfinished:
            return "with a bug in the test body" if self.bug else "skipped in the test body"
        if self.problem is None:
            return "without an answer of the control"
        return _CAUSES.get(self.problem.slug, f"unavailable ({self.problem.slug})")

    def _failed_by_reply(self, arm: str, reply: Reply) -> list[FailedExpectation]:
        return check_answers(self.case, reply, arm, partial(reference_score, self.score), match_text)

    def _share(self, arm: str, passed: Sequence[bool], whole: Iterable[FailedExpectation]) -> float:
        """Return the share of the arm's replies that passed; an expectation that the arm failed, each reply failed.

        A threshold is the exception: it is checked pair by pair, on both arms alike.
        """
        if any(failure.kind not in ("similarity", "guard") for failure in whole):
            return 0.0
        threshold = self.case.min_similarity
        number = threshold if isinstance(threshold, float | int) else None
        if arm == CONTROL:
            return self.scores.control_share(passed, number)
        compared = self.comparison is not None and not self.comparison.leaves_no_field
        return self.scores.treatment_share(passed, number if compared else None)

    def _counts_spare_replies(self) -> bool:
        """Tell whether the control's replies beyond the number that both arms gave count as well.

        They do not if a test body has judged the first reply alone, or if a model would have to compare a reference.
        """
        judged_by_model = isinstance(self.score, ModelGradedScorer) and any(
            expect.reference is not None for expect in self.case.expectations
        )
        return not judged_by_model and not (self.plan.has_body and self.plan.only_arm == CONTROL)

    def _failed_by_arm(self, arm: str) -> list[FailedExpectation]:
        """Return the expectations that the arm failed with all its replies: similarity, and the body of the test."""
        failures: list[FailedExpectation] = []
        if arm == CONTROL and (replies := self.replies.get(arm)):
            failures += check_control(self.case, replies[0], tuple(self.scores.within.values()))
        if self.comparison is not None and arm != CONTROL and not self.blocked:
            failures += check_comparison(self.case, self.comparison, arm)
        if self.body_error is not None and arm == self.judged_arms[-1]:
            failures.append(body_failure(arm, f"the test body failed: {self.body_error}", _SEE_TRACEBACK))
        return failures

    def _unjudgeable(self, arm: str) -> bool:
        """Tell whether the arm cannot be judged: a reply is missing, or there is no control to compare it with."""
        if self.problem is not None or (self.unfinished and not self.blocked):
            return True
        has_body = self.plan.has_body or self.plan.body_asserts
        needs_control = has_body or self.case.min_similarity is not None
        return arm != CONTROL and self.blocked and self.plan.only_arm is None and needs_control


def received_under_cap(plan: Plan, fetcher: ReplyFetcher) -> dict[str, tuple[Reply, ...]]:
    """Return the replies from before the cap was reached: they were paid for, and their cost counts."""
    return {arm: tuple(_available(fetcher, plan, arm)) for arm in plan.requests}


def _available(fetcher: ReplyFetcher, plan: Plan, arm: str) -> Iterator[Reply]:
    for request in plan.requests[arm]:
        if (reply := so_far(fetcher, request)) is not None:
            yield reply


def pairs_of(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield every pair that judging the plan scores: both arms, the control with itself, and each reference."""
    control, treatment = replies.get(CONTROL, ()), replies.get(plan.treatment, ())
    if control and treatment:
        yield from of_texts(scored_pairs(control, treatment))
    if control and (treatment or plan.case.min_similarity is not None):
        yield from of_texts(self_pairs(control))
    yield from reference_pairs(plan, replies)


def compared_pairs(control: Sequence[Reply], treatment: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Yield every pair that the guards compare: both arms, and the control with itself."""
    yield from scored_pairs(control, treatment)
    yield from self_pairs(control)


def reference_pairs(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the reference of the case, if it has one, with each reply that is compared with it."""
    if not any(expect.reference for expect in plan.case.expectations):
        return
    for arm in plan.judged_arms:
        for reply in replies.get(arm, ())[: plan.samples]:
            for answer in filter(has_text, reply.turns):
                for expect in plan.case.expectations_of(answer.turn):
                    if expect.reference:
                        yield _reference(answer, expect.reference), replace(answer, tool_calls=())


def reference_score(score: Score, reply: Reply, reference: str, text: str) -> float | None:
    """Score a part of a reply against the reference of its case."""
    return score(_reference(reply, reference), replace(reply, text=text, tool_calls=()))


def _reference(reply: Reply, text: str) -> Reply:
    """Return the reference in the shape of a reply; marked as replayed, so that nothing is redacted in it.

    A reference is a text, so tool calls take no part on either side.
    """
    return replace(reply, text=text, tool_calls=(), replayed=True)
