"""Observers of live traffic: told once of each counted request, and unable to harm one."""

import asyncio
import logging

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError


class Notes:
    """An observer that keeps the requests."""

    def __init__(self):
        self.requests = []

    def observe(self, request):
        self.requests.append(request)


class Broken:
    def observe(self, request):
        raise ValueError("the collector is away")


def test_observer_is_told_of_each_counted_request(relay):
    """One request each for an answer, a failure, a fallback, a forced and a cancelled request, in the monitor's number."""
    splitter, notes = halves(), Notes()
    treated, control = unit_in(splitter, TREATMENT), unit_in(splitter, "control")
    relay.control(
        faults=[{"kind": "500", "match": "[500]", "times": None}, {"kind": "hang", "match": "[hang]", "times": None}]
    )

    async def work(client):
        replies = [
            await client.chat(user("one"), unit=treated),
            await client.chat(user("two"), unit=treated, force="control"),
        ]
        with pytest.raises(RequestFailedError) as failed:
            await client.chat(user("[500]"), unit=control)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(user("[hang]"), unit=treated), 0.2)
        return [*(reply.id for reply in replies), failed.value.reply.id], client.monitor.report()

    ids, report = using(splitter, work, observers=[notes], retries=0)
    assert len(notes.requests) == report["total"]["requests"] == 4
    assert [request.id for request in notes.requests[:3]] == ids
    assert [(one.arm, one.role, one.forced) for one in notes.requests] == [
        (TREATMENT, "treatment", False),
        ("control", "control", True),
        ("control", "control", False),
        (TREATMENT, "treatment", False),
    ]
    assert [one.calls[0].error_type for one in notes.requests] == [None, None, "http-500", "request-cancelled"]
    assert {(one.experiment, len(one.calls)) for one in notes.requests} == {("halves", 1)}


def test_observed_times_follow_each_other(relay):
    """A failed call ends before the control's begins, and both are within the wait of the user."""
    splitter, notes = halves(), Notes()
    relay.control(faults=[{"kind": "503", "model": TREATMENT, "times": None, "retry_after": 0}])
    unit = unit_in(splitter, TREATMENT)
    using(splitter, lambda client: client.chat(user("?"), unit=unit), observers=[notes], fallback=True, retries=1)
    [request] = notes.requests
    own, control = request.calls
    assert request.started_s == own.started_s <= own.ended_s == control.started_s < control.ended_s == request.ended_s
    assert (own.arm.model, control.arm.model) == (TREATMENT, CONTROL)
    assert (own.reply.attempts, own.error_type, control.error_type) == (2, "http-503", None)
    assert own.server == control.server == ("127.0.0.1", int(relay.url.split(":")[2].split("/")[0]))


def test_a_request_that_was_never_sent_has_no_duration(relay):
    """An object that is not JSON fails before the first attempt, and the control is asked with the same."""
    splitter, notes = halves(), Notes()

    async def work(client):
        with pytest.raises(RequestFailedError):
            await client.chat(user("?"), unit=unit_in(splitter, TREATMENT), stop=object())

    using(splitter, work, observers=[notes], fallback=True)
    own = notes.requests[0].calls[0]
    assert (own.started_s, own.error_type) == (own.ended_s, "request-unusable")


def test_a_failing_observer_harms_nothing_and_is_logged_once(relay, caplog):
    """The answers arrive, the next observer is told, and the log has one traceback."""
    splitter, notes = halves(), Notes()

    async def work(client):
        return await asyncio.gather(*(client.chat(user(f"{n}"), unit=n) for n in range(10)))

    replies = using(splitter, work, observers=[Broken(), notes])
    assert [reply.outcome for reply in replies] == ["ok"] * 10
    assert len(notes.requests) == 10
    [record] = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.getMessage() == "graysplit: the observer Broken failed; requests go on"
    assert "the collector is away" in caplog.text
