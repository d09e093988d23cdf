"""Limits on requests in flight and on their rate, and the delay of the event loop."""

import asyncio

import pytest

from pytest_graysplit.replies.relay import stats
from pytest_graysplit.replies.relay.limits import AdaptiveConcurrencyLimit, ConnectionSlots, RateLimiter
from pytest_graysplit.replies.relay.stats import EventLoopLag


def test_429_halves_the_limit_once_per_window():
    """The requests that were in flight together all get the same 429; they count once."""
    limiter = AdaptiveConcurrencyLimit(16)
    window = limiter.window
    for _ in range(5):
        limiter.record_rate_limit(window)
    assert (limiter.limit, limiter.lowest) == (8, 8)
    limiter.record_rate_limit(limiter.window)
    assert (limiter.limit, limiter.lowest) == (4, 4)


def test_limit_grows_by_one_per_window_of_successes_up_to_the_maximum():
    limiter = AdaptiveConcurrencyLimit(3)
    limiter.record_rate_limit(limiter.window)
    assert limiter.limit == 1
    limiter.record_success()
    assert limiter.limit == 2
    limiter.record_success()
    assert limiter.limit == 2
    for _ in range(9):
        limiter.record_success()
    assert (limiter.limit, limiter.lowest) == (3, 1)


def test_limit_is_never_below_one():
    limiter = AdaptiveConcurrencyLimit(1)
    limiter.record_rate_limit(limiter.window)
    assert limiter.limit == 1


def test_slots_are_first_come_first_served():
    """Waiting requests go in order, as many as there are slots, and the most recently used one first."""

    async def run():
        slots, order = ConnectionSlots(["a", "b"], AdaptiveConcurrencyLimit(2)), []
        assert (await slots.acquire(), await slots.acquire()) == ("b", "a")

        async def wait(name):
            order.append((name, await slots.acquire()))

        waiting = [asyncio.ensure_future(wait(number)) for number in range(3)]
        await asyncio.sleep(0)
        slots.release("a")
        slots.release("b")
        await asyncio.wait(waiting[:2])
        slots.release("a")
        await asyncio.wait(waiting)
        return order

    assert asyncio.run(run()) == [(0, "a"), (1, "b"), (2, "a")]


def test_cancelled_request_loses_no_slot():
    """It passes its slot on, whether it was still waiting or had just been admitted."""

    async def run():
        slots = ConnectionSlots(["only"], AdaptiveConcurrencyLimit(1))
        await slots.acquire()
        waiting, called, last = (asyncio.ensure_future(slots.acquire()) for _ in range(3))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        slots.release("only")
        called.cancel()
        await asyncio.wait([called])
        return await asyncio.wait_for(last, 5), waiting.cancelled(), called.cancelled()

    assert asyncio.run(run()) == ("only", True, True)


def test_lower_limit_holds_requests_back_until_enough_slots_are_free():
    async def run():
        limiter = AdaptiveConcurrencyLimit(2)
        slots = ConnectionSlots(["a", "b"], limiter)
        first, second = await slots.acquire(), await slots.acquire()
        limiter.record_rate_limit(limiter.window)
        third = asyncio.ensure_future(slots.acquire())
        slots.release(first)
        await asyncio.sleep(0)
        early = third.done()
        slots.release(second)
        return early, await third

    assert asyncio.run(run()) == (False, "a")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def paced(requests_per_min, work):
    simulated = Time()
    asyncio.run(work(RateLimiter(requests_per_min, clock=lambda: simulated.now, sleep=simulated.sleep)))
    return simulated.slept


def test_rate_limiter_spreads_requests_evenly():
    async def work(pace):
        for _ in range(3):
            await pace.wait()

    assert paced(120, work) == [0.5, 0.5]
    assert paced(None, work) == []


def test_requested_pause_holds_all_requests_back():
    async def work(pace):
        pace.pause(2.0)
        pace.pause(1.0)
        for _ in range(2):
            await pace.wait()

    assert paced(None, work) == [2.0]


def test_loop_lag_is_the_delay_after_a_sleep(monkeypatch):
    """By the given clock: after a sleep of 1 ms, this one has moved by 151 ms."""
    monkeypatch.setattr(stats, "PERIOD_S", 0.001)

    async def run():
        simulated = Time()
        lag = EventLoopLag(lambda: simulated.now)
        await lag.stop()
        assert lag.p95_s == 0.0
        lag.start()
        await asyncio.sleep(0)
        simulated.now += 0.151
        while not lag.p95_s:  # noqa: ASYNC110 # the number has no event to wait for
            await asyncio.sleep(0)
        await lag.stop()
        return lag.p95_s

    assert asyncio.run(run()) == pytest.approx(0.15)
