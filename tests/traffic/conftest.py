"""The loopback relay with the built-in prices, a second one, and the environment to reach the first."""

import pytest
from relay_server.client import RunningRelay
from splits import KEY, PRICES


@pytest.fixture
def relay(relay, monkeypatch):
    """A relay that bills the built-in prices, and a key for it."""
    relay.control(prices=PRICES)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    return relay


@pytest.fixture(scope="session")
def running_second_relay():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def second_relay(running_second_relay):
    """Another relay, at an address of its own."""
    running_second_relay.reset()
    return running_second_relay
