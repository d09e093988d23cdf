"""Latencies compare only if they were measured side by side: within an hour, as far as their times are known."""

from datetime import UTC, datetime, timedelta

import pytest
from factories import DEEPSEEK, a_case, a_pair, a_reply, an_error, collected, plain, verdicts_of

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.formatting.clock import moment_of, stamp
from pytest_graysplit.plugin.report.run_notes import caveats
from pytest_graysplit.reporting.summary import lines

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
CRITICAL = Policy(critical=("pass_rate", "latency"))


def at(minutes):
    return stamp(NOON + timedelta(minutes=minutes))


def pair(number, control=0, treatment=0, treatment_s=1.0, **case):
    """One case, with each model asked so many minutes after noon; a text is used as the time itself."""
    moments = [moment if moment is None or isinstance(moment, str) else at(moment) for moment in (control, treatment)]
    return a_pair(
        a_case(f"case-{number:04}", **case),
        a_reply(at=moments[0]),
        a_reply("30 days.", DEEPSEEK, at=moments[1], latency_s=treatment_s),
    )


def verdict_of(pairs, policy=None):
    [verdict] = verdicts_of(collected(*pairs), policy)
    return verdict


def latency_of(pairs, policy=None):
    [row] = [row for row in verdict_of(pairs, policy).rows if row.name == "latency"]
    return row


def told(pairs, policy=None):
    results = collected(*pairs)
    return plain(lines(results, verdicts_of(results, policy), metric="lexical", width=200))


@pytest.mark.parametrize("minutes", [60, 61, -60, -61, 43_200])
def test_latency_within_an_hour_is_side_by_side(minutes):
    """The hour counts in both directions."""
    row = latency_of([pair(number, 0, minutes, 0.5) for number in range(40)])
    assert (row.state, row.n) == (("pass", 40) if abs(minutes) <= 60 else (None, 0))


@pytest.mark.parametrize(
    "moment", [None, "", "yesterday", "2026-10-01", "2026-13-45T99:00:00Z", "T", "2026-10-01T10:00:00+99:00"]
)
def test_latency_at_an_unknown_time_is_side_by_side(moment):
    """Recordings without a valid time keep their row."""
    for known in ([moment, 0], [0, moment], [moment, moment]):
        row = latency_of([pair(number, *known, 0.5) for number in range(5)])
        assert (row.state, row.n, row.remark) == ("pass", 5, "")


def test_latency_times_may_have_any_offset():
    """A time without an offset is in UTC, as in recordings."""
    texts = ["2026-11-30T12:00:00", "2026-11-30T12:00:00Z", "2026-11-30T14:00:00+02:00", "2026-11-30T12:00:00.000000Z"]
    assert {moment_of(text) for text in texts} == {NOON}


def test_latency_of_a_control_of_last_month_is_not_compared():
    """The row stays, without a state or figures; the summary names the reason and the remedy."""
    pairs = [pair(number, -43_200, 0, 3.0) for number in range(60)]
    row = latency_of(pairs)
    assert (row.state, row.n, row.bound, row.remark) == (None, 0, 1.25, "not measured side by side")
    hint = "--graysplit-record=all measures both again"
    assert f"  latency       not measured side by side: 0 pairs within an hour, {hint}" in told(pairs)
    assert {row.name: row.state for row in verdict_of(pairs).rows}["latency_p95"] is None


@pytest.mark.parametrize(("beside", "state"), [(29, None), (30, "pass")])
def test_latency_with_thirty_pairs_side_by_side_is_compared(beside, state):
    """Only these pairs count, and the line names their number."""
    pairs = [pair(number, treatment_s=0.5) for number in range(beside)]
    pairs += [pair(100 + number, -43_200, 0, 9.0) for number in range(10)]
    row = latency_of(pairs)
    assert (row.state, row.n) == (state, beside)
    [line] = [line for line in told(pairs) if line.startswith("  latency")]
    shown = "x0.50  (90% CI x0.50 .. x0.50, bound x1.25); 30 of 40 pairs measured side by side"
    assert (shown if state else "not measured side by side: 29 pairs within an hour") in line


def test_latency_of_a_small_suite_is_compared_if_all_is_side_by_side():
    """Other rules say that it is too small for a verdict."""
    assert latency_of([pair(number) for number in range(3)]).state == "pass"


def test_critical_latency_that_was_not_measured_side_by_side_holds():
    """A slow treatment is not rejected either."""
    for treatment_s in (0.1, 50.0):
        verdict = verdict_of([pair(number, -43_200, 0, treatment_s) for number in range(100)], CRITICAL)
        assert verdict.decision == "hold"
        assert "latency is not measured side by side" in " ".join(verdict.reasons)
    assert verdict_of([pair(number, 0, 5) for number in range(100)], CRITICAL).decision == "promote"


def test_latency_samples_compare_within_their_own_hour():
    """Both models have a sample of last month and one of today: an old one is not compared with a new one."""
    old, new = at(-43_200), at(0)
    control = a_reply(at=old, latency_s=9.0), a_reply(at=new, latency_s=1.0)
    today = a_reply("x", DEEPSEEK, at=new, latency_s=2.0), a_reply("x", DEEPSEEK, at=new, latency_s=2.0)
    row = latency_of([a_pair(a_case(), control, *today)])
    assert (row.state, row.n, row.estimate) == ("inconclusive", 1, pytest.approx(2.0))


def test_latency_budget_ignores_the_control():
    """It may have been measured at any time, or not at all."""
    apart = [pair(number, -43_200, 0) for number in range(40)]
    failed = [a_pair(a_case(f"failed-{n}"), an_error(), a_reply("x", DEEPSEEK)) for n in range(20)]
    rows = {row.name: row for row in verdict_of([*apart, *failed], Policy(max_latency_s=3.0)).rows}
    assert (rows["latency_budget"].n, rows["latency_budget"].state) == (60, "pass")


def test_latency_ratio_counts_only_pairs_with_a_latency():
    """A latency of 0 was not measured."""
    row = latency_of([*(pair(number) for number in range(4)), pair(9, treatment_s=0.0)])
    assert (row.n, row.remark) == (4, "")


@pytest.mark.parametrize(("apart", "holds"), [(0, False), (3, False), (4, True), (60, True)])
def test_latency_ratio_budget_is_not_judged_across_days(apart, holds):
    """It is not a miss; beyond a few cases the verdict holds and names the reason."""
    pairs = [
        pair(number, -43_200 if number < apart else 0, 0, 1.0, max_latency_ratio=1.5) for number in range(60)
    ]  # fmt: skip
    told_so = f"max_latency_ratio was not judged in {apart} of 60 cases"
    verdict = verdict_of(pairs)
    assert verdict.decision == ("hold" if holds else "promote")
    assert (told_so in " ".join(verdict.reasons)) is holds
    assert (told_so in " ".join(caveats(collected(*pairs)))) is (apart > 0)
