"""Several processes with one log: a rollback and a kill switch reach all of them, also those that are killed."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from splits import CONTROL, TREATMENT

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.monitor.replay import Replay

# Sends a request of a treatment's unit for each line on stdin, and prints the arm and the outcome.
WORKER = """
import sys
from pytest_graysplit import Rollback, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.traffic.ramp import ramps
ramps.WATCH_S = 0.05
log, watch, version, share = sys.argv[1], sys.argv[2] or None, int(sys.argv[3]), float(sys.argv[4])
splitter = TrafficSplitter([Split(sys.argv[5], 1 - share), Split(sys.argv[6], share)], salt="shared", version=version)
rollback = Rollback(on=None, errors=0.05, requests=10, every_s=0.1)
client = SplitClient(splitter, log=log, watch=watch, rollback=rollback, fallback=True, retries=0)
with SyncSplitClient(client) as client:
    print("ready", flush=True)
    for unit in sys.stdin:
        reply = client.chat([{"role": "user", "content": "?"}], unit=unit.strip())
        arms = client.monitor.report()["arms"]
        print(reply.arm, arms[1]["weight"], flush=True)
"""


class Worker:
    """A process that serves one request at a time."""

    def __init__(self, *arguments):
        command = [sys.executable, "-c", WORKER, *map(str, arguments), CONTROL, TREATMENT]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def serve(self, unit):
        """Return the arm of the unit, and the weight of the treatment after the request."""
        print(unit, file=self.process.stdin, flush=True)
        arm, weight = self.process.stdout.readline().split()
        return arm, float(weight)

    def serve_until(self, unit, weight):
        """Serve requests of a unit until the treatment has this weight; return the number of requests."""
        for number in range(1, 2_000):
            if self.serve(unit)[1] == weight:
                return number
        raise AssertionError("the weight never came")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def closing(workers):
    """End all workers: each ends with its input."""
    try:
        yield workers
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.communicate(timeout=60)
            worker.process.stdin.close()
            worker.process.stdout.close()


def replayed(log):
    replay = Replay()
    replay.feed(read_files(log_files([log], replay.gaps), replay.gaps))
    return replay.monitor


@pytest.fixture
def unit():
    splitter = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="shared")
    return next(f"user-{number}" for number in range(1_000) if splitter.assign(f"user-{number}").role == "treatment")


def sent(relay, model):
    return sum(body["model"] == model for body in relay.stats()["bodies"])


def test_rollback_reaches_all_workers_and_survives_a_kill(relay, tmp_path, unit):
    """One worker sees the failures; the others follow its line in the log, and a restarted one does so at its start."""
    relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None}])
    log = tmp_path / "t.jsonl"
    with closing([Worker(log, "", 3, 0.1) for _ in range(3)]) as workers:
        first, second, third = workers
        served = first.serve_until(unit, 0.0) + second.serve_until(unit, 0.0)
        third.kill()
        before = sent(relay, TREATMENT)
        for version, share in ((3, 0.1), (2, 0.2)):
            workers.append(Worker(log, "", version, share))
            assert workers[-1].serve(unit) == ("control", 0.0)
        assert [worker.serve(unit) for worker in (first, second)] == [("control", 0.0)] * 2
        assert sent(relay, TREATMENT) == before
    monitor = replayed(log)
    report = monitor.report()
    assert report["total"]["requests"] == served + 4
    assert monitor.grade().verdict == "hold"
    assert [one["in_force"] for one in report["ramps"]["rollbacks"]] == [True]


def test_kill_switch_reaches_all_workers_and_one_with_old_weights(relay, tmp_path, unit):
    """The file turns the treatment off; a worker whose code has an older version does not turn it on."""
    log, file = tmp_path / "t.jsonl", tmp_path / "splits.toml"

    def write(version, share):
        arms = [f'{{model = "{CONTROL}", weight = {1 - share}}}', f'{{model = "{TREATMENT}", weight = {share}}}']
        beside = tmp_path / "beside"
        beside.write_text(f"[splits.shared]\nversion = {version}\narms = [{', '.join(arms)}]\n")
        beside.replace(file)

    write(5, 0.1)
    with closing([Worker(log, file, 1, 0.1) for _ in range(2)]) as workers:
        assert [worker.serve(unit) for worker in workers] == [(TREATMENT, 0.1)] * 2
        write(6, 0)
        for worker in workers:
            worker.serve_until(unit, 0.0)
        before = sent(relay, TREATMENT)
        for watch in (file, ""):  # the second one reads the newer version in the log
            workers.append(Worker(log, watch, 1, 0.1))
            assert workers[-1].serve(unit) == ("control", 0.0)
        assert sent(relay, TREATMENT) == before
    report = replayed(log).report()
    assert (report["ramps"]["version"], report["arms"][1]["weight"]) == (6, 0)
    declared = [json.loads(line) for line in log.read_text().splitlines()]
    assert {one["version"] for one in declared if one["kind"] == "split"} == {1, 5, 6}
