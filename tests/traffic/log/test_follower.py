"""LogFollower reads a growing log; it neither loses a line nor reads one twice."""

import pytest
from splits import halves

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.follower import LogFollower
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
        following = LogFollower(path, print)
        assert ids(following) == ["id-1"]
        assert ids(following) == []
        log.write(score(2))
        log.write(score(3))
        assert ids(following) == ["id-2", "id-3"]
    following.close()


def test_follower_waits_for_an_incomplete_line(tmp_path):
    """The writer may be in the middle of it."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        following, warnings = LogFollower(path, None), []
        assert ids(following) == []
        with path.open("ab") as file:
            file.write(b'{"kind":"feedback","id":"half",')
            file.flush()
            assert ids(following) == []
            file.write(b'"at":"2026-11-26T00:00:00.000Z","score":1.0}\n')
        log.write(score(2))
        assert ids(following) == ["half", "id-2"]
        assert warnings == []
    following.close()


def test_follower_reads_across_rotation(tmp_path):
    """The lines of a rotated file are read once and in order, before and while it is followed."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=1200, backups=50) as log:
        for number in range(30):
            log.write(score(number))
        following = LogFollower(path, print)
        seen = ids(following)
        for number in range(30, 90):
            log.write(score(number))
            seen += ids(following)
    assert seen == [f"id-{number}" for number in range(90)]
    assert (tmp_path / "t.jsonl.5").exists()
    following.close()


def test_follower_waits_for_a_missing_file(tmp_path):
    """There may be no file between the rotation and the next request."""
    path = tmp_path / "t.jsonl"
    opened(path).close()
    following = LogFollower(path, print)
    assert ids(following) == []
    path.rename(tmp_path / "moved")
    assert ids(following) == []
    with opened(path) as log:
        log.write(score(1))
    assert ids(following) == ["id-1"]
    following.close()


def test_follower_names_the_number_of_a_bad_line(tmp_path):
    """Counted from the beginning of the file."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(score(1))
        following = LogFollower(path, print)
        assert ids(following) == ["id-1"]
        with path.open("ab") as file:
            file.write(b'{"kind":"feedback","id":7}\n')
        with pytest.raises(UsageError) as caught:
            ids(following)
    assert caught.value.problem.startswith(f"{path}:3: is not a line of a traffic log")
    following.close()


def test_follower_raises_for_a_missing_log(tmp_path):
    """The path may be misspelled, so the first call does not wait."""
    with pytest.raises(UsageError) as caught:
        list(LogFollower(tmp_path / "t.jsonl", print).new())
    assert caught.value.slug == "traffic-file"
