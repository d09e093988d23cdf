"""Conversations: each request continues the arm's own answers, and ends where the user cannot reply."""

from pathlib import Path

import pytest
from factories import a_reply, an_error

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.replies.conversation import Conversation, without_answers
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import ReplyKey, ToolCall


def user(text):
    return {"role": "user", "content": text}


def opening(*texts, sample=0, **params):
    """Return the first request of a conversation with these messages of the user."""
    body = {"messages": [{"role": "system", "content": "Be brief."}, user(texts[0])], **params}
    arm = Arm.plain("gpt-4.1", Access(base_url="http://127.0.0.1:1/v1"))
    key = ReplyKey("talk", "gpt-4.1", request_hash(body), sample)
    return ReplyRequest("control", arm, key, Path("a.jsonl"), body, turn=0, following=tuple(map(user, texts[1:])))


def contents(request):
    return [message["content"] for message in request.body["messages"]]


def test_next_request_repeats_the_answers_so_far():
    talk = Conversation(opening("One?", "Two?", "Three?", temperature=0))
    first = talk.next
    talk.add(a_reply("1"))
    second = talk.next
    assert contents(second) == ["Be brief.", "One?", "1", "Two?"]
    assert second.body["messages"][2] == {"role": "assistant", "content": "1"}
    assert second.body["temperature"] == 0
    talk.add(a_reply("2"))
    assert contents(talk.next) == ["Be brief.", "One?", "1", "Two?", "2", "Three?"]
    talk.add(a_reply("3"))
    assert talk.next is None
    assert [(reply.text, reply.turn) for reply in talk.reply.turns] == [("1", 0), ("2", 1), ("3", 2)]
    assert contents(first) == ["Be brief.", "One?"]


def test_key_of_a_later_turn_depends_on_the_answers_and_keeps_the_sample():
    """The recording of one conversation must not answer another one."""
    after = []
    for text in ("1", "one", "1"):
        talk = Conversation(opening("One?", "Two?", sample=3))
        talk.add(a_reply(text))
        after.append(talk.next.key)
    assert after[0] == after[2] != after[1]
    assert {key._replace(request="") for key in after} == {ReplyKey("talk", "gpt-4.1", "", 3)}


@pytest.mark.parametrize(
    "reply",
    [
        an_error(),
        a_reply("", outcome="empty"),
        a_reply("I cannot help with that.", outcome="refusal"),
        a_reply("A part", outcome="filtered"),
        a_reply(" ", outcome="truncated"),
        a_reply("I look it up.", tool_calls=(ToolCall("look_up"),)),
    ],
    ids=["error", "empty", "refusal", "filtered", "blank", "call"],
)
def test_conversation_ends_where_the_user_cannot_reply(reply):
    talk = Conversation(opening("One?", "Two?"))
    talk.add(reply)
    assert talk.next is None
    assert len(talk.reply.turns) == 1


def test_answer_that_was_cut_off_is_continued():
    """It is a miss by itself, and the user can still reply to it."""
    talk = Conversation(opening("One?", "Two?"))
    talk.add(a_reply("A part", outcome="truncated"))
    assert talk.next is not None


def test_fresh_answer_is_repeated_as_it_is_recorded():
    """A replay reads the recorded text and must find the same request."""
    keys = []
    for reply in (a_reply("The key is s3cret."), a_reply("The key is [redacted].", replayed=True)):
        talk = Conversation(opening("One?", "Two?"), lambda text: text.replace("s3cret", "[redacted]"))
        talk.add(reply)
        keys.append(talk.next.key)
    assert keys[0] == keys[1]


def test_single_prompt_is_left_as_it_is():
    request = opening("One?")._replace(turn=None)
    reply, talk = a_reply("1"), Conversation(request)
    talk.add(reply)
    assert talk.next is None
    assert talk.reply is reply


def test_bodies_without_answers_have_every_message_of_the_user():
    bodies = list(without_answers(opening("One?", "Two?", "Three?")))
    assert [[message["content"] for message in body["messages"]] for body in bodies] == [
        ["Be brief.", "One?", "Two?"],
        ["Be brief.", "One?", "Two?", "Three?"],
    ]
