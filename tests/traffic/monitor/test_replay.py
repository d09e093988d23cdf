"""A replayed log fills a monitor like the live requests did."""

import json
from itertools import count

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError, Split, TrafficSplitter
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.monitor.replay import Replay

NUMBERS = count()


def replayed(path, **given):
    replay = Replay(**given)
    replay.feed(read_files(log_files([path], replay.gaps), replay.gaps))
    return replay.only_monitor(str(path))


def without_moments(report):
    return {name: value for name, value in report.items() if name != "started"}


def test_replay_gives_the_same_report(relay, tmp_path):
    """With failures, fallbacks, feedback, forced and anonymous requests."""
    splitter, log = halves(), tmp_path / "t.jsonl"
    relay.control(faults=[{"kind": "500", "match": "[fail]", "times": None}])

    async def work(client):
        for number in range(60):
            reply = await client.chat(user(f"question {number}"), unit=number)
            client.feedback(reply.id, number % 2)
        with pytest.raises(RequestFailedError):
            await client.chat(user("[fail]"), unit=unit_in(splitter, "control"))
        with pytest.raises(RequestFailedError):
            await client.chat(user("[fail]"), unit=unit_in(splitter, TREATMENT))
        await client.chat(user("?"))
        await client.chat(user("?"), force=TREATMENT)
        return client.monitor

    monitor = using(splitter, work, log=log, fallback=True, retries=0)
    assert without_moments(replayed(log).report()) == without_moments(monitor.report())
    assert [one.outcome for one in replayed(log).failures] == ["error", "error"]


def test_replay_compares_the_latest_split(relay, tmp_path):
    """Requests before a ramp count only in the totals, as in the live monitor."""
    low, log = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp"), tmp_path / "t.jsonl"

    async def work(client):
        for number in range(20):
            await client.chat(user("?"), unit=number)
        client.use(low.ramped({TREATMENT: 0.5}))
        for number in range(30):
            await client.chat(user("?"), unit=number)
        return client.monitor

    monitor = using(low, work, log=log)
    report = replayed(log).report()
    assert without_moments(report) == without_moments(monitor.report())
    assert report["earlier"]["requests"] == 20


def line(**more):
    return {"kind": "request", "id": f"x{next(NUMBERS)}", "at": "2026-11-26T00:00:00.000Z", "split": halves().identity, "arm": "control",
            "model": CONTROL, "outcome": "ok", **more}  # fmt: skip


def declared(splitter, at="2026-11-26T00:00:00.000Z"):
    arms = [
        {"arm": one.arm, "role": one.role, "model": one.model, "basis_points": points}
        for one, points in zip(splitter.assignments, splitter.basis_points, strict=True)
    ]
    return {"kind": "split", "format": 1, "split": splitter.identity, "salt": splitter.salt, "at": at, "arms": arms}


def written(path, *lines):
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_replay_ignores_an_older_split_that_is_declared_later(tmp_path):
    """In a rolling restart the last worker with the old weights may open the log after the first with the new ones."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp")
    high = low.ramped({TREATMENT: 0.5})
    log = written(
        tmp_path / "t.jsonl",
        declared(high, at="2026-11-26T00:00:02.000Z"),
        declared(low, at="2026-11-26T00:00:01.000Z"),
        line(split=high.identity, unit=high.key("u").hex()),
        line(split=low.identity, unit=low.key("u").hex()),
    )
    report = replayed(log).report()
    assert (report["split"], report["arms"][0]["requests"], report["earlier"]["requests"]) == (high.identity, 1, 1)


def test_replay_replaces_an_earlier_score(tmp_path):
    """A user who changes a score counts once, in the log as in the live monitor."""
    request_id = f"{halves().identity}-0-1f-00000000"
    words = ({"score": 1}, {"score": 0, "before": 1}, {"score": 0.5, "before": 0})
    scores = [{"kind": "feedback", "id": request_id, "at": "2026-11-26T00:00:00.000Z", **one} for one in words]
    report = replayed(written(tmp_path / "t.jsonl", declared(halves()), *scores)).report()
    assert report["arms"][0]["feedback"] == {"n": 1, "mean": 0.5}


def test_replay_prices_tokens_without_a_cost(tmp_path):
    """A log of a model without a price can be graded later with one."""
    usage = {"prompt": 1_000_000, "completion": 250_000, "total": 1_250_000}
    unit = halves().key("u").hex()
    log = written(tmp_path / "t.jsonl", declared(halves("new")), line(split=halves("new").identity, model="new", arm="new",
                                                                     usage=usage, unit=unit))  # fmt: skip
    assert replayed(log).report()["arms"][1]["cost_usd"] is None
    prices = {"new": {"input": 2, "output": 4}}
    assert replayed(log, prices=prices).report()["arms"][1]["cost_usd"] == 3.0


@pytest.mark.parametrize(
    ("bad", "kind", "problem"),
    [
        (line(split="00000000"), "undeclared", "split '00000000', arm 'control'"),
        (line(arm="other"), "undeclared", "split '52f5def0', arm 'other'"),
        (line(unit="xyz"), "invalid", "'xyz' is not the key of a unit"),
        (line(unit="abcd"), "invalid", "'abcd' is not the key of a unit"),
        (line(cost_usd="NaN"), "invalid", "NaN is not a valid latency, cost or number of attempts"),
        (line(attempts=-5), "invalid", "-5 is not a valid latency, cost or number of attempts"),
        (line(at="yesterday"), "invalid", "'yesterday' is not a time"),
        ({"kind": "feedback", "id": "x", "at": "2026-11-26", "score": 1}, "invalid", "'x' is not the id of a request"),
        ({**declared(halves()), "salt": ""}, "invalid", "'' is not a salt"),
        ({**declared(halves()), "at": "yesterday"}, "invalid", "'yesterday' is not a time"),
        ({**declared(halves()), "arms": []}, "invalid",
         "a split needs a control and a treatment, 100 arms at most, and has 0"),
    ],
)  # fmt: skip
def test_replay_leaves_out_and_counts_an_invalid_line(tmp_path, monkeypatch, bad, kind, problem):
    """The lines around it are counted, and its place is named with the problem."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "t.jsonl", declared(halves()), line(), bad, line()).relative_to(tmp_path)
    monitor = replayed(path)
    report = monitor.report()
    assert (report["total"]["requests"], report["log"]["skipped"]) == (2, {kind: 1})
    assert monitor.gaps.first[kind] == ("t.jsonl:3", problem)


def test_replay_without_a_split_raises(tmp_path, monkeypatch):
    """The message says why the arms are unknown."""
    monkeypatch.chdir(tmp_path)
    messages = []
    for lines in ([line()], [{**declared(halves()), "format": 2}, line()]):
        with pytest.raises(UsageError) as caught:
            replayed(written(tmp_path / "t.jsonl", *lines).relative_to(tmp_path))
        messages.append((caught.value.problem, caught.value.slug))
    assert messages == [
        ("t.jsonl: declares no split, so its arms are unknown", "traffic-line"),
        ("t.jsonl:1: is format 2, this version reads 1", "traffic-format"),
    ]


def two_experiments(path):
    """Write a log with two salts, the second of which has twice as many requests."""
    first, second = halves(), TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt="second")
    lines = [declared(first), declared(second)]
    for number in range(30):
        one = second if number % 3 else first
        lines.append(line(split=one.identity, unit=one.key(number).hex(), arm=one.assign(number).arm))
    return written(path, *lines)


def test_replay_of_two_experiments_needs_a_choice(tmp_path, monkeypatch):
    """Neither the last nor the largest is graded by itself."""
    monkeypatch.chdir(tmp_path)
    path = two_experiments(tmp_path / "t.jsonl").relative_to(tmp_path)
    with pytest.raises(UsageError) as caught:
        replayed(path)
    assert str(caught.value) == (
        "t.jsonl: holds 2 experiments: halves (10 requests until 2026-11-26T00:00:00); second (20 requests until "
        "2026-11-26T00:00:00)\n  hint: choose one of them by its salt: --experiment second  [traffic-experiments]"
    )
    assert [replayed(path, experiment=salt).report()["total"]["requests"] for salt in ("halves", "second")] == [10, 20]
    with pytest.raises(UsageError) as caught:
        replayed(path, experiment="secnd")
    assert caught.value.problem == "t.jsonl: holds no experiment 'secnd', did you mean second?"


def test_replay_grades_experiments_like_logs_of_their_own(tmp_path):
    """The report of one experiment does not depend on the other."""
    both = two_experiments(tmp_path / "t.jsonl")
    alone = tmp_path / "alone.jsonl"
    split = replayed(both, experiment="second").splitter.identity
    alone.write_text("".join(one for one in both.read_text().splitlines(keepends=True) if split in one))
    assert replayed(both, experiment="second").report() == replayed(alone).report()


def test_replay_ignores_an_experiment_without_requests(tmp_path):
    """A service that starts with a new salt declares it before the first user arrives."""
    second = TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt="second")
    log = written(tmp_path / "t.jsonl", declared(second), declared(halves()), line())
    assert replayed(log).report()["salt"] == "halves"


def test_replay_bounds_the_number_of_experiments(tmp_path):
    """A salt per request would be a monitor per request: the rest is counted, and the choice is still refused."""
    lines = []
    for number in range(30):
        one = TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt=f"s{number}")
        lines += [declared(one), line(split=one.identity)]
    replay = Replay()
    replay.feed(read_files([written(tmp_path / "t.jsonl", *lines)], replay.gaps))
    assert sum(one.monitor is not None for one in replay.experiments.values()) == 20
    assert len(list(replay.others())) == 29
    with pytest.raises(UsageError, match="holds 30 experiments"):
        replay.only_monitor("t.jsonl")
