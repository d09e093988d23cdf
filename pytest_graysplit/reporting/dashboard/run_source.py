"""A pytest run as the source of a live page, safe to read from any thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.replies.fingerprint import redact_json
from pytest_graysplit.reporting.dashboard.run_cases import case_json, find_case, worst_json
from pytest_graysplit.reporting.dashboard.run_figures import arms_json, arms_so_far, collecting_json, verdict_json
from pytest_graysplit.verdict.evidence import criteria_of
from pytest_graysplit.verdict.figures_json import usd
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE, JudgeStanding
from pytest_graysplit.verdict.pairs import pairs_of
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.replies.fetch_stats import FetchStats
    from pytest_graysplit.types import Json, Redactor
    from pytest_graysplit.verdict import StopReason, Verdict
    from pytest_graysplit.verdict.results import Results

    CaseKey = tuple[str, str, str]

FORMAT = 1
# A snapshot is computed at most twice a second and for at most a fiftieth of the time.
INTERVAL_S, REST = 0.5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The state of a run at one moment, in values that no longer change.

    `planned` maps the node id of each test that will run to its case, and `finished` has the node ids of ended tests;
    `planned` and `fetched` are None if only other processes know them. `verdicts` is None while the run goes on;
    `complete` says that the run has ended and judged every case. `judge` is the standing of the judge of rubrics.
    """

    results: Results
    settings: Settings
    started: datetime
    reports: int = 0
    planned: Mapping[str, CaseKey] | None = None
    finished: Collection[str] = ()
    fetched: FetchStats | None = None
    stops: Mapping[str, StopReason]
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] | None = None
    complete: bool = False
    judge: JudgeStanding = UNKNOWN_JUDGE

    @property
    def mark(self) -> tuple[object, ...]:
        """A value that changes whenever there is something new to show."""
        fetched = (self.fetched.sent, self.fetched.received) if self.fetched else ()
        return self.reports, fetched, len(self.notes), self.verdicts is None

    @property
    def cases(self) -> tuple[int, int | None]:
        """The number of judged cases, and the total, which is None if this process cannot know it.

        A case counts as judged once all its tests have ended. A case without any result is in neither number.
        """
        judged = {row.key for row in self.results.rows}
        if self.planned is None:
            return len(judged), len(judged) if self.complete else None
        waiting = {key for nodeid, key in self.planned.items() if nodeid not in self.finished}
        return len(judged - waiting), len(judged | waiting)


class RunSource:
    """The source of a run's page; `look` returns the current state of the run and may be called from any thread."""

    def __init__(
        self, look: Callable[[], RunView], redact: Redactor, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._look = look
        self._redact = redact
        self._clock = clock
        self._lock = threading.Lock()
        self._view: RunView | None = None
        self._shown: dict[str, Json] = {}
        self._rest_until = 0.0
        self._last: RunView | None = None
        self._ended_at: datetime | None = None

    def end(self, view: RunView) -> None:
        """Set the last view of the run; its snapshot is computed when a page asks for it."""
        self._last, self._ended_at = view, datetime.now(UTC)

    def snapshot(self) -> dict[str, Json]:
        """Return the current snapshot."""
        with self._lock:
            view = self._refreshed()
            at = self._ended_at if self._ended_at and view is self._last else datetime.now(UTC)
            return {**self._shown, "at": _stamp(at), "elapsed_s": round((at - view.started).total_seconds(), 3)}

    def case(self, case_id: str) -> dict[str, Json] | None:
        """Return one case in full, or None if no case with that id has a result."""
        with self._lock:
            view = self._refreshed()
            found = find_case(view.results, view.settings.treatments, case_id)
            return None if found is None else _redacted(case_json(*found, self._redact), self._redact)

    def _refreshed(self) -> RunView:
        """Compute the snapshot if something is new and the last one is old enough; the end is shown at once."""
        if self._view is not None and (
            self._view is self._last or (not self._last and self._clock() < self._rest_until)
        ):
            return self._view
        view = self._last or self._look()
        if self._view is None or view is self._last or view.mark != self._view.mark:
            began = self._clock()
            self._shown = _redacted(snapshot_of(view), self._redact)
            ended = self._clock()
            self._view, self._rest_until = view, ended + max(INTERVAL_S, REST * (ended - began))
        return self._view


def snapshot_of(view: RunView) -> dict[str, Json]:
    """Return the snapshot of a run, without the current time."""
    settings, results = view.settings, view.results
    named = [(CONTROL, settings.control or ""), *((model, model) for model in settings.treatments)]
    done, total = view.cases
    replies = view.fetched.replies if view.fetched and view.verdicts is None else ()
    return {
        "format": FORMAT,
        "kind": "run",
        "title": _title(view, done, total),
        "subtitle": _subtitle(view),
        "state": "running" if view.verdicts is None else "ended",
        "started": _stamp(view.started),
        "at": None,
        "elapsed_s": None,
        "progress": _progress(view, done, total),
        "arms": arms_json(arms_so_far(results, named, replies)),
        "comparisons": _comparisons(view, done, total),
        "worst": worst_json(results, settings.treatments),
        "windows": [],
        "notes": [*view.notes],
    }


def _title(view: RunView, done: int, total: int | None) -> str:
    if total is None and view.verdicts is None:
        return f"{plural(done, 'case')} so far"
    return plural(done if total is None else total, "case")


def _subtitle(view: RunView) -> str:
    treatments = view.settings.treatments
    parts = [f"control {view.settings.control}"]
    parts.append(f"treatment{'s' if len(treatments) > 1 else ''} {listed(treatments)}")
    parts.append(f"metric {listed(view.results.metrics or [view.settings.metric])}")
    return ", ".join(parts)


def _progress(view: RunView, done: int, total: int | None) -> Json:
    fetched = view.fetched
    return {
        "unit": "cases",
        "done": done,
        "total": total,
        "fetched": fetched.received if fetched else None,
        "to_fetch": fetched.sent if fetched else None,
        "spent_usd": usd(fetched.spent_usd) if fetched else None,
    }


def _comparisons(view: RunView, done: int, total: int | None) -> list[Json]:
    sums = {one.treatment: one for one in view.results.comparisons()}
    if view.verdicts is not None:
        return [verdict_json(verdict, sums.get(verdict.treatment)) for verdict in view.verdicts]
    policy, shown = view.settings.policy, []
    for model in view.settings.treatments:
        rows = criteria_of(pairs_of(view.results, model), policy, accuracy=view.judge.usable, resampled=False)
        shown.append(collecting_json(model, _reasons(view, model, done, total), rows, sums.get(model)))
    return shown


def _reasons(view: RunView, treatment: str, done: int, total: int | None) -> list[str]:
    """Return the reasons of an unfinished comparison: an early stop, and the number of cases that are left."""
    judged = f"{plural(done, 'case')} judged so far"
    reasons = [judged if total is None else f"{total - done:,} of {plural(total, 'case')} are left"]
    if stop := view.stops.get(treatment):
        word = "harm" if stop.side == "harm" else "promise"
        reasons.insert(0, f"{word} was shown after {plural(stop.after, 'case')}, and no more requests are sent to it")
    return reasons


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _redacted(value: dict[str, Json], redact: Redactor) -> dict[str, Json]:
    """Return the value with secrets removed from all its texts."""
    return cast("dict[str, Json]", redact_json(value, redact, names=False))
