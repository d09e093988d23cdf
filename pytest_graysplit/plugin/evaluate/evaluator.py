"""Evaluation of a run's items: scorers, case runs, and comparisons after the last test."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.evaluation.flag_judging import FlagJudge
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.evaluation.rubric_judging import RubricJudge
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.evaluate.app_case_run import AppCaseRun
from pytest_graysplit.plugin.evaluate.case_run import CaseRun, compared_pairs, pairs_of
from pytest_graysplit.replies.fingerprint import redact_body, redact_case
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.model_graded import ModelGradedMetric
    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.fetch.fetching import Fetching
    from pytest_graysplit.plugin.scoring import Scoring
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Case, Redactor, Reply
    from pytest_graysplit.verdict.results import CaseResult, Results

_Judge = TypeVar("_Judge", RubricJudge, FlagJudge)
# The case runs of an item: the marked case first, then those that its body has made.
CASE_RUNS = pytest.StashKey[list[CaseRun]]()


class Evaluator:
    """The one owner of scorers and case runs; replies come from the fetching of the run."""

    def __init__(self, root: Path, scoring: Scoring, fetching: Fetching, *, shows_requests: bool = False) -> None:
        """Evaluate the tests below the root; `shows_requests` means that a report will show what was asked."""
        self._root = root
        self._shows_requests = shows_requests
        self._scoring = scoring
        self._fetching = fetching
        # Gives other replies than the fetcher, in a check of the suite.
        self.stand_in: ReplyFetcher | None = None

    def scorer(self, plan: Plan) -> Score:
        """Return the function that scores two replies to the case of a plan."""
        metric = self._scoring.model_graded(plan.case)
        if metric is None:
            return self._scoring.of_texts(plan.case, plan.path)
        return ModelGradedScorer(
            metric,
            plan.case,
            plan.recording_path,
            self._fetching.ask,
            own=self._scoring.hooked(plan.case, plan.path),
            as_recorded=self._fetching.redaction.of(plan.recording_path),
        )

    def asks_model(self, plan: Plan) -> bool:
        """Tell whether a model is asked about the replies of a plan: by its metric, or by a judge."""
        return bool(plan.case.rubric) or self.judges_flags() or self.scores_by_model(plan)

    def scores_by_model(self, plan: Plan) -> bool:
        """Tell whether the metric of a plan asks a model."""
        return self._scoring.is_model_graded(plan.case)

    def judges_flags(self) -> bool:
        """Tell whether a model decides about flagged pairs."""
        return self._scoring.flag_judge() is not None

    def judges_by_metric(self, plan: Plan) -> bool:
        """Tell whether a score of a model decides which answers the judge of the rubric is asked about."""
        expect = plan.case.expect
        has_reference = expect is not None and expect.reference is not None
        return bool(plan.case.rubric) and has_reference and self.scores_by_model(plan)

    def requests_to_models(self, plan: Plan) -> list[ReplyRequest]:
        """Return the requests of the plan's metric and judges, which depend on its replies; empty for most plans.

        Those about the rubric come when the scores that they depend on are there. Empty as well where an error, such as
        a missing reply, prevents them: the test of the plan fails with it.
        """
        requests: list[ReplyRequest] = []
        if plan.app is not None or not self.asks_model(plan):
            return requests
        fetcher = self._fetching.fetcher
        with suppress(Exception):
            scorer, replies = self.scorer(plan), plan.replies(fetcher)
            if isinstance(scorer, ModelGradedScorer):
                requests += scorer.requests(pairs_of(plan, replies))
            requests += self._requests_about_flags(plan, replies)
            if not (self.judges_by_metric(plan) and (fetcher.missing(requests) or not fetcher.all_arrived(requests))):
                requests += self._requests_about_rubric(plan, scorer, replies)
        return requests

    def _requests_about_flags(self, plan: Plan, replies: dict[str, tuple[Reply, ...]]) -> list[ReplyRequest]:
        judge = self.flag_judge(plan)
        if judge is None or CONTROL not in replies:
            return []
        return judge.requests(compared_pairs(replies[CONTROL], replies.get(plan.treatment, ())))

    def _requests_about_rubric(
        self, plan: Plan, scorer: Score, replies: dict[str, tuple[Reply, ...]]
    ) -> list[ReplyRequest]:
        judge = self.rubric_judge(plan)
        if judge is None:
            return []
        run = CaseRun(plan=plan, case=plan.case, score=scorer, rubric=judge, replies=replies)
        return judge.requests(run.answers_to_judge())

    def rubric_judge(self, plan: Plan) -> RubricJudge | None:
        """Return the judge of the rubric of a plan; None without a rubric."""
        judge = self._scoring.judge() if plan.case.rubric else None
        return None if judge is None else self._asking(RubricJudge, judge, plan)

    def flag_judge(self, plan: Plan) -> FlagJudge | None:
        """Return the judge of the flagged pairs of a plan; None if the guards decide alone.

        A judge that was not asked about the answers of a stand-in cannot decide.
        """
        judge = None if self.stand_in is not None else self._scoring.flag_judge()
        return None if judge is None else self._asking(FlagJudge, judge, plan)

    def _asking(self, kind: type[_Judge], judge: ModelGradedMetric, plan: Plan) -> _Judge:
        redact = self._fetching.redaction.of(plan.recording_path)
        return kind(judge.arm, plan.case, plan.recording_path, self._fetching.ask, as_recorded=redact)

    def case_run(self, item: pytest.Item, plan: Plan) -> CaseRun:
        """Return the item's case run for a plan; the first call evaluates it."""
        for run in item.stash.get(CASE_RUNS, []):
            if run.plan is plan:
                return run
        run = CaseRun.evaluate(
            plan,
            self.stand_in or self._fetching.fetcher,
            self.scorer(plan),
            rubric=self.rubric_judge(plan),
            flags=self.flag_judge(plan),
        )
        item.stash.setdefault(CASE_RUNS, []).append(run)
        return run

    def begin_app(
        self, item: pytest.Item, plan: Plan, calls: ItemCalls, output: Callable[[], str | None]
    ) -> AppCaseRun:
        """Begin the run of an application; its reply is made and judged after the body of the test."""
        run = AppCaseRun(
            plan=plan,
            case=plan.case,
            score=self.scorer(plan),
            rubric=self.rubric_judge(plan),
            calls=calls,
            output=output,
            redact=self._fetching.redaction.of(plan.recording_path),
            hooked=self._scoring.is_hooked(plan.path),
        )
        runs: list[CaseRun] = [run]
        item.stash[CASE_RUNS] = runs
        return run

    def evaluate_all(self, items: Iterable[pytest.Item]) -> None:
        """Evaluate the items one after the other: between tests the same work takes twice as long, on cold caches.

        The items of an application have no replies yet.
        """
        with _collector_paused():
            for item in (item for item in items if item.stash[PLAN].app is None):
                with suppress(Exception):  # the test of the item fails with it, such as an error in a user's hook
                    self.case_run(item, item.stash[PLAN])

    def for_report(self, results: tuple[CaseResult, ...], path: Path) -> tuple[CaseResult, ...]:
        """Return the results of a test file as a report may show them: without secrets, or without the requests.

        The process of the test redacts them, because the main process may not know the hooks of the test's folder.
        """
        if self._scoring.is_hooked(path):
            results = tuple(_hooked(result) for result in results)
        if not self._shows_requests:
            return tuple(replace(result, requests={}) for result in results)
        redact = self._fetching.redaction.of(path)
        return tuple(_redacted(result, redact) for result in results)

    def complete_comparisons(self, results: Results) -> None:
        """Compare the arms of `graysplit_reply` cases, which run as separate items."""
        for row in results.rows:
            if row.is_app:
                continue  # compared when the last run of both arms had ended, or not at all
            control = row.arms.get(CONTROL)
            for arm, treatment in row.arms.items():
                if row.case.turns and (treatment.unasked or (control and control.unasked)):
                    continue  # the cap has ended a conversation, which says nothing about a model
                if control and arm not in (CONTROL, *row.comparisons) and control.replies and treatment.replies:
                    score = self._score_afterwards(row.case, self._root / row.file)
                    controls, treatments = (*control.replies, *control.spare), treatment.replies
                    # Tool calls can be compared without any metric.
                    if score or any(reply.tool_calls for reply in (*controls, *treatments)):
                        scores = PairScores.of(controls, treatments, score or (lambda *_: None))
                        metric = cast("str", row.case.metric)
                        row.comparisons[arm] = compare(
                            row.case, controls, treatments, metric=metric, scores=scores, score=score
                        )

    def _score_afterwards(self, case: Case, path: Path) -> Score | None:
        """Return the scorer for a case whose items have all run; None where only its item could score it.

        It is too late to ask a model, and the xdist controller does not know the hooks of a folder.
        """
        scoring = self._scoring
        if scoring.is_model_graded(case) or scoring.is_hooked(path) or not scoring.is_known(case):
            return None
        return scoring.of_texts(case, path)


def _hooked(result: CaseResult) -> CaseResult:
    """Note for the main process, which may not know the hooks of a folder, that one may score the outputs."""
    return result if result.app is None else replace(result, app=replace(result.app, hooked=True))


def _redacted(result: CaseResult, redact: Redactor) -> CaseResult:
    """Return the result without secrets in the texts that people wrote; replies were redacted when they arrived."""
    return replace(
        result,
        case=redact_case(result.case, redact),
        requests={arm: redact_body(body, redact) for arm, body in result.requests.items()},
        arms=tuple(
            replace(
                arm,
                misses=tuple(
                    replace(miss, problem=redact(miss.problem), hint=redact(miss.hint)) for miss in arm.misses
                ),
                rubric=tuple(
                    replace(one, criterion=redact(one.criterion), reason=redact(one.reason)) for one in arm.rubric
                ),
                bug=redact(arm.bug),
            )
            for arm in result.arms
        ),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause garbage collection while many objects are created that all stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
