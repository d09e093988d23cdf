"""Clients of this process ask the gateway: the same answers, recordings and limits as over its socket."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from app_project import CONTROL, OTHER, TREATMENT, chat, post

from pytest_graysplit.gateway.item_calls import CallLimitError

VENDOR = "https://api.openai.com/v1"


@pytest.fixture
def client(monkeypatch):
    """A client from before the test, with a key of its own."""
    httpx = pytest.importorskip("httpx")
    monkeypatch.setenv("NO_PROXY", "*")
    with httpx.Client(headers={"authorization": "Bearer key-of-the-application"}) as client:
        yield client


def text_of(response):
    return response.json()["choices"][0]["message"]["content"]


def test_vendor_is_not_asked_and_the_arm_answers(project, relay, client):
    gateway = project.gateway()
    with project.item(gateway, "treatment", TREATMENT) as calls:
        answer = client.post(f"{VENDOR}/chat/completions", json=chat("Hello?"))
        assert text_of(answer) == f"Answer of {TREATMENT} to: Hello?"
        assert text_of(post_to(gateway, client, "Hello?")) == text_of(answer)
        assert [reply.model for reply in calls.swapped_replies] == [TREATMENT] * 2
    assert "key-of-the-application" not in json.dumps(relay.stats()["header_log"])


def post_to(gateway, client, text):
    return client.post(f"{gateway.base_url}/chat/completions", json=chat(text))


def test_call_of_this_process_replays_one_over_the_socket(project, relay, client):
    """The recording of a call does not depend on its way here."""
    with project.item(gateway := project.gateway()):
        post(f"{gateway.base_url}/chat/completions", chat("Hello?"))
    project.merge()
    relay.reset()
    gateway = project.gateway(record="none")
    with project.item(gateway) as calls:
        assert text_of(client.post(f"{VENDOR}/chat/completions", json=chat("Hello?"))).endswith("Hello?")
        missing = client.post(f"{VENDOR}/chat/completions", json=chat("Goodbye?"))
        assert (missing.status_code, missing.headers["x-should-retry"]) == (404, "false")
        assert calls.problem is not None
    assert relay.stats()["total"] == 0


def test_stream_that_is_left_early_is_recorded_to_its_end(project, relay, client):
    """It is paid for; a replay gives the whole of it."""
    body, url = chat("Tell me a long story.", stream=True), f"{VENDOR}/chat/completions"
    with project.item(project.gateway()) as calls:
        with client.stream("POST", url, json=body) as response:
            first = next(response.iter_lines())
        assert calls.settle(20)
        assert [reply.text for reply in calls.replies] == [f"Answer of {CONTROL} to: Tell me a long story."]
    project.merge()
    relay.reset()
    with project.item(project.gateway(record="none")), client.stream("POST", url, json=body) as response:
        lines = list(response.iter_lines())
    assert (lines[0], lines[-2]) == (first, "data: [DONE]")
    assert relay.stats()["total"] == 0


def test_other_model_goes_where_it_would_have_gone(project, relay, client):
    """With the key of the client, and to its own address; the vendor of the arm gets no request."""
    gateway = project.gateway(environ={})
    with project.item(gateway, "treatment", TREATMENT) as calls:
        answer = client.post(f"{relay.url}/chat/completions", json=chat("Hello?", OTHER))
        assert text_of(answer) == f"Answer of {OTHER} to: Hello?"
        assert calls.swapped_replies == ()
        assert [reply.model for reply in calls.replies] == [OTHER]
    headers = relay.stats()["header_log"][-1]
    assert headers["authorization"] == "Bearer key-of-the-application"


def test_models_are_listed_here(project, relay, client):
    with project.item(project.gateway()):
        listed = client.get(f"{VENDOR}/models").json()
    assert [model["id"] for model in listed["data"]] == [CONTROL]
    assert relay.stats()["total"] == 0


def test_other_route_of_a_vendor_is_an_error_that_says_so(project, client):
    with project.item(project.gateway()) as calls:
        answer = client.post(f"{VENDOR}/completions", json={"model": CONTROL, "prompt": "Once"})
        assert answer.status_code == 501
        assert "/completions" in str(calls.problem)


def test_request_beyond_the_limit_ends_the_body(project, client):
    """A loop of an agent catches exceptions and asks again; it must not go on for ever."""

    def loop():
        while True:
            try:
                client.post(f"{VENDOR}/chat/completions", json=chat("Again?"))
            except Exception:  # noqa: BLE001 # as careless applications do
                continue

    with project.item(project.gateway(), max_calls=3) as calls:
        with pytest.raises(CallLimitError, match="more than 3 requests"):
            loop()
        assert (len(calls.replies), calls.refused) == (3, 1)


def test_request_beyond_the_limit_ends_tasks_and_threads_too(project, client):
    """The exception of a task or a thread reaches the test that waits for it."""
    httpx = pytest.importorskip("httpx")

    async def ask(other):
        return await other.post(f"{VENDOR}/chat/completions", json=chat("Again?"))

    async def ask_all():
        async with httpx.AsyncClient() as other:
            await asyncio.gather(*(ask(other) for _ in range(5)))

    with project.item(project.gateway(), max_calls=3) as calls:
        with pytest.raises(CallLimitError):
            asyncio.run(ask_all())
        assert len(calls.replies) <= 3
        with ThreadPoolExecutor(2) as pool, pytest.raises(CallLimitError):
            pool.submit(client.post, f"{VENDOR}/chat/completions", json=chat("Again?")).result()


def test_wrong_token_is_refused(project, client):
    """The address of another process, which has used the port before."""
    gateway = project.gateway()
    with project.item(gateway):
        answer = client.post(gateway.base_url.replace(gateway.token, "other") + "/chat/completions", json=chat("?"))
    assert answer.status_code == 403


def test_address_of_one_item_outlives_it(project, client):
    """Code that outlives its test gets an error, never an answer that counts for the next test."""
    gateway = project.gateway()
    with project.item(gateway) as calls:
        url = f"{gateway.url_of(calls)}/chat/completions"
        assert client.post(url, json=chat("Now?")).is_success
    with project.item(gateway) as following:
        assert client.post(url, json=chat("Late?")).status_code == 409
        assert following.replies == ()
    assert len(calls.replies) == 1


def test_client_is_its_own_again_after_the_item(project, relay, client):
    gateway = project.gateway()
    with project.item(gateway):
        pass
    assert client.get(f"{relay.url}/models").json()["data"][0]["id"] != CONTROL
    late = client.post(f"{gateway.base_url}/chat/completions", json=chat("?"))
    assert late.status_code == 409


def test_host_that_only_the_user_knows_is_answered(project, client):
    gateway = project.gateway(hosts=("llm.corp.internal",))
    with project.item(gateway):
        answer = client.post("https://llm.corp.internal/api/chat/completions", json=chat("Hello?"))
    assert text_of(answer) == f"Answer of {CONTROL} to: Hello?"


def test_model_under_test_at_an_unknown_host_spoils_the_run(project, monkeypatch):
    """Its own model answers on both arms there, so a comparison would find no difference."""
    httpx = pytest.importorskip("httpx")
    monkeypatch.setenv("NO_PROXY", "*")
    server = httpx.MockTransport(lambda request: httpx.Response(200, json={"model": "its own"}))
    with project.item(project.gateway()) as calls, httpx.Client(transport=server) as client:
        url = "https://llm.corp.internal/v1/chat/completions"
        assert client.post(url, json=chat("Hello?", OTHER)).json() == {"model": "its own"}
        assert client.post("https://llm.corp.internal/v1/other", json=chat("Hello?")).is_success
        for local in ("http://testserver/v1/messages", "http://localhost:8000/v1/messages", "https://a.test/responses"):
            assert client.post(local, json=chat("Hello?")).is_success
        assert client.post(url, content=b"{").is_success
        assert client.post(url, content=iter([b"{", b"}"])).is_success
        assert calls.problem is None
        assert client.post(url, json=chat("Hello?")).json() == {"model": "its own"}
        assert str(calls.problem) == (
            f"the application asked {CONTROL} at https://llm.corp.internal/v1/chat/completions, and the model of "
            "the arm did not answer: llm.corp.internal is not known to serve models\n"
            '  hint: write hosts = ["llm.corp.internal"] into [tool.graysplit.app]  [gateway-host]'
        )
