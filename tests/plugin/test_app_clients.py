"""Clients of an application that were made before its tests: each asks an address that it knows from elsewhere."""

import pytest
from relay_server.client import RunningRelay

APP = """
    import httpx

    CLIENT = httpx.Client(base_url="{url}", trust_env=False)

    @pytest.mark.graysplit(min_similarity=0.1)
    def test_x(graysplit_app):
        body = {{"model": "claude-sonnet-4.5", "messages": [{{"role": "user", "content": "Hello?"}}]}}
        answer = CLIENT.post("/chat/completions", json=body).json()
        graysplit_app.output = answer["choices"][0]["message"]["content"]
        assert graysplit_app.model in graysplit_app.output
        assert len(graysplit_app.calls) == 1
"""


@pytest.fixture(autouse=True)
def httpx():
    return pytest.importorskip("httpx")


def test_client_of_the_controls_endpoint_gets_the_treatments_answer(project):
    """The treatment has an endpoint of its own, and the application knows only that of the control."""
    with RunningRelay() as other:
        project.write(
            "pyproject.toml",
            f'[tool.graysplit.arms."deepseek-v3.2"]\nmodel = "deepseek-v3.2"\nbase_url = "{other.url}"\n',
        )
        project.test_file(APP.format(url=project.relay.url))
        project.run().assert_outcomes(passed=2)
        assert (project.relay.stats()["requests"], other.stats()["requests"]) == (
            {"claude-sonnet-4.5": 1},
            {"deepseek-v3.2": 1},
        )


def test_client_of_an_unknown_host_is_not_judged(project, httpx, monkeypatch):
    """Its own model would answer on both arms; the message names the setting that changes this."""
    answer = {"choices": [{"message": {"role": "assistant", "content": "claude-sonnet-4.5 deepseek-v3.2"}}]}
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: httpx.Response(200, json=answer))
    project.test_file(APP.format(url="http://llm.corp.internal/v1").replace("== 1", "== 0"))
    result = project.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*hint: write hosts = *llm.corp.internal* into *tool.graysplit.app*gateway-host*"])
    assert project.sent() == 0
    project.write("pyproject.toml", '[tool.graysplit.app]\nhosts = ["llm.corp.internal"]\n')
    project.test_file(APP.format(url="http://llm.corp.internal/v1"))
    project.run().assert_outcomes(passed=2)
    assert project.sent() == 2
