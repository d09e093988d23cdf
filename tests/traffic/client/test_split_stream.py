"""Answers in pieces against a real relay: text, times, sums and log, also of answers that break or that no user reads."""

import asyncio
import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.errors import UsageError

QUESTION = "how long does a parcel take?"
WORDS = f"Answer of {TREATMENT} to: {QUESTION}"


def in_treatment(client, **params):
    return client.stream(user(QUESTION), force=None, unit=unit_in(halves(), TREATMENT), **params)


async def read(stream):
    return [piece async for piece in stream]


async def read_into(seen, stream):
    async for piece in stream:
        seen.append(piece)  # the pieces before an error are the subject


async def until(is_so):
    """Wait for the relay, or for a task that nothing else can wait for."""
    while not is_so():  # noqa: ASYNC110 # the condition sets no event
        await asyncio.sleep(0.01)


async def settled(client, requests):
    """Wait until so many requests are recorded."""
    await until(lambda: client.monitor.report()["total"]["requests"] >= requests)
    return client.monitor.report()


def requests_in(log):
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "request"]


def treatment_of(report):
    return report["arms"][1]


def test_pieces_arrive_and_the_reply_has_everything(relay, tmp_path):
    """The pieces are the text; tokens, cost and the time to the first token are counted and logged."""
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        stream = in_treatment(client, max_tokens=50)
        assert stream.reply is None
        return await read(stream), stream.reply, client.monitor.report()

    pieces, reply, report = using(halves(), work, log=log)
    assert len(pieces) > 5
    assert "".join(pieces) == reply.text == WORDS
    assert (reply.arm, reply.outcome, reply.usage.completion) == (TREATMENT, "ok", len(WORDS.split()))
    assert 0 < reply.ttft_s <= reply.latency_s <= reply.wait_s
    assert report["total"]["cost_usd"] == float(reply.cost_usd) == float(relay.stats()["billed"]["cost_usd"]) > 0
    [line] = requests_in(log)
    assert (line["text"], line["id"], line["ttft_s"], line["params"]) == (
        WORDS,
        reply.id,
        reply.ttft_s,
        {"max_tokens": 50},
    )
    [body] = relay.stats()["bodies"]
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_tokens_are_counted_for_a_relay_without_streams(relay):
    """A relay that sends the whole answer at once gives one piece."""
    relay.control(faults=[{"kind": "reported", "cost": "0.01"}])

    async def work(client):
        client_stream = in_treatment(client)
        return await read(client_stream), client_stream.reply

    pieces, reply = using(halves(), work)
    assert "".join(pieces) == reply.text == WORDS


def test_tool_calls_are_in_the_reply(relay):
    """They have no text, so there is not a single piece."""
    relay.control(faults=[{"kind": "tool"}])

    async def work(client):
        stream = in_treatment(client)
        return await read(stream), stream.reply

    pieces, reply = using(halves(), work)
    assert (pieces, reply.outcome, reply.tool_calls[0].name) == ([], "ok", "look_up")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think> Let me see. </think> It takes 30 days.", "It takes 30 days."),
        ("<b> It takes </b> 30 days.", "<b> It takes </b> 30 days."),
        ("analysis of the parcel", "analysis of the parcel"),
        ("<think> Hm.", ""),
    ],
)
def test_thoughts_are_left_out_of_the_pieces(relay, text, answer):
    """The user sees the answer alone, as in the reply."""
    relay.control(faults=[{"kind": "text", "text": text}])

    async def work(client):
        stream = in_treatment(client)
        return await read(stream), stream.reply

    pieces, reply = using(halves(), work)
    assert "".join(pieces) == reply.text == answer


def test_broken_stream_raises_with_the_text_so_far(relay, tmp_path):
    """No retry and no fallback follows, because the user has read a part."""
    relay.control(faults=[{"kind": "sse", "events": 4, "then": "drop", "times": None}])
    log, seen = tmp_path / "traffic.jsonl", []

    async def work(client):
        with pytest.raises(RequestFailedError) as caught:
            await read_into(seen, in_treatment(client))
        return caught.value, client.monitor.report()

    error, report = using(halves(), work, log=log, fallback=True, retries=3)
    assert "".join(seen) == error.reply.text == "Answer of deepseek-v3.2"
    assert (error.slug, error.reply.failed) == ("relay-unreachable", None)
    assert relay.stats()["total"] == 1
    assert (treatment_of(report)["errors"], treatment_of(report)["fallbacks"]) == (1, 0)
    assert requests_in(log)[0]["text"] == "Answer of deepseek-v3.2"


def test_stream_is_tried_again_before_its_first_piece(relay):
    """As a whole answer is."""
    relay.control(faults=[{"kind": "503"}, {"kind": "sse", "events": 1, "then": "drop"}])

    async def work(client):
        stream = in_treatment(client)
        return await read(stream), stream.reply

    pieces, reply = using(halves(), work, retries=3)
    assert "".join(pieces) == WORDS
    assert (reply.attempts, reply.retried) == (3, ("http-503", "relay-unreachable"))


def test_fallback_answers_before_the_first_piece(relay):
    """It streams too, and counts as a failure of the treatment."""
    splitter = halves(f"{TREATMENT}+500")

    async def work(client):
        stream = client.stream(user("hi"), unit=unit_in(splitter, f"{TREATMENT}+500"))
        return await read(stream), stream.reply, client.monitor.report()

    pieces, reply, report = using(splitter, work, fallback=True, retries=0)
    assert "".join(pieces) == reply.text == f"Answer of {CONTROL} to: hi"
    assert len(pieces) > 3
    assert (reply.model, reply.failed.error_kind) == (CONTROL, "http-500")
    assert (treatment_of(report)["errors"], treatment_of(report)["fallbacks"]) == (1, 1)


def test_deadline_holds_for_the_first_piece(relay):
    """Events without a token do not count as one; the control answers in the time that is left."""
    relay.control(faults=[{"kind": "sse", "events": 1, "then": "hang", "model": TREATMENT, "times": None}])

    async def work(client):
        stream = in_treatment(client)
        return await read(stream), stream.reply

    pieces, reply = using(halves(), work, fallback=True, timeout_s=1.0, fallback_after_s=0.2)
    assert "".join(pieces) == f"Answer of {CONTROL} to: {QUESTION}"
    assert reply.failed.error_kind == "relay-timeout"


def test_silence_ends_an_answer_that_has_begun(relay):
    """Comments that keep the connection alive are not tokens."""
    relay.control(faults=[{"kind": "sse", "events": 3, "then": "hang"}])

    async def work(client):
        with pytest.raises(
            RequestFailedError, match=r"the answer began, and then no token came within 0\.2 s"
        ) as caught:
            await read(in_treatment(client, timeout_s=0.2))
        return caught.value.reply

    reply = using(halves(), work, fallback=True)
    assert (reply.text, reply.error_kind) == ("Answer of", "relay-timeout")


def test_long_answer_may_take_longer_than_the_deadline(relay):
    """As long as its tokens follow one another."""
    relay.control(faults=[{"kind": "sse", "gap": 0.05}])

    async def work(client):
        stream = in_treatment(client, timeout_s=0.3)
        return await read(stream), stream.reply

    pieces, reply = using(halves(), work)
    assert "".join(pieces) == WORDS
    assert reply.latency_s > 0.3


async def broken_off(client):
    async for _ in in_treatment(client):
        break


async def failed(client):
    async def consumer():
        async for _ in in_treatment(client):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consumer()


async def cancelled(client):
    began = asyncio.Event()

    async def consumer():
        async for _ in in_treatment(client):
            began.set()

    task = asyncio.create_task(consumer())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def closed(client):
    stream = in_treatment(client)
    async for _ in stream:
        await stream.aclose()
        break


async def left_block(client):
    async with in_treatment(client) as stream:
        async for _ in stream:
            break


@pytest.mark.parametrize("leave", [broken_off, failed, cancelled, closed, left_block])
def test_user_who_goes_away_is_counted_with_the_text_so_far(relay, tmp_path, leave):
    """The relay is not asked to go on, and the request is one line of the log."""
    relay.control(faults=[{"kind": "sse", "events": 4, "then": "hang", "times": None}])
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        await leave(client)
        gc.collect()
        report = await settled(client, 1)
        await until(lambda: relay.stats()["hung_up"])
        return report

    report = using(halves(), work, log=log)
    assert treatment_of(report)["error_classes"] == {"request-cancelled": 1}
    [line] = requests_in(log)
    assert WORDS.startswith(line["text"])
    assert line["text"]
    assert line["ttft_s"] > 0
    assert relay.stats()["total"] == 1


def test_slow_reader_is_not_a_slow_model(relay):
    """The answer is received meanwhile, its connection is free, and its latency is that of the relay."""

    async def work(client):
        slow = in_treatment(client)
        async for _ in slow:
            await settled(client, 1)
            other = await client.chat(user("hi"), unit=unit_in(halves(), TREATMENT))
            break
        return slow.reply, other

    slow, other = using(halves(), work, concurrency=1, timeout_s=5)
    assert (slow.outcome, slow.text, other.outcome) == ("ok", WORDS, "ok")


def test_stream_is_read_once(relay):
    """A second loop would ask again without saying so."""

    async def work(client):
        stream = in_treatment(client)
        await read(stream)
        with pytest.raises(UsageError, match="the answer was read already"):
            await read(stream)

    using(halves(), work)
    assert relay.stats()["total"] == 1


def test_unread_stream_asks_nothing(relay):
    """Nothing is sent, and nothing counted, before the loop."""

    async def work(client):
        await in_treatment(client).aclose()
        return client.monitor.report()["total"]["requests"]

    assert using(halves(), work) == relay.stats()["total"] == 0


def test_threads_read_streams(relay):
    """Each loop in its own thread; every answer is whole and counted once."""
    with SyncSplitClient(SplitClient(halves())) as client, ThreadPoolExecutor(8) as pool:

        def answer(number):
            stream = client.stream(user(f"question {number}"), unit=number)
            return "".join(stream), stream.reply

        answers = list(pool.map(answer, range(40)))
        with client.stream(user("bye"), unit=1) as stream:
            next(iter(stream))
        report = client.monitor.report()
    assert all(text == reply.text != "" for text, reply in answers)
    assert report["total"]["requests"] == relay.stats()["total"] == 41


def test_loop_that_is_left_early_stops_a_blocking_stream(relay):
    """`break` in code that does not await records the answer as far as it came."""
    relay.control(faults=[{"kind": "sse", "events": 4, "then": "hang", "times": None}])
    with SyncSplitClient(SplitClient(halves())) as client:
        for _ in client.stream(user("hi"), unit=1):
            break
        report = client.monitor.report()
    assert report["total"]["errors"] == 1


def test_stream_in_the_event_loop_of_another_thread(relay):
    """The connections stay in the loop that owns them."""
    texts = []

    async def work(client):
        thread = threading.Thread(target=lambda: texts.append(asyncio.run(read(in_treatment(client)))))
        thread.start()
        await asyncio.to_thread(thread.join)

    using(halves(), work)
    assert ["".join(pieces) for pieces in texts] == [WORDS]


def test_unset_option_is_not_sent(relay, tmp_path):
    """For a relay that refuses `stream_options`; the tokens are then unknown."""
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[tool.graysplit.arms.old]\nmodel = "{TREATMENT}"\nunset = ["stream_options"]\n')
    splitter = TrafficSplitter([Split(CONTROL, 0.5), Split("old", 0.5)], salt="s")

    async def work(client):
        stream = client.stream(user("hi"), force="old")
        return await read(stream), stream.reply

    pieces, reply = using(splitter, work, project=project)
    assert "stream_options" not in relay.stats()["bodies"][0]
    assert (len(pieces) > 3, reply.usage, reply.cost_usd) == (True, None, None)
