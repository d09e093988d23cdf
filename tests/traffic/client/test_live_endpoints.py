"""Endpoints of configured arms in live traffic: keys, headers, fallback, new weights, missing variables, secrets."""

import asyncio
import json
import threading

import pytest
from live_arms import ARMS, OWN_KEY, SYSTEM, TEAM, arm_halves, one_of_each, sent_keys
from splits import CONTROL, KEY, TREATMENT, unit_in, user, using

from pytest_graysplit import RequestFailedError, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.errors import RelayError, UsageError


def test_keys_and_headers_reach_their_own_server_only(project, relay, second_relay):
    """By the logs of both servers, lists of models included."""
    project.write_text(project.read_text() + '[tool.graysplit.headers]\n"X-Run" = "header-of-the-run"\n')

    async def work(client):
        return await client.warm_up(), await one_of_each(client)

    _, replies = using(arm_halves(), work, project=project)
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
    using(arm_halves(), one_of_each, project=project, api_key=KEY, base_url=relay.url)
    assert (sent_keys(relay), sent_keys(second_relay)) == ({f"Bearer {KEY}"}, {f"Bearer {OWN_KEY}"})


def test_arms_at_the_address_of_the_run_share_its_relay(project, relay):
    """One endpoint has one set of limits: with one connection, the requests of both arms share it."""
    project.write_text('[tool.graysplit.arms.v2]\nmodel = "gpt-4.1"\nsystem = "Be kind."\n')

    async def work(client):
        return await asyncio.gather(*(client.chat(user("hi"), unit=n) for n in range(20)))

    replies = using(arm_halves("v2", CONTROL), work, project=project, api_key=KEY, base_url=relay.url, concurrency=1)
    assert {reply.arm for reply in replies} == {"control", "v2"}
    assert relay.stats()["peak_in_flight"] == 1


def test_fallback_asks_the_endpoint_of_the_control(project, relay, second_relay):
    """The control answers with its own model, parameters and key, and without the treatment's system prompt."""
    second_relay.control(faults=[{"kind": "500", "times": None}])
    splitter = arm_halves()
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


def test_use_opens_the_endpoint_of_a_new_arm(project, relay, second_relay, tmp_path):
    """An arm that appears only in the new splitter is asked at its own address."""
    before = TrafficSplitter([Split("today", 0.5), Split(TREATMENT, 0.5)], salt="halves")
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        await client.chat(user("hi"), force=TREATMENT)
        await asyncio.to_thread(client.use, arm_halves())
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
            client.use(arm_halves())
        return await client.chat(user("hi"), force=TREATMENT)

    assert using(before, work, project=project).outcome == "ok"
    assert relay.stats()["requests"] == {TREATMENT: 1}


def test_sync_client_and_other_event_loops_reach_both_endpoints(project, relay, second_relay):
    """All calls run in the loop that owns the connections."""
    replies = []
    with SyncSplitClient(SplitClient(arm_halves(), project=project)) as sync:
        replies += [sync.chat(user("hi"), force=arm) for arm in ("control", "ours")]

    async def work(client):
        thread = threading.Thread(target=lambda: replies.extend(asyncio.run(one_of_each(client))))
        thread.start()
        await asyncio.to_thread(thread.join)

    using(arm_halves(), work, project=project)
    assert [reply.arm for reply in replies] == ["control", "ours"] * 2
    assert (relay.stats()["total"], second_relay.stats()["total"]) == (2, 2)


def test_client_can_be_opened_again(project, second_relay):
    """Its connections are opened again too, to every endpoint."""
    client = SplitClient(arm_halves(), project=project)
    for _ in range(2):
        with SyncSplitClient(client) as sync:
            assert sync.chat(user("hi"), force="ours").outcome == "ok"
    assert second_relay.stats()["total"] == 2


def test_warm_up_checks_every_endpoint(project, relay, second_relay):
    """Each warning names the address; both have open connections, and nothing is billed."""
    second_relay.control(key="another")
    warnings = using(arm_halves(), lambda client: client.warm_up(), project=project)
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
        using(arm_halves(), lambda client: client.warm_up(), project=project, retries=0)
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
        using(arm_halves(), one_of_each, project=project)
    project.write_text(
        ARMS.format(url=second_relay.url).replace(f'"{CONTROL}"', f'"{CONTROL}"\nbase_url = "{relay.url}"')
    )
    relay.control(key=None)
    replies = using(arm_halves(), one_of_each, project=project)
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

    errors, monitor = using(arm_halves(), work, project=project, log=log)
    causes = [error.__cause__ for error in errors if error.__cause__]
    shown = f"{errors!r} {causes!r} {[error.reply for error in errors]!r} {monitor.report()} {list(monitor.failures)!r}"
    shown += log.read_text() + "".join(map(str, [*errors, *causes]))
    assert "[redacted]" in shown
    assert causes
    assert [secret for secret in secrets if secret in shown] == []


def test_client_that_cannot_be_opened_stays_closed(project, relay, second_relay, monkeypatch):
    """A proxy that cannot be used for one endpoint is an error before any endpoint is asked."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    project.write_text(ARMS.format(url="https://relay.example/v1"))

    async def work():
        client = SplitClient(arm_halves(), project=project)
        with pytest.raises(RelayError, match="the environment's proxy or certificate settings cannot be used"):
            await client.__aenter__()
        with pytest.raises(UsageError, match="the client is not open"):
            await client.chat(user("hi"), force="control")

    asyncio.run(work())
    assert relay.stats()["total"] == 0
