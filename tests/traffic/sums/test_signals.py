"""Sums of signals and the table of latest requests, in bounded memory."""

import hashlib
import sys

import pytest

from pytest_graysplit.traffic.sums.signals import PLACES, LatestRequests, SignalAccumulator
from pytest_graysplit.traffic.sums.units import SeenUnits


def key_of(number):
    return hashlib.sha256(str(number).encode()).digest()


def test_latest_request_of_a_unit_is_found():
    """Of two requests of a unit the later, of two units in one place the one that came later."""
    table, key, other = LatestRequests(), key_of(1), bytearray(key_of(1))
    assert table.find(key) is None
    table.put(key, 0, 10.0)
    table.put(key, 2, 20.0)
    assert table.find(key) == (2, 20.0)
    other[20] ^= 1  # the same place, another tag
    assert table.find(bytes(other)) is None
    table.put(bytes(other), 1, 30.0)
    assert table.find(key) is None
    assert table.find(bytes(other)) == (1, 30.0)


def test_latest_requests_keep_their_size():
    """A burst of units replaces other units."""
    table = LatestRequests()

    def size():
        return sum(sys.getsizeof(part) for part in vars(table).values())

    before = size()
    for number in range(3 * PLACES):
        table.put(key_of(number), 1, float(number))
    assert size() == before < 1_200_000
    found = sum(table.find(key_of(number)) is not None for number in range(3 * PLACES))
    assert 0.9 * PLACES < found <= PLACES
    assert table.find(key_of(3 * PLACES - 1)) == (1, 3 * PLACES - 1.0)


def test_seen_units_tell_without_adding():
    """A question must not make a unit known."""
    seen = SeenUnits()
    assert key_of(1) not in seen
    assert seen.add(key_of(1))
    assert key_of(1) in seen
    assert key_of(2) not in seen
    assert seen.add(key_of(2))


def test_signals_of_a_unit_are_added_up():
    """A replaced value counts once, and a lag that is unknown is left out."""
    signal = SignalAccumulator()
    signal.add(7, 1.0, None, 5.0)
    signal.add(7, 1.0, None, 0.0)
    signal.add(9, 0.25, None, None)
    signal.add(9, 1.0, 0.25, 60.0)
    sums = signal.sums([7, 8, 9])
    assert (sums.numbers, sums.values) == ((2, 0, 1), (2.0, 0.0, 1.0))
    assert (sums.n, sums.total, sums.lagged) == (3, 3.0, 2)
    assert (sums.mean_lag_s, sums.lag_quantile(1.0)) == (2.5, pytest.approx(5.0, rel=0.005))
