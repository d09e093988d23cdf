"""The cache of snapshots: how often the source is read, and which changes make a new version."""

import json

import live_snapshots as snapshots
import pytest

from pytest_graysplit.reporting.dashboard.snapshot_cache import SnapshotCache, as_text


class Clock:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_source_is_read_once_per_half_second(clock):
    """For any number of open pages."""
    source = snapshots.FakeSource(snapshots.run())
    cache = SnapshotCache(source, clock)
    assert {cache.read().version for _ in range(5)} == {1}
    assert source.reads == 1
    clock.now += 0.5
    cache.read()
    assert source.reads == 2


def test_version_does_not_change_with_the_time_alone(clock):
    """The page counts the elapsed time itself."""
    source = snapshots.FakeSource(snapshots.run())
    cache = SnapshotCache(source, clock)
    first = cache.read()
    clock.now += 1
    source.change(at="2026-11-20T10:01:13+00:00", elapsed_s=73.0)
    assert cache.read() is first
    clock.now += 1
    source.change(title="121 cases")
    news = cache.read()
    assert (news.version, json.loads(news.text)["title"], news.ended) == (2, "121 cases", False)


def test_fresh_read_does_not_wait_for_the_half_second(clock):
    """The last state reaches open pages when the server closes."""
    source = snapshots.FakeSource(snapshots.run())
    cache = SnapshotCache(source, clock)
    cache.read()
    source.change(state="ended")
    assert not cache.read().ended
    assert cache.read(fresh=True).ended


def test_as_text_writes_one_line_of_ascii():
    """Line breaks would end an event, lone surrogates cannot be encoded, and control characters are spelled out."""
    text = "one\r\ntwo\u2028three \ud83d \u202eeert"
    written = as_text({"text": text})
    assert written.isascii()
    assert len(written.splitlines()) == 1
    assert json.loads(written) == {"text": "one\ntwo\\u2028three \\ud83d \\u202eeert"}


def test_as_text_refuses_nan():
    """A browser cannot parse NaN."""
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        as_text({"low": float("nan")})
