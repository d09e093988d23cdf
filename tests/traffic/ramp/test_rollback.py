"""Automatic rollback: a treatment that harms loses its users, until a person ramps it again."""

import asyncio
import json
import logging
import re

import pytest
from splits import CONTROL, TREATMENT, unit_in, user

from pytest_graysplit import Monitor, RequestFailedError, Rollback, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.cli import main
from pytest_graysplit.config.pyproject.rollback import read_rollback
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.prometheus import exposition
from pytest_graysplit.traffic.monitor.replay import Replay
from pytest_graysplit.traffic.ramp.ramps import RampOptions, Ramps

NOON_S = 1_796_040_000.0


def halves(version=0, share=0.5):
    return TrafficSplitter([Split(CONTROL, 1 - share), Split(TREATMENT, share)], salt="rollback", version=version)


class Service:
    """A worker with a clock of the test, without a relay; `log` is shared with other workers."""

    def __init__(self, rollback=None, splitter=None, log=None, on_rollback=None, now_s=NOON_S):
        self.now_s, self.splitter, self.events = now_s, splitter or halves(), []
        self.monitor = Monitor(self.splitter, clock=lambda: self.now_s)
        self.log = None if log is None else TrafficLog(log, splitter=self.splitter, clock=lambda: self.now_s)
        options = RampOptions(
            rollback=rollback or Rollback(), on_rollback=on_rollback or self.events.append, log=log,
            clock=lambda: self.now_s,
        )  # fmt: skip
        self.ramps = Ramps(self.splitter, self.monitor, options, settings=Settings(), take=self._take)

    def _take(self, splitter):
        self.splitter = splitter
        self.monitor.use(splitter)
        if self.log is not None:
            self.log.use(splitter)
            self.log.close()  # so that the line is in the file; the next line opens it again

    def start(self):
        """Start as a client does, without the threads."""
        self.ramps._tickers = ()
        self.ramps.start()
        return self

    def serve(self, requests, *, first=0, failing=1.0, latency_s=1.0, cost_usd=0.001):
        """Serve new units; of the treatment's requests, this share fails."""
        failed = 0.0
        for number in range(first, first + requests):
            arm = self.splitter.assign(number)
            failed += failing * (arm.role == "treatment")
            outcome, failed = ("error", failed - 1) if failed >= 1 else ("ok", failed)
            slow = latency_s if arm.role == "treatment" else 1.0
            self.monitor.record(arm, unit=number, outcome=outcome, latency_s=slow, cost_usd=cost_usd)

    def look(self, after_s=1.0):
        self.now_s += after_s
        self.ramps.follow()
        self.ramps.look()
        return [event.cause for event in self.events]

    @property
    def share(self):
        return self.splitter.basis_points[1] / 10_000


def test_failing_treatment_is_rolled_back_by_its_bound():
    service = Service(Rollback(on=None, errors=0.05, requests=40))
    service.serve(50)
    assert service.look() == []  # too few requests of the treatment
    service.serve(50, first=50)
    assert service.look() == ["errors"]
    assert (service.share, service.splitter.assign(3).arm) == (0, "control")
    [event] = service.events
    assert (event.arm, event.basis_points, event.split) == (TREATMENT, 5_000, halves().identity)
    assert "requests failed, the bound on errors is 5.00%" in event.reason
    service.serve(200, first=100)
    assert service.look() == ["errors"]  # once


def test_rejected_treatment_is_rolled_back_by_the_grade():
    """The bounds of the grade hold at every look, so that frequent looks cost nothing."""
    service = Service(Rollback())
    for number in range(40):
        service.serve(50, first=50 * number, failing=0.5)
        if service.look():
            break
    [event] = service.events
    assert event.cause == "reject"
    assert "pass rate" in event.reason
    assert service.share == 0


def test_equal_treatment_is_never_rolled_back():
    """With the errors of the control, a bound above them, and a hundred looks."""
    service = Service(Rollback(errors=0.05, p95_s=2, p99_s=3, usd_per_day=100))
    for number in range(100):
        service.serve(40, first=40 * number, failing=0.02)
        assert service.look(5.0) == []


@pytest.mark.parametrize(("bound", "cause"), [({"p95_s": 8.0}, "p95_s"), ({"p99_s": 8.0}, "p99_s")])
def test_slow_treatment_is_rolled_back(bound, cause):
    service = Service(Rollback(on=None, **bound))
    service.serve(400, failing=0, latency_s=7.9)
    assert service.look() == []
    service.serve(400, first=400, failing=0, latency_s=9.0)
    assert service.look() == [cause]
    assert "the bound is 8.00 s" in service.events[0].reason


def test_wait_of_the_users_counts_and_not_that_of_the_last_attempt():
    """A treatment that hangs until the fallback answers has fast attempts and slow users."""
    service = Service(Rollback(on=None, p95_s=8.0))
    for number in range(200):
        arm = service.splitter.assign(number)
        service.monitor.record(arm, unit=number, latency_s=1.0, wait_s=12.0 if arm.role == "treatment" else 1.0)
    assert service.look() == ["p95_s"]
    assert "p95 is 12.0" in service.events[0].reason


def test_bounds_look_at_the_window_only():
    """Failures of an earlier hour do not count, and good requests of the earlier hour do not hide failures."""
    service = Service(Rollback(on=None, errors=0.05, window_s=120))
    service.serve(40)
    service.serve(2_000, first=40, failing=0)
    assert service.look(600) == []
    service.serve(80, first=3_000)
    assert service.look() == ["errors"]


def test_daily_cost_counts_since_midnight_and_over_ramps():
    service = Service(Rollback(on=None, usd_per_day=1.0))
    service.serve(100, failing=0, cost_usd=0.01)
    assert service.look() == []
    service.ramps.use(halves(share=0.6))
    service.serve(50, first=100, failing=0, cost_usd=0.01)
    assert service.look(86_400) == []  # the cost of yesterday, looked at today
    service.serve(100, first=200, failing=0, cost_usd=0.01)
    service.look()
    service.ramps.use(halves(share=0.7))
    service.serve(150, first=400, failing=0, cost_usd=0.01)
    assert service.look() == ["usd_per_day"]


def test_rollback_moves_no_user_between_other_arms():
    """Also where the next treatment would grow into the freed share if the weights were simply lowered."""
    splits = [Split(CONTROL, 0.1), Split("a", 0.6), Split("b", 0.1), Split("c", 0.1), Split("d", 0.1)]
    before = TrafficSplitter(splits, salt="many")
    after = before.rolled_back({"a"}, ())
    moves = {(before.assign(unit).arm, after.assign(unit).arm) for unit in range(3_000)}
    assert moves == {("a", "control"), *((arm, arm) for arm in ("control", "b", "c", "d"))}
    assert after.basis_points == (7_000, 0, 1_000, 1_000, 1_000)


def test_grade_keeps_the_rejection_in_sight():
    """While the rollback is in force the grade stays reject, and after a ramp its reasons name the rejection."""
    service = Service(Rollback(), splitter=halves(3, 0.1))
    for number in range(60):
        service.serve(100, first=100 * number)
        if service.look():
            break
    grade = service.monitor.grade()
    assert grade.verdict == "reject"
    assert grade.reasons[0].startswith("rolled back, and not ramped again: at 10%, version 3, 2026-11-")
    assert grade.rows == ()
    service.ramps.use(halves(3, 0.1).ramped({TREATMENT: 0.2}))
    service.serve(2_000, first=50_000, failing=0)
    grade = service.monitor.grade()
    assert service.share == 0.2
    assert grade.verdict != "reject"
    assert grade.reasons[-1].startswith("rejected before at 10%, version 3, 2026-11-")
    assert "pass rate" in grade.reasons[-1]
    report = service.monitor.report()["ramps"]
    assert (report["version"], [one["in_force"] for one in report["rollbacks"]]) == (4, [False])


def test_rollback_by_a_bound_is_on_hold():
    """A bound is not evidence against the control, so that the grade is neither reject nor collecting."""
    service = Service(Rollback(on=None, errors=0.05))
    service.serve(200)
    service.look()
    assert service.monitor.grade().verdict == "hold"


def test_report_page_and_metrics_show_it():
    service = Service(Rollback(on=None, errors=0.05))
    source = TrafficSource(service.monitor, title="t")
    service.serve(200)
    assert source.snapshot()["notes"] == []
    service.look()
    [note] = source.snapshot()["notes"][:1]
    assert note.startswith(f"{TREATMENT} was rolled back at 50%, 2026-11-")
    assert re.search(r"^graysplit_rolled_back\{.*\} 1\.0$", exposition(service.monitor).decode(), re.MULTILINE)


def test_failing_callback_changes_nothing(caplog):
    service = Service(Rollback(on=None, errors=0.05), on_rollback=lambda _: 1 / 0)
    service.serve(200)
    service.look()
    assert service.share == 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]


def test_log_has_the_rollback_and_every_reader_follows_it(tmp_path):
    log = tmp_path / "t.jsonl"
    service = Service(Rollback(on=None, errors=0.05), splitter=halves(3), log=log)
    service.serve(200)
    service.look()
    service.log.close()
    line = json.loads(log.read_text().splitlines()[-1])
    assert [arm["basis_points"] for arm in line["arms"]] == [10_000, 0]
    assert [(one["arm"], one["cause"], one["version"]) for one in line["rollbacks"]] == [(TREATMENT, "errors", 3)]
    replay = Replay()
    replay.feed(read_files(log_files([log], replay.gaps), replay.gaps))
    assert replay.monitor.grade().verdict == "hold"
    assert replay.monitor.report()["ramps"] == service.monitor.report()["ramps"]


def test_grade_command_says_why(tmp_path, capsys):
    """The exit code of a treatment that was rejected stays 1, although it gets no more requests."""
    log = tmp_path / "t.jsonl"
    service = Service(Rollback(), splitter=halves(3), log=log)
    for number in range(40):
        service.serve(50, first=50 * number)
        if service.look():
            break
    service.log.close()
    code = main(["grade", str(log), "--project", str(tmp_path / "none.toml")])
    out = capsys.readouterr().out
    assert code == 1
    assert f"{TREATMENT} was rolled back at 50%, version 3, 2026-11-" in out
    assert "rolled back, and not ramped again" in out


@pytest.mark.parametrize(
    ("version", "now_s"), [(3, NOON_S + 60), (3, NOON_S - 9_000), (2, NOON_S + 60), (0, NOON_S + 60)]
)
def test_restart_does_not_start_the_treatment_again(tmp_path, version, now_s):
    """With the same version or an older one, with any time of the clock, and with other old weights."""
    log = tmp_path / "t.jsonl"
    service = Service(Rollback(on=None, errors=0.05), splitter=halves(3), log=log)
    service.serve(200)
    service.look()
    restarted = Service(splitter=halves(version, 0.3), log=log, now_s=now_s).start()
    assert restarted.share == 0
    service.log.close(), restarted.log.close()


def test_restart_without_versions_stays_rolled_back_until_a_ramp(tmp_path):
    log = tmp_path / "t.jsonl"
    service = Service(Rollback(on=None, errors=0.05), log=log)
    service.serve(200)
    service.look()
    restarted = Service(log=log, now_s=NOON_S + 60).start()
    assert restarted.share == 0
    restarted.now_s += 60
    restarted.ramps.use(halves())
    assert restarted.share == 0.5
    later = Service(log=log, now_s=NOON_S + 600).start()
    assert (later.share, service.share) == (0.5, 0)
    for one in (service, restarted, later):
        one.log.close()


def test_newer_version_starts_the_treatment_again(tmp_path):
    log = tmp_path / "t.jsonl"
    service = Service(Rollback(on=None, errors=0.05), splitter=halves(3), log=log)
    service.serve(200)
    service.look()
    restarted = Service(splitter=halves(4, 0.1), log=log, now_s=NOON_S + 60).start()
    assert restarted.share == 0.1
    assert restarted.monitor.grade().reasons[-1].startswith("rolled back before at 50%, version 3")
    service.log.close(), restarted.log.close()


def test_other_workers_follow_the_log_and_not_a_ramp_of_one_worker(tmp_path):
    """A rollback spreads; a treatment comes back on each worker by a person only."""
    log = tmp_path / "t.jsonl"
    first, second = (Service(Rollback(on=None, errors=0.05), log=log).start() for _ in range(2))
    first.serve(200)
    first.look()
    second.look(2.0)
    assert (first.share, second.share, second.events) == (0, 0, [])
    first.now_s += 60
    first.ramps.use(halves(share=0.2))
    second.look(120)
    first.look(120)
    assert (first.share, second.share) == (0.2, 0)
    first.log.close(), second.log.close()


def test_watched_file_ends_a_rollback_with_a_new_version(tmp_path):
    def text(share, version):
        arms = f'[{{model = "{CONTROL}", weight = {1 - share}}}, {{model = "{TREATMENT}", weight = {share}}}]'
        return f"[splits.rollback]\nversion = {version}\narms = {arms}\n"

    file = tmp_path / "s.toml"
    file.write_text(text(0.5, 3))
    monitor, taken = Monitor(halves(3)), [halves(3)]

    def take(splitter):
        taken.append(splitter)
        monitor.use(splitter)

    options = RampOptions(watch=file, rollback=Rollback(on=None, errors=0.05))
    ramps = Ramps(halves(3), monitor, options, settings=Settings(), take=take)
    ramps.look_at_watch()
    for number in range(200):
        arm = monitor.splitter.assign(number)
        monitor.record(arm, unit=number, outcome="error" if arm.role == "treatment" else "ok")
    ramps.look()
    ramps.look_at_watch()
    assert taken[-1].basis_points == (10_000, 0)
    file.write_text(text(0.4, 3))  # lower weights without a new version are not a ramp
    ramps.look_at_watch()
    assert taken[-1].basis_points == (10_000, 0)
    file.write_text(text(0.1, 4))
    ramps.look_at_watch()
    assert (taken[-1].basis_points, taken[-1].version) == ((9_000, 1_000), 4)


def test_client_rolls_back_in_the_background(relay, tmp_path):
    """Against a relay that fails the treatment; the callback, the log and the next request know it."""
    relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None}])
    events, log, unit = [], tmp_path / "t.jsonl", unit_in(halves(), TREATMENT)
    rollback = Rollback(on=None, errors=0.05, requests=10, every_s=0.1)

    async def run():
        given = {"rollback": rollback, "on_rollback": events.append, "log": log, "retries": 0}
        async with SplitClient(halves(1), **given) as client:
            for _ in range(300):
                try:
                    if (await client.chat(user("?"), unit=unit)).arm == "control":
                        break
                except RequestFailedError:
                    await asyncio.sleep(0.02)
            return client.monitor.report()

    report = asyncio.run(run())
    assert [(event.arm, event.cause, event.version) for event in events] == [(TREATMENT, "errors", 1)]
    assert (report["arms"][1]["weight"], report["ramps"]["rollbacks"][0]["in_force"]) == (0, True)
    with SyncSplitClient(SplitClient(halves(1), log=log)) as client:  # a restart, without conditions of its own
        assert client.chat(user("?"), unit=unit).arm == "control"


async def later(_):
    """A coroutine would never be awaited."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rollback": {"errors": 0.05}}, "is not a Rollback"),
        ({"on_rollback": print}, "without the conditions"),
        ({"rollback": Rollback(), "on_rollback": later}, "is not a plain function"),
        ({"rollback": Rollback(), "on_rollback": 3}, "is not a plain function"),
    ],
)
def test_odd_arguments_are_refused(relay, given, message):
    with pytest.raises(UsageError, match=message):
        SplitClient(halves(), **given)


def test_closed_client_changes_nothing_more(tmp_path):
    """A look that was at work when the client closed must not open the log again."""
    service = Service(Rollback(on=None, errors=0.05))
    service.serve(200)
    service.ramps.stop()
    assert (service.look(), service.share) == ([], 0.5)


def test_conditions_of_the_project_reach_the_client(relay, tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.graysplit.rollback]\non = 'bounds'\nerrors = 0.05\nrequests = 10\nevery_s = 0.1\n")
    relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None}])
    unit = unit_in(halves(), TREATMENT)
    with SyncSplitClient(SplitClient(halves(), project=file, fallback=True, retries=0)) as client:
        for _ in range(500):
            if client.chat(user("?"), unit=unit).failed is None:
                break
        assert client.monitor.report()["ramps"]["rollbacks"][0]["in_force"]


def test_section_of_the_project():
    assert read_rollback(None) is None
    assert read_rollback({"errors": 0.05, "on": "bounds"}) == Rollback(on=None, errors=0.05)
    with pytest.raises(UsageError, match=r"\[tool.graysplit\] rollback.p95: unknown setting"):
        read_rollback({"p95": 8.0})


@pytest.mark.parametrize(
    "given",
    [
        {"on": "promote"},
        {"on": None},
        {"errors": 0},
        {"errors": 1},
        {"errors": "5%"},
        {"errors": True},
        {"p95_s": -1},
        {"usd_per_day": float("nan")},
        {"window_s": 5},
        {"requests": 0},
        {"requests": 1.5},
        {"every_s": 0},
    ],
)
def test_odd_conditions_are_refused(given):
    with pytest.raises(UsageError, match=next(iter(given))):
        Rollback(**given)
