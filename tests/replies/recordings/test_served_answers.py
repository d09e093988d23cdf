"""Answers of applications are stored without secrets, and a client can still read them."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.gateway.matching import Normaliser
from pytest_graysplit.replies.fingerprint import redact_api_json, redact_reply, redact_text, redactor
from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.recordings.served_answers import redact_served
from pytest_graysplit.types import Case, Reply, ServedAnswer

KEY = "sk-live-0123456789abcdef"
CARD = 4111111111111111
redact = redactor([KEY], [lambda text: text.replace(str(CARD), "[card]")])


texts = st.text(max_size=9) | st.sampled_from([KEY, KEY[:9], KEY[9:], f"<{KEY}>"])
json_values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def chat_event(index=0, **delta):
    return "data: " + json.dumps({"id": "c1", "choices": [{"index": index, "delta": delta}]}, separators=(",", ":"))


def tool_event(index, arguments):
    return chat_event(tool_calls=[{"index": index, "function": {"arguments": arguments}}])


def stored(*events):
    return redact_served(ServedAnswer(events=events), redact).events


def data_of(events):
    return [json.loads(line[5:]) for event in events for line in event.split("\n") if line.startswith("data: {")]


def deltas(events):
    return [choice["delta"] for data in data_of(events) for choice in data["choices"]]


@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.integers(0, 70), max_size=8))
def test_no_cut_hides_a_secret(before, after, cuts):
    """Joined as a client joins them, the pieces have the text without the key."""
    text = f"{before}{KEY}{after}"
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:stop] for start, stop in pairwise(places)]
    events = stored(*(chat_event(content=piece) for piece in pieces))
    assert "".join(delta["content"] for delta in deltas(events)) == redact(text)
    assert len(events) == len(pieces)


@given(st.lists(st.tuples(st.sampled_from(["", "event: x\n"]), json_values | st.text(max_size=9)), max_size=4))
def test_any_stream_is_stored_without_the_key(values):
    """With any JSON or text in its events, and the key at any place of it."""
    events = tuple(
        f"{before}data: {json.dumps(value) if given else value}" for given, (before, value) in enumerate(values)
    )
    clean = stored(*events)
    assert KEY not in "".join(clean)
    assert len(clean) == len(events)
    assert KEY in "".join(events) or clean == events


def test_events_without_a_secret_stay_as_they_came():
    """Byte for byte, with their spaces and other lines; only the two pieces of the key change."""
    events = (
        'event: chunk\ndata: {"id": "c1",  "choices": [{"index":0,"delta":{"role":"assistant","content":""}}]}',
        chat_event(content="It is sk-live-0123"),
        chat_event(content="456789abcdef."),
        "data: [DONE]",
    )
    assert stored(*events) == (
        'event: chunk\ndata: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":"It is [redacted]."}}]}',
        chat_event(content=""),
        chat_event(content=""),
        "data: [DONE]",
    )
    clean = (events[0], chat_event(content="It is"), events[3], "data: data: 1", "id: 7")
    assert stored(*clean) == clean


def test_parallel_texts_are_not_mixed():
    """Two choices and two tool calls whose pieces alternate; each of them has a key of its own."""
    start, end = KEY[:9], KEY[9:]
    events = stored(
        chat_event(0, content=start), chat_event(1, content=start), chat_event(0, content=end), chat_event(1, content=end),
        tool_event(0, '{"a": "' + start), tool_event(1, '{"b": "' + start), tool_event(0, end + '"}'), tool_event(1, end + '"}'),
    )  # fmt: skip
    joined = {}
    for data in data_of(events):
        for choice in data["choices"]:
            for call in choice["delta"].get("tool_calls", [{"index": "text", "function": {"arguments": ""}}]):
                place = choice["index"], call["index"]
                text = choice["delta"].get("content", "") + call["function"]["arguments"]
                joined[place] = joined.get(place, "") + text
    assert joined == {
        (0, "text"): "[redacted]",
        (1, "text"): "[redacted]",
        (0, 0): '{"a": "[redacted]"}',
        (0, 1): '{"b": "[redacted]"}',
    }


def test_streams_of_the_other_apis():
    """Texts of responses and of messages, in pieces and whole; their ids are not joined."""
    events = stored(
        'event: a\ndata: {"type":"response.output_text.delta","item_id":"4111","output_index":0,"delta":"sk-live-01"}',
        'event: b\ndata: {"type":"response.output_text.delta","item_id":"4111","output_index":0,"delta":"23456789abcdef"}',
        'event: c\ndata: {"type":"response.output_text.done","item_id":"4111","text":"sk-live-0123456789abcdef"}',
        'event: d\ndata: {"type":"content_block_delta","index":1,"delta":{"partial_json":"{\\"card\\": 41111111"}}',
        'event: e\ndata: {"type":"content_block_delta","index":1,"delta":{"partial_json":"11111111}"}}',
    )
    assert [event.partition("\n")[0] for event in events] == [
        "event: a",
        "event: b",
        "event: c",
        "event: d",
        "event: e",
    ]
    assert [data.get("delta", data.get("text")) for data in data_of(events)] == [
        "[redacted]", "", "[redacted]", {"partial_json": '{"card": "[card]"}'}, {"partial_json": ""},
    ]  # fmt: skip
    assert all(data["item_id"] == "4111" for data in data_of(events)[:3])


def test_tokens_and_their_probabilities_go_with_the_text():
    """They spell the key token by token, in a stream and in a body."""
    tokens = {"content": [{"token": "sk-live-"}, {"token": "0123456789abcdef"}]}
    event = json.dumps({"choices": [{"index": 0, "delta": {"content": KEY}, "logprobs": tokens}]})
    assert "0123456789abcdef" not in "".join(stored(f"data: {event}"))
    body = {"choices": [{"message": {"content": KEY}, "logprobs": tokens}], "usage": {"prompt_tokens": CARD}}
    assert redact_served(ServedAnswer(body=body), redact).body == {
        "choices": [{"message": {"content": "[redacted]"}, "logprobs": None}],
        "usage": {"prompt_tokens": CARD},
    }
    body["choices"][0]["message"]["content"] = "Hi"
    assert redact_served(ServedAnswer(body=body), redact).body == body


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f'{{"card": {CARD}, "n":1.50}}', '{"card": "[card]", "n":1.50}'),
        (f'{{"to":"{KEY}","ü":"ü \\" x"}}', '{"to":"[redacted]","ü":"ü \\" x"}'),
        (f'["\\u00fc {KEY}"]', '["\\u00fc [redacted]"]'),
        (f"{{{KEY}", "{[redacted]"),
        (f"card {CARD}", "card [card]"),
        ('{"n": 1}', '{"n": 1}'),
    ],
)
def test_json_in_a_text_stays_json_in_its_spelling(text, clean):
    """A client parses arguments of a tool call, and some send them back in their own spelling."""
    assert redact_text(text, redact) == clean
    assert redact_text(clean, redact) == clean


def test_vector_keeps_its_direction():
    """Its base64 text may look like anything, and holds no secret."""
    body = {"data": [{"embedding": KEY, "index": 0}, {"embedding": [0.5], "index": 1}]}
    assert redact_api_json(body, redact) == body


def test_redacted_result_of_an_application_keeps_its_answers():
    """The application gets the original while it runs; the texts of the reply are redacted for reports."""
    served = ServedAnswer(body={"content": KEY})
    reply = redact_reply(Reply(model="m", outcome="ok", text=KEY, served=served), redact)
    assert (reply.text, reply.served) == ("[redacted]", served)


def test_answer_is_recorded_clean_and_found_by_the_application_that_repeats_it(project):
    """The request after a tool call has the live arguments once, and the recorded ones in every replay."""
    arguments = f'{{"card": {CARD}, "key": "{KEY}"}}'
    served = ServedAnswer(body={"choices": [{"message": {"tool_calls": [{"function": {"arguments": arguments}}]}}]})
    journal = project.journal(redact=redact)
    journal.append(project.file, project.key(), project.body, project.reply(served=served))
    journal.close()
    assert KEY not in journal.path.read_text()
    merge_journals(project.root)
    replayed = Recordings(project.root).reply(project.file, project.key()).served
    assert replayed.status == 200
    normalise = Normaliser(Case(id="c", messages=()), redact=redact)
    live, again = ({"messages": [answer.body["choices"][0]["message"]]} for answer in (served, replayed))
    assert again["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"card": "[card]", "key": "[redacted]"}'
    assert normalise(live) == normalise(again)
