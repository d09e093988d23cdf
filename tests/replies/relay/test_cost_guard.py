"""The effect of each kind of attempt on the budget, against a real relay that bills by its own count."""

import asyncio
import socket
import time
from decimal import Decimal

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import BudgetExceededError
from pytest_graysplit.replies.budget import BudgetTracker, MemoryLedger, token_limit
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.relay import cost_guard
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.cost_guard import CostGuard

MODEL = "deepseek-v3.2"
PRICE = {"input": "3", "output": "150"}
FREE = {"input": Decimal(0), "output": Decimal(0)}
DEAR = {"input": Decimal(700), "output": Decimal(900)}
PRICES = PriceTable({MODEL: {name: Decimal(price) for name, price in PRICE.items()}})


def a_body(prompt="Explain CAP", **params):
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 6, **params}


class CappedRelay:
    """A relay with a price list, and clients that share one budget."""

    def __init__(self, relay):
        self.relay = relay
        relay.control(prices={MODEL: PRICE})
        self.most = PRICES.at_most_usd(MODEL, *self.limit_of(a_body())[:2])
        self.set_cap("10")

    @staticmethod
    def limit_of(body):
        return token_limit(body)

    def set_cap(self, cap, patience_s=60):
        self.tracker = BudgetTracker(Decimal(cap), MemoryLedger())
        self.guard = CostGuard(self.tracker, PRICES, cap_usd=Decimal(cap), patience_s=patience_s)

    def ask(self, *bodies, url=None, **settings):
        """Send all requests at once; return replies, and the errors of requests that were not sent."""

        async def run():
            chosen = Settings(**{"base_url": url or self.relay.url, "retries": 0, **settings})
            async with Relay(chosen, is_refusal=lambda text: False, cost_guard=self.guard) as relay:
                asked = [relay.ask(Arm.plain(MODEL), body) for body in bodies]
                return await asyncio.gather(*asked, return_exceptions=True)

        return asyncio.run(run())

    @property
    def spent(self):
        return self.tracker.usage().usd

    @property
    def billed(self):
        return Decimal(self.relay.stats()["billed"]["cost_usd"])


@pytest.fixture
def capped_relay(relay):
    return CappedRelay(relay)


def test_reply_is_settled_at_its_cost(capped_relay):
    """To the last digit of the relay's bill."""
    capped_relay.ask(a_body(), a_body("Another one, a little longer"))
    assert capped_relay.spent == capped_relay.billed > 0


@pytest.mark.parametrize("kind", ["400", "402", "404", "413", "422", "429", "quota", "filter-400", "param-400"])
def test_refusal_costs_nothing(capped_relay, kind):
    """No model has worked on it; a second request still fits under a cap of one."""
    capped_relay.set_cap(capped_relay.most)
    capped_relay.relay.control(faults=[{"kind": kind, "message": "no"}])
    capped_relay.ask(a_body())
    assert capped_relay.spent == 0
    capped_relay.ask(a_body())
    assert capped_relay.spent == capped_relay.billed > 0


@pytest.mark.parametrize(
    "kind", ["500", "502", "503", "drop", "bill-drop", "cut", "garbage", "html", "no-choices", "error-200", "no-usage"]
)
def test_failure_that_may_have_been_billed_stays_spent(capped_relay, kind):
    """All of the reservation, marked as unconfirmed, and never less than the relay's own count."""
    capped_relay.relay.control(faults=[{"kind": kind}])
    capped_relay.ask(a_body())
    assert capped_relay.spent == capped_relay.tracker.usage().unconfirmed_usd == capped_relay.most
    assert capped_relay.billed <= capped_relay.most


def test_timeout_stays_spent(capped_relay):
    """The relay answers, and bills, after the client has stopped waiting."""
    capped_relay.relay.control(faults=[{"kind": "slow", "latency": 0.2}])
    [reply] = capped_relay.ask(a_body(), timeout_s=0.05)
    assert reply.error_slug == "relay-timeout"
    while capped_relay.relay.stats()["in_flight"]:
        time.sleep(0.02)
    assert 0 < capped_relay.billed <= capped_relay.spent == capped_relay.most


def test_unsent_request_costs_nothing(capped_relay):
    """The address has no server."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        [reply] = capped_relay.ask(a_body(), url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
    assert reply.error_slug == "relay-unreachable"
    assert capped_relay.spent == 0


def test_each_attempt_makes_a_reservation(capped_relay):
    """Two drops and an answer cost two worst cases and the cost of the answer."""
    capped_relay.relay.control(faults=[{"kind": "drop", "times": 2}])
    [reply] = capped_relay.ask(a_body(), retries=3)
    assert reply.attempts == 3
    assert capped_relay.spent == 2 * capped_relay.most + capped_relay.billed


def test_retry_that_does_not_fit_is_not_made(capped_relay):
    """The request ends as one that was not sent: nothing is said about the model."""
    capped_relay.set_cap(capped_relay.most * Decimal("1.5"))
    capped_relay.relay.control(faults=[{"kind": "drop", "times": None}])
    [error] = capped_relay.ask(a_body(), retries=3)
    assert isinstance(error, BudgetExceededError)
    assert capped_relay.relay.stats()["total"] == 1


def test_request_waits_for_released_reservations(capped_relay):
    """The worst cases do not fit together, and the real costs do: all are answered in the end."""
    bodies = [a_body("Hm", max_tokens=limit) for limit in (20, 20, 20, 20, 20)]
    worst = PRICES.at_most_usd(MODEL, *capped_relay.limit_of(bodies[0])[:2])
    capped_relay.set_cap(worst * 2)
    capped_relay.relay.control(faults=[{"kind": "text", "text": "Hm.", "times": None}])
    replies = capped_relay.ask(*bodies)
    assert [reply.text for reply in replies] == ["Hm."] * 5
    assert capped_relay.spent == capped_relay.billed
    assert capped_relay.relay.stats()["peak_in_flight"] <= 2


def test_message_names_the_cap_and_the_remedy(capped_relay):
    """In the form of every message."""
    capped_relay.set_cap("0.0005")
    [error] = capped_relay.ask(a_body())
    assert str(error) == (
        "not asked: the cap of $0.0005 is used up\n"
        "  hint: raise --graysplit-max-cost and run again: what was answered is kept  [budget-used-up]"
    )
    assert capped_relay.relay.stats()["total"] == 0


def test_request_without_a_maximum_cost_is_not_sent(capped_relay):
    """Without a limit on the answer, or a price of the model."""
    body = a_body()
    del body["max_tokens"]
    [error] = capped_relay.ask(body)
    assert isinstance(error, BudgetExceededError)
    assert capped_relay.relay.stats()["total"] == 0


def test_reservation_wait_times_out(capped_relay, monkeypatch):
    """When nothing is settled for longer than the patience, the reservation belongs to a process that has died."""
    monkeypatch.setattr(cost_guard, "POLL_S", 0)
    capped_relay.set_cap(capped_relay.most, patience_s=0)
    capped_relay.tracker.reserve(capped_relay.tracker.reservation("gone", capped_relay.most / 2))
    [error] = capped_relay.ask(a_body())
    assert isinstance(error, BudgetExceededError)
    assert capped_relay.relay.stats()["total"] == 0


def test_cancelled_request_releases_only_an_unsent_reservation(capped_relay):
    """One is in flight and one waits for a place when both are cancelled."""
    capped_relay.relay.control(faults=[{"kind": "hang", "times": None}])

    async def run():
        chosen = Settings(base_url=capped_relay.relay.url, retries=0)
        async with Relay(chosen, is_refusal=lambda text: False, concurrency=1, cost_guard=capped_relay.guard) as relay:
            tasks = [asyncio.create_task(relay.ask(Arm.plain(MODEL), a_body())) for _ in range(2)]
            while capped_relay.spent < 2 * capped_relay.most or not relay.stats().requests:  # noqa: ASYNC110 # in another process
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert capped_relay.spent == capped_relay.most


def test_bill_above_the_price_scales_the_next_reservation(capped_relay):
    """The second reservation, scaled by the overrun of the first answer, does not fit any more."""
    cheap = PriceTable({MODEL: {"input": Decimal(1), "output": Decimal(1)}})
    capped_relay.guard = CostGuard(capped_relay.tracker, cheap, cap_usd=Decimal(10), patience_s=60)
    body = {**a_body(), "max_tokens": 2}
    capped_relay.relay.control(faults=[{"kind": "reported", "cost": "6"}])
    capped_relay.ask(body)
    assert capped_relay.spent == 6
    assert capped_relay.tracker.usage().price_overruns[MODEL] > 1000
    [error] = capped_relay.ask(body)
    assert isinstance(error, BudgetExceededError)


def test_arm_reserves_by_its_own_price(relay):
    """Two arms of one model have two prices: the free one is sent although the cap allows no call at the other's."""
    table = {MODEL: {name: Decimal(price) for name, price in PRICE.items()}, "arm ours:free": FREE, "arm dear": DEAR}
    prices = PriceTable(table)
    tracker = BudgetTracker(Decimal("0.0001"), MemoryLedger())
    guard = CostGuard(tracker, prices, cap_usd=Decimal("0.0001"), patience_s=0)
    arms = [Arm(name=name, model=MODEL, price=price) for name, price in (("ours:free", FREE), ("dear", DEAR))]

    async def run():
        async with Relay(Settings(base_url=relay.url), is_refusal=lambda text: False, cost_guard=guard) as client:
            asked = [client.ask(arm, a_body()) for arm in (*arms, Arm.plain(MODEL))]
            return await asyncio.gather(*asked, return_exceptions=True)

    free, *others = asyncio.run(run())
    assert (free.outcome, guard.cost_usd(free, arms[0].priced_as)) == ("ok", 0)
    assert guard.cost_usd(free, arms[1].priced_as) == (free.usage.prompt * 700 + free.usage.completion * 900) / Decimal(
        10**6
    )
    assert [type(one) for one in others] == [BudgetExceededError] * 2
    assert (relay.stats()["total"], tracker.usage().usd) == (1, 0)


ROUTES = {
    "responses": {"input": "Explain CAP", "max_output_tokens": 6},
    "messages": {"messages": [{"role": "user", "content": "Explain CAP"}], "max_tokens": 6},
    "embeddings": {"input": ["Explain CAP", "Explain it again"]},
}


def ask_as_application(capped_relay, body, route, model=MODEL):
    """Send one request; return the reply, or the error of a request that was not sent."""

    async def run():
        chosen = Settings(base_url=capped_relay.relay.url, retries=0)
        async with Relay(chosen, is_refusal=lambda text: False, cost_guard=capped_relay.guard) as relay:
            asked = relay.attempt(Arm.plain(model), {"model": model, **body}, route, keeps_answer=True)
            [answer] = await asyncio.gather(asked, return_exceptions=True)
            return answer if isinstance(answer, Exception) else answer[0]

    return asyncio.run(run())


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("route", ["responses", "messages"])
def test_reply_on_each_route_is_settled_at_its_cost(capped_relay, route, streams):
    reply = ask_as_application(capped_relay, ROUTES[route] | {"stream": streams}, route)
    assert bool(reply.served.events) == streams
    assert capped_relay.spent == capped_relay.billed > 0
    assert capped_relay.tracker.usage().unconfirmed_usd == 0


def test_embeddings_are_settled_at_their_cost(capped_relay):
    price = {"input": Decimal(3), "output": Decimal(0)}
    capped_relay.guard = CostGuard(capped_relay.tracker, PriceTable({MODEL: price}), cap_usd=Decimal(10), patience_s=60)
    assert ask_as_application(capped_relay, ROUTES["embeddings"], "embeddings").outcome == "ok"
    assert capped_relay.spent == capped_relay.billed > 0


def test_tokens_of_a_chat_stream_are_settled_at_their_cost(capped_relay):
    """The application does not ask for them, and without them its whole worst case would stay spent."""
    assert ask_as_application(capped_relay, a_body(stream=True), "chat").outcome == "ok"
    assert capped_relay.spent == capped_relay.billed > 0
    assert capped_relay.tracker.usage().unconfirmed_usd == 0


@pytest.mark.parametrize("route", ["chat", "responses", "messages"])
def test_cut_stream_stays_spent_on_each_route(capped_relay, route):
    capped_relay.relay.control(faults=[{"kind": "sse", "events": 3}])
    body = (ROUTES | {"chat": a_body()})[route] | {"stream": True}
    assert ask_as_application(capped_relay, body, route).outcome == "error"
    assert capped_relay.billed <= capped_relay.spent == capped_relay.tracker.usage().unconfirmed_usd


@pytest.mark.parametrize(
    ("route", "body", "slug", "reason", "hint"),
    [
        (
            "responses",
            {"input": "Hi"},
            "cap-unlimited",
            "nothing limits its answer",
            "send max_output_tokens in the request; for",
        ),
        (
            "messages",
            {"messages": []},
            "cap-unlimited",
            "nothing limits its answer",
            "send max_tokens in the request; for",
        ),
        ("responses", ROUTES["responses"] | {"previous_response_id": "r"}, "cap-unlimited", "previous_response_id", ""),
        ("responses", ROUTES["responses"] | {"tools": [{"type": "web_search"}]}, "cap-unlimited", "web_search", ""),
        ("chat", a_body(web_search_options={"search_context_size": "low"}), "cap-unlimited", "web_search_options", ""),
    ],
)
def test_request_of_an_application_without_a_maximum_cost_is_not_sent(capped_relay, route, body, slug, reason, hint):
    error = ask_as_application(capped_relay, body, route)
    assert isinstance(error, BudgetExceededError)
    assert (error.slug, reason in error.problem, hint in error.hint) == (slug, True, True)
    assert capped_relay.relay.stats()["total"] == 0


def test_request_to_a_model_without_a_price_is_not_sent(capped_relay):
    """An application may ask another model, whose price the run did not check before."""
    error = ask_as_application(capped_relay, ROUTES["responses"], "responses", model="made-up")
    assert isinstance(error, BudgetExceededError)
    assert (error.slug, error.hint.rpartition(": ")[2]) == ("cap-unpriced", "made-up = { input = ..., output = ... }")
    assert capped_relay.relay.stats()["total"] == 0
