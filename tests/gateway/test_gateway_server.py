"""The server: whom it answers, how large a request may be, and the moments at which it answers nothing."""

import asyncio
import contextlib
import json
import logging
import socket
import sys
import threading
from http.client import HTTPConnection

import pytest
from app_project import CONTROL, TREATMENT, chat, post

from pytest_graysplit.errors import UsageError
from pytest_graysplit.gateway.server import thread
from pytest_graysplit.gateway.server.app import MOST_BYTES, addressed_by

CHAT = "/chat/completions"


def status(url, headers=None, body=None):
    return post(url, body or chat("Hi"), headers).status


# --- who is answered


def test_request_without_the_token_is_refused(project, relay):
    gateway = project.gateway()
    root = gateway.base_url.partition(gateway.token)[0]
    with project.item(gateway) as calls:
        assert [status(f"{root}{path}{CHAT}") for path in ("v1", f"{gateway.token[:-1]}/v1", "")] == [403, 403, 403]
    assert calls.asked == {}
    assert relay.stats()["total"] == 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1:{port}", 200), ("LOCALHOST:{port}", 200), ("evil.example", 421), ("evil.example:{port}", 421), ("127.0.0.1", 421)],
)  # fmt: skip
def test_other_host_names_are_refused(project, host, expected):
    """A page in a browser can give a name of its own the address 127.0.0.1."""
    gateway = project.gateway()
    port = gateway.base_url.split(":")[2].partition("/")[0]
    with project.item(gateway):
        assert status(f"{gateway.base_url}{CHAT}", {"host": host.format(port=port)}) == expected


def test_pages_of_a_browser_are_refused(project):
    gateway = project.gateway()
    with project.item(gateway):
        answer = post(f"{gateway.base_url}{CHAT}", chat("Hi"), {"origin": "http://127.0.0.1:8000"})
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_gateway_listens_on_the_loopback_alone(project):
    gateway = project.gateway()
    assert gateway.base_url.startswith("http://127.0.0.1:")
    assert gateway._server._listener.getsockname()[0] == "127.0.0.1"


def test_each_process_has_a_token_of_its_own(project):
    assert project.gateway().token != project.gateway().token


# --- large requests


def test_body_of_many_megabytes_is_answered(project):
    gateway = project.gateway()
    with project.item(gateway):
        assert status(f"{gateway.base_url}{CHAT}", body=chat("x" * 2_000_000)) == 200


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_body_is_413(project, relay, announced):
    """The server stops reading, so a client may lose the connection while it still sends."""
    gateway = project.gateway()
    host, _, path = gateway.base_url.removeprefix("http://").partition("/")
    with project.item(gateway) as calls, contextlib.closing(HTTPConnection(host, timeout=20)) as connection:
        connection.putrequest("POST", f"/{path}{CHAT}")
        if announced:
            connection.putheader("content-length", str(MOST_BYTES + 1))
            connection.endheaders()
        else:
            connection.putheader("transfer-encoding", "chunked")
            connection.endheaders()
            piece = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000)
            for _ in range(MOST_BYTES // 1_000_000 + 1):
                connection.send(piece)
            connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "request-unusable")
    assert calls.asked == {}
    assert "with more than 32 MB" in str(calls.problem)  # an application may hide the error behind a fallback
    assert relay.stats()["total"] == 0


def test_client_that_hangs_up_while_it_sends_has_asked_nothing(project):
    gateway = project.gateway()
    host, _, path = gateway.base_url.removeprefix("http://").partition("/")
    with project.item(gateway) as calls:
        with contextlib.closing(HTTPConnection(host, timeout=20)) as connection:
            connection.putrequest("POST", f"/{path}{CHAT}")
            connection.putheader("content-length", "100")
            connection.endheaders(b'{"model":')
        assert status(f"{gateway.base_url}{CHAT}") == 200
    assert (calls.problem, calls.asked) == (None, {CONTROL: 1})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": 3}', b"\xff"])
def test_body_without_a_model_leaves_the_run_unjudged(project, body):
    """A test that goes on with a fixed text has not compared any answer to this request."""
    gateway = project.gateway()
    with project.item(gateway) as calls:
        assert post(f"{gateway.base_url}{CHAT}", body).json["error"]["code"] == "request-unusable"
    assert calls.problem.slug == "request-unusable"


# --- outside of a test


def test_request_outside_of_a_test_is_409(project, relay):
    gateway = project.gateway()
    url = f"{gateway.base_url}{CHAT}"
    assert status(url) == 409
    with project.item(gateway):
        assert status(url) == 200
    answer = post(url, chat("late"))
    assert (answer.status, answer.json["error"]["code"]) == (409, "gateway-outside")
    assert relay.stats()["total"] == 1


def test_address_of_an_item_outlives_the_next_one(project, relay):
    """Code that outlives its test gets no answer of another one, and adds nothing to it."""
    gateway = project.gateway()
    with project.item(gateway) as first:
        url = gateway.url_of(first)
        assert gateway.url_of(first) == url
        assert status(f"{url}{CHAT}") == 200
    with project.item(gateway, "treatment", TREATMENT) as second:
        assert gateway.url_of(second) != url
        assert status(f"{url}{CHAT}") == 409
        assert post(f"{gateway.url_of(second)}{CHAT}", chat("Hi")).text.startswith(f"Answer of {TREATMENT}")
    assert (len(first.replies), len(second.replies)) == (1, 1)


def test_nothing_is_answered_after_the_end(project):
    gateway = project.gateway()
    gateway.stop()
    gateway.stop()
    with pytest.raises(OSError, match="refused"):
        status(f"{gateway.base_url}{CHAT}")


def test_open_connection_ends_with_the_gateway(project):
    """A client that keeps its connection, or waits for an answer, must not keep the run from its end."""
    gateway = project.gateway()
    host = gateway.base_url.removeprefix("http://").partition("/")[0].split(":")
    with socket.create_connection((host[0], int(host[1]))) as connection:
        gateway.stop()
        assert connection.recv(10) == b""
    assert not [one for one in threading.enumerate() if one.name == "graysplit-gateway" and one.is_alive()]


# --- beside other code


def test_missing_package_is_named(project, monkeypatch):
    monkeypatch.setattr(thread, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"graysplit_app needs uvicorn\n  hint: pip install 'pytest-graysplit\[app\]'"):
        project.gateway()


def test_package_that_cannot_be_used_is_named(project, monkeypatch):
    """A later version of the server may have moved its parts."""
    monkeypatch.setitem(sys.modules, "uvicorn.server", None)
    with pytest.raises(UsageError, match=r"graysplit_app cannot use the installed uvicorn: ModuleNotFoundError: "):
        project.gateway()


def test_gateway_logs_nothing(project, caplog):
    """An application has log records of its own, and may run uvicorn too."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger.level, logger.handlers[:], logger.propagate, logger.filters[:]) for logger in loggers]
    with caplog.at_level(logging.DEBUG):
        gateway = project.gateway()
        with project.item(gateway):
            status(f"{gateway.base_url}{CHAT}")
            with socket.create_connection(("127.0.0.1", gateway._port)) as connection:
                connection.sendall(b"nonsense\r\n\r\n")
                connection.recv(1000)
        gateway.stop()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert [(logger.level, logger.handlers, logger.propagate, logger.filters) for logger in loggers] == before


def forbidden(*arguments, **options):
    raise RuntimeError("no sockets in tests")


def test_sockets_that_a_test_forbids_are_still_served(project, relay, monkeypatch):
    """Plugins that block the network replace `socket.socket` after the gateway has started."""
    gateway = project.gateway()
    with project.item(gateway):
        connection = socket.socket()
        with monkeypatch.context() as patches, connection:
            patches.setattr(socket, "socket", forbidden)
            connection.connect(("127.0.0.1", gateway._port))
            head = f"POST /{gateway.token}/v1{CHAT} HTTP/1.1\r\nhost: 127.0.0.1:{gateway._port}\r\n"
            content = json.dumps(chat("Hi")).encode()
            connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_threads_and_event_loops_ask_at_once(project, relay):
    """Each request is answered with its own reply, and equal ones are different calls."""
    relay.control(latency=0.05)
    gateway = project.gateway()
    url = f"{gateway.base_url}{CHAT}"

    async def ask_all():
        texts = [*(f"Question {number}" for number in range(8)), "same", "same"]
        return await asyncio.gather(*(asyncio.to_thread(post, url, chat(text)) for text in texts))

    with project.item(gateway) as calls:
        answers = asyncio.run(ask_all())
    assert [answer.text for answer in answers[:8]] == [f"Answer of {CONTROL} to: Question {n}" for n in range(8)]
    assert len(calls.replies) == 10
    assert relay.stats()["peak_in_flight"] > 1
    assert relay.stats()["total"] == 10


@pytest.mark.parametrize(
    ("path", "token", "item", "route"),
    [
        ("/t/v1/chat/completions", "t", "", "/chat/completions"),
        ("/t/7/v1/chat/completions", "t", "7", "/chat/completions"),
        ("/t/v1/v1/messages", "t", "", "/messages"),
        ("/t/chat/completions/", "t", "", "/chat/completions"),
        ("/t/v1//embeddings", "t", "", "/embeddings"),
        ("/t/v1/models/org%2Fname", "t", "", "/models/org/name"),
        ("/t", "t", "", "/"),
        ("/", "", "", "/"),
    ],
)
def test_paths_of_clients_are_read(path, token, item, route):
    assert addressed_by(path) == (token, item, route)
