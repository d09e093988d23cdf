"""The thread that keeps requests in flight: whatever happens in it, every job comes to an end."""

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import replace

import pytest

from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RecordingError, RelayError
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.request_worker import QueuedRequest, RequestWorker

MODEL = "deepseek-v3.2"
# No assertion about time: a hang must end the test, and this is long enough for the slowest machine.
HANG_S = 60


def job(prompt="hello", *, model=MODEL, keep=lambda reply: reply, body=None, name=""):
    sent = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    return QueuedRequest(model, body or (lambda: sent), keep, Future(), name=name)


@pytest.fixture
def engines():
    made = []
    yield made
    for engine in made:
        engine.stop(0.1)


@pytest.fixture
def engine_of(relay, engines):
    def build(*, concurrency=4, open_relay=None, **settings):
        chosen = Settings(**{"base_url": relay.url, "retries": 0, **settings})
        engine = RequestWorker(
            open_relay or (lambda: Relay(chosen, is_refusal=lambda text: False, concurrency=concurrency)),
            [MODEL],
            concurrency,
        )
        engines.append(engine)
        return engine

    return build


def test_every_job_gets_its_own_answer(engine_of):
    """A hundred jobs through four places, each with the answer to its own question."""
    engine, jobs = engine_of(), [job(f"question {n}") for n in range(100)]
    engine.submit(jobs)
    answers = [one.future.result(HANG_S).text for one in jobs]
    assert answers == [f"Answer of {MODEL} to: question {n}" for n in range(100)]
    assert engine.unfinished == 0


def test_no_more_than_the_allowed_number_are_in_flight(engine_of, relay):
    """The relay never sees more at once than the user allowed, and sees as many."""
    relay.control(latency=0.02)
    engine, jobs = engine_of(concurrency=3), [job() for _ in range(12)]
    engine.submit(jobs)
    for one in jobs:
        one.future.result(HANG_S)
    assert relay.stats()["peak_in_flight"] == 3


def test_jobs_submitted_later_join_the_others(engine_of):
    """Work may come in while work goes on, from any thread, also after a lull."""
    engine, first = engine_of(), job("first")
    engine.submit([first])
    first.future.result(HANG_S)
    jobs = [job(f"later {n}") for n in range(8)]
    threads = [threading.Thread(target=engine.submit, args=([one],)) for one in jobs]
    for thread in threads:
        thread.start()
    assert {one.future.result(HANG_S).outcome for one in jobs} == {"ok"}
    for thread in threads:
        thread.join()


def test_the_users_event_loop_is_never_touched(engine_of):
    """A test may run in a loop of its own while replies come in another thread."""
    engine, one = engine_of(), job()

    async def test_body():
        engine.submit([one])
        return await asyncio.wrap_future(one.future)

    assert asyncio.run(test_body()).outcome == "ok"


def test_a_reply_is_kept_before_anybody_sees_it(engine_of):
    """What the future holds is what `keep` made of the reply, in the relay's thread."""
    seen = []

    def keep(reply):
        seen.append((reply.text, threading.current_thread().name))
        return reply.text.upper()

    engine, one = engine_of(), job("hello", keep=keep)
    engine.submit([one])
    assert one.future.result(HANG_S) == f"ANSWER OF {MODEL.upper()} TO: HELLO"
    assert seen == [(f"Answer of {MODEL} to: hello", "graysplit-relay")]


def ends(jobs):
    """How each job ended: its error, or its result."""
    return [one.future.exception(HANG_S) or one.future.result() for one in jobs]


def test_a_failure_to_keep_ends_all_jobs_with_that_error(engine_of, relay):
    """Nothing more is paid for when what was paid for cannot be kept."""
    problem = RecordingError("the disk is full", hint="make room", slug="recording-unwritable")

    def full(reply):
        raise problem

    engine, jobs = engine_of(concurrency=1), [job(keep=full), job(), job()]
    engine.submit(jobs)
    assert ends(jobs) == [problem] * 3
    assert (engine.failure, engine.unfinished) == (problem, 0)
    assert relay.stats()["total"] == 1


def broken(*_):
    raise ZeroDivisionError("division by zero")


def test_an_unforeseen_failure_to_open_the_relay_is_one_message(engine_of):
    """A bug of ours is told as one, and no test hangs on it."""
    engine, jobs = engine_of(concurrency=1, open_relay=broken), [job(), job(), job()]
    engine.submit(jobs)
    assert str(ends(jobs)[0]) == (
        "calling the relay failed unexpectedly: ZeroDivisionError: division by zero\n"
        "  hint: what was answered so far is kept; please report this with the version of pytest  [relay-unexpected]"
    )
    assert isinstance(engine.failure, RelayError)
    assert engine.unfinished == 0


@pytest.mark.parametrize("place", ["body", "keep"])
def test_an_unforeseen_failure_of_one_job_is_the_failed_reply_of_that_job(engine_of, place):
    """One odd answer ends its own case, and no other; the message names the request."""
    engine, jobs = engine_of(concurrency=1), [job(**{place: broken}, name="case 'x', control"), job(), job()]
    engine.submit(jobs)
    odd, *others = ends(jobs)
    assert (odd.outcome, odd.error_slug) == ("error", "relay-unexpected")
    assert odd.error == (
        "case 'x', control: keeping the answer failed unexpectedly: ZeroDivisionError: division by zero"
    )
    assert [one.outcome for one in others] == ["ok", "ok"]
    assert (engine.failure, engine.unfinished) == (None, 0)


def test_stopping_cancels_what_waits_and_what_hangs(engine_of, relay):
    """The reply in flight that never comes does not keep the run from ending."""
    relay.control(faults=[{"kind": "hang", "times": None}])
    engine, jobs = engine_of(concurrency=2), [job() for _ in range(5)]
    engine.submit(jobs)
    engine.stop(0.05)
    for one in jobs:
        with pytest.raises(CancelledError):
            one.future.result(HANG_S)
    assert (engine.failure, engine.unfinished) == (None, 0)
    assert not engine._thread.is_alive()


def test_stopping_lets_what_is_in_flight_come(engine_of, relay):
    """Replies that were paid for are waited for, and nothing more is sent."""
    relay.control(latency=0.1)
    taken, first = threading.Event(), job("one")

    def body():
        taken.set()
        return first.body()

    engine, jobs = engine_of(concurrency=1), [replace(first, body=body), job("two")]
    engine.submit(jobs)
    assert taken.wait(HANG_S)
    engine.stop(HANG_S)
    assert jobs[0].future.result(HANG_S).outcome == "ok"
    assert jobs[1].future.cancelled()
    assert relay.stats()["total"] == 1


def test_an_engine_without_a_job_has_no_thread(engine_of):
    """Nothing was asked, so nothing was started, and stopping it is nothing."""
    engine = engine_of()
    engine.stop()
    assert (engine.relay, engine.unfinished, engine._thread.is_alive()) == (None, 0, False)


def test_warnings_of_the_relay_are_there_after_the_first_reply(engine_of):
    """What the preflight noticed is for the summary."""
    engine, one = engine_of(), job()
    engine.submit([one])
    one.future.result(HANG_S)
    assert engine.warnings == ()
    assert engine.relay.stats().requests == 2


@pytest.mark.parametrize("end", ["failure", "stop"])
def test_a_job_that_comes_too_late_ends_too(engine_of, relay, end):
    """Whoever asks after the run has ended is told so; nobody waits for a thread that is gone."""
    engine, first, late = engine_of(), job(), job()
    if end == "failure":
        relay.control(key="the-right-one")
    engine.submit([first])
    first.future.exception(HANG_S)
    engine.stop(HANG_S)
    engine.submit([late])
    assert late.future.done()
    assert engine.unfinished == 0


def test_replies_in_flight_are_kept_when_another_one_ends_the_run(engine_of, relay):
    """They are paid for already: one refused call does not throw its neighbours' answers away."""
    relay.control(latency=0.2, faults=[{"kind": "401", "match": "refused", "latency": 0.05}])
    engine, jobs = engine_of(concurrency=2), [job("paid"), job("refused")]
    engine.submit(jobs)
    assert isinstance(jobs[1].future.exception(HANG_S), RelayError)
    assert jobs[0].future.result(HANG_S).text == f"Answer of {MODEL} to: paid"
