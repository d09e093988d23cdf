"""The thread that keeps requests in flight: every request ends in a reply or an error."""

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import replace

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RecordingError, RelayError
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.request_lanes import QueuedRequest
from pytest_graysplit.replies.request_worker import AskedModels, RequestWorker

MODEL = "deepseek-v3.2"
# No assertion about time: a hang must end the test, and this is long enough for the slowest machine.
HANG_S = 60


def request(prompt="hello", *, model=MODEL, keep=lambda reply: reply, body=None, name=""):
    sent = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    return QueuedRequest(Arm.plain(model), body or (lambda: sent), keep, Future(), name=name)


@pytest.fixture
def workers():
    made = []
    yield made
    for worker in made:
        worker.stop(0.1)


@pytest.fixture
def worker_of(relay, workers):
    def build(*, concurrency=4, open_relay=None, **settings):
        chosen = Settings(**{"base_url": relay.url, "retries": 0, **settings})
        worker = RequestWorker(
            open_relay or (lambda _: Relay(chosen, is_refusal=lambda text: False, concurrency=concurrency)),
            lambda _: AskedModels([MODEL]),
            concurrency,
        )
        workers.append(worker)
        return worker

    return build


def test_each_request_gets_its_own_answer(worker_of):
    """A hundred requests through four places, each with the answer to its own question."""
    worker, requests = worker_of(), [request(f"question {n}") for n in range(100)]
    worker.submit(requests)
    answers = [one.future.result(HANG_S).text for one in requests]
    assert answers == [f"Answer of {MODEL} to: question {n}" for n in range(100)]
    assert worker.unfinished == 0


def test_concurrency_is_never_exceeded(worker_of, relay):
    """The relay never sees more requests at once than the user allowed, and does see that many."""
    relay.control(latency=0.02)
    worker, requests = worker_of(concurrency=3), [request() for _ in range(12)]
    worker.submit(requests)
    for one in requests:
        one.future.result(HANG_S)
    assert relay.stats()["peak_in_flight"] == 3


def test_requests_submitted_later_join_the_others(worker_of):
    """They may arrive during the work, from any thread, also after a pause."""
    worker, first = worker_of(), request("first")
    worker.submit([first])
    first.future.result(HANG_S)
    requests = [request(f"later {n}") for n in range(8)]
    threads = [threading.Thread(target=worker.submit, args=([one],)) for one in requests]
    for thread in threads:
        thread.start()
    assert {one.future.result(HANG_S).outcome for one in requests} == {"ok"}
    for thread in threads:
        thread.join()


def test_event_loop_of_the_user_is_never_touched(worker_of):
    """A test may run in its own loop while replies arrive in another thread."""
    worker, one = worker_of(), request()

    async def test_body():
        worker.submit([one])
        return await asyncio.wrap_future(one.future)

    assert asyncio.run(test_body()).outcome == "ok"


def test_keep_runs_before_the_future_completes(worker_of):
    """The future holds the result of `keep`, which runs in the relay's thread."""
    seen = []

    def keep(reply):
        seen.append((reply.text, threading.current_thread().name))
        return reply.text.upper()

    worker, one = worker_of(), request("hello", keep=keep)
    worker.submit([one])
    assert one.future.result(HANG_S) == f"ANSWER OF {MODEL.upper()} TO: HELLO"
    assert seen == [(f"Answer of {MODEL} to: hello", "graysplit-relay")]


def ends(requests):
    """Return how each request ended: its error, or its result."""
    return [one.future.exception(HANG_S) or one.future.result() for one in requests]


def test_failure_to_keep_a_reply_ends_all_requests(worker_of, relay):
    """Nothing more is paid for when a paid reply cannot be kept."""
    problem = RecordingError("the disk is full", hint="make room", slug="recording-unwritable")

    def full(reply):
        raise problem

    worker, requests = worker_of(concurrency=1), [request(keep=full), request(), request()]
    worker.submit(requests)
    assert ends(requests) == [problem] * 3
    assert (worker.failure, worker.unfinished) == (problem, 0)
    assert relay.stats()["total"] == 1


def broken(*_):
    raise ZeroDivisionError("division by zero")


def test_unexpected_error_while_opening_the_relay_is_one_message(worker_of):
    """A bug of ours is reported as one, and no test hangs on it."""
    worker, requests = worker_of(concurrency=1, open_relay=broken), [request(), request(), request()]
    worker.submit(requests)
    assert str(ends(requests)[0]) == (
        "calling the relay failed unexpectedly: ZeroDivisionError: division by zero\n"
        "  hint: what was answered so far is kept; please report this with the version of pytest  [relay-unexpected]"
    )
    assert isinstance(worker.failure, RelayError)
    assert worker.unfinished == 0


@pytest.mark.parametrize("place", ["body", "keep"])
def test_unexpected_error_of_one_request_fails_only_that_request(worker_of, place):
    """The message names the request."""
    worker, requests = (
        worker_of(concurrency=1),
        [request(**{place: broken}, name="case 'x', control"), request(), request()],
    )
    worker.submit(requests)
    odd, *others = ends(requests)
    assert (odd.outcome, odd.error_slug) == ("error", "relay-unexpected")
    assert odd.error == (
        "case 'x', control: keeping the answer failed unexpectedly: ZeroDivisionError: division by zero"
    )
    assert [one.outcome for one in others] == ["ok", "ok"]
    assert (worker.failure, worker.unfinished) == (None, 0)


def test_stop_cancels_waiting_and_hanging_requests(worker_of, relay):
    """A request in flight that is never answered does not keep the run from ending."""
    relay.control(faults=[{"kind": "hang", "times": None}])
    before, worker, requests = set(threading.enumerate()), worker_of(concurrency=2), [request() for _ in range(5)]
    worker.submit(requests)
    worker.stop(0.05)
    for one in requests:
        with pytest.raises(CancelledError):
            one.future.result(HANG_S)
    assert (worker.failure, worker.unfinished) == (None, 0)
    for thread in set(threading.enumerate()) - before:
        thread.join(HANG_S)
    assert set(threading.enumerate()) <= before


def test_stop_waits_for_replies_in_flight(worker_of, relay):
    """Paid replies are waited for, and nothing more is sent."""
    relay.control(latency=0.1)
    taken, first = threading.Event(), request("one")

    def body():
        taken.set()
        return first.body()

    worker, requests = worker_of(concurrency=1), [replace(first, body=body), request("two")]
    worker.submit(requests)
    assert taken.wait(HANG_S)
    worker.stop(HANG_S)
    assert requests[0].future.result(HANG_S).outcome == "ok"
    assert requests[1].future.cancelled()
    assert relay.stats()["total"] == 1


def test_worker_without_a_request_has_no_thread(worker_of):
    """Nothing was sent, so nothing was started, and stopping does nothing."""
    before, worker = set(threading.enumerate()), worker_of()
    assert set(threading.enumerate()) <= before
    worker.stop()
    assert (worker.relays, worker.unfinished) == ([], 0)


def test_warnings_of_the_relay_are_available_after_the_first_reply(worker_of):
    """The summary shows the warnings of the preflight."""
    worker, one = worker_of(), request()
    worker.submit([one])
    one.future.result(HANG_S)
    assert worker.warnings == ()
    assert [relay.stats().requests for relay in worker.relays] == [2]


@pytest.mark.parametrize("end", ["failure", "stop"])
def test_request_after_the_end_fails_at_once(worker_of, relay, end):
    """It gets the error that ended the run; the thread has ended, and no test waits for it."""
    worker, first, late = worker_of(), request(), request()
    if end == "failure":
        relay.control(key="the-right-one")
    worker.submit([first])
    first.future.exception(HANG_S)
    worker.stop(HANG_S)
    worker.submit([late])
    assert late.future.done()
    assert worker.unfinished == 0


def test_replies_in_flight_are_kept_when_another_request_ends_the_run(worker_of, relay):
    """They are paid for already: one refused call does not discard the answers of the others."""
    relay.control(latency=0.2, faults=[{"kind": "401", "match": "refused", "latency": 0.05}])
    worker, requests = worker_of(concurrency=2), [request("paid"), request("refused")]
    worker.submit(requests)
    assert isinstance(requests[1].future.exception(HANG_S), RelayError)
    assert requests[0].future.result(HANG_S).text == f"Answer of {MODEL} to: paid"
