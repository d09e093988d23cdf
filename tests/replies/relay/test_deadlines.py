"""One deadline for all attempts and waits of a request of live traffic, and relays that share nothing."""

import asyncio
import threading

import pytest
from relay_server.client import RunningRelay

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.relay import outgoing, pipe
from pytest_graysplit.replies.relay.client import Relay

MODEL = "deepseek-v3.2"
ARM = Arm.plain(MODEL)


class Time:
    """A clock that only the sleeping of retries moves, and real events beside it."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def running():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """Start a relay, reached without any proxy of this machine."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running.reset()
    return running


def body_of(prompt="Explain CAP"):
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}


def use(url, work, *, time=None, concurrency=4, requests_per_min=None, **settings):
    """Run `work(relay)` with a relay of live traffic; with `time`, its waits are simulated."""
    simulated = {"clock": time, "sleep": time.sleep} if time else {}

    async def run():
        chosen = Settings(base_url=url, concurrency=concurrency, requests_per_min=requests_per_min, **settings)
        async with Relay(chosen, is_refusal=lambda text: False, live=True, **simulated) as relay:
            return await work(relay)

    return asyncio.run(run())


def ask(server, deadline_s, **settings):
    async def work(relay):
        return await relay.attempt(ARM, body_of(), deadline_s=deadline_s)

    return use(server.url, work, **settings)


def test_hanging_relay_ends_by_the_deadline(server):
    """The attempt is cut, its latency is kept, and nothing is said about further requests."""
    server.control(faults=[{"kind": "hang", "times": None}])
    reply, stop = ask(server, 0.1)
    assert (reply.error, reply.error_slug) == ("no whole answer within 0.1 s, after 1 attempt", "relay-timeout")
    assert (reply.attempts, reply.retried, reply.retryable, stop) == (1, (), True, None)
    assert reply.latency_s >= 0.09
    assert reply.queue_s + reply.backoff_s + reply.latency_s >= 0.09


def test_deadline_counts_all_attempts(server):
    """The first attempt breaks, the second hangs."""
    server.control(faults=[{"kind": "drop"}, {"kind": "hang", "times": None}])

    async def soon(_):
        await asyncio.sleep(0)

    async def run():
        async with Relay(Settings(base_url=server.url), is_refusal=lambda text: False, live=True, sleep=soon) as relay:
            return await relay.attempt(ARM, body_of(), deadline_s=0.6)

    reply, _ = asyncio.run(run())
    assert reply.error == "no whole answer within 0.6 s, after 2 attempts"
    assert (reply.attempts, reply.retried) == (2, ("relay-unreachable",))


def test_connection_of_a_cut_attempt_is_not_used_again(server):
    """Its late answer would otherwise belong to the next request."""
    server.control(faults=[{"kind": "slow", "latency": 0.3}])
    before = server.stats()["connections"]

    async def work(relay):
        late, _ = await relay.attempt(ARM, body_of("The slow one"), deadline_s=0.1)
        return late, await asyncio.gather(*(relay.ask(ARM, body_of(f"Question {n}")) for n in range(4)))

    late, replies = use(server.url, work, concurrency=1)
    assert late.error_slug == "relay-timeout"
    assert [reply.text for reply in replies] == [f"Answer of {MODEL} to: Question {n}" for n in range(4)]
    assert server.stats()["connections"] - before == 2 + 1, "the last one asked for the statistics"


def test_retry_that_would_miss_the_deadline_is_not_waited_for(server):
    """A relay that asks for 30 s fails the request at once, so that another arm can answer it."""
    time = Time()
    server.control(faults=[{"kind": "429", "retry_after": 30, "times": None}])
    reply, stop = ask(server, 3, time=time)
    assert reply.error == (
        "the relay answered 429: rate limit reached, slow down (a retry after 30 s would miss the deadline)"
    )
    assert (reply.error_slug, reply.attempts, reply.backoff_s, stop) == ("relay-rate-limited", 1, 0.0, None)
    assert time.slept == []


def test_wait_over_a_minute_fails_only_its_own_request_under_a_deadline(server):
    server.control(faults=[{"kind": "429", "retry_after": 3600, "times": None}])
    reply, stop = ask(server, 3, time=Time())
    assert (reply.error_slug, stop) == ("relay-rate-limited", None)


def test_waits_add_up_to_the_deadline(server):
    """Retry-After 1 under a deadline of 2.5 s: two waits, and no third."""
    time = Time()
    server.control(faults=[{"kind": "429", "retry_after": 1, "times": None}])
    reply, _ = ask(server, 2.5, time=time, retries=5)
    assert (reply.attempts, reply.backoff_s, time.slept) == (3, 2.0, [1.0, 1.0])
    assert reply.retried == ("relay-rate-limited", "relay-rate-limited")


def test_request_that_found_no_connection_says_so(server):
    """It was not sent, so it has no latency."""
    server.control(faults=[{"kind": "hang", "times": None}])

    async def work(relay):
        return await asyncio.gather(*(relay.attempt(ARM, body_of(), deadline_s=d) for d in (0.4, 0.1)))

    (first, _), (second, _) = use(server.url, work, concurrency=1)
    assert (first.attempts, second.attempts) == (1, 0)
    assert second.error == "not sent within 0.1 s, because other requests were before it"
    assert (second.error_slug, second.latency_s) == ("relay-timeout", None)
    assert second.queue_s >= 0.09
    assert server.stats()["total"] == 1


def test_wait_for_the_first_request_of_a_model_ends_by_the_deadline(server):
    """An unlisted model begins with one request alone, which hangs here."""
    server.control(models=["another"], faults=[{"kind": "hang", "times": None}])

    async def work(relay):
        await relay.preflight([MODEL])
        return await asyncio.gather(*(relay.attempt(ARM, body_of(), deadline_s=d) for d in (0.4, 0.1)))

    (first, _), (second, _) = use(server.url, work)
    assert (first.attempts, second.attempts) == (1, 0)
    assert second.error == "not sent within 0.1 s, because other requests were before it"


def test_headers_of_each_request_are_not_kept_for_ever(server, monkeypatch):
    """A trace id, for example, is another one each time."""
    monkeypatch.setattr(outgoing, "MOST_HEADER_SETS", 3)

    async def work(relay):
        for number in range(10):
            await relay.attempt(ARM, body_of(), headers={"X-Trace": f"t{number}"}, deadline_s=20)
        return len(relay._writer._headers)

    assert use(server.url, work) <= 3
    assert server.stats()["headers"]["x-trace"] == "t9"


def test_turn_after_the_deadline_is_not_waited_for(server):
    """One request per minute: the second would be sent in a minute."""
    time = Time()

    async def work(relay):
        return [(await relay.attempt(ARM, body_of(), deadline_s=3))[0] for _ in range(2)]

    first, second = use(server.url, work, time=time, requests_per_min=1)
    assert (first.outcome, second.error_slug, second.attempts) == ("ok", "relay-timeout", 0)
    assert time.slept == []


def test_rate_limit_of_one_request_pauses_no_other(server):
    """Retry-After 5 for one of two: the other one is sent at once."""
    time = Time()
    server.control(faults=[{"kind": "429", "retry_after": 5, "match": "first"}])

    async def work(relay):
        first = asyncio.ensure_future(relay.attempt(ARM, body_of("first"), deadline_s=60))
        while not time.slept:  # noqa: ASYNC110 # the retry of the first is under way
            await asyncio.sleep(0)
        second, _ = await relay.attempt(ARM, body_of("second"), deadline_s=60)
        return (await first)[0], second, relay.stats()

    first, second, stats = use(server.url, work, time=time)
    assert (first.outcome, first.backoff_s, first.attempts) == ("ok", 5.0, 2)
    assert (second.outcome, second.backoff_s, second.queue_s) == ("ok", 0.0, 0.0)
    assert (time.slept, stats.rate_limited, stats.lowest_concurrency) == ([5.0], 1, 4)


def test_relay_that_refuses_everything_is_not_asked_four_times_each(server):
    """Retries of 429s take from the budget: a full relay gets a fifth more requests, and not three times as many."""
    server.control(faults=[{"kind": "429", "times": None}])

    async def work(relay):
        replies = [(await relay.attempt(ARM, body_of(), deadline_s=60))[0] for _ in range(100)]
        return {reply.outcome for reply in replies}

    assert use(server.url, work, time=Time(), retries=3) == {"error"}
    assert 125 <= server.stats()["total"] <= 130


def test_relay_whose_name_server_hangs_delays_no_other(server, monkeypatch):
    """Not even with more lookups than the event loop has threads for; and it is not waited for at the end."""
    answered, look_up = threading.Event(), pipe._SOCKETS.look_up

    def hang(host, *rest):
        if host == "hanging.example":
            answered.wait(30)
            raise OSError("no such name")
        return look_up(host, *rest)

    monkeypatch.setattr(pipe._SOCKETS, "look_up", hang)

    async def run():
        stuck, good = (
            Relay(Settings(base_url=url, concurrency=64), is_refusal=lambda text: False, live=True)
            for url in ("http://hanging.example/v1", server.url)
        )
        async with stuck, good:
            waiting = [asyncio.ensure_future(stuck.attempt(ARM, body_of(), deadline_s=0.5)) for _ in range(64)]
            await asyncio.sleep(0)
            reply, _ = await good.attempt(ARM, body_of(), deadline_s=20)
            others = await asyncio.to_thread(lambda: "done")
            return reply, others, [one for one, _ in await asyncio.gather(*waiting)]

    try:
        reply, others, late = asyncio.run(run())
    finally:
        answered.set()
    assert (reply.outcome, others) == ("ok", "done")
    assert {one.error_slug for one in late} == {"relay-timeout"}


def test_relays_of_one_address_share_no_limit(server):
    """The first is full and rate limited; the second has its own connections, limit, budget and rate."""
    server.control(faults=[{"kind": "429", "match": "first", "times": None}])

    async def run():
        chosen = Settings(base_url=server.url, concurrency=10, retries=3)
        time = Time()
        one, other = (
            Relay(chosen, is_refusal=lambda text: False, live=True, clock=time, sleep=time.sleep) for _ in range(2)
        )
        async with one, other:
            failed = await asyncio.gather(*(one.attempt(ARM, body_of("first"), deadline_s=60) for _ in range(40)))
            server.control(faults=[{"kind": "500", "match": "second", "times": 3}])
            reply, _ = await other.attempt(ARM, body_of("second"), deadline_s=60)
            return {one.outcome for one, _ in failed}, reply, one.stats(), other.stats()

    outcomes, reply, full, free = asyncio.run(run())
    assert outcomes == {"error"}
    assert (reply.outcome, reply.attempts) == ("ok", 4)
    assert (full.lowest_concurrency, free.lowest_concurrency, free.rate_limited) == (1, 10, 0)
