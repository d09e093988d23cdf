"""Notes of a run, which the summary prints before its numbers."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.evaluation.flag_judging import GUARDS
from pytest_graysplit.evaluation.judge_kinship import kinship_warnings
from pytest_graysplit.evaluation.rubric_judging import RUBRIC
from pytest_graysplit.formatting.display import exact_money, money, plural, ratio, seconds
from pytest_graysplit.verdict import RunFacts, load
from pytest_graysplit.verdict.noise_floor import warnings
from pytest_graysplit.verdict.results import WITHOUT_VERDICT
from pytest_graysplit.verdict.run_facts import caveats_of, ratio_budgets_apart, unjudged_ratios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.types import MetricUsage
    from pytest_graysplit.verdict.results import Results


def run_notes(settings: Settings, totals: RunTotals, fetcher: ReplyFetcher | None) -> list[str]:
    """Collect the notes of this run, including those of its workers, each once."""
    used_up = [note] if (note := budget_note(settings, totals)) else []
    notes = [
        *used_up,
        *totals.notes,
        *relay_notes(fetcher),
        *_price_overruns(totals),
        *_early_stops(settings, totals),
        *_cuts(totals),
        *_lost(totals),
        *caveats(totals.results),
        *_uncalibrated(totals),
        *warnings(totals.results),
        *load.warnings(totals.results),
        *_unscored(totals.results),
        *_kin_of_judge(settings, totals.results),
    ]
    if totals.failure:
        notes.insert(0, totals.failure)
    return list(dict.fromkeys(notes))


def caveats(results: Results) -> Iterator[str]:
    """Yield the caveats about the answers of each treatment; a serious one also makes the verdict hold."""
    for arm in results.arms():
        if arm.role == "treatment":
            yield from (caveat.text for caveat in caveats_of(results, arm.arm))
            apart, judged = ratio_budgets_apart(results, arm.arm)
            yield from [unjudged_ratios(apart, judged)] if apart else []  # a note also if too few for a hold


def _uncalibrated(totals: RunTotals) -> Iterator[str]:
    """Yield that the errors of the judge of the rubrics are unknown, so that a verdict cannot promote."""
    judge = totals.judge
    if judge.uncalibrated_because and any(row.case.rubric for row in totals.results.rows):
        yield f"{judge.name} is uncalibrated: {judge.uncalibrated_because}"


def budget_note(settings: Settings, totals: RunTotals) -> str | None:
    """Describe a cap that was reached and its consequences; None where it was not, or without a cap."""
    cap_usd, spent = settings.max_cost_usd, totals.spent
    if cap_usd is None or spent.refused_usd is None:
        return None
    unconfirmed = (
        f", {money(spent.unconfirmed_usd)} of it for answers that never came whole" if spent.unconfirmed_usd else ""
    )
    kept = "" if settings.record == "off" else ": what was answered is kept"
    results = totals.results
    return (
        f"the cap of {exact_money(cap_usd)} is used up: {money(spent.usd)} spent{unconfirmed}, "
        f"{results.unasked:,} of {plural(len(results.rows), 'case was', 'cases were')} not asked\n"
        f"  hint: the next request may cost {money(spent.refused_usd)}; "
        f"raise --graysplit-max-cost and run again{kept}  [{Slug.BUDGET_USED_UP}]"
    )


def _price_overruns(totals: RunTotals) -> Iterator[str]:
    for model, factor in sorted(totals.spent.price_overruns.items()):
        yield (
            f"{model} cost {ratio(float(factor))} of the maximum that its price and limit allow; later requests were "
            "reserved at that cost, but the cap may have been exceeded: correct its price in [tool.graysplit.prices]"
        )


def relay_notes(fetcher: ReplyFetcher | None) -> Iterator[str]:
    """Yield the notes of the relay client of this process."""
    stats = fetcher.stats() if fetcher else None
    if fetcher is None or stats is None:
        return
    yield from fetcher.warnings
    if fetcher.median_latency_s is not None and stats.distorts(fetcher.median_latency_s):
        lag = seconds(stats.loop_lag_p95_s)
        yield (
            f"latencies are distorted: answers waited up to {lag} for this machine; "
            "run less beside it, or lower --graysplit-concurrency"
        )
    if stats.rate_limited:
        retries = plural(stats.retries, "retry", "retries")
        yield f"the relay limited the rate {plural(stats.rate_limited, 'time')}: {retries}"


def facts_of(settings: Settings, totals: RunTotals) -> RunFacts:
    """Return the part of the suite that the run covered, for the verdict."""
    used_up = (budget_note(settings, totals) or "").partition("\n")[0]
    return RunFacts(
        cut=tuple(_cuts(totals)),
        lost=totals.without_result,
        budget=used_up,
        stops=totals.stops,
        judge=totals.judge,
    )


def _cuts(totals: RunTotals) -> Iterator[str]:
    """Yield the reasons why the run is not the whole suite."""
    if totals.interrupted:
        yield "interrupted: what was answered is kept, and the next run fetches only what is missing"
    if totals.stopped and not totals.interrupted:
        yield "partial run: it stopped before its last test"
    if totals.uncollected and totals.results:
        yield f"partial run: {plural(totals.uncollected, 'error')} at collection"
    if totals.deselected:
        yield f"partial run: {plural(totals.deselected, 'test')} left out by selection"
    if totals.by_nodeid:
        yield "partial run: tests were selected by name"


def _early_stops(settings: Settings, totals: RunTotals) -> Iterator[str]:
    """Yield the decision of each early stop, with the calls that it saved."""
    for treatment, stop in sorted(totals.stops.items()):
        word = "harm" if stop.side == "harm" else "promise"
        saved = _saved(settings, totals)
        yield f"early stop: {word} of {treatment} was shown after {plural(stop.after, 'case')}{saved}"


def _saved(settings: Settings, totals: RunTotals) -> str:
    """Describe the calls of the tests beyond the stop, estimated by the mean of those before it.

    A worker may have begun tests beyond the stop. Their number is not known in a replay, which sends no requests.
    """
    arms, counted = totals.results.arms(), totals.results.items
    beyond = totals.skipped + totals.late
    if not beyond or not counted:
        return ""
    sent = sum(arm.replies - arm.runs + arm.calls for arm in arms)
    calls = plural(round(beyond * sent / counted), "call")
    costs = [arm.cost_usd for arm in arms]
    if None not in costs:
        calls += f", about {money(Decimal(beyond * sum(cost for cost in costs if cost is not None) / counted))}"
    ahead = f", less {plural(totals.late, 'test')} that had begun" if totals.late and settings.record != "none" else ""
    return f"; saved with the {plural(beyond, 'test')} beyond: {calls}{ahead}"


def _lost(totals: RunTotals) -> Iterator[str]:
    if totals.crashed:
        yield f"{plural(totals.crashed, 'test')} crashed a worker and is in no rate"
    lost = totals.without_result - totals.crashed
    if lost > 0 and totals.results and not totals.interrupted and not totals.failure:
        yield f"{plural(lost, 'test')} gave no result: skipped in the body, failed before it, or never reached"
    yield from _unjudged(totals.results)


def _unjudged(results: Results) -> Iterator[str]:
    """Yield the numbers of cases and replies that are in no rate, for each reason."""
    if broken := [row for row in results.rows if row.bug]:
        cases, why = plural(len(broken), "case"), "" if broken[0].is_app else ", which is not an assertion"
        yield f"{cases} in no rate: the test body raised {broken[0].bug}{why}; correct the test"
    arms = [arm for row in results.rows for arm in row.arms.values() if not arm.judged and not arm.unasked]
    if failed := sum(len(arm.replies) for arm in arms if arm.failed):
        yield f"{plural(failed, 'call')} in no rate: they failed for the control and the treatment alike"
    if silent := sum(arm.unjudged_because == WITHOUT_VERDICT for arm in arms):
        yield f"{plural(silent, 'answer')} without a verdict of the judge on both models: in no rate"
    silent_arms = [arm for arm in arms if not arm.bug and not arm.failed and arm.unjudged_because != WITHOUT_VERDICT]
    if missing := sum(not arm.apps for arm in silent_arms):
        yield f"{plural(missing, 'reply', 'replies')} missing: in no rate"
    if runs := sum(len(arm.apps) for arm in silent_arms):
        yield f"{plural(runs, 'run')} of your application not judged, for the reasons above: in no rate"


def unanswered_note(results: Results) -> str | None:
    """Describe a run in which every call failed; None if there is a reply, or if there was no request."""
    arms = [arm for row in results.rows for arm in row.arms.values()]
    replies = [answer for arm in arms for answer in arm.answers]
    unasked = any(arm.unasked for arm in arms)
    if any(reply.outcome != "error" for reply in replies) or not (replies or unasked):
        return None
    causes = Counter(" ".join(reply.error.split()) for reply in replies if reply.error).most_common(1)
    reason = (
        f"{plural(len(replies), 'call')} failed, such as: {causes[0][0]}"
        if causes
        else "the cap on the cost is used up"
    )
    hint = "raise --graysplit-max-cost" if unasked else "correct the cause that the messages of the tests name"
    return f"no reply could be had in this run: {reason}\n  hint: {hint} and run again  [{Slug.NO_REPLY}]"


def _unscored(results: Results) -> Iterator[str]:
    for one in results.comparisons():
        for usage in one.asked:
            if usage.unreadable:
                answers = plural(usage.unreadable, "answer")
                yield f"{usage.metric} {usage.model}: {answers} could not be read, {_lost_by(usage)}"
            if usage.failed:
                calls = plural(usage.failed, "call")
                yield f"{usage.metric} {usage.model}: {calls} failed, {_lost_by(usage)}"


def _lost_by(usage: MetricUsage) -> str:
    if usage.metric == RUBRIC:
        return "and where the verdict was needed, the case counts for neither model"
    if usage.metric == GUARDS:
        return "and the flags of those pairs stand"
    return "and those pairs have no score"


def _kin_of_judge(settings: Settings, results: Results) -> Iterator[str]:
    """Yield warnings about a judge of rubrics that may prefer the answers of an arm."""
    if settings.table.judge is not None and any(row.case.rubric for row in results.rows):
        yield from kinship_warnings(settings.metric_arm(settings.table.judge), settings.arms)
