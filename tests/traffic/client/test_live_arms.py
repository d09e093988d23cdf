"""Configured arms in live traffic, over two loopback relays: model, parameters, system prompt, price, names."""

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from live_arms import OWN_KEY, SYSTEM, arm_halves, one_of_each
from splits import CONTROL, unit_in, user, using

from pytest_graysplit import Monitor, RequestFailedError, SplitClient, Usage, load_splitter
from pytest_graysplit.errors import UsageError

DOCS = Path(__file__).parents[3] / "docs" / "traffic.md"


def test_request_has_everything_of_the_arms_table(project, relay, second_relay):
    """Model, parameters, and system prompt; parameters of the call override those of the table, and `unset` both."""
    messages = [SYSTEM, {"role": "developer", "content": "Use English."}, *user("one")]
    splitter = arm_halves()

    async def work(client):
        unit = unit_in(splitter, "ours")
        return await client.chat(messages, unit=unit, max_tokens=99, seed=7)

    reply = using(splitter, work, project=project, headers={"X-Arm": "{arm} {model}"})
    assert (reply.arm, reply.role, reply.model) == ("ours", "treatment", "qwen3-32b")
    assert second_relay.stats()["headers"]["x-arm"] == "ours qwen3-32b"
    assert second_relay.stats()["bodies"] == [
        {
            "model": "qwen3-32b",
            "messages": [{"role": "system", "content": "Answer in one line."}, *user("one")],
            "temperature": 0.2,
            "seed": 7,
        }
    ]
    assert relay.stats()["total"] == 0


def test_params_of_the_options_are_not_sent(project, second_relay, monkeypatch):
    """They belong to test runs; a live request has the parameters of the arm, of the split and of the call."""
    monkeypatch.setenv("GRAYSPLIT_PARAM", "top_p=0.5")
    splitter = arm_halves(params={"temperature": 0.9, "max_tokens": 5}, headers={"x-team": "blue"})
    using(splitter, lambda client: client.chat(user("hi"), force="ours", stop="."), project=project)
    [body] = second_relay.stats()["bodies"]
    assert {name: body[name] for name in body.keys() - {"model", "messages"}} == {
        "temperature": 0.9,
        "seed": 1,
        "stop": ".",
    }
    assert second_relay.stats()["headers"]["x-team"] == "blue"


def test_price_of_the_arm_is_used(project, tmp_path):
    """In the reply, in the monitor's sums and in the log, for the model's tokens."""
    log = tmp_path / "traffic.jsonl"
    splitter = arm_halves()

    async def work(client):
        return await client.chat(user("one two"), unit=unit_in(splitter, "ours")), client.monitor.report()

    reply, report = using(splitter, work, project=project, log=log)
    usage = reply.usage
    assert reply.cost_usd == (usage.prompt * 100 + usage.completion * 200) / Decimal(1_000_000) > 0
    assert report["arms"][1]["cost_usd"] == float(reply.cost_usd)
    assert Decimal(json.loads(log.read_text().splitlines()[-1])["cost_usd"]) == reply.cost_usd


def test_monitor_of_a_project_prices_tokens_at_the_arms_price(project):
    """Also for an application with a client of its own."""
    for splitter in (arm_halves(), load_both(project)):
        monitor = Monitor(splitter, project=project)
        monitor.record("ours", usage=Usage(prompt=10, completion=5, total=15), unit=1)
        assert monitor.report()["arms"][1]["cost_usd"] == pytest.approx((10 * 100 + 5 * 200) / 1e6)


def load_both(project):
    project.write_text(
        project.read_text()
        + "[tool.graysplit.splits.both]\n"
        + 'arms = [{model = "today", weight = 0.5}, {model = "ours", weight = 0.5}]\n'
    )
    return load_splitter("both", project)


def test_split_of_the_project_reads_the_tables_too(project, relay, second_relay):
    """`load_splitter` knows the models, and the client finds their tables again."""
    splitter = load_both(project)
    assert [(one.arm, one.model) for one in splitter.assignments] == [("control", CONTROL), ("ours", "qwen3-32b")]
    using(splitter, one_of_each, project=project)
    assert (relay.stats()["requests"], second_relay.stats()["requests"]) == ({CONTROL: 1}, {"qwen3-32b": 1})


def test_client_without_the_project_refuses_the_split_of_a_project(project):
    """It would ask the relay of the run for the model, with the run's key."""
    with pytest.raises(UsageError) as caught:
        SplitClient(load_both(project))
    assert str(caught.value) == (
        "the split names the arm today, and the client has no table of it\n"
        "  hint: pass SplitClient(project=...): the pyproject.toml with [tool.graysplit.arms.today]  [split-arms]"
    )


def test_client_sends_the_table_of_its_own_project(project, second_relay):
    """A table that changed since `load_splitter` counts as changed: the identity is that of the requests."""
    splitter = load_both(project)
    project.write_text(project.read_text().replace("seed = 1", "seed = 2"))

    async def work(client):
        await client.chat(user("hi"), force="ours")
        return client.monitor.report()["split"]

    assert using(splitter, work, project=project) == load_splitter("both", project).identity != splitter.identity
    assert second_relay.stats()["bodies"][0]["seed"] == 2


def test_ramp_keeps_the_arms(project, second_relay):
    """`ramped` knows the arms by their names, and a ramped splitter still has their tables."""
    splitter = arm_halves()

    async def work(client):
        client.use(splitter.ramped({"ours": 0.6}))
        await client.chat(user("hi"), force="ours")
        return client.monitor.report()

    report = using(splitter, work, project=project)
    assert [(arm["arm"], arm["model"], arm["weight"]) for arm in report["arms"]] == [
        ("control", CONTROL, 0.4),
        ("ours", "qwen3-32b", 0.6),
    ]
    assert second_relay.stats()["requests"] == {"qwen3-32b": 1}


def test_refused_parameter_is_named_and_traffic_goes_on(project, relay, second_relay):
    """Each request falls back, or fails with the name of the parameter; the cause has the lines to add."""
    second_relay.control(faults=[{"kind": "param-400", "param": "seed", "times": None}])

    async def work(client):
        errors = []
        for _ in range(3):
            with pytest.raises(RequestFailedError) as caught:
                await client.chat(user("hi"), force="ours")
            errors.append(caught.value)
        return errors, client.monitor.report()

    errors, report = using(arm_halves(), work, project=project)
    assert [error.slug for error in errors] == ["param-refused"] * 3
    for error in errors:
        assert error.problem.startswith(
            "ours (qwen3-32b) failed at once: the relay answered 400: Unsupported parameter: 'seed'"
        )
        assert error.hint.startswith("leave the parameter out of the call, or of all requests of the arm: unset in")
        assert '[tool.graysplit.arms.ours]\n    unset = ["max_tokens", "top_k", "seed"]' in str(error.__cause__)
    assert (second_relay.stats()["total"], report["total"]["errors"]) == (3, 3)
    replies = [
        using(arm_halves(), lambda client: client.chat(user("hi"), force="ours"), project=project, fallback=True)
    ]
    assert [(reply.model, reply.failed.error_slug) for reply in replies] == [(CONTROL, "param-refused")]


def test_parameter_of_the_split_or_the_call_is_named_too(project, second_relay):
    """A parameter of the split belongs to every request of the arm, one of the call only to its request."""
    second_relay.control(
        faults=[
            {"kind": "param-400", "param": "logit_bias", "times": 1},
            {"kind": "param-400", "param": "user", "times": 1},
        ]
    )

    async def work(client):
        causes = []
        for params in ({}, {"user": "u"}):
            with pytest.raises(RequestFailedError) as caught:
                await client.chat(user("hi"), force="ours", **params)
            causes.append((caught.value.problem, caught.value.__cause__))
        reply = await client.chat(user("hi"), force="ours")
        return *causes, reply

    (_, first), (problem, second), reply = using(arm_halves(params={"logit_bias": {}}), work, project=project)
    assert "ours refuses the parameter logit_bias" in str(first)
    assert "'user'" in problem
    assert second is None
    assert reply.outcome == "ok"


def test_example_of_the_page_runs(relay, second_relay, tmp_path, monkeypatch):
    """The table and the code of docs/traffic.md, with the address of a real server."""
    section = DOCS.read_text(encoding="utf-8").partition("\n## Arms\n")[2].partition("\n## ")[0]
    [table], [code] = (
        re.findall(rf"^```{kind}\n(.*?)^```", section, re.DOTALL | re.MULTILINE) for kind in ("toml", "python")
    )
    (tmp_path / "pyproject.toml").write_text(table.replace("http://127.0.0.1:8000/v1", second_relay.url))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLLM_API_KEY", OWN_KEY)
    example = {}
    exec(code, example)  # the code of our own page
    units = [unit_in(load_splitter("support"), arm) for arm in ("control", "ours")]
    assert [asyncio.run(example["ask"](unit, "Hello?")) for unit in units] == [
        ("control", CONTROL),
        ("ours", "qwen3-32b"),
    ]
    assert second_relay.stats()["bodies"] == [
        {
            "model": "qwen3-32b",
            "messages": [{"role": "system", "content": "Answer in one sentence."}, *user("Hello?")],
            "temperature": 0.2,
        }
    ]
