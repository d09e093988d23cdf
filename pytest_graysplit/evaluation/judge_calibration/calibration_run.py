"""A judge tried on labelled pairs: asked through the relay, or replayed from the recordings beside the file."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, LabelledResult
from pytest_graysplit.evaluation.model_graded import ModelGradedScorer, model_graded_metric
from pytest_graysplit.replies.fetcher import build_fetcher, shuffled
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, merge_journals, unmerged_journals
from pytest_graysplit.replies.recordings.maintenance.discover import FOLDER
from pytest_graysplit.replies.recordings.state_dir import journal_folder, require_inside
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.judge_calibration.labelled import Labelled
    from pytest_graysplit.replies.fetcher import Address, Progress, ReplyFetcher, ReplyRequest
    from pytest_graysplit.types import MetricUsage


class CalibrationRun:
    """All requests of one calibration; paid replies are stored when `run` ends, whether it succeeds or fails."""

    def __init__(self, root: Path, path: Path, pairs: Sequence[Labelled], settings: Settings) -> None:
        """Try the judge of the settings on the pairs of the file at `path`."""
        self._root = root
        self._pairs = pairs
        self._settings = settings
        self._command = shlex.join(["graysplit", "judge", "calibrate", str(path), "--record=new"])
        metric = model_graded_metric("judge", settings.table)
        assert metric is not None  # noqa: S101 # the settings were resolved for it
        into = path.resolve().parent / FOLDER / f"{path.stem}.jsonl"
        self._inquiries = [ModelGradedScorer(metric, pair.case, into, self._ask) for pair in pairs]
        self._fetcher: ReplyFetcher | None = None
        self.model = metric.model
        self.size = len(pairs)
        self.asked: MetricUsage | None = None
        self.failure = ""
        self.notes: tuple[str, ...] = ()

    def run(self, watch: Callable[[Progress], None]) -> Calibration:
        """Request the replies that are not recorded and rule every pair; raise GraysplitError if that fails."""
        self._fetcher = self._build_fetcher(self._take_in_leftovers())
        try:
            self._fetch(self._fetcher, watch)
            return Calibration(list(map(self._judged, self._pairs, self._inquiries)))
        finally:
            self._fetcher.stop()
            self.notes += self._fetcher.warnings
            if self._settings.record in ("new", "all"):
                self._merge()

    def _fetch(self, fetcher: ReplyFetcher, watch: Callable[[Progress], None]) -> None:
        wanted = [
            inquiry.requests([_replies(pair)]) for pair, inquiry in zip(self._pairs, self._inquiries, strict=True)
        ]
        missing = {
            request.recording_key for request in fetcher.missing(request for requests in wanted for request in requests)
        }
        if missing:
            self._settings.require_key("--record=none")
            for path in {address[0] for address in missing}:
                require_inside(self._root, path)
            fetcher.open_journal()
            groups = [[request for request in requests if request.recording_key in missing] for requests in wanted]
            fetcher.fetch(shuffled(groups), watch)

    def _judged(self, pair: Labelled, inquiry: ModelGradedScorer) -> LabelledResult:
        replies = _replies(pair)
        inquiry.prepare([replies])
        ruling = inquiry.verdict(*replies)
        if asked := inquiry.usage([replies]):
            self.asked = self.asked + asked if self.asked else asked
            if asked.failed:
                self.failure = self.failure or inquiry.silence()
        return LabelledResult(pair, ruling)

    def _ask(self, requests: Sequence[ReplyRequest]) -> list[Reply]:
        assert self._fetcher is not None  # noqa: S101 # nothing is sent before the run
        return list(map(self._fetcher.reply, requests))

    def _take_in_leftovers(self) -> frozenset[Address]:
        """Merge the journals of an interrupted run; return the keys that such a run of `all` had recorded again."""
        if self._settings.record == "off" or not journal_folder(self._root).is_dir():
            return frozenset()
        anew = self._settings.record == "all"
        fresh = frozenset(
            key for left in unmerged_journals(self._root) if anew and left.mode == "all" for key in left.keys
        )
        self._merge()
        return fresh

    def _merge(self) -> None:
        report = merge_journals(self._root)
        self.notes += (*report.warnings, *map(str, report.problems))

    def _build_fetcher(self, fresh: frozenset[Address]) -> ReplyFetcher:
        settings, clean = self._settings, redactor(self._settings.secrets)
        judge = self._inquiries[0].metric
        return build_fetcher(
            settings,
            self._root,
            run_id=f"judge-{datetime.now(UTC):%Y%m%dT%H%M%S}",
            recordings=Recordings(self._root, clean),
            redact_for=lambda _: clean,
            prices=PriceTable(settings.table.prices),
            command=self._command,
            fresh=fresh,
            asked_models=lambda: {judge.model: judge.route},
        )


def _replies(pair: Labelled) -> tuple[Reply, Reply]:
    control, treatment = (
        Reply(model=side, outcome="ok", text=getattr(pair, side), replayed=True) for side in ("control", "treatment")
    )
    return control, treatment
