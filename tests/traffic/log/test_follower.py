"""A log that goes on being written is read to its end again and again, and no line is lost or read twice."""

import pytest
from splits import halves

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.follower import Following
from pytest_graysplit.traffic.log.records import Scored
from pytest_graysplit.traffic.log.writer import TrafficLog


def score(number):
    return Scored(id=f"id-{number}", at="2026-11-26T00:00:00.000Z", score=1.0)


def opened(path, **given):
    return TrafficLog(path, splitter=halves(), clock=lambda: 0.0, **given)


def ids(following):
    return [line.record.id for line in following.new() if isinstance(line.record, Scored)]


def test_only_what_is_new_is_read(tmp_path):
    """At first all there is, then what was added."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(score(1))
        following = Following(path, print)
        assert ids(following) == ["id-1"]
        assert ids(following) == []
        log.write(score(2))
        log.write(score(3))
        assert ids(following) == ["id-2", "id-3"]
    following.close()


def test_a_line_that_is_not_whole_yet_waits(tmp_path):
    """The writer may be in the middle of it."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        following, warnings = Following(path, None), []
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


def test_rotation_loses_no_line(tmp_path):
    """What is in the file that was rotated away, before and while it is followed, is read once, in order."""
    path = tmp_path / "t.jsonl"
    with opened(path, max_bytes=1200, backups=50) as log:
        for number in range(30):
            log.write(score(number))
        following = Following(path, print)
        seen = ids(following)
        for number in range(30, 90):
            log.write(score(number))
            seen += ids(following)
    assert seen == [f"id-{number}" for number in range(90)]
    assert (tmp_path / "t.jsonl.5").exists()
    following.close()


def test_a_log_that_goes_away_for_a_while_is_waited_for(tmp_path):
    """Between the rotation and the next request there may be no file at all."""
    path = tmp_path / "t.jsonl"
    opened(path).close()
    following = Following(path, print)
    assert ids(following) == []
    path.rename(tmp_path / "moved")
    assert ids(following) == []
    with opened(path) as log:
        log.write(score(1))
    assert ids(following) == ["id-1"]
    following.close()


def test_a_bad_line_is_named_by_its_place(tmp_path):
    """Counted from the beginning of the file, however often it was looked at before."""
    path = tmp_path / "t.jsonl"
    with opened(path) as log:
        log.write(score(1))
        following = Following(path, print)
        assert ids(following) == ["id-1"]
        with path.open("ab") as file:
            file.write(b'{"kind":"feedback","id":7}\n')
        with pytest.raises(UsageError) as caught:
            ids(following)
    assert caught.value.problem.startswith(f"{path}:3: is no line of a traffic log")
    following.close()


def test_a_log_that_is_not_there_is_an_error_at_once(tmp_path):
    """Nothing is waited for that may have been misspelled."""
    with pytest.raises(UsageError) as caught:
        list(Following(tmp_path / "t.jsonl", print).new())
    assert caught.value.slug == "traffic-file"
