"""The loopback relay with the built-in prices, and the environment to reach it."""

import pytest
from splits import KEY, PRICES


@pytest.fixture
def relay(relay, monkeypatch):
    """A relay that bills the built-in prices, and a key for it."""
    relay.control(prices=PRICES)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    return relay
