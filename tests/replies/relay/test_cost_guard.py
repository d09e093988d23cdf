"""What each kind of attempt leaves in the account, against a real relay that bills by its own count."""

import asyncio
import socket
import time
from decimal import Decimal

import pytest

from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import BudgetExceededError
from pytest_graysplit.replies.budget import BudgetTracker, MemoryLedger, token_limit
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.relay import cost_guard
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.cost_guard import CostGuard

MODEL = "deepseek-v3.2"
PRICE = {"input": "3", "output": "150"}
PRICES = PriceTable({MODEL: {name: Decimal(price) for name, price in PRICE.items()}})


def a_body(prompt="Explain CAP", **params):
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 6, **params}


class Desk:
    """A relay with a price list, and clients that ask it out of one account."""

    def __init__(self, relay):
        self.relay = relay
        relay.control(prices={MODEL: PRICE})
        self.most = PRICES.at_most_usd(MODEL, *self.bound(a_body())[:2])
        self.account("10")

    @staticmethod
    def bound(body):
        return token_limit(body)

    def account(self, cap, patience_s=60):
        self.tracker = BudgetTracker(Decimal(cap), MemoryLedger())
        self.guard = CostGuard(self.tracker, PRICES, cap_usd=Decimal(cap), patience_s=patience_s)

    def ask(self, *bodies, url=None, **settings):
        """Ask all at once; return replies, and the error of what was not asked."""

        async def run():
            chosen = Settings(**{"base_url": url or self.relay.url, "retries": 0, **settings})
            async with Relay(chosen, is_refusal=lambda text: False, cost_guard=self.guard) as relay:
                asked = [relay.ask(MODEL, body) for body in bodies]
                return await asyncio.gather(*asked, return_exceptions=True)

        return asyncio.run(run())

    @property
    def spent(self):
        return self.tracker.usage().usd

    @property
    def billed(self):
        return Decimal(self.relay.stats()["billed"]["cost_usd"])


@pytest.fixture
def desk(relay):
    return Desk(relay)


def test_a_reply_is_settled_at_what_it_cost(desk):
    """To the last digit of what the relay billed."""
    desk.ask(a_body(), a_body("Another one, a little longer"))
    assert desk.spent == desk.billed > 0


@pytest.mark.parametrize("kind", ["400", "402", "404", "413", "422", "429", "quota", "filter-400", "param-400"])
def test_a_refusal_costs_nothing(desk, kind):
    """No model has worked on it; a second request still goes under a cap of one."""
    desk.account(desk.most)
    desk.relay.control(faults=[{"kind": kind, "message": "no"}])
    desk.ask(a_body())
    assert desk.spent == 0
    desk.ask(a_body())
    assert desk.spent == desk.billed > 0


@pytest.mark.parametrize(
    "kind", ["500", "502", "503", "drop", "bill-drop", "cut", "garbage", "html", "no-choices", "error-200", "no-usage"]
)
def test_what_may_have_been_billed_stays_spent(desk, kind):
    """All of the reservation, told apart from what is certain, and never less than the relay's own count."""
    desk.relay.control(faults=[{"kind": kind}])
    desk.ask(a_body())
    assert desk.spent == desk.tracker.usage().unconfirmed_usd == desk.most
    assert desk.billed <= desk.most


def test_a_timeout_stays_spent(desk):
    """The relay answers, and bills, when nobody waits any more."""
    desk.relay.control(faults=[{"kind": "slow", "latency": 0.2}])
    [reply] = desk.ask(a_body(), timeout_s=0.05)
    assert reply.error_slug == "relay-timeout"
    while desk.relay.stats()["in_flight"]:
        time.sleep(0.02)
    assert 0 < desk.billed <= desk.spent == desk.most


def test_what_never_left_costs_nothing(desk):
    """Nobody listens at the address."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        [reply] = desk.ask(a_body(), url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
    assert reply.error_slug == "relay-unreachable"
    assert desk.spent == 0


def test_each_attempt_pays_anew(desk):
    """Two drops and an answer cost two worst cases and what the answer cost."""
    desk.relay.control(faults=[{"kind": "drop", "times": 2}])
    [reply] = desk.ask(a_body(), retries=3)
    assert reply.attempts == 3
    assert desk.spent == 2 * desk.most + desk.billed


def test_a_retry_that_does_not_fit_is_not_made(desk):
    """The request ends as one that was not asked: nothing is said of the model."""
    desk.account(desk.most * Decimal("1.5"))
    desk.relay.control(faults=[{"kind": "drop", "times": None}])
    [error] = desk.ask(a_body(), retries=3)
    assert isinstance(error, BudgetExceededError)
    assert desk.relay.stats()["total"] == 1


def test_a_request_waits_for_what_others_give_back(desk):
    """The worst cases do not fit together, and what they really cost does: all are answered in the end."""
    bodies = [a_body("Hm", max_tokens=limit) for limit in (20, 20, 20, 20, 20)]
    worst = PRICES.at_most_usd(MODEL, *desk.bound(bodies[0])[:2])
    desk.account(worst * 2)
    desk.relay.control(faults=[{"kind": "text", "text": "Hm.", "times": None}])
    replies = desk.ask(*bodies)
    assert [reply.text for reply in replies] == ["Hm."] * 5
    assert desk.spent == desk.billed
    assert desk.relay.stats()["peak_in_flight"] <= 2


def test_the_message_names_the_cap_and_the_remedy(desk):
    """In the form of every message."""
    desk.account("0.0005")
    [error] = desk.ask(a_body())
    assert str(error) == (
        "not asked: the cap of $0.0005 is used up\n"
        "  hint: raise --graysplit-max-cost and run again: what was answered is kept  [budget-used-up]"
    )
    assert desk.relay.stats()["total"] == 0


def test_a_request_that_nobody_can_bound_is_not_sent(desk):
    """Without a limit on the answer, or a price of the model."""
    body = a_body()
    del body["max_tokens"]
    [error] = desk.ask(body)
    assert isinstance(error, BudgetExceededError)
    assert desk.relay.stats()["total"] == 0


def test_the_wait_for_a_stale_reservation_times_out(desk, monkeypatch):
    """When nothing is settled for longer than the patience, what is set aside belongs to a process that is gone."""
    monkeypatch.setattr(cost_guard, "POLL_S", 0)
    desk.account(desk.most, patience_s=0)
    desk.tracker.reserve(desk.tracker.reservation("gone", desk.most / 2))
    [error] = desk.ask(a_body())
    assert isinstance(error, BudgetExceededError)
    assert desk.relay.stats()["total"] == 0


def test_a_cancelled_request_gives_back_only_what_was_never_sent(desk):
    """One is in flight and one waits for a place when both are cancelled."""
    desk.relay.control(faults=[{"kind": "hang", "times": None}])

    async def run():
        chosen = Settings(base_url=desk.relay.url, retries=0)
        async with Relay(chosen, is_refusal=lambda text: False, concurrency=1, cost_guard=desk.guard) as relay:
            tasks = [asyncio.create_task(relay.ask(MODEL, a_body())) for _ in range(2)]
            while desk.spent < 2 * desk.most or not relay.stats().requests:  # noqa: ASYNC110 # in another process
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert desk.spent == desk.most


def test_a_relay_that_bills_above_its_price_is_believed(desk):
    """What the first answer cost above its reservation scales the second one's: it does not fit any more."""
    cheap = PriceTable({MODEL: {"input": Decimal(1), "output": Decimal(1)}})
    desk.guard = CostGuard(desk.tracker, cheap, cap_usd=Decimal(10), patience_s=60)
    body = {**a_body(), "max_tokens": 2}
    desk.relay.control(faults=[{"kind": "reported", "cost": "6"}])
    desk.ask(body)
    assert desk.spent == 6
    assert desk.tracker.usage().price_overruns[MODEL] > 1000
    [error] = desk.ask(body)
    assert isinstance(error, BudgetExceededError)
