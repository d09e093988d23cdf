"""The monitor of live traffic: complete sums in bounded memory."""

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in

from pytest_graysplit import Monitor, Policy, Split, TrafficSplitter, Usage
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.records import FallbackCall


def fed(splitter, requests, **given):
    """Return a monitor with one request of each of so many units."""
    monitor = Monitor(splitter, **given)
    for unit in range(requests):
        monitor.record(splitter.assign(unit), unit=unit, latency_s=0.5)
    return monitor


def arms_of(monitor):
    return {arm["arm"]: arm for arm in monitor.report()["arms"]}


def test_empty_report():
    """All keys exist; the verdict is "collecting", and rates and costs are unknown or zero."""
    report = Monitor(halves(), clock=lambda: 0.0).report()
    nothing = {"requests": 0, "attempts": 0, "errors": 0, "cost_usd": 0.0, "unpriced": 0}
    arm = {
        "weight": 0.5, "units": 0, "requests": 0, "attempts": 0, "passed": 0, "pass_rate": None,
        "pass_rate_ci": [0.0, 1.0], "outcomes": {}, "errors": 0, "error_classes": {}, "retried": {},
        "latency_s": {"mean": None, "p50": None, "p95": None, "p99": None, "n": 0},
        "wait_s": {"mean": None, "p50": None, "p95": None, "p99": None, "n": 0},
        "tokens": {"prompt": 0, "completion": 0, "cached": 0}, "cost_usd": 0.0, "unpriced": 0,
        "cost_per_pass_usd": None, "fallbacks": 0, "fallback_failures": 0, "fallback_usd": 0.0,
        "gateway_fallbacks": 0, "served_models": {}, "feedback": {"n": 0, "mean": None}, "forced": 0, "anonymous": 0,
        "heavy_units": [], "signals": {},
    }  # fmt: skip
    [grade] = report.pop("grades")
    assert (grade["treatment"], grade["verdict"]) == (TREATMENT, "collecting")
    assert report == {
        "format": 1,
        "split": halves().identity,
        "salt": "halves",
        "ramps": {"version": None, "watch": None, "rollbacks": []},
        "started": "1970-01-01T00:00:00.000Z",
        "arms": [
            {"arm": "control", "role": "control", "model": CONTROL, **arm},
            {"arm": TREATMENT, "role": "treatment", "model": TREATMENT, **arm},
        ],
        "sample_ratio": {"p": 1.0, "e_value": 1.0, "units": {"control": 0, TREATMENT: 0}},
        "apart": nothing,
        "earlier": nothing,
        "log": {"lost": 0, "skipped": {}},
        "total": nothing,
        "signals": {"unasked": {}, "refused": 0},
    }


def test_record_prices_each_arm_by_its_own_model():
    """A seed article priced both arms at the output price of one model."""
    splitter = halves()
    monitor = Monitor(splitter, prices={"other": {"input": Decimal(1), "output": Decimal(1)}})
    usage = Usage(prompt=1500, completion=300, total=1800)
    for arm in (CONTROL, TREATMENT):
        name = "control" if arm == CONTROL else arm
        monitor.record(name, unit=unit_in(splitter, name), usage=usage)
    arms = arms_of(monitor)
    assert arms["control"]["cost_usd"] == pytest.approx((1500 * 3 + 300 * 15) / 1e6)
    assert arms[TREATMENT]["cost_usd"] == pytest.approx((1500 * 0.28 + 300 * 0.42) / 1e6)


def test_monitor_reads_prices_and_margin(tmp_path):
    """Arguments override the file, and a price is taken as the decimal number."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ngraysplit_margin = "0.02"\n'
        "[tool.graysplit.prices]\n"
        '"claude-sonnet-4.5" = { input = 0.1, output = 1 }\n"deepseek-v3.2" = { input = 9, output = 9 }\n'
    )
    monitor = Monitor(
        halves(), project=tmp_path / "pyproject.toml", prices={TREATMENT: {"input": 0.28, "output": 0.42}}
    )
    for arm in ("control", TREATMENT):
        monitor.record(arm, unit=unit_in(halves(), arm), usage=Usage(prompt=3, completion=1, total=4))
    assert [one.cost_usd for one in monitor.state().sums] == [Decimal("0.0000013"), Decimal("0.00000126")]
    assert monitor.policy.margin == 0.02
    assert Monitor(halves(), policy=Policy(margin=0.1)).policy.margin == 0.1


def test_unknown_price_makes_the_cost_unknown():
    """One answer without a price is enough, because a part is not the total."""
    splitter = halves("a-model-without-a-price")
    monitor = Monitor(splitter)
    monitor.record("a-model-without-a-price", unit=1, usage=Usage(prompt=1, completion=1, total=2))
    monitor.record("a-model-without-a-price", unit=2, cost_usd=Decimal("0.5"))
    arm = arms_of(monitor)["a-model-without-a-price"]
    assert (arm["cost_usd"], arm["unpriced"], arm["cost_per_pass_usd"]) == (None, 1, None)


def test_record_counts_errors_by_kind():
    """A failed call counts as a request of its arm, and not as an answer without a price."""
    splitter = halves()
    monitor = Monitor(splitter)
    for error in ("http-503", "http-503", "relay-timeout"):
        monitor.record(TREATMENT, unit=1, outcome="error", error=error, latency_s=60.0, attempts=3,
                       retried=("http-503", "relay-rate-limited"))  # fmt: skip
    arm = arms_of(monitor)[TREATMENT]
    assert (arm["requests"], arm["passed"], arm["errors"], arm["attempts"]) == (3, 0, 3, 9)
    assert arm["error_classes"] == {"http-503": 2, "relay-timeout": 1}
    assert arm["retried"] == {"http-503": 3, "relay-rate-limited": 3}
    assert (arm["cost_usd"], arm["unpriced"]) == (0.0, 0)
    assert arm["latency_s"]["n"] == 3


def test_monitor_bounds_the_number_of_names():
    """Model names beyond the limit are counted together."""
    monitor = Monitor(halves())
    for number in range(1000):
        monitor.record("control", unit=1, served_model=f"model-{number}")
    served = arms_of(monitor)["control"]["served_models"]
    assert len(served) == 65
    assert served["others"] == 1000 - 64


def test_record_counts_the_cost_of_a_fallback():
    """The cost of the control's answer belongs to the treatment's arm."""
    splitter = halves()
    monitor = Monitor(splitter)
    call = FallbackCall(model=CONTROL, outcome="ok", attempts=2, cost_usd=Decimal("0.02"))
    monitor.record(TREATMENT, unit=1, outcome="error", error="http-500", cost_usd=Decimal("0.001"), fallback=call)
    arm = arms_of(monitor)[TREATMENT]
    assert (arm["passed"], arm["errors"], arm["fallbacks"]) == (0, 1, 1)
    assert (arm["cost_usd"], arm["fallback_usd"], arm["attempts"]) == (0.021, 0.02, 3)


def test_feedback_goes_to_the_arm_of_its_request():
    """The id names the arm, so the monitor keeps no list of ids."""
    splitter = halves()
    monitor = Monitor(splitter)
    ids = [monitor.record(splitter.assign(unit), unit=unit) for unit in range(100)]
    for unit, request_id in enumerate(ids):
        monitor.feedback(request_id, 1 if splitter.assign(unit).arm == TREATMENT else 0.25)
    arms = arms_of(monitor)
    assert (arms["control"]["feedback"]["mean"], arms[TREATMENT]["feedback"]["mean"]) == (0.25, 1.0)
    assert arms["control"]["feedback"]["n"] + arms[TREATMENT]["feedback"]["n"] == 100


def test_record_accepts_a_float_cost():
    """It is taken as the decimal number."""
    monitor = Monitor(halves())
    monitor.record("control", unit=1, cost_usd=0.1)
    assert monitor.state().total.cost_usd == Decimal("0.1")


def test_use_with_another_model_starts_again():
    """Arms of the same name and weight with another model are not summed up together."""
    monitor = Monitor(halves())
    monitor.record("control", unit=1)
    monitor.use(halves(control="gpt-4.1"))
    report = monitor.report()
    assert (report["arms"][0]["model"], report["arms"][0]["requests"], report["earlier"]["requests"]) == (
        "gpt-4.1",
        0,
        1,
    )


def test_feedback_replaces_an_earlier_score():
    """The caller passes the earlier score, because the monitor does not keep it."""
    monitor = Monitor(halves())
    request_id = monitor.record("control", unit=1)
    monitor.feedback(request_id, 1.0)
    monitor.feedback(request_id, 0.0, before=1.0)
    assert arms_of(monitor)["control"]["feedback"] == {"n": 1, "mean": 0.0}


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), True, "up", None], ids=repr)
def test_feedback_refuses_an_invalid_score(score):
    """Thumbs are 0 and 1; the message shows any other value."""
    monitor = Monitor(halves())
    request_id = monitor.record("control", unit=1)
    with pytest.raises(UsageError) as caught:
        monitor.feedback(request_id, score)
    assert str(caught.value) == (
        f"invalid score: {score!r}\n"
        "  hint: a score is a number from 0, bad, to 1, good: thumbs down is 0.0, thumbs up 1.0  [traffic-score]"
    )


@pytest.mark.parametrize(
    "text", ["", "chatcmpl-1", "6594a4b5-99-1-aa", "6594a4b5-0-1001-aa", "6594a4b5-x-1-aa", None, 7]
)
def test_feedback_refuses_an_invalid_id(text):
    """For example the id of a completion, or one with an unknown arm."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).feedback(text, 1.0)
    assert caught.value.slug == "traffic-id"


def test_record_refuses_an_unknown_arm():
    """A seed article counted every unknown arm as the treatment."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).record("treatment")
    assert str(caught.value) == (
        "there is no arm 'treatment'\n  hint: the arms are control, deepseek-v3.2  [split-arm-unknown]"
    )


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"latency_s": -1.0}, "invalid latency: -1.0"),
        ({"latency_s": float("nan")}, "invalid latency: nan"),
        ({"wait_s": float("inf")}, "invalid wait: inf"),
        ({"latency_s": 1.0, "wait_s": -1.0}, "invalid wait: -1.0"),
        ({"outcome": "okay"}, "unknown outcome 'okay', did you mean ok?"),
        ({"cost_usd": Decimal("NaN")}, "invalid cost: Decimal('NaN')"),
        ({"cost_usd": -0.5}, "invalid cost: -0.5"),
    ],
)
def test_record_refuses_invalid_figures(figures, problem):
    """They would stay in the sums."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).record("control", unit=1, **figures)
    assert (caught.value.problem, caught.value.slug) == (problem, "traffic-figure")


def test_sample_ratio_uses_units_and_not_requests():
    """5% too few of 60,000 units is a broken split; users who send many requests are not."""
    splitter = halves()
    whole = Monitor(splitter)
    for unit in range(60_000):
        key = splitter.key(unit)
        index = splitter.assigned(key).index
        # The second arm loses one unit in 20, as if some browsers did not follow a redirect.
        if index == 0 or key[16] % 20:
            whole._arms[index].units += whole._seen.add(key)
    assert whole.state().mismatch_p < 0.001
    assert whole.grade().verdict in ("collecting", "hold")

    sticky = Monitor(splitter)
    for unit in range(1000):
        for _ in range(1 + 500 * (unit in (3, 4, 5))):  # a few users send requests all day
            sticky.record(splitter.assign(unit), unit=unit)
    assert sticky.state().mismatch_p > 0.01
    requests = [arm["requests"] for arm in sticky.report()["arms"]]
    assert abs(requests[0] - requests[1]) > 400


def test_monitor_names_heavy_units():
    """A unit with over 5% of an arm's requests is named; a change of weights clears the list."""
    splitter = TrafficSplitter([Split(CONTROL, 0.6), Split(TREATMENT, 0.4)], salt="s")
    monitor = fed(splitter, 3000)
    heavy, light = unit_in(splitter, "control"), unit_in(splitter, TREATMENT)
    for number in range(300):
        monitor.record("control", unit=heavy)
        monitor.record(TREATMENT, unit=light if number < 20 else None)
        monitor.record(TREATMENT, unit=light, forced=True)
    arms = arms_of(monitor)
    [found] = arms["control"]["heavy_units"]
    assert found["unit"] == splitter.key(heavy).hex()
    assert 295 <= found["requests"] <= 301
    assert found["share"] == found["requests"] / arms["control"]["requests"]
    assert arms[TREATMENT]["heavy_units"] == []
    assert [reason for reason in monitor.grade().reasons if splitter.key(heavy).hex()[:12] in reason]
    monitor.use(splitter.ramped({TREATMENT: 0.5}))
    assert arms_of(monitor)["control"]["heavy_units"] == []


def test_requests_per_unit_counts_units_and_not_clusters():
    """20,000 units share 4,096 buckets; the row shows the ratio of the plain means."""
    splitter = halves()
    monitor = Monitor(splitter)
    sent = {"control": [], TREATMENT: []}
    for unit in range(20_000):
        arm = splitter.assign(unit)
        asks = 1 + unit % 3 + (arm.role == "treatment" and unit % 2)
        sent[arm.arm].append(asks)
        for _ in range(asks):
            monitor.record(arm, unit=unit)
    [row] = [row for row in monitor.grade().rows if row.name == "requests_per_unit"]
    control, treatment = (sum(asks) / monitor.state().sums[at].units for at, asks in enumerate(sent.values()))
    assert row.estimate == pytest.approx(treatment / control)
    assert (row.n, row.state, row.bound, row.critical) == (
        min(t.units for t in monitor.state().sums),
        None,
        None,
        False,
    )
    assert 1.2 < row.low < row.estimate < row.high < 1.3


def test_random_anonymous_requests_count_as_units():
    """They are a fair sample because their arm is drawn at random."""
    splitter = halves(anonymous="random")
    monitor = Monitor(splitter)
    for _ in range(2000):
        monitor.record(splitter.assign())
    arms = arms_of(monitor)
    assert arms["control"]["units"] + arms[TREATMENT]["units"] == 2000
    assert monitor.report()["sample_ratio"]["p"] > 0.0001
    assert monitor.report()["apart"]["requests"] == 0


def test_requests_of_another_split_count_only_in_the_totals():
    """For example a request that was sent before the weights changed and answered afterwards."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="s")
    monitor = fed(low, 50)
    old = monitor.record("control", unit=1)
    monitor.use(low.ramped({TREATMENT: 0.5}))
    monitor.feedback(old, 1.0)
    report = monitor.report()
    assert sum(arm["requests"] + arm["feedback"]["n"] for arm in report["arms"]) == 0
    assert (report["earlier"]["requests"], report["total"]["requests"]) == (51, 51)


def test_units_are_counted_again_after_a_ramp():
    """Returning users also show whether the new weights hold."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="s")
    high = low.ramped({TREATMENT: 0.5})
    monitor = fed(low, 1000)
    monitor.use(high)
    for unit in range(1500):
        monitor.record(high.assign(unit), unit=unit)
    report = monitor.report()
    assert sum(arm["units"] for arm in report["arms"]) == 1500
    assert report["sample_ratio"]["p"] > 0.01


def test_windows_keep_the_last_hour():
    """Two hours with one request per minute: sixty windows, and all 120 latencies."""
    now = 0.0
    splitter = halves()
    monitor = Monitor(splitter, clock=lambda: now)
    for minute in range(120):
        now = 60.0 * minute
        monitor.record("control", unit=1, latency_s=1.0 + minute, outcome="error" if minute == 119 else "ok")
    windows = monitor.windows()
    assert [start for start, _ in windows] == [60 * minute for minute in range(60, 120)]
    start, arms = windows[-1]
    assert (start, arms[0].requests, arms[0].errors, arms[0].latencies.n) == (7140, 1, 1, 1)
    latency = arms_of(monitor)["control"]["latency_s"]
    assert (latency["n"], latency["p50"]) == (120, pytest.approx(60.5, rel=0.02))


def test_late_request_is_in_the_sums():
    """Log lines of several processes can be out of order."""
    now = 7200.0
    monitor = Monitor(halves(), clock=lambda: now)
    for minute in range(60):
        now = 7200.0 + 60 * minute
        monitor.record("control", unit=1, latency_s=1.0)
    now = 0.0
    monitor.record("control", unit=1, latency_s=5.0)
    monitor.record("control", unit=1)
    assert len(monitor.windows()) == 60
    latency = arms_of(monitor)["control"]["latency_s"]
    assert (latency["n"], latency["mean"]) == (61, pytest.approx(65 / 61))


def test_threads_share_a_monitor():
    """Eight threads record and read at once, and the sums are exact."""
    splitter = halves()
    monitor = Monitor(splitter)

    def work(first):
        for unit in range(first, first + 500):
            monitor.record(splitter.assign(unit), unit=unit, latency_s=0.1, cost_usd=Decimal("0.000001"))
            if unit % 100 == 0:
                monitor.report()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(0, 4000, 500)))
    report = monitor.report()
    assert sum(arm["requests"] for arm in report["arms"]) == sum(arm["units"] for arm in report["arms"]) == 4000
    assert monitor.state().total.cost_usd == Decimal("0.004")


def test_monitor_memory_is_bounded():
    """Nothing grows from 8,000 to 16,000 records."""
    splitter, now = halves(), 0.0
    monitor = Monitor(splitter, clock=lambda: now)

    def record(first, last):
        nonlocal now
        for number in range(first, last):
            now = number * 0.5
            unit = f"user-{number}"
            monitor.record(splitter.assign(unit), unit=unit, latency_s=0.1 + number % 100 / 10, usage=Usage(prompt=9))

    tracemalloc.start()
    try:
        record(0, 8_000)
        before, _ = tracemalloc.get_traced_memory()
        record(8_000, 16_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000


def test_report_is_valid_json():
    """The report has only JSON values."""
    monitor = fed(halves(), 500)
    assert json.loads(json.dumps(monitor.report(), allow_nan=False))["total"]["requests"] == 500


def test_grade_needs_a_treatment_if_there_are_several():
    """A single treatment needs no name."""
    two = TrafficSplitter([Split("a", 0.8), Split("b", 0.1), Split("c", 0.1)], salt="s")
    assert Monitor(halves()).grade().treatment == TREATMENT
    assert Monitor(two).grade("c").treatment == "c"
    with pytest.raises(UsageError, match="there is no arm 'd'"):
        Monitor(two).grade("d")
    with pytest.raises(UsageError) as caught:
        Monitor(two).grade()
    assert str(caught.value) == (
        "there are 2 treatments, and the grade of none was requested\n  hint: name one: b, c  [split-arm-unknown]"
    )


def test_troubles_is_an_alias_of_failures():
    """The old name works for one release, with a warning."""
    monitor = Monitor(halves())
    with pytest.warns(DeprecationWarning, match=r"Monitor\.troubles is now Monitor\.failures"):
        assert monitor.troubles is monitor.failures
