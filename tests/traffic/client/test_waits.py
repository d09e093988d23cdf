"""The time that users waited, beside the latency of the attempt that answered."""

import json

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError


def test_wait_has_retries_backoff_and_fallback(relay, tmp_path):
    """Each is longer than its parts; log and report have it."""
    splitter, log = halves(), tmp_path / "t.jsonl"
    relay.control(faults=[{"kind": "500", "match": "[fail]", "model": TREATMENT, "times": None, "latency": 0.05}])

    async def work(client):
        replies = [await client.chat(user("?"), unit=unit_in(splitter, arm)) for arm in splitter.arms]
        replies.append(await client.chat(user("[fail]"), unit=unit_in(splitter, TREATMENT)))
        return client.monitor, replies

    monitor, replies = using(splitter, work, log=log, fallback=True, retries=1)
    assert replies[-1].model == CONTROL
    records = [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "request"]
    assert all(line["wait_s"] > line["latency_s"] for line in records[:2])
    failed = records[-1]
    assert failed["wait_s"] > failed["backoff_s"] + failed["fallback"]["latency_s"] > failed["backoff_s"] > 0
    arms = {arm["arm"]: arm for arm in monitor.report()["arms"]}
    assert arms["control"]["wait_s"]["n"] == 1
    assert arms[TREATMENT]["wait_s"]["mean"] == pytest.approx(sum(line["wait_s"] for line in records[1:]) / 2)
    assert arms[TREATMENT]["wait_s"]["p99"] is None


def test_wait_of_a_failed_request_is_counted(relay):
    """The user waited for the error too."""
    splitter = halves()
    relay.control(faults=[{"kind": "500", "times": None}])

    async def work(client):
        with pytest.raises(RequestFailedError):
            await client.chat(user("?"), unit=unit_in(splitter, "control"))
        return client.monitor

    [control, _] = using(splitter, work, retries=0).report()["arms"]
    assert (control["errors"], control["wait_s"]["n"]) == (1, 1)
