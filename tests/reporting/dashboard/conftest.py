"""Servers of the page that are stopped at the end of each test."""

import pytest

from pytest_graysplit.reporting.dashboard.server import LiveServer


@pytest.fixture
def start_server():
    """Return a function that starts a LiveServer; all are stopped at the end of the test."""
    servers = []

    def start(source, **options):
        servers.append(LiveServer(source, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
