"""A replayed log fills a monitor like the live requests did."""

import json

import pytest
from splits import CONTROL, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import RequestFailedError, Split, TrafficSplitter
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.reader import log_files, read_files
from pytest_graysplit.traffic.monitor.replay import Replay


def replayed(path, **given):
    replay = Replay(**given)
    replay.feed(read_files(log_files([path])))
    return replay.monitor


def without_moments(report):
    """Return the report without its start, and without the states of guards, which only their process knows."""
    return {name: value for name, value in report.items() if name not in ("started", "guards")}


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
    return {"kind": "request", "id": "x", "at": "2026-11-26T00:00:00.000Z", "split": halves().identity, "arm": "control",
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
    ("lines", "message"),
    [
        ([line()], ("t.jsonl:1: the request belongs to a split '52f5def0' with an arm 'control', which no line before "
                   "it declares")),
        ([declared(halves()), line(arm="other")],
         "t.jsonl:2: the request belongs to a split '52f5def0' with an arm 'other', which no line before it declares"),
        ([declared(halves()), line(unit="xyz")], "t.jsonl:2: 'xyz' is not the key of a unit"),
        ([declared(halves()), line(unit="abcd")], "t.jsonl:2: 'abcd' is not the key of a unit"),
        ([declared(halves()), line(cost_usd="NaN")], "t.jsonl:2: NaN is not a valid latency, cost or number of attempts"),
        ([declared(halves()), line(attempts=-5)], "t.jsonl:2: -5 is not a valid latency, cost or number of attempts"),
        ([declared(halves()), line(at="yesterday")], "t.jsonl:2: 'yesterday' is not a time"),
        ([declared(halves()), {"kind": "feedback", "id": "x", "at": "2026-11-26", "score": 1}],
         "t.jsonl:2: 'x' is not the id of a request"),
        ([{**declared(halves()), "salt": ""}], "t.jsonl:1: '' is not a salt"),
    ],
)  # fmt: skip
def test_replay_names_an_invalid_line(tmp_path, monkeypatch, lines, message):
    """The message has the file and the line number."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "t.jsonl", *lines).relative_to(tmp_path)
    with pytest.raises(UsageError) as caught:
        replayed(path)
    assert (caught.value.problem, caught.value.slug) == (message, "traffic-line")
