"""A client that closes: it waits for its requests, names those that it cannot wait for, and is opened once."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user

from pytest_graysplit import RequestFailedError, SplitClient, SyncSplitClient
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.client import in_flight


async def started(client, relay, requests):
    """Send requests in tasks of their own, and wait until the relay has them all."""
    tasks = [asyncio.create_task(client.chat(user("?"), unit=f"user-{number}")) for number in range(requests)]
    while sum((await asyncio.to_thread(relay.stats))["requests"].values()) < requests:  # noqa: ASYNC110 # the relay is another process
        await asyncio.sleep(0.01)
    return tasks


def test_close_waits_for_requests_in_flight(relay, tmp_path):
    """Every user gets an answer, and every answer is in the log."""
    relay.control(latency=0.5)

    async def run():
        async with SplitClient(halves(), log=tmp_path / "t.jsonl") as client:
            tasks = await started(client, relay, 8)
        assert all(task.done() for task in tasks)
        return [task.result().outcome for task in tasks], client.monitor.report()["total"]["requests"]

    assert asyncio.run(run()) == (["ok"] * 8, 8)
    assert (tmp_path / "t.jsonl").read_text().count('"kind":"request"') == 8


def test_close_names_requests_that_take_too_long(relay, monkeypatch, caplog):
    """The wait is bounded; the requests fail and are counted."""
    monkeypatch.setattr(in_flight, "CLOSE_S", 0.05)
    relay.control(latency=30)
    counts = Counter(halves().assign(f"user-{number}").arm for number in range(5))

    async def run():
        async with SplitClient(halves(), retries=0) as client:
            tasks = await started(client, relay, 5)
        for task in tasks:
            with suppress(RequestFailedError, UsageError):
                await asyncio.wait_for(task, 20)
        return client.monitor.report()["total"]

    with caplog.at_level(logging.WARNING, logger="pytest_graysplit"):
        total = asyncio.run(run())
    assert (total["requests"], total["errors"]) == (5, 5)
    [message] = caplog.messages
    assert message.startswith("graysplit: the client was closed with 5 requests in flight after 0.05 s (")
    assert all(f"{count} of {arm}" in message for arm, count in counts.items())


def test_client_that_closes_takes_no_further_request(relay):
    """The wait would otherwise never end."""
    relay.control(latency=0.5)
    refused = []

    async def run():
        async with SplitClient(halves()) as client:
            tasks = await started(client, relay, 1)

            async def ask_again():
                while not refused:
                    await asyncio.sleep(0.01)
                    try:
                        client._in_flight.require_open()
                    except UsageError as error:
                        refused.append(error.slug)

            again = asyncio.create_task(ask_again())
        await again
        return tasks[0].result().outcome

    assert asyncio.run(run()) == "ok"
    assert refused == ["split-client-closed"]


def test_client_is_opened_once(relay):
    """A second opening would close the connections of the first."""

    async def run():
        client = SplitClient(halves())
        async with client:
            with pytest.raises(UsageError) as caught:
                await client.__aenter__()
            first = await client.chat(user("?"), unit=unit_in(halves(), TREATMENT))
        async with client:
            second = await client.chat(user("?"), unit=unit_in(halves(), "control"))
        return caught.value, first.model, second.model

    error, *models = asyncio.run(run())
    assert str(error) == (
        "the client is already open\n"
        "  hint: open one client for the whole application, and let all tasks and threads use it  [split-client-open]"
    )
    assert models == [TREATMENT, CONTROL]


def test_sync_client_is_opened_once(relay):
    """The first opening stays usable."""
    client = SyncSplitClient(SplitClient(halves()))
    with client:
        with pytest.raises(UsageError) as caught:
            client.__enter__()
        assert client.chat(user("?"), unit="a").outcome == "ok"
    assert caught.value.slug == "split-client-open"
