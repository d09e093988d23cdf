"""Answered requests look to an application as if a server had answered them: the same client, another connection."""

import asyncio
import importlib
import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_graysplit.gateway.call_answer import CallAnswer
from pytest_graysplit.gateway.clients.addresses import KnownAddresses
from pytest_graysplit.gateway.clients.answered import AnsweredSends
from pytest_graysplit.gateway.clients.patches import SendPatches

MODEL_URL = "https://api.openai.com/v1/chat/completions"
EVENTS = [b'data: {"n": 1}\n\n', b'data: {"n": "\xc3\xa9"}\n\n', b"data: [DONE]\n\n"]
NO_TLS = {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}  # to load certificates for each client takes long
BODY = '{"answer": "é"}'.encode()


class Server(ThreadingHTTPServer):
    """A real server with the same answers, to hold the answered requests against."""

    daemon_threads = True

    def handle_error(self, *_):
        """Say nothing about clients that hang up."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(asked.get("status", 200))
            if asked.get("stream"):
                self.send_header("content-type", "text/event-stream; charset=utf-8")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for event in EVENTS:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(BODY)))
                self.end_headers()
                self.wfile.write(BODY)


@pytest.fixture(scope="module")
def server_url():
    server = Server(("127.0.0.1", 0), Server.Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    server.shutdown()
    server.server_close()


class Gateway:
    """The answers of a gateway, without its models: each comes from another thread, as a real one does."""

    def __init__(self):
        self.asked = []
        self.pieces_read = threading.Semaphore(1)

    def answer(self, method, address, headers, body):
        asked, answer = json.loads(body), CallAnswer()
        self.asked.append((method, address, headers, asked))
        threading.Thread(target=self._answer, args=(asked, answer), daemon=True).start()
        return answer

    def escaped(self, url, body):
        raise AssertionError(f"{url} is not an address of a model")

    def _answer(self, asked, answer):
        if asked.get("silent") == "head":
            return
        if not asked.get("stream"):
            answer.complete(asked.get("status", 200), BODY)
            return
        answer.start_stream()
        for event in EVENTS:
            if asked.get("silent") == "body":
                return
            if asked.get("waits") and not self.pieces_read.acquire(timeout=10):
                break  # the application got nothing: it is an error that its stream has an end
            answer.add(event)
        answer.end(cut=asked.get("cut"))


@pytest.fixture
def gateway(server_url, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    gateway = Gateway()
    known = KnownAddresses()
    gateway_url = server_url.removesuffix("/chat/completions")
    patches = SendPatches(AnsweredSends(known, gateway.answer, gateway_url, gateway.escaped).make_send)
    for name in ("httpx", "httpx2"):
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    patches.start()
    yield gateway
    patches.stop()


@pytest.fixture(params=["httpx", "httpx2"])
def library(request, gateway):
    return pytest.importorskip(request.param)


def in_asyncio(function, *arguments):
    return asyncio.run(function(*arguments))


def in_trio(function, *arguments):
    return pytest.importorskip("trio").run(function, *arguments)


def seen(library, url, asked):
    """Return everything that an application can see of a response, with a synchronous client."""
    hooks = []
    hooked = {
        "request": [lambda request: hooks.append(request.method)],
        "response": [lambda r: hooks.append(r.status_code)],
    }
    with library.Client(**NO_TLS, event_hooks=hooked) as client:
        whole = client.post(url, json=asked)
        facts = [*facts_of(library, whole), whole.content, whole.text, whole.elapsed.total_seconds() > 0]
        with client.stream("POST", url, json=asked) as response:
            facts += [response.is_closed, response.is_stream_consumed]
            facts += [list(response.iter_lines()), response.num_bytes_downloaded, response.is_stream_consumed]
        facts += [response.is_closed, response.elapsed.total_seconds() > 0]
        with client.stream("POST", url, json=asked) as response:
            facts.append(b"".join(response.iter_raw(7)))
        with client.stream("POST", url, json=asked) as response:
            pass  # the application reads nothing
        facts += [response.is_closed, response.is_stream_consumed, hooks, client.is_closed]
    return facts


async def seen_async(library, url, asked):
    """Return the same for an asynchronous client."""
    hooks = []

    async def hook(subject):
        hooks.append(getattr(subject, "method", None) or subject.status_code)

    async with library.AsyncClient(**NO_TLS, event_hooks={"request": [hook], "response": [hook]}) as client:
        whole = await client.post(url, json=asked)
        facts = [*facts_of(library, whole), whole.content, whole.text, whole.elapsed.total_seconds() > 0]
        async with client.stream("POST", url, json=asked) as response:
            facts += [response.is_closed, response.is_stream_consumed]
            facts += [[line async for line in response.aiter_lines()], response.num_bytes_downloaded]
            facts += [response.is_stream_consumed]
        facts += [response.is_closed, response.elapsed.total_seconds() > 0]
        async with client.stream("POST", url, json=asked) as response:
            facts.append(b"".join([piece async for piece in response.aiter_raw(7)]))
        async with client.stream("POST", url, json=asked) as response:
            pass
        facts += [response.is_closed, response.is_stream_consumed, hooks, client.is_closed]
    return facts


def facts_of(library, response):
    headers = {name: response.headers.get(name) for name in ("content-type", "content-length", "transfer-encoding")}
    facts = [response.status_code, response.reason_phrase, response.http_version, headers, response.is_error]
    facts += [response.encoding, response.history, response.request.method, type(response).__module__]
    try:
        response.raise_for_status()
    except library.HTTPStatusError as error:
        facts += [error.response is response, error.request is response.request]
    return facts


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"status": 429}, {"status": 503, "stream": False}], ids=str)
def test_answered_response_looks_like_that_of_a_server(library, gateway, server_url, asked):
    assert seen(library, MODEL_URL, asked) == seen(library, server_url, asked)
    assert len(gateway.asked) == 4


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"status": 429}], ids=str)
@pytest.mark.parametrize("run", [in_asyncio, in_trio])
def test_answered_response_looks_like_that_of_a_server_to_event_loops(library, gateway, server_url, asked, run):
    assert run(seen_async, library, MODEL_URL, asked) == run(seen_async, library, server_url, asked)
    assert len(gateway.asked) == 4


def test_gateway_gets_the_whole_request(library, gateway):
    """The client's own headers and its authentication are part of it."""
    with library.Client(
        **NO_TLS, headers={"X-Team": "a"}, auth=("user", "word"), base_url="https://api.openai.com/v1"
    ) as client:
        client.post(
            "/embeddings?x=1", content=iter([b'{"model"', b': "m"}']), headers={"Content-Type": "application/json"}
        )
    [(method, address, headers, asked)] = gateway.asked
    assert (method, address.base_url, address.route) == ("POST", "https://api.openai.com/v1?x=1", "/embeddings")
    assert headers["x-team"] == "a"
    assert headers["authorization"].startswith("Basic ")
    assert asked == {"model": "m"}


def test_client_from_before_the_test_is_answered_and_works_afterwards(gateway, server_url):
    """An application makes its client when it is imported; a closed one stays closed."""
    httpx = pytest.importorskip("httpx")
    client = httpx.Client(**NO_TLS)
    assert client.post(MODEL_URL, json={}).content == BODY
    assert client.post(server_url, json={}).content == BODY
    assert len(gateway.asked) == 1
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.post(MODEL_URL, json={})
    assert len(gateway.asked) == 1


def test_subclass_keeps_its_methods_and_state(library, gateway):
    """Clients of SDKs are subclasses; one of them closes its connections when it is deleted."""

    class Own(library.Client):
        deleted = 0
        sent = 0

        def __del__(self):
            Own.deleted += 1

        def send(self, request, **options):
            self.sent += 1
            request.headers["x-own"] = "yes"
            return super().send(request, **options)

        def _build_request_auth(self, request, auth=None):
            self.last_url = str(request.url)
            return super()._build_request_auth(request)

    client = Own(**NO_TLS)
    client.post(MODEL_URL, json={})
    client.post(MODEL_URL, json={})
    assert (client.sent, client.last_url, Own.deleted) == (2, MODEL_URL, 0)
    assert gateway.asked[0][2]["x-own"] == "yes"
    client.close()


def test_redirect_and_token_requests_of_the_client_go_to_their_own_places(library, gateway, server_url):
    """An authentication may fetch a token from another server first; only the request for the model is answered."""

    class TokenAuth(library.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            token = yield library.Request("POST", server_url, json={})
            request.headers["authorization"] = f"Bearer {len(token.json()['answer'])}"
            yield request

    with library.Client(**NO_TLS, auth=TokenAuth()) as client:
        assert client.post(MODEL_URL, json={"m": 1}).json() == {"answer": "é"}
    [(_, _, headers, asked)] = gateway.asked
    assert (asked, headers["authorization"]) == ({"m": 1}, "Bearer 1")


def test_pieces_come_one_by_one(library, gateway):
    """The next event is made only after the application has read the one before."""
    asked, got = {"stream": True, "waits": True}, []

    async def read():
        async with library.AsyncClient(**NO_TLS) as client, client.stream("POST", MODEL_URL, json=asked) as response:
            async for piece in response.aiter_raw():
                got.append(piece)
                gateway.pieces_read.release()

    with library.Client(**NO_TLS) as client, client.stream("POST", MODEL_URL, json=asked) as response:
        for piece in response.iter_raw():
            got.append(piece)
            gateway.pieces_read.release()
    for run in (in_asyncio, in_trio):
        run(read)
    assert got == EVENTS * 3


@pytest.mark.parametrize("silent", ["head", "body"])
def test_silence_ends_at_the_read_timeout_of_the_client(library, silent):
    """The limits that an application sets hold here too."""
    asked = {"silent": silent, "stream": True}

    async def ask():
        async with library.AsyncClient(**NO_TLS, timeout=0.05) as client:
            await client.post(MODEL_URL, json=asked)

    with library.Client(**NO_TLS, timeout=0.05) as client, pytest.raises(library.ReadTimeout) as caught:
        client.post(MODEL_URL, json=asked)
    assert str(caught.value.request.url) == MODEL_URL
    for run in (in_asyncio, in_trio):
        with pytest.raises(library.ReadTimeout):
            run(ask)


def test_cut_stream_is_the_error_of_a_server_that_hangs_up(library):
    asked = {"stream": True, "cut": "the model fell silent"}

    async def ask():
        async with library.AsyncClient(**NO_TLS) as client:
            await client.post(MODEL_URL, json=asked)

    with library.Client(**NO_TLS) as client, pytest.raises(library.RemoteProtocolError, match="the model fell silent"):
        client.post(MODEL_URL, json=asked)
    for run in (in_asyncio, in_trio):
        with pytest.raises(library.RemoteProtocolError, match="the model fell silent"):
            run(ask)


def test_cancelled_task_leaves_the_others_alone(library, gateway):
    """Tasks wait side by side in one loop, and an application gives up on some of them."""

    async def ask(client, asked):
        return (await client.post(MODEL_URL, json=asked)).content

    async def ask_all():
        async with library.AsyncClient(**NO_TLS) as client:
            waiting = asyncio.create_task(ask(client, {"silent": "head"}))
            answers = await asyncio.gather(*(ask(client, {"n": number}) for number in range(20)))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return answers

    assert asyncio.run(ask_all()) == [BODY] * 20
    assert len(gateway.asked) == 21


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a thing of POSIX")
def test_forked_process_asks_over_the_socket_of_the_gateway(library, gateway):
    """A fork has none of the threads that answer; without a way over the socket it would wait for ever."""
    client = library.Client(**NO_TLS)
    child = os.fork()
    if child == 0:
        try:
            sync = client.post(MODEL_URL, json={}).content

            async def ask():
                async with library.AsyncClient(**NO_TLS) as other:
                    return (await other.post(MODEL_URL, json={})).content

            os._exit(0 if sync == asyncio.run(ask()) == BODY else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert gateway.asked == []
    client.close()
