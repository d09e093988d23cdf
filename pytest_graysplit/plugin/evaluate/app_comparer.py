"""Comparison of an application's runs in the main process, with the metric of the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import GraysplitError, Slug
from pytest_graysplit.evaluation.app_comparison import AppPair, unscored
from pytest_graysplit.evaluation.flag_judging import FlagJudge
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.verdict.results.app_runs import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.model_graded import Ask
    from pytest_graysplit.plugin.collect.plans import Planner
    from pytest_graysplit.plugin.fetch.fetching import Fetching
    from pytest_graysplit.plugin.scoring import Scoring
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Case, Reply
    from pytest_graysplit.verdict.results import CaseResult


class AppComparer:
    """The comparer of both arms of a case; an xdist controller may neither ask a model nor call a folder's hooks."""

    def __init__(
        self, root: Path, scoring: Scoring, fetching: Fetching, planner: Planner, *, is_controller: bool
    ) -> None:
        """Compare the tests below the root; `is_controller` is true in a process that runs no tests."""
        self._root = root
        self._scoring = scoring
        self._fetching = fetching
        self._planner = planner
        self._is_controller = is_controller

    def __call__(self, control: Sequence[CaseResult], treatment: Sequence[CaseResult]) -> AppPair:
        """Compare the runs of both arms, by number; an error that prevents it is the problem of the pair."""
        case, path = control[0].case, self._root / control[0].file
        pair = AppPair(control=control, treatment=treatment, score=unscored)
        try:
            self._refuse_hooks(pair)
            pair.score, pair.flags = self._scorer(case, path), self._flag_judge(case, path)
            pair.compare()
        except GraysplitError as error:
            pair.problem = error
        except Exception as error:  # noqa: BLE001 # a hook or a metric of the user may raise anything
            pair.problem = _broken(case, error)
        return pair

    def _refuse_hooks(self, pair: AppPair) -> None:
        """Raise GraysplitError if a hook may score the outputs that this process does not know."""
        if self._is_controller and any(facts_of(run).hooked for run in (*pair.control, *pair.treatment)):
            raise _needs_one_process(pair.case, "a hook pytest_graysplit_score")

    def _scorer(self, case: Case, path: Path) -> Score:
        metric = self._scoring.model_graded(case)
        if metric is None:
            return self._scoring.of_texts(case, path)
        return ModelGradedScorer(
            metric,
            case,
            self._planner.recording_of(path),
            self._ask(case, f"the metric {metric.name}"),
            own=self._scoring.hooked(case, path),
            as_recorded=self._fetching.redaction.of(path),
        )

    def _flag_judge(self, case: Case, path: Path) -> FlagJudge | None:
        judge = self._scoring.flag_judge()
        if judge is None:
            return None
        return FlagJudge(
            judge.arm,
            case,
            self._planner.recording_of(path),
            self._ask(case, "the judge of flagged pairs"),
            as_recorded=self._fetching.redaction.of(path),
        )

    def _ask(self, case: Case, what: str) -> Ask:
        """Return the function that asks a model about a case; in a controller it raises if there is anything to ask."""

        def refuse(requests: Sequence[ReplyRequest]) -> list[Reply]:
            if requests:
                raise _needs_one_process(case, what)
            return []

        return refuse if self._is_controller else self._fetching.ask


def _needs_one_process(case: Case, what: str) -> GraysplitError:
    return GraysplitError(
        f"{what} cannot compare the arms of case {case.id!r} with pytest-xdist: the main process compares the outputs "
        "of an application, and it runs no tests",
        hint="run with -n0, or compare with a metric that needs no model and no hook",
        slug=Slug.METRIC_WORKERS,
    )


def _broken(case: Case, error: Exception) -> GraysplitError:
    return GraysplitError(
        f"the outputs of case {case.id!r} could not be compared: {type(error).__name__}: {error}",
        hint="correct the metric or the hook pytest_graysplit_score that raised it",
        slug=Slug.SCORE_UNUSABLE,
    )
