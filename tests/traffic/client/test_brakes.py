"""Breaker and daily budget of an arm, from the relay to the report, the log, its replay, and Prometheus."""

import asyncio
import json
from decimal import Decimal

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import BreakerPolicy, RequestFailedError, SplitClient
from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.reporting.traffic_summary import traffic_lines
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.monitor.prometheus import exposition
from pytest_graysplit.traffic.monitor.replay import Replay

FIRST = unit_in(halves(), TREATMENT)
# Probes at once, so that no test waits.
EAGER = BreakerPolicy(wait_s=0.0, probe_share=1.0, trial_share=1.0, closes_after=2)
DOWN = {"kind": "503", "model": TREATMENT, "times": None}


def lines_of(log, kind):
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == kind]


def guards_of(monitor):
    return {one["arm"]: one for one in monitor.report()["guards"]["arms"]}


def summary_of(monitor):
    return list(traffic_lines(monitor.state(), "traffic.jsonl", 100))


async def ask(client, times, **given):
    return [await client.chat(user("hi"), unit=FIRST, **given) for _ in range(times)]


def test_open_breaker_sends_users_to_the_control(relay, tmp_path):
    """The relay gets no more requests for the arm; the diverted ones are its failures, everywhere."""
    relay.control(faults=[DOWN])
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        return await ask(client, 30), client.monitor

    replies, monitor = using(halves(), work, fallback=True, retries=0, log=log)
    assert [reply.model for reply in replies] == [CONTROL] * 30
    assert [reply.failed.error_kind for reply in replies] == ["http-503"] * 5 + ["breaker-open"] * 25
    assert replies[-1].failed.attempts == 0
    assert relay.stats()["requests"] == {TREATMENT: 5, CONTROL: 30}

    control, treatment = monitor.report()["arms"]
    assert (control["requests"], treatment["requests"], treatment["passed"]) == (0, 30, 0)
    assert (treatment["error_classes"], treatment["fallbacks"]) == ({"http-503": 5, "breaker-open": 25}, 30)
    assert monitor.report()["total"]["attempts"] == relay.stats()["total"]
    assert monitor.state().total.cost_usd == Decimal(relay.stats()["billed"]["cost_usd"])

    breaker = guards_of(monitor)[TREATMENT]["breaker"]
    assert (breaker["state"], breaker["opened"], breaker["diverted"]) == ("open", 1, 25)
    [event] = monitor.report()["guards"]["events"]
    assert (event["arm"], event["state"], event["reason"]) == (TREATMENT, "open", "5 requests in a row failed")
    assert lines_of(log, "guard") == [{"kind": "guard", "split": halves().identity, **event}]
    [opened, diverted] = TrafficSource(monitor, title="t").snapshot()["notes"]
    assert opened == f"the breaker of {TREATMENT} is open since {event['at']}: 5 requests in a row failed"
    assert diverted == f"the breaker of {TREATMENT} has sent 25 requests to the control in all"
    assert (
        f'graysplit_breaker_state{{arm="{TREATMENT}",experiment="halves",state="open"}} 1.0'
        in exposition(monitor).decode()
    )


def test_replayed_log_shows_the_changes(relay, tmp_path):
    """A grade from the log has the same sums, and says when the breaker opened."""
    relay.control(faults=[DOWN])
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        await ask(client, 10)
        return client.monitor.report()

    report, replay = using(halves(), work, fallback=True, retries=0, log=log), Replay()
    replay.feed(read_files([log], replay.gaps))
    replayed = replay.monitor.report()
    assert replayed["guards"]["events"] == report["guards"]["events"]
    assert replayed["total"] == report["total"]
    assert any(line.startswith(f"the breaker of {TREATMENT} is open since ") for line in summary_of(replay.monitor))


def test_probes_close_the_breaker(relay):
    """Then the users are back at their arm."""
    relay.control(faults=[{**DOWN, "times": 5}])

    async def work(client):
        return await ask(client, 10), client.monitor

    replies, monitor = using(halves(), work, fallback=True, retries=0, breaker=EAGER)
    assert [reply.model for reply in replies] == [CONTROL] * 5 + [TREATMENT] * 5
    breaker = guards_of(monitor)[TREATMENT]["breaker"]
    assert (breaker["state"], breaker["probes"], breaker["failed_probes"]) == ("closed", 2, 0)
    assert [event["state"] for event in monitor.report()["guards"]["events"]] == ["open", "half-open", "closed"]


def test_breaker_without_fallback(relay):
    """Failures are errors of the user; once it is open, the control answers."""
    relay.control(faults=[DOWN])

    async def work(client):
        for _ in range(5):
            with pytest.raises(RequestFailedError):
                await ask(client, 1)
        return await ask(client, 1)

    [reply] = using(halves(), work, retries=0, breaker=True)
    assert (reply.model, reply.failed.error_kind) == (CONTROL, "breaker-open")


def test_no_breaker_without_fallback_unless_asked_for(relay):
    """A stand-in that hides failures must be requested."""
    relay.control(faults=[DOWN])

    async def work(client):
        for _ in range(8):
            with pytest.raises(RequestFailedError):
                await ask(client, 1)
        return client.monitor.report()["guards"]

    assert using(halves(), work, retries=0) == {"arms": [], "events": []}
    assert relay.stats()["requests"] == {TREATMENT: 8}


def test_testers_and_the_control_pass_an_open_breaker(relay):
    """A forced request shows whether the arm is well again; the control has no stand-in."""
    relay.control(faults=[DOWN, {"kind": "503", "model": CONTROL, "match": "forced"}])

    async def work(client):
        await ask(client, 6)
        before = relay.stats()["requests"][TREATMENT]
        await client.chat(user("hi"), force=TREATMENT)
        return relay.stats()["requests"][TREATMENT] - before

    assert using(halves(), work, fallback=True, retries=0) == 1


def test_cancelled_requests_do_not_open_the_breaker(relay):
    """The arm is not to blame for users who leave."""
    relay.control(faults=[{"kind": "hang", "model": TREATMENT, "times": 8}])

    async def work(client):
        for _ in range(8):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(client, 1), 0.05)
        return await ask(client, 1)

    [reply] = using(halves(), work, fallback=True, timeout_s=5)
    assert reply.model == TREATMENT


def test_streams_open_the_breaker(relay):
    """A stream that breaks after its first piece is a failure too."""
    relay.control(faults=[{"kind": "sse", "events": 3, "then": "drop", "model": TREATMENT, "times": None}])

    async def read(client):
        stream = client.stream(user("hi"), unit=FIRST)
        return "".join([piece async for piece in stream]), stream.reply

    async def work(client):
        for _ in range(5):
            with pytest.raises(RequestFailedError):
                await read(client)
        return await read(client)

    text, reply = using(halves(), work, fallback=True)
    assert (text, reply.model, reply.failed.error_kind) == (f"Answer of {CONTROL} to: hi", CONTROL, "breaker-open")


def test_user_who_leaves_a_stream_does_not_open_the_breaker(relay):
    """Not even one who had read for long: the arm had answered."""
    relay.control(faults=[{"kind": "sse", "events": 3, "then": "hang", "model": TREATMENT, "times": None}])

    async def work(client):
        for _ in range(8):
            async with client.stream(user("hi"), unit=FIRST) as stream:
                async for _ in stream:
                    break
        return guards_of(client.monitor)[TREATMENT]["breaker"]["state"]

    assert using(halves(), work, fallback=True, breaker=BreakerPolicy(abandoned_s=0.0)) == "closed"


def test_bound_on_the_latency_of_a_stream_is_one_on_its_first_piece(relay):
    """An answer may take long once it has begun."""
    relay.control(faults=[{"kind": "sse", "gap": 0.03, "model": TREATMENT, "times": None}])

    async def read(client):
        return [piece async for piece in client.stream(user("hi"), unit=FIRST)]

    async def work(client):
        await asyncio.gather(*(read(client) for _ in range(30)))
        return guards_of(client.monitor)[TREATMENT]["breaker"]

    policy = BreakerPolicy(p95_s=1.0, min_requests=5)
    assert using(halves(), work, fallback=True, breaker=policy)["state"] == "closed"


def test_used_up_budget_sends_users_to_the_control(relay, tmp_path):
    """The worst case is reserved before each request, so the day costs no more than its budget."""
    log, budget = tmp_path / "traffic.jsonl", Decimal("0.0001")

    async def work(client):
        return await ask(client, 12, max_tokens=100), client.monitor

    replies, monitor = using(halves(), work, usd_per_day={TREATMENT: budget}, log=log)
    answered = [reply.model for reply in replies]
    sent = answered.count(TREATMENT)
    assert 0 < sent < 12
    assert answered == [TREATMENT] * sent + [CONTROL] * (12 - sent)
    assert replies[-1].failed.error_kind == "budget-used-up"
    spend = guards_of(monitor)[TREATMENT]["spend"]
    assert (spend["used_up"], spend["refused"]) == (True, 12 - sent)
    assert 0 < spend["spent_usd"] <= float(budget)
    assert relay.stats()["requests"] == {TREATMENT: sent, CONTROL: 12 - sent}
    assert monitor.state().total.cost_usd == Decimal(relay.stats()["billed"]["cost_usd"])
    assert any(line.startswith(f"{TREATMENT} has spent <$0.0001 of $0.0001 on ") for line in summary_of(monitor))
    [line] = lines_of(log, "guard")
    assert (line["guard"], line["state"]) == ("spend", "used-up")
    assert (
        f'graysplit_spend_usd_per_day{{arm="{TREATMENT}",experiment="halves"}} 0.0001' in exposition(monitor).decode()
    )


def test_refused_requests_do_not_open_the_breaker(relay):
    """A budget says nothing about the health of the arm."""

    async def work(client):
        await ask(client, 12, max_tokens=100)
        return guards_of(client.monitor)[TREATMENT]["breaker"]["state"]

    assert using(halves(), work, fallback=True, usd_per_day=0) == "closed"
    assert relay.stats()["requests"] == {CONTROL: 12}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"breaker": "yes"}, "SplitClient(breaker='yes'): it is not a policy"),
        ({"usd_per_day": {"oursx": 3}}, "there is no arm 'oursx'"),
        ({"usd_per_day": -1}, "SplitClient(usd_per_day=...): -1 is not a number of US dollars of 0 or more"),
        ({"usd_per_day": {TREATMENT: "20"}}, "SplitClient(usd_per_day=...): '20' is not a number of US dollars"),
    ],
)
def test_invalid_brakes_are_refused(relay, given, problem):
    """When the client is built."""
    with pytest.raises(UsageError) as caught:
        SplitClient(halves(), **given)
    assert caught.value.problem.startswith(problem)
