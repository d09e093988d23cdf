"""Streams: passed on event by event, ended only when the reply is kept, and replayed with the recorded events."""

import contextlib
import json
import threading
from http.client import HTTPConnection, IncompleteRead

import pytest
from app_project import CONTROL, TREATMENT, chat, post

from pytest_graysplit.gateway.call_answer import CallAnswer
from pytest_graysplit.gateway.served import StreamPasser
from pytest_graysplit.replies.recordings import Journal

ASKED = {
    "/chat/completions": chat("one two three", stream=True),
    "/responses": {"model": CONTROL, "input": "one two three", "stream": True},
    "/messages": {"model": CONTROL, "max_tokens": 50, "stream": True} | chat("one two three"),
}
VERSION = {"anthropic-version": "2023-06-01"}
LAST = {"/chat/completions": "[DONE]", "/responses": "response.completed", "/messages": "message_stop"}


@contextlib.contextmanager
def streaming(url, body):
    """Yield the response to a request as soon as its head is there."""
    host, _, path = url.removeprefix("http://").partition("/")
    with contextlib.closing(HTTPConnection(host, timeout=20)) as connection:
        connection.request(
            "POST", f"/{path}", json.dumps(body).encode(), {"content-type": "application/json"} | VERSION
        )
        yield connection.getresponse()


def events(answer):
    return [event for event in answer.body.decode().split("\n\n") if event]


@pytest.fixture
def disk(monkeypatch):
    """An event that lets replies be written to the journal; until it is set, they wait."""
    free, append = threading.Event(), Journal.append

    def slow_append(*arguments, **options):
        assert free.wait(20)
        append(*arguments, **options)

    monkeypatch.setattr(Journal, "append", slow_append)
    yield free
    free.set()


@pytest.mark.parametrize("path", ASKED)
def test_stream_is_replayed_with_the_recorded_events(project, relay, path):
    streams = []
    for record in ("new", "none"):
        gateway = project.gateway(record)
        with project.item(gateway, "treatment", TREATMENT) as calls:
            streams.append(post(f"{gateway.base_url}{path}", ASKED[path], VERSION))
        assert [(reply.outcome, reply.text) for reply in calls.replies] == [
            ("ok", f"Answer of {TREATMENT} to: one two three")
        ]
        project.merge()
    live, replayed = streams
    assert live.headers["content-type"].startswith("text/event-stream")
    assert events(live) == events(replayed)
    assert len(events(live)) > 5
    assert LAST[path] in events(live)[-1]
    assert relay.stats()["requests"] == {TREATMENT: 1}


@pytest.mark.parametrize("path", ASKED)
def test_end_of_a_stream_waits_until_the_reply_is_on_disk(project, disk, path):
    """An application that has its whole answer never pays for it again, even if the process is killed then."""
    gateway = project.gateway()
    with project.item(gateway) as calls, streaming(f"{gateway.base_url}{path}", ASKED[path]) as response:
        early = b""
        while b"three" not in early:
            early += response.read1()
        assert calls.replies == ()
        assert LAST[path].encode() not in early
        assert b'"finish_reason": "stop"' not in early
        assert b'"stop_reason": "end_turn"' not in early
        disk.set()
        assert LAST[path].encode() in response.read()
        assert len(calls.replies) == 1


def test_broken_stream_ends_without_its_end(project, relay):
    """Its first events are passed on while it comes, so no retry is possible: the client must see that it is cut."""
    relay.control(faults=[{"kind": "slow", "events": 3, "then": "drop"}])
    gateway = project.gateway(retries=2)
    with project.item(gateway) as calls, pytest.raises(IncompleteRead):
        post(f"{gateway.base_url}/chat/completions", chat("Hi there", stream=True))
    assert [reply.outcome for reply in calls.replies] == ["error"]
    assert relay.stats()["total"] == 1


def test_stream_that_fails_before_its_first_event_is_tried_again(project, relay):
    relay.control(faults=[{"kind": "500"}])
    gateway = project.gateway(retries=1)
    with project.item(gateway) as calls:
        answer = post(f"{gateway.base_url}/chat/completions", chat("Hi", stream=True))
    assert events(answer)[-1] == "data: [DONE]"
    assert [(reply.outcome, reply.attempts) for reply in calls.replies] == [("ok", 2)]


def test_stream_that_fails_for_good_is_an_ordinary_error(project, relay):
    relay.control(faults=[{"kind": "500", "times": None}])
    gateway = project.gateway()
    with project.item(gateway):
        answer = post(f"{gateway.base_url}/chat/completions", chat("Hi", stream=True))
    assert (answer.status, answer.headers["x-should-retry"]) == (500, "false")
    assert answer.json["error"]["message"] == "internal error"


def test_application_that_hangs_up_pays_for_the_whole_answer(project, relay):
    """The stream is read to its end, recorded and counted."""
    relay.control(faults=[{"kind": "slow", "gap": 0.01}])
    gateway = project.gateway()
    url = f"{gateway.base_url}/chat/completions"
    with project.item(gateway) as calls:
        with streaming(url, chat("one two three four", stream=True)) as response:
            response.read1()
        assert calls.settle(20)
    assert [reply.text for reply in calls.replies] == [f"Answer of {CONTROL} to: one two three four"]
    project.merge()
    gateway = project.gateway("none")
    with project.item(gateway):
        assert post(f"{gateway.base_url}/chat/completions", chat("one two three four", stream=True)).status == 200
    assert relay.stats()["total"] == 1


def test_tokens_that_the_application_did_not_ask_for_are_hidden(project, relay):
    """The relay is asked for them, because an answer without its tokens has no price."""
    events_of_both = []
    for record in ("new", "none"):
        gateway = project.gateway(record)
        with project.item(gateway) as calls:
            events_of_both += events(post(f"{gateway.base_url}/chat/completions", chat("Hi", stream=True)))
        assert [reply.usage is None for reply in calls.replies] == [False]
        project.merge()
    assert relay.stats()["bodies"][0]["stream_options"] == {"include_usage": True}
    assert not [event for event in events_of_both if '"usage"' in event]


def test_error_as_the_first_event_is_an_ordinary_error(project, relay):
    """Some servers begin a stream before they know that they cannot answer; their error is not passed on as a part."""
    relay.control(faults=[{"kind": "error-200", "times": None}])
    gateway = project.gateway()
    with project.item(gateway):
        answer = post(f"{gateway.base_url}/chat/completions", chat("Hi", stream=True))
    assert (answer.status, answer.headers["content-type"]) == (502, "application/json")


# --- the events of one stream


def passed(*received):
    """Return the events that are passed on as they come, and those that are held."""
    answer = CallAnswer()
    passer = StreamPasser(answer)
    passer.begin()
    for event in received:
        passer.look(event)
    return list(answer._pieces), passer.rest()


@pytest.mark.parametrize(
    "last",
    [
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
        b'event: response.completed\ndata: {"type":"response.completed"}\n\n',
        b'event: response.incomplete\ndata: {"type": "response.incomplete"}\n\n',
    ],
)
def test_everything_from_the_first_sign_of_the_end_is_held(last):
    first, more = b'data: {"finish_reason":null}\n\n', b"data: {}\n\n"
    assert passed(first, last, more) == ([first], [last, more])


def test_words_of_an_answer_are_not_taken_for_its_end():
    said = b"data: " + json.dumps({"content": '"finish_reason": "stop"\n\ndata: [DONE]\n\n'}).encode() + b"\n\n"
    assert passed(said) == ([said], [])


def test_second_attempt_begins_without_the_events_of_the_first():
    answer = CallAnswer()
    passer = StreamPasser(answer)
    for event in (b'data: {"error": {}}\n\n', b"data: [DONE]\n\n"):
        passer.begin()
        assert not passer.look(event)
    assert passer.rest() == [b"data: [DONE]\n\n"]
