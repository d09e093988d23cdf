"""The writer of a traffic log: every line is whole, with several writers and after failures."""

import gzip
import json
import logging
import os
import shutil
import subprocess
import sys
import threading

import pytest
from splits import TREATMENT, halves

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog


def request(number, text="an answer"):
    return RequestRecord(
        id=f"id-{number}", at="2026-11-26T00:00:00.000Z", split="x", arm="control", model="m", outcome="ok", text=text
    )


def opened(path, **given):
    return TrafficLog(path, splitter=halves(), clock=lambda: 0.0, **given)


def lines_of(*paths):
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def ids_of(*paths):
    return [line["id"] for line in lines_of(*paths) if line["kind"] != "split"]


def requests_in(path, gaps):
    lines = read_files(log_files([path], gaps), gaps)
    return [line.record.id for line in lines if isinstance(line.record, RequestRecord)]


def test_log_begins_with_the_split(tmp_path):
    """The file can be read without any other information."""
    with opened(tmp_path / "t.jsonl") as log:
        log.write(FeedbackRecord(id="a", at="2026-11-26T00:00:00.000Z", score=1.0))
    assert lines_of(tmp_path / "t.jsonl") == [
        {
            "kind": "split",
            "format": 1,
            "split": halves().identity,
            "salt": "halves",
            "at": "1970-01-01T00:00:00.000Z",
            "arms": [
                {"arm": "control", "role": "control", "model": "claude-sonnet-4.5", "basis_points": 5000},
                {"arm": "deepseek-v3.2", "role": "treatment", "model": "deepseek-v3.2", "basis_points": 5000},
            ],
            "anonymous": "control",
        },
        {"kind": "feedback", "id": "a", "at": "2026-11-26T00:00:00.000Z", "score": 1.0},
    ]


def test_log_is_appended_to(tmp_path):
    """Earlier lines stay; each process writes its split again."""
    path = tmp_path / "t.jsonl"
    for number in range(2):
        with opened(path) as log:
            log.write(request(number))
    assert [line["kind"] for line in lines_of(path)] == ["split", "request", "split", "request"]


def test_log_after_a_torn_line(tmp_path):
    """The next process starts a new line after the incomplete one."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"kind":"request","id":"torn')
    with opened(path) as log:
        log.write(request(1))
    assert path.read_bytes().splitlines()[0] == b'{"kind":"request","id":"torn'
    assert [json.loads(line)["kind"] for line in path.read_bytes().splitlines()[1:]] == ["split", "request"]


def test_log_rotation_is_bounded(tmp_path):
    """Full files are rotated, the oldest is deleted, and each file can be read alone."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=1500, backups=2) as log:
        for number in range(60):
            log.write(request(number))
    files = [tmp_path / "t.jsonl.2", tmp_path / "t.jsonl.1", path]
    assert all(file.stat().st_size <= 1500 for file in files)
    assert all(lines_of(file)[0]["kind"] == "split" for file in files)
    kept = ids_of(*files)
    assert kept == [f"id-{number}" for number in range(60 - len(kept), 60)]
    assert not (tmp_path / "t.jsonl.3").exists()


def test_log_writes_a_line_longer_than_the_limit(tmp_path):
    """An answer is never cut, and empty files are not rotated for it."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=600, backups=3) as log:
        log.write(request(1, text="x" * 2000))
        log.write(request(2, text="y" * 2000))
    assert ids_of(path.with_name("t.jsonl.1"), path) == ["id-1", "id-2"]


def test_log_rotation_keeps_compressed_files(tmp_path):
    """A compressed file moves on with its number, is not shadowed by the next one, and is deleted in its turn."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=900, backups=4) as log:
        for number in range(60):
            log.write(request(number))
            log.flush()
            plain = tmp_path / "t.jsonl.2"
            if number < 40 and plain.exists():
                plain.with_name("t.jsonl.2.gz").write_bytes(gzip.compress(plain.read_bytes()))
                plain.unlink()
        names = sorted(file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock"))
        assert len(names) == 5
        assert len({name.removesuffix(".gz") for name in names}) == 5
    gaps = LogGaps()
    kept = requests_in(path, gaps)
    assert kept == [f"id-{number}" for number in range(60 - len(kept), 60)]
    assert gaps.counts == {}


def test_log_without_backups_keeps_one_file(tmp_path):
    """Zero backups means no older file."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=900, backups=0) as log:
        for number in range(20):
            log.write(request(number))
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == ["t.jsonl"]
    assert ids_of(path)[-1] == "id-19"


def test_log_continues_after_logrotate(tmp_path):
    """The moved file has all lines so far, and the next line is in a new file."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(request(1))
        log.flush()
        path.rename(tmp_path / "moved.jsonl")
        log.write(request(2))
    assert ids_of(tmp_path / "moved.jsonl") == ["id-1"]
    assert ids_of(path) == ["id-2"]


def test_log_lines_of_threads_are_whole(tmp_path):
    """Eight threads write during rotations; every line is there once."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=20_000, backups=9) as log:

        def write(first):
            for number in range(first, first + 50):
                log.write(request(number, text="z" * 200))

        threads = [threading.Thread(target=write, args=(50 * one,)) for one in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    files = [file for file in tmp_path.iterdir() if not file.name.endswith(".lock")]
    assert sorted(ids_of(*files)) == sorted(f"id-{number}" for number in range(400))


WRITER = """
import sys
from splits import halves
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.log.records import FeedbackRecord
log = TrafficLog(sys.argv[1], splitter=halves(), clock=lambda: 0.0, max_bytes=20_000, backups=50)
for number in range(300):
    log.write(FeedbackRecord(id=f"{sys.argv[2]}-{number}", at="2026-11-26T00:00:00.000Z" * 5, score=1.0))
log.close()
assert log.lost == 0
"""


def test_log_is_shared_by_processes(tmp_path):
    """Three workers of one service rotate the same log and lose no line."""
    path, folder = tmp_path / "t.jsonl", str(__file__).rpartition("traffic")[0]
    workers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], cwd=folder)
        for name in ("one", "two", "three")
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    files = [file for file in tmp_path.iterdir() if not file.name.endswith(".lock")]
    assert len(files) > 3
    assert sorted(ids_of(*files)) == sorted(f"{name}-{n}" for name in ("one", "two", "three") for n in range(300))


def test_closed_log_opens_again_for_a_late_line(tmp_path):
    """A user may rate an answer after the client was closed."""
    log = opened(tmp_path / "t.jsonl")
    log.write(request(1))
    log.close()
    log.write(request(2))
    log.close()
    log.close()
    assert (ids_of(tmp_path / "t.jsonl"), log.lost) == (["id-1", "id-2"], 0)


def test_log_after_copytruncate(tmp_path):
    """The file is copied and emptied while it is open: both files have the split, and every line is there."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        for number in range(5):
            log.write(request(number))
        log.flush()
        shutil.copy(path, tmp_path / "t.jsonl-20261126")
        os.truncate(path, 0)
        log.write(request(5))
    assert [line["kind"] for line in lines_of(path)] == ["split", "request"]
    assert requests_in(path, LogGaps()) == [f"id-{number}" for number in range(6)]


def test_log_after_deletion(tmp_path):
    """The next line is in a new file, which begins with the split."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(request(1))
        log.flush()
        path.unlink()
        log.write(request(2))
    assert [line["kind"] for line in lines_of(path)] == ["split", "request"]


def test_weights_change_in_the_order_of_the_lines(tmp_path):
    """Lines before `use` follow the old split, lines after it the new one, also across a rotation."""
    path, ramped = tmp_path / "t.jsonl", halves().ramped({TREATMENT: 0.4})
    with opened(path, max_bytes=1500, backups=50) as log:
        for number in range(20):
            log.write(request(number))
        log.use(ramped)
        for number in range(20, 40):
            log.write(request(number))
    gaps, split, splits = LogGaps(), "", {}
    for line in read_files(log_files([path], gaps), gaps):
        if isinstance(line.record, RequestRecord):
            splits[line.record.id] = split
        else:
            split = line.record.split
    assert [splits[f"id-{number}"] for number in (0, 19, 20, 39)] == [halves().identity] * 2 + [ramped.identity] * 2
    assert len(splits) == 40


def test_log_after_a_full_disk(tmp_path, monkeypatch):
    """The next line starts after the split, so the log can be read to its end."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(request(1))
        log.flush()
        whole = os.write
        monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[: len(data) // 2]))
        log.write(request(2))
        log.flush()
        monkeypatch.undo()
        log.write(request(3))
    gaps = LogGaps()
    assert requests_in(path, gaps) == ["id-1", "id-3"]
    assert (log.lost, log.gaps.lost, gaps.counts) == (1, 1, {"incomplete": 1, "lost": 1})


def test_reopened_log_keeps_the_time_of_its_weights(tmp_path):
    """A process with old weights that follows a rotation does not make them current again."""
    now, path = 1.0, tmp_path / "t.jsonl"
    log = TrafficLog(path, splitter=halves(), clock=lambda: now)
    now = 2.0
    path.rename(tmp_path / "t.jsonl.1")
    log.write(request(1))
    log.close()
    assert lines_of(path)[0]["at"] == "1970-01-01T00:00:01.000Z"


def test_unwritable_log_warns_once_and_counts(tmp_path, caplog):
    """It raises nothing, so that the answer is returned."""
    folder = tmp_path / "gone"
    folder.mkdir()
    log = opened(folder / "t.jsonl")
    (folder / "t.jsonl").unlink()
    folder.rmdir()
    with caplog.at_level(logging.WARNING, logger="pytest_graysplit"):
        log.write(request(1))
        log.write(request(2))
        log.flush()
    assert log.lost == 2
    [record] = caplog.records
    assert record.getMessage() == (
        f"graysplit: the traffic log {folder / 't.jsonl'} cannot be written: No such file or directory"
    )
    log.close()


def test_log_that_cannot_be_opened_raises(tmp_path):
    """Before the first request, with the file's name."""
    with pytest.raises(UsageError) as caught:
        opened(tmp_path / "no" / "t.jsonl")
    assert str(caught.value) == (
        f"the traffic log {tmp_path / 'no' / 't.jsonl'} cannot be written: No such file or directory\n"
        "  hint: nothing was sent; make its folder, or name another file with log=  [traffic-log-unwritable]"
    )


def test_log_is_readable_only_by_its_owner(tmp_path):
    """It contains the texts of users."""
    opened(tmp_path / "t.jsonl").close()
    assert (tmp_path / "t.jsonl").stat().st_mode & 0o077 == 0
