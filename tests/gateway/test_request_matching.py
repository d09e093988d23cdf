"""Requests of applications in their normal form: only parts that the user names may differ between two runs."""

import base64
import re
from types import SimpleNamespace

import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.gateway.matching import CallNumbers, Normaliser
from pytest_graysplit.replies.fingerprint import redactor, request_hash
from pytest_graysplit.types import Case, ReplyKey

CASE = Case(id="test_refund", messages=())
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def asked(text, **fields):
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **fields}


def test_normal_form_has_no_model_and_everything_else():
    """The model is a part of the key by itself, and every other field decides on the answer."""
    body = asked("Hi", temperature=0, stream=True, tools=[{"function": {"name": "a", "parameters": {}}}])
    assert Normaliser(CASE)(body) == {name: part for name, part in body.items() if name != "model"}


def test_ignored_parts_do_not_count():
    """At any depth and several times in a text; names of fields and numbers stay, and so does the body itself."""
    normalise = Normaliser(CASE, ignore=(DATE, re.compile("req-[0-9a-f]+")))
    body = asked("from 2026-11-30 to 2026-12-01, req-00ff", metadata={"2026-11-30": "2026-11-30", "n": 20261130})
    assert normalise(body) == {
        "messages": [{"role": "user", "content": "from <ignored> to <ignored>, <ignored>"}],
        "metadata": {"2026-11-30": "<ignored>", "n": 20261130},
    }
    assert body["messages"][0]["content"].startswith("from 2026")
    other = asked("from 2025-01-02 to 2025-01-03, req-1", metadata={"2026-11-30": "2000-01-01", "n": 20261130})
    assert request_hash(normalise(body)) == request_hash(normalise(other))


def test_hook_changes_a_copy():
    """It sees the body after `ignore`, and the request that is sent stays as it is."""
    seen = []

    def normalise(body, case):
        seen.append((body["messages"][0]["content"], case))
        body["messages"].clear()
        del body["user"]

    body = asked("2026-11-30", user="u-17")
    assert Normaliser(CASE, ignore=(DATE,), hook=normalise)(body) == {"messages": []}
    assert body == asked("2026-11-30", user="u-17")
    assert seen == [("<ignored>", CASE)]


def test_hook_may_return_the_body_that_it_has_changed():
    def normalise(body, case):
        body.clear()
        return [body]

    assert Normaliser(CASE, hook=normalise)(asked("Hi")) == {}


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda body, case: body.pop("absent"), "KeyError: 'absent'"),
        (lambda body, case: body.update(at={1, 2}), "TypeError: "),
        (lambda body, case: [body | {"user": ""}], "TypeError: it returned a value, which is not used"),
    ],
)
def test_failing_hook_is_one_message(hook, reason):
    """It names the hook, the case and the exception of the hook, or the value that JSON does not have."""
    problem = f"pytest_graysplit_normalize failed for case 'test_refund': {reason}"
    with pytest.raises(UsageError, match=re.escape(problem)) as info:
        Normaliser(CASE, hook=hook)(asked("Hi"))
    assert info.value.slug == "normalize-failed"


def test_answer_that_is_sent_back_is_found_without_its_secret():
    """A live answer had the key in it and its recording has not; the next request is the same one for both."""
    secret = "sk-live-0123456789abcdef"
    normalise = Normaliser(CASE, redact=redactor([secret]))
    live, replayed = asked(f"You said: {secret}"), asked("You said: [redacted]")
    assert normalise(live) == normalise(replayed)
    assert secret not in str(normalise(live))


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_large_attachment_is_stored_as_its_hash(prefix):
    """Another image is another request; a short one, and a long text, stay as they are."""
    images = [base64.b64encode(bytes([n]) * 4000).decode() for n in range(2)]
    one, other = [Normaliser(CASE)(asked(prefix + image)) for image in images]
    assert one != other
    content = one["messages"][0]["content"]
    assert content.startswith(f"{prefix}sha256=")
    assert len(content) < 120
    for text in (prefix + images[0][:400], "word " * 2000):
        assert Normaliser(CASE)(asked(text))["messages"][0]["content"] == text


def test_equal_bodies_of_two_routes_are_two_requests():
    """Chat has no route in its hash, as in older recordings."""
    body = {"input": "Hi"}
    routes = ("chat", "embeddings", "responses", "messages")
    assert len({request_hash(body, route) for route in routes}) == len(routes)
    assert request_hash(body, "chat") == request_hash(body)


def test_number_of_a_failed_request_is_given_again():
    """The lowest free number: a recorded run without the failure counts in the same way."""
    numbers, key = CallNumbers(), ReplyKey("case", "model", "hash", 0)
    assert [numbers.take(key).call for _ in range(3)] == [0, 1, 2]
    numbers.free(key._replace(call=1))
    assert [numbers.take(key).call for _ in range(2)] == [1, 3]
    assert numbers.take(key._replace(request="other")).call == 0


def test_hook_may_be_a_caller_of_pluggy():
    """The caller passes arguments by name."""
    calls = SimpleNamespace(names=[])
    Normaliser(CASE, hook=lambda **given: calls.names.extend(sorted(given)))(asked("Hi"))
    assert calls.names == ["body", "case"]
