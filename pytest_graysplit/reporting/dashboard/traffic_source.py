"""Live traffic as the source of a live page, safe to read from any thread."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.clock import stamp, stamp_of
from pytest_graysplit.formatting.display import percent, plural
from pytest_graysplit.reporting.dashboard import require
from pytest_graysplit.reporting.dashboard.failed_requests import failed_request_json, find_failed_request, worst_json
from pytest_graysplit.reporting.dashboard.snapshot_json import latency_edges, row_json
from pytest_graysplit.traffic.monitor.report import arm_json
from pytest_graysplit.traffic.splitter import BASIS_POINTS
from pytest_graysplit.verdict.figures_json import usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.applications import Starlette

    from pytest_graysplit.traffic.grade.grade import Grade
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.monitor.report import TrafficState
    from pytest_graysplit.traffic.sums.snapshot import ArmSums
    from pytest_graysplit.types import Json

FORMAT = 1


def dashboard_app(monitor: Monitor, *, title: str = "live traffic", token: str | None = None) -> Starlette:
    """Return the live page of a monitor as an app to mount in another, such as `Mount("/graysplit", app)`.

    With a `token` every visit needs it; without one, all users of the application can see the page. With the extra
    `prometheus` it serves `/metrics` too. Raises UsageError if starlette is not installed.
    """
    require("starlette")
    from pytest_graysplit.reporting.dashboard.app import page_app

    return page_app(TrafficSource(monitor, title=title), token=token, metrics=metrics_of(monitor))


def metrics_of(monitor: Monitor) -> Callable[[], bytes] | None:
    """Return a function that writes the metrics for Prometheus, or None if the extra is not installed."""
    if find_spec("prometheus_client") is None:
        return None
    from pytest_graysplit.traffic.monitor.prometheus import exposition

    return partial(exposition, monitor)


class TrafficSource:
    """The source of a monitor's page; `notes` returns additional notes and is called for each snapshot."""

    def __init__(self, monitor: Monitor, *, title: str, notes: Callable[[], Sequence[str]] = tuple) -> None:
        self._monitor = monitor
        self._title = title
        self._notes = notes
        self._lock = Lock()
        self._shown: dict[str, Json] = {}
        self._version = -1

    def snapshot(self) -> dict[str, Json]:
        """Return the current snapshot."""
        with self._lock:
            if self._version != self._monitor.version:
                self._version = self._monitor.version
                self._shown = _shown(self._monitor, self._title)
            now = datetime.now(UTC)
            return {
                **self._shown,
                "at": stamp(now),
                "elapsed_s": round(now.timestamp() - self._monitor.started_s, 3),
                "notes": [*self._notes(), *_log_notes(self._monitor), *_list(self._shown["notes"])],
            }

    def case(self, case_id: str) -> dict[str, Json] | None:
        """Return one failed request as it was logged, or None."""
        found = find_failed_request(self._monitor.failures, case_id)
        return None if found is None else failed_request_json(found)


def _log_notes(monitor: Monitor) -> Iterator[str]:
    return (f"log: {text}" for text in monitor.gaps.copy().texts())


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _shown(monitor: Monitor, title: str) -> dict[str, Json]:
    state = monitor.state()
    ends = [end for arm in state.sums for q in (0.0, 1.0) if (end := arm.quantile(q)) is not None]
    edges = latency_edges(ends)
    return {
        "format": FORMAT,
        "kind": "traffic",
        "title": title,
        "subtitle": _subtitle(state),
        "state": "running",
        "started": stamp_of(state.started_s),
        "progress": {
            "unit": "requests",
            "done": state.total.requests,
            "total": None,
            "fetched": None,
            "to_fetch": None,
            "spent_usd": None if state.total.unpriced else usd(state.total.cost_usd),
        },
        "arms": [_arm(arm, edges) for arm in state.sums],
        "comparisons": [_comparison(grade) for grade in state.grades],
        "worst": worst_json(monitor.failures),
        "windows": list(_windows(monitor)),
        "notes": list(_own_notes(state)),
    }


def _subtitle(state: TrafficState) -> str:
    shares = (f"{arm.arm} {_share(arm)}" for arm in state.sums[1:])
    control = state.sums[0]
    return f"control {control.title} {_share(control)}, {', '.join(shares)} · experiment {state.salt}"


def _share(arm: ArmSums) -> str:
    return f"{percent(arm.basis_points, BASIS_POINTS)}"


def _arm(arm: ArmSums, edges: Sequence[float]) -> dict[str, Json]:
    figures = arm_json(arm)
    latency_histogram: Json = {"edges": list(edges), "counts": list(arm.counts(edges))} if arm.timed else None
    kept = ("arm", "role", "model", "weight", "units", "passed", "pass_rate", "errors", "outcomes", "error_classes",
            "latency_s", "wait_s", "tokens", "cost_usd", "unpriced", "cost_per_pass_usd", "feedback",
            "fallbacks", "signals")  # fmt: skip
    return {
        **{name: figures[name] for name in kept},
        # The page names each arm by this text, as it does for the arms of a run.
        "model": arm.title if arm.table else arm.model,
        "n": arm.requests,
        "pass_rate_ci": figures["pass_rate_ci"] if arm.requests else None,
        "latency_histogram": latency_histogram,
    }


def _comparison(grade: Grade) -> dict[str, Json]:
    return {
        "treatment": grade.treatment,
        "verdict": grade.verdict,
        "reasons": list(grade.reasons),
        "rows": [row_json(row) for row in grade.rows],
        "similarity": None,
    }


def _windows(monitor: Monitor) -> Iterator[dict[str, Json]]:
    names = monitor.splitter.arms
    for start_s, arms in monitor.windows():
        yield {
            "at": stamp_of(start_s),
            "seconds": 60,
            "arms": {
                name: {
                    "n": one.requests,
                    "errors": one.errors,
                    "p50": one.latencies.quantile_s(0.50),
                    "p95": one.latencies.quantile_s(0.95),
                    "cost_usd": usd(one.cost_usd),
                }
                for name, one in zip(names, arms, strict=True)
            },
        }


def _own_notes(state: TrafficState) -> Iterator[str]:
    yield from state.ramps.notes()
    if state.configured:
        yield state.configured
    if state.previous.requests:
        yield f"{plural(state.previous.requests, 'request')} from before the weights changed: only in the totals"
    if state.unasked:
        yield f"{state.unasked}: counted separately"
    if state.refused_signals:
        yield f"{plural(state.refused_signals, 'signal')} with one name too many: not counted"
    forced, anonymous = (sum(getattr(arm, name) for arm in state.sums) for name in ("forced", "anonymous"))
    if forced:
        yield f"{plural(forced, 'request')} routed by force, counted separately"
    if anonymous:
        yield f"{plural(anonymous, 'request')} without a unit went to the control, counted separately"
