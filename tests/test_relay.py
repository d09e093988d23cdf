"""The relay client against a real loopback relay with faults, and its request shapes."""

import asyncio

import pytest
from relay_server.client import RunningRelay

from pytest_graysplit.config import Settings
from pytest_graysplit.errors import RelayError
from pytest_graysplit.relay import Relay
from pytest_graysplit.types import Secret

MODEL = "deepseek-v3.2"


@pytest.fixture(scope="module")
def server():
    with RunningRelay() as running:
        yield running


@pytest.fixture
def relay_server(server):
    server.reset()
    return server


def body_of(prompt="Explain CAP", model=MODEL, **params):
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **params}


def use(server, work, *, settings=None, **options):
    """Run `work(relay)` in a loop of its own, without waiting for anything that is only waited for."""

    async def run():
        async def no_sleep(_):
            await asyncio.sleep(0)

        chosen = settings or Settings(base_url=server.url)
        async with Relay(chosen, **{"is_refusal": lambda _: False, "sleep": no_sleep, **options}) as relay:
            return await work(relay)

    return asyncio.run(run())


def ask(server, body=None, **options):
    body = body or body_of()
    return use(server, lambda relay: relay.ask(body["model"], body), **options)


def test_an_answer_becomes_a_reply(relay_server):
    """Text, usage, names and times of one answer arrive where they belong."""
    reply = ask(relay_server, body_of(seed=42))
    assert (reply.outcome, reply.text) == ("ok", "Answer of deepseek-v3.2 to: Explain CAP (seed 42)")
    assert (reply.served_model, reply.finish_reason, reply.attempts) == (MODEL, "stop", 1)
    assert (reply.usage.prompt, reply.usage.completion, reply.usage.total) == (2, 8, 10)
    assert reply.latency_s > 0
    assert reply.at.endswith("Z")


def test_a_rate_limited_request_is_sent_again(relay_server):
    """A 429 costs a retry, the time the relay asked for, and half of the concurrency."""
    relay_server.control(faults=[{"kind": "429", "retry_after": 0.01}])

    async def work(relay):
        return await relay.ask(MODEL, body_of()), relay.stats()

    reply, stats = use(relay_server, work, sleep=asyncio.sleep)
    assert (reply.outcome, reply.attempts, stats.requests, stats.retries) == ("ok", 2, 2, 1)
    assert (stats.rate_limited, stats.lowest_concurrency) == (1, 8)
    assert reply.backoff_s >= 0.005


def test_a_refused_key_stops_the_run(relay_server):
    """A wrong key is one error, not one a case, and does not show the key."""
    relay_server.control(key="the-right-key-12345")
    settings = Settings(base_url=relay_server.url, key=Secret("the-wrong-key-12345"))
    with pytest.raises(RelayError) as caught:
        use(relay_server, lambda relay: relay.preflight([MODEL]), settings=settings)
    assert str(caught.value) == (
        f"{relay_server.url} refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )


def test_an_unknown_model_names_the_nearest(relay_server):
    """A typo in a model name is found before anything is paid for."""
    with pytest.raises(RelayError) as caught:
        use(relay_server, lambda relay: relay.preflight([MODEL, "gpt-4.2"]))
    assert str(caught.value) == (
        "the relay knows no model 'gpt-4.2', did you mean gpt-4.1?\n"
        "  hint: it lists claude-sonnet-4.5, deepseek-v3.2, gemini-2.5-flash, gpt-4.1  [model-unknown]"
    )
