"""Replies in the section `cases` of the JSON report, and the runs of applications with their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.reading import as_json
from pytest_graysplit.formatting.json_text import plain_json
from pytest_graysplit.reporting.json_report.sums_json import other_calls_json
from pytest_graysplit.verdict.figures_json import finite, usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Reply, Usage
    from pytest_graysplit.verdict.results import AppFacts

_USAGE = ("prompt", "completion", "cached", "cache_write", "cache_write_1h", "reasoning", "total", "unpriced")
# The keys of a call that a reply has too.
_OF_REPLY = (
    *("model", "outcome", "finish_reason", "latency_s", "usage", "cost_usd", "reported_cost_usd", "text", "reasoning"),
    *("tool_calls", "served_model", "response_id", "attempts", "fell_back", "replayed", "error", "error_slug", "at"),
)


def run_json(facts: AppFacts) -> dict[str, object]:
    """Return the facts about one run of an application."""
    return {
        "sample": facts.sample,
        "control_samples": facts.control_samples,
        "samples": facts.samples,
        "has_output": facts.has_output,
        "calls": facts.swapped_calls,
        "other_calls": other_calls_json(facts.passed),
    }


def calls_json(reply: Reply, runs: Sequence[AppFacts]) -> list[dict[str, object]]:
    """Return the calls of a run of an application, in the order of the requests; empty for any other reply."""
    passed = next((one.passed_places for one in runs if one.sample == reply.sample), ())
    return [_call(call, swapped=place not in passed) for place, call in enumerate(reply.calls)]


def _call(call: Reply, *, swapped: bool) -> dict[str, object]:
    shown = reply_json(call)
    return {"route": call.route, "swapped": swapped, **{name: shown[name] for name in _OF_REPLY}}


def reply_json(reply: Reply) -> dict[str, object]:
    """Return a reply, without the calls of an application."""
    return {
        "sample": reply.sample,
        "outcome": reply.outcome,
        "finish_reason": reply.finish_reason,
        "latency_s": finite(reply.latency_s),
        "ttft_s": finite(reply.ttft_s),
        "usage": None if reply.usage is None else _usage(reply.usage),
        "cost_usd": usd(reply.cost_usd),
        "reported_cost_usd": usd(reply.reported_cost_usd),
        "text": reply.text,
        "reasoning": reply.reasoning,
        "tool_calls": [plain_json(as_json(call)) for call in reply.tool_calls],
        "model": reply.model,
        "served_model": reply.served_model,
        "response_id": reply.response_id,
        "system_fingerprint": reply.system_fingerprint,
        "attempts": reply.attempts,
        "retried": list(reply.retried),
        "fell_back": reply.fell_back,
        "queue_s": reply.queue_s,
        "backoff_s": reply.backoff_s,
        "in_flight": reply.in_flight,
        "replayed": reply.replayed,
        "params_unknown": reply.params_unknown,
        "error": reply.error,
        "error_slug": reply.error_slug,
        "error_kind": reply.error_kind,
        "retryable": reply.retryable,
        "at": reply.at,
        "turn": reply.turn,
        "earlier": [{**reply_json(answer), "earlier": [], "calls": []} for answer in reply.earlier],
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in _USAGE}
