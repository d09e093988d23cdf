"""The daily budget of an arm, against a real relay that bills by its own count."""

import asyncio
import threading
from decimal import Decimal

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import BudgetExceededError
from pytest_graysplit.replies.budget import token_limit
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.traffic.guards.daily_spend import DailySpend, DailySpendGuard

MODEL = "deepseek-v3.2"
PRICE = {"input": "3", "output": "150"}
PRICES = PriceTable({MODEL: {name: Decimal(price) for name, price in PRICE.items()}})
MIDNIGHT = 20_000 * 86_400  # 2024-10-04
DAY = "2024-10-03"


def a_body(prompt="Explain CAP", **params):
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 6, **params}


MOST = PRICES.at_most_usd(MODEL, *token_limit(a_body())[:2])


class Day:
    """A clock that begins ten seconds before midnight."""

    def __init__(self):
        self.now = MIDNIGHT - 10.0

    def __call__(self):
        return self.now


@pytest.fixture
def day():
    return Day()


def spending(amount, day, **fields):
    return DailySpend(Decimal(amount), wall_clock=day, **fields)


async def no_wait(_):
    await asyncio.sleep(0)


def ask(relay, spend, *bodies, deadline_s=20, retries=0):
    """Send all requests at once; return replies, and the errors of requests that were not sent."""
    relay.control(prices={MODEL: PRICE})

    async def run():
        chosen, guard = Settings(base_url=relay.url, retries=retries), DailySpendGuard(spend, PRICES)
        async with Relay(chosen, is_refusal=lambda text: False, cost_guard=guard, live=True, sleep=no_wait) as client:
            asked = [client.attempt(Arm.plain(MODEL), body, deadline_s=deadline_s) for body in bodies]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            return [answer if isinstance(answer, Exception) else answer[0] for answer in answers]

    return asyncio.run(run())


def billed(relay):
    return Decimal(relay.stats()["billed"]["cost_usd"])


def test_spending_is_the_bill_of_the_relay(relay, day):
    """To the last digit; nothing stays reserved."""
    spend = spending("10", day)
    ask(relay, spend, *(a_body(f"Question {n}") for n in range(5)))
    status = spend.status()
    assert status.spent_usd == billed(relay) > 0
    assert (status.day, status.reserved_usd, status.refused, status.is_used_up) == (DAY, 0, 0, False)


def test_bill_never_exceeds_the_limit(relay, day):
    """Forty requests at once, and room for a few worst cases."""
    spend = spending(MOST * 4, day)
    answers = ask(relay, spend, *(a_body(f"Question {n}") for n in range(40)))
    errors = [answer for answer in answers if isinstance(answer, BudgetExceededError)]
    assert 0 < len(errors) < 40
    assert 0 < billed(relay) <= MOST * 4
    assert spend.status().refused == len(errors)
    assert relay.stats()["total"] == 40 - len(errors), "a refused request is not sent"


def test_request_without_room_beside_those_in_flight_is_refused_alone(relay, day):
    """It does not wait, and it does not end the day."""
    spend = spending(MOST * Decimal("1.5"), day)
    first, second = ask(relay, spend, a_body(), a_body())
    assert (first.outcome, type(second)) == ("ok", BudgetExceededError)
    assert not spend.status().is_used_up


def test_first_request_that_can_never_fit_ends_the_day(relay, day):
    """A shorter one would still fit, but length must not decide who is compared."""
    spend = spending(MOST * Decimal("1.1"), day)
    [long] = ask(relay, spend, a_body("Explain CAP " * 500))
    [short] = ask(relay, spend, a_body())
    assert isinstance(long, BudgetExceededError)
    assert isinstance(short, BudgetExceededError)
    assert spend.status().is_used_up
    assert "the limit of this arm per day (UTC)" in str(short)


def test_next_day_begins_at_zero(relay, day):
    spend = spending(MOST * Decimal("1.1"), day, spent_usd=MOST)
    [refused] = ask(relay, spend, a_body())
    day.now += 20
    [answered] = ask(relay, spend, a_body())
    assert isinstance(refused, BudgetExceededError)
    assert answered.outcome == "ok"
    status = spend.status()
    assert (status.day, status.refused, status.spent_usd) == ("2024-10-04", 0, billed(relay))


def test_clock_that_is_set_back_gives_no_second_budget(relay, day):
    day.now = MIDNIGHT + 10
    spend = spending(MOST, day, spent_usd=MOST)
    day.now = MIDNIGHT - 10
    assert isinstance(ask(relay, spend, a_body())[0], BudgetExceededError)
    day.now = MIDNIGHT + 20
    assert isinstance(ask(relay, spend, a_body())[0], BudgetExceededError)


def test_attempt_in_flight_at_midnight_stays_reserved(day):
    spend = spending(MOST * 2, day)
    wanted = spend.reservation(MODEL, MOST)
    assert spend.reserve(wanted) == "reserved"
    day.now += 20
    assert spend.status().reserved_usd == MOST
    spend.settle(wanted, Decimal("0.0001"))
    assert (spend.status().reserved_usd, spend.status().spent_usd) == (0, Decimal("0.0001"))


def test_attempt_that_a_deadline_cut_stays_spent(relay, day):
    """The relay may bill it after the user has left."""
    relay.control(faults=[{"kind": "hang"}])
    spend = spending("10", day)
    [late] = ask(relay, spend, a_body(), deadline_s=0.1)
    assert late.error_slug == "relay-timeout"
    assert (spend.status().spent_usd, spend.status().unconfirmed_usd) == (MOST, MOST)


def test_rate_limited_attempt_costs_nothing(relay, day):
    relay.control(faults=[{"kind": "429", "times": None, "retry_after": 30}])
    spend = spending("10", day)
    [failed] = ask(relay, spend, a_body(), deadline_s=3)
    assert (failed.error_slug, spend.status().spent_usd) == ("relay-rate-limited", 0)


def test_retry_without_room_leaves_the_result_of_the_attempt_before(relay, day):
    """It was sent once, and is counted once."""
    relay.control(faults=[{"kind": "drop", "times": None}])
    spend = spending(MOST * Decimal("1.5"), day)
    [failed] = ask(relay, spend, a_body(), retries=3)
    assert (failed.error_slug, failed.attempts, failed.retried) == ("relay-unreachable", 1, ())
    assert relay.stats()["total"] == 1


@pytest.mark.parametrize("body", [a_body(max_tokens=None), {**a_body(), "max_tokens": "many"}])
def test_request_without_a_maximum_cost_is_refused_and_counted(relay, day, body):
    spend = spending("10", day)
    [refused] = ask(relay, spend, body)
    assert isinstance(refused, BudgetExceededError)
    assert "the maximum cost of a request to deepseek-v3.2 is unknown" in str(refused)
    assert (spend.status().unbounded, relay.stats()["total"]) == (1, 0)


def test_price_that_was_too_low_is_learned(day):
    """The next reservation is as much larger as the bill was."""
    spend = spending("10", day)
    wanted = spend.reservation(MODEL, Decimal("0.01"))
    spend.reserve(wanted)
    spend.settle(wanted, Decimal("0.05"))
    spend.reserve(wanted)
    assert spend.status().reserved_usd == Decimal("0.05")


def test_threads_never_reserve_more_than_the_limit(day):
    spend = spending("1", day)
    wanted, got = spend.reservation(MODEL, Decimal("0.001")), []

    def work():
        got.extend(spend.reserve(wanted) for _ in range(1_000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count("reserved") == 1_000
    assert spend.status().reserved_usd == 1
