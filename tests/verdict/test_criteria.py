"""The criteria of a comparison: their pairs, their interval, and their state."""

import math
from dataclasses import replace

import pytest
from factories import (
    DEEPSEEK,
    a_case,
    a_miss,
    a_pair,
    a_reply,
    an_arm,
    an_error,
    collected,
    one_arm,
    verdicts_of,
)

from pytest_graysplit.config.policy import BOUNDS, Policy
from pytest_graysplit.stats import clopper_pearson, log_ratio, ordinal_tango, retention, tango
from pytest_graysplit.verdict.figures_json import row_json


def rows_of(*pairs, policy=None):
    """The criteria of a run with one treatment, by name."""
    [verdict] = verdicts_of(collected(*pairs), policy)
    return {row.name: row for row in verdict.rows}


def pair(name="case", control=None, treatment=None, **fields):
    return a_pair(a_case(name), control or a_reply(), treatment or a_reply("30 days", DEEPSEEK), **fields)


def bounds(row):
    return row.estimate, row.low, row.high


def test_pass_rate_counts_the_pairs_that_one_model_alone_passed():
    """Five different pairs; a case without a judgement and one that failed on both models do not count."""
    rows = rows_of(
        pair("both"),
        pair("control", misses=[a_miss()]),
        pair("treatment", control_misses=[a_miss("control")]),
        pair("neither", misses=[a_miss()], control_misses=[a_miss("control")]),
        pair("more", control_misses=[a_miss("control")]),
        pair("unjudged", judged=False),
        pair("failed", an_error(), an_error(DEEPSEEK), misses=[a_miss()], control_misses=[a_miss("control")]),
    )
    assert (rows["pass_rate"].n, bounds(rows["pass_rate"])) == (5, tango(2, 1, 5))
    assert (rows["pass_rate"].method, rows["pass_rate"].bound) == ("Tango score, paired", -0.05)


def test_pass_rate_pairs_items_of_one_arm_by_case():
    """A test that runs once per arm also gives pairs; a case with one arm is left out."""
    rows = rows_of(
        one_arm(a_case(), "control", a_reply()),
        one_arm(a_case(), DEEPSEEK, a_reply("x", DEEPSEEK), misses=[a_miss()]),
        one_arm(a_case("alone"), DEEPSEEK, a_reply("x", DEEPSEEK)),
    )
    assert (rows["pass_rate"].n, bounds(rows["pass_rate"])) == (1, tango(0, 1, 1))


def test_latency_pairs_cases_and_averages_samples():
    """Repeats are one value per case; a case without a latency in one arm is left out."""
    samples = a_reply("x", DEEPSEEK, latency_s=1.0), a_reply("x", DEEPSEEK, latency_s=3.0), an_error(DEEPSEEK)
    row = rows_of(
        a_pair(a_case("a"), (a_reply(latency_s=1.0),), *samples),
        pair("b", an_error(), a_reply("x", DEEPSEEK, latency_s=50.0)),
    )["latency"]
    assert (row.estimate, row.n) == (pytest.approx(2.0), 1)


def test_latency_of_zero_counts_as_not_measured():
    """A ratio cannot use it, so no latency criterion counts the case in its n."""
    pairs = [pair(f"case-{n}", a_reply(latency_s=2.0), a_reply("x", DEEPSEEK)) for n in range(59)]
    pairs += [
        pair(f"zero-{n}", a_reply(latency_s=0.0 if n else 2.0), a_reply("x", DEEPSEEK, latency_s=0.0)) for n in (0, 1)
    ]
    rows = rows_of(*pairs, policy=Policy(max_latency_s=3.0))
    assert {name: rows[name].n for name in ("latency", "latency_p95", "latency_budget")} == {
        "latency": 59,
        "latency_p95": 59,
        "latency_budget": 59,
    }
    assert rows["latency"].estimate == pytest.approx(0.5)


def test_spare_control_replies_do_not_count_in_latency_and_cost():
    """They measure noise."""
    rows = rows_of(pair(spare=[a_reply("14 days.", latency_s=99.0, cost="5")]))
    assert (rows["latency"].estimate, rows["savings"].estimate) == (1, 0)


@pytest.mark.parametrize(("treatment_s", "state"), [(0.5, "pass"), (1.2, "pass"), (1.3, "fail"), (1.25, "pass")])
def test_latency_passes_up_to_its_bound(treatment_s, state):
    """Without variance, the interval is the estimate."""
    pairs = [pair(f"case-{n}", a_reply(latency_s=1.0), a_reply("x", DEEPSEEK, latency_s=treatment_s)) for n in range(9)]
    assert rows_of(*pairs)["latency"].state == state


def test_latency_that_varies_is_inconclusive():
    """The interval contains the bound."""
    times = [0.6, 2.9, 1.1, 0.8, 2.2, 1.4]
    row = rows_of(*(pair(f"case-{n}", None, a_reply("x", DEEPSEEK, latency_s=s)) for n, s in enumerate(times)))[
        "latency"
    ]
    assert bounds(row) == log_ratio(sorted(times), [1.0] * 6)
    assert row.state == "inconclusive"


@pytest.mark.parametrize(("cases", "names"), [(58, 0), (59, 1), (298, 1), (299, 2)])
def test_high_percentiles_need_enough_cases(cases, names):
    """A smaller sample does not bound its own 95th or 99th percentile."""
    times = [(1 + n % 10, 1 + n % 7) for n in range(cases)]
    rows = rows_of(
        *(
            pair(f"case-{n}", a_reply(latency_s=c), a_reply("x", DEEPSEEK, latency_s=t))
            for n, (c, t) in enumerate(times)
        )
    )
    assert sum(name in rows for name in ("latency_p95", "latency_p99")) == names
    for name in list(rows)[:0] + [name for name in ("latency_p95", "latency_p99") if name in rows]:
        assert rows[name].low <= rows[name].estimate <= rows[name].high
        assert (rows[name].method, rows[name].state) == ("paired percentile bootstrap", "pass")


@pytest.mark.parametrize(
    ("late", "n", "state"), [(0, 59, "pass"), (0, 58, "inconclusive"), (1, 93, "pass"), (12, 93, "fail")]
)
def test_latency_budget_follows_the_exact_test(late, n, state):
    """At most none of 59, or one of 93, may be late."""
    pairs = [pair(f"case-{k}", None, a_reply("x", DEEPSEEK, latency_s=3.1 if k < late else 1.0)) for k in range(n)]
    row = rows_of(*pairs, policy=Policy(max_latency_s=3.0))["latency_budget"]
    assert (row.state, bounds(row)) == (state, clopper_pearson(late, n, 0.90))
    assert "latency_budget" not in rows_of(*pairs)


def test_similarity_deficit_is_the_shortfall_from_the_controls_own_similarity():
    """Measured with two control samples, by the ordinal Tango score."""
    alike = {"30 days.": 0.9, "x": 0.6}
    pairs = [
        pair(f"case-{n}", None, a_reply("x", DEEPSEEK), spare=[a_reply("30 days.")],
             score=lambda one, other, more=n / 100: alike[other.text] - more * (other.text == "x"))
        for n in range(30)
    ]  # fmt: skip
    row = rows_of(*pairs, pair("without"))["similarity_deficit"]
    assert (row.n, row.state, row.bound) == (30, "fail", BOUNDS["similarity_deficit"])
    assert bounds(row) == pytest.approx(ordinal_tango([0.3 + n / 100 for n in range(30)]))


def deficits(*values, cluster=None):
    """The criterion of cases with these shortfalls from the control's own similarity."""
    pairs = []
    for n, value in enumerate(values):
        one = pair(f"case-{n:03}", None, a_reply("x", DEEPSEEK), spare=[a_reply("30 days.")],
                   score=lambda _, other, lacks=value: 0.9 - lacks * (other.text == "x"))  # fmt: skip
        pairs.append(replace(one, case=replace(one.case, cluster=cluster and cluster(n))))
    return rows_of(*pairs)["similarity_deficit"]


def test_similarity_deficit_needs_cases_for_rare_large_shortfalls():
    """Fifty equal cases do not bound a mean with rare large shortfalls; sixty do."""
    assert [deficits(*[0.0] * n).state for n in (40, 54, 60)] == ["inconclusive", "inconclusive", "pass"]


def test_similarity_deficit_of_few_clusters_has_a_wide_interval():
    """Ten clusters that agree have an interval at least as wide as ten cases that agree."""
    row = deficits(*[0.0] * 100, cluster=lambda n: f"template {n % 10}")
    assert (row.state, row.method, row.high) == ("inconclusive", "t, clustered", tango(0, 0, 10).high)


def test_pass_rate_of_several_replies_per_case_is_one_value():
    """Of two replies one passed: half a pass, with the ordinal Tango score."""
    replies = (a_reply("x", DEEPSEEK), a_reply("x", DEEPSEEK))
    pairs = []
    for n in range(40):
        one = pair(f"case-{n}")
        halves = an_arm(DEEPSEEK, *replies, misses=[a_miss()] if n < 4 else [], share=0.5 if n < 4 else 1.0)
        pairs.append(replace(one, arms=(an_arm("control", a_reply(), a_reply()), halves)))
    row = rows_of(*pairs)["pass_rate"]
    assert (row.n, row.estimate, row.method) == (40, pytest.approx(-0.05), "ordinal Tango score, paired")
    assert bounds(row) == ordinal_tango([-0.5] * 4 + [0] * 36)


def shared(n, halves=0, wholes=0, won=0.0):
    """The pass rate with two replies per case: so many cases lost by half, so many wholly; the first is won in part."""
    shares = [1.0] * (n - halves - wholes) + [0.5] * halves + [0.0] * wholes
    pairs = []
    for number, share in enumerate(shares):
        arms = (
            an_arm("control", a_reply(), share=1 - won if number == 0 else 1.0),
            an_arm(DEEPSEEK, a_reply("x", DEEPSEEK), share=share),
        )
        pairs.append(replace(pair(f"case-{number:03}"), arms=arms))
    return rows_of(*pairs)["pass_rate"]


@pytest.mark.parametrize(
    ("row", "state"),
    [
        pytest.param(shared(54), "inconclusive", id="none lost, but 6.3% of bad treatments lose none of 54"),
        pytest.param(shared(55), "pass", id="5.9% lose none of 55"),
        pytest.param(shared(54, won=0.5), "inconclusive", id="half a case won is not a win"),
        pytest.param(shared(54, won=1), "pass", id="a case won"),
        pytest.param(shared(85, halves=2), "inconclusive", id="two halves lost are one case lost"),
        pytest.param(shared(100, halves=2), "pass", id="two halves of 100"),
    ],
)
def test_pass_rate_counts_luck_in_whole_cases(row, state):
    """A treatment that is worse by the whole margin is promoted at most 6 times in 100, also with half passes."""
    assert row.state == state


def test_pass_rate_adds_thirds_to_whole_cases():
    """Three thirds lost are one case lost, although their sum is not exactly 1."""
    pairs = []
    for n in range(90):
        arm = an_arm(DEEPSEEK, *[a_reply("x", DEEPSEEK)] * 3, share=2 / 3 if n < 3 else 1.0)
        pairs.append(replace(pair(f"case-{n}"), arms=(an_arm("control", *[a_reply()] * 3), arm)))
    row = rows_of(*pairs)["pass_rate"]
    assert (row.estimate, row.state) == (pytest.approx(-1 / 90), "pass")


def test_errors_pass_as_strictly_as_the_pass_rate():
    """Without an error in 133 cases, 6.8% of treatments with 2 points more look as good; in 140, 5.9%."""
    states = {n: rows_of(*(pair(f"case-{k}") for k in range(n)))["errors"].state for n in (132, 134, 140)}
    assert states == {132: "inconclusive", 134: "inconclusive", 140: "pass"}


def test_pass_rate_of_clustered_cases_has_a_wider_interval():
    """Forty cases from four templates: the interval is that of four, and the method says so."""
    alone = [pair(f"case-{n}", misses=[a_miss()] if n % 4 == 0 else []) for n in range(40)]
    grouped = [replace(one, case=replace(one.case, cluster=f"template {n % 4}")) for n, one in enumerate(alone)]
    free, tied = rows_of(*alone)["pass_rate"], rows_of(*grouped)["pass_rate"]
    assert (tied.method, tied.n, tied.estimate) == ("t, clustered", 40, free.estimate)
    assert tied.high - tied.low > 2 * (free.high - free.low)


def test_pass_rate_ignores_clusters_of_one_case():
    """Cases depend on each other only if they share a cluster."""
    alone = [pair(f"case-{n}", misses=[a_miss()] if n % 4 == 0 else []) for n in range(12)]
    grouped = [replace(one, case=replace(one.case, cluster=f"template {n}")) for n, one in enumerate(alone)]
    assert rows_of(*alone)["pass_rate"] == rows_of(*grouped)["pass_rate"]


def test_errors_compare_refusals_in_pairs():
    """If the treatment refuses and the control answers, the pair has one error more."""
    refused = [pair(f"r{n}", None, a_reply("No.", DEEPSEEK, outcome="refusal")) for n in range(10)]
    row = rows_of(*refused, *(pair(f"case-{n}") for n in range(40)))["errors"]
    assert (row.n, bounds(row), row.state) == (50, tango(10, 0, 50), "fail")


def test_cost_per_pass_is_a_ratio_of_sums():
    """Half the passes at a tenth of the price are a fifth of the cost per pass; one unknown price removes it."""
    pairs = [
        pair(
            f"case-{n}", a_reply(cost="0.01"), a_reply("x", DEEPSEEK, cost="0.001"), misses=[a_miss()] if n % 2 else []
        )
        for n in range(40)
    ]
    row = rows_of(*pairs)["cost_per_pass"]
    assert (row.estimate, row.state, row.n) == (pytest.approx(0.2), "pass", 40)
    assert "cost_per_pass" not in rows_of(*pairs, pair("free", None, a_reply("x", DEEPSEEK, cost=None)))


def test_cost_per_pass_does_not_pass_at_the_same_cost():
    """The upper end must be below 1: an equal cost saves nothing."""
    row = rows_of(*(pair(f"case-{n}") for n in range(40)))["cost_per_pass"]
    assert (row.low, row.high, row.state) == (1, 1, "inconclusive")


@pytest.mark.parametrize(
    ("costs", "ratio", "state"),
    [(("0.01", "0"), 0.0, "pass"), (("0", "0.01"), math.inf, "fail"), (("0", "0"), 1.0, "inconclusive")],
    ids=["the treatment", "the control", "both"],
)
def test_cost_per_pass_of_a_free_model(costs, ratio, state):
    """Nothing is estimated: a free model is free in any number of cases."""
    control, treatment = costs
    pairs = [pair(f"case-{n}", a_reply(cost=control), a_reply("x", DEEPSEEK, cost=treatment)) for n in range(3)]
    row = rows_of(*pairs)["cost_per_pass"]
    assert (*bounds(row), row.state, row.of_a_free_model) == (ratio, ratio, ratio, state, True)
    assert row.fail_p == (0.0 if state == "fail" else 1.0)
    assert row_json(row)["estimate"] == (None if ratio == math.inf else ratio)
    assert row_json(row)["high"] == row_json(row)["estimate"]


def test_cost_per_pass_without_a_pass_is_left_out():
    """Free answers that are all wrong, and calls that all failed, are not cheap."""
    wrong = a_reply("x", DEEPSEEK, cost="0")
    assert "cost_per_pass" not in rows_of(*(pair(f"{n}", a_reply(), wrong, misses=[a_miss()]) for n in range(9)))
    failed = [pair(f"{n}", a_reply(), an_error(DEEPSEEK), misses=[a_miss()]) for n in range(9)]
    assert "cost_per_pass" not in rows_of(*failed)


def test_savings_with_and_without_a_fallback():
    """If the treatment fails one call in four, asking the control again costs its price."""
    pairs = [
        pair(
            f"case-{n}", a_reply(cost="0.01"), a_reply("x", DEEPSEEK, cost="0.001"), misses=[] if n % 4 else [a_miss()]
        )
        for n in range(40)
    ]
    rows = rows_of(*pairs)
    assert rows["savings"].estimate == pytest.approx(9_000)
    assert rows["savings_with_fallback"].estimate == pytest.approx(9_000 - 2_500)
    assert {rows[name].state for name in ("savings", "savings_with_fallback")} == {None}


def test_tag_that_looks_bad_by_chance_does_not_fail():
    """One of twenty tags would fail by itself, but not over all of them, unless it is critical."""
    cases = []
    for n in range(20 * 12):
        one = pair(f"case-{n:03}", misses=[a_miss()] if n % 20 == 0 and n < 80 else [])
        cases.append(replace(one, case=replace(one.case, tags=(f"tag-{n % 20:02}",))))
    assert rows_of(*cases)["tag:tag-00"].state == "inconclusive"
    assert rows_of(*cases, policy=Policy(critical_tags=("tag-00",)))["tag:tag-00"].state == "fail"


def kept(lost, n=60, passed=60, cluster=None):
    """The retention of a run whose control passes the first cases, of which the treatment loses so many."""
    pairs = []
    for number in range(n):
        misses = [a_miss()] if number < lost or number >= passed else []
        one = pair(f"case-{number:03}", misses=misses, control_misses=[a_miss("control")] if number >= passed else [])
        pairs.append(replace(one, case=replace(one.case, cluster=cluster and cluster(number))))
    return rows_of(*pairs).get("retention")


@pytest.mark.parametrize(
    ("row", "state"),
    [
        pytest.param(kept(2), "pass", id="58 of 60 passes"),
        pytest.param(kept(8), "inconclusive", id="52 of 60"),
        pytest.param(kept(30), "fail", id="half of them"),
        pytest.param(kept(1, n=200, passed=12), "inconclusive", id="11 of 12 passes, 0.5 points of 200 cases"),
        pytest.param(kept(12, n=200, passed=20), "fail", id="8 of 20 passes, 6 points of 200 cases"),
        pytest.param(
            kept(0, passed=12), "inconclusive", id="of 12 passes none is lost in 6.9% of runs that lose a fifth"
        ),
        pytest.param(kept(0, passed=13), "pass", id="of 13 in 5.5%"),
    ],
)
def test_retention_is_a_share_of_the_controls_passes(row, state):
    """Cases that neither passes do not matter; the bound is at least 80%."""
    assert (row.state, row.bound, row.critical) == (state, 0.8, False)
    assert row.low <= row.estimate <= row.high


def test_retention_without_a_pass_of_the_control_is_unknown():
    """There is no pass to keep."""
    assert kept(0, passed=0) is None


def test_retention_of_clusters_counts_clusters():
    """A hundred cases of ten templates, all passed by both, are ten passes: too few to show 80%."""
    row = kept(0, n=100, passed=100, cluster=lambda number: f"template {number % 10}")
    assert (row.state, row.method) == ("inconclusive", "delta method on the log ratio, clustered")
    assert bounds(row) == retention([1] * 10, [1] * 10)
    assert kept(0, n=100, passed=100, cluster=lambda number: f"template {number % 40}").state == "pass"
    assert kept(50, n=100, passed=100, cluster=lambda number: f"template {number // 2}").state == "fail"


def test_retention_decides_if_it_is_critical():
    """Losing a third of few passes is within the margin of points, and beyond the bound of retention."""
    missed, control_missed = {"misses": [a_miss()]}, {"control_misses": [a_miss("control")]}
    pairs = [
        pair(f"case-{n:04}", **(missed if n >= 90 else {}), **(control_missed if n >= 130 else {})) for n in range(1200)
    ]
    plain, strict = (
        verdicts_of(collected(*pairs), policy)[0] for policy in (Policy(), Policy(critical=("pass_rate", "retention")))
    )
    told = "retention: keeps at most 75.4% of the control's passes, the bound is 80.0%"
    assert (plain.decision, plain.reasons[-2]) == ("promote", f"but {told} (not critical)")
    assert (strict.decision, strict.reasons[0]) == ("reject", told)
