"""`graysplit grade` and `graysplit dashboard` as processes see them: exit codes, output, HTTP."""

import gzip
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Event, Thread
from urllib.request import ProxyHandler, build_opener

import pytest
from splits import CONTROL, TREATMENT, halves

from pytest_graysplit import Split, TrafficSplitter, Usage
from pytest_graysplit.cli import main, traffic
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.reporting import traffic_summary
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.traffic.log.follower import LogsFollower
from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.traffic.monitor.replay import Replay
from pytest_graysplit.verdict import Criterion

NO_SPLIT = (
    "traffic.jsonl: declares no split, so its arms are unknown\n"
    "  hint: a log begins with its split; read it from the beginning, with its rotated files beside it  [traffic-line]\n"
)


def write(path, requests, *, splitter=None, failing=0.0, seed=1, **given):
    """Write a log of so many requests by a third as many users; a share of the treatment's requests fails."""
    splitter, dice = splitter or halves(), Random(seed)
    monitor, prices, usage = Monitor(splitter), PriceTable({}), Usage(prompt=100, completion=20, total=120)
    with TrafficLog(path, splitter=splitter, clock=lambda: 0.0, **given) as log:
        for number in range(requests):
            unit = f"user-{number % max(1, requests // 3)}"
            one = splitter.assign(unit)
            fails = one.role == "treatment" and dice.random() < failing
            request_id = monitor.record(one, unit=unit)
            log.write(
                RequestRecord(
                    id=request_id,
                    at=f"2026-11-26T00:{number // 60 % 60:02}:{number % 60:02}.000Z",
                    split=splitter.identity,
                    arm=one.arm,
                    model=one.model,
                    outcome="error" if fails else "ok",
                    error="http-503" if fails else None,
                    unit=splitter.key(unit).hex(),
                    latency_s=0.8 if one.role == "control" else 0.6,
                    usage=None if fails else usage,
                    cost_usd=None if fails else prices.cost_of_tokens(one.model, usage),
                    messages=({"role": "user", "content": f"question {number % 7}"},),
                )
            )
            if number % 2:
                log.write(FeedbackRecord(id=request_id, at="2026-11-26T00:00:00.000Z", score=1.0))
    return path


def graysplit(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in list(os.environ):
        if name.startswith("GRAYSPLIT_"):
            monkeypatch.delenv(name)


PROMOTED = """\
traffic.jsonl · experiment halves · 6,000 requests of 2,000 units

arm                share  units  ok                   p50     p95     errors  feedback       cost
claude-sonnet-4.5  50.0%  1,027  3,081/3,081  100.0%  0.80 s  0.80 s  0       1.00 of 1,554  $1.85
deepseek-v3.2      50.0%  973    2,919/2,919  100.0%  0.60 s  0.60 s  0       1.00 of 1,446  $0.1063

deepseek-v3.2 against claude-sonnet-4.5
  pass rate             0.0 pp  (-0.8 .. +0.8, bound -5.0)  pass
  errors and refusals   0.0 pp  (-0.8 .. +0.8, bound +2.0)  pass
  latency               x0.75  (x0.75 .. x0.75, bound x1.25)  pass
  p95 latency           x0.75  (x0.75 .. x0.75, bound x2.00)  pass
  p99 latency           x0.75  (x0.75 .. x0.75, bound x2.00)  pass
  cost per pass         -94%  (-94% .. -94%)  pass
  feedback              0.0 pp  (-1.5 .. +1.4, bound -5.0)  pass
  savings               $563.60 per million requests  ($563.60 .. $563.60)
  requests per unit     x1.00  (x1.00 .. x1.00)
  grade         PROMOTE: pass rate is at most 0.8 points worse, the margin is 5.0
                errors and refusals are at most 0.8 points more, the bound is 2.0
                feedback is at most 1.5 points worse, the margin is 5.0
"""


def test_grade_promotes_a_good_treatment(capsys):
    """Exit code 0, which no other grade has, and the whole output."""
    write(Path("traffic.jsonl"), 6000)
    code, out, err = graysplit(capsys, "grade", "traffic.jsonl")
    assert (code, err) == (0, "")
    assert out == PROMOTED


def test_grade_names_a_heavy_unit(capsys):
    """By its key in the log, with a lower bound of its share."""
    path, splitter = write(Path("traffic.jsonl"), 6000), halves()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    key = splitter.key("user-0").hex()
    with path.open("a", encoding="utf-8") as log:
        log.writelines(line.replace('"id":"', f'"id":"{copy}') for copy in range(150) for line in lines if key in line)
    arm = splitter.assign("user-0").arm
    code, out, err = graysplit(capsys, "grade", "traffic.jsonl", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    [one] = next(each for each in report["arms"] if each["arm"] == arm)["heavy_units"]
    assert one == {"unit": key, "requests": pytest.approx(453, abs=15), "share": pytest.approx(0.13, abs=0.01)}
    said = f"but unit {key[:12]} sends at least {100 * one['share']:.1f}% of the requests of {arm}: so much of its"
    assert [reason for reason in report["grades"][0]["reasons"] if reason.startswith(said)]


@pytest.mark.parametrize(
    ("requests", "failing", "code", "last"),
    [
        (6000, 0.3, 1, "  grade         REJECT: pass rate is at least "),
        (300, 0.01, 3, "  grade         HOLD: "),
        (60, 0.0, 4, "  grade         COLLECTING: control: only 11 units with requests; a grade needs at least 30"),
    ],
    ids=["reject", "hold", "collecting"],
)
def test_grade_exit_codes(capsys, requests, failing, code, last):
    """A script that checks only for success never promotes by mistake."""
    write(Path("traffic.jsonl"), requests, failing=failing)
    told, out, err = graysplit(capsys, "grade", "traffic.jsonl")
    assert (told, err) == (code, "")
    assert any(line.startswith(last) for line in out.splitlines()), out


def test_grade_json(capsys):
    """The same as monitor.report(), with the same exit code."""
    write(Path("traffic.jsonl"), 300, failing=0.5)
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl", "--json")
    report = json.loads(out)
    assert report["grades"][0]["verdict"] == {1: "reject", 3: "hold"}[code]
    assert report["total"]["requests"] == 300


def test_grade_reads_rotated_files(capsys):
    """Rotated and compressed files belong to their log."""
    write(Path("traffic.jsonl"), 600, max_bytes=40_000, backups=50)
    assert len(list(Path().glob("traffic.jsonl.*"))) > 3
    _, out, _ = graysplit(capsys, "grade", "traffic.jsonl")
    assert out.startswith("traffic.jsonl · experiment halves · 600 requests of 200 units\n")


def test_grade_reads_several_logs_and_folders_once(capsys):
    """A log per worker, named by itself, by a pattern and by its folder."""
    Path("logs").mkdir()
    write(Path("logs/one.jsonl"), 300, max_bytes=40_000, backups=50, seed=1)
    write(Path("logs/two.jsonl"), 300, seed=2)
    write(Path("three.jsonl"), 300, seed=3)
    rotated = sorted(Path("logs").glob("one.jsonl.?"))
    assert rotated
    _, out, _ = graysplit(capsys, "grade", "three.jsonl", "logs", "logs/one.jsonl", *rotated, "logs/../three.jsonl")
    assert out.splitlines()[0].endswith(" · experiment halves · 900 requests of 100 units")


def test_grade_of_two_experiments_needs_a_choice(capsys):
    """Never the one that came last: exit code 2 and both salts; `--experiment` grades one."""
    write(Path("traffic.jsonl"), 6000, failing=0.3)
    good = TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt="second")
    write(Path("traffic.jsonl"), 6000, splitter=good, seed=2)
    for command in ("grade", "dashboard"):
        code, out, err = graysplit(capsys, command, "traffic.jsonl")
        assert (code, out) == (2, "")
        assert err.startswith(
            "traffic.jsonl: holds 2 experiments: halves (6,000 requests until 2026-11-26T00:59:59); second"
        )
        assert err.endswith("hint: choose one of them by its salt: --experiment second  [traffic-experiments]\n")
    codes = [graysplit(capsys, "grade", "traffic.jsonl", "--experiment", salt)[0] for salt in ("halves", "second")]
    assert codes == [1, 0]


def test_grade_of_a_damaged_log(capsys):
    """A torn line is named with a promotion; a log with many bad lines is graded, and never promoted."""
    path = write(Path("traffic.jsonl"), 6000)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[-1][:40]]), encoding="utf-8")
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl")
    assert (code, "log: 1 line is incomplete, as a kill leaves it" in " ".join(out.split())) == (0, True)
    bad = [line.replace('"outcome":"ok"', '"outcome":"fine"') for line in lines[:600]]
    path.write_text("".join([*bad, *lines[600:]]), encoding="utf-8")
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl", "--json")
    [grade] = json.loads(out)["grades"]
    assert (code, grade["verdict"]) == (3, "hold")
    assert "of the log could not be counted" in grade["reasons"][0]


def test_grade_after_logrotate_and_kills(capsys):
    """Dated, compressed and emptied files, and a copy of one of them: every request counts once."""
    path = write(Path("traffic.jsonl"), 3000)
    path.rename("traffic.jsonl-20261124")
    write(path, 3000, seed=2)
    Path("traffic.jsonl-20261125.gz").write_bytes(gzip.compress(path.read_bytes()))
    shutil.copy("traffic.jsonl-20261124", "copy.jsonl")
    os.truncate(path, 0)
    write(path, 3000, seed=3)
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl", "copy.jsonl", "--json")
    report = json.loads(out)
    assert (code, report["total"]["requests"]) == (0, 9000)
    assert report["log"]["skipped"]["doubled"] == 3000 + 1500


def test_grade_reads_the_project(capsys):
    """Margin and bounds of [tool.graysplit] apply to traffic too."""
    write(Path("traffic.jsonl"), 6000)
    Path("pyproject.toml").write_text(
        '[tool.graysplit.verdict]\ncritical = ["pass_rate", "latency"]\nbounds = {latency = 0.5}\n'
    )
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl")
    assert code == 1
    assert "  grade         REJECT: latency is at least x0.75, the bound is x0.5\n" in out


def test_grade_ignores_settings_of_requests(capsys):
    """A header that names a missing variable does not stop a command that sends nothing."""
    write(Path("traffic.jsonl"), 60)
    Path("pyproject.toml").write_text('[tool.graysplit.headers]\n"X-Team" = "$TEAM_TOKEN_THAT_IS_NOT_HERE"\n')
    assert graysplit(capsys, "grade", "traffic.jsonl")[0] == 4


def test_grade_needs_a_treatment_if_there_are_several(capsys):
    """The command does not guess."""
    splitter = TrafficSplitter([Split(CONTROL, 0.4), Split(TREATMENT, 0.3), Split("gpt-4.1", 0.3)], salt="s")
    write(Path("traffic.jsonl"), 900, splitter=splitter)
    code, _, err = graysplit(capsys, "grade", "traffic.jsonl")
    assert (code, err) == (
        2,
        "there are 2 treatments, and the grade of none was requested\n  hint: name one: deepseek-v3.2, gpt-4.1  [split-arm-unknown]\n",
    )
    assert graysplit(capsys, "grade", "traffic.jsonl", "--treatment=gpt-4.1")[0] in (0, 3)


@pytest.mark.parametrize("command", ["grade", "dashboard"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "traffic.jsonl: no such file\n  hint: logs there: none  [traffic-file]\n"),
        ("", ("traffic.jsonl: contains no record of traffic\n"
             "  hint: SplitClient(log=...) writes a log as soon as it gets requests  [traffic-file]\n")),
        ('{"kind":"feedback","id":"a","at":"2026-11-26T00:00:00Z","score":1}\n', NO_SPLIT),
    ],
    ids=["missing", "empty", "no split"],
)  # fmt: skip
def test_grade_of_an_invalid_log_exits_with_2(capsys, command, text, message):
    """One message."""
    if text is not None:
        Path("traffic.jsonl").write_text(text)
    if (text, command) == ("", "dashboard"):
        message = NO_SPLIT
    assert graysplit(capsys, command, "traffic.jsonl") == (2, "", message)


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_dashboard_checks_the_port(capsys, port):
    """argparse names the option and the value."""
    with pytest.raises(SystemExit) as caught:
        main(["dashboard", "traffic.jsonl", f"--port={port}"])
    assert caught.value.code == 2
    assert f"argument --port: '{port}' is not a port from 0 to 65535" in capsys.readouterr().err


def test_dashboard_on_another_address_needs_a_token(capsys):
    """The page shows prompts and answers."""
    write(Path("traffic.jsonl"), 9)
    code, _, err = graysplit(capsys, "dashboard", "traffic.jsonl", "--host=0.0.0.0", "--port=0")
    assert (code, "[dashboard-token]" in err) == (2, True)


def test_dashboard_follows_the_log_until_ctrl_c():
    """A separate process prints its address, shows new requests, and ends with Ctrl-C without further output."""
    write(Path("traffic.jsonl"), 30)
    command = [sys.executable, "-m", "pytest_graysplit", "dashboard", "traffic.jsonl", "--port=0"]
    page = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = page.stdout.readline()
    try:
        url = told.split(" at ")[1].split()[0]
        opener = build_opener(ProxyHandler({}))

        def requests_shown():
            with opener.open(f"{url}metrics/dashboard", timeout=10) as answer:
                return json.loads(answer.read())["progress"]["done"]

        assert requests_shown() == 30
        write(Path("traffic.jsonl"), 12)
        deadline = time.monotonic() + 20
        while requests_shown() != 42 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert requests_shown() == 42
        with opener.open(f"{url}metrics", timeout=10) as answer:
            assert b'graysplit_requests_total{arm="control"' in answer.read()
    finally:
        page.send_signal(signal.SIGINT)
        out, err = page.communicate(timeout=20)
    assert told == f"live page of traffic.jsonl at {url} (Ctrl-C ends it)\n"
    assert (page.returncode, out.strip(), err) == (0, "", "")


def test_grade_shows_excluded_and_previous_requests(capsys):
    """Forced and anonymous requests, and those of earlier weights."""
    path = write(Path("traffic.jsonl"), 9)
    splitter = halves()
    with TrafficLog(path, splitter=splitter.ramped({TREATMENT: 0.4}), clock=lambda: 1.0) as log:
        split = splitter.ramped({TREATMENT: 0.4}).identity
        common = {"at": "2026-11-26T00:00:00.000Z", "split": split, "outcome": "ok", "latency_s": 1.0}
        for arm, model in (("control", CONTROL), (TREATMENT, TREATMENT)):
            unit = splitter.key(arm).hex()
            log.write(RequestRecord(id=arm, arm=arm, model=model, unit=unit, cost_usd=Decimal("0.01"), **common))
        log.write(RequestRecord(id="f", arm=TREATMENT, model=TREATMENT, forced=True, **common))
        log.write(RequestRecord(id="a", arm="control", model=CONTROL, **common))
    code, out, _ = graysplit(capsys, "grade", "traffic.jsonl")
    assert code == 4
    assert out.splitlines()[1] == (
        "not compared: 9 requests from before the weights changed, 1 request routed by force, 1 request without a unit"
    )


def test_follow_continues_after_an_invalid_line():
    """The page counts the next lines too, and a note names the line."""
    path = write(Path("traffic.jsonl"), 9)
    replay, problems, done = Replay(), [], Event()
    with closing(LogsFollower([path], replay.gaps)) as log:
        replay.feed(log.new())
        with path.open("a") as file:
            file.write("{}\n")
        write(path, 3)
        replay.feed(log.new())
        source = TrafficSource(replay.monitor, title="traffic")
        [note] = source.snapshot()["notes"]
        assert note.startswith("log: 1 line is not a line of a traffic log: traffic.jsonl:")
        assert replay.monitor.state().total.requests == 12
        follow = Thread(target=traffic._follow, args=(replay, log, problems, done))
        done.set()
        follow.start()
        follow.join(20)
    assert problems == []


def test_follow_ends_with_a_note(monkeypatch):
    """The page keeps its data, and shows why it does not continue."""
    path = write(Path("traffic.jsonl"), 9)
    replay, problems = Replay(), []
    monkeypatch.setattr(traffic, "POLL_S", 0.01)
    with closing(LogsFollower([path], replay.gaps)) as log:
        replay.feed(log.new())
        monkeypatch.setattr(log, "new", lambda: 1 / 0)
        traffic._follow(replay, log, problems, Event())
    assert problems == ["the log is no longer followed: division by zero"]
    assert replay.monitor.state().total.requests == 9


@pytest.mark.parametrize(
    ("name", "shown"), [("latency", "x1.00"), ("savings", "$1.00 per million requests"), ("cost_per_pass", "x1.00")]
)
def test_row_without_an_interval(name, shown):
    """An interval from zero to infinity would only look like a figure."""
    row = Criterion(name=name, estimate=1.0, low=0.0, high=math.inf, n=31, method="t")
    assert traffic_summary.figure_text(row) == f"{shown}  (too few units for an interval)"
