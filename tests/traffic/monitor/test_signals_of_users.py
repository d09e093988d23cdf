"""Named signals of users: counted by arm, with their lag, in every report, and the same from a log."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import Monitor, Split, SyncSplitClient, TrafficSplitter
from pytest_graysplit.config.policy import Policy, SignalRule
from pytest_graysplit.errors import UsageError
from pytest_graysplit.reporting.dashboard.page_text import page_texts
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.reporting.traffic_summary import traffic_lines
from pytest_graysplit.traffic.client.client import SplitClient
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.monitor.monitor import MOST_SIGNALS
from pytest_graysplit.traffic.monitor.prometheus import exposition
from pytest_graysplit.traffic.monitor.replay import Replay


def replayed(*logs):
    replay = Replay()
    replay.feed(read_files(log_files(logs, replay.gaps), replay.gaps))
    return replay


class Clock:
    """Seconds that the test sets."""

    def __init__(self):
        self.now_s = 1_800_000_000.0

    def __call__(self):
        return self.now_s


def signals_of(monitor):
    return {arm["arm"]: arm["signals"] for arm in monitor.report()["arms"]}


def asked(units=400, policy=None, clock=None):
    """A monitor with one request of each unit."""
    splitter = halves()
    monitor = Monitor(splitter, policy=policy, clock=clock or Clock())
    for unit in range(units):
        monitor.record(splitter.assign(unit), unit=unit)
    return monitor


def test_signal_counts_in_the_arm_of_its_unit():
    """With the time since the latest request of the unit."""
    clock = Clock()
    monitor, splitter = asked(clock=clock), halves()
    unit = next(unit for unit in range(400) if splitter.assign(unit).arm == TREATMENT)
    clock.now_s += 30
    monitor.signal(unit, "ticket")
    found = signals_of(monitor)
    units = monitor.report()["arms"][1]["units"]
    assert found["control"] == {}
    assert found[TREATMENT]["ticket"] == {
        "n": 1, "sum": 1.0, "per_unit": 1 / units, "mean": 1.0,
        "lag_s": {"mean": 30.0, "p50": pytest.approx(30, rel=0.005), "p95": pytest.approx(30, rel=0.005),
                  "p99": None, "n": 1},
    }  # fmt: skip


def test_signal_of_a_unit_without_a_compared_request_is_counted_apart():
    """Of a unit that never asked, of a tester who was routed by force, and of requests without a unit."""
    splitter = halves()
    monitor = Monitor(splitter)
    monitor.record(splitter.forced(TREATMENT), unit="tester")
    monitor.record(splitter.assign())
    for unit in ("tester", "stranger"):
        monitor.signal(unit, "ticket")
    assert signals_of(monitor) == {"control": {}, TREATMENT: {}}
    assert monitor.report()["signals"] == {"unasked": {"ticket": 2}, "refused": 0}
    assert "not compared: signals of units without a compared request: 2 ticket" in list(
        traffic_lines(monitor.state(), "t", 100)
    )
    assert TrafficSource(monitor, title="t").snapshot()["notes"] == [
        "signals of units without a compared request: 2 ticket: counted separately",
        "1 request routed by force, counted separately",
        "1 request without a unit went to the control, counted separately",
    ]


def test_signals_of_a_unit_are_added_up_or_replaced():
    """Two tickets are two; a changed thumb is one."""
    monitor = asked()
    for _ in range(2):
        monitor.signal(1, "ticket")
    monitor.signal(1, "thumbs", 0.5)
    monitor.signal(1, "thumbs", 1.0, before=0.5)
    [found] = [arm for arm in signals_of(monitor).values() if arm]
    assert (found["ticket"]["n"], found["ticket"]["sum"]) == (2, 2.0)
    assert (found["thumbs"]["n"], found["thumbs"]["sum"], found["thumbs"]["mean"]) == (1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        ((1, "ticket", 2), "invalid value of the signal ticket: 2"),
        ((1, "ticket", True), "invalid value of the signal ticket: True"),
        ((1, "ticket", float("nan")), "invalid value of the signal ticket: nan"),
        ((1, "two words", 1), "invalid name of a signal: 'two words'"),
        ((1, "x" * 41, 1), f"invalid name of a signal: {'x' * 41!r}"),
        ((1, 7, 1), "invalid name of a signal: 7"),
        ((None, "ticket", 1), "the signal ticket has no unit"),
    ],
)
def test_invalid_signal_is_refused(signal, problem):
    """It would stay in the sums."""
    monitor = asked()
    with pytest.raises(UsageError) as caught:
        monitor.signal(*signal)
    assert (caught.value.problem, caught.value.slug) == (problem, "traffic-signal")
    assert signals_of(monitor) == {"control": {}, TREATMENT: {}}


def test_burst_of_names_is_refused_and_declared_names_still_count():
    """Memory does not grow with names or units that come from outside."""
    monitor = asked(policy=Policy(signals={"ticket": SignalRule(better="lower")}))
    for number in range(MOST_SIGNALS):
        monitor.signal(f"stranger-{number}", f"made-up-{number}")
    for number in range(100):
        with pytest.raises(UsageError) as caught:
            monitor.signal(1, f"more-{number}")
    assert caught.value.problem == ("the signal more-99 is one name too many: 16 that are not declared are counted")
    monitor.signal(1, "ticket")
    report = monitor.report()
    assert (len(report["signals"]["unasked"]), report["signals"]["refused"]) == (MOST_SIGNALS, 100)
    assert [list(arm["signals"]) for arm in report["arms"] if arm["signals"]] == [["ticket"]]


def test_signals_start_again_with_other_weights():
    """A signal of a unit whose requests were under other weights is not compared."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp")
    monitor = Monitor(low)
    monitor.record(low.assign("u"), unit="u")
    monitor.signal("u", "ticket")
    monitor.use(low.ramped({TREATMENT: 0.5}))
    monitor.signal("u", "ticket")
    assert signals_of(monitor) == {"control": {}, TREATMENT: {}}
    assert monitor.report()["signals"]["unasked"] == {"ticket": 1}


def test_log_gives_the_same_signals(relay, tmp_path):
    """Lag, replaced values, strangers and forced requests; a line of the log has no unit in clear."""
    splitter, log = halves(), tmp_path / "t.jsonl"

    async def work(client):
        for number in range(40):
            await client.chat(user("?"), unit=f"user-{number}")
            if number % 3 == 0:
                client.signal(f"user-{number}", "ticket")
            client.signal(f"user-{number}", "thumbs", 0.5)
        client.signal("user-0", "thumbs", 1, before=0.5)
        await client.chat(user("?"), unit="tester", force=TREATMENT)
        client.signal("tester", "ticket")
        return client.monitor

    live = using(splitter, work, log=log).report()
    replay = replayed(log)
    again = replay.monitor.report()
    for one, other in zip(live["arms"], again["arms"], strict=True):
        for name, signal in one["signals"].items():
            figures, lags = dict(signal), signal["lag_s"]
            assert {**other["signals"][name], "lag_s": None} == {**figures, "lag_s": None}
            assert other["signals"][name]["lag_s"]["n"] == lags["n"] == signal["n"]
    assert again["signals"] == live["signals"] == {"unasked": {"ticket": 1}, "refused": 0}
    lines = [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "signal"]
    assert len(lines) == 14 + 40 + 1 + 1
    assert set(lines[0]) == {"kind", "id", "at", "split", "unit", "signal", "value"}
    assert "user-7" not in log.read_text()


def test_logs_of_two_processes_are_counted_together(relay, tmp_path):
    """The signals arrive at another process, whose log is read first: live they are apart, from the logs they count."""
    splitter, logs = halves(), [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]

    async def ask(client):
        for number in range(20):
            await client.chat(user("?"), unit=number)

    async def tell(client):
        for number in range(21):
            client.signal(number, "ticket")
        return client.monitor

    using(splitter, ask, log=logs[1])
    live = using(splitter, tell, log=logs[0]).report()
    assert live["signals"]["unasked"] == {"ticket": 21}
    replay = replayed(*logs)
    found = signals_of(replay.monitor)
    assert replay.monitor.report()["signals"]["unasked"] == {"ticket": 1}
    assert found["control"]["ticket"]["n"] + found[TREATMENT]["ticket"]["n"] == 20
    assert found["control"]["ticket"]["lag_s"]["n"] == found["control"]["ticket"]["n"]


def test_log_of_an_earlier_split_is_not_compared(tmp_path, relay):
    """Signals from before a ramp are left out of a replay, and an invalid line is named."""
    low, log = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp"), tmp_path / "t.jsonl"

    async def work(client):
        await client.chat(user("?"), unit="u")
        client.signal("u", "ticket")
        client.use(low.ramped({TREATMENT: 0.5}))
        client.signal("u", "ticket")
        return client.monitor

    live = using(low, work, log=log).report()
    replay = replayed(log)
    assert replay.monitor.report()["signals"] == live["signals"] == {"unasked": {"ticket": 1}, "refused": 0}
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[-1].replace('"value":1.0', '"value":9.0') + "\n")
    again = replayed(log)
    assert again.monitor.report()["log"]["skipped"] == {"invalid": 1}
    assert again.gaps.first["invalid"].problem == "invalid value of the signal ticket: 9.0"


def test_sync_client_counts_signals(relay):
    """From any thread, also outside its block."""
    with SyncSplitClient(SplitClient(halves())) as client:
        client.chat(user("?"), unit="u")
        client.signal("u", "continued")
        assert sum(len(arm) for arm in signals_of(client.monitor).values()) == 1


def shown(control=20, treatment=20, rule=None, units=4_000):
    """A monitor with one request per unit; so many units of each arm sent a signal."""
    monitor = asked(units, policy=Policy(signals={"ticket": rule} if rule else {}))
    splitter, left = halves(), {"control": control, TREATMENT: treatment}
    for unit in range(units):
        if left[arm := splitter.assign(unit).arm]:
            left[arm] -= 1
            monitor.signal(unit, "ticket")
    return monitor


def row_of(monitor):
    return next((row for row in monitor.grade().rows if row.name == "signal:ticket"), None)


def test_row_of_a_signal_without_a_rule_is_shown_only():
    """It has an interval and no state."""
    row = row_of(shown(100, 300))
    assert (row.state, row.bound, row.critical) == (None, None, False)
    assert 0.05 < row.low < row.estimate < row.high < 0.15
    assert row_of(asked()) is None


@pytest.mark.parametrize(
    ("rule", "numbers", "verdict", "state"),
    [
        (SignalRule(better="lower", margin=0.02, critical=True), (30, 30), "promote", "pass"),
        (SignalRule(better="lower", margin=0.02, critical=True), (30, 300), "reject", "fail"),
        (SignalRule(better="lower", margin=0.02), (30, 300), "promote", "fail"),
        (SignalRule(better="lower", margin=0.02, critical=True), (30, 80), "hold", "inconclusive"),
        (SignalRule(better="higher", critical=True), (1500, 1500), "promote", "pass"),
        (SignalRule(better="higher", critical=True), (1500, 900), "reject", "fail"),
        (SignalRule(better="higher", critical=True), (1500, 0), "reject", "fail"),
        (SignalRule(better="lower", margin=0.02, critical=True), (30, 0), "hold", None),
        (SignalRule(better="lower", margin=0.02, critical=True), (0, 0), "hold", None),
    ],
)
def test_grade_by_a_declared_signal(rule, numbers, verdict, state):
    """A critical one decides; one that an arm never sent cannot promote."""
    monitor = shown(*numbers, rule=rule)
    grade, row = monitor.grade(), row_of(monitor)
    assert (grade.verdict, row and row.state) == (verdict, state)


def test_reasons_of_signals():
    """In points per unit, in the direction that the rule names."""
    lower, higher = SignalRule(better="lower", margin=0.02, critical=True), SignalRule(critical=True)
    [more] = shown(30, 300, rule=lower).grade().reasons
    assert more.startswith("signal ticket is at least 1")
    assert more.endswith(" points more, the bound is 2.0")
    [fewer] = shown(1500, 900, rule=higher).grade().reasons
    assert fewer.startswith("signal ticket is at least ")
    assert fewer.endswith(" points worse, the margin is 5.0")
    assert shown(30, 0, rule=lower).grade().reasons[0].startswith(f"signal ticket is not seen yet in {TREATMENT}; ")
    assert shown(0, 0, rule=lower).grade().reasons[0] == "nothing was measured on both arms for signal ticket"


def test_mean_per_signal_ignores_units_without_one():
    """Few thumbs, all of them up, are as good as many."""
    rule = SignalRule(per="signal", critical=True)
    assert row_of(shown(1500, 500, rule=rule)).estimate == 0
    assert row_of(shown(1500, 500, rule=SignalRule())).estimate < -0.4
    assert row_of(shown(1500, 0, rule=rule)) is None


def test_signals_are_in_every_report():
    """Terminal, page and metrics show what the report has."""
    monitor = shown(30, 60)
    lines = list(traffic_lines(monitor.state(), "t.jsonl", 160))
    assert any("ticket" in line and "feedback" in line for line in lines)
    assert any(line.strip().startswith("signal ticket") for line in lines)
    table = page_texts(TrafficSource(monitor, title="t").snapshot())["table"]
    [row] = [row for row in table if row["title"] == "Signal ticket"]
    assert [cell[1] for cell in row["cells"]] == ["30 signals", "60 signals"]
    samples = {
        (one.name, one.labels.get("arm"), one.labels.get("signal")): one.value
        for family in text_string_to_metric_families(exposition(monitor).decode())
        for one in family.samples
        if "quantile" not in one.labels
    }
    report = signals_of(monitor)
    for arm, n in (("control", 30), (TREATMENT, 60)):
        assert samples["graysplit_signals_total", arm, "ticket"] == n
        assert samples["graysplit_signal_per_unit", arm, "ticket"] == report[arm]["ticket"]["per_unit"]
        assert samples["graysplit_signal_lag_seconds_count", arm, "ticket"] == report[arm]["ticket"]["lag_s"]["n"]
    monitor.signal("stranger", "ticket")
    assert b'graysplit_signals_unasked_total{signal="ticket"} 1.0' in exposition(monitor)


def test_unit_in_arm_named_by_the_application():
    """The arm of a signal is that of the unit's latest request, also if the application chose it by name."""
    splitter = halves()
    monitor, unit = Monitor(splitter), unit_in(splitter, "control")
    monitor.record(TREATMENT, unit=unit)
    monitor.signal(unit, "ticket")
    assert list(signals_of(monitor)[TREATMENT]) == ["ticket"]
