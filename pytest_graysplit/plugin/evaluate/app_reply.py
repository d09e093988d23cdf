"""One reply of all calls of an application: its output as the text, and the sums of its calls."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from pytest_graysplit.types import Reply
from pytest_graysplit.types.comparisons import known_sum
from pytest_graysplit.verdict.results import AppFacts, OtherCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.plugin.collect.app_arms import AppPlan
    from pytest_graysplit.types import Outcome, Usage

# Outcomes of a model's answer that stay those of an output which is that answer.
_OWN_OUTCOMES = frozenset({"refusal", "truncated", "filtered"})


def reply_of_calls(
    part: AppPlan, calls: Sequence[Reply], swapped: Sequence[Reply], output: str | None, lost: Sequence[Reply] = ()
) -> Reply:
    """Return the reply of one run: `swapped` are the calls, at least one, that went to the arm's model.

    `output` is None if the test has set none. `lost` are the failed calls without whose answer the application went on:
    its output is then not that of the arm, even if other calls were answered.
    """
    answered = [reply for reply in swapped if reply.outcome != "error"]
    last = (answered or swapped)[-1]
    failed = lost[0] if lost else None if answered else last
    return Reply(
        model=part.config.model,
        outcome="error" if failed else _outcome(output, last),
        text=output or "",
        served_model=last.served_model,
        latency_s=latency_of(calls),
        usage=usage_of(calls),
        cost_usd=known_sum(reply.cost_usd for reply in calls if reply.outcome != "error") if answered else None,
        attempts=sum(reply.attempts for reply in calls),
        replayed=bool(calls) and all(reply.replayed for reply in calls),
        sample=part.recorded_sample,
        finish_reason=last.finish_reason,
        tool_calls=tuple(call for reply in swapped for call in reply.tool_calls),
        error=failed.error if failed else None,
        error_slug=failed.error_slug if failed else None,
        error_kind=failed.error_kind if failed else None,
        retryable=failed is not None and failed.retryable,
        retried=tuple(kind for reply in calls for kind in reply.retried),
        fell_back=any(reply.fell_back for reply in swapped),
        queue_s=max((reply.queue_s for reply in calls), default=0.0),
        backoff_s=sum(reply.backoff_s for reply in calls),
        in_flight=max((reply.in_flight for reply in swapped if reply.in_flight is not None), default=None),
        system_fingerprint=last.system_fingerprint,
        endpoint_hash=last.endpoint_hash,
        at=max((reply.at for reply in swapped if reply.at), default=None),
        calls=tuple(replace(reply, served=None) for reply in calls),
    )


def _outcome(output: str | None, last: Reply) -> Outcome:
    """Return the outcome of a run in which the model has answered, the last time with `last`."""
    if output is None:
        return "ok"
    if not output.strip():
        return "empty"
    is_answer = output.strip() == last.text.strip()
    return last.outcome if is_answer and last.outcome in _OWN_OUTCOMES else "ok"


def facts_of(
    part: AppPlan, calls: Sequence[Reply], swapped: Sequence[Reply], *, has_output: bool, hooked: bool
) -> AppFacts:
    """Return the facts about one run that its reply does not tell."""
    ours = {id(reply) for reply in swapped}
    places = tuple(place for place, reply in enumerate(calls) if id(reply) not in ours)
    passed: dict[str, OtherCalls] = {}
    for place in places:
        reply = calls[place]
        fails = reply.outcome == "error"
        one = OtherCalls(1, known_sum([] if fails else [reply.cost_usd]), int(fails))
        passed[reply.model] = passed[reply.model].plus(one) if reply.model in passed else one
    return AppFacts(
        arm=part.arm,
        sample=part.sample,
        control_samples=part.control_samples,
        samples=part.samples,
        has_output=has_output,
        swapped_calls=len(swapped),
        passed=passed,
        passed_places=places,
        hooked=hooked,
    )


def latency_of(calls: Sequence[Reply]) -> float | None:
    """Return the sum of the latencies of answered calls, in seconds; None without one, or if one is unknown."""
    latencies = [reply.latency_s for reply in calls if reply.outcome != "error"]
    known = [latency_s for latency_s in latencies if latency_s is not None]
    return sum(known) if known and len(known) == len(latencies) else None


def usage_of(calls: Sequence[Reply]) -> Usage | None:
    """Return the tokens of answered calls; None without one, or if those of one are unknown."""
    usages = [reply.usage for reply in calls if reply.outcome != "error"]
    known = [usage for usage in usages if usage is not None]
    return reduce(add, known) if known and len(known) == len(usages) else None
