"""What open pages are sent, and when it counts as new."""

import json

import live_snapshots as specimens
import pytest

from pytest_graysplit.reporting.dashboard.snapshot_cache import SnapshotCache, as_text


class Clock:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_source_is_asked_once_in_half_a_second(clock):
    """However many pages are open."""
    held = specimens.Held(specimens.run())
    cache = SnapshotCache(held, clock)
    assert {cache.read().version for _ in range(5)} == {1}
    assert held.reads == 1
    clock.now += 0.5
    cache.read()
    assert held.reads == 2


def test_a_clock_that_goes_on_is_no_news(clock):
    """A page that is sent the time alone would draw itself for nothing."""
    held = specimens.Held(specimens.run())
    cache = SnapshotCache(held, clock)
    first = cache.read()
    clock.now += 1
    held.change(at="2026-11-20T10:01:13+00:00", elapsed_s=73.0)
    assert cache.read() is first
    clock.now += 1
    held.change(title="121 cases")
    news = cache.read()
    assert (news.version, json.loads(news.text)["title"], news.ended) == (2, "121 cases", False)


def test_the_last_state_is_read_afresh(clock):
    """What happened within the last half second is not lost when the server closes."""
    held = specimens.Held(specimens.run())
    cache = SnapshotCache(held, clock)
    cache.read()
    held.change(state="ended")
    assert not cache.read().ended
    assert cache.read(fresh=True).ended


def test_any_text_of_a_model_is_one_line_of_ascii():
    """Line ends would end an event, half a surrogate pair cannot be encoded, and what a browser would obey is shown."""
    text = "one\r\ntwo\u2028three \ud83d \u202eeert"
    written = as_text({"text": text})
    assert written.isascii()
    assert len(written.splitlines()) == 1
    assert json.loads(written) == {"text": "one\ntwo\\u2028three \\ud83d \\u202eeert"}


def test_a_number_that_json_has_not_is_an_error():
    """A browser could not read NaN, and the page would stand still without a word."""
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        as_text({"low": float("nan")})
