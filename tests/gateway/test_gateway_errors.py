"""Failed calls, missing recordings, used-up caps and limits: the application gets an error, and the item a reason."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from concurrent.futures import Future
from http.client import HTTPException

import pytest
from app_project import CONTROL, OTHER, chat, post
from factories import a_reply

from pytest_graysplit.errors import BudgetExceededError, RecordingError, RelayError, Slug, UsageError
from pytest_graysplit.gateway.app_run import IncomingCall
from pytest_graysplit.gateway.item_calls import CallLimitError
from pytest_graysplit.types import ServedAnswer

CHAT, MESSAGES = "/chat/completions", "/messages"


def ask(gateway, text="Hi", path=CHAT, **fields):
    return post(f"{gateway.base_url}{path}", chat(text, **fields), {"anthropic-version": "2023-06-01"})


# --- missing recordings


def test_missing_recording_is_404_and_spoils_the_item(project, relay):
    """The item is not judged, even if the application swallows the error."""
    gateway = project.gateway("none")
    with project.item(gateway) as calls:
        answer = ask(gateway)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["type"]) == (404, "recording-missing", "invalid_request_error")
    assert answer.headers["x-should-retry"] == "false"
    assert "no recording for a call of case 'tests/test_app.py::test_it'" in error["message"]
    assert isinstance(calls.problem, RecordingError)
    assert calls.replies == ()
    assert relay.stats()["total"] == 0


def test_errors_have_the_shape_of_the_api(project):
    gateway = project.gateway("none")
    with project.item(gateway):
        answer = ask(gateway, path=MESSAGES, max_tokens=5)
    assert (answer.status, answer.json["type"]) == (404, "error")
    assert answer.json["error"]["type"] == "not_found_error"


def test_changed_request_is_missing(project, relay):
    for record, text in (("new", "Hi"), ("none", "Hello")):
        gateway = project.gateway(record)
        with project.item(gateway) as calls:
            status = ask(gateway, text).status
        project.merge()
    assert status == 404
    assert "Hello" in str(calls.problem)


# --- failed calls


def test_failed_call_has_the_status_and_the_body_of_the_server(project, relay):
    relay.control(faults=[{"kind": "503", "times": None}])
    gateway = project.gateway()
    with project.item(gateway) as calls:
        answer = ask(gateway)
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    assert answer.json["error"]["message"] == "the server is overloaded"
    assert [reply.outcome for reply in calls.replies] == ["error"]
    assert calls.problem is None


@pytest.mark.parametrize(("fault", "status"), [("drop", 502), ("garbage", 502), ("hang", 504)])
def test_call_without_an_answer_is_502_or_504(project, relay, fault, status):
    relay.control(faults=[{"kind": fault, "times": None}])
    gateway = project.gateway(timeout_s=0.3 if fault == "hang" else 20)
    with project.item(gateway) as calls:
        answer = ask(gateway)
    assert answer.status == status
    assert answer.json["error"]["message"]
    assert calls.problem is None


def test_server_that_answers_with_a_page_is_passed_on_as_text(project, relay):
    relay.control(faults=[{"kind": "html-502", "times": None}])
    gateway = project.gateway()
    with project.item(gateway):
        answer = ask(gateway)
    assert (answer.status, answer.headers["content-type"]) == (502, "text/plain; charset=utf-8")
    assert b"Please sign in." in answer.body


def test_failed_call_is_sent_again_under_its_number(project, relay):
    """The application's own retry is recorded as the first call, so that a replay finds it there."""
    relay.control(faults=[{"kind": "500"}])
    gateway = project.gateway()
    with project.item(gateway) as calls:
        assert [ask(gateway).status for _ in range(2)] == [500, 200]
    assert [reply.outcome for reply in calls.replies] == ["error", "ok"]
    project.merge()
    gateway = project.gateway("none")
    with project.item(gateway) as calls:
        assert ask(gateway).status == 200
    assert [reply.replayed for reply in calls.replies] == [True]


def test_refused_key_spoils_the_item(project, relay):
    """Every further call would meet the same failure: the run stops."""
    relay.control(key="another-key")
    gateway = project.gateway()
    with project.item(gateway) as calls:
        answer = ask(gateway)
    assert answer.status == 502
    assert isinstance(calls.problem, RelayError)
    assert calls.problem.slug == Slug.KEY_REFUSED


def failing(error):
    def begin(request):
        raise error

    return begin


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BudgetExceededError("the cap is used up", hint="raise it", slug=Slug.BUDGET_USED_UP), 402, "budget-used-up"),
        (UsageError("no key", hint="set one", slug=Slug.KEY_MISSING), 502, "key-missing"),
        (RuntimeError("boom"), 502, "relay-unexpected"),
    ],
)
def test_request_that_cannot_begin_spoils_the_item(project, error, status, code):
    gateway = project.gateway()
    gateway.answerer._begin = failing(error)
    with project.item(gateway) as calls:
        answer = ask(gateway)
        assert calls.settle(0)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert calls.problem.slug == code


def test_run_that_was_stopped_spoils_the_item(project):
    gateway, future = project.gateway(), Future()
    gateway.answerer._begin = lambda request: future
    future.cancel()
    with project.item(gateway) as calls:
        assert ask(gateway).status == 502
    assert calls.problem.slug == Slug.RUN_STOPPED


def test_hook_that_fails_spoils_the_item(project):
    def normalise(body):
        raise KeyError("tenant")

    gateway = project.gateway()
    with project.item(gateway, normalise=normalise) as calls:
        assert ask(gateway).status == 502
    assert "KeyError: 'tenant'" in str(calls.problem)


def test_recording_without_the_answer_of_the_server_spoils_the_item(project):
    """No answer of the model is lost to the application, so nothing is said about the model."""
    gateway, future = project.gateway("none"), Future()
    gateway.answerer._begin = lambda request: future
    future.set_result(a_reply("30 days."))
    with project.item(gateway) as calls:
        answer = ask(gateway)
    assert (answer.status, answer.json["error"]["code"]) == (404, "recording-broken")
    assert calls.problem.slug == Slug.RECORDING_BROKEN
    assert calls.replies == ()


@pytest.mark.parametrize("streams", [False, True])
def test_answer_that_cannot_be_written_ends_the_request(project, streams):
    """A client must not wait for ever, and its test is not judged."""
    gateway, future = project.gateway("none"), Future()
    gateway.answerer._begin = lambda request: future
    future.set_result(a_reply(served=ServedAnswer(body={"unwritable": object()})))
    with project.item(gateway) as calls:
        assert ask(gateway, stream=streams).status == 502
        assert calls.settle(0)
    assert calls.problem.slug == Slug.RELAY_UNEXPECTED


def test_first_problem_of_an_item_is_kept(project):
    gateway = project.gateway("none")
    with project.item(gateway) as calls:
        ask(gateway, "first")
        first = calls.problem
        ask(gateway, "second")
    assert calls.problem is first
    assert calls.asked == {CONTROL: 2}


# --- requests that are not model calls


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"messages": []}', b'{"model": 7}'])
def test_body_without_a_model_is_400(project, body):
    gateway = project.gateway()
    with project.item(gateway) as calls:
        assert post(f"{gateway.base_url}{CHAT}", body).status == 400
    assert calls.asked == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/moderations"), ("POST", "/completions"), ("GET", "/chat/completions"), ("PUT", "/x")],
)
def test_other_routes_are_501_and_spoil_the_item(project, relay, method, path):
    gateway = project.gateway()
    with project.item(gateway) as calls:
        answer = post(f"{gateway.base_url}{path}", {"model": CONTROL}, method=method)
    assert (answer.status, answer.json["error"]["code"]) == (501, "gateway-route")
    assert f"{method} {path}" in str(calls.problem)
    assert relay.stats()["total"] == 0


def test_models_are_listed_without_a_relay(project, relay):
    gateway = project.gateway("none")
    with project.item(gateway, swapped=frozenset({CONTROL, OTHER})) as calls:
        listed = post(f"{gateway.base_url}/models", None, method="GET").json
        one = post(f"{gateway.base_url}/models/org/name", None, method="GET").json
    assert [row["id"] for row in listed["data"]] == sorted([CONTROL, OTHER])
    assert one["id"] == "org/name"
    assert calls.problem is None
    assert calls.replies == ()


# --- the limit of calls


def test_requests_beyond_the_limit_are_refused(project, relay):
    gateway = project.gateway()
    with project.item(gateway, max_calls=2) as calls:
        answers = [ask(gateway, f"Question {number}") for number in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 400, 400]
    assert answers[2].headers["x-should-retry"] == "false"
    assert (calls.refused, len(calls.replies), calls.problem) == (2, 2, None)
    assert relay.stats()["total"] == 2


def test_caller_in_this_process_learns_of_the_limit(project):
    gateway = project.gateway("none")
    call = IncomingCall("POST", CHAT, {}, b'{"model": "x"}')
    with project.item(gateway, max_calls=1) as calls:
        answers = [gateway.answerer.answer(calls, call) for _ in range(2)]
    assert [answer.is_beyond_limit for answer in answers] == [False, True]


def keep_asking(gateway):
    """Ask until the gateway is gone, as an application does that swallows every error."""
    with contextlib.suppress(OSError, HTTPException):
        while True:
            ask(gateway)


def wait_for_a_thread(gateway, stack):
    thread = threading.Thread(target=keep_asking, args=(gateway,), daemon=True)
    thread.start()
    thread.join()


def wait_for_a_process(gateway, stack):
    url = f"{gateway.base_url}{CHAT}"
    code = f"""
import urllib.request, urllib.error
while True:
    try:
        urllib.request.urlopen({url!r}, b'{{"model": "x"}}').read()
    except urllib.error.HTTPError:
        pass
"""
    process = subprocess.Popen([sys.executable, "-S", "-c", code])
    stack.callback(process.wait)
    stack.callback(process.kill)
    process.wait()


def loop_itself(gateway, stack):
    keep_asking(gateway)


def loop_in_an_event_loop(gateway, stack):
    async def body():
        while True:
            await asyncio.to_thread(ask, gateway)

    asyncio.run(body())


@pytest.mark.parametrize("body", [loop_itself, loop_in_an_event_loop, wait_for_a_thread, wait_for_a_process])
def test_application_that_never_stops_is_ended(project, body):
    """The body may be in a loop, or wait for a thread or a process that is in one."""
    gateway = project.gateway("none")
    with contextlib.ExitStack() as stack:
        calls = stack.enter_context(project.item(gateway, max_calls=1))
        with pytest.raises(CallLimitError, match="more than 1 requests"):
            body(gateway, stack)
    assert calls.refused >= 10


def test_nothing_is_ended_after_the_body(project):
    """A thread that the body has left behind goes on, while the plugin judges the test."""
    gateway = project.gateway("none")
    with project.item(gateway, max_calls=1) as calls:
        assert calls.settle(0)
        for _ in range(25):
            ask(gateway)
    assert calls.refused == 24


def test_body_outside_of_the_main_thread_is_ended(project):
    gateway, ended = project.gateway("none"), []

    def body():
        try:
            with project.item(gateway, max_calls=1):
                keep_asking(gateway)
        except CallLimitError as error:
            ended.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(60)
    assert len(ended) == 1
