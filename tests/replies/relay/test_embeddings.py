"""Vectors over the wire, in each shape that relays send, and through the real client."""

import asyncio
import base64
import json
import struct

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.embeddings import read_embedding
from pytest_graysplit.replies.relay.failures import RawResponse
from pytest_graysplit.replies.relay.preflight import unlisted_warnings
from pytest_graysplit.replies.relay.vectors import pack, unpack
from pytest_graysplit.types import Usage

MODEL = "text-embedding-3-small"
FLOATS = [0.5, -1.0, 0.25]


def read(payload, status=200):
    answer = RawResponse(status, {}, json.dumps(payload).encode())
    return read_embedding(answer, model=MODEL, sent=("model", "input"), redact=redactor(()))


def as_base64(numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize("given", [FLOATS, as_base64(FLOATS)], ids=["list", "base64"])
def test_vector_is_kept_as_a_recording_stores_it(given):
    """Both spellings of the wire become one text, with the tokens and the serving model."""
    reply = read({"data": [{"embedding": given}], "model": "served", "usage": {"prompt_tokens": 7, "total_tokens": 7}})
    assert (reply.outcome, reply.text, reply.served_model) == ("ok", pack(FLOATS), "served")
    assert list(unpack(reply.text)) == [64, -127, 32]
    assert reply.usage == Usage(prompt=7, total=7)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"data": []},
        {"data": [{}]},
        {"data": ["text"]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": [1.0, None]}]},
        {"data": [{"embedding": "no base64"}]},
        {"data": [{"embedding": "AAA="}]},
        {"data": [{"embedding": as_base64([1.0, float("nan")])}]},
        {"choices": [{"message": {"content": "hello"}}]},
    ],
)
def test_response_without_a_whole_vector_is_a_failure(payload):
    """Half a vector has another direction."""
    assert read(payload).slug == "relay-no-embedding"


def test_error_inside_a_200_is_a_failure():
    """As for chat: a 200 is not yet a success."""
    assert read({"error": {"message": "no such model", "code": 404}}).status == 404


def ask(relay, *texts, **settings):
    async def work():
        chosen = Settings(base_url=relay.url, **settings)
        async with Relay(chosen, is_refusal=lambda text: False) as client:
            return [await client.ask(Arm.plain(MODEL), {"model": MODEL, "input": text}, "embeddings") for text in texts]

    return asyncio.run(work())


def test_client_posts_to_the_embeddings_route(relay):
    """One request per text, on its own route, timed and counted like a chat completion."""
    one, other = ask(relay, "lamp lamp shade", "shade lamp lamp")
    assert one.text == other.text
    assert (one.outcome, one.attempts, one.usage.prompt) == ("ok", 1, 3)
    assert one.latency_s > 0
    assert relay.stats()["paths"] == {"POST /v1/embeddings": 2}
    assert relay.stats()["bodies"][0] == {"model": MODEL, "input": "lamp lamp shade"}


def test_busy_relay_is_tried_again(relay):
    """429 and 5xx are retried as for chat, and the last failure becomes a failed reply."""
    relay.control(faults=[{"kind": "429", "retry_after_ms": 1}, {"kind": "503", "match": "never", "times": None}])
    assert [reply.attempts for reply in ask(relay, "lamp")] == [2]
    [failed] = ask(relay, "never", retries=0)
    assert (failed.outcome, failed.error_slug) == ("error", "relay-http-error")


def test_relay_that_lists_no_embedding_model_is_a_warning():
    """Many relays list only chat models; where the list is unknown, there is no warning."""
    assert list(unlisted_warnings([MODEL], {"gpt-4.1": {}})) == [
        "the relay lists no model 'text-embedding-3-small'; it may serve it all the same"
    ]
    assert list(unlisted_warnings([MODEL], {MODEL: {}})) == list(unlisted_warnings([MODEL], {})) == []
