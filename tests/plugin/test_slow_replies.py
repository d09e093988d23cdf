"""Slow replies, as of real models: 7 s of silence before a reply or within a stream pass with all defaults."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

from replies.relay.scripted import ScriptedServer, said, whole

from pytest_graysplit import Split, SplitClient, TrafficSplitter

SILENCE_S = 7
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def http_chunk(text):
    return b"%x\r\n%s\r\n" % (len(text), text)


def be_silent():
    time.sleep(SILENCE_S)


def respond_slowly(head):
    """Return the list of models at once, a reply after the silence, or a stream that pauses after its first word."""
    if head.startswith(b"GET"):
        return whole(b'{"data": [{"id": "today-1"}, {"id": "cheap-1"}]}')
    if b'"stream":true' not in head:
        return [be_silent, whole(said("You have 30 days."))]
    first = b'data: {"choices":[{"index":0,"delta":{"content":"You have "}}]}\n\n'
    last = b'data: {"choices":[{"index":0,"delta":{"content":"30 days."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    return [HEAD, http_chunk(first), be_silent, http_chunk(last) + b"0\r\n\r\n"]


async def send_live(url):
    splitter = TrafficSplitter([Split("today-1", 0.5), Split("cheap-1", 0.5)], salt="x")
    async with SplitClient(splitter, base_url=url) as client:
        user = [{"role": "user", "content": "How long?"}]
        whole = asyncio.ensure_future(client.chat(user, unit=1))
        pieces = [piece async for piece in client.stream(user, unit=2)]
        return [(await whole).text, "".join(pieces)]


def test_silence_of_7_s_does_not_time_out_by_default(project, monkeypatch):
    """A run and live traffic wait at the same time, and each request is sent once."""
    for name in [name for name in os.environ if name.startswith("GRAYSPLIT_") and name != "GRAYSPLIT_API_KEY"]:
        monkeypatch.delenv(name)
    project.models = ["--graysplit-control=today-1", "--graysplit-treatment=cheap-1"]
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="How long?")
        def test_whole(graysplit):
            assert graysplit.treatment.text == graysplit.control.text == "You have 30 days."

        @pytest.mark.graysplit(prompt="How long?", max_ttft_s=60)
        def test_streamed(graysplit):
            assert graysplit.treatment.text == graysplit.control.text == "You have 30 days."
            assert graysplit.treatment.ttft_s < graysplit.treatment.latency_s
        """
    )
    with ScriptedServer(respond_slowly) as server, ThreadPoolExecutor() as pool:
        replies = pool.submit(lambda: asyncio.run(send_live(server.url)))
        project.run_in_subprocess(f"--graysplit-base-url={server.url}").assert_outcomes(passed=2)
        assert replies.result() == ["You have 30 days."] * 2
    assert sum(head.startswith(b"POST") for head in server.heads) == 6
    assert all(reply["latency_s"] > SILENCE_S for reply in project.recorded())
