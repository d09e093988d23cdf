"""The decision after a failed attempt: try again in some seconds, give up, or stop the run. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from random import Random

MAX_WAIT_S = 60.0
FIRST_WAIT_S = 0.5
LAST_WAIT_S = 8.0
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
KEY_STATUSES = frozenset({401, 403})
# Names that relays use as an error's code or type, also with status 200, and the status that they mean.
STATUS_OF_CODE = {
    "authentication_error": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "incorrect_api_key": 401,
    "invalid_api_key": 401,
    "billing_hard_limit_reached": 402,
    "billing_not_active": 402,
    "insufficient_balance": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "timeout": 408,
    "timeout_error": 408,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "throttling": 429,
    "resource_exhausted": 429,
    "requestlimitexceeded": 429,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "server_error": 500,
    "service_unavailable": 503,
    "unavailable": 503,
    "server_busy": 503,
    "overloaded": 529,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAfter:
    """A retry after `wait_s` seconds; `from_relay` when the relay itself asked for this wait."""

    wait_s: float
    from_relay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTooLong:
    """A requested wait, in seconds, that is too long: the run stops and says so."""

    wait_s: float


class RetryBudget:
    """A limit on the share of retries among all requests, so that retries never overload a failing relay.

    A few retries are always allowed, because a share of a small run rounds to zero.
    """

    def __init__(self, *, share: float = 0.2, floor: int = 10) -> None:
        self._share = share
        self._floor = floor
        self.sent = 0
        self.retries = 0

    def count_first(self) -> None:
        """Count the first attempt of a request, which earns a share of a retry."""
        self.sent += 1

    def take(self) -> bool:
        """Take one retry, and tell whether there was one left."""
        if self.retries >= max(self._floor, self._share * self.sent):
            return False
        self.retries += 1
        return True


class LiveRetryBudget:
    """The same limit for a process that runs for weeks: only recent requests earn retries, and few can be saved up.

    A lifetime of good requests would otherwise pay for a flood of retries on the day on which the relay fails.
    """

    def __init__(self, *, share: float = 0.2, floor: int = 10, most: int = 100) -> None:
        self._share = share
        self._most = most
        self._left = float(floor)

    def count_first(self) -> None:
        """Count the first attempt of a request, which earns a share of a retry."""
        self._left = min(self._most, self._left + self._share)

    def take(self) -> bool:
        """Take one retry, and tell whether there was one left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def meant_status(status: int | None, codes: Sequence[str]) -> int | None:
    """Return the status that an error means; its codes may be more precise than the HTTP status.

    A relay may send 200 with an error inside, or 429 for an empty account, which waiting does not refill.
    """
    named = [meant for code in codes if (meant := _status_of(code))]
    if status is None or status < 300:
        return named[0] if named else status
    # A refused key or an empty account may come with 400, 403 or 429.
    return next((meant for meant in named if meant in {401, 402} and status in {400, 403, 429}), status)


def decide(
    status: int | None, headers: Mapping[str, str], *, retry: int, now: datetime, random: Random
) -> RetryAfter | WaitTooLong | None:
    """Decide about retry number `retry` (from 1) after an attempt with this status, None when there was no response.

    `x-should-retry` overrides the list of statuses, except for a refused key or an empty account.
    """
    override = headers.get("x-should-retry", "").lower()
    listed = status is None or status in RETRYABLE_STATUSES
    if override == "false" or not (listed or override == "true") or status in KEY_STATUSES or status == 402:
        return None
    requested_s = requested_wait(headers, now)
    if requested_s is None:
        return RetryAfter(wait_s=jittered_wait(retry, random))
    return (
        WaitTooLong(wait_s=requested_s) if requested_s > MAX_WAIT_S else RetryAfter(wait_s=requested_s, from_relay=True)
    )


def requested_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that the relay asks to wait: `retry-after-ms`, then `retry-after` (seconds or HTTP date)."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _seconds(text)
    return _until(text, now) if seconds is None and text else seconds


def jittered_wait(retry: int, random: Random) -> float:
    """Return a random wait between 0 and 0.5 s, doubled for each retry before this one, at most 8 s."""
    return random.uniform(0, min(LAST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(retry - 1, 10)))


def _status_of(code: str) -> int | None:
    if code.isdecimal() and 400 <= int(code[:9]) <= 599:
        return int(code)
    return STATUS_OF_CODE.get(code.lower())


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):  # errors of the library for a text that resembles a date
        return None
