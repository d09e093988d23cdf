"""What a reader of the summary must know before believing its numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.display import exact_money, money, plural, ratio, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.plugin.state import State
    from pytest_graysplit.results import Results


def run_notes(state: State) -> list[str]:
    """Collect the notes of this run, its workers' included, each once."""
    used_up = [note] if (note := budget_note(state)) else []
    notes = [*used_up, *state.tally.notes, *relay_notes(state), *_partial(state), *_dearer(state)]
    notes += _served(state.results)
    if state.tally.failure:
        notes.insert(0, state.tally.failure)
    return list(dict.fromkeys(notes))


def budget_note(state: State) -> str | None:
    """Say that the cap was used up, and what came of it; None where it was not, or there is none."""
    cap_usd, spent = state.settings.max_cost_usd, state.tally.spent
    if cap_usd is None or spent.refused_usd is None:
        return None
    unsure = f", {money(spent.unsure_usd)} of it for answers that never came whole" if spent.unsure_usd else ""
    kept = "" if state.settings.record == "off" else ": what was answered is kept"
    return (
        f"the cap of {exact_money(cap_usd)} is used up: {money(spent.usd)} spent{unsure}, "
        f"{state.results.unasked:,} of {plural(len(state.results.rows), 'case was', 'cases were')} not asked\n"
        f"  hint: the next request may cost {money(spent.refused_usd)}; "
        f"raise --graysplit-max-cost and run again{kept}  [budget-used-up]"
    )


def _dearer(state: State) -> Iterator[str]:
    for model, factor in sorted(state.tally.spent.dearer.items()):
        yield (
            f"{model} cost {ratio(float(factor))} of the most that its price and limit allow; what followed was "
            "reserved at that, but the cap may have been passed: correct its price in [tool.graysplit.prices]"
        )


def relay_notes(state: State) -> Iterator[str]:
    """Yield what the relay client of this process has to say of itself."""
    runner = state.used_runner
    stats = runner.stats() if runner else None
    if runner is None or stats is None:
        return
    yield from runner.warnings
    if runner.median_latency_s is not None and stats.distorts(runner.median_latency_s):
        lag = seconds(stats.loop_lag_p95_s)
        yield f"latencies are distorted: answers waited up to {lag} for this machine; lower --graysplit-concurrency"
    if stats.rate_limited:
        retries = plural(stats.retries, "retry", "retries")
        yield f"the relay limited the rate {plural(stats.rate_limited, 'time')}: {retries}"


def _partial(state: State) -> Iterator[str]:
    tally = state.tally
    if tally.interrupted:
        yield "interrupted: what was answered is kept, and the next run fetches only what is missing"
    if tally.uncollected and state.results:
        yield f"partial run: {plural(tally.uncollected, 'error')} at collection"
    if tally.deselected:
        yield f"partial run: {plural(tally.deselected, 'test')} left out by selection"
    if tally.crashed:
        yield f"{plural(tally.crashed, 'test')} crashed a worker and is in no rate"
    silent = tally.planned - state.results.items - tally.crashed
    if silent > 0 and state.results and not tally.interrupted and not tally.failure:
        yield f"{plural(silent, 'test')} gave no result: skipped in the body, failed before it, or never reached"
    arms = [arm for row in state.results.rows for arm in row.arms.values()]
    if unjudged := sum(not arm.judged and not arm.unasked for arm in arms):
        yield f"{plural(unjudged, 'reply', 'replies')} missing: in no rate"


def _served(results: Results) -> Iterator[str]:
    strangers = Counter(
        (reply.model, reply.served_model)
        for row in results.rows
        for arm in row.arms.values()
        for reply in arm.replies
        if reply.served_model and not _same_model(reply.model, reply.served_model)
    )
    for (asked, served), number in sorted(strangers.items()):
        yield f"{asked} was asked for, {served} answered: {plural(number, 'reply', 'replies')}"
    if fell_back := sum(reply.fell_back for row in results.rows for arm in row.arms.values() for reply in arm.replies):
        yield f"the gateway retried or fell back by itself: {plural(fell_back, 'reply', 'replies')}"


def _same_model(asked: str, served: str) -> bool:
    """Tell whether the answering model is the one asked for, or a dated or prefixed name of it."""
    asked, served = asked.lower(), served.lower()
    return (
        served == asked
        or served.startswith(f"{asked}-")
        or served.endswith(f"/{asked}")
        or asked.endswith(f"/{served}")
    )
