"""A judge tried on labelled pairs: asked through the relay, or replayed from the recordings beside the file."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, Judged
from pytest_graysplit.evaluation.model_graded import Inquiry, asking_metric
from pytest_graysplit.replies.fetcher import shuffled
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, leftovers, merge_journals
from pytest_graysplit.replies.recordings.maintenance.discover import FOLDER
from pytest_graysplit.replies.recordings.state_dir import journal_folder, require_inside
from pytest_graysplit.replies.wiring import build_runner
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.judge_calibration.labelled import Labelled
    from pytest_graysplit.replies.fetcher import Address, Progress, Runner, Wish
    from pytest_graysplit.types import Asked


class Trial:
    """All requests of one calibration; paid replies are stored when `run` ends, whether it succeeds or fails."""

    def __init__(self, root: Path, path: Path, pairs: Sequence[Labelled], settings: Settings) -> None:
        """Try the judge of the settings on the pairs of the file at `path`."""
        self._root = root
        self._pairs = pairs
        self._settings = settings
        self._command = shlex.join(["graysplit", "judge", "calibrate", str(path), "--record=new"])
        metric = asking_metric("judge", settings.table)
        assert metric is not None  # noqa: S101 # the settings were resolved for it
        into = path.resolve().parent / FOLDER / f"{path.stem}.jsonl"
        self._inquiries = [Inquiry(metric, pair.case, into, self._ask) for pair in pairs]
        self._runner: Runner | None = None
        self.model = metric.model
        self.size = len(pairs)
        self.asked: Asked | None = None
        self.failure = ""
        self.notes: tuple[str, ...] = ()

    def run(self, watch: Callable[[Progress], None]) -> Calibration:
        """Request the replies that are not recorded and rule every pair; raise GraysplitError if that fails."""
        self._runner = self._build_runner(self._take_in_leftovers())
        try:
            self._fetch(self._runner, watch)
            return Calibration(list(map(self._judged, self._pairs, self._inquiries)))
        finally:
            self._runner.stop()
            self.notes += self._runner.warnings
            if self._settings.record in ("new", "all"):
                self._merge()

    def _fetch(self, runner: Runner, watch: Callable[[Progress], None]) -> None:
        wanted = [inquiry.wishes([_replies(pair)]) for pair, inquiry in zip(self._pairs, self._inquiries, strict=True)]
        missing = {wish.address for wish in runner.missing(wish for wishes in wanted for wish in wishes)}
        if missing:
            self._settings.require_key("--record=none")
            for path in {address[0] for address in missing}:
                require_inside(self._root, path)
            runner.open_journal()
            groups = [[wish for wish in wishes if wish.address in missing] for wishes in wanted]
            runner.fetch(shuffled(groups), watch)

    def _judged(self, pair: Labelled, inquiry: Inquiry) -> Judged:
        replies = _replies(pair)
        inquiry.prepare([replies])
        ruling = inquiry.ruling(*replies)
        if asked := inquiry.asked([replies]):
            self.asked = self.asked + asked if self.asked else asked
            if asked.failed:
                self.failure = self.failure or inquiry.silence()
        return Judged(pair, ruling)

    def _ask(self, wishes: Sequence[Wish]) -> list[Reply]:
        assert self._runner is not None  # noqa: S101 # nothing is sent before the run
        return list(map(self._runner.reply, wishes))

    def _take_in_leftovers(self) -> frozenset[Address]:
        """Merge the journals of an interrupted run; return the keys that such a run of `all` had recorded again."""
        if self._settings.record == "off" or not journal_folder(self._root).is_dir():
            return frozenset()
        anew = self._settings.record == "all"
        fresh = frozenset(key for left in leftovers(self._root) if anew and left.mode == "all" for key in left.keys)
        self._merge()
        return fresh

    def _merge(self) -> None:
        report = merge_journals(self._root)
        self.notes += (*report.warnings, *map(str, report.problems))

    def _build_runner(self, fresh: frozenset[Address]) -> Runner:
        settings, clean = self._settings, redactor(self._settings.secrets)
        judge = self._inquiries[0].metric
        return build_runner(
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
