"""The grade of live traffic: each rule with its reasons, the order of the rules, and its error rates."""

import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.config.policy import BOUNDS, Policy
from pytest_graysplit.traffic.grade.grade import grade
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.sums.snapshot import ArmSums, ClusterSums, HeavyUnit

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import traffic_grade  # the benchmark's users

POLICY = Policy()
NO_FEEDBACK = "no feedback was given, so the quality of the answers is unknown"


def arm(name="candidate", units=4_000, failing=80, **more):
    """An arm whose units send two requests each; so many units have one error."""
    failed = [int(number < failing) for number in range(units)]
    clusters = tuple(
        ClusterSums(requests=2, passed=2 - bad, failed=bad, timed=2, log_latency=0.1 * (number % 5), cost_usd=0.01)
        for number, bad in enumerate(failed)
    )
    fields = {"role": "treatment", "model": name, "basis_points": 5_000, "cost_usd": Decimal(units)}
    return ArmSums(**{"arm": name, "units": units, "requests": 2 * units, "clusters": clusters, **fields, **more})


def graded(treatment, control=None, policy=POLICY, mismatch_e=1.0, gaps=None):
    """The grade of a treatment against a control with the same figures."""
    control = control or arm("control", role="control")
    return grade(control, treatment, policy, mismatch_e=mismatch_e, gaps=gaps or LogGaps())


def gaps_of(**kinds):
    """Gaps of a log with so many lines of each kind."""
    gaps = LogGaps()
    for kind, lines in kinds.items():
        gaps.add(kind, f"t.jsonl:{lines}", lines=lines)
    return gaps


def test_grade_of_an_equal_treatment_is_promote():
    """The deciding criteria are the reasons, and a remark says that there was no feedback."""
    found = graded(arm())
    assert (found.treatment, found.verdict, found.needed_units) == ("candidate", "promote", None)
    assert found.reasons == (
        "pass rate is at most 0.5 points worse, the margin is 5.0",
        "errors and refusals are at most 0.5 points more, the bound is 2.0",
        NO_FEEDBACK,
    )
    assert [row.name for row in found.rows if row.critical] == ["pass_rate", "errors"]


def test_grade_with_few_units_is_collecting():
    """Any other finding waits for 30 units."""
    found = graded(arm(units=20, failing=20, gateway_fallbacks=9), mismatch_e=1e300)
    assert (found.verdict, found.needed_units) == ("collecting", 30)
    assert found.reasons == ("candidate: only 20 units with requests; a grade needs at least 30",)


def test_grade_names_an_arm_without_weight():
    """Waiting does not help an arm of weight 0."""
    found = graded(arm(units=0, basis_points=0))
    assert found.reasons == (
        "candidate has a weight of 0 and gets no new units",
        "candidate: only 0 units with requests; a grade needs at least 30",
    )


def test_grade_holds_on_a_broken_split():
    """Units that do not follow the weights hold a treatment that would be promoted."""
    found = graded(arm(), mismatch_e=5_000.0)
    assert found.verdict == "hold"
    (reason,) = found.reasons
    assert reason == (
        "the split is broken, units do not follow the weights: "
        "4,000 units in control (50%) and 4,000 units in candidate (50%), p = 0.0002"
    )


def test_grade_holds_on_many_answers_of_other_models():
    """Above a tenth of a percent; fewer are a remark."""
    many = graded(arm(served={"candidate": 7_900, "other": 100}, gateway_fallbacks=50))
    assert many.verdict == "hold"
    assert many.reasons == (
        "candidate was requested, other answered: 100 replies",
        "the gateway retried or fell back by itself for candidate: 50 replies",
    )
    few = graded(arm(gateway_fallbacks=1))
    assert few.verdict == "promote"
    assert "but the gateway retried or fell back by itself for candidate: 1 reply" in few.reasons


@pytest.mark.parametrize("kind", ["incomplete", "foreign", "newer", "undeclared", "invalid", "lost"])
def test_grade_holds_if_missing_lines_could_hide_a_harm(kind):
    """They may all be failures of the smaller arm, of which half a per cent is tolerated and named."""
    found = graded(arm(), gaps=gaps_of(**{kind: 41}))
    assert (found.verdict, found.reasons[0]) == (
        "hold",
        (
            "41 lines of the log could not be counted, 0.5% of the requests of control: they may be failures of one arm, and "
            "0.5% is tolerated"
        ),
    )
    assert found.reasons[-1].startswith("log: 41 lines ")
    found = graded(arm(), gaps=gaps_of(**{kind: 40}))
    assert (found.verdict, found.reasons[-1].startswith("log: 40 lines ")) == ("promote", True)
    assert graded(arm(units=3_000, failing=60), gaps=gaps_of(**{kind: 40})).verdict == "hold"


def test_grade_holds_if_a_part_of_a_file_is_missing():
    """Nothing tells how many requests it had."""
    for kind in ("cut", "packed"):
        found = graded(arm(), gaps=gaps_of(**{kind: 1}))
        assert (found.verdict, found.reasons[0]) == (
            "hold", "a part of the log could not be read, and its requests may be failures of one arm"
        )  # fmt: skip


def test_grade_ignores_lines_that_are_there_twice():
    """They count once and are named."""
    found = graded(arm(), gaps=gaps_of(doubled=5_000))
    assert (found.verdict, found.reasons[-1]) == (
        "promote", "log: 5,000 lines are there twice and count once; the first is t.jsonl:5000"
    )  # fmt: skip


def test_grade_holds_on_an_unknown_price_if_the_cost_decides():
    """Without a price, the cheaper model is unknown."""
    policy = Policy(critical=("pass_rate", "cost_per_pass"))
    found = graded(arm(unpriced=3), policy=policy)
    assert found.verdict == "hold"
    assert found.reasons[0] == "the cost of 3 answers of candidate is unknown, and cost per pass decides"
    assert graded(arm(unpriced=3)).verdict == "promote"


@pytest.mark.parametrize(
    ("usd", "verdict", "reason"),
    [
        ((0.01, 0.0), "promote", "cost per pass is 0: the treatment is free, and the control is not"),
        ((0.0, 0.01), "reject", "cost per pass is above 0: the control is free, and the treatment is not"),
        ((0.0, 0.0), "hold", "cost per pass is 0 with both models, so nothing is saved"),
    ],
)
def test_grade_of_a_free_arm_if_the_cost_decides(usd, verdict, reason):
    """By the same rule as a run."""

    def paying(own, usd):
        return replace(own, clusters=tuple(replace(one, cost_usd=usd) for one in own.clusters))

    control, treatment = paying(arm("control", role="control"), usd[0]), paying(arm(), usd[1])
    found = graded(treatment, control, Policy(critical=("pass_rate", "cost_per_pass")))
    assert found.verdict == verdict
    assert any(one.startswith(reason) for one in found.reasons)


def test_grade_rejects_on_errors_within_the_margin_of_the_pass_rate():
    """Four points more errors are within the five points of the pass rate, but errors are critical for traffic."""
    found = graded(arm(failing=400))
    assert found.verdict == "reject"
    assert found.reasons == ("errors and refusals are at least 3.2 points more, the bound is 2.0",)


def test_grade_never_rejects_a_model_against_itself():
    """A rejecting reason holds instead."""
    found = graded(arm(failing=1_000, model="control"))
    assert found.verdict == "hold"
    assert found.reasons[0] == (
        "one model in both arms cannot be worse than itself, so the arms differ in something else, or by chance"
    )


@pytest.mark.parametrize("difference", [{"fingerprint": "0a1b2c3d"}, {"settings": "1"}])
def test_grade_rejects_a_worse_configuration_of_one_model(difference):
    """Prompt v2 can be worse than prompt v1 of the same model."""
    assert graded(arm(failing=1_000, model="control", **difference)).verdict == "reject"


def test_grade_hold_names_the_number_of_units():
    """Few units are not enough yet, and the named number is larger."""
    found = graded(arm(units=200, failing=4), arm("control", units=200, failing=4))
    assert found.verdict == "hold"
    assert found.needed_units > 200
    assert found.reasons[-1].startswith("errors and refusals may be ")
    assert found.reasons[-1].endswith(" more units would decide")


def with_feedback(arms, score):
    """The arm with a score for one answer of each unit."""
    return replace(
        arms, feedback=arms.units, clusters=tuple(replace(one, scored=1, score=score) for one in arms.clusters)
    )


def test_grade_uses_feedback_if_there_is_any():
    """Worse scores reject, equal ones promote, and scores of one arm alone hold."""
    control = with_feedback(arm("control", role="control"), 0.8)
    worse = graded(with_feedback(arm(), 0.6), control)
    assert worse.verdict == "reject"
    assert worse.reasons[0].startswith("feedback is at least ")
    equal = graded(with_feedback(arm(), 0.8), control)
    assert equal.verdict == "promote"
    assert NO_FEEDBACK not in equal.reasons
    alone = graded(arm(), control)
    assert (alone.verdict, alone.reasons) == ("hold", ("nothing was measured on both arms for feedback",))


def waiting(own, q95_s, q99_s=None, *, of=1.0):
    """The arm with users who waited: 94% a tenth of a second, 4% the first time, and 2% the second one."""
    levels = ((0.94, 0.1), (0.98, q95_s), (1.0, q99_s or q95_s))
    clusters = tuple(replace(one, waited=round(of * one.requests)) for one in own.clusters)
    return replace(
        own,
        clusters=clusters,
        waited=sum(one.waited for one in clusters),
        wait_quantile=lambda q: next(value for level, value in levels if q <= level),
    )


WAITS = Policy(critical=("pass_rate", "p95_s", "p99_s"), bounds={**BOUNDS, "p95_s": 3.0, "p99_s": 8.0})


def test_grade_compares_the_wait_of_users_with_absolute_bounds():
    """The control's own wait does not matter, and a slow percentile alone rejects."""
    good = graded(waiting(arm(), 2.0, 6.0), policy=WAITS)
    assert good.verdict == "promote"
    assert good.reasons[2:4] == (
        "p95 of the wait is at most 2.0 s, the bound is 3.0 s",
        "p99 of the wait is at most 6.0 s, the bound is 8.0 s",
    )
    slow = graded(waiting(arm(units=9_000, failing=180), 2.0, 12.6), policy=WAITS)
    assert (slow.verdict, slow.reasons) == ("reject", ("p99 of the wait is at least 12.6 s, the bound is 8.0 s",))
    rows = {row.name: row for row in slow.rows}
    assert (rows["p95_s"].state, rows["p99_s"].state, rows["p99_s"].n) == ("pass", "fail", 9_000)


def test_grade_of_waits_without_a_bound_has_no_row():
    """The arms' own figures show them."""
    assert not {"p95_s", "p99_s"} & {row.name for row in graded(waiting(arm(), 2.0)).rows}


def test_grade_of_few_waits_is_open_and_says_how_many_units_would_decide():
    """No upper end exists yet, so nothing is promoted."""
    found = graded(waiting(arm(units=100, failing=0), 2.0), policy=WAITS)
    assert found.verdict == "hold"
    assert "p95 of the wait has no upper end yet, the bound is 3.0 s; about 20 more units would decide" in found.reasons
    assert (
        "p99 of the wait has no upper end yet, the bound is 8.0 s; about 297 more units would decide" in found.reasons
    )
    assert found.needed_units >= 397


def test_grade_rejects_a_hanging_treatment_with_few_units():
    """Forty users that wait for 12.6 s are enough."""
    found = graded(waiting(arm(units=40, failing=0), 12.6), policy=WAITS)
    assert found.verdict == "hold"  # 6% of 40
    clusters = waiting(arm(units=40, failing=0), 12.6)
    found = graded(replace(clusters, wait_quantile=lambda q: 0.1 if q < 0.4 else 12.6), policy=WAITS)
    assert found.verdict == "reject"
    assert found.reasons[0] == "p95 of the wait is at least 12.6 s, the bound is 3.0 s"


def test_grade_holds_if_many_waits_are_unknown():
    """An old part of a log has none, and could be slow; waits that are all unknown were not measured."""
    half = graded(waiting(arm(), 2.0, 6.0, of=0.5), policy=WAITS)
    assert half.verdict == "hold"
    assert half.reasons[0] == "the wait of 4,000 requests of candidate is unknown, and p95 of the wait decides"
    none = graded(arm(), policy=WAITS)
    assert none.verdict == "hold"
    assert none.reasons[0] == "nothing was measured on both arms for p95 of the wait and p99 of the wait"


def test_grade_has_the_ratio_of_99th_percentiles():
    """With 299 units or more, and with a state."""
    slow, fast = (lambda q, tail=tail: tail if q > 0.97 else 1.0 for tail in (9.0, 1.0))
    control = arm("control", role="control", quantile=fast)
    policy = Policy(critical=("pass_rate", "latency_p99"))
    assert graded(arm(quantile=fast), control, policy).verdict == "promote"
    found = graded(arm(quantile=slow), control, policy)
    assert (found.verdict, found.reasons) == ("reject", ("p99 latency is at least x9.0, the bound is x2.0",))
    few = graded(arm(units=200, failing=0, quantile=slow), control, policy)
    assert "latency_p99" not in {row.name for row in few.rows}


def asking(name, asks, **more):
    """An arm whose units send these numbers of requests."""
    clusters = tuple(ClusterSums(units=1, requests=number, passed=number) for number in asks)
    return arm(name, units=len(asks), requests=sum(asks), clusters=clusters, **more)


def test_grade_shows_requests_per_unit_without_a_state():
    """Each unit is one value, so a few units with many requests make the interval wide."""
    control = asking("control", [1, 3] * 500, role="control")
    twice, lopsided = asking("candidate", [2, 6] * 500), asking("candidate", [1] * 990 + [301] * 10)
    rows = [
        next(row for row in graded(one, control).rows if row.name == "requests_per_unit") for one in (twice, lopsided)
    ]
    assert [row.estimate for row in rows] == pytest.approx([2.0, 2.0])
    assert all((row.n, row.state, row.critical) == (1000, None, False) for row in rows)
    assert 1.8 < rows[0].low < rows[0].high < 2.2
    assert rows[1].low < 1.1
    assert rows[1].high > 3.5


def test_grade_names_units_with_many_requests():
    """The first three of an arm by name, the rest by number, except while collecting."""
    heavy = tuple(HeavyUnit(unit=f"{number}" * 64, requests=800 - number) for number in range(5))
    named = (
        "unit 000000000000 sends at least 10.0% of the requests of candidate: so much of its figures rests on one unit"
    )
    rest = "2 more units of candidate with over 5% of its requests each"
    for more, verdict, before in (
        ({}, "promote", "but "),
        ({"failing": 400}, "reject", ""),
        ({"gateway_fallbacks": 50}, "hold", ""),
    ):
        found = graded(arm(heavy=heavy, **more))
        assert found.verdict == verdict
        told = [reason for reason in found.reasons if "of candidate" in reason]
        assert (len(told), told[0], told[3]) == (4, before + named, before + rest)
    assert len(graded(arm(units=20, heavy=heavy)).reasons) == 1


def test_grade_names_criteria_that_traffic_does_not_measure():
    """They do not prevent a promotion."""
    found = graded(arm(), policy=Policy(critical=("pass_rate", "similarity_deficit")))
    assert found.verdict == "promote"
    assert "live traffic does not measure similarity deficit" in found.reasons


@pytest.mark.parametrize(("worse", "wanted"), [(0.0, "reject"), (0.02, "promote")])
def test_grade_seldom_errs_with_constant_looks(worse, wanted):
    """In ten simulated splits, an equal treatment is never rejected, and one worse by the bound is never promoted."""
    dice = Random(20_261_123)
    ends = [traffic_grade.run(dice, 0.5, worse, truncated=False, looks=6, naively=False) for _ in range(10)]
    assert [end for end in ends if end.get("graded", ("",))[0] == wanted] == []


def test_grade_rejects_a_far_worse_treatment():
    """The same simulation with a treatment that is worse by 30 points."""
    dice = Random(20_261_123)
    ends = [traffic_grade.run(dice, 0.5, 0.3, truncated=False, looks=6, naively=False) for _ in range(5)]
    assert [end["graded"][0] for end in ends] == ["reject"] * 5


CLUSTERS = st.builds(
    lambda requests, passed, failed, cost_usd, score: ClusterSums(
        requests=requests,
        passed=min(requests, passed),
        failed=min(requests - min(requests, passed), failed),
        timed=passed and requests,
        log_latency=cost_usd - 1,
        cost_usd=cost_usd,
        scored=requests // 2,
        score=score * (requests // 2),
    ),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 50),
    st.floats(0, 10),
    st.floats(0, 1),
)
TRAFFIC = st.lists(CLUSTERS, min_size=30, max_size=50).map(tuple)


@settings(max_examples=30, deadline=None)
@given(TRAFFIC, TRAFFIC, st.integers(0, 2), st.one_of(st.none(), st.floats(0, 9)))
def test_grade_of_any_sums_has_reasons(first, second, feedback, quantile):
    """No sums of a monitor raise an error, and each grade has whole sentences as reasons."""
    arms = [
        arm(name, units=0, clusters=clusters, feedback=feedback, requests=50, quantile=lambda _: quantile)
        for name, clusters in (("control", first), ("candidate", second))
    ]
    policy = Policy(critical=("pass_rate", "latency", "latency_p95", "cost_per_pass"))
    found = graded(arms[1], arms[0], policy=policy)
    assert found.reasons
    assert all(reason and "nan" not in reason for reason in found.reasons)
    assert all(row.low <= row.high for row in found.rows)


def test_grade_counts_units_that_share_a_cluster():
    """Ten units per cluster: n is the number of units, and the bound still widens with looking."""
    few = graded(arm())
    many = graded(replace(arm(), units=40_000), replace(arm("control", role="control"), units=40_000))
    [before], [after] = ([row for row in found.rows if row.name == "latency"] for found in (few, many))
    assert (before.n, after.n) == (4_000, 40_000)
    assert before.high < after.high < 1.01 * before.high
