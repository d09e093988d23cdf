"""Readiness: the parts that fail, with a clock of the test."""

import gc
import logging
import threading

import pytest

from pytest_graysplit.traffic.monitor import readiness
from pytest_graysplit.traffic.monitor.readiness import RECENT_S, ClientHealth, OwnCheck, Readiness


class Client:
    """The figures of a client that a health reads."""

    def __init__(self):
        self.is_open, self.lost, self.is_cut_off, self.now_s = True, 0, False, 1000.0
        self.health = ClientHealth(
            lambda: self.is_open, lambda: self.lost, is_control_cut_off=lambda: self.is_cut_off, clock=lambda: self.now_s
        )  # fmt: skip


def test_monitor_without_a_client_is_ready():
    """Another client feeds it, and this one is not known."""
    assert Readiness().failing() == ()


def test_a_closed_client_is_not_ready_until_another_is_open():
    """The closed one does not count while another serves, and a client that is gone does not count at all."""
    ready, first, second = Readiness(), Client(), Client()
    ready.add(first.health)
    first.is_open = False
    first.lost = 1
    assert ready.failing() == ("client",)
    ready.add(second.health)
    assert ready.failing() == ()
    second.is_open = False
    del first, second
    gc.collect()
    assert ready.failing() == ()


def test_lost_lines_fail_the_log_for_a_while():
    """Each further loss begins the time again; after it the service gets requests again, which show whether it works."""
    ready, client = Readiness(), Client()
    ready.add(client.health)
    client.lost = 1
    assert ready.failing() == ("log",)
    client.now_s += RECENT_S - 1
    assert ready.failing() == ("log",)
    client.lost = 2
    assert ready.failing() == ("log",)
    client.now_s += RECENT_S - 1
    assert ready.failing() == ("log",)
    client.now_s += 1
    assert ready.failing() == ()


def test_parts_of_all_open_clients_are_named_once():
    """In a fixed order."""
    ready, first, second = Readiness(), Client(), Client()
    for client in (first, second):
        ready.add(client.health)
        client.is_cut_off = True
    second.lost = 1
    assert ready.failing() == ("control", "log")


@pytest.mark.parametrize(("answer", "failing"), [(True, ()), (1, ()), (False, ("application",)), (None, ("application",))])  # fmt: skip
def test_own_check_decides_by_its_truth(answer, failing):
    """A function without a result has not said that the application is ready."""
    assert OwnCheck(lambda: answer).failing() == failing


def test_own_check_that_raises_is_not_ready_and_is_logged_once(caplog):
    """A probe every second must not fill the log."""

    def broken():
        raise OSError("the database is away")

    check = OwnCheck(broken)
    assert [check.failing(), check.failing()] == [("application",)] * 2
    assert [one.levelno for one in caplog.records] == [logging.ERROR]


def test_own_check_that_hangs_holds_one_thread(monkeypatch):
    """Further probes do not wait for it."""
    monkeypatch.setattr(readiness, "CHECK_WAIT_S", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    def hanging():
        begun.set()
        return go_on.wait()

    check, first = OwnCheck(hanging), []
    thread = threading.Thread(target=lambda: first.append(check.failing()))
    thread.start()
    begun.wait()
    assert check.failing() == ("application",)
    go_on.set()
    thread.join()
    assert (first, check.failing()) == ([()], ())
