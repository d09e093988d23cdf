"""The standing of a run's judge: its recorded verdicts on the labelled answers that the project names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import RubricCalibration
from pytest_graysplit.evaluation.judge_calibration.rubric_labels import read_rubric_labels
from pytest_graysplit.evaluation.judge_calibration.subjects import AnswerSubject
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.recordings import Recordings
from pytest_graysplit.replies.recordings.maintenance.discover import FOLDER
from pytest_graysplit.replies.recordings.state_dir import relative_to
from pytest_graysplit.verdict.judge_standing import JudgeStanding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Reply

NO_LABELS = (
    "its errors are unknown: label 40 answers or more, run graysplit judge calibrate on them, and name the file in "
    "[tool.graysplit.judge] labels"
)


class _Missing(Exception):  # noqa: N818 # nothing is wrong: it only ends the reading of one answer
    """The end of an answer's requests at one that is not recorded, or of another judge; with the remedy."""


def recorded_standing(settings: Settings, root: Path) -> JudgeStanding:
    """Return the judge's standing by recordings alone: nothing is sent, and every problem is a part of the result.

    Only verdicts of exactly this judge count: its model, its parameters and its prompt make the keys of recordings.
    """
    judge = settings.table.judge
    if judge is None:
        return JudgeStanding(problem="no judge is configured")
    name = settings.metric_arm(judge).name
    if judge.labels is None:
        return JudgeStanding(model=name, problem=NO_LABELS)
    shown = relative_to(root, judge.labels)
    try:
        return _read(settings, root, judge.labels, shown)
    except GraysplitError as error:
        return JudgeStanding(model=name, labels=shown, problem=error.problem)


def _read(settings: Settings, root: Path, path: Path, shown: str) -> JudgeStanding:
    assert settings.table.judge is not None  # noqa: S101 # the caller has checked it
    judge, recordings = settings.metric_arm(settings.table.judge), Recordings(root, redactor(settings.secrets))

    def recorded(requests: Sequence[ReplyRequest]) -> list[Reply]:
        found = [recordings.reply(request.recording_path, request.key) for request in requests]
        replies = [reply for reply in found if reply is not None and reply.outcome != "error"]
        if len(replies) < len(found):
            raise _Missing(f"no recorded verdict of it: run graysplit judge calibrate {shown}")
        if any(map(judge.is_elsewhere, replies)):
            raise _Missing(f"a verdict from another address: run graysplit judge calibrate {shown} --record=all")
        return replies

    labels = read_rubric_labels(path, shown)
    recording_path = path.resolve().parent / FOLDER / f"{path.stem}.jsonl"
    results, missing = [], []
    for label in labels:
        try:
            results.append(AnswerSubject(label, judge, recording_path, recorded).judge())
        except _Missing as reason:
            missing.append(str(reason))
    if missing:
        problem = f"{len(missing):,} of {plural(len(labels), 'labelled answer')} in {shown} have {missing[0]}"
        return JudgeStanding(model=judge.name, labels=shown, problem=problem)
    return JudgeStanding(model=judge.name, labels=shown, accuracy=RubricCalibration(results).accuracy)
