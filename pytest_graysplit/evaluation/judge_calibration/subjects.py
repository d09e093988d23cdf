"""The two kinds of labelled lines with their requests to the judge: pairs of answers, and answers with a rubric."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cases.files import read_rows, reject_duplicates
from pytest_graysplit.errors import Slug
from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, LabelledResult
from pytest_graysplit.evaluation.judge_calibration.labelled import Labelled, labelled_pair
from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import JudgedAnswer, RubricCalibration
from pytest_graysplit.evaluation.judge_calibration.rubric_labels import (
    RubricLabel,
    reject_labelled_twice,
    rubric_label,
)
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer
from pytest_graysplit.evaluation.rubric_judging import RubricJudge
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.evaluation.model_graded import Ask, ModelGradedMetric
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import MetricUsage

Labels: TypeAlias = "tuple[Labelled, ...] | tuple[RubricLabel, ...]"


def read_labels(path: Path, shown: str) -> Labels:
    """Read a file of labelled pairs, or of labelled answers, by its first line; raise UsageError for any other line."""
    rows = list(read_rows(path, shown))
    kind = "rubric" in rows[0].fields
    for row in rows:
        if ("rubric" in row.fields) is not kind and {"rubric", "label"} & row.fields.keys():
            raise FieldLocation(f"{shown}:{row.line}", "").refuse(
                f"a file has lines of one kind, and line {rows[0].line} has a {'rubric' if kind else 'label'}",
                "put labelled pairs and answers with a rubric into files of their own",
                Slug.LABELLED_MIXED,
            )
    if kind:
        answers = tuple(rubric_label(row.fields, f"{shown}:{row.line}") for row in rows)
        reject_labelled_twice(answers)
        return answers
    pairs = tuple(labelled_pair(row.fields, f"{shown}:{row.line}") for row in rows)
    reject_duplicates(pair.case for pair in pairs)
    return pairs


class PairSubject:
    """A labelled pair with its requests: both orders of its answers."""

    def __init__(self, pair: Labelled, metric: ModelGradedMetric, recording_path: Path, ask: Ask) -> None:
        self._pair = pair
        self._scorer = ModelGradedScorer(metric, pair.case, recording_path, ask)
        self._replies = _reply("control", pair.control), _reply("treatment", pair.treatment)

    def requests(self) -> list[ReplyRequest]:
        """Return the requests, each once."""
        return self._scorer.requests([self._replies])

    def judge(self) -> LabelledResult:
        """Ask the judge; raise GraysplitError if a reply cannot be had."""
        self._scorer.prepare([self._replies])
        return LabelledResult(self._pair, self._scorer.verdict(*self._replies))

    def usage(self) -> MetricUsage | None:
        """Sum up the requests."""
        return self._scorer.usage([self._replies])

    def silence(self) -> str:
        """Say why there is no verdict; empty where there is one."""
        return self._scorer.silence()


class AnswerSubject:
    """A labelled answer with its requests: one for each criterion, exactly as in a run."""

    def __init__(self, label: RubricLabel, judge: Arm, recording_path: Path, ask: Ask) -> None:
        self._label = label
        self._judge = RubricJudge(judge, label.case, recording_path, ask)

    def requests(self) -> list[ReplyRequest]:
        """Return the requests, each once."""
        return self._judge.requests([self._label.answer])

    def judge(self) -> JudgedAnswer:
        """Ask the judge; raise GraysplitError if a reply cannot be had."""
        self._judge.prepare([self._label.answer])
        results = self._judge.results(self._label.answer)
        return JudgedAnswer(self._label, tuple(one.holds for one in results))

    def usage(self) -> MetricUsage | None:
        """Sum up the requests."""
        return self._judge.usage()

    def silence(self) -> str:
        """Say why a criterion has no verdict; empty where each has one."""
        return next((one.reason for one in self._judge.results(self._label.answer) if one.holds is None), "")


Subject: TypeAlias = "PairSubject | AnswerSubject"


def calibration_of(results: Sequence[LabelledResult | JudgedAnswer]) -> Calibration | RubricCalibration:
    """Return the statistics of all verdicts, which are of one kind."""
    answers = [one for one in results if isinstance(one, JudgedAnswer)]
    return (
        RubricCalibration(answers)
        if answers
        else Calibration([one for one in results if isinstance(one, LabelledResult)])
    )


def _reply(side: str, text: str) -> Reply:
    return Reply(model=side, outcome="ok", text=text, replayed=True)
