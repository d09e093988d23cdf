"""The section `run` of the JSON report, from the settings and the totals of the run."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import pytest_graysplit
from pytest_graysplit.config.policy import SEED
from pytest_graysplit.formatting.json_text import plain_json
from pytest_graysplit.plugin.report.run_notes import facts_of, run_notes
from pytest_graysplit.replies.fingerprint import redact_body
from pytest_graysplit.reporting.json_report.run_json import Run, coverage_json, policy_json, spent_json
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.types import Json, Redactor


def run_record(context: RunContext) -> Run:
    """Describe the run as it ends, without secrets."""
    settings, totals, redact = context.settings, context.totals, context.fetching.redaction
    return Run(
        id=context.run_id,
        started=context.started.isoformat(timespec="seconds"),
        duration_s=round((datetime.now(UTC) - context.started).total_seconds(), 3),
        record=settings.record,
        complete=totals.complete(),
        seed=SEED,
        versions={
            "pytest-graysplit": str(pytest_graysplit.__version__),
            "pytest": pytest.__version__,
            "python": platform.python_version(),
        },
        control=settings.control,
        treatments=settings.treatments,
        options=_options(settings, redact),
        policy=policy_json(settings.policy),
        coverage=coverage_json(facts_of(settings, totals)),
        tests=_tests(totals),
        spent=None if settings.max_cost_usd is None else spent_json(totals.spent),
        notes=[redact(note) for note in run_notes(settings, totals, context.fetching.used_fetcher)],
    )


def arm_records(settings: Settings, redact: Redactor) -> dict[str, dict[str, Json]]:
    """Return the configuration of each arm, by its name in the results; a system prompt is in the messages of cases."""
    return {CONTROL if place == 0 else arm.name: _arm(arm, redact) for place, arm in enumerate(settings.arms)}


def _arm(arm: Arm, redact: Redactor) -> dict[str, Json]:
    return {
        "base_url": arm.access.shown or None,
        "params": plain_json(redact_body(arm.with_params({}), redact)),
        "unset": list(arm.unset),
        "own_system": arm.system is not None,
        "headers": plain_json(sorted({*arm.headers, *arm.unknown})),
    }


def _options(settings: Settings, redact: Redactor) -> dict[str, Json]:
    """Return the options that the answers and the verdicts depend on."""
    return {
        "metric": settings.metric,
        "min_similarity": settings.min_similarity,
        "max_latency_s": settings.max_latency_s,
        "max_latency_ratio": settings.max_latency_ratio,
        "samples": settings.samples,
        "control_samples": settings.control_samples,
        "params": plain_json(redact_body(settings.params, redact)),
        "gate": settings.gate,
        "on_hold": settings.on_hold,
        "early_stop": settings.early_stop,
        "max_cost_usd": None if settings.max_cost_usd is None else float(settings.max_cost_usd),
        "concurrency": settings.concurrency,
        "rpm": settings.requests_per_min,
        "timeout_s": settings.timeout_s,
        "retries": settings.retries,
    }


def _tests(totals: RunTotals) -> dict[str, int]:
    """Count the tests; the split of those beyond an early stop depends on the number of workers, so it is left out."""
    return {
        "planned": totals.planned,
        "with_result": totals.results.items,
        "deselected": totals.deselected,
        "crashed": totals.crashed,
        "uncollected": totals.uncollected,
        "beyond_stop": totals.skipped + totals.late,
    }
