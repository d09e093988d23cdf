"""The circuit breaker: it opens, diverts, probes and closes by a clock that only the test moves."""

import threading
import tracemalloc
from random import Random

import pytest
from factories import a_reply

from pytest_graysplit.traffic.guards.breaker import Breaker, BreakerPolicy, is_failure_of_arm
from pytest_graysplit.traffic.guards.window import SlidingWindow


class Time:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Arm:
    """An arm behind a breaker: `send` asks for permission and reports the outcome at once."""

    def __init__(self, **policy):
        self.time, self.events = Time(), []
        self.breaker = Breaker(
            BreakerPolicy(**policy), on_event=self.events.append, clock=self.time, wall_clock=self.time
        )
        self.met = 0

    def send(self, count=1, *, failed=False, latency_s=0.1, gap_s=0.01):
        for _ in range(count):
            self.time.now += gap_s
            permit = self.breaker.admit()
            if permit is not None:
                self.met += 1
                self.breaker.record(permit, failed=failed, latency_s=latency_s)

    @property
    def state(self):
        return self.breaker.status().state

    @property
    def reason(self):
        return self.breaker.status().reason


@pytest.mark.parametrize("requests_per_s", [1, 2, 5, 50, 500])
@pytest.mark.parametrize("good_s", [0, 600])
def test_at_most_one_in_a_hundred_meets_a_failing_arm_after_ten_seconds(requests_per_s, good_s):
    """From the first failure on, also after a long good time, over ten minutes, and with an irregular rhythm."""
    arm, random = Arm(), Random(requests_per_s)
    arm.send(min(good_s * requests_per_s, 3_000), gap_s=1 / requests_per_s)
    began, sent, met = arm.time.now, 0, 0
    while arm.time.now < began + 600:
        met_before = arm.met
        arm.send(failed=True, gap_s=random.uniform(0.5, 1.5) / requests_per_s)
        if arm.time.now > began + 10:
            sent += 1
            met += arm.met - met_before
    assert met <= 0.01 * sent
    assert met > 0, "it is probed"


def test_good_arm_stays_closed():
    """A tenth of the requests fail, at random, a hundred thousand times."""
    arm, random = Arm(), Random(1)
    for _ in range(100_000):
        arm.send(failed=random.random() < 0.1)
    assert (arm.state, arm.events, arm.met) == ("closed", [], 100_000)


def test_half_of_the_requests_open_it_and_it_says_why():
    arm = Arm()
    for _ in range(9):
        arm.send(failed=True)
        arm.send()
    assert arm.state == "closed", "fewer than 20 requests say nothing about a share"
    arm.send(failed=True)
    arm.send(failed=True)
    assert (arm.state, arm.reason) == ("open", "11 of 20 requests failed within 10 s")


def test_failures_in_a_row_open_it_with_few_requests():
    """One request per minute: no window is ever full."""
    arm = Arm()
    arm.send(4, failed=True, gap_s=60)
    arm.send(gap_s=60)
    arm.send(4, failed=True, gap_s=60)
    assert arm.state == "closed"
    arm.send(failed=True, gap_s=60)
    assert (arm.state, arm.reason) == ("open", "5 requests in a row failed")


def test_old_failures_are_forgotten():
    arm = Arm()
    arm.send(4, failed=True)
    arm.send()
    arm.time.now += 11
    arm.send(20)
    arm.send(10, failed=True)
    assert arm.state == "closed"


def test_latency_over_the_bound_opens_it():
    """The 95th percentile: 5 slow ones of 100 are allowed, 6 are not."""
    arm = Arm(p95_s=2)
    arm.send(95, gap_s=0.001)
    arm.send(5, latency_s=2.5, gap_s=0.001)
    assert arm.state == "closed"
    arm.send(latency_s=2.5, gap_s=0.001)
    assert (arm.state, arm.reason) == ("open", "6 of 101 requests took longer than 2 s")


def test_few_slow_answers_leave_it_closed():
    arm = Arm(p95_s=2)
    arm.send(20)
    arm.send(4, latency_s=9)
    assert arm.state == "closed"


def test_hanging_requests_open_it_before_they_end():
    """Their deadline may be a minute; without an outcome there would be nothing to count."""
    arm = Arm(p95_s=2)
    for _ in range(500):
        arm.time.now += 0.01
        arm.breaker.admit()
    assert arm.state == "open"
    assert arm.breaker.status().diverted > 200


def test_outcome_of_an_overdue_request_is_not_counted_twice():
    arm = Arm(p95_s=2)
    late = [arm.breaker.admit() for _ in range(4)]
    arm.send(30, gap_s=0.1)
    for permit in late:
        arm.breaker.record(permit, failed=True, latency_s=9)
    arm.send()
    assert arm.state == "closed"


def opened(**policy):
    arm = Arm(**policy)
    arm.send(5, failed=True)
    assert arm.state == "open"
    return arm


def test_probes_go_one_at_a_time_after_the_wait():
    arm = opened()
    arm.time.now += 4
    assert [arm.breaker.admit() for _ in range(150)] == [None] * 150
    arm.time.now += 1.1
    probe = arm.breaker.admit()
    assert probe.is_probe
    assert [arm.breaker.admit() for _ in range(500)] == [None] * 500
    assert arm.state == "half-open"


def test_failed_probe_doubles_the_wait():
    arm = opened()
    waits = []
    for _ in range(6):
        began, probes = arm.time.now, arm.breaker.status().probes
        while arm.breaker.status().probes == probes:
            arm.send(failed=True)
        waits.append(round(arm.time.now - began))
    assert waits == [5, 10, 20, 40, 60, 60]


def test_successful_probes_close_it():
    """The first is one request in a hundred, the others one in ten; then every request goes to the arm."""
    arm = opened()
    arm.time.now += 6
    arm.send(100)
    assert (arm.state, arm.met) == ("half-open", 6)
    arm.send(40)
    assert (arm.state, arm.met, arm.reason) == ("closed", 10, "5 probes in a row were answered")
    arm.send(50)
    assert arm.met == 60
    assert [event.state for event in arm.events] == ["open", "half-open", "closed"]


def test_slow_probe_fails():
    arm = opened(p95_s=2)
    arm.time.now += 6
    arm.send(100, latency_s=3)
    assert (arm.state, arm.breaker.status().failed_probes) == ("open", 1)


def test_rare_requests_are_probes_after_five_minutes():
    """One request per minute: a hundred of them would take more than an hour."""
    arm = opened()
    arm.send(30, gap_s=60, failed=True)
    assert arm.breaker.status().probes == 6


def test_cancelled_probe_says_nothing():
    arm = opened()
    arm.time.now += 6
    probe = [arm.breaker.admit() for _ in range(100)][-1]
    arm.breaker.cancel(probe)
    arm.breaker.record(probe, failed=True)
    assert (arm.state, arm.breaker.status().failed_probes) == ("half-open", 0)
    assert [arm.breaker.admit() for _ in range(100)][-1].is_probe


@pytest.mark.parametrize(("waited_s", "state"), [(5, "open"), (4, "closed")])
def test_users_that_give_up_after_a_long_wait_open_it(waited_s, state):
    """The application has a timeout of its own; a user who leaves soon says nothing."""
    arm = Arm()
    for _ in range(10):
        permit = arm.breaker.admit()
        arm.time.now += waited_s
        if permit:
            arm.breaker.cancel(permit)
    assert arm.state == state


def test_probe_whose_outcome_never_comes_fails_in_the_end():
    arm = opened()
    arm.time.now += 6
    assert [arm.breaker.admit() for _ in range(100)][-1].is_probe
    arm.time.now += 301
    arm.breaker.admit()
    assert (arm.state, arm.breaker.status().failed_probes) == ("open", 1)


def test_outcomes_from_before_it_opened_say_nothing():
    """They were sent to the arm as it was, and end minutes later."""
    arm = Arm()
    permits = [arm.breaker.admit() for _ in range(100)]
    arm.send(5, failed=True)
    arm.time.now += 6
    arm.send(140)
    assert arm.state == "closed"
    for permit in permits:
        arm.breaker.record(permit, failed=True)
    assert arm.state == "closed"


def test_error_of_the_callback_harms_no_request(caplog):
    def broken(event):
        raise RuntimeError("no pager")

    breaker = Breaker(on_event=broken)
    for _ in range(5):
        breaker.record(breaker.admit(), failed=True)
    assert breaker.status().state == "open"
    assert "on_event of a circuit breaker failed" in caplog.text


def test_callback_may_ask_the_breaker():
    seen = []
    breaker = Breaker(on_event=lambda event: seen.append(breaker.status().state))
    for _ in range(5):
        breaker.record(breaker.admit(), failed=True)
    assert seen == ["open"]


def test_threads_lose_no_count():
    breaker = Breaker(BreakerPolicy(error_share=2, in_a_row=10**9))

    def work():
        for _ in range(2_000):
            breaker.record(breaker.admit(), failed=True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.admit().number == 8_001


def test_memory_does_not_grow():
    """Not with requests, with openings, or with permits that are never recorded."""
    arm, random = Arm(p95_s=1), Random(3)

    def work(count):
        for _ in range(count):
            arm.time.now += 0.2
            permit = arm.breaker.admit()
            if permit and random.random() < 0.9:
                arm.breaker.record(permit, failed=random.random() < 0.7, latency_s=0.1)
        arm.events.clear()

    work(20_000)
    tracemalloc.start()
    work(20_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 50_000
    assert len(arm.breaker.status().events) == 100


def test_window_with_a_clock_that_goes_back_loses_nothing():
    window = SlidingWindow(10)
    for now_s in (100, 90, 100.2, 109):
        window.add(now_s, failed=True, slow=False)
    assert (window.total.requests, window.total.failed) == (4, 4)
    window.forget_before(110.3)
    assert window.total.requests == 1
    window.forget_before(10_000)
    assert window.total.requests == 0


@pytest.mark.parametrize(
    ("slug", "kind", "lasting", "counts"),
    [
        ("relay-timeout", "relay-timeout", False, True),
        ("relay-unreachable", "relay-unreachable", False, True),
        ("relay-http-error", "http-503", False, True),
        ("relay-rate-limited", "relay-rate-limited", False, True),
        ("relay-http-error", "http-400", False, False),
        ("relay-http-error", "http-400", True, True),
        ("request-cancelled", None, False, False),
        ("request-unusable", None, False, False),
    ],
)
def test_failures_that_count_against_the_arm(slug, kind, lasting, counts):
    reply = a_reply("", outcome="error", error="no", error_slug=slug, error_kind=kind)
    assert is_failure_of_arm(reply, is_lasting=lasting) is counts


@pytest.mark.parametrize("outcome", ["ok", "refusal", "filtered", "empty", "truncated"])
def test_answers_never_count_against_the_arm(outcome):
    assert not is_failure_of_arm(a_reply(outcome=outcome))
