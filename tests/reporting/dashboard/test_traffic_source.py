"""Live traffic as a source of the page: the figures of a monitor in a snapshot."""

import asyncio
import json
from decimal import Decimal

import httpx
import pytest
from splits import CONTROL, TREATMENT, halves
from starlette.applications import Starlette
from starlette.routing import Mount

from pytest_graysplit import Monitor, Usage, dashboard_app
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.traffic.log.records import FallbackCall, RequestRecord


def fed(requests=200, **given):
    splitter = halves()
    monitor = Monitor(splitter, clock=lambda: 1_800_000_000.0, **given)
    for unit in range(requests):
        one = splitter.assign(unit)
        request_id = monitor.record(
            one,
            unit=unit,
            latency_s=0.5 if one.role == "control" else 0.25,
            wait_s=1.5,
            usage=Usage(prompt=100, completion=10, total=110),
        )
        monitor.feedback(request_id, 1.0)
    return monitor


def failed_request(number, **given):
    asked = {"messages": ({"role": "user", "content": f"question {number}"},), "text": ""}
    return RequestRecord(
        **{
            "id": f"id-{number}", "at": f"2026-11-26T10:00:{number:02}.000Z", "split": "x", "arm": TREATMENT,
            "model": TREATMENT, "outcome": "error", "error": "http-503", "problem": "the relay answered 503", **asked,
            **given,
        }
    )  # fmt: skip


def test_snapshot_has_the_figures_of_the_report():
    """Keys that only a run has are null."""
    monitor = fed()
    shown, report = TrafficSource(monitor, title="support").snapshot(), monitor.report()
    assert (shown["kind"], shown["title"], shown["state"]) == ("traffic", "support", "running")
    assert shown["subtitle"] == f"control {CONTROL} 50.0%, {TREATMENT} 50.0% · experiment halves"
    assert shown["progress"] == {
        "unit": "requests", "done": 200, "total": None, "fetched": None, "to_fetch": None,
        "spent_usd": report["total"]["cost_usd"],
    }  # fmt: skip
    for arm, told in zip(shown["arms"], report["arms"], strict=True):
        assert arm["n"] == told["requests"] == sum(arm["latency_histogram"]["counts"])
        same = (
            "arm",
            "role",
            "model",
            "weight",
            "units",
            "passed",
            "pass_rate",
            "errors",
            "latency_s",
            "wait_s",
            "cost_usd",
            "feedback",
        )
        assert {name: arm[name] for name in same} == {name: told[name] for name in same}
    [comparison], [grade] = shown["comparisons"], report["grades"]
    assert (comparison["verdict"], comparison["reasons"]) == (grade["verdict"], grade["reasons"])
    assert [row["name"] for row in comparison["rows"]] == [row["name"] for row in grade["rows"]]
    assert {row["name"]: row["unit"] for row in comparison["rows"]}["feedback"] == "points"
    assert comparison["similarity"] is None
    json.dumps(shown, allow_nan=False)


def test_snapshot_before_the_first_request_is_collecting():
    """Without histogram and interval."""
    shown = TrafficSource(Monitor(halves()), title="t").snapshot()
    assert shown["comparisons"][0]["verdict"] == "collecting"
    assert [(arm["n"], arm["pass_rate"], arm["pass_rate_ci"], arm["latency_histogram"]) for arm in shown["arms"]] == [
        (0, None, None, None)
    ] * 2


def test_windows_have_one_entry_per_minute():
    """With requests, errors, percentiles and cost per arm."""
    [window] = TrafficSource(fed(50), title="t").snapshot()["windows"]
    assert (window["at"], window["seconds"]) == ("2027-01-15T08:00:00.000Z", 60)
    assert window["arms"]["control"]["n"] + window["arms"][TREATMENT]["n"] == 50
    assert window["arms"][TREATMENT]["p95"] == pytest.approx(0.25, rel=0.01)


def test_failed_requests_are_listed_once_and_newest_first():
    """The same question with the same failure is one entry."""
    monitor = Monitor(halves())
    monitor.failures.extend(
        [failed_request(1), failed_request(2), failed_request(1, id="again", at="2026-11-26T10:00:30.000Z")]
    )
    worst = TrafficSource(monitor, title="t").snapshot()["worst"]
    assert [(one["id"], one["name"], one["why"]) for one in worst] == [
        ("again", f"{TREATMENT}: question 1", "the relay answered 503"),
        ("id-2", f"{TREATMENT}: question 2", "the relay answered 503"),
    ]


def test_case_of_a_failed_request_has_its_fallback():
    """With the prompt, the failure and both answers."""
    call = FallbackCall(model=CONTROL, outcome="ok", latency_s=0.5, cost_usd=Decimal("0.01"))
    monitor = Monitor(halves())
    monitor.failures.append(failed_request(7, attempts=3, fallback=call, latency_s=1.5))
    source = TrafficSource(monitor, title="t")
    case = source.case("id-7")
    assert (case["prompt"], case["misses"]) == (
        "question 7",
        {TREATMENT: ["the relay answered 503, after 3 attempts; the control answered"]},
    )
    assert [(one["arm"], one["outcome"], one["cost_usd"]) for one in case["arms"]] == [
        (TREATMENT, "error", None),
        (f"the control in place of {TREATMENT}", "ok", 0.01),
    ]
    assert source.case("id-8") is None


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ("empty", "the answer is empty"),
        ("refusal", "the model refused to answer"),
        ("truncated", "the answer was cut off at its token limit"),
        ("filtered", "a content filter stopped it"),
    ],
)
def test_outcomes_of_failed_requests_are_described(outcome, why):
    """If the log keeps no texts, the name has the time instead of the question."""
    monitor = Monitor(halves())
    monitor.failures.append(failed_request(5, outcome=outcome, problem=None, error=None, messages=None, text=None))
    [one] = TrafficSource(monitor, title="t").snapshot()["worst"]
    assert (one["name"], one["why"]) == (f"{TREATMENT} at 10:00:05", why)


def test_notes_count_requests_that_are_not_compared():
    """Forced and anonymous requests, and requests from before the weights changed."""
    splitter = halves()
    monitor = fed(10)
    monitor.use(splitter.ramped({TREATMENT: 0.6}))
    monitor.record("control")
    monitor.record("control", unit=1, forced=True)
    notes = TrafficSource(monitor, title="t", notes=lambda: ["from outside"]).snapshot()["notes"]
    assert notes == [
        "from outside",
        "10 requests from before the weights changed: only in the totals",
        "1 request routed by force, counted separately",
        "1 request without a unit went to the control, counted separately",
    ]


def test_snapshot_is_computed_again_only_after_a_request():
    """The next request is shown at once."""
    monitor = fed(40)
    source = TrafficSource(monitor, title="t")
    first = source.snapshot()
    assert source.snapshot()["arms"] is first["arms"]
    monitor.record("control", unit=1)
    assert source.snapshot()["progress"]["done"] == 41


def test_dashboard_app_works_when_mounted():
    """Below a prefix, with its JSON routes; with a token it is protected."""

    async def open_page():
        app = Starlette(
            routes=[
                Mount("/open", dashboard_app(fed(60), title="support")),
                Mount("/closed", dashboard_app(fed(60), token="sesame-0123456789")),
            ]
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.example") as client:
            return [
                await client.get(path)
                for path in (
                    "/open/",
                    "/open/metrics/validate-grade",
                    "/open/metrics/dashboard",
                    "/open/metrics",
                    "/closed/metrics/dashboard",
                    "/closed/metrics",
                )
            ]

    page, grade, figures, metrics, closed, closed_metrics = asyncio.run(open_page())
    assert (page.status_code, "<title>" in page.text) == (200, True)
    assert grade.json()["treatments"][0]["treatment"] == TREATMENT
    assert figures.json()["title"] == "support"
    assert 'graysplit_weight{arm="control"' in metrics.text
    assert closed.status_code == closed_metrics.status_code == 401
