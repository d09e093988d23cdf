"""The hosts of a run that lead to the gateway, and the variables that are out of reach of an application."""

import pytest

from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.settings import SettingsSource
from pytest_graysplit.plugin.app.gateway_holder import known_hosts, secret_names

ENVIRON = {
    "GRAYSPLIT_BASE_URL": "https://relay.example/v1",
    "GRAYSPLIT_API_KEY": "the-key-of-the-run",
    "TEAM_KEY": "the-key-of-the-team",
    "TENANT": "tenant-of-the-header",
    "COPY": "Bearer the-key-of-the-run",
    "HOME": "/home/me",
}
TABLES = {
    "arms": {
        "small": {
            "model": "deepseek-v3.2",
            "base_url": "https://small.example/v1",
            "api_key_env": "TEAM_KEY",
            "headers": {"x-tenant": "$TENANT"},
        }
    },
    "app": {"hosts": ["llm.corp.example"]},
}


@pytest.fixture
def settings():
    arms = SettingsSource(lambda option: option.name, {"control": ["gpt-4.1"], "treatment": ["small"]})
    return read_settings(None, ENVIRON, first=[arms], own=TABLES)


def test_addresses_of_all_arms_lead_to_the_gateway(settings):
    """An application that has the address of the control keeps it while the treatment answers at another one."""
    assert known_hosts(settings) == ("llm.corp.example", "https://relay.example/v1", "https://small.example/v1")


def test_variables_with_keys_and_headers_are_secret(settings):
    assert set(secret_names(settings, ENVIRON)) == {"GRAYSPLIT_API_KEY", "TEAM_KEY", "TENANT", "COPY"}
