"""The splits of a shared log are found between its requests, also across rotations and torn lines."""

import pytest
from splits import CONTROL, TREATMENT

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.traffic.log.records import FeedbackRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.ramp import logged_splits
from pytest_graysplit.traffic.ramp.logged_splits import LoggedSplits


def tenth(version, salt="logged"):
    return TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt=salt, version=version)


def line_of(version, tmp_path, salt="logged"):
    """Return the line of a split as a worker writes it."""
    path = tmp_path / "one.jsonl"
    path.unlink(missing_ok=True)
    TrafficLog(path, splitter=tenth(version, salt), clock=lambda: 1_000.0).close()
    return path.read_bytes()


def versions(logged):
    return [record.version for record in logged.new()]


OTHER = b'{"kind":"request","id":"x","messages":[{"content":"{\\"kind\\":\\"split\\"}"}]}\n'


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(line_of(1, tmp_path) + OTHER)
    return path


def add(path, *lines):
    with path.open("ab") as file:
        file.write(b"".join(lines))


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 64, 7])
def test_new_splits_between_requests(log, tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(logged_splits, "CHUNK_BYTES", chunk_bytes)
    logged = LoggedSplits(log, "logged")
    assert versions(logged) == [1]
    assert versions(logged) == []
    add(log, OTHER, line_of(2, tmp_path), line_of(9, tmp_path, "another"), line_of(3, tmp_path), OTHER)
    assert versions(logged) == [2, 3]


def test_line_that_is_being_written_is_read_when_it_is_whole(log, tmp_path):
    logged, line = LoggedSplits(log, "logged"), line_of(2, tmp_path)
    add(log, line[:40])
    assert versions(logged) == [1]
    add(log, line[40:])
    assert versions(logged) == [2]


def test_torn_line_of_a_killed_process_is_left_out(log, tmp_path):
    logged = LoggedSplits(log, "logged")
    add(log, line_of(2, tmp_path)[:40], b"\n", line_of(3, tmp_path))
    assert versions(logged) == [1, 3]


def test_rotation_between_two_calls_loses_nothing(log, tmp_path):
    """The end of the rotated file has a split that was written after the last call."""
    logged = LoggedSplits(log, "logged")
    assert versions(logged) == [1]
    add(log, line_of(2, tmp_path))
    log.rename(tmp_path / "t.jsonl.1")
    log.write_bytes(line_of(3, tmp_path))
    assert versions(logged) == [2, 3]


def test_first_call_reads_the_latest_rotated_file_too(log, tmp_path):
    log.rename(tmp_path / "t.jsonl.1")
    log.write_bytes(line_of(2, tmp_path))
    assert versions(LoggedSplits(log, "logged")) == [1, 2]


def test_emptied_file_is_read_from_its_beginning(log, tmp_path):
    logged = LoggedSplits(log, "logged")
    add(log, OTHER * 50)
    assert versions(logged) == [1]
    log.write_bytes(line_of(2, tmp_path))
    assert versions(logged) == [2]


def test_missing_log_and_folder(tmp_path):
    logged = LoggedSplits(tmp_path / "none" / "t.jsonl", "logged")
    assert versions(logged) == []
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "t.jsonl").write_bytes(line_of(1, tmp_path))
    assert versions(logged) == [1]


def test_long_log_is_read_once(log, tmp_path):
    """A call reads the bytes that are new, so that following costs as little as writing."""
    add(log, OTHER * 50_000)
    logged = LoggedSplits(log, "logged")
    assert versions(logged) == [1]
    assert logged._offset == log.stat().st_size
    with TrafficLog(log, splitter=tenth(4), clock=lambda: 2_000.0) as written:
        written.write(FeedbackRecord(id="x", at="2026-11-30T12:00:00.000Z", score=1.0))
    assert versions(logged) == [4]
