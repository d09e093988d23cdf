"""The loopback relay of all tests, with prices that a table has, and the environment to reach it."""

import pytest
from splits import KEY, PRICES


@pytest.fixture
def relay(relay, monkeypatch):
    """The relay as it was started, which bills what the built-in table says, and a key for it."""
    relay.control(prices=PRICES)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    return relay
