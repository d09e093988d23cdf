"""A project with a configured arm at the second relay."""

import pytest
from live_arms import ARMS, OWN_KEY, TEAM
from splits import KEY


@pytest.fixture
def project(tmp_path, relay, second_relay, monkeypatch):
    """A pyproject.toml whose arm `ours` is at the second relay, with both keys in the environment."""
    monkeypatch.setenv("VLLM_API_KEY", OWN_KEY)
    monkeypatch.setenv("TEAM_TOKEN", TEAM)
    second_relay.control(key=OWN_KEY)
    relay.control(key=KEY)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v2.md").write_text("Answer in one line.\n")
    file = tmp_path / "pyproject.toml"
    file.write_text(ARMS.format(url=second_relay.url))
    return file
