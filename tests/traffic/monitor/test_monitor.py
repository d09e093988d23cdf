"""Sums over live traffic: complete, in bounded memory, and never mixed up."""

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
    """A monitor that has seen so many units once."""
    monitor = Monitor(splitter, **given)
    for unit in range(requests):
        monitor.record(splitter.assign(unit), unit=unit, latency_s=0.5)
    return monitor


def arms_of(monitor):
    return {arm["arm"]: arm for arm in monitor.report()["arms"]}


def test_the_report_of_nothing_claims_nothing():
    """No data is "collecting", rates and costs are unknown or counted as none, and the keys are all there."""
    report = Monitor(halves(), clock=lambda: 0.0).report()
    nothing = {"requests": 0, "attempts": 0, "errors": 0, "cost_usd": 0.0, "unpriced": 0}
    arm = {
        "weight": 0.5, "units": 0, "requests": 0, "attempts": 0, "passed": 0, "pass_rate": None,
        "pass_rate_ci": [0.0, 1.0], "outcomes": {}, "errors": 0, "error_classes": {}, "retried": {},
        "latency_s": {"mean": None, "p50": None, "p95": None, "p99": None, "n": 0},
        "tokens": {"prompt": 0, "completion": 0, "cached": 0}, "cost_usd": 0.0, "unpriced": 0,
        "cost_per_pass_usd": None, "fallbacks": 0, "fallback_failures": 0, "fallback_usd": 0.0,
        "gateway_fallbacks": 0, "served_models": {}, "feedback": {"n": 0, "mean": None}, "forced": 0, "anonymous": 0,
        "heavy_units": [],
    }  # fmt: skip
    [grade] = report.pop("grades")
    assert (grade["treatment"], grade["verdict"]) == (TREATMENT, "collecting")
    assert report == {
        "format": 1,
        "split": halves().identity,
        "salt": "halves",
        "started": "1970-01-01T00:00:00.000Z",
        "arms": [
            {"arm": "control", "role": "control", "model": CONTROL, **arm},
            {"arm": TREATMENT, "role": "treatment", "model": TREATMENT, **arm},
        ],
        "sample_ratio": {"p": 1.0, "e_value": 1.0, "units": {"control": 0, TREATMENT: 0}},
        "apart": nothing,
        "earlier": nothing,
        "total": nothing,
    }


def test_each_arm_costs_what_its_own_model_costs():
    """The seed article priced both arms at DeepSeek's output price."""
    splitter = halves()
    monitor = Monitor(splitter, prices={"other": {"input": Decimal(1), "output": Decimal(1)}})
    usage = Usage(prompt=1500, completion=300, total=1800)
    for arm in (CONTROL, TREATMENT):
        name = "control" if arm == CONTROL else arm
        monitor.record(name, unit=unit_in(splitter, name), usage=usage)
    arms = arms_of(monitor)
    assert arms["control"]["cost_usd"] == pytest.approx((1500 * 3 + 300 * 15) / 1e6)
    assert arms[TREATMENT]["cost_usd"] == pytest.approx((1500 * 0.28 + 300 * 0.42) / 1e6)


def test_prices_and_margin_come_from_the_project_or_from_code(tmp_path):
    """What is given in code comes over what the file says; a price is taken as it is written."""
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


def test_an_unknown_price_makes_the_cost_unknown_and_never_nothing():
    """One answer that nobody can price is enough: a part is not the total."""
    splitter = halves("a-model-without-a-price")
    monitor = Monitor(splitter)
    monitor.record("a-model-without-a-price", unit=1, usage=Usage(prompt=1, completion=1, total=2))
    monitor.record("a-model-without-a-price", unit=2, cost_usd=Decimal("0.5"))
    arm = arms_of(monitor)["a-model-without-a-price"]
    assert (arm["cost_usd"], arm["unpriced"], arm["cost_per_pass_usd"]) == (None, 1, None)


def test_errors_are_counted_by_class_and_have_no_unknown_cost():
    """A failed call is a request of its arm; what it cost nobody knows, and it is no answer without a price."""
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


def test_names_from_outside_cannot_fill_the_memory():
    """A relay that answers with a new model name each time is counted under the first of them, and the rest together."""
    monitor = Monitor(halves())
    for number in range(1000):
        monitor.record("control", unit=1, served_model=f"model-{number}")
    served = arms_of(monitor)["control"]["served_models"]
    assert len(served) == 65
    assert served["others"] == 1000 - 64


def test_a_fallback_is_a_failure_that_is_paid_for_twice():
    """Priced in both: what the control's answer cost is a cost of the treatment's arm."""
    splitter = halves()
    monitor = Monitor(splitter)
    call = FallbackCall(model=CONTROL, outcome="ok", attempts=2, cost_usd=Decimal("0.02"))
    monitor.record(TREATMENT, unit=1, outcome="error", error="http-500", cost_usd=Decimal("0.001"), fallback=call)
    arm = arms_of(monitor)[TREATMENT]
    assert (arm["passed"], arm["errors"], arm["fallbacks"]) == (0, 1, 1)
    assert (arm["cost_usd"], arm["fallback_usd"], arm["attempts"]) == (0.021, 0.02, 3)


def test_feedback_goes_to_the_arm_of_its_request():
    """The id says which; no list of ids is kept."""
    splitter = halves()
    monitor = Monitor(splitter)
    ids = [monitor.record(splitter.assign(unit), unit=unit) for unit in range(100)]
    for unit, request_id in enumerate(ids):
        monitor.feedback(request_id, 1 if splitter.assign(unit).arm == TREATMENT else 0.25)
    arms = arms_of(monitor)
    assert (arms["control"]["feedback"]["mean"], arms[TREATMENT]["feedback"]["mean"]) == (0.25, 1.0)
    assert arms["control"]["feedback"]["n"] + arms[TREATMENT]["feedback"]["n"] == 100


def test_a_cost_may_be_a_plain_number():
    """It is taken as it is written."""
    monitor = Monitor(halves())
    monitor.record("control", unit=1, cost_usd=0.1)
    assert monitor.state().total.cost_usd == Decimal("0.1")


def test_another_model_is_another_split():
    """Arms of the same name and weight that ask another model are not summed up as one."""
    monitor = Monitor(halves())
    monitor.record("control", unit=1)
    monitor.use(halves(control="gpt-4.1"))
    report = monitor.report()
    assert (report["arms"][0]["model"], report["arms"][0]["requests"], report["earlier"]["requests"]) == (
        "gpt-4.1",
        0,
        1,
    )


def test_a_user_may_think_again():
    """The score that another one replaces is told, because nobody remembers it."""
    monitor = Monitor(halves())
    request_id = monitor.record("control", unit=1)
    monitor.feedback(request_id, 1.0)
    monitor.feedback(request_id, 0.0, before=1.0)
    assert arms_of(monitor)["control"]["feedback"] == {"n": 1, "mean": 0.0}


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), True, "up", None], ids=repr)
def test_a_score_is_a_number_from_0_to_1(score):
    """Thumbs are 0 and 1; anything else is refused by name."""
    monitor = Monitor(halves())
    request_id = monitor.record("control", unit=1)
    with pytest.raises(UsageError) as caught:
        monitor.feedback(request_id, score)
    assert str(caught.value) == (
        f"{score!r} is no score\n"
        "  hint: a score is a number from 0, bad, to 1, good: thumbs down is 0.0, thumbs up 1.0  [traffic-score]"
    )


@pytest.mark.parametrize(
    "text", ["", "chatcmpl-1", "6594a4b5-99-1-aa", "6594a4b5-0-1001-aa", "6594a4b5-x-1-aa", None, 7]
)
def test_an_id_that_is_none_is_refused(text):
    """The id of a completion, or one of an arm that is not there, belongs to no request of ours."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).feedback(text, 1.0)
    assert caught.value.slug == "traffic-id"


def test_a_typo_in_an_arm_is_an_error():
    """The seed article counted every unknown arm as the treatment."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).record("treatment")
    assert str(caught.value) == (
        "there is no arm 'treatment'\n  hint: the arms are control, deepseek-v3.2  [split-arm-unknown]"
    )


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"latency_s": -1.0}, "a latency of -1.0 cannot be"),
        ({"latency_s": float("nan")}, "a latency of nan cannot be"),
        ({"outcome": "okay"}, "'okay' is no outcome, did you mean ok?"),
        ({"cost_usd": Decimal("NaN")}, "a cost of Decimal('NaN') cannot be"),
        ({"cost_usd": -0.5}, "a cost of -0.5 cannot be"),
    ],
)
def test_figures_that_cannot_be_are_refused(figures, problem):
    """They would be in the sums for ever."""
    with pytest.raises(UsageError) as caught:
        Monitor(halves()).record("control", unit=1, **figures)
    assert (caught.value.problem, caught.value.slug) == (problem, "traffic-figure")


def test_a_split_that_is_off_is_flagged_by_units_and_not_by_requests():
    """5% too few in one arm of 60,000 units is a broken split; users who come back again and again are not."""
    splitter = halves()
    whole = Monitor(splitter)
    for unit in range(60_000):
        key = splitter.key(unit)
        index = splitter.assigned(key).index
        # The second arm loses one unit in 20, as a redirect that some browsers do not follow would make it.
        if index == 0 or key[16] % 20:
            whole._arms[index].units += whole._seen.add(key)
    assert whole.state().mismatch_p < 0.001
    assert whole.grade().verdict in ("collecting", "hold")

    sticky = Monitor(splitter)
    for unit in range(1000):
        for _ in range(1 + 500 * (unit in (3, 4, 5))):  # a few users ask all day
            sticky.record(splitter.assign(unit), unit=unit)
    assert sticky.state().mismatch_p > 0.01
    requests = [arm["requests"] for arm in sticky.report()["arms"]]
    assert abs(requests[0] - requests[1]) > 400


def test_a_unit_with_much_of_an_arm_is_named_and_no_other():
    """Over 5% of an arm's requests, of which others take a part: those under weights of before are forgotten."""
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


def test_requests_per_unit_are_those_of_the_units_and_not_of_the_clusters():
    """Twenty thousand units share four thousand places: the row counts units, and is the ratio of the plain means."""
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
    assert (row.n, row.state, row.bound, row.critical) == (min(t.units for t in monitor.state().sums), None, None, False)
    assert 1.2 < row.low < row.estimate < row.high < 1.3


def test_drawn_requests_without_a_unit_are_each_a_unit():
    """Where they are drawn at random they are a fair sample, so they count."""
    splitter = halves(anonymous="random")
    monitor = Monitor(splitter)
    for _ in range(2000):
        monitor.record(splitter.assign())
    arms = arms_of(monitor)
    assert arms["control"]["units"] + arms[TREATMENT]["units"] == 2000
    assert monitor.report()["sample_ratio"]["p"] > 0.0001
    assert monitor.report()["apart"]["requests"] == 0


def test_requests_of_another_split_enter_the_totals_alone():
    """What was asked before the weights changed and answered after belongs to neither comparison."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="s")
    monitor = fed(low, 50)
    old = monitor.record("control", unit=1)
    monitor.use(low.ramped({TREATMENT: 0.5}))
    monitor.feedback(old, 1.0)
    report = monitor.report()
    assert sum(arm["requests"] + arm["feedback"]["n"] for arm in report["arms"]) == 0
    assert (report["earlier"]["requests"], report["total"]["requests"]) == (51, 51)


def test_units_are_counted_anew_under_other_weights():
    """Those who come back after a ramp tell whether the new weights hold, as those do who are new."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="s")
    high = low.ramped({TREATMENT: 0.5})
    monitor = fed(low, 1000)
    monitor.use(high)
    for unit in range(1500):
        monitor.record(high.assign(unit), unit=unit)
    report = monitor.report()
    assert sum(arm["units"] for arm in report["arms"]) == 1500
    assert report["sample_ratio"]["p"] > 0.01


def test_the_last_hour_is_kept_by_the_minute_and_everything_in_sum():
    """Two hours of one request a minute: sixty windows, all hundred and twenty latencies."""
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


def test_a_request_that_comes_later_than_its_hour_is_in_the_sums():
    """From a log whose lines are out of order, as those of several processes are."""
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


def test_threads_lose_nothing():
    """Eight threads record and read at once; the sums are exact."""
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


def test_memory_stays_as_it_is():
    """From 8,000 to 16,000 records nothing grows: what a monitor keeps has its size from the beginning."""
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


def test_the_report_is_json():
    """Whatever is in it, a script can read it."""
    monitor = fed(halves(), 500)
    assert json.loads(json.dumps(monitor.report(), allow_nan=False))["total"]["requests"] == 500


def test_a_grade_is_asked_for_by_treatment():
    """With one treatment by itself, with several by name."""
    two = TrafficSplitter([Split("a", 0.8), Split("b", 0.1), Split("c", 0.1)], salt="s")
    assert Monitor(halves()).grade().treatment == TREATMENT
    assert Monitor(two).grade("c").treatment == "c"
    with pytest.raises(UsageError, match="there is no arm 'd'"):
        Monitor(two).grade("d")
    with pytest.raises(UsageError) as caught:
        Monitor(two).grade()
    assert str(caught.value) == (
        "there are 2 treatments, and none was named\n  hint: name one: b, c  [split-arm-unknown]"
    )
