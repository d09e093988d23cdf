"""Live servers that a test need not stop by itself."""

import pytest

from pytest_graysplit.reporting.dashboard.server import LiveServer


@pytest.fixture
def served():
    """Start servers as LiveServer does; all are stopped at the end of the test."""
    servers = []

    def start(source, **options):
        servers.append(LiveServer(source, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
