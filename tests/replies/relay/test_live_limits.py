"""Limits of live traffic: one request's 429 is its own, the limit shrinks by share, and recovers."""

import asyncio

import pytest

from pytest_graysplit.replies.relay.limits import LiveConcurrencyLimit, RateLimiter
from pytest_graysplit.replies.relay.retry import LiveRetryBudget


class Time:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


ALL_REFUSED = ([True] * 5_000, 0.001)


def limit_after(*phases, most=64):
    """Return the limiter after phases of outcomes, each with the seconds between them; True is a 429.

    Each request was sent under the limit of its time.
    """
    time = Time()
    limiter = LiveConcurrencyLimit(most, clock=time)
    for outcomes, step_s in phases:
        for limited in outcomes:
            time.now += step_s
            if limited:
                limiter.record_rate_limit(limiter.window)
            else:
                limiter.record_success()
    return limiter


def one_in(count, total):
    return [number % count == count - 1 for number in range(total)]


def test_few_rate_limits_leave_the_limit_alone():
    """2% of 429s: the limit stays where it is, for as long as they come."""
    limiter = limit_after((one_in(50, 6_400), 0.001))
    assert (limiter.limit, limiter.lowest) == (64, 64)


def test_limit_shrinks_by_the_share_of_rate_limits():
    """A relay that takes 20 at once refuses 44 of 64: the next window has 20."""
    limiter = limit_after(([True] * 24 + [False] * 40, 0.001))
    assert limiter.limit == 40
    assert limit_after(([True] * 44 + [False] * 20, 0.001)).limit == 32, "one step halves it at most"


def test_rate_limits_alone_never_go_below_the_floor():
    limiter = limit_after(ALL_REFUSED)
    assert (limiter.limit, limiter.lowest) == (8, 8)
    assert limit_after(ALL_REFUSED, most=4).limit == 1


def test_rate_limits_from_before_the_last_step_are_not_counted_again():
    """64 requests in flight meet the same full relay: they are one step."""
    limiter = LiveConcurrencyLimit(64, clock=Time())
    window = limiter.window
    for _ in range(64 + 64):
        limiter.record_rate_limit(window)
    assert limiter.limit == 32


@pytest.mark.parametrize("requests_per_s", [400, 25])
def test_limit_recovers_in_seconds(requests_per_s):
    assert limit_after(ALL_REFUSED).limit == 8
    assert limit_after(ALL_REFUSED, ([False] * 6 * requests_per_s, 1 / requests_per_s)).limit == 64


def test_relay_with_fewer_places_refuses_few_requests():
    """It takes 20 at once, and 64 are allowed: over 200 rounds it is kept busy, and less than a tenth is refused."""
    time = Time()
    limiter = LiveConcurrencyLimit(64, clock=time)
    answered = refused = 0
    for _ in range(200):
        time.now += 0.1
        window, sent = limiter.window, limiter.limit
        for number in range(sent):
            if number < 20:
                limiter.record_success()
            else:
                limiter.record_rate_limit(window)
        answered += min(sent, 20)
        refused += max(0, sent - 20)
    assert refused < 0.1 * (answered + refused)
    assert answered > 0.9 * 200 * 20


def test_slow_traffic_shrinks_the_limit_by_ten_outcomes_at_least():
    """One 429 among few requests says nothing about a share."""
    assert limit_after(([True] * 9, 1)).limit == 64
    assert limit_after(([True] * 10, 1)).limit == 32


def test_retries_of_live_traffic_are_a_share_of_recent_requests():
    """Many good requests save up a hundred retries, and then one in five requests is retried."""
    budget = LiveRetryBudget()
    for _ in range(100_000):
        budget.count_first()
    assert sum(budget.take() for _ in range(1_000)) == 100
    taken = 0
    for _ in range(1_000):
        budget.count_first()
        taken += budget.take() + budget.take()
    assert taken == pytest.approx(200, abs=1)


def test_first_retries_of_a_process_are_allowed():
    budget = LiveRetryBudget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]


def test_turn_after_the_deadline_is_refused_and_not_taken():
    """A queue of requests that have given up would otherwise hold all later ones back."""
    time = Time()

    async def run():
        pace = RateLimiter(60, clock=time, sleep=time.sleep)
        await pace.wait(time() + 1)
        for _ in range(100):
            with pytest.raises(TimeoutError):
                await pace.wait(time() + 0.5)
        began = time()
        await pace.wait(time() + 1)
        return time() - began

    assert asyncio.run(run()) == 1.0
