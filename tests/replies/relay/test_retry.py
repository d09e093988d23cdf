"""The decision to retry after a failed attempt, and the wait before it."""

from datetime import UTC, datetime
from random import Random

import pytest

from pytest_graysplit.replies.relay.retry import (
    RetryAfter,
    RetryBudget,
    WaitTooLong,
    decide,
    jittered_wait,
    meant_status,
    requested_wait,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


class Highest(Random):
    """A random source at its upper end."""

    def uniform(self, a, b):
        return b


def decided(status, headers=None, retry=1):
    return decide(status, headers or {}, retry=retry, now=NOW, random=Highest())


@pytest.mark.parametrize("status", [None, 408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529])
def test_transient_failure_is_retried(status):
    assert decided(status) == RetryAfter(wait_s=0.5)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 402, 403, 404, 413, 422, 501])
def test_permanent_failure_is_not_retried(status):
    assert decided(status) is None


@pytest.mark.parametrize(
    ("status", "override", "expected"),
    [
        (400, "true", RetryAfter(wait_s=0.5)),
        (429, "false", None),
        (503, "FALSE", None),
        (401, "true", None),
        (402, "true", None),
        (429, "maybe", RetryAfter(wait_s=0.5)),
    ],
)
def test_should_retry_header_overrides_the_list_except_for_key_and_money(status, override, expected):
    assert decided(status, {"x-should-retry": override}) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "6m0s"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_requested_wait_is_read_in_every_spelling(headers, seconds):
    assert requested_wait(headers, NOW) == seconds


def test_requested_wait_is_kept_up_to_a_minute_and_too_long_beyond():
    assert decided(429, {"retry-after": "60"}) == RetryAfter(wait_s=60.0, from_relay=True)
    assert decided(429, {"retry-after": "61"}) == WaitTooLong(wait_s=61.0)


def test_waits_double_up_to_eight_seconds():
    assert [jittered_wait(retry, Highest()) for retry in (1, 2, 3, 4, 5, 6, 2000)] == [0.5, 1, 2, 4, 8, 8, 8]


def test_waits_are_spread_over_the_whole_range():
    waits = [jittered_wait(1, Random(seed)) for seed in range(200)]
    assert 0 <= min(waits) < 0.05
    assert 0.45 < max(waits) <= 0.5


@pytest.mark.parametrize(
    ("status", "codes", "meant"),
    [
        (200, ("502",), 502),
        (200, ("rate_limit_exceeded",), 429),
        (200, ("something",), 200),
        (200, ("200", "7"), 200),
        (None, ("overloaded_error",), 529),
        (429, ("insufficient_quota", "requests"), 402),
        (429, ("1302", "billing_not_active"), 402),
        (429, ("rate_limit_exceeded",), 429),
        (400, ("invalid_api_key",), 401),
        (500, ("invalid_api_key",), 500),
        (400, ("server_error",), 400),
        (503, (), 503),
    ],
)
def test_codes_override_the_status(status, codes, meant):
    assert meant_status(status, codes) == meant


def test_retry_budget_of_a_small_and_a_large_run():
    budget = RetryBudget(share=0.2, floor=3)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    for _ in range(100):
        budget.count_first()
    assert [budget.take() for _ in range(18)] == [True] * 17 + [False]
    assert budget.retries == 20


@pytest.mark.parametrize(
    "text",
    ["99999999999 Oct 5 0:0", "Oct", "Mon, 99 Foo 2026 99:99:99", "31 Feb 2026", "1e999", "-5", "soon", "\u0663", "0x10",
     "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +9999", ",", " ", "9" * 5000],
)  # fmt: skip
def test_unreadable_wait_is_ignored(text):
    for name in ("retry-after", "retry-after-ms"):
        waits = requested_wait({name: text}, datetime(2026, 11, 30, tzinfo=UTC))
        assert waits is None or 0 <= waits < float("inf")
