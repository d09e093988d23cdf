"""Applications in tests that other plugins change: mocks of HTTP, cassettes, blocked sockets, faked files and clocks.

Each asks its model through a client that was made at import, and the weather through the same client; the other plugin
sees the weather alone. A run of pytest inside of test_beside_plugins.py runs them in both orders of loading.
"""

import asyncio
import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import freezegun
import httpx
import httpx2
import pytest
import pytest_socket
import requests

MODEL = "claude-sonnet-4.5"
MODEL_URL = "https://api.openai.com/v1/chat/completions"
WEATHER = "https://weather.example/malta"
LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
CLIENTS = {name: library.Client(headers={"authorization": "Bearer own-key"}) for name, library in LIBRARIES.items()}
both = pytest.mark.parametrize("name", LIBRARIES)
app_test = pytest.mark.graysplit(min_similarity=0.1)


class Server(BaseHTTPRequestHandler):
    """The weather, from a real server."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"sunny")


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=SERVER.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
SERVER_URL = f"http://127.0.0.1:{SERVER.server_port}/malta"


def body_for(weather):
    return {"model": MODEL, "messages": [{"role": "user", "content": f"It is {weather}. What now?"}]}


def check(app, answer, weather="sunny"):
    app.output = answer.json()["choices"][0]["message"]["content"]
    assert app.output == f"Answer of {app.model} to: It is {weather}. What now?"
    assert len(app.calls) == 1


def ask(app, client, weather):
    check(app, client.post(MODEL_URL, json=body_for(weather)), weather)


@app_test
def test_respx_before(respx_mock, graysplit_app):
    route = respx_mock.get(WEATHER).respond(text="cloudy")
    ask(graysplit_app, CLIENTS["httpx"], CLIENTS["httpx"].get(WEATHER).text)
    assert route.call_count == 1


@app_test
@pytest.mark.respx(assert_all_called=False)
def test_respx_after(graysplit_app, respx_mock):
    """A mock of the model is not asked, because the gateway answers above it."""
    respx_mock.get(WEATHER).respond(text="cloudy")
    model = respx_mock.post(MODEL_URL).respond(500)
    ask(graysplit_app, CLIENTS["httpx"], CLIENTS["httpx"].get(WEATHER).text)
    assert not model.called


@app_test
def test_pytest_httpx_before(httpx_mock, graysplit_app):
    httpx_mock.add_response(url=WEATHER, text="cloudy")
    ask(graysplit_app, CLIENTS["httpx"], CLIENTS["httpx"].get(WEATHER).text)
    assert len(httpx_mock.get_requests()) == 1


@app_test
def test_pytest_httpx_after(graysplit_app, httpx_mock):
    """An asynchronous client, whose other requests are mocked."""
    httpx_mock.add_response(url=WEATHER, text="cloudy")

    async def ask_both():
        async with httpx.AsyncClient() as client:
            weather = (await client.get(WEATHER)).text
            return await client.post(MODEL_URL, json=body_for(weather)), weather

    check(graysplit_app, *asyncio.run(ask_both()))
    assert len(httpx_mock.get_requests()) == 1


@both
@app_test
@pytest.mark.vcr(match_on=("method", "path"))
def test_cassette(graysplit_app, name):
    """The cassette has the weather, and neither the model nor a key."""
    ask(graysplit_app, CLIENTS[name], CLIENTS[name].get(SERVER_URL).text)


@app_test
@pytest.mark.vcr(ignore_hosts=["127.0.0.1"])
def test_cassette_beside_a_socket(graysplit_app):
    answer = requests.post(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json=body_for("sunny"), timeout=20)
    check(graysplit_app, answer)


@app_test
@pytest.mark.vcr
def test_cassette_of_the_gateway(graysplit_app, pytestconfig):
    """A cassette that does not leave out the gateway gets the token of the test, and not the key."""
    if pytestconfig.getoption("graysplit_record") == "none":
        pytest.skip("the cassette has the token of the run that recorded it")
    key = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    address = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"
    check(graysplit_app, requests.post(address, json=body_for("sunny"), headers=key, timeout=20))


@both
@app_test
@pytest.mark.block_network
def test_blocked_network(graysplit_app, name):
    """The block of pytest-recording holds for all other requests."""
    with pytest.raises(RuntimeError, match="Network is disabled"):
        CLIENTS[name].get(SERVER_URL)
    ask(graysplit_app, CLIENTS[name], "sunny")


@both
@app_test
@pytest.mark.disable_socket
def test_blocked_sockets(graysplit_app, name):
    with pytest.raises(pytest_socket.SocketBlockedError), pytest.warns(UserWarning, match="socket"):
        socket.socket()
    ask(graysplit_app, CLIENTS[name], "sunny")


@app_test
@pytest.mark.disable_socket
def test_blocked_sockets_and_an_event_loop(graysplit_app):
    async def ask_model():
        async with httpx2.AsyncClient() as client:
            return await client.post(MODEL_URL, json=body_for("sunny"))

    check(graysplit_app, asyncio.run(ask_model()))


@app_test
@pytest.mark.disable_socket
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_blocked_sockets_and_a_subprocess(graysplit_app):
    """The sockets of this process are blocked, and those of the gateway are from before."""
    command = ["curl", "-sS", f"{os.environ['OPENAI_BASE_URL']}/chat/completions", "-d", "@-"]
    text = json.dumps(body_for("sunny"))
    answer = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=True)
    check(graysplit_app, httpx.Response(200, text=answer.stdout))


@app_test
def test_faked_files_before(fs, graysplit_app):
    fs.create_file("/weather.txt", contents="cloudy")
    ask(graysplit_app, CLIENTS["httpx"], Path("/weather.txt").read_text(encoding="utf-8"))
    assert not Path(__file__).exists()


@app_test
def test_faked_files_after(graysplit_app, fs):
    fs.create_file("/weather.txt", contents="cloudy")
    ask(graysplit_app, CLIENTS["httpx2"], Path("/weather.txt").read_text(encoding="utf-8"))


@both
@app_test
@freezegun.freeze_time("2012-01-14")
def test_frozen_clock(graysplit_app, name):
    ask(graysplit_app, CLIENTS[name], "sunny")
    assert dt.date.today() == dt.date(2012, 1, 14)  # noqa: DTZ011 # the frozen clock has no zone
    assert graysplit_app.latency_s > 0


@app_test
def test_frozen_clock_and_an_event_loop(graysplit_app):
    async def ask_model():
        async with httpx.AsyncClient() as client:
            return await client.post(MODEL_URL, json=body_for("sunny"))

    with freezegun.freeze_time("2012-01-14", real_asyncio=True):
        check(graysplit_app, asyncio.run(ask_model()))


@app_test
@pytest.mark.disable_socket
@freezegun.freeze_time("2012-01-14")
def test_all_at_once(respx_mock, graysplit_app, fs):
    fs.create_file("/city.txt", contents="malta")
    respx_mock.get(WEATHER).respond(text="cloudy")
    city = Path("/city.txt").read_text(encoding="utf-8")
    ask(graysplit_app, CLIENTS["httpx"], CLIENTS["httpx"].get(f"https://weather.example/{city}").text)


def test_mock_without_an_application_works_as_ever(respx_mock):
    """No test with an application runs, so nothing of the clients is replaced."""
    respx_mock.post(MODEL_URL).respond(json={"mocked": True})
    assert CLIENTS["httpx"].post(MODEL_URL, json={}).json() == {"mocked": True}
