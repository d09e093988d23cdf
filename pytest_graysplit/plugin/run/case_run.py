"""One case as it is lived through in a test: the replies, the comparison, the misses, and what is reported of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_graysplit.cases.checks.assertions import check_comparison, check_control, check_reply, has_text
from pytest_graysplit.cases.checks.expectations import asserts_something
from pytest_graysplit.errors import BudgetExceededError, GraysplitError, Slug
from pytest_graysplit.evaluation.comparison import PairScores, compare, of_texts, scored_pairs, self_pairs
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.plugin.run.exceptions import NoAnswer, in_one_line, is_miss
from pytest_graysplit.types import FailedExpectation
from pytest_graysplit.verdict.noise_floor import by_shortfall
from pytest_graysplit.verdict.results import CONTROL, ArmResult, CaseResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.replies.fetcher import ReplyFetcher, ReplyRequest
    from pytest_graysplit.types import Case, Comparison, MetricUsage, Reply


# What a verdict says of the cases that it misses, by the problem that each of them had.
_CAUSES = {
    Slug.RECORDING_MISSING: "not recorded",
    Slug.METRIC_SILENT: "without a score of the metric",
    Slug.BUDGET_USED_UP: "not asked, the cap is used up",
    Slug.RUN_STOPPED: "not asked, the run was stopped",
}
_SEE_TRACEBACK = "the traceback above shows the assert; both answers are below"


class UnavailableReply:
    """Stands where a reply should be, in a fixture of the user's that asks too early; says why there is none."""

    def __init__(self, reason: str, *, unasked: bool = False) -> None:
        self._reason = reason
        self._unasked = unasked

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        if self._unasked:
            pytest.skip(self._reason)
        raise NoAnswer(self._reason, pytrace=False)


@dataclass(slots=True, kw_only=True)
class CaseRun:
    """The replies of one item's arms, and what they were held to."""

    plan: Plan
    score: Score
    replies: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    comparison: Comparison | None = None
    scores: PairScores = field(default_factory=PairScores)
    problem: GraysplitError | None = None
    body_error: str | None = None
    bug: str = ""
    unfinished: bool = False

    @classmethod
    def evaluate(cls, plan: Plan, fetcher: ReplyFetcher, score_of: Callable[[Case, Path, Path], Score]) -> CaseRun:
        """Wait for the replies and compare them; a reply that cannot be had is kept as the exchange's problem."""
        exchange = cls(plan=plan, score=score_of(plan.case, plan.path, plan.recording_path))
        try:
            exchange.replies = received(plan, fetcher)
            # A hook of the user's may turn out not to know the metric, and what it asks may not be recorded.
            exchange._compare()  # its own
        except BudgetExceededError as error:
            exchange.problem = error
            exchange.replies = {arm: tuple(_answered(fetcher, requests)) for arm, requests in plan.requests.items()}
            exchange.comparison = None
        except GraysplitError as error:
            exchange.problem = error
        return exchange

    def _compare(self) -> None:
        if isinstance(self.score, ModelGradedScorer):
            self.score.prepare(pairs_of(self.plan, self.replies))
        if CONTROL in self.replies:
            self._hold(self.replies[CONTROL], self.replies.get(self.plan.treatment))
        self.problem = self._silence()

    def _hold(self, control: tuple[Reply, ...], treatment: tuple[Reply, ...] | None) -> None:
        case = self.plan.case
        if treatment is None and case.min_similarity is None:
            return
        scores = self.scores = PairScores.of(control, treatment or (), self.score)
        if case.max_deficit is not None:
            self.plan.case = case = by_shortfall(case, scores.self_similarity)
            self.scores = scores.beside_pairs()
        if treatment is not None:
            metric = cast("str", case.metric)
            self.comparison = compare(case, control, treatment, metric=metric, scores=scores, held=self.scores)
            if isinstance(self.score, ModelGradedScorer):
                self.comparison = replace(self.comparison, remarks=self.score.remarks(control[0], treatment[0]))

    def _silence(self) -> GraysplitError | None:
        """Return why a threshold has no score to hold against it: a silent judge is no model's fault."""
        if (
            not isinstance(self.score, ModelGradedScorer)
            or not (silence := self.score.silence())
            or not self._lacks_a_score()
        ):
            return None
        metric = self.score.metric
        return GraysplitError(
            f"{metric.name} {metric.model} gave no score for case {self.plan.case.id!r}: {silence}",
            hint="a call that failed is tried again by the next run; where the model cannot do it, name another one in "
            f"[tool.graysplit.{metric.name}], or assert no similarity",
            slug=Slug.METRIC_SILENT,
        )

    def _lacks_a_score(self) -> bool:
        held = self.comparison
        if held is not None and held.threshold is not None and held.similarity is None:
            return True
        return any(self.score(*pair) is None for pair in reference_pairs(self.plan, self.replies))

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that this item is about."""
        return self.plan.judged_arms

    @property
    def unasked(self) -> bool:
        """Whether a reply was not asked for because of the cap: nobody is to blame, and nobody is judged."""
        return isinstance(self.problem, BudgetExceededError)

    @property
    def blocked(self) -> bool:
        """Whether the body cannot run, because a reply it needs is missing or is an error."""
        return self.problem is not None or any(
            reply.outcome == "error" for arm in self.judged_arms for reply in self.replies[arm]
        )

    def comparison_or_reason(self) -> Comparison:
        """Return the comparison for the fixture."""
        if self.blocked or self.comparison is None:
            return cast("Comparison", UnavailableReply(self._reason(), unasked=self.unasked))
        return self.comparison

    def reply_or_reason(self) -> Reply:
        """Return the only arm's reply for the fixture."""
        if self.blocked:
            return cast("Reply", UnavailableReply(self._reason(), unasked=self.unasked))
        return self.replies[self.judged_arms[0]][0]

    def _reason(self) -> str:
        if isinstance(self.problem, BudgetExceededError):
            return self.problem.problem
        if self.problem is not None:
            return str(self.problem)
        causes = [reply.error for arm in self.judged_arms for reply in self.replies[arm] if reply.error]
        return f"no answer to case {self.plan.case.id!r}: {causes[0]}" if causes else "this test has no comparison"

    def note_error(self, error: BaseException) -> None:
        """Keep what the body raised: a miss of the model it is about, or a bug. The first of each kind is told."""
        if is_miss(error, [reply.text for reply in self.replies.get(self.judged_arms[-1], ())]):
            self.body_error = self.body_error or in_one_line(error)
        elif isinstance(error, NoAnswer):
            self.unfinished = True
        else:
            self.bug = self.bug or in_one_line(error)

    def result(self, nodeid: str) -> CaseResult:
        """Judge each arm and return what goes into the results."""
        return CaseResult(
            case=self.plan.case,
            request_hash=self.plan.request_hash,
            nodeid=nodeid,
            file=self.plan.file,
            arms=tuple(self._arm(arm) for arm in self.judged_arms),
            comparison=self.comparison,
            differing=self.plan.differing,
            asked=self._asked(),
            asserted=self._asserted(),
        )

    def _asserted(self) -> bool:
        """Whether something could have failed about the answers: not by a threshold without a score, or one too low."""
        if self.plan.body_asserts or asserts_something(self.plan.case.expect):
            return True
        held = self.comparison
        return held is not None and held.similarity is not None and self.plan.case.asserts_similarity

    def _asked(self) -> MetricUsage | None:
        if not isinstance(self.score, ModelGradedScorer):
            return None
        control, treatment = self.replies.get(CONTROL, ()), self.replies.get(self.plan.treatment, ())
        return self.score.usage(of_texts(scored_pairs(control, treatment)))

    def _arm(self, arm: str) -> ArmResult:
        replies = self.replies.get(arm, ())
        own, spare = replies[: self.plan.samples], replies[self.plan.samples :]
        each = [] if self.unasked else [self._held_by_itself(arm, reply) for reply in own]
        whole = [] if self.unasked else self._missed_as_a_whole(arm)
        misses = (*chain.from_iterable(each), *whole)
        judged = not self.bug and (bool(misses) or not self._unjudgeable(arm))
        return ArmResult(
            arm=arm,
            model=self.plan.requests[arm][0].key.model,
            replies=own,
            spare=spare,
            misses=misses,
            share=self._share(arm, each, whole, spare) if judged and own else None,
            judged=judged,
            unjudged_because="" if judged else self._cause(),
            unasked=self.unasked,
            bug=self.bug,
        )

    def _cause(self) -> str:
        """Return in few words why nothing can be said of an arm."""
        if self.bug or self.unfinished:
            return "with a bug in the test body" if self.bug else "skipped in the test body"
        if self.problem is None:
            return "without an answer of the control"
        return _CAUSES.get(self.problem.slug, f"not to be had ({self.problem.slug})")

    def _held_by_itself(self, arm: str, reply: Reply) -> list[FailedExpectation]:
        return check_reply(self.plan.case, reply, arm, partial(_text_score, self.score, reply))

    def _share(
        self, arm: str, each: list[list[FailedExpectation]], whole: list[FailedExpectation], spare: Iterable[Reply]
    ) -> float:
        """Return the share of the arm's answers that passed; what they missed together, they all missed.

        A threshold is the exception: it is held pair by pair, on both arms alike.
        """
        if any(miss.kind not in ("similarity", "guard") for miss in whole):
            return 0.0
        passed = [not some for some in each]
        threshold = self.plan.case.min_similarity
        number = threshold if isinstance(threshold, float | int) else None
        if arm != CONTROL:
            return self.scores.treatment_share(passed, number if self.comparison is not None else None)
        if self._speaks_for_all():
            passed += [not self._held_by_itself(arm, reply) for reply in spare]
        return self.scores.control_share(passed, number)

    def _speaks_for_all(self) -> bool:
        """Whether the control's answers beyond those that both arms gave count as well.

        They do not where a test body has seen the first answer alone, and where a reference would be judged by a model.
        """
        expect = self.plan.case.expect
        judged_by_model = (
            isinstance(self.score, ModelGradedScorer) and expect is not None and expect.reference is not None
        )
        return not judged_by_model and not (self.plan.has_body and self.plan.only_arm == CONTROL)

    def _missed_as_a_whole(self, arm: str) -> list[FailedExpectation]:
        """Return what all replies of the arm missed together: its similarity, and the body of the test."""
        case: Case = self.plan.case
        misses: list[FailedExpectation] = []
        if arm == CONTROL and (replies := self.replies.get(arm)):
            misses += check_control(case, replies[0], tuple(self.scores.within.values()))
        if self.comparison is not None and arm != CONTROL and not self.blocked:
            misses += check_comparison(case, self.comparison, arm)
        if self.body_error is not None and arm == self.judged_arms[-1]:
            misses.append(failed_miss(arm, f"the test body failed: {self.body_error}", _SEE_TRACEBACK))
        return misses

    def _unjudgeable(self, arm: str) -> bool:
        """Whether nothing can be said of the arm: no reply, a body that lacked one, or asserted against no control."""
        if self.problem is not None or (self.unfinished and not self.blocked):
            return True
        has_body = self.plan.has_body or self.plan.body_asserts
        held_against_control = has_body or self.plan.case.min_similarity is not None
        return arm != CONTROL and self.blocked and self.plan.only_arm is None and held_against_control


def received(plan: Plan, fetcher: ReplyFetcher) -> dict[str, tuple[Reply, ...]]:
    """Wait for the replies of every arm; raise RecordingError or RelayError for one that cannot be had."""
    return {arm: tuple(map(fetcher.reply, requests)) for arm, requests in plan.requests.items()}


def _answered(fetcher: ReplyFetcher, requests: Iterable[ReplyRequest]) -> Iterator[Reply]:
    """Yield the replies that came before the cap was used up: they were paid for, and their cost counts."""
    for request in requests:
        with suppress(GraysplitError):
            yield fetcher.reply(request)


def pairs_of(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield every pair that judging the plan will score: both arms, the control with itself, and each reference."""
    control, treatment = replies.get(CONTROL, ()), replies.get(plan.treatment, ())
    if control and treatment:
        yield from of_texts(scored_pairs(control, treatment))
    if control and (treatment or plan.case.min_similarity is not None):
        yield from of_texts(self_pairs(control))
    yield from reference_pairs(plan, replies)


def reference_pairs(plan: Plan, replies: Mapping[str, tuple[Reply, ...]]) -> Iterator[tuple[Reply, Reply]]:
    """Yield the reference of the case, where it has one, with each reply that is held against it."""
    reference = plan.case.expect and plan.case.expect.reference
    if reference:
        for arm in plan.judged_arms:
            for reply in filter(has_text, replies.get(arm, ())[: plan.samples]):
                yield _reference(reply, reference), reply


def _text_score(score: Score, reply: Reply, reference: str, text: str) -> float | None:
    return score(_reference(reply, reference), replace(reply, text=text))


def _reference(reply: Reply, text: str) -> Reply:
    """Return the reference in the shape of a reply; it is no answer, so nothing is redacted in it."""
    return replace(reply, text=text, replayed=True)


def failed_miss(arm: str, problem: str, hint: str) -> FailedExpectation:
    """Return the miss of an arm whose test failed: in its body, or outside of it."""
    return FailedExpectation(arm=arm, kind="body", problem=problem, hint=hint, slug=Slug.BODY_FAILED)
