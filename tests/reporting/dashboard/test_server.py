"""The server over real sockets: the stream and its end, taken ports, tokens, logs and shutdown."""

import _thread
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import live_snapshots as snapshots
import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.dashboard import sse
from pytest_graysplit.reporting.dashboard.page_text import page_texts
from pytest_graysplit.reporting.dashboard.server import LiveServer, serve
from pytest_graysplit.reporting.dashboard.snapshot_cache import as_text


def event(**news):
    """The event of a changed run: its snapshot and the texts of the page."""
    snapshot = snapshots.run(**news)
    return "snapshot", {**snapshot, "page": page_texts(snapshot)}


@pytest.fixture
def source():
    return snapshots.FakeSource(snapshots.run())


@contextmanager
def listening(url, **options):
    """Open the stream, and yield an iterator of its events as (name, data)."""
    with httpx.Client(trust_env=False, timeout=10) as client, client.stream("GET", f"{url}events", **options) as answer:
        assert answer.status_code == 200
        yield events(answer)


def events(answer):
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
        elif line.startswith("retry: "):
            yield "retry", int(line.removeprefix("retry: "))


def get(url, **options):
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.get(url, **options)


def test_stream_sends_each_change_and_then_the_end(source, start_server):
    """The retry time first, then the state, each change, and the end."""
    with listening(start_server(source).url) as stream:
        assert next(stream) == ("retry", 1000)
        assert next(stream) == event()
        source.change(title="121 cases")
        assert next(stream) == event(title="121 cases")
        source.change(state="ended")
        assert next(stream) == event(title="121 cases", state="ended")
        assert next(stream) == ("end", {"state": "ended"})
        assert list(stream) == []


def test_stream_of_an_ended_run_sends_one_snapshot(start_server):
    """And then the end."""
    with listening(start_server(snapshots.FakeSource(snapshots.run(state="ended"))).url) as stream:
        assert [name for name, _ in stream] == ["retry", "snapshot", "end"]


def test_quiet_stream_sends_comments_and_ends_after_its_lifetime(source, start_server, monkeypatch):
    """Comments keep proxies from closing it; a server that shuts down may wait for its end."""
    monkeypatch.setattr(sse, "KEEP_ALIVE_TICKS", 5)
    monkeypatch.setattr(sse, "LIFE_TICKS", 12)
    assert get(f"{start_server(source).url}events").text.split("\n\n") == [
        "retry: 1000",
        f"event: snapshot\ndata: {as_text(event()[1])}",
        ": nothing new",
        ": nothing new",
        "",
    ]


def test_stop_sends_the_last_snapshot(source, start_server):
    """Open pages show the last figures."""
    server = start_server(source)
    with listening(server.url) as stream:
        next(stream), next(stream)
        source.change(title="121 cases")
        server.stop()
        rest = list(stream)
    assert rest[-2:] == [event(title="121 cases"), ("end", {"state": "running"})]
    with pytest.raises(httpx.ConnectError):
        get(server.url)


def test_stop_may_be_called_twice_and_at_once(source):
    """A session may end before the server has started."""
    server = LiveServer(source)
    server.stop()
    server.stop()
    assert not server._thread.is_alive()


def test_stop_releases_the_port_for_the_next_server(source, start_server):
    """An open page finds the next run at the same address."""
    first = start_server(source)
    with listening(first.url) as stream:
        next(stream)
        first.stop()
    second = start_server(snapshots.FakeSource(snapshots.run(title="the next run")), port=first.port)
    assert (second.url, get(f"{second.url}metrics/dashboard").json()["title"]) == (first.url, "the next run")


def test_disconnected_client_ends_its_stream(source, start_server):
    """Its source is no longer read."""
    server = start_server(source)
    with listening(server.url) as stream:
        next(stream), next(stream)
        assert len(server._server.server_state.connections) == 1
    while server._server.server_state.connections or server._server.server_state.tasks:
        time.sleep(0.01)  # the time limit of the suite ends this loop
    reads = source.reads
    server.stop()
    assert source.reads == reads


def test_taken_port_is_a_usage_error(source, start_server):
    """The message has the port and the remedy."""
    port = start_server(source).port
    with pytest.raises(UsageError) as caught:
        LiveServer(source, port=port)
    assert str(caught.value) == (
        f"the live page cannot be served on 127.0.0.1 port {port}: address already in use\n"
        "  hint: use another port, or 0 for any free port  [dashboard-port]"
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"port": 70_000}, "127.0.0.1 port 70000: ports are numbers from 0 to 65535"),
        ({"host": "192.0.2.1", "token": "t"}, "192.0.2.1 port 0: cannot assign requested address"),
    ],
)
def test_unusable_address_is_a_usage_error(source, options, problem):
    """A port number that is too high, which some systems truncate, and the address of another machine."""
    with pytest.raises(UsageError) as caught:
        LiveServer(source, **options)
    assert caught.value.problem == f"the live page cannot be served on {problem}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "some.name"])
def test_address_that_is_not_local_needs_a_token(source, host):
    """An empty token does not count."""
    for token in (None, ""):
        with pytest.raises(UsageError) as caught:
            LiveServer(source, host=host, token=token)
        assert str(caught.value) == (
            f"the address {host} can be reached from other machines, which could read all prompts and answers\n"
            "  hint: set a token, or serve on 127.0.0.1 and forward the port, for example with ssh -L  [dashboard-token]"
        )


def test_server_with_a_token_accepts_any_host_name(source, start_server):
    """The token protects the page instead."""
    server = start_server(source, host="0.0.0.0", token="s3cret")
    assert server.url == f"http://0.0.0.0:{server.port}/"
    here = f"http://127.0.0.1:{server.port}/"
    assert get(here, headers={"Host": "workstation.example"}).status_code == 401
    bearer = {"Authorization": "Bearer s3cret", "Host": "workstation.example"}
    assert get(here, headers=bearer).status_code == 200


def test_server_without_a_token_refuses_other_host_names(source, start_server):
    """Protection against DNS rebinding is active."""
    server = start_server(source)
    assert get(server.url).status_code == 200
    assert get(server.url, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_server_on_ipv6_loopback_writes_its_address_in_brackets(source, start_server):
    """And needs no token."""
    try:
        server = start_server(source, host="::1")
    except UsageError as error:
        pytest.skip(str(error))
    assert server.url == f"http://[::1]:{server.port}/"
    assert get(server.url).status_code == 200


@pytest.mark.parametrize(
    ("gone", "named"),
    [(["starlette"], "starlette"), (["uvicorn"], "uvicorn"), (["starlette", "uvicorn"], "starlette and uvicorn")],
)
def test_missing_extra_is_a_usage_error(source, monkeypatch, gone, named):
    """The message names the packages and the command."""
    for package in gone:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError) as caught:
        LiveServer(source)
    assert str(caught.value) == (
        f"the live page needs {named}\n  hint: pip install 'pytest-graysplit[dashboard]'  [dashboard-missing]"
    )


class Broken(snapshots.FakeSource):
    """A source that fails."""

    def snapshot(self):
        raise RuntimeError("this source is broken")


def test_server_drops_its_own_log_records_only(start_server, caplog):
    """Tests that read the logs of their own uvicorn server still see them."""
    caplog.set_level(logging.DEBUG)
    server = start_server(Broken(snapshots.run()))
    assert get(f"{server.url}metrics/dashboard").status_code == 500
    assert get(f"{server.url}healthz").status_code == 200
    logging.getLogger("uvicorn.error").info("from a server of the test")
    server.stop()
    assert [each.getMessage() for each in caplog.records if each.name.startswith("uvicorn")] == [
        "from a server of the test"
    ]
    assert logging.getLogger("uvicorn.error").filters == []


def test_serve_ends_with_ctrl_c(source):
    """Without a traceback, and with the port closed."""
    addresses = []

    def ready(server):
        addresses.append((server.url, get(f"{server.url}healthz").json()))
        _thread.interrupt_main()

    serve(source, ready)
    [(url, health)] = addresses
    assert health == {"status": "ok"}
    with pytest.raises(httpx.ConnectError):
        get(url)


MOUNTED = """
import sys
sys.path.insert(0, {tests!r})
import live_snapshots, socket, uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from pytest_graysplit.reporting.dashboard.app import page_app
app = Starlette(routes=[Mount("/graysplit", page_app(live_snapshots.FakeSource(live_snapshots.run())))])
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[taken])
"""


def test_mounted_page_does_not_delay_the_shutdown_of_its_server(tmp_path):
    """SIGTERM ends the stream and then uvicorn, without a time limit."""
    script = MOUNTED.format(tests=str(Path(snapshots.__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        port = int(process.stdout.readline())
        with listening(f"http://127.0.0.1:{port}/graysplit/") as stream:
            next(stream), next(stream)
            process.send_signal(signal.SIGTERM)
            assert list(stream) == [("end", {"state": "running"})]
        assert process.communicate(timeout=20) == ("", "")
    finally:
        process.kill()
        process.communicate()
