"""A disk that hangs, and a process that ends, is killed or forks: every line is there, or is counted as lost."""

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from splits import halves, user, using

from pytest_graysplit import Monitor
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog

TESTS = str(Path(__file__).parents[2])


def request(number, text="an answer"):
    return RequestRecord(
        id=f"id-{number}", at="2026-11-26T00:00:00.000Z", split="x", arm="control", model="m", outcome="ok", text=text
    )


def opened(path, **given):
    return TrafficLog(path, splitter=halves(), clock=lambda: 0.0, **given)


def requests_in(*paths, gaps=None):
    gaps = gaps or LogGaps()
    lines = read_files(log_files(paths, gaps), gaps)
    return [line.record.id for line in lines if isinstance(line.record, RequestRecord)]


class HungDisk:
    """A disk whose writes wait in the thread of the log until it recovers."""

    def __init__(self, monkeypatch):
        self.recovered, self.met = threading.Event(), threading.Event()
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file, data):
        if threading.current_thread().name == "graysplit-log":
            self.met.set()
            assert self.recovered.wait(60)
        return self._write(file, data)


@pytest.fixture
def disk(monkeypatch):
    disk = HungDisk(monkeypatch)
    yield disk
    disk.recovered.set()
    for thread in threading.enumerate():
        if thread.name == "graysplit-log":
            thread.join(20)


def log_threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "graysplit-log"]


def test_no_thread_before_the_first_line_and_after_the_end(tmp_path):
    """An application that only builds a client has no more threads than before."""
    log = opened(tmp_path / "t.jsonl")
    assert log_threads() == []
    log.write(request(1))
    assert log_threads() == ["graysplit-log"]
    log.close()
    assert log_threads() == []


def test_lines_wait_for_a_disk_that_hangs(tmp_path, disk):
    """`write` returns at once, and all lines are there in their order when the disk recovers."""
    log = opened(tmp_path / "t.jsonl")
    for number in range(500):
        log.write(request(number))
    assert disk.met.wait(20)
    assert not log.flush(0.0)
    disk.recovered.set()
    log.close()
    assert requests_in(tmp_path / "t.jsonl") == [f"id-{number}" for number in range(500)]
    assert log.lost == 0


def test_full_queue_drops_and_counts_lines(tmp_path, disk, caplog):
    """The number is in the log too, at the place of the loss, and there is one warning for all lines."""
    gaps = LogGaps()
    log = opened(tmp_path / "t.jsonl", queue_bytes=20_000, gaps=gaps)
    log.write(request("first"))
    assert disk.met.wait(20)
    with caplog.at_level(logging.WARNING, logger="pytest_graysplit"):
        for number in range(500):
            log.write(request(number))
        lost = log.lost
        disk.recovered.set()
        assert log.flush(20)
        log.write(request("last"))
        log.close()
    read = LogGaps()
    kept = requests_in(tmp_path / "t.jsonl", gaps=read)
    assert 300 < lost == gaps.lost == read.counts["lost"]
    assert kept == ["id-first", *(f"id-{number}" for number in range(500 - lost)), "id-last"]
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().endswith("cannot be written: the disk is too slow, and the queue of lines is full")


def test_close_names_lines_that_a_hanging_disk_does_not_take(tmp_path, disk, caplog):
    """It waits no longer than it is told, and the log can be used again afterwards."""
    log = opened(tmp_path / "t.jsonl")
    log.write(request(0))
    assert disk.met.wait(20)
    for number in range(1, 10):
        log.write(request(number))
    with caplog.at_level(logging.WARNING, logger="pytest_graysplit"):
        log.close(0.01)
        log.close(0.01)
    assert log.lost == 10
    assert caplog.messages == [
        f"graysplit: the traffic log {tmp_path / 't.jsonl'} cannot be written: 10 lines could not be written within 0.01 s"
    ]
    disk.recovered.set()
    log.write(request(10))
    log.close()
    assert requests_in(tmp_path / "t.jsonl")[-1] == "id-10"
    assert log.lost == 10


def test_thread_outlives_an_unforeseen_error(tmp_path, monkeypatch):
    """The lines of the failed call are lost and counted, and the next ones are written."""
    log = opened(tmp_path / "t.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda _: 1 / 0)
        log.write(request(1))
        log.flush()
    log.write(request(2))
    log.close()
    assert (log.lost, requests_in(tmp_path / "t.jsonl")) == (1, ["id-2"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_service_answers_while_the_log_hangs(relay, tmp_path):
    """A pipe that is not read blocks its writer like a hanging disk: all users are answered, and lost lines are counted."""
    pipe = tmp_path / "t.jsonl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    monitor = Monitor(halves())

    async def work(client):
        client._recorder._log._writer._most_bytes = 100_000
        for number in range(60):
            await client.chat(user("long " * 1000), unit=number)
        return client._recorder._log.lost

    try:
        lost = using(halves(), work_with_short_close(work), monitor=monitor, log=pipe)
    finally:
        os.close(reader)
    assert monitor.report()["total"]["requests"] == 60
    assert 0 < lost <= monitor.report()["log"]["lost"] <= 60


def work_with_short_close(work):
    """Run the work, then close the log without a wait."""

    async def run(client):
        result = await work(client)
        client._recorder._log.close(0.0)
        return result

    return run


WRITER = """
import sys
from splits import halves
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
log = TrafficLog(sys.argv[1], splitter=halves(), clock=lambda: 0.0, max_bytes=200_000, backups=500)
number = 0
while number < int(sys.argv[3]):
    log.write(RequestRecord(f"{sys.argv[2]}-{number}", "2026-11-26T00:00:00.000Z", "x", "control", "m", "ok", text="z" * 300))
    if number % 50 == 0 and log.flush():
        print(number, flush=True)
    number += 1
"""


def started(path, name, lines):
    command = [sys.executable, "-c", WRITER, str(path), name, str(lines)]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True)


def test_killed_writers_lose_at_most_their_queue(tmp_path):
    """Four processes share a log with rotation and are killed; every line that they had flushed is there once."""
    path = tmp_path / "t.jsonl"
    workers = {name: started(path, name, 10**9) for name in "abcd"}
    flushed = {}
    for name, worker in workers.items():
        while (told := int(worker.stdout.readline())) < 400:
            pass
        worker.send_signal(signal.SIGKILL)
        flushed[name] = int((worker.communicate()[0].split() or [told])[-1])
    gaps = LogGaps()
    seen = requests_in(path, gaps=gaps)
    assert len(set(seen)) == len(seen)
    for name, last in flushed.items():
        assert [one for one in seen if one.startswith(f"{name}-")][: last + 1] == [
            f"{name}-{n}" for n in range(last + 1)
        ]
    assert set(gaps.counts) <= {"incomplete"}
    assert gaps.missing <= 4


def test_lines_of_a_process_that_ends_are_written(tmp_path):
    """The log is not closed, and the process ends right after the last line."""
    worker = started(tmp_path / "t.jsonl", "a", 320)
    worker.communicate(timeout=60)
    assert requests_in(tmp_path / "t.jsonl") == [f"a-{number}" for number in range(320)]


FORKED = """
import os, sys
from splits import halves
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
log = TrafficLog(sys.argv[1], splitter=halves(), clock=lambda: 0.0)
def write(name):
    for number in range(200):
        log.write(RequestRecord(f"{name}-{number}", "2026-11-26T00:00:00.000Z", "x", "control", "m", "ok"))
write("parent")
children = []
for name in ("one", "two"):
    child = os.fork()
    if child == 0:
        write(name)
        log.close()
        os._exit(log.lost)
    children.append(child)
write("after")
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_log_of_a_forked_process(tmp_path):
    """Parent and children write on in threads of their own; lines that were queued at the fork are there once."""
    path = tmp_path / "t.jsonl"
    subprocess.run([sys.executable, "-c", FORKED, str(path)], cwd=TESTS, check=True, timeout=60)
    expected = {f"{name}-{number}" for name in ("parent", "one", "two", "after") for number in range(200)}
    seen = requests_in(path)
    assert (len(seen), set(seen)) == (800, expected)


POOLED = """
import multiprocessing, sys
from splits import halves
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
log = TrafficLog(sys.argv[1], splitter=halves(), clock=lambda: 0.0)
def write():
    for number in range(3000):
        log.write(RequestRecord(f"child-{number}", "2026-11-26T00:00:00.000Z", "x", "control", "m", "ok"))
child = multiprocessing.get_context("fork").Process(target=write)
child.start()
child.join()
assert child.exitcode == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_log_of_a_process_of_multiprocessing(tmp_path):
    """Such a process ends without the functions of `atexit`, and its last lines are written too."""
    path = tmp_path / "t.jsonl"
    subprocess.run([sys.executable, "-c", POOLED, str(path)], cwd=TESTS, check=True, timeout=60)
    assert requests_in(path) == [f"child-{number}" for number in range(3000)]
