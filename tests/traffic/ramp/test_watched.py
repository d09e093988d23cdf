"""A split that is watched in a file or at an address: weights reach the client, and no file can harm it."""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from splits import CONTROL, TREATMENT, unit_in, user

from pytest_graysplit import Monitor, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.traffic.ramp.ramps import RampOptions, Ramps
from pytest_graysplit.traffic.ramp.source import MOST_BYTES, WatchedUrl


def text_of(share, version=None, *, section="tool.graysplit.splits.ramp", salt="", more=""):
    lines = [f"[{section}]", *([f"version = {version}"] if version is not None else [])]
    arms = f'[{{model = "{CONTROL}", weight = {1 - share:g}}}, {{model = "{TREATMENT}", weight = {share:g}{more}}}]'
    return "\n".join([*lines, *([f'salt = "{salt}"'] if salt else []), f"arms = {arms}", ""])


def tenth(version=0):
    return TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp", version=version)


class Watching:
    """Ramps of a watched file without a client: `look` reads it, and `share` is that of the treatment in force."""

    def __init__(self, watch, version=0, **options):
        self.splitter = tenth(version)
        self.monitor = Monitor(self.splitter)
        options = RampOptions(watch=watch, **options)
        self.ramps = Ramps(self.splitter, self.monitor, options, settings=Settings(), take=self._take)

    def _take(self, splitter):
        self.splitter = splitter
        self.monitor.use(splitter)

    @property
    def share(self):
        return self.splitter.basis_points[1] / 10_000

    @property
    def problem(self):
        return (self.monitor.report()["ramps"]["watch"] or {})["problem"]

    def look(self):
        self.ramps.look_at_watch()
        return self.share, self.splitter.version, self.problem


def replace(path, text):
    """Replace a file as editors do."""
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.replace(path)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "splits.toml"
    path.write_text(text_of(0.1, 1))
    return path


def test_weights_and_version_of_the_file(file):
    watching = Watching(file)
    assert watching.look() == (0.1, 1, None)
    replace(file, text_of(0.4, 2, section="splits.ramp"))
    assert watching.look() == (0.4, 2, None)
    replace(file, text_of(0, 3))
    assert watching.look() == (0, 3, None)
    assert all(watching.splitter.assign(unit).arm == "control" for unit in range(200))


def test_parameters_and_headers_of_the_arms_stay(tmp_path):
    """Also if the file repeats them, and names a variable that is not set here."""
    path = tmp_path / "s.toml"
    path.write_text(text_of(0, 1, more=', headers = {X = "$NOT_SET_HERE"}, params = {seed = 1}'))
    watching = Watching(path)
    assert watching.look() == (0, 1, None)
    assert watching.splitter.splits[1].params == {}


BROKEN = {
    "cut": text_of(0.4, 2)[:-20],
    "empty": "",
    "other salt": text_of(0.4, 2, salt="another"),
    "other arm": text_of(0.4, 2).replace(TREATMENT, "gpt-5"),
    "other control": text_of(0.4, 2).replace(CONTROL, "gpt-5"),
    "weights": text_of(0.4, 2).replace("0.4", "0.5"),
    "odd version": text_of(0.4, '"2"'),
    "unknown setting": text_of(0.4, 2) + "verison = 3\n",
    "older": text_of(0.4, 0),
    "raised without a version": text_of(0.4, 1),
    "huge": text_of(0.4, 2) + "#" * MOST_BYTES,
    "no table": "splits = 3",
    "deep": "a = " + "[" * 100_000,
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_broken_file_keeps_the_last_good_weights_and_warns_once(file, caplog, broken):
    watching = Watching(file)
    watching.look()
    caplog.clear()
    file.write_text(broken)
    for _ in range(3):
        share, version, problem = watching.look()
        assert (share, version) == (0.1, 1)
        assert problem.startswith((str(file), "version"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    file.write_text(text_of(0.2, 5))
    assert watching.look() == (0.2, 5, None)


def test_missing_file_folder_and_pipe(tmp_path, file, caplog):
    watching = Watching(file)
    watching.look()
    file.unlink()
    assert watching.look()[:2] == (0.1, 1)
    file.mkdir()
    assert "is not a file" in watching.look()[2]
    file.rmdir()
    os.mkfifo(file)  # opening it would wait for ever
    assert "is not a file" in watching.look()[2]
    file.unlink()
    file.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in watching.look()[2]
    replace(file, text_of(0.3, 2))
    assert watching.look() == (0.3, 2, None)


def test_link_that_is_swapped_as_in_a_config_map(tmp_path):
    for name, share, version in (("one", 0.1, 1), ("two", 0, 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "splits.toml").write_text(text_of(share, version))
        os.utime(tmp_path / name / "splits.toml", (1_000, 1_000))
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "splits.toml").symlink_to("data/splits.toml")
    watching = Watching(tmp_path / "splits.toml")
    assert watching.look() == (0.1, 1, None)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "data")
    assert watching.look() == (0, 2, None)


def test_lower_weights_need_no_new_version(file):
    """A kill switch must not fail because a person forgot the version."""
    watching = Watching(file)
    watching.look()
    file.write_text(text_of(0, 1))
    assert watching.look() == (0, 1, None)
    file.write_text(text_of(0.1, 1))
    assert watching.look()[0] == 0
    file.write_text(text_of(0.1, 2))
    assert watching.look() == (0.1, 2, None)


def test_file_without_versions_is_followed(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(text_of(0))
    watching = Watching(path)
    assert watching.look() == (0, 0, None)
    path.write_text(text_of(0.2))
    assert watching.look() == (0.2, 0, None)


class Server(ThreadingHTTPServer):
    """A loopback server of one text, with an ETag; `delay_s` and `status` make it a bad one."""

    daemon_threads = True
    text, status, drip = "", 200, False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.released = [], Event()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/splits.toml?token=made-up-secret-4711"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, etag = self.server, f'"{hash(self.server.text)}"'
        body = server.text.encode()
        same = self.headers.get("If-None-Match") == etag
        status = 304 if same and server.status == 200 else server.status
        server.asked.append(status)
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", "0" if status == 304 else str(len(body) + server.drip))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)
            if server.drip:
                self.wfile.flush()
                server.released.wait(30)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        yield running
        running.released.set()
        running.shutdown()


def test_address_is_asked_with_its_etag(server, caplog):
    watching = Watching(server.url)
    server.text = text_of(0.1, 1)
    assert watching.look() == watching.look() == (0.1, 1, None)
    server.text = text_of(0, 2)
    assert watching.look() == (0, 2, None)
    assert server.asked == [200, 304, 200]
    server.status = 503
    assert watching.look()[:2] == (0, 2)
    assert "503" in watching.problem
    server.status = 200
    assert watching.look() == (0, 2, None)
    assert "made-up-secret" not in caplog.text + str(watching.monitor.report())


def test_hanging_and_closed_addresses(server):
    """The watch gives up, and the weights stay."""
    server.text, server.drip = text_of(0.4, 2), True
    watching = Watching(server.url)
    watching.ramps._watched._source = WatchedUrl(server.url, timeout_s=0.2)
    assert watching.look()[:2] == (0.1, 0)
    server.released.set()  # the answer ends before its length
    assert watching.look()[:2] == (0.1, 0)
    assert "IncompleteRead" in watching.problem
    server.shutdown()
    server.server_close()
    watching.ramps._watched._source = WatchedUrl(server.url, timeout_s=0.2)
    assert watching.look()[:2] == (0.1, 0)
    assert "cannot be read" in watching.problem


def test_kill_switch_of_a_running_client(relay, file, tmp_path, monkeypatch):
    """The treatment's user gets the control from the next request on, and the event loop never waits for the file."""
    monkeypatch.setattr("pytest_graysplit.traffic.ramp.ramps.WATCH_S", 0.05)
    unit = unit_in(tenth(), TREATMENT)

    async def run():
        async with SplitClient(tenth(), watch=file, log=tmp_path / "t.jsonl") as client:
            before = await client.chat(user("?"), unit=unit)
            file.write_text(text_of(0, 2))
            for _ in range(400):
                if (after := await client.chat(user("?"), unit=unit)).arm == "control":
                    break
                await asyncio.sleep(0.05)
            return before.arm, after.arm, client.monitor.report()["ramps"]

    before, after, ramps = asyncio.run(run())
    assert (before, after) == (TREATMENT, "control")
    assert ramps == {"version": 2, "watch": {"source": str(file), "problem": None}, "rollbacks": []}


def test_client_starts_with_the_weights_of_the_file(relay, file):
    """A worker that restarts with weights of its code must not send one user to an arm that is off."""
    file.write_text(text_of(0, 9))
    with SyncSplitClient(SplitClient(tenth(3), watch=str(file))) as client:
        assert client.chat(user("?"), unit=unit_in(tenth(), TREATMENT)).arm == "control"


def test_start_does_not_wait_for_busy_threads_or_a_source_that_hangs(relay, file, monkeypatch):
    """The threads of the application's pool are all taken, and the source answers only after the client is closed."""
    monkeypatch.setattr("pytest_graysplit.traffic.ramp.ramps.START_S", 0.1)
    released, looked = Event(), Event()

    def hang(_):
        released.wait(30)
        looked.set()

    async def run():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            loop.set_default_executor(pool)
            busy = loop.run_in_executor(None, released.wait, 30)
            client = SplitClient(tenth(), watch=file)
            monkeypatch.setattr(client._ramps._watched._source, "changed", lambda: hang(None))
            async with client:
                arm = (await client.chat(user("?"), unit=unit_in(tenth(), "control"))).arm
            released.set()
            await busy
        return arm

    assert asyncio.run(run()) == "control"
    assert looked.wait(30)


def test_unreadable_watch_at_the_start_resumes_the_newest_weights_of_the_log(relay, file, tmp_path):
    file.write_text(text_of(0, 9))
    log, unit = tmp_path / "t.jsonl", unit_in(tenth(), TREATMENT)
    with SyncSplitClient(SplitClient(tenth(3), watch=file, log=log)) as client:
        client.chat(user("?"), unit=unit)
    file.unlink()
    with SyncSplitClient(SplitClient(tenth(3), watch=file, log=log)) as client:
        assert client.chat(user("?"), unit=unit).arm == "control"
        assert client.monitor.report()["ramps"]["version"] == 9
