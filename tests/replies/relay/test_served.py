"""Answers of an application's requests: kept as the server sent them, and streams passed on event by event."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replies.relay.scripted import ScriptedServer, whole

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.events import EventSplitter, events_of
from pytest_graysplit.replies.relay.headers import headers_for
from pytest_graysplit.replies.relay.served import PassedStream
from pytest_graysplit.types import Secret

MODEL = "gpt-4.1"
MESSAGES = [{"role": "user", "content": "Where is my order?"}]
BODIES = {
    "chat": {"messages": MESSAGES},
    "responses": {"input": "Where is my order?"},
    "messages": {"messages": MESSAGES, "max_tokens": 50},
    "embeddings": {"input": ["one", "two words"]},
}


class Heard:
    """A listener that keeps the events of each attempt."""

    def __init__(self):
        self.attempts = []

    def begin(self):
        self.attempts.append([])

    def look(self, received):
        self.attempts[-1].append(received)
        return True

    @property
    def events(self):
        return tuple(event for received in self.attempts[-1] for event in events_of(received))


def ask(url, body, route="chat", *, arm=None, headers=None, heard=None, times=1, **settings):
    """Send a request as one of an application, and return the replies."""

    async def run():
        async with Relay(Settings(base_url=url, **settings), is_refusal=lambda text: False, sleep=no_sleep) as relay:
            listener = None if heard is None else PassedStream(heard)
            ask_once = [
                await relay.attempt(
                    arm or Arm.plain(MODEL),
                    {"model": MODEL, **body},
                    route,
                    headers or {},
                    keeps_answer=True,
                    listener=listener,
                )
                for _ in range(times)
            ]
            return [reply for reply, _ in ask_once]

    return asyncio.run(run())[-1]


async def no_sleep(_):
    await asyncio.sleep(0)


def sse(*chunks, done=True):
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" * done]).encode()


def chunk(text=None, finish=None, **more):
    return {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}], **more}


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.mark.parametrize("route", BODIES)
def test_answer_is_kept_as_it_was_sent(relay, route):
    reply = ask(relay.url, BODIES[route], route)
    assert (reply.outcome, reply.route, reply.served.status) == ("ok", route, 200)
    assert reply.served.body["model"] == MODEL
    assert reply.usage.prompt > 0
    assert reply.text == ("" if route == "embeddings" else "Answer of gpt-4.1 to: Where is my order?")


@pytest.mark.parametrize("route", ["chat", "responses", "messages"])
def test_stream_is_passed_on_and_kept_with_the_same_events(relay, route):
    """The text of the reply, its tokens and the moment of its first token are those of the stream."""
    relay.control(script=[{"tool_calls": [{"name": "look_up", "arguments": {"order": 7}}], "text": "I look it up."}])
    heard = Heard()
    reply = ask(relay.url, BODIES[route] | {"stream": True}, route, heard=heard)
    assert heard.events == reply.served.events
    assert len(reply.served.events) > 5
    assert all(received.endswith(b"\n\n") for received in heard.attempts[0])
    call = reply.tool_calls[0]
    assert (reply.text, call.name, call.arguments) == ("I look it up.", "look_up", {"order": 7})
    assert reply.usage.prompt > 0
    assert reply.usage.completion == 6
    assert reply.ttft_s is not None


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False, "include_obfuscation": False}}])
def test_tokens_of_a_chat_stream_are_asked_for_without_the_application_seeing_them(relay, options):
    heard = Heard()
    reply = ask(relay.url, BODIES["chat"] | {"stream": True, **options}, heard=heard)
    assert relay.stats()["bodies"][0]["stream_options"] == options.get("stream_options", {}) | {"include_usage": True}
    assert reply.usage.completion == 8
    assert heard.events == reply.served.events
    assert not [event for event in heard.events if "usage" in event]
    assert heard.events[-1] == "data: [DONE]"


def test_tokens_that_the_application_asks_for_are_passed_on(relay):
    heard = Heard()
    body = BODIES["chat"] | {"stream": True, "stream_options": {"include_usage": True}}
    reply = ask(relay.url, body, heard=heard)
    assert "usage" in heard.events[-2]
    assert heard.events == reply.served.events


def test_server_that_refuses_to_be_asked_for_tokens_is_not_asked_again(relay):
    """The application did not ask, so it gets its answer; the tokens stay unknown."""
    relay.control(faults=[{"kind": "param-400", "param": "stream_options", "match": "include_usage", "times": None}])
    heard = Heard()
    reply = ask(relay.url, BODIES["chat"] | {"stream": True}, heard=heard, times=2)
    assert (reply.outcome, reply.usage) == ("ok", None)
    assert heard.events == reply.served.events
    asked = ["stream_options" in body for body in relay.stats()["bodies"]]
    assert asked == [True, False, False]


@pytest.mark.parametrize("message", ["include_usage is not known here", "The argument stream_options is unsupported"])
def test_server_may_refuse_in_any_words(relay, message):
    relay.control(faults=[{"kind": "400", "message": message, "match": "include_usage", "times": None}])
    assert ask(relay.url, BODIES["chat"] | {"stream": True}).outcome == "ok"


def test_arm_without_stream_options_is_not_asked_for_tokens(relay):
    arm = Arm(name="a", model=MODEL, unset=("stream_options",))
    assert ask(relay.url, BODIES["chat"] | {"stream": True}, arm=arm).outcome == "ok"
    assert "stream_options" not in relay.stats()["bodies"][0]


def test_nothing_is_asked_for_where_no_application_asks(relay):
    """A test of prompts sends its own parameters, and nothing else."""

    async def run():
        async with Relay(Settings(base_url=relay.url), is_refusal=lambda text: False) as client:
            return await client.ask(Arm.plain(MODEL), {"model": MODEL, "stream": True, **BODIES["chat"]})

    reply = asyncio.run(run())
    assert (reply.served, reply.route) == (None, "chat")
    assert "stream_options" not in relay.stats()["bodies"][0]


@pytest.mark.parametrize("fault", ["500", "error-200", "drop"])
def test_failed_attempt_is_not_passed_on_before_a_retry(relay, fault):
    relay.control(faults=[{"kind": fault, "times": 1}])
    heard = Heard()
    reply = ask(relay.url, BODIES["chat"] | {"stream": True}, heard=heard)
    assert (reply.outcome, reply.attempts, len(heard.attempts)) == ("ok", 2, 2)
    assert heard.attempts[0] == []
    assert heard.events == reply.served.events


def test_stream_that_breaks_after_its_first_event_is_not_tried_again(relay):
    relay.control(faults=[{"kind": "sse", "events": 3, "then": "drop", "times": None}])
    heard = Heard()
    reply = ask(relay.url, BODIES["chat"] | {"stream": True}, heard=heard)
    assert (reply.outcome, reply.attempts, len(heard.events)) == ("error", 1, 3)
    assert reply.served is None


def test_last_failure_keeps_the_answer_of_the_server(relay):
    relay.control(faults=[{"kind": "503", "times": None}])
    reply = ask(relay.url, BODIES["chat"], retries=1)
    assert (reply.outcome, reply.attempts, reply.served.status) == ("error", 2, 503)
    assert reply.served.body["error"]["message"] == "the server is overloaded"


def test_answer_of_an_earlier_attempt_is_not_that_of_the_last(relay):
    """The connection broke at last: the application must not get the status of the attempt before."""
    relay.control(faults=[{"kind": "503", "times": 1}, {"kind": "drop", "times": None}])
    reply = ask(relay.url, BODIES["chat"], retries=1)
    assert (reply.outcome, reply.attempts, reply.served) == ("error", 2, None)


def test_whole_answer_to_a_request_for_a_stream_is_not_passed_on(relay):
    """A server that does not stream sends JSON: its application gets the kept body."""
    body = json.dumps({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, indent=1) + "\n\n"
    heard = Heard()
    with ScriptedServer(whole(body.encode())) as server:
        reply = ask(server.url, BODIES["chat"] | {"stream": True}, heard=heard)
    assert heard.attempts == [[]]
    assert (reply.text, reply.served.events) == ("Hi", ())
    assert reply.served.body["choices"][0]["message"]["content"] == "Hi"


def test_last_event_without_a_blank_line_is_passed_on():
    heard = Heard()
    stream = sse(chunk("Hi"), done=False) + b"data: " + json.dumps(chunk(finish="stop")).encode()
    with ScriptedServer(whole(stream)) as server:
        reply = ask(server.url, BODIES["chat"] | {"stream": True}, heard=heard)
    assert reply.text == "Hi"
    assert heard.events == reply.served.events
    assert len(heard.events) == 2


def test_tokens_beside_a_part_of_the_answer_are_passed_on():
    """Some servers send the tokens with the finish reason: without that event the answer would have no end."""
    heard = Heard()
    with ScriptedServer(whole(sse(chunk("Hi"), chunk(finish="stop", usage=USAGE)))) as server:
        reply = ask(server.url, BODIES["chat"] | {"stream": True}, heard=heard)
    assert len(heard.events) == 3
    assert reply.usage.completion == 2


def test_comments_are_left_out_and_other_events_keep_their_bytes():
    stream = b": alive\n\nretry: 300\n\n: alive\n: alive\n\ndata: {\r\ndata: }\r\n\r\ndata: \xe2\x80\xa8\n\n"
    assert list(EventSplitter().feed(stream)) == [
        b"retry: 300\n\n",
        b"data: {\r\ndata: }\r\n\r\n",
        b"data: \xe2\x80\xa8\n\n",
    ]


EVENTS = st.lists(st.sampled_from(["data: 1", "event: e\ndata: {}", "data: a\u2028b", ": alive", "id: 7\ndata: x"]))


@given(EVENTS, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(0, 80)))
def test_events_do_not_depend_on_the_pieces_that_they_arrive_in(events, end, cuts):
    stream = "".join(event.replace("\n", end) + 2 * end for event in events).encode()
    splitter, begin, found = EventSplitter(), 0, []
    for cut in [*sorted(cuts), len(stream)]:
        found += splitter.feed(stream[begin:cut])
        begin = max(begin, cut)
    assert splitter.rest() == b""
    assert b"".join(found) == b"".join(
        (event.replace("\n", end) + 2 * end).encode() for event in events if not event.startswith(":")
    )


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://relay.example/v1", {"authorization": "Bearer k", "x-api-key": "k"}),
        ("https://api.anthropic.com/v1", {"x-api-key": "k"}),
        ("https://notanthropic.com/v1", {"authorization": "Bearer k", "x-api-key": "k"}),
    ],
)
def test_messages_are_signed_in_the_way_of_their_api(url, signed):
    headers = headers_for(Access(base_url=url, key=Secret("k")), route="messages")
    assert {name: headers[name] for name in ("authorization", "x-api-key") if name in headers} == signed
    assert headers["anthropic-version"] == "2023-06-01"


def test_headers_of_the_application_are_kept_and_those_of_the_arm_win(relay):
    """A request that brings its key is not signed with another one."""
    arm = Arm(name="a", model=MODEL, headers={"X-Team": "arm"})
    given = {"anthropic-version": "2024-01-01", "anthropic-beta": "b", "x-team": "app", "x-api-key": "own"}
    ask(relay.url, BODIES["messages"], "messages", arm=arm, headers=given)
    sent = relay.stats()["headers"]
    assert {name: sent[name] for name in given} == given | {"x-team": "arm"}
    assert "authorization" not in sent


def test_chat_has_no_headers_of_another_api(relay):
    ask(relay.url, BODIES["chat"])
    assert not {"x-api-key", "anthropic-version"} & relay.stats()["headers"].keys()


def test_header_that_cannot_be_sent_fails_its_request_alone(relay):
    """A bad header of an arm ends the run, for every request has it; that of an application is one request's."""
    reply = ask(relay.url, BODIES["chat"], headers={"x-name": "J\u00f6rg"})
    assert (reply.outcome, reply.error_slug, reply.attempts) == ("error", "header-unusable", 0)
    assert "'x-name'" in reply.error
    assert relay.stats()["total"] == 0


def test_answer_in_the_background_is_not_asked_for(relay):
    """It would be billed, and fetched by requests that are not answered here."""
    reply = ask(relay.url, BODIES["responses"] | {"background": True}, "responses")
    assert (reply.outcome, reply.error_slug, relay.stats()["total"]) == ("error", "request-unusable", 0)


def asked_after_preflight(url, route, count=3):
    """Act like a run with a model that the relay does not list; return replies, and the errors that end it."""

    async def run():
        async with Relay(Settings(base_url=url, retries=0), is_refusal=lambda text: False) as relay:
            await relay.preflight(["unlisted"])
            body = {"model": "unlisted", **BODIES[route]}
            asked = [relay.ask(Arm.plain("unlisted"), body, route) for _ in range(count)]
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("route", ["responses", "messages"])
def test_relay_without_the_route_ends_the_run_after_one_request(relay, route):
    relay.control(faults=[{"kind": "404", "on": route, "times": None}])
    errors = asked_after_preflight(relay.url, route)
    expected = (
        f"{relay.url} does not serve /{route}: the relay answered 404: no such route (the base URL usually ends in /v1)"
        f"\n  hint: the application sends POST /{route}: use a relay that serves it, or let it ask /chat/completions"
        "  [relay-no-route]"
    )
    assert {str(error) for error in errors} == {expected}
    assert relay.stats()["total"] == 1


@pytest.mark.parametrize("route", ["responses", "messages"])
def test_unknown_model_ends_the_run_after_one_request(relay, route):
    fault = {"kind": "404", "on": route, "message": "model unlisted not found", "code": "model_not_found"}
    relay.control(faults=[fault | {"times": None}])
    errors = asked_after_preflight(relay.url, route)
    assert {error.slug for error in errors} == {"model-unknown"}
    assert relay.stats()["total"] == 1


def test_refused_parameter_of_an_application_is_its_own(relay):
    """A case has no params here: the application has to leave the parameter out, or the arm."""
    relay.control(faults=[{"kind": "param-400", "param": "top_p", "times": None}])
    assert (
        '(let the application leave it out, or unset = ["top_p"] for the arm)'
        in ask(relay.url, BODIES["chat"] | {"top_p": 0.5}).error
    )
