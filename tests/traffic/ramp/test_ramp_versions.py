"""Versions order the weights of several workers; an older one never overrides a newer one."""

import json

import msgspec
import pytest
from splits import CONTROL, TREATMENT, user, using

from pytest_graysplit import Monitor, Split, TrafficSplitter, load_splitter
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.replay import Replay
from pytest_graysplit.traffic.monitor.request_id import new_id


def tenth(version=0, share=0.1):
    return TrafficSplitter([Split(CONTROL, 1 - share), Split(TREATMENT, share)], salt="ramp", version=version)


def replayed(path):
    replay = Replay()
    replay.feed(read_files(log_files([path], replay.gaps), replay.gaps))
    return replay.monitor


class Worker:
    """A worker with its own clock that writes requests to a shared log, without a relay."""

    def __init__(self, path, splitter, now_s):
        self.now_s, self.splitter = now_s, splitter
        self.log = TrafficLog(path, splitter=splitter, clock=lambda: self.now_s)

    def use(self, splitter, now_s):
        self.now_s, self.splitter = now_s, splitter
        self.log.use(splitter)
        self.log.close()  # so that the line is in the file; the next line opens it again

    def serve(self, units):
        for unit in units:
            one = self.splitter.assign(unit)
            at, key = "2026-11-30T12:00:00.000Z", self.splitter.key(unit).hex()
            record = RequestRecord(
                new_id(self.splitter.identity, one.index, 0),
                at,
                self.splitter.identity,
                one.arm,
                one.model,
                "ok",
                unit=key,
                latency_s=1.0,
            )
            self.log.write(record)
        self.log.close()


@pytest.mark.parametrize("clock_s", [2_000, 500])
@pytest.mark.parametrize("versions", [(1, 2), (0, 2), (0, 0)])
def test_restarted_worker_with_old_weights_does_not_reset_the_grade(tmp_path, versions, clock_s):
    """Worker A ramps; worker B restarts with the old weights, with a right clock and with one that is set back."""
    log, (old, new) = tmp_path / "t.jsonl", versions
    worker = Worker(log, tenth(old), 1_000)
    worker.use(tenth(old).ramped({TREATMENT: 0.5}, version=new), 1_100)
    worker.serve(range(400))
    before = replayed(log).report()
    restarted = Worker(log, tenth(old), clock_s)
    restarted.serve(range(50))
    worker.serve(range(400, 500))
    report = replayed(log).report()
    assert before["arms"][0]["requests"] + before["arms"][1]["requests"] == 400
    assert report["split"] == before["split"] == worker.splitter.identity
    assert sum(arm["requests"] for arm in report["arms"]) == 500
    assert (report["earlier"]["requests"], report["ramps"]["version"]) == (50, new or None)
    worker.log.close(), restarted.log.close()


def test_newer_version_wins_with_a_clock_that_is_behind(tmp_path):
    log = tmp_path / "t.jsonl"
    old, new = Worker(log, tenth(3), 9_000), Worker(log, tenth(4, 0.5), 1_000)
    old.serve(range(30))
    new.serve(range(30))
    assert replayed(log).splitter.identity == tenth(share=0.5).identity
    old.log.close(), new.log.close()


def test_new_weights_without_a_version_still_win_after_a_deployment(tmp_path):
    """Other weights than any before are those of a new release: today's rule for logs without versions."""
    log = tmp_path / "t.jsonl"
    first = Worker(log, tenth(), 1_000)
    first.use(tenth().ramped({TREATMENT: 0.2}), 1_100)
    second = Worker(log, tenth(share=0.5), 2_000)
    assert replayed(log).splitter.identity == tenth(share=0.5).identity
    first.log.close(), second.log.close()


def test_process_that_goes_back_to_old_weights_is_followed(tmp_path):
    """A ramp down on purpose is not a restart; a clock that is set back meanwhile changes nothing."""
    log = tmp_path / "t.jsonl"
    worker = Worker(log, tenth(), 1_000)
    worker.use(tenth().ramped({TREATMENT: 0.2}), 1_100)
    worker.use(tenth(), 900)
    assert replayed(log).splitter.identity == tenth().identity
    worker.log.close()


def test_log_without_versions_has_no_new_fields(tmp_path):
    Worker(tmp_path / "t.jsonl", tenth(), 1_000).log.close()
    [line] = (tmp_path / "t.jsonl").read_text().splitlines()
    assert list(json.loads(line)) == ["kind", "format", "split", "salt", "at", "arms", "anonymous"]


def test_lines_with_versions_and_rollbacks_are_read_by_older_programs(tmp_path):
    """They know a split without these fields, and msgspec ignores fields that it does not know."""

    class OldSplit(msgspec.Struct, tag_field="kind", tag="split"):
        split: str
        salt: str
        at: str
        arms: tuple[dict, ...]

    Worker(tmp_path / "t.jsonl", tenth(7), 1_000).log.close()
    line = (tmp_path / "t.jsonl").read_bytes()
    assert msgspec.json.decode(line, type=OldSplit).split == tenth().identity


def test_monitor_ignores_an_older_version():
    monitor = Monitor(tenth(2, 0.5))
    monitor.record("control", unit=1)
    monitor.use(tenth(1))
    monitor.use(tenth())
    assert (monitor.splitter.version, monitor.report()["arms"][0]["requests"]) == (2, 1)
    monitor.use(tenth(3))
    assert (monitor.splitter.version, monitor.report()["arms"][0]["requests"]) == (3, 0)


def test_monitor_of_another_experiment_has_versions_of_its_own():
    monitor = Monitor(tenth(7))
    monitor.use(TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt="next", version=1))
    assert monitor.report()["salt"] == "next"


def test_version_is_not_a_part_of_the_identity():
    """A version orders weights; the same weights are the same comparison."""
    assert tenth(7).identity == tenth().identity


@pytest.mark.parametrize("version", [-1, 1.0, True, "7", 10**15])
def test_odd_versions_are_refused(version):
    with pytest.raises(UsageError, match="is not a version of a split"):
        tenth(version)


def test_version_of_a_section(tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text(
        "[tool.graysplit.splits.s]\nversion = 7\narms = [{model = 'a', weight = 0.9}, {model = 'b', weight = 0.1}]\n"
    )
    assert load_splitter("s", file).version == 7


def test_ramped_splitters_are_numbered():
    assert [tenth().ramped({TREATMENT: 0.2}).version, tenth(3).ramped({TREATMENT: 0.2}).version] == [0, 4]
    assert tenth(3).ramped({TREATMENT: 0.2}, version=9).version == 9


def test_client_numbers_ramps_in_code_and_refuses_older_versions(relay, tmp_path):
    log, first = tmp_path / "t.jsonl", tenth(3)

    async def work(client):
        client.use(first.ramped({TREATMENT: 0.2}))
        client.use(first.ramped({TREATMENT: 0.4}))  # from the first one again, so that its number is 4 too
        with pytest.raises(UsageError, match="version 4 of the split is not newer than version 5"):
            client.use(first.ramped({TREATMENT: 0.6}, version=4))
        await client.chat(user("?"), unit=1)
        return client.monitor.report()

    report = using(first, work, log=log)
    assert (report["ramps"]["version"], report["arms"][1]["weight"]) == (5, 0.4)
    assert [one.get("version") for one in map(json.loads, log.read_text().splitlines())] == [3, 4, 5, None]
