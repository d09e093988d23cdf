"""What a reader of the summary must know before believing its numbers."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import exact_money, money, plural, ratio, seconds
from pytest_graysplit.verdict import RunFacts, load
from pytest_graysplit.verdict.noise_floor import warnings
from pytest_graysplit.verdict.run_facts import caveats_of, ratio_budgets_apart, unjudged_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.verdict.results import Results


def run_notes(state: RunContext) -> list[str]:
    """Collect the notes of this run, its workers' included, each once."""
    used_up = [note] if (note := budget_note(state)) else []
    notes = [
        *used_up,
        *state.tally.notes,
        *relay_notes(state),
        *_dearer(state),
        *_early(state),
        *_cuts(state),
        *_lost(state),
        *caveats(state.results),
        *warnings(state.results),
        *load.warnings(state.results),
        *_unscored(state.results),
    ]
    if state.tally.failure:
        notes.insert(0, state.tally.failure)
    return list(dict.fromkeys(notes))


def caveats(results: Results) -> Iterator[str]:
    """Yield what makes the answers of any treatment doubtful; the verdict holds for what is more than a note."""
    for arm in results.arms():
        if arm.role == "treatment":
            yield from (caveat.text for caveat in caveats_of(results, arm.arm))
            apart, held = ratio_budgets_apart(results, arm.arm)
            yield from [unjudged_ratios(apart, held)] if apart else []  # few hold nothing up, and are told all the same


def budget_note(state: RunContext) -> str | None:
    """Say that the cap was used up, and what came of it; None where it was not, or there is none."""
    cap_usd, spent = state.settings.max_cost_usd, state.tally.spent
    if cap_usd is None or spent.refused_usd is None:
        return None
    unsure = (
        f", {money(spent.unconfirmed_usd)} of it for answers that never came whole" if spent.unconfirmed_usd else ""
    )
    kept = "" if state.settings.record == "off" else ": what was answered is kept"
    return (
        f"the cap of {exact_money(cap_usd)} is used up: {money(spent.usd)} spent{unsure}, "
        f"{state.results.unasked:,} of {plural(len(state.results.rows), 'case was', 'cases were')} not asked\n"
        f"  hint: the next request may cost {money(spent.refused_usd)}; "
        f"raise --graysplit-max-cost and run again{kept}  [{Slug.BUDGET_USED_UP}]"
    )


def _dearer(state: RunContext) -> Iterator[str]:
    for model, factor in sorted(state.tally.spent.price_overruns.items()):
        yield (
            f"{model} cost {ratio(float(factor))} of the most that its price and limit allow; what followed was "
            "reserved at that, but the cap may have been passed: correct its price in [tool.graysplit.prices]"
        )


def relay_notes(state: RunContext) -> Iterator[str]:
    """Yield what the relay client of this process has to say of itself."""
    runner = state.used_fetcher
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


def facts_of(state: RunContext) -> RunFacts:
    """Return how much of the suite the run saw, for the verdict."""
    used_up = (budget_note(state) or "").partition("\n")[0]
    return RunFacts(cut=tuple(_cuts(state)), lost=_silent(state), budget=used_up, stops=state.stops)


def _cuts(state: RunContext) -> Iterator[str]:
    """Yield why the run is not the whole suite."""
    tally = state.tally
    if tally.interrupted:
        yield "interrupted: what was answered is kept, and the next run fetches only what is missing"
    if tally.stopped and not tally.interrupted:
        yield "partial run: it stopped before its last test"
    if tally.uncollected and state.results:
        yield f"partial run: {plural(tally.uncollected, 'error')} at collection"
    if tally.deselected:
        yield f"partial run: {plural(tally.deselected, 'test')} left out by selection"
    if tally.by_nodeid:
        yield "partial run: tests were selected by name"


def _early(state: RunContext) -> Iterator[str]:
    """Yield what an early stop has decided, and what the tests beyond it would have asked."""
    for treatment, stop in sorted(state.stops.items()):
        word = "harm" if stop.side == "harm" else "promise"
        yield f"early stop: {word} of {treatment} was shown after {plural(stop.after, 'case')}{_saved(state)}"


def _saved(state: RunContext) -> str:
    """Say what the tests beyond the stop would have asked, at the mean of those before it.

    A worker may run ahead of the stop. A replay does not tell how far: it asks for nothing, and shows no difference.
    """
    tally, arms, counted = state.tally, state.results.arms(), state.results.items
    beyond = tally.spared + tally.late
    if not beyond or not counted:
        return ""
    calls = plural(round(beyond * sum(arm.replies for arm in arms) / counted), "call")
    costs = [arm.cost_usd for arm in arms]
    if None not in costs:
        calls += f", about {money(Decimal(beyond * sum(cost for cost in costs if cost is not None) / counted))}"
    ahead = (
        f", less {plural(tally.late, 'test')} that had begun" if tally.late and state.settings.record != "none" else ""
    )
    return f"; saved with the {plural(beyond, 'test')} beyond: {calls}{ahead}"


def _silent(state: RunContext) -> int:
    """Return how many tests gave no result, whatever the reason."""
    tally = state.tally
    return max(0, tally.planned - state.results.items - tally.spared - tally.late)


def _lost(state: RunContext) -> Iterator[str]:
    tally = state.tally
    if tally.crashed:
        yield f"{plural(tally.crashed, 'test')} crashed a worker and is in no rate"
    silent = _silent(state) - tally.crashed
    if silent > 0 and state.results and not tally.interrupted and not tally.failure:
        yield f"{plural(silent, 'test')} gave no result: skipped in the body, failed before it, or never reached"
    yield from _unjudged(state.results)


def _unjudged(results: Results) -> Iterator[str]:
    """Yield how many cases and replies are in no rate, for each reason."""
    if bugs := [row.bug for row in results.rows if row.bug]:
        cases = plural(len(bugs), "case")
        yield f"{cases} in no rate: the test body raised {bugs[0]}, which is not an assertion; correct the test"
    arms = [arm for row in results.rows for arm in row.arms.values() if not arm.judged and not arm.unasked]
    if failed := sum(len(arm.replies) for arm in arms if arm.failed):
        yield f"{plural(failed, 'call')} in no rate: they failed for the control and the treatment alike"
    if missing := sum(not arm.bug and not arm.failed for arm in arms):
        yield f"{plural(missing, 'reply', 'replies')} missing: in no rate"


def unanswered_note(state: RunContext) -> str | None:
    """Say that no reply could be had in the whole run; None where one was, or where nothing was wanted."""
    arms = [arm for row in state.results.rows for arm in row.arms.values()]
    replies = [reply for arm in arms for reply in arm.replies]
    unasked = any(arm.unasked for arm in arms)
    if any(reply.outcome != "error" for reply in replies) or not (replies or unasked):
        return None
    causes = Counter(" ".join(reply.error.split()) for reply in replies if reply.error).most_common(1)
    told = (
        f"{plural(len(replies), 'call')} failed, such as: {causes[0][0]}"
        if causes
        else "the cap on the cost is used up"
    )
    hint = (
        "raise --graysplit-max-cost"
        if unasked
        else "the messages of the tests say what to correct; nothing is known of any model, so"
    )
    return f"no reply could be had in this run: {told}\n  hint: {hint} and run again  [{Slug.NO_REPLY}]"


def _unscored(results: Results) -> Iterator[str]:
    for one in results.comparisons():
        for asked in one.asked:
            if asked.unreadable:
                answers = plural(asked.unreadable, "answer")
                yield f"{asked.metric} {asked.model}: {answers} could not be read, and those pairs have no score"
            if asked.failed:
                calls = plural(asked.failed, "call")
                yield f"{asked.metric} {asked.model}: {calls} failed, and those pairs have no score"
