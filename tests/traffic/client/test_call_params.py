"""Arguments of `chat` and `stream` have the effect of their name, or are refused before anything is sent."""

import asyncio

import pytest
from splits import halves, user, using

from pytest_graysplit import SplitClient
from pytest_graysplit.errors import RelayError, UsageError


def test_extra_body_and_headers_are_sent(relay, tmp_path):
    """As the openai package sends them; the headers are in no log."""
    log = tmp_path / "traffic.jsonl"
    using(
        halves(),
        lambda client: client.chat(
            user("hi"), unit=1, top_p=0.5, extra_body={"top_k": 5}, extra_headers={"X-Trace": "abc-123"}
        ),
        log=log,
    )
    [body] = relay.stats()["bodies"]
    assert {name: body[name] for name in ("top_p", "top_k")} == {"top_p": 0.5, "top_k": 5}
    assert "extra_body" not in body
    assert relay.stats()["headers"]["x-trace"] == "abc-123"
    assert "abc-123" not in log.read_text()


def test_one_answer_and_no_stream_change_nothing(relay):
    """`n=1` is sent; `stream=False` changes nothing."""
    reply = using(halves(), lambda client: client.chat(user("hi"), unit=1, n=1, stream=False))
    assert reply.outcome == "ok"
    assert relay.stats()["bodies"][0].keys() == {"model", "messages", "n"}


@pytest.mark.parametrize(
    ("params", "problem", "hint"),
    [
        ({"n": 3}, "n=3 asks for several answers", "ask once for each answer"),
        ({"extra_body": {"n": 2}}, "n=2 asks for several answers", "ask once for each answer"),
        ({"stream": True}, "stream=True was given to chat", "call client.stream(...)"),
        ({"extra_body": {"stream": True}}, "stream=True was given to chat", "call client.stream(...)"),
        ({"timeout": 20}, "timeout is not a parameter of a model", "timeout_s=20 is the deadline of this request"),
        ({"max_retries": 2}, "max_retries is not a parameter of a model", "SplitClient(retries=...)"),
        ({"extra_query": {"a": 1}}, "extra_query is not a parameter of a model", "SplitClient(base_url=...)"),
        ({"extra_body": {"model": "gpt-4.1"}}, "the split decides the model", "force=ARM"),
        ({"extra_body": {"messages": []}}, "messages were given twice", "as the first argument"),
        ({"extra_body": [1]}, "extra_body is of the type list", 'extra_body={"name": "value"}'),
        ({"timeout_s": 0}, "timeout_s=0 is not a number of seconds above 0", "how long the user of this request waits"),
        ({"timeout_s": True}, "timeout_s=True is not a number of seconds above 0", "how long"),
    ],
)  # fmt: skip
def test_other_arguments_are_refused(relay, params, problem, hint):
    """The message says what to write instead; nothing is sent, and nothing counted."""

    async def work(client):
        with pytest.raises(UsageError) as caught:
            await client.chat(user("hi"), unit=1, **params)
        return caught.value, client.monitor.report()["total"]["requests"]

    error, counted = using(halves(), work)
    assert (error.slug, counted, relay.stats()["total"]) == ("split-param", 0, 0)
    assert error.problem.startswith(problem)
    assert hint in error.hint


def test_stream_that_should_not_stream_is_refused(relay):
    """`stream=True` changes nothing there, and `stream=False` would."""

    async def work(client):
        client.stream(user("hi"), unit=1, stream=True)
        with pytest.raises(UsageError, match=r"stream=False was given to stream.*\n.*client\.chat"):
            client.stream(user("hi"), unit=1, stream=False)

    using(halves(), work)


def test_header_that_cannot_be_sent_is_refused(relay):
    """Before anything is counted."""

    async def work(client):
        with pytest.raises(RelayError, match="the header 'X-Trace' holds"):
            await client.chat(user("hi"), unit=1, extra_headers={"X-Trace": "gr\u00fcn"})
        return client.monitor.report()["total"]["requests"]

    assert using(halves(), work) == 0


def test_closed_client_counts_nothing(relay):
    """A request that cannot be sent is not a failure of an arm."""
    client = SplitClient(halves())
    with pytest.raises(UsageError, match="the client is not open"):
        asyncio.run(client.chat(user("?"), unit=1))
    with pytest.raises(UsageError, match="the client is not open"):
        client.stream(user("?"), unit=1)
    assert client.monitor.report()["total"]["requests"] == 0
