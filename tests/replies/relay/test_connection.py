"""Bytes that a relay may send over the wire, and their effect on this request and the next."""

import asyncio
import gzip
import os
import re
import ssl
import subprocess
import sys
import threading
import tracemalloc
import zlib
from time import perf_counter

import pytest
from replies.relay.scripted import ScriptedServer, said, whole

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.relay import body as limits
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.pipe import Endpoint
from pytest_graysplit.replies.relay.proxies import Proxy, ProxyChoice
from pytest_graysplit.replies.relay.stream import TokenWatch
from pytest_graysplit.types import Secret

KEY = "made-up-key-0123456789"


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def ask(url, count=1, *, stream=False, at_once=False, clock=perf_counter, **settings):
    """Send a few requests, one after the other over one connection or all at once, and return the replies."""

    async def run():
        chosen = Settings(base_url=url, **{"concurrency": count if at_once else 1, "retries": 0, **settings})
        async with Relay(chosen, is_refusal=lambda _: False, clock=clock, sleep=lambda _: asyncio.sleep(0)) as relay:
            bodies = [
                {"model": "m", "messages": [], "n": n} | ({"stream": True} if stream else {}) for n in range(count)
            ]
            if at_once:
                return await asyncio.gather(*(relay.ask(Arm.plain("m"), body) for body in bodies))
            return [await relay.ask(Arm.plain("m"), body) for body in bodies]

    return asyncio.run(run())


def texts(replies):
    return [reply.text if reply.outcome == "ok" else reply.error_slug for reply in replies]


def test_request_has_the_shape_that_relays_expect():
    """JSON at the relay's own path, the key as a bearer, and nothing else."""
    with ScriptedServer(whole(said())) as server:
        [reply] = ask(server.url.replace("/v1", "/team a/v1"), key=Secret(KEY))
        host = server.url.removeprefix("http://").removesuffix("/v1")
    assert reply.text == "Hi"
    content = b'{"model":"m","messages":[],"n":0}'
    assert server.heads[0].decode() == (
        "POST /team%20a/v1/chat/completions HTTP/1.1\r\n"
        f"host: {host}\r\n"
        "accept: application/json\r\n"
        "accept-encoding: gzip, deflate\r\n"
        "content-type: application/json\r\n"
        "user-agent: pytest-graysplit\r\n"
        f"authorization: Bearer {KEY}\r\n"
        f"content-length: {len(content)}\r\n"
        f"\r\n{content.decode()}"
    )


def test_requests_share_a_connection():
    with ScriptedServer(whole(said("one")), whole(said("two")), whole(said("three"))) as server:
        assert texts(ask(server.url, 3)) == ["one", "two", "three"]
    assert server.connections == 1


@pytest.mark.parametrize(
    "surplus",
    [whole(said("surplus")), b"\r\n", b"garbage", whole(b"{}", status=b"204 No Content")],
    ids=["an answer", "a line break", "garbage", "an empty answer"],
)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "a little later"])
def test_bytes_after_a_response_never_answer_the_next_request(surplus, late):
    """The connection is closed, and the next request opens another one."""
    answered, sent = threading.Event(), threading.Event()
    parts = [whole(said("one")), lambda: answered.wait(60), surplus] if late else [whole(said("one")) + surplus]

    async def run():
        async with Relay(Settings(base_url=server.url, concurrency=1), is_refusal=lambda _: False) as relay:
            replies = [await relay.ask(Arm.plain("m"), {"n": 1})]
            answered.set()
            await asyncio.to_thread(sent.wait, 60)
            return [*replies, await relay.ask(Arm.plain("m"), {"n": 2})]

    with ScriptedServer([*parts, sent.set], whole(said("two"))) as server:
        assert texts(asyncio.run(run())) == ["one", "two"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{", None], id="cut in the body"),
        pytest.param([b"HTTP/1.1 200", None], id="cut in the head"),
        pytest.param([None], id="closed"),
        pytest.param([b"\x00\x01\x02 what is this\r\n\r\n", None], id="garbled"),
        pytest.param([b'{"object": "list"}HTTP/1.1 200 OK\r\n\r\n', None], id="a body before the head"),
        pytest.param([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", None], id="bad chunk"),
        pytest.param([b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a', None], id="cut chunk"),
        pytest.param([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, None], id="endless head"),
        pytest.param([whole(said()[:40])], id="cut JSON"),
        pytest.param([whole(gzip.compress(said())[:20], b"content-encoding: gzip")], id="cut gzip"),
        pytest.param([whole(b"not gzip", b"content-encoding: gzip")], id="not gzip"),
        pytest.param([whole(said(), b"content-encoding: br")], id="unknown encoding"),
    ],
)
@pytest.mark.parametrize("reused", [False, True], ids=["a new connection", "a reused connection"])
def test_broken_response_is_requested_again(broken, reused):
    before = [whole(said("before"))] if reused else []
    with ScriptedServer(*before, broken, whole(said("after"))) as server:
        replies = ask(server.url, 1 + reused, retries=1)
    assert texts(replies) == [*["before"] * reused, "after"]
    assert replies[-1].attempts == 2


@pytest.mark.parametrize(
    "encoded",
    [
        (gzip.compress(said()), b"gzip"),
        (zlib.compress(said()), b"deflate"),
        (zlib.compress(said(), wbits=-15), b"deflate"),
        (gzip.compress(gzip.compress(said())), b"gzip, gzip"),
        (gzip.compress(said()[:30]) + gzip.compress(said()[30:]), b"gzip"),
        (said(), b"identity"),
    ],
    ids=["gzip", "deflate", "raw deflate", "gzip in gzip", "two members", "identity"],
)
def test_compressed_answers_are_read(encoded):
    data, encoding = encoded
    with ScriptedServer(whole(data, b"content-encoding: " + encoding)) as server:
        assert texts(ask(server.url)) == ["Hi"]


def test_interim_response_is_skipped():
    with ScriptedServer(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + whole(said())) as server:
        assert texts(ask(server.url)) == ["Hi"]


def test_relay_that_closes_after_each_response_gets_new_connections():
    answer = b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + said()
    with ScriptedServer(answer, closes=True) as server:
        assert texts(ask(server.url, 3)) == ["Hi"] * 3
    assert server.connections == 3


@pytest.fixture(scope="module")
def bomb():
    """Return 400 MB of zeros as gzip, made piece by piece."""
    stream = zlib.compressobj(9, wbits=31)
    return b"".join([*(stream.compress(bytes(1_000_000)) for _ in range(400)), stream.flush()])


@pytest.mark.parametrize("encoding", [b"gzip, gzip", b"gzip"])
def test_compression_bomb_costs_its_own_request_and_little_memory(encoding, bomb):
    """Two kilobytes of gzip in gzip are 400 MB of zeros."""
    data = gzip.compress(bomb, 9) if encoding == b"gzip, gzip" else bomb
    with ScriptedServer(whole(data, b"content-encoding: " + encoding), whole(said())) as server:
        tracemalloc.start()
        try:
            replies = ask(server.url, 2)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [reply.error or reply.text for reply in replies] == ["the answer is larger than 32 MB", "Hi"]
    assert (replies[0].error_slug, replies[0].attempts, replies[0].retryable) == ("relay-answer-large", 1, False)
    assert peak < 100_000_000


def test_endless_response_is_cut_at_the_limit(monkeypatch):
    monkeypatch.setattr("pytest_graysplit.replies.relay.connection.MOST_BYTES_PER_ANSWER", 1_000_000)
    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[b" " * 100_000] * 1000]
    with ScriptedServer(endless, whole(said())) as server:
        assert texts(ask(server.url, 2)) == ["relay-answer-large", "Hi"]


def test_all_responses_together_have_a_limit_too():
    meter = limits.Meter(2 * limits.MB)
    first, second = (limits.Body({}, meter) for _ in range(2))
    first.add(bytes(1_500_000))
    with pytest.raises(limits.TooLargeError, match="hold more than 2 MB together"):
        second.add(bytes(1_000_000))
    first.forget()
    second.forget()
    assert meter.total == 0


def test_error_page_is_read_only_at_its_beginning():
    """The rest is not needed, and its connection is closed."""
    page = b"<html><title>Bad gateway</title>" + b"x" * 10_000_000
    with ScriptedServer(whole(page, status=b"502 Bad Gateway"), whole(said())) as server:
        replies = ask(server.url, 2)
    assert replies[0].error == "the relay answered 502: a web page titled 'Bad gateway'"
    assert (texts(replies)[1], server.connections) == ("Hi", 2)


def test_large_answers_of_16_requests_at_once_arrive():
    text = "x" * 500_000
    with ScriptedServer(whole(said(text))) as server:
        assert texts(ask(server.url, 16, at_once=True)) == [text] * 16


def test_stream_is_read_as_it_arrives(monkeypatch):
    """By a clock that only the server moves: before the first token, and again after the client has timed it."""
    now_s, has_token, timed = 100.0, False, threading.Event()

    class Watch(TokenWatch):
        def sees_first(self, piece):
            nonlocal has_token
            is_first = super().sees_first(piece)
            has_token = has_token or is_first
            return is_first

    def clock():
        read_s = now_s
        if has_token:
            timed.set()
        return read_s

    def tick():
        nonlocal now_s
        now_s += 1.0

    monkeypatch.setattr("pytest_graysplit.replies.relay.exchange.TokenWatch", Watch)
    events = [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
        tick,
        b'data: {"choices":[{"index":0,"delta":{"content":"He',
        b'llo"}}]}\n\n',
        lambda: timed.wait(60),
        tick,
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ]
    with ScriptedServer(events, closes=True) as server:
        [reply] = ask(server.url, stream=True, clock=clock)
    assert reply.text == "Hello"
    assert (reply.ttft_s, reply.latency_s) == (1.0, 2.0)


def test_latency_begins_when_the_connection_is_open():
    """By a clock that only opening the connection moves, a quarter of a second is queue time and not latency."""
    now_s = 100.0

    async def run():
        chosen = Settings(base_url=server.url, concurrency=1)
        async with Relay(chosen, is_refusal=lambda _: False, clock=lambda: now_s) as relay:
            [connection] = relay._connections
            opened = connection.open

            async def slow_open():
                nonlocal now_s
                now_s += 0.25
                await opened()

            connection.open = slow_open
            return await relay.ask(Arm.plain("m"), {})

    with ScriptedServer(whole(said())) as server:
        reply = asyncio.run(run())
    assert (reply.queue_s, reply.latency_s) == (0.25, 0.0)


def test_connection_that_was_idle_for_long_is_not_used(monkeypatch):
    monkeypatch.setattr("pytest_graysplit.replies.relay.connection.IDLE_S", 0.0)
    with ScriptedServer(whole(said())) as server:
        assert texts(ask(server.url, 2)) == ["Hi", "Hi"]
    assert server.connections == 2


def test_forward_proxy_gets_the_whole_address_and_its_own_password(monkeypatch):
    with ScriptedServer(whole(said())) as server:
        port = server.url.split(":")[2].removesuffix("/v1")
        monkeypatch.setenv("HTTP_PROXY", f"http://us%20er:pass@127.0.0.1:{port}")
        [reply] = ask("http://relay.example/v1")
    assert reply.text == "Hi"
    assert server.heads[0].startswith(
        b"POST http://relay.example/v1/chat/completions HTTP/1.1\r\nhost: relay.example\r\n"
    )
    assert b"proxy-authorization: Basic dXMgZXI6cGFzcw==\r\n" in server.heads[0]


def test_proxy_that_refuses_a_tunnel_is_a_failed_connection(monkeypatch):
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    with ScriptedServer(refusal) as server:
        port = server.url.split(":")[2].removesuffix("/v1")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        [reply] = ask("https://relay.example/v1")
    assert reply.error == "cannot connect: the proxy answered 407"
    assert server.heads[0].startswith(b"CONNECT relay.example:443 HTTP/1.1\r\nhost: relay.example:443\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a certificate for 127.0.0.1 with its own authority file."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    try:
        subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    except OSError:
        pytest.skip("no openssl on this machine to make a certificate with")
    return folder


class TlsServer(ScriptedServer):
    """The same behind TLS, with a tunnel before it where a request begins with CONNECT."""

    def __init__(self, folder, *answers):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.tunnelled = 0
        super().__init__(*answers)

    def _serve(self, connection):
        if connection.recv(7, 2) == b"CONNECT":  # MSG_PEEK
            with connection.makefile("rb", buffering=0) as file:
                self._read(file)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.tunnelled += 1
        try:
            super()._serve(self._context.wrap_socket(connection, server_side=True))
        except OSError:
            return


def test_relay_behind_tls_is_reached_directly_and_through_a_tunnel(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with TlsServer(certificate, whole(said())) as server:
        url = server.url.replace("http:", "https:")
        assert texts(ask(url, 2)) == ["Hi", "Hi"]
        port = int(url.split(":")[2].removesuffix("/v1"))
        choice = ProxyChoice(Proxy(host="127.0.0.1", port=port))  # no environment names a proxy for a loopback address
        monkeypatch.setattr("pytest_graysplit.replies.relay.endpoint.choose_proxy", lambda *_: choice)
        assert texts(ask(url, 2)) == ["Hi", "Hi"]
    assert (server.tunnelled, server.connections) == (1, 2)


def test_untrusted_certificate_is_named(certificate):
    with TlsServer(certificate, whole(said())) as server:
        [reply] = ask(server.url.replace("http:", "https:"))
    assert re.fullmatch(r"cannot connect: CERTIFICATE_VERIFY_FAILED: self.signed certificate", reply.error)
    assert reply.error_slug == "relay-unreachable"


def test_unknown_host_is_reported_in_a_sentence():
    [reply] = ask("http://nowhere.invalid/v1")
    assert reply.error.startswith("cannot connect: ")
    assert (reply.error_slug, reply.retryable) == ("relay-unreachable", True)


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("https://relay.example/v1", "relay.example", 443, "relay.example"),
        ("http://relay.example:8000/v1", "relay.example", 8000, "relay.example:8000"),
        ("http://[::1]:8000/v1", "::1", 8000, "[::1]:8000"),
        ("http://bücher.example/v1", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"),
    ],
)
def test_endpoint_is_read_from_an_address(url, host, port, authority):
    endpoint = Endpoint.of(url, ssl.create_default_context, None)
    assert (endpoint.host, endpoint.port, endpoint.authority) == (host, port, authority)


def test_requests_ignore_replaced_sockets_and_clocks():
    """The worker uses the sockets and clocks that existed when it was made."""
    script = f"""
import asyncio, socket, sys, time
sys.path[:0] = {[str(path) for path in sys.path]!r}
from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.request_lanes import QueuedRequest
from pytest_graysplit.replies.request_worker import AskedModels, RequestWorker
from pytest_graysplit.replies.relay.client import Relay
from concurrent.futures import Future

settings = Settings(base_url=sys.argv[1], retries=3)
worker = RequestWorker(lambda _: Relay(settings, is_refusal=lambda _: False), lambda _: AskedModels(["m"]), 4)

class Blocked(socket.socket):
    def __new__(cls, *args, **kwargs):
        raise RuntimeError("blocked")

def refuse(*args, **kwargs):
    raise RuntimeError("blocked")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.socket, socket.getaddrinfo, socket.create_connection = Blocked, refuse, refuse
time.monotonic = time.time = time.perf_counter = lambda: 7.0
requests = [QueuedRequest(Arm.plain("m"), lambda: {{"model": "m"}}, lambda reply: reply, Future()) for _ in range(6)]
worker.submit(requests)
replies = [request.future.result(60) for request in requests]
print({{reply.text for reply in replies}}, all(reply.latency_s > 0 for reply in replies))
"""
    busy = whole(b'{"error": {"message": "busy"}}', status=b"503 Busy")
    with ScriptedServer(whole(b'{"data": [{"id": "m"}]}'), busy, busy, whole(said())) as server:
        command = [sys.executable, "-c", script, server.url]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{'Hi'} True\n", "")
