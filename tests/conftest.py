"""Start one real relay on the loopback per process, and reset it for each test."""

import pytest
from hypothesis import is_hypothesis_test, settings
from relay_server.client import RunningRelay

# The duration of an example depends on the load of the machine.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def pytest_itemcollected(item):
    """Leave tests with generated examples out of the coverage.

    They repeat the same lines many times, which takes three times as long when the lines are counted. Tests with chosen
    examples reach nearly all of these lines.
    """
    if is_hypothesis_test(getattr(item, "obj", None)):
        item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def running_relay():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def relay(running_relay, monkeypatch):
    """The relay, reset and reached without a proxy."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    running_relay.reset()
    return running_relay
