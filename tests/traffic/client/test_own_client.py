"""Requests of an application's own client: recorded as those of `chat` are, over a real relay with plain HTTP."""

import asyncio
import http.client
import importlib.util
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from splits import CONTROL, KEY, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import Reply, Split, SplitClient, TrafficSplitter
from pytest_graysplit.errors import UsageError

QUESTION = user("how long does a parcel take?")


class StatusError(Exception):
    """An error of the shape that the openai package raises: the status, and the response with its body."""

    def __init__(self, answer):
        super().__init__(f"Error code: {answer.status}")
        self.status_code = answer.status
        self.response = SimpleNamespace(content=answer.read())


def post(url, body, timeout=5):
    """Ask the relay as a program without any client library does."""
    there = urlsplit(url)
    connection = http.client.HTTPConnection(there.hostname, there.port, timeout=timeout)
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    try:
        connection.request("POST", f"{there.path}/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise StatusError(answer)
        return json.loads(answer.read())
    finally:
        connection.close()


class Completion:
    """An answer with the one method of the openai package's objects that is used."""

    def __init__(self, answer):
        self._answer = answer

    def model_dump_json(self):
        """Return the answer as JSON."""
        return json.dumps(self._answer)


def requests_in(log):
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "request"]


def comparable(line):
    """Return a line of the log without its id and its times."""
    times = {"id", "at", "latency_s", "queue_s", "wait_s", "ttft_s"}
    return {name: value for name, value in line.items() if name not in times}


FAULTS = (None, "empty", "refusal", "truncated", "filter-400", "503", "429", "no-choices", "no-usage", "tool")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("given", [dict, Completion])
def test_record_writes_what_chat_writes(relay, tmp_path, fault, given):
    """The same relay and the same answers: two equal lines of the log, and two equal requests in the sums."""
    relay.control(faults=[{"kind": fault, "times": None}] if fault else [])
    splitter, log = halves(), tmp_path / "traffic.jsonl"
    unit = unit_in(splitter, TREATMENT)

    async def work(client):
        [_] = await asyncio.gather(client.chat(QUESTION, unit=unit, max_tokens=50), return_exceptions=True)
        assignment = client.assign(unit)
        sent = {"messages": QUESTION, "params": {"max_tokens": 50}}
        try:
            answer = post(relay.url, assignment.body(QUESTION, max_tokens=50))
        except StatusError as error:
            client.record(assignment, error=error, **sent)
        else:
            client.record(assignment, reply=given(answer), **sent)
        return client.monitor.report()

    report = using(splitter, work, log=log, retries=0)
    ours, own = map(comparable, requests_in(log))
    assert own == ours
    assert report["arms"][1]["requests"] == relay.stats()["total"] == 2
    assert report["arms"][1]["units"] == 1


def test_body_is_that_of_the_arm(relay, tmp_path):
    """Model, system prompt, parameters and headers of a configured arm, as `chat` sends them."""
    project = tmp_path / "pyproject.toml"
    project.write_text(
        f'[tool.graysplit.arms.brief]\nmodel = "{TREATMENT}"\nsystem = "Be brief."\nunset = ["seed"]\n'
        'params = { temperature = 0.2 }\nheaders = { "X-Team" = "blue" }\n'
    )
    splitter = TrafficSplitter([Split(CONTROL, 0.5), Split("brief", 0.5)], salt="s")

    async def work(client):
        await client.chat(QUESTION, force="brief", seed=1, top_p=0.5)
        return client.assign(force="brief")

    assignment = using(splitter, work, project=project, headers=["X-AB-Variant"])
    assert assignment.body(QUESTION, seed=1, top_p=0.5) == relay.stats()["bodies"][0]
    assert assignment.headers == {"X-Team": "blue", "X-AB-Variant": "treatment"}
    assert (assignment.model, assignment.arm, assignment.base_url) == (TREATMENT, "brief", relay.url)


def test_figures_of_the_application_count(relay):
    """For example of an answer that it streamed itself."""
    splitter = halves()
    client = SplitClient(splitter)
    request_id = client.record(
        client.assign(unit_in(splitter, TREATMENT)),
        text="It takes 30 days.",
        latency_s=2.5,
        ttft_s=0.5,
        wait_s=3.0,
        usage={"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000},
        attempts=2,
    )
    client.feedback(request_id, 1.0)
    arm = client.monitor.report()["arms"][1]
    assert (arm["passed"], arm["attempts"], arm["latency_s"]["mean"], arm["feedback"]["n"]) == (1, 2, 2.5, 1)
    assert arm["cost_usd"] == 0.70


@pytest.mark.parametrize(
    ("figures", "outcome"),
    [
        ({"text": ""}, "empty"),
        ({"text": "I'm sorry, but I can't help with that."}, "refusal"),
        ({"outcome": "truncated", "text": "It"}, "truncated"),
        ({"error": "http-503"}, "error"),
        ({"error": TimeoutError()}, "error"),
        ({}, "ok"),
    ],
)
def test_outcome_is_read_from_the_figures(figures, outcome, monkeypatch):
    """As a reply of our own client has it."""
    client = SplitClient(halves())
    client.record(client.assign(1), **figures)
    outcomes = [arm["outcomes"] for arm in client.monitor.report()["arms"]]
    assert {outcome: 1} in outcomes


def test_errors_have_the_kinds_of_chat(relay):
    """Also errors of a client library, by their names and statuses."""

    class APITimeoutError(Exception):
        """An error by its name."""

    class APIStatusError(Exception):
        """An error by its status."""

        status_code = 529

    client = SplitClient(halves())
    given = [
        APITimeoutError(),
        APIStatusError("busy"),
        ConnectionRefusedError(),
        asyncio.CancelledError(),
        ValueError("?"),
    ]
    for error in given:
        client.record(client.assign(1), error=error)
    kinds = {}
    for arm in client.monitor.report()["arms"]:
        kinds |= arm["error_classes"]
    assert kinds == {
        "relay-timeout": 1,
        "http-529": 1,
        "relay-unreachable": 1,
        "request-cancelled": 1,
        "relay-unexpected": 1,
    }


def test_fallback_of_the_application_is_a_failure_of_the_treatment(relay, tmp_path):
    """Both calls are paid for by the treatment, as with `chat`."""
    splitter, log = halves(f"{TREATMENT}+500"), tmp_path / "traffic.jsonl"

    async def work(client):
        assignment = client.assign(unit_in(splitter, f"{TREATMENT}+500"))
        with pytest.raises(StatusError) as failed:
            post(relay.url, assignment.body(QUESTION))
        answer = post(relay.url, client.assign(force="control").body(QUESTION))
        client.record(assignment, error=failed.value, fallback=answer)
        return client.monitor

    monitor = using(splitter, work, log=log)
    control, treatment = monitor.report()["arms"]
    assert (treatment["errors"], treatment["fallbacks"], control["requests"]) == (1, 1, 0)
    assert monitor.state().total.cost_usd == Decimal(relay.stats()["billed"]["cost_usd"]) > 0
    assert requests_in(log)[0]["fallback"]["model"] == CONTROL


def test_given_cost_and_reply_are_used(relay):
    """A Reply keeps its figures; the cost that the application knows overrides the price."""
    client = SplitClient(halves())
    assignment = client.assign(unit_in(halves(), TREATMENT))
    client.record(assignment, reply=Reply(model=TREATMENT, outcome="ok", text="Hi", latency_s=0.5), cost_usd=0.25)
    assert client.monitor.report()["arms"][1]["cost_usd"] == 0.25


def test_weights_that_changed_meanwhile_count_the_request_in_the_totals(relay):
    """Its assignment is from before."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp")
    client = SplitClient(low)
    assignment = client.assign(1)
    client.use(low.ramped({TREATMENT: 0.5}))
    client.record(assignment, text="Hi")
    report = client.monitor.report()
    assert (report["earlier"]["requests"], report["total"]["requests"]) == (1, 1)


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"outcome": "okay"}, "unknown outcome 'okay', did you mean ok?"),
        ({"latency_s": -1}, "invalid latency_s: -1"),
        ({"cost_usd": float("nan")}, "invalid cost_usd: nan"),
        ({"reply": object()}, "the reply is of the type object"),
        ({"messages": ["hi"]}, "messages contain an invalid message: ['hi']"),
    ],
)
def test_invalid_figures_are_refused(relay, figures, problem):
    """Nothing is counted."""
    client = SplitClient(halves())
    with pytest.raises(UsageError) as caught:
        client.record(client.assign(1), **figures)
    assert caught.value.problem == problem
    assert client.monitor.report()["total"]["requests"] == 0


EXAMPLE = Path(__file__).parents[3] / "examples" / "chat-service" / "own_client.py"


class AsyncClient:
    """A client with the one call of the openai package that the example makes, over plain HTTP."""

    def __init__(self, url):
        self._url = url
        self.chat = SimpleNamespace(completions=self)

    async def create(self, *, extra_headers, **body):
        """Ask the relay; return the answer, or its pieces."""
        if body.get("stream"):
            return self._chunks(body)
        answer = await asyncio.to_thread(post, self._url, body)
        message = SimpleNamespace(content=answer["choices"][0]["message"]["content"])
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model_dump_json=lambda: json.dumps(answer))

    async def _chunks(self, body):
        answer = await asyncio.to_thread(post, self._url, {**body, "stream": False})
        for word in answer["choices"][0]["message"]["content"].split(" "):
            yield SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=f"{word} "))], usage=None)
        yield SimpleNamespace(choices=[], usage=answer["usage"])


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("own_client_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_example_records_answers_pieces_and_errors(relay, tmp_path, example):
    """The functions of the example, as they stand, with a client of the same shape."""
    relay.control(faults=[{"kind": "503", "match": "fail"}])
    splitter, log = halves(), tmp_path / "traffic.jsonl"

    async def left_early(stream):
        async for _ in stream:
            break
        await stream.aclose()

    async def work(client):
        openai = AsyncClient(relay.url)
        text, request_id = await example.answer(openai, client, "u1", QUESTION)
        client.feedback(request_id, 1.0)
        streamed = "".join([piece async for piece in example.pieces(openai, client, "u1", QUESTION)])
        await left_early(example.pieces(openai, client, "u1", QUESTION))
        with pytest.raises(StatusError):
            await example.answer(openai, client, "u1", user("fail"))
        return text, streamed, client.monitor.report()

    text, streamed, report = using(splitter, work, log=log)
    assert streamed.strip() == text
    outcomes = [(line["outcome"], line.get("error")) for line in requests_in(log)]
    assert outcomes == [("ok", None), ("ok", None), ("error", "request-cancelled"), ("error", "http-503")]
    assert sum(arm["feedback"]["n"] for arm in report["arms"]) == 1
    assert requests_in(log)[1]["usage"] == requests_in(log)[0]["usage"]


def test_example_names_the_package_that_it_lacks(tmp_path):
    """Without the openai package it says what to install."""
    if importlib.util.find_spec("openai") is not None:
        pytest.skip("the openai package is installed")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (1, "this example asks with the openai package: pip install openai\n")
