"""A loopback relay for a whole file, and a key for it."""

import pytest
from relay_server.client import RunningRelay
from splits import KEY, PRICES


@pytest.fixture(scope="module")
def running():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def relay(running, monkeypatch):
    """A relay as it was started, reached without whatever proxy this machine has, and the environment to reach it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    running.reset()
    running.control(prices=PRICES)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", running.url)
    return running
