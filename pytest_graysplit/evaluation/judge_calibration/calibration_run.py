"""One run of a judge on labelled pairs or answers: its settings, and its replies from the relay or the recordings."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.config.settings import SettingsSource, resolve_record
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation.judge_calibration.rubric_labels import RubricLabel
from pytest_graysplit.evaluation.judge_calibration.subjects import AnswerSubject, PairSubject, calibration_of
from pytest_graysplit.evaluation.model_graded import model_graded_metric
from pytest_graysplit.replies.fetcher import build_fetcher
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, merge_journals, unmerged_journals
from pytest_graysplit.replies.recordings.maintenance.discover import FOLDER, project_root
from pytest_graysplit.replies.recordings.state_dir import journal_folder, require_inside
from pytest_graysplit.replies.reply_request import shuffled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, LabelledResult
    from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import JudgedAnswer, RubricCalibration
    from pytest_graysplit.evaluation.judge_calibration.subjects import Labels, Subject
    from pytest_graysplit.replies.fetch_stats import Progress
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.replies.reply_request import Address, ReplyRequest
    from pytest_graysplit.types import MetricUsage, Reply


def find_root(start: Path) -> Path:
    """Return the nearest parent folder with a pyproject.toml, else the root of an earlier run."""
    start = start.resolve()
    return next(
        (folder for folder in (start, *start.parents) if (folder / PROJECT_FILE).is_file()), project_root(start)
    )


def read_judge_settings(root: Path, *, model: str | None, record: str | None, environ: Mapping[str, str]) -> Settings:
    """Resolve the settings as a run of pytest would, the command's own options first.

    Raises UsageError for an invalid value, and where no model is set for the judge.
    """
    given = SettingsSource(lambda option: f"--{option.name}", {"record": [record]} if record else {})
    own = {} if model is None else {"judge": {"model": model}}
    settings = read_settings(root / PROJECT_FILE, environ, first=[given], own=own)
    if settings.table.judge is None:
        raise UsageError(
            "judge needs a model that judges",
            hint='name it with --model=gpt-4.1, or in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"',
            slug=Slug.METRIC_MODEL_MISSING,
        )
    mode, reason = settings.record, settings.record_reason
    if reason:  # no endpoint of an arm can be asked; here that of the judge counts
        mode, reason = resolve_record("auto", environ, [settings.metric_arm(settings.table.judge).access])
    # No arm takes part, so the relay's list of models is not checked for one.
    return replace(settings, control=None, treatments=(), record=mode, record_reason=reason)


class CalibrationRun:
    """All requests of one calibration; paid replies are stored when `run` ends, whether it succeeds or fails."""

    def __init__(self, root: Path, path: Path, labels: Labels, settings: Settings) -> None:
        """Try the judge of the settings on the labelled lines of the file at `path`."""
        self._root = root
        self._settings = settings
        self._command = shlex.join(["graysplit", "judge", "calibrate", str(path), "--record=new"])
        metric = model_graded_metric("judge", settings)
        assert metric is not None  # noqa: S101 # the settings were resolved for it
        recording_path = path.resolve().parent / FOLDER / f"{path.stem}.jsonl"
        self._subjects: list[Subject] = [
            AnswerSubject(label, metric.arm, recording_path, self._ask)
            if isinstance(label, RubricLabel)
            else PairSubject(label, metric, recording_path, self._ask)
            for label in labels
        ]
        self._fetcher: ReplyFetcher | None = None
        self.model = metric.arm.name
        self._arm = metric.arm
        self.is_of_answers = isinstance(labels[0], RubricLabel)
        self.size = len(labels)
        self.usage: MetricUsage | None = None
        self.failure = ""
        self.notes: tuple[str, ...] = ()

    def run(self, watch: Callable[[Progress], None]) -> Calibration | RubricCalibration:
        """Request the replies that are not recorded and judge every line; raise GraysplitError if that fails."""
        self._fetcher = self._build_fetcher(self._recover_journals())
        try:
            self._fetch(self._fetcher, watch)
            return calibration_of(list(map(self._judge, self._subjects)))
        finally:
            self._fetcher.stop()
            self.notes += self._fetcher.warnings
            if self._settings.record in ("new", "all"):
                self._merge()

    def _fetch(self, fetcher: ReplyFetcher, watch: Callable[[Progress], None]) -> None:
        requested = [subject.requests() for subject in self._subjects]
        all_requests = (request for requests in requested for request in requests)
        missing = {request.recording_key for request in fetcher.missing(all_requests)}
        if missing:
            self._arm.require_sendable("replay with --record=none")
            for path in {address[0] for address in missing}:
                require_inside(self._root, path)
            fetcher.open_journal()
            groups = [[request for request in requests if request.recording_key in missing] for requests in requested]
            fetcher.fetch(shuffled(groups), watch)

    def _judge(self, subject: Subject) -> LabelledResult | JudgedAnswer:
        result = subject.judge()
        if usage := subject.usage():
            self.usage = self.usage + usage if self.usage else usage
            if usage.failed:
                self.failure = self.failure or subject.silence()
        return result

    def _ask(self, requests: Sequence[ReplyRequest]) -> list[Reply]:
        assert self._fetcher is not None  # noqa: S101 # nothing is sent before the run
        return list(map(self._fetcher.reply, requests))

    def _recover_journals(self) -> frozenset[Address]:
        """Merge the journals of an interrupted run; return the keys that such a run of `all` had recorded again."""
        if self._settings.record == "off" or not journal_folder(self._root).is_dir():
            return frozenset()
        records_all = self._settings.record == "all"
        fresh = frozenset(
            key for left in unmerged_journals(self._root) if records_all and left.mode == "all" for key in left.keys
        )
        self._merge()
        return fresh

    def _merge(self) -> None:
        report = merge_journals(self._root)
        self.notes += (*report.warnings, *map(str, report.problems))

    def _build_fetcher(self, fresh: frozenset[Address]) -> ReplyFetcher:
        settings, clean = self._settings, redactor(self._settings.secrets)
        return build_fetcher(
            settings,
            self._root,
            run_id=f"judge-{datetime.now(UTC):%Y%m%dT%H%M%S}",
            recordings=Recordings(self._root, clean),
            redact_for=lambda _: clean,
            prices=PriceTable(settings.prices),
            command=self._command,
            fresh=fresh,
            asked_models=lambda: [(self._arm, "chat")],
        )
