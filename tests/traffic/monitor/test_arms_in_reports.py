"""Names of configured arms after the client: log, replay, grade, report, summary, metrics, page, exported cases."""

import json
import os
from decimal import Decimal

import pytest
from splits import CONTROL

from pytest_graysplit import Split, TrafficSplitter, Usage
from pytest_graysplit.cli import main
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.prometheus import exposition
from pytest_graysplit.traffic.monitor.replay import Replay
from pytest_graysplit.traffic.splitter.configured import with_arms

ARMS = """
[tool.graysplit.arms.today]
model = "claude-sonnet-4.5"

[tool.graysplit.arms.ours]
model = "qwen3-32b"
system = "{system}"
price = {{ input = {price}, output = {price} }}
"""
USAGE = Usage(prompt=100, completion=20, total=120)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A pyproject.toml in the working folder."""
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path)


def write_project(folder, system="Be brief.", price=1):
    file = folder / "pyproject.toml"
    file.write_text(ARMS.format(system=system, price=price))
    return file


def split_of(project, treatment="ours", control="today"):
    splitter = TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5)], salt="support")
    return with_arms(splitter, read_settings(project, os.environ))


def write_log(path, splitter, units=200, *, failing=0, cost_usd=None, number=0):
    """Write a request per unit, by default without its cost; the first units of the treatment fail."""
    failed = 0
    with TrafficLog(path, splitter=splitter, clock=lambda: float(number)) as log:
        for unit in range(units):
            one = splitter.assign(unit)
            failed += one.role == "treatment"
            bad = one.role == "treatment" and failed <= failing
            log.write(
                RequestRecord(
                    id=f"id-{number}-{unit}",
                    at="2026-11-26T00:00:00.000Z",
                    split=splitter.identity,
                    arm=one.arm,
                    model=one.model,
                    outcome="error" if bad else "ok",
                    unit=splitter.key(unit).hex(),
                    latency_s=0.5,
                    usage=None if bad else USAGE,
                    cost_usd=cost_usd,
                    served_model=None if bad else one.model,
                    messages=({"role": "user", "content": f"question {unit % 7}"},),
                )
            )
    return path


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def replayed(path, project):
    settings = read_settings(project, os.environ)
    replay = Replay(prices=settings.prices, policy=settings.policy)
    replay.feed(read_files(log_files([path], replay.gaps), replay.gaps))
    return replay.monitor


def test_log_declares_table_and_fingerprint(project, tmp_path):
    """The model of a request is the real one; the arm of the control stays `control`."""
    splitter = split_of(project)
    first, *requests = lines_of(write_log(tmp_path / "t.jsonl", splitter, 20))
    fingerprint = splitter.splits[1].fingerprint
    assert first["arms"] == [
        {"arm": "control", "role": "control", "model": CONTROL, "basis_points": 5000, "table": "today"},
        {"arm": "ours", "role": "treatment", "model": "qwen3-32b", "basis_points": 5000, "table": "ours",
         "fingerprint": fingerprint},
    ]  # fmt: skip
    assert {(line["arm"], line["model"]) for line in requests} == {("control", CONTROL), ("ours", "qwen3-32b")}


def test_replay_names_the_arms_and_prices_them(project, tmp_path):
    """A cost that the log does not have is computed at the price of the arm, not of its model."""
    report = replayed(write_log(tmp_path / "t.jsonl", split_of(project)), project).report()
    control, ours = report["arms"]
    assert (control["arm"], control["role"], control["model"], control["name"]) == (
        "control",
        "control",
        CONTROL,
        "today",
    )
    assert (ours["arm"], ours["model"], ours["name"], ours["unpriced"]) == ("ours", "qwen3-32b", "ours", 0)
    assert ours["cost_usd"] == pytest.approx(ours["requests"] * 120 / 1e6)
    assert control["requests"] + ours["requests"] == 200
    assert report["earlier"]["requests"] == 0


def test_cost_in_the_log_wins_over_the_price(project, tmp_path):
    """A request keeps the cost that it had when it was sent."""
    log = write_log(tmp_path / "t.jsonl", split_of(project), cost_usd=Decimal("0.5"))
    ours = replayed(log, project).report()["arms"][1]
    assert ours["cost_usd"] == ours["requests"] * 0.5


def test_changed_table_begins_a_new_comparison(project, tmp_path):
    """Requests with the earlier prompt count in the totals only, so they cannot promote the later one."""
    log = write_log(tmp_path / "t.jsonl", split_of(project), 100)
    changed = split_of(write_project(tmp_path, system="Be kind."))
    write_log(log, changed, 40, number=1)
    report = replayed(log, project).report()
    assert (report["split"], report["earlier"]["requests"]) == (changed.identity, 100)
    assert sum(arm["requests"] for arm in report["arms"]) == 40
    again = split_of(write_project(tmp_path, system="Be kind.", price=5))
    assert again.identity == changed.identity


def test_plain_arms_have_no_name(project, tmp_path):
    """Reports of logs from before arms could be configured stay as they were."""
    splitter = TrafficSplitter([Split("gpt-4.1", 0.5), Split("deepseek-v3.2", 0.5)], salt="s")
    log = write_log(tmp_path / "t.jsonl", splitter, 20)
    assert not {"table", "fingerprint"} & {key for arm in lines_of(log)[0]["arms"] for key in arm}
    assert not any("name" in arm for arm in replayed(log, project).report()["arms"])


def test_two_prompts_of_one_model_are_judged_against_each_other(project, tmp_path):
    """A worse prompt is rejected; equal tables of one model are one model against itself, which holds."""
    project.write_text(
        "".join(f'[tool.graysplit.arms.v{n}]\nmodel = "gpt-4.1"\nsystem = "Prompt {n % 2}."\n' for n in (1, 2, 3))
    )
    other, same = (
        replayed(write_log(tmp_path / f"{name}.jsonl", split_of(project, name, "v1"), 2_000, failing=300), project)
        for name in ("v2", "v3")
    )
    assert other.grade().verdict == "reject"
    assert (same.grade().verdict, same.grade().reasons[0][:23]) == ("hold", "one model in both arms ")


def test_grade_command_names_the_arms(project, tmp_path, capsys):
    """The summary says what they are; the table and the title name the control by its table."""
    log = write_log(tmp_path / "t.jsonl", split_of(project), 200)
    assert main(["grade", str(log)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "today is claude-sonnet-4.5, ours is qwen3-32b"
    assert [line.split()[0] for line in lines if line.startswith(("today  ", "ours  "))] == ["today", "ours"]
    assert "ours against today" in lines
    assert main(["grade", str(log), "--json", "--treatment", "ours"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["arms"][1]["cost_usd"] == pytest.approx(report["arms"][1]["requests"] * 120 / 1e6)


def test_grade_command_needs_no_variable_of_an_arm(project, tmp_path, capsys, monkeypatch):
    """Nothing is sent, so keys, headers and prompts of the arms are not read."""
    log = write_log(tmp_path / "t.jsonl", split_of(project), 200)
    text = 'base_url = "https://h.example/v1"\napi_key_env = "NOT_SET"\nheaders = { "X" = "$NOT_SET" }\n'
    project.write_text(f'[tool.graysplit.arms.ours]\nmodel = "qwen3-32b"\nsystem = "file:gone.md"\n{text}')
    assert main(["grade", str(log)]) == 3
    assert "ours against today" in capsys.readouterr().out


def test_metrics_have_arm_and_model(project, tmp_path):
    """The labels of the control stay `control`, so that dashboards and alerts keep working."""
    text = exposition(replayed(write_log(tmp_path / "t.jsonl", split_of(project)), project)).decode()
    assert f'graysplit_requests_total{{arm="control",model="{CONTROL}",outcome="ok",role="control"}}' in text
    assert 'graysplit_requests_total{arm="ours",model="qwen3-32b",outcome="ok",role="treatment"}' in text


def test_page_names_the_arms(project, tmp_path):
    """By the names of their tables, with a note that says which models they are."""
    monitor = replayed(write_log(tmp_path / "t.jsonl", split_of(project), failing=1), project)
    source = TrafficSource(monitor, title="support")
    shown = source.snapshot()
    assert shown["subtitle"] == "control today 50.0%, ours 50.0% · experiment support"
    assert [(arm["arm"], arm["model"]) for arm in shown["arms"]] == [("control", "today"), ("ours", "ours")]
    assert shown["notes"] == ["today is claude-sonnet-4.5, ours is qwen3-32b"]
    [failed] = source.case(shown["worst"][0]["id"])["arms"]
    assert (failed["arm"], failed["model"]) == ("ours", "qwen3-32b")


def test_exported_cases_run_with_the_names_of_the_arms(project, tmp_path, capsys):
    """The command that is printed for the next step compares the configured arms, not their models."""
    log = write_log(tmp_path / "t.jsonl", split_of(project))
    assert main(["cases", "from-traffic", str(log), "--into", "made.graysplit.jsonl", "--sample", "5"]) == 0
    command = "pytest --graysplit-control=today --graysplit-treatment=ours made.graysplit.jsonl"
    assert capsys.readouterr().out.splitlines()[-1].split(maxsplit=1)[1] == command


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ({"params": {"temperature": 1.5}}, "reject"),
        ({"headers": {"X-Route": "cheap"}}, "reject"),
        ({"params": {"temperature": 0.2}, "headers": {"x-tier": "secret-a"}}, "hold"),
        ({}, "reject"),
    ],
)
def test_two_configurations_of_one_model_can_be_rejected(project, tmp_path, ours, verdict):
    """Also from a log, which has neither the parameters nor the headers of the splits, only whether they are equal."""
    own = {"params": {"temperature": 0.2}, "headers": {"X-Tier": "secret-a"}}
    splitter = TrafficSplitter([Split(CONTROL, 0.5, **own), Split(CONTROL, 0.5, name="v2", **ours)], salt="support")
    log = write_log(tmp_path / "t.jsonl", splitter, 400, failing=150)
    assert "secret-a" not in log.read_text()
    monitor = replayed(log, project)
    assert monitor.splitter.identity == splitter.identity
    assert monitor.grade().verdict == verdict


def test_identity_of_a_split_with_own_parameters_is_as_before():
    """A service that is upgraded goes on with its comparison."""
    plain = TrafficSplitter([Split(CONTROL, 0.5), Split(CONTROL, 0.5, name="v2")], salt="support")
    own = TrafficSplitter([Split(CONTROL, 0.5), Split(CONTROL, 0.5, name="v2", params={"top_p": 0.1})], salt="support")
    assert plain.identity == own.identity
    assert (plain.settings, own.settings) == (("", ""), ("", "1"))
