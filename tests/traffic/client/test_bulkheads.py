"""A treatment that hangs, asks for pauses or fails does not reach the control, and users wait no longer than the deadline."""

import asyncio
import re
import time
from collections import Counter

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError, Split, SplitClient, TrafficSplitter
from pytest_graysplit.errors import UsageError

FIRST_TREATMENT = unit_in(halves(), TREATMENT)


async def all_of(client, numbers):
    asked = (client.chat(user(f"question {number}"), unit=number) for number in numbers)
    return await asyncio.gather(*asked, return_exceptions=True)


def by_arm(replies):
    """Count outcomes by arm."""
    failed = [one.reply if isinstance(one, RequestFailedError) else one for one in replies]
    return Counter((reply.arm, reply.outcome) for reply in failed)


def arms_of(monitor):
    return {arm["arm"]: arm for arm in monitor.report()["arms"]}


def test_pause_of_the_treatment_does_not_stop_the_control(relay):
    """Every control is answered while requests of the treatment wait as long as their 429s ask."""
    relay.control(faults=[{"kind": "429", "retry_after": 0.4, "model": TREATMENT, "times": None}])
    ended = []

    async def ask(client, number):
        try:
            reply = await client.chat(user("hi"), unit=number)
        except RequestFailedError as error:
            reply = error.reply
        ended.append((reply.arm, reply.attempts))

    async def work(client):
        await asyncio.gather(*(ask(client, number) for number in range(80)))
        return client.monitor

    monitor = using(halves(), work, retries=1, timeout_s=1.0)
    assert max(place for place, one in enumerate(ended) if one[0] == "control") < ended.index((TREATMENT, 2))
    assert arms_of(monitor)["control"]["errors"] == 0
    assert arms_of(monitor)[TREATMENT]["passed"] == 0


def test_hanging_treatment_leaves_the_connections_of_the_control_free(relay):
    """With two connections each, and ten requests of the treatment waiting for theirs."""
    relay.control(faults=[{"kind": "hang", "model": TREATMENT, "times": None}])
    splitter = halves()

    async def work(client):
        return await all_of(client, range(20))

    replies = using(splitter, work, retries=0, timeout_s=0.5, concurrency=2)
    arms = Counter(splitter.assign(number).arm for number in range(20))
    assert by_arm(replies) == {("control", "ok"): arms["control"], (TREATMENT, "error"): arms[TREATMENT]}


def test_failing_treatment_does_not_take_the_retries_of_the_control(relay):
    """The control fails once in ten requests; with its own budget each of these is tried again and answered."""
    splitter = halves()
    failing = [number for number in range(300) if splitter.assign(number).arm == "control"][::10]
    relay.control(
        faults=[{"kind": "503", "model": TREATMENT, "times": None}]
        + [{"kind": "503", "match": f"question {number}"} for number in failing]
    )

    async def work(client):
        for start in range(0, 300, 60):
            await all_of(client, range(start, start + 60))
        return client.monitor

    monitor = using(splitter, work, retries=2, timeout_s=20)
    control, treatment = arms_of(monitor).values()
    assert (control["errors"], control["passed"]) == (0, control["requests"])
    assert sum(control["retried"].values()) >= len(failing)
    assert treatment["passed"] == 0


def test_deadline_includes_retries_and_the_fallback(relay):
    """The treatment hangs; the control answers in the rest of the user's wait, and both waits are recorded as one."""
    relay.control(faults=[{"kind": "hang", "model": TREATMENT, "times": None}])

    async def work(client):
        return await client.chat(user("hi"), unit=FIRST_TREATMENT)

    reply = using(halves(), work, fallback=True, timeout_s=2.0, fallback_after_s=0.3, retries=3)
    assert (reply.model, reply.failed.error_kind) == (CONTROL, "relay-timeout")
    assert re.match(r"no whole answer within 0\.[23]\d* s, after 1 attempt", reply.failed.error)
    assert reply.wait_s >= reply.failed.latency_s + reply.latency_s


def test_user_waits_no_longer_when_both_arms_hang(relay, tmp_path):
    """One deadline for both: the second arm has the rest of the first one's time."""
    relay.control(faults=[{"kind": "hang", "times": None}])

    async def work(client):
        began = time.perf_counter()
        with pytest.raises(RequestFailedError) as caught:
            await client.chat(user("hi"), unit=FIRST_TREATMENT)
        return caught.value.reply, time.perf_counter() - began, client.monitor

    reply, waited_s, monitor = using(halves(), work, fallback=True, timeout_s=0.6, retries=3)
    assert reply.failed.latency_s + reply.latency_s <= reply.wait_s <= waited_s
    [treatment_s, control_s] = [float(one.error.split(" s,")[0].split()[-1]) for one in (reply.failed, reply)]
    assert treatment_s + control_s <= 0.6
    assert arms_of(monitor)[TREATMENT]["fallback_failures"] == 1
    assert relay.stats()["total"] == 2


def test_deadline_of_one_request(relay):
    """A shorter wait than that of the client, of which the treatment has half."""
    relay.control(faults=[{"kind": "hang", "model": TREATMENT, "times": None}])

    async def work(client):
        return await client.chat(user("hi"), unit=FIRST_TREATMENT, timeout_s=0.4)

    reply = using(halves(), work, fallback=True, timeout_s=60)
    assert reply.model == CONTROL
    assert re.match(r"no whole answer within 0\.[12]\d* s", reply.failed.error)
    assert "timeout_s" not in relay.stats()["bodies"][0]


def test_new_weights_keep_the_connections(relay):
    """The relay of an arm is that of its name and address, with any weight."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp")

    async def work(client):
        await client.chat(user("hi"), force=TREATMENT)
        before = relay.stats()["connections"]
        client.use(low.ramped({TREATMENT: 0.5}))
        await client.chat(user("hi"), force=TREATMENT)
        return relay.stats()["connections"] - before

    assert using(low, work) == 1  # that of the second question for these numbers


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fallback_after_s": 1}, "SplitClient(fallback_after_s=1): there is no fallback"),
        ({"fallback": True, "fallback_after_s": 0}, "it is not a number of seconds above 0"),
        ({"fallback": True, "timeout_s": 5, "fallback_after_s": 5}, "the user waits 5 s"),
    ],
)
def test_share_that_leaves_the_control_no_time_is_refused(relay, given, message):
    """When the client is built."""
    with pytest.raises(UsageError) as caught:
        SplitClient(halves(), **given)
    assert message in caught.value.problem
    assert caught.value.slug == "option-value"
