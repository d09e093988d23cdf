"""The lanes of the worker: each endpoint has its own limits, and a slow or failing one does not hold up the others."""

import asyncio
import json
import socket
import threading
from concurrent.futures import CancelledError, Future

import pytest
from relay.scripted import ScriptedServer, whole
from relay_server.answers import completion
from relay_server.client import RunningRelay

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RelayError, Slug
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.request_lanes import QueuedRequest
from pytest_graysplit.replies.request_worker import AskedModels, RequestWorker
from pytest_graysplit.types import Secret

MODEL = "deepseek-v3.2"
# No assertion about time: a hang must end the test, and this is long enough for the slowest machine.
HANG_S = 60


@pytest.fixture(scope="module")
def second():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def other(second):
    second.reset()
    return second


@pytest.fixture
def worker_of(relay):
    made = []

    def build(*, concurrency=3, paused=None, until=None, open_relay=None):
        async def pause(_):
            while not until():  # noqa: ASYNC110 # the end is decided in another thread
                await asyncio.sleep(0.005)

        def open_one(access):
            limits = {"requests_per_min": 1, "sleep": pause} if paused and access.base_url == paused.url else {}
            chosen = Settings(base_url=access.base_url, retries=0)
            return Relay(chosen, is_refusal=lambda text: False, access=access, concurrency=concurrency, **limits)

        made.append(RequestWorker(open_relay or open_one, lambda _: AskedModels([MODEL]), concurrency))
        return made[-1]

    yield build
    for worker in made:
        worker.stop(0.1)


def request(server, prompt="hello", body=None):
    arm = Arm.plain(MODEL, Access(base_url=server.url))
    sent = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    return QueuedRequest(arm, body or (lambda: sent), lambda reply: reply, Future())


def results(requests):
    return [one.future.exception(HANG_S) or one.future.result().outcome for one in requests]


def test_each_endpoint_has_its_own_places(worker_of, relay, other):
    """Three requests are in flight at each of the two servers, also where one of them is slower."""
    relay.control(latency=0.02)
    other.control(latency=0.05)
    worker = worker_of(concurrency=3)
    requests = [request(server, str(number)) for number in range(12) for server in (relay, other)]
    worker.submit(requests)
    assert results(requests) == ["ok"] * 24
    assert [server.stats()["peak_in_flight"] for server in (relay, other)] == [3, 3]
    assert sum(one.stats().requests for one in worker.relays) == 26


def test_rate_limit_of_one_endpoint_leaves_the_other_alone(worker_of, relay, other):
    """A 429 halves the requests in flight at its own server only."""
    relay.control(faults=[{"kind": "429", "times": 2}])
    worker = worker_of(concurrency=8)
    requests = [request(server, str(number)) for number in range(16) for server in (relay, other)]
    worker.submit(requests)
    results(requests)
    assert [one.stats().lowest_concurrency < 8 for one in worker.relays] == [True, False]
    assert [one.stats().rate_limited for one in worker.relays] == [2, 0]


def test_pause_of_one_endpoint_leaves_the_other_alone(worker_of, relay, other):
    """While one relay may be asked once per minute, all requests to the other one are answered."""
    released = []
    worker = worker_of(paused=relay, until=lambda: released)
    mine, theirs = [request(relay, str(number)) for number in range(3)], [request(other, str(n)) for n in range(9)]
    worker.submit([*mine, *theirs])
    assert results(theirs) == ["ok"] * 9
    assert relay.stats()["total"] == 0
    released.append(True)
    assert results(mine) == ["ok"] * 3


def test_endpoint_that_is_needed_later_does_not_hold_up_the_first(worker_of, relay, other):
    """A judge's relay that does not answer its check delays only the judge."""
    other.control(faults=[{"kind": "hang", "on": "models", "times": None}])
    worker, first, judged, later = (
        worker_of(),
        request(relay, "first"),
        request(other, "judge"),
        request(relay, "later"),
    )
    worker.submit([first])
    assert results([first]) == ["ok"]
    worker.submit([judged])
    while not other.stats()["paths"]:
        pass
    worker.submit([later])
    assert results([later]) == ["ok"]
    assert not judged.future.done()
    worker.stop(HANG_S)
    with pytest.raises(CancelledError):
        judged.future.result(HANG_S)
    assert worker.failure is None


def test_first_requests_wait_until_every_endpoint_is_checked(worker_of, relay, other):
    """Nothing is paid for at one while the other may be a wrong address."""
    other.control(faults=[{"kind": "hang", "on": "models", "times": None}])
    worker, mine, theirs = worker_of(), request(relay), request(other)
    worker.submit([mine, theirs])
    while not (relay.stats()["paths"] and other.stats()["paths"]):
        pass
    worker.stop(HANG_S)
    assert mine.future.cancelled()
    assert theirs.future.cancelled()
    assert relay.stats()["paths"] == {"GET /v1/models": 1}


def test_failure_of_a_later_endpoint_keeps_replies_in_flight(worker_of):
    """They are paid for; the run ends with the one error of the endpoint."""
    asked, failed = threading.Event(), threading.Event()
    answer = whole(json.dumps(completion({"model": MODEL, "messages": []}, "paid")).encode())
    models = whole(json.dumps({"data": [{"id": MODEL}]}).encode())
    with (
        socket.socket() as listener,
        ScriptedServer(models, [asked.set, lambda: failed.wait(HANG_S), answer]) as server,
    ):
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        worker, paid, waiting = worker_of(concurrency=1), request(server, "paid"), request(server, "waiting")
        worker.submit([paid, waiting])
        assert asked.wait(HANG_S)
        lost = QueuedRequest(Arm.plain(MODEL, Access(base_url=url)), dict, lambda reply: reply, Future())
        worker.submit([lost])
        while worker.failure is None:
            pass
        failed.set()
        assert results([paid, waiting, lost]) == ["ok", worker.failure, worker.failure]
    assert str(worker.failure).startswith(f"no relay answers at {url}: ")
    assert (worker.unfinished, len(server.heads)) == (0, 2)


def test_failure_at_one_endpoint_sends_nothing_more_to_the_other(worker_of, relay, other):
    """Also not the requests that have a place already and wait for their turn within the rate."""
    relay.control(faults=[{"kind": "401"}])
    worker = worker_of(paused=other, until=lambda: worker.failure is not None)
    requests = [request(relay, "refused"), *(request(other, str(number)) for number in range(5))]
    worker.submit(requests)
    errors = results(requests)
    assert isinstance(errors[0], RelayError)
    assert errors == [errors[0]] * 6
    assert other.stats()["total"] == 0


@pytest.mark.parametrize("number", range(8))
def test_requests_submitted_during_the_end_are_completed(worker_of, relay, other, number):
    """Whenever the worker is stopped, no test waits for a reply that will never arrive."""
    worker = worker_of(concurrency=2)
    servers = [relay, other]
    requests = [request(servers[place % 2], str(place)) for place in range(40)]
    for place, one in enumerate(requests):
        worker.submit([one])
        if place == number * 4:
            worker.stop(HANG_S)
    for one in requests:
        assert one.future.cancelled() or one.future.result(HANG_S).outcome == "ok"
    assert all(one.future.cancelled() for one in requests[number * 4 + 1 :])
    assert worker.unfinished == 0


def test_unexpected_error_while_a_later_endpoint_opens_is_one_message(worker_of, relay, other):
    """A bug of ours is reported as one; the first endpoint's answers are kept."""
    settings = Settings(base_url=relay.url, retries=0)

    def open_relay(access):
        if access.base_url == other.url:
            raise ZeroDivisionError("division by zero")
        return Relay(settings, is_refusal=lambda text: False, access=access)

    worker, first, later = worker_of(open_relay=open_relay), request(relay), request(other)
    worker.submit([first])
    assert results([first]) == ["ok"]
    worker.submit([later])
    assert "calling the relay failed unexpectedly: ZeroDivisionError" in str(later.future.exception(HANG_S))
    assert other.stats()["paths"] == {}


def passed(url, key=None, model="text-embedding-3-small", route="embeddings"):
    arm = Arm.plain(model, Access(base_url=url, key=Secret(key) if key else None, variable="OPENAI_API_KEY"))
    sent = {"model": model, "input": ["hello", "world"]}
    return QueuedRequest(arm, lambda: sent, lambda reply: reply, Future(), route, keeps_answer=True, passes=True)


def test_passed_request_is_sent_without_a_check_of_models(worker_of, relay):
    """The list of models is asked for by the arms alone; an application's other model is its own business."""
    worker = worker_of()
    one = passed(relay.url)
    worker.submit([one])
    assert results([one]) == ["ok"]
    assert relay.stats()["paths"] == {"POST /v1/embeddings": 1}
    assert [one._lag._task for one in worker.relays] == [None]
    assert [row["index"] for row in one.future.result().served.body["data"]] == [0, 1]


def test_failures_of_passed_requests_end_nothing_else(worker_of, relay, other):
    """A refused key would end a run; of an application's other model it is an answer, and the body stays readable."""
    other.control(key="right")
    worker = worker_of()
    wrong, unreachable, fine = passed(other.url, "wrong"), passed("http://127.0.0.1:1/v1"), request(relay)
    worker.submit([wrong, unreachable, fine])
    assert results([wrong, unreachable, fine]) == ["error", "error", "ok"]
    assert wrong.future.result().served.status == 401
    assert unreachable.future.result().served is None
    later = request(relay)
    worker.submit([later])
    assert results([later]) == ["ok"]
    assert worker.failure is None


def test_relay_that_cannot_be_opened_for_passed_requests_ends_nothing_else(worker_of, relay, other):
    """The reply keeps the reason, and goes the way of all replies."""

    def open_relay(access):
        if access.base_url == other.url:
            raise RelayError("the proxy is unusable", hint="correct it", slug=Slug.ENVIRONMENT_UNUSABLE)
        return Relay(Settings(base_url=relay.url), is_refusal=lambda text: False, access=access)

    worker = worker_of(open_relay=open_relay)
    broken, fine = passed(other.url), request(relay)
    worker.submit([broken, fine])
    assert results([broken, fine]) == ["error", "ok"]
    assert broken.future.result().error == "the proxy is unusable"
    assert worker.failure is None


def test_key_that_cannot_be_sent_fails_only_the_passed_request(worker_of, relay):
    worker = worker_of()
    broken, fine = passed(relay.url, "two words"), request(relay)
    worker.submit([broken, fine])
    assert results([broken, fine]) == ["error", "ok"]
    assert worker.failure is None


def test_passed_requests_use_their_own_key_at_the_address_of_an_arm(worker_of, relay):
    """Two keys of an application at one address, named by one variable, are never mixed up, nor with that of an arm."""
    worker = worker_of()
    requests = [request(relay), passed(relay.url, "first"), passed(relay.url, "second"), passed(relay.url, "first")]
    worker.submit(requests)
    assert results(requests) == ["ok"] * 4
    keys = [head.get("authorization") for head in relay.stats()["header_log"] if "content-length" in head]
    assert sorted(filter(None, keys)) == ["Bearer first", "Bearer first", "Bearer second"]
    assert len(worker.relays) == 3


def test_passed_requests_are_sent_while_the_endpoints_of_arms_are_checked(worker_of, relay, other):
    """The list of models of an arm never arrives here, and the other model answers."""
    other.control(faults=[{"kind": "hang", "on": "models"}])
    worker = worker_of()
    waiting, one = request(other), passed(relay.url)
    worker.submit([waiting, one])
    assert results([one]) == ["ok"]
    assert not waiting.future.done()


def test_failed_run_sends_no_passed_request(worker_of, relay, other):
    other.control(key="right")
    worker = worker_of()
    refused, late = request(other), passed(relay.url)
    worker.submit([refused])
    assert isinstance(refused.future.exception(HANG_S), RelayError)
    worker.submit([late])
    assert isinstance(late.future.exception(HANG_S), RelayError)
    assert relay.stats()["total"] == 0
