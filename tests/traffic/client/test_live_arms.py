"""Configured arms in live traffic, over two loopback relays: model, parameters, prompt, headers, endpoint, key, price."""

import asyncio
import json
import re
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from splits import CONTROL, KEY, TREATMENT, unit_in, user, using

from pytest_graysplit import (
    Monitor,
    RequestFailedError,
    Split,
    SplitClient,
    SyncSplitClient,
    TrafficSplitter,
    load_splitter,
)
from pytest_graysplit.errors import RelayError, UsageError

DOCS = Path(__file__).parents[3] / "docs" / "traffic.md"
OWN_KEY, TEAM = "key-of-the-second-relay", "team-token-4711"
ARMS = """
[tool.graysplit.arms.today]
model = "claude-sonnet-4.5"

[tool.graysplit.arms.ours]
model = "qwen3-32b"
base_url = "{url}"
api_key_env = "VLLM_API_KEY"
headers = {{ "X-Team" = "$TEAM_TOKEN" }}
system = "file:prompts/v2.md"
params = {{ temperature = 0.2, seed = 1, top_k = 5 }}
unset = ["max_tokens", "top_k"]
price = {{ input = 100, output = 200 }}
"""
SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.fixture
def project(tmp_path, relay, second_relay, monkeypatch):
    """A pyproject.toml whose arm `ours` is at the second relay, with both keys in the environment."""
    monkeypatch.setenv("VLLM_API_KEY", OWN_KEY)
    monkeypatch.setenv("TEAM_TOKEN", TEAM)
    second_relay.control(key=OWN_KEY)
    relay.control(key=KEY)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v2.md").write_text("Answer in one line.\n")
    file = tmp_path / "pyproject.toml"
    file.write_text(ARMS.format(url=second_relay.url))
    return file


def halves(treatment="ours", control="today", **fields):
    return TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5, **fields)], salt="halves")


def sent_keys(server):
    return {headers.get("authorization") for headers in server.stats()["header_log"]}


async def one_of_each(client):
    """Ask both arms once, and return both replies."""
    return [await client.chat(user("hi"), force=arm) for arm in ("control", "ours")]


def test_request_has_everything_of_the_arms_table(project, relay, second_relay):
    """Model, parameters, and system prompt; parameters of the call override those of the table, and `unset` both."""
    messages = [SYSTEM, {"role": "developer", "content": "Use English."}, *user("one")]
    splitter = halves()

    async def work(client):
        unit = unit_in(splitter, "ours")
        return await client.chat(messages, unit=unit, max_tokens=99, seed=7)

    reply = using(splitter, work, project=project)
    assert (reply.arm, reply.role, reply.model) == ("ours", "treatment", "qwen3-32b")
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
    splitter = halves(params={"temperature": 0.9, "max_tokens": 5}, headers={"x-team": "blue"})
    using(splitter, lambda client: client.chat(user("hi"), force="ours", stop="."), project=project)
    [body] = second_relay.stats()["bodies"]
    assert {name: body[name] for name in body.keys() - {"model", "messages"}} == {
        "temperature": 0.9,
        "seed": 1,
        "stop": ".",
    }
    assert second_relay.stats()["headers"]["x-team"] == "blue"


def test_keys_and_headers_reach_their_own_server_only(project, relay, second_relay):
    """By the logs of both servers, lists of models included."""
    project.write_text(project.read_text() + '[tool.graysplit.headers]\n"X-Run" = "header-of-the-run"\n')

    async def work(client):
        return await client.warm_up(), await one_of_each(client)

    _, replies = using(halves(), work, project=project)
    assert [(reply.arm, reply.model, reply.outcome) for reply in replies] == [
        ("control", CONTROL, "ok"),
        ("ours", "qwen3-32b", "ok"),
    ]
    assert (relay.stats()["requests"], second_relay.stats()["requests"]) == ({CONTROL: 1}, {"qwen3-32b": 1})
    assert sent_keys(relay) == {f"Bearer {KEY}"}
    assert sent_keys(second_relay) == {f"Bearer {OWN_KEY}"}
    first, second = (json.dumps(server.stats()["header_log"]) for server in (relay, second_relay))
    assert (TEAM in first, TEAM in second) == (False, True)
    assert ("header-of-the-run" in first, "header-of-the-run" in second) == (True, False)


def test_api_key_argument_is_not_sent_to_an_arms_own_address(project, relay, second_relay, monkeypatch):
    """A table that names GRAYSPLIT_API_KEY means the variable."""
    project.write_text(project.read_text().replace("VLLM_API_KEY", "GRAYSPLIT_API_KEY"))
    monkeypatch.setenv("GRAYSPLIT_API_KEY", OWN_KEY)
    using(halves(), one_of_each, project=project, api_key=KEY, base_url=relay.url)
    assert (sent_keys(relay), sent_keys(second_relay)) == ({f"Bearer {KEY}"}, {f"Bearer {OWN_KEY}"})


def test_arms_at_the_address_of_the_run_share_its_relay(project, relay):
    """One endpoint has one set of limits: with one connection, the requests of both arms share it."""
    project.write_text('[tool.graysplit.arms.v2]\nmodel = "gpt-4.1"\nsystem = "Be kind."\n')

    async def work(client):
        return await asyncio.gather(*(client.chat(user("hi"), unit=n) for n in range(20)))

    replies = using(halves("v2", CONTROL), work, project=project, api_key=KEY, base_url=relay.url, concurrency=1)
    assert {reply.arm for reply in replies} == {"control", "v2"}
    assert relay.stats()["peak_in_flight"] == 1


def test_fallback_asks_the_endpoint_of_the_control(project, relay, second_relay):
    """The control answers with its own model, parameters and key, and without the treatment's system prompt."""
    second_relay.control(faults=[{"kind": "500", "times": None}])
    splitter = halves()
    reply = using(
        splitter,
        lambda client: client.chat([SYSTEM, *user("hi")], unit=unit_in(splitter, "ours"), max_tokens=9),
        project=project,
        fallback=True,
        retries=0,
    )
    assert (reply.arm, reply.model, reply.failed.model) == ("ours", CONTROL, "qwen3-32b")
    assert relay.stats()["bodies"] == [{"model": CONTROL, "messages": [SYSTEM, *user("hi")], "max_tokens": 9}]
    assert (sent_keys(relay), second_relay.stats()["total"]) == ({f"Bearer {KEY}"}, 1)


def test_price_of_the_arm_is_used(project, tmp_path):
    """In the reply, in the monitor's sums and in the log, for the model's tokens."""
    log = tmp_path / "traffic.jsonl"
    splitter = halves()

    async def work(client):
        return await client.chat(user("one two"), unit=unit_in(splitter, "ours")), client.monitor.report()

    reply, report = using(splitter, work, project=project, log=log)
    usage = reply.usage
    assert reply.cost_usd == (usage.prompt * 100 + usage.completion * 200) / Decimal(1_000_000) > 0
    assert report["arms"][1]["cost_usd"] == float(reply.cost_usd)
    assert Decimal(json.loads(log.read_text().splitlines()[-1])["cost_usd"]) == reply.cost_usd


def test_monitor_of_a_project_prices_tokens_at_the_arms_price(project):
    """Also for an application with a client of its own."""
    for splitter in (halves(), load_both(project)):
        monitor = Monitor(splitter, project=project)
        monitor.record("ours", usage=using_tokens(), unit=1)
        assert monitor.report()["arms"][1]["cost_usd"] == pytest.approx((10 * 100 + 5 * 200) / 1e6)


def using_tokens():
    from pytest_graysplit.types import Usage

    return Usage(prompt=10, completion=5, total=15)


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


def test_use_opens_the_endpoint_of_a_new_arm(project, relay, second_relay, tmp_path):
    """An arm that appears only in the new splitter is asked at its own address."""
    before = TrafficSplitter([Split("today", 0.5), Split(TREATMENT, 0.5)], salt="halves")
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        await client.chat(user("hi"), force=TREATMENT)
        await asyncio.to_thread(client.use, halves())
        await client.warm_up()
        return await one_of_each(client)

    replies = using(before, work, project=project, log=log)
    assert [reply.model for reply in replies] == [CONTROL, "qwen3-32b"]
    assert (sent_keys(relay), sent_keys(second_relay)) == ({f"Bearer {KEY}"}, {f"Bearer {OWN_KEY}"})


def test_use_refuses_an_arm_that_cannot_be_asked(project, relay, monkeypatch):
    """The old splitter stays in force."""
    monkeypatch.delenv("VLLM_API_KEY")
    before = TrafficSplitter([Split("today", 0.5), Split(TREATMENT, 0.5)], salt="halves")

    async def work(client):
        with pytest.raises(UsageError, match="arm ours: VLLM_API_KEY is not set"):
            client.use(halves())
        return await client.chat(user("hi"), force=TREATMENT)

    assert using(before, work, project=project).outcome == "ok"
    assert relay.stats()["requests"] == {TREATMENT: 1}


def test_ramp_keeps_the_arms(project, second_relay):
    """`ramped` knows the arms by their names, and a ramped splitter still has their tables."""
    splitter = halves()

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


def test_sync_client_and_other_event_loops_reach_both_endpoints(project, relay, second_relay):
    """All calls run in the loop that owns the connections."""
    replies = []
    with SyncSplitClient(SplitClient(halves(), project=project)) as sync:
        replies += [sync.chat(user("hi"), force=arm) for arm in ("control", "ours")]

    async def work(client):
        thread = threading.Thread(target=lambda: replies.extend(asyncio.run(one_of_each(client))))
        thread.start()
        await asyncio.to_thread(thread.join)

    using(halves(), work, project=project)
    assert [reply.arm for reply in replies] == ["control", "ours"] * 2
    assert (relay.stats()["total"], second_relay.stats()["total"]) == (2, 2)


def test_client_can_be_opened_again(project, second_relay):
    """Its connections are opened again too, to every endpoint."""
    client = SplitClient(halves(), project=project)
    for _ in range(2):
        with SyncSplitClient(client) as sync:
            assert sync.chat(user("hi"), force="ours").outcome == "ok"
    assert second_relay.stats()["total"] == 2


def test_warm_up_checks_every_endpoint(project, relay, second_relay):
    """Each warning names the address; both have open connections, and nothing is billed."""
    second_relay.control(key="another")
    warnings = using(halves(), lambda client: client.warm_up(), project=project)
    assert warnings == (
        f"{second_relay.url}: the model names were not checked: the relay answered 401: Incorrect API key provided",
    )
    assert relay.stats()["total"] == second_relay.stats()["total"] == 0
    assert relay.stats()["connections"] > 1
    assert second_relay.stats()["connections"] > 1


def test_warm_up_names_the_endpoint_that_does_not_answer(project, relay):
    """The other one is warm all the same."""
    project.write_text(ARMS.format(url="http://127.0.0.1:9/v1"))
    with pytest.raises(RelayError, match=r"no relay answers at http://127\.0\.0\.1:9/v1: ") as caught:
        using(halves(), lambda client: client.warm_up(), project=project, retries=0)
    assert "check base_url in [tool.graysplit.arms.ours]" in caught.value.hint
    assert relay.stats()["paths"] == {"GET /v1/models": 1}


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "VLLM_API_KEY",
            (
                "arm ours: VLLM_API_KEY is not set, and a live request needs it\n"
                "  hint: export VLLM_API_KEY=..., the key of {url}, or take the arm out of the split  [key-missing]"
            ),
        ),
        (
            "TEAM_TOKEN",
            (
                "arm ours: the header X-Team needs TEAM_TOKEN, which is not set in the environment\n"
                "  hint: export TEAM_TOKEN, or remove the header from [tool.graysplit.arms.ours], "
                "or take the arm out of the split  [tool-graysplit]"
            ),
        ),
    ],
)
def test_missing_variable_of_an_arm_is_named_at_the_start(project, relay, second_relay, monkeypatch, variable, message):
    """The client does not open, also if almost all traffic goes to the other arm."""
    monkeypatch.delenv(variable)
    splitter = TrafficSplitter([Split("today", 0.99), Split("ours", 0.01)], salt="s")
    with pytest.raises(UsageError) as caught:
        using(splitter, one_of_each, project=project)
    assert str(caught.value) == message.format(url=second_relay.url)
    assert relay.stats()["total"] == second_relay.stats()["total"] == 0


def test_missing_key_of_the_run_is_named_for_its_arms_only(project, relay, second_relay, monkeypatch):
    """A split of arms that all have an endpoint of their own needs no key of the run."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    with pytest.raises(UsageError, match=r"GRAYSPLIT_API_KEY is not set.*\n.*SplitClient\(base_url=..., api_key=...\)"):
        using(halves(), one_of_each, project=project)
    project.write_text(
        ARMS.format(url=second_relay.url).replace(f'"{CONTROL}"', f'"{CONTROL}"\nbase_url = "{relay.url}"')
    )
    relay.control(key=None)
    replies = using(halves(), one_of_each, project=project)
    assert [reply.outcome for reply in replies] == ["ok", "ok"]
    assert sent_keys(relay) == {None}


def test_secrets_of_every_arm_are_redacted(project, second_relay, tmp_path):
    """Keys, header values and secrets in the query, in errors, log, sums and causes, also of the arm not asked."""
    query = "secret-of-the-query"
    project.write_text(ARMS.format(url=f"{second_relay.url}?api_key={query}"))
    log, secrets = tmp_path / "traffic.jsonl", (KEY, OWN_KEY, TEAM, query)
    echo = f"no entry with {' '.join(secrets)}"
    second_relay.control(faults=[{"kind": "400", "message": echo}, {"kind": "401", "message": echo}])

    async def work(client):
        errors = []
        for _ in range(2):
            with pytest.raises(RequestFailedError) as caught:
                await client.chat(user(echo), force="ours")
            errors.append(caught.value)
        return errors, client.monitor

    errors, monitor = using(halves(), work, project=project, log=log)
    causes = [error.__cause__ for error in errors if error.__cause__]
    shown = f"{errors!r} {causes!r} {[error.reply for error in errors]!r} {monitor.report()} {list(monitor.failures)!r}"
    shown += log.read_text() + "".join(map(str, [*errors, *causes]))
    assert "[redacted]" in shown
    assert causes
    assert [secret for secret in secrets if secret in shown] == []


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

    errors, report = using(halves(), work, project=project)
    assert [error.slug for error in errors] == ["param-refused"] * 3
    for error in errors:
        assert error.problem.startswith(
            "ours (qwen3-32b) failed at once: the relay answered 400: Unsupported parameter: 'seed'"
        )
        assert error.hint.startswith("leave the parameter out of the call, or of all requests of the arm: unset in")
        assert '[tool.graysplit.arms.ours]\n    unset = ["max_tokens", "top_k", "seed"]' in str(error.__cause__)
    assert (second_relay.stats()["total"], report["total"]["errors"]) == (3, 3)
    replies = [using(halves(), lambda client: client.chat(user("hi"), force="ours"), project=project, fallback=True)]
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

    (_, first), (problem, second), reply = using(halves(params={"logit_bias": {}}), work, project=project)
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
