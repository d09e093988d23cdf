"""LogsFollower reads a growing log; it neither loses a line nor reads one twice."""

import os
import shutil

import pytest
from splits import halves

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.follower import LogsFollower
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.records import FeedbackRecord
from pytest_graysplit.traffic.log.writer import TrafficLog


def score(number):
    return FeedbackRecord(id=f"id-{number}", at="2026-11-26T00:00:00.000Z", score=1.0)


def opened(path, **given):
    return TrafficLog(path, splitter=halves(), clock=lambda: 0.0, **given)


def ids(following):
    return [line.record.id for line in following.new() if isinstance(line.record, FeedbackRecord)]


def test_follower_reads_only_new_lines(tmp_path):
    """The first call reads all lines."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(score(1))
        log.flush()
        following = LogsFollower([path], LogGaps())
        assert ids(following) == ["id-1"]
        assert ids(following) == []
        log.write(score(2))
        log.write(score(3))
        log.flush()
        assert ids(following) == ["id-2", "id-3"]
    following.close()


def test_follower_waits_for_an_incomplete_line(tmp_path):
    """The writer may be in the middle of it."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        following = LogsFollower([path], LogGaps())
        assert ids(following) == []
        with path.open("ab") as file:
            file.write(b'{"kind":"feedback","id":"half",')
            file.flush()
            assert ids(following) == []
            file.write(b'"at":"2026-11-26T00:00:00.000Z","score":1.0}\n')
        log.write(score(2))
        log.flush()
        assert ids(following) == ["half", "id-2"]
    following.close()


def test_follower_reads_across_rotation(tmp_path):
    """The lines of a rotated file are read once and in order, before and while it is followed."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=1200, backups=50) as log:
        for number in range(30):
            log.write(score(number))
        log.flush()
        following = LogsFollower([path], LogGaps())
        seen = ids(following)
        for number in range(30, 90):
            log.write(score(number))
            log.flush()
            seen += ids(following)
    assert seen == [f"id-{number}" for number in range(90)]
    assert (tmp_path / "t.jsonl.5").exists()
    following.close()


def test_follower_waits_for_a_missing_file(tmp_path):
    """There may be no file between the rotation and the next request."""
    path = tmp_path / "t.jsonl"
    opened(path).close()
    following = LogsFollower([path], LogGaps())
    assert ids(following) == []
    path.rename(tmp_path / "moved")
    assert ids(following) == []
    with opened(path) as log:
        log.write(score(1))
    assert ids(following) == ["id-1"]
    following.close()


def test_follower_names_the_number_of_a_bad_line(tmp_path):
    """Counted from the beginning of the file; later lines are still followed."""
    path, gaps = tmp_path / "t.jsonl", LogGaps()
    with opened(path) as log:
        log.write(score(1))
        log.flush()
        following = LogsFollower([path], gaps)
        assert ids(following) == ["id-1"]
        with path.open("ab") as file:
            file.write(b'{"kind":"feedback","id":7}\n')
        log.write(score(2))
        log.flush()
        assert ids(following) == ["id-2"]
    assert gaps.first["foreign"].where == f"{path}:3"
    following.close()


def test_follower_reads_a_file_that_was_emptied(tmp_path):
    """As logrotate does with copytruncate."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        for number in range(3):
            log.write(score(number))
        log.flush()
        following = LogsFollower([path], LogGaps())
        assert ids(following) == ["id-0", "id-1", "id-2"]
        shutil.copy(path, tmp_path / "t.jsonl-20261126")
        os.truncate(path, 0)
        log.write(score(3))
        log.flush()
        assert ids(following) == ["id-3"]
    following.close()


def test_follower_reads_files_that_were_rotated_between_two_calls(tmp_path):
    """More than one rotation, so the followed file is not the only one that has moved."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=1200, backups=50) as log:
        log.write(score(0))
        log.flush()
        following = LogsFollower([path], LogGaps())
        seen = ids(following)
        for number in range(1, 60):
            log.write(score(number))
        log.flush()
        assert (tmp_path / "t.jsonl.3").exists()
        assert seen + ids(following) == [f"id-{number}" for number in range(60)]
    following.close()


def test_follower_of_rotated_files_reads_them_once(tmp_path):
    """The log itself is gone until the next request."""
    path, gaps = tmp_path / "t.jsonl", LogGaps()
    with opened(path) as log:
        log.write(score(1))
    path.rename(tmp_path / "t.jsonl.1")
    following = LogsFollower([tmp_path], gaps)
    assert [ids(following), ids(following), ids(following)] == [["id-1"], [], []]
    with opened(path) as log:
        log.write(score(2))
    assert ids(following) == ["id-2"]
    assert gaps.counts == {}
    following.close()


def test_follower_of_a_folder_finds_logs_that_appear(tmp_path):
    """Each worker writes a log of its own; a file of another program is not read."""
    (tmp_path / "app.jsonl").write_text('{"level": "info"}\n')
    gaps = LogGaps()
    with opened(tmp_path / "one.jsonl") as one, opened(tmp_path / "two.jsonl") as two:
        one.write(score(1))
        one.flush()
        following = LogsFollower([tmp_path], gaps)
        assert ids(following) == ["id-1"]
        two.write(score(2))
        two.flush()
        with opened(tmp_path / "three.jsonl") as three:
            three.write(score(3))
        assert sorted(ids(following)) == ["id-2", "id-3"]
    assert gaps.counts == {"other": 1}
    following.close()


def test_follower_raises_for_a_missing_log(tmp_path):
    """The path may be misspelled, so the first call does not wait."""
    with pytest.raises(UsageError) as caught:
        list(LogsFollower([tmp_path / "t.jsonl"], LogGaps()).new())
    assert caught.value.slug == "traffic-file"
