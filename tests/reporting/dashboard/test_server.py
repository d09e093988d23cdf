"""The server over real sockets: the stream, its end, ports that are taken, and what it leaves alone."""

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
import live_snapshots as specimens
import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.dashboard import sse
from pytest_graysplit.reporting.dashboard.server import LiveServer, serve
from pytest_graysplit.reporting.dashboard.snapshot_cache import as_text


@pytest.fixture
def held():
    return specimens.Held(specimens.run())


@contextmanager
def listening(url, **options):
    """Open the stream, and yield its events as (name, data)."""
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


def test_changes_arrive_and_the_end_ends_the_stream(held, served):
    """First how soon to come back, then the state, then each change, then nothing more."""
    with listening(served(held).url) as stream:
        assert next(stream) == ("retry", 1000)
        assert next(stream) == ("snapshot", specimens.run())
        held.change(title="121 cases")
        assert next(stream) == ("snapshot", specimens.run(title="121 cases"))
        held.change(state="ended")
        assert next(stream) == ("snapshot", specimens.run(title="121 cases", state="ended"))
        assert next(stream) == ("end", {"state": "ended"})
        assert list(stream) == []


def test_what_has_ended_before_a_page_opens_is_shown_once(served):
    """Whoever comes late gets the last state and the end."""
    with listening(served(specimens.Held(specimens.run(state="ended"))).url) as stream:
        assert [name for name, _ in stream] == ["retry", "snapshot", "end"]


def test_a_quiet_stream_gives_signs_of_life_and_ends_before_a_server_waits_for_it(held, served, monkeypatch):
    """Proxies see that it lives; a server that we cannot ask waits for no stream for long, and browsers come back."""
    monkeypatch.setattr(sse, "KEEP_ALIVE_TICKS", 5)
    monkeypatch.setattr(sse, "LIFE_TICKS", 12)
    assert get(f"{served(held).url}events").text.split("\n\n") == [
        "retry: 1000",
        f"event: snapshot\ndata: {as_text(specimens.run())}",
        ": nothing new",
        ": nothing new",
        "",
    ]


def test_a_server_that_stops_sends_the_last_state_first(held, served):
    """Open pages see the last figures, and the server does not wait for them."""
    server = served(held)
    with listening(server.url) as stream:
        next(stream), next(stream)
        held.change(title="121 cases")
        server.stop()
        rest = list(stream)
    assert rest[-2:] == [("snapshot", specimens.run(title="121 cases")), ("end", {"state": "running"})]
    with pytest.raises(httpx.ConnectError):
        get(server.url)


def test_stopping_twice_or_at_once_is_no_trouble(held):
    """A session that ends before the server has begun ends all the same."""
    server = LiveServer(held)
    server.stop()
    server.stop()
    assert not server._thread.is_alive()


def test_the_port_is_free_again_and_can_be_taken_up(held, served):
    """A page that was open finds the next server where it left the last."""
    first = served(held)
    with listening(first.url) as stream:
        next(stream)
        first.stop()
    second = served(specimens.Held(specimens.run(title="the next run")), port=first.port)
    assert (second.url, get(f"{second.url}metrics/dashboard").json()["title"]) == (first.url, "the next run")


def test_a_client_that_has_left_is_let_go(held, served):
    """A page that was closed costs nothing any more."""
    server = served(held)
    with listening(server.url) as stream:
        next(stream), next(stream)
        assert len(server._server.server_state.connections) == 1
    while server._server.server_state.connections or server._server.server_state.tasks:
        time.sleep(0.01)  # as long as it takes; the limit of the suite is that of this loop
    reads = held.reads
    server.stop()
    assert held.reads == reads


def test_a_port_that_is_taken_is_named(held, served):
    """With the way out, instead of a server that nobody can reach."""
    port = served(held).port
    with pytest.raises(UsageError) as caught:
        LiveServer(held, port=port)
    assert str(caught.value) == (
        f"the live page cannot be served on 127.0.0.1 port {port}: address already in use\n"
        "  hint: name another port, or 0 for any that is free  [dashboard-port]"
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"port": 70_000}, "127.0.0.1 port 70000: ports are numbers from 0 to 65535"),
        ({"host": "192.0.2.1", "token": "t"}, "192.0.2.1 port 0: cannot assign requested address"),
    ],
)
def test_an_address_that_is_none_is_named(held, options, problem):
    """A number that is no port (which some systems quietly cut down to one), and an address of another machine."""
    with pytest.raises(UsageError) as caught:
        LiveServer(held, **options)
    assert caught.value.problem == f"the live page cannot be served on {problem}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "some.name"])
def test_an_open_address_needs_a_token(held, host):
    """Prompts and answers are not shown to a whole network by accident; an empty token is none."""
    for token in (None, ""):
        with pytest.raises(UsageError) as caught:
            LiveServer(held, host=host, token=token)
        assert str(caught.value) == (
            f"the address {host} is open to other machines, and prompts and answers would be open to all of them\n"
            "  hint: give a token, or serve on 127.0.0.1 and forward the port, as with ssh -L  [dashboard-token]"
        )


def test_an_open_address_with_a_token_is_served_under_any_name(held, served):
    """Who has the token may come by whatever name the machine has."""
    server = served(held, host="0.0.0.0", token="s3cret")
    assert server.url == f"http://0.0.0.0:{server.port}/"
    here = f"http://127.0.0.1:{server.port}/"
    assert get(here, headers={"Host": "workstation.example"}).status_code == 401
    bearer = {"Authorization": "Bearer s3cret", "Host": "workstation.example"}
    assert get(here, headers=bearer).status_code == 200


def test_without_a_token_other_names_are_refused(held, served):
    """The guard against DNS rebinding is in force where we serve."""
    server = served(held)
    assert get(server.url).status_code == 200
    assert get(server.url, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_the_other_loopback_is_one_too(held, served):
    """An IPv6 address is written as addresses are."""
    try:
        server = served(held, host="::1")
    except UsageError as error:
        pytest.skip(str(error))
    assert server.url == f"http://[::1]:{server.port}/"
    assert get(server.url).status_code == 200


@pytest.mark.parametrize(
    ("gone", "named"),
    [(["starlette"], "starlette"), (["uvicorn"], "uvicorn"), (["starlette", "uvicorn"], "starlette and uvicorn")],
)
def test_a_missing_extra_is_named_with_its_command(held, monkeypatch, gone, named):
    """Instead of an ImportError from within."""
    for package in gone:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError) as caught:
        LiveServer(held)
    assert str(caught.value) == (
        f"the live page needs {named}\n  hint: pip install 'pytest-graysplit[dashboard]'  [dashboard-missing]"
    )


class Broken(specimens.Held):
    """A source that fails."""

    def snapshot(self):
        raise RuntimeError("this source is broken")


def test_its_logs_disturb_nobody_and_those_of_others_go_on(served, caplog):
    """Tests that look at the logs of a server of their own see theirs, and none of ours, not even of failures."""
    caplog.set_level(logging.DEBUG)
    server = served(Broken(specimens.run()))
    assert get(f"{server.url}metrics/dashboard").status_code == 500
    assert get(f"{server.url}healthz").status_code == 200
    logging.getLogger("uvicorn.error").info("from a server of the test")
    server.stop()
    assert [each.getMessage() for each in caplog.records if each.name.startswith("uvicorn")] == [
        "from a server of the test"
    ]
    assert logging.getLogger("uvicorn.error").filters == []


def test_serving_goes_on_until_ctrl_c(held):
    """And ends without a traceback, with the port given back."""
    addresses = []

    def ready(server):
        addresses.append((server.url, get(f"{server.url}healthz").json()))
        _thread.interrupt_main()

    serve(held, ready)
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
app = Starlette(routes=[Mount("/graysplit", page_app(live_snapshots.Held(live_snapshots.run())))])
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[taken])
"""


def test_a_server_of_someone_else_shuts_down_with_pages_open(tmp_path):
    """Mounted under uvicorn without a time limit of its own: SIGTERM ends the stream, and then the process."""
    script = MOUNTED.format(tests=str(Path(specimens.__file__).parent))
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
