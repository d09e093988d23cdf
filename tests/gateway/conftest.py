"""A project with a gateway, whose servers and fetchers end with the test."""

import pytest
from app_project import AppProject


@pytest.fixture
def project(tmp_path, relay):
    project = AppProject(tmp_path, relay.url)
    yield project
    project.merge()
