"""One real relay on the loopback for all tests of a process, as it was started for each of them."""

import pytest
from hypothesis import settings
from relay_server.client import RunningRelay

# How long an example takes tells what else the machine does.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(scope="session")
def running_relay():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def relay(running_relay, monkeypatch):
    """The relay, without faults and without requests so far, reached without whatever proxy this machine has."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    running_relay.reset()
    return running_relay
