"""SplitClient against a real relay: routing, counting, and error messages."""

import asyncio
import doctest
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random

import pytest
from splits import CONTROL, KEY, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import Monitor, RequestFailedError, Split, SplitClient, SyncSplitClient, TrafficSplitter
from pytest_graysplit.config.credentials import HOMES
from pytest_graysplit.errors import RelayError, UsageError
from pytest_graysplit.traffic.client import headers


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def arms_of(monitor):
    return {arm["arm"]: arm for arm in monitor.report()["arms"]}


def test_chat_asks_the_model_of_the_units_arm(relay):
    """The relay gets as many requests per model as the splitter assigns."""
    splitter = halves()

    async def work(client):
        return await asyncio.gather(*(client.chat(user(f"question {n}"), unit=n) for n in range(200)))

    replies = using(splitter, work)
    assert [reply.arm for reply in replies] == [splitter.assign(n).arm for n in range(200)]
    assert [reply.text for reply in replies] == [
        f"Answer of {reply.model} to: question {n}" for n, reply in enumerate(replies)
    ]
    assert relay.stats()["requests"] == dict(Counter(reply.model for reply in replies))


def test_chat_sends_all_messages_and_parameters(relay):
    """Parameters of the call override those of the split."""
    splitter = TrafficSplitter(
        [Split(CONTROL, 0.0), Split(TREATMENT, 1.0, params={"temperature": 0.2, "seed": 1})], salt="s"
    )
    messages = [
        {"role": "system", "content": "Be brief."},
        *user("one"),
        {"role": "assistant", "content": "1"},
        *user("two"),
    ]
    using(splitter, lambda client: client.chat(messages, unit="u", seed=7))
    assert relay.stats()["bodies"] == [{"model": TREATMENT, "messages": messages, "temperature": 0.2, "seed": 7}]


FAULTS = {
    "429": ("error", "relay-rate-limited"),
    "500": ("error", "http-500"),
    "502": ("error", "http-502"),
    "503": ("error", "http-503"),
    "504": ("error", "http-504"),
    "529": ("error", "http-529"),
    "drop": ("error", "relay-unreachable"),
    "garbage": ("error", "relay-answer-cut"),
    "html": ("error", "relay-not-json"),
    "no-choices": ("error", "relay-no-choices"),
    "400": ("error", "http-400"),
    "404": ("error", "http-404"),
    "empty": ("empty", None),
    "refusal": ("refusal", None),
    "truncated": ("truncated", None),
    "filter-400": ("filtered", None),
    "hang": ("error", "relay-timeout"),
}  # fmt: skip
TRIED_AGAIN = {"garbage", "429", "500", "502", "503", "504", "529", "drop", "hang"}


def test_monitor_counts_equal_the_relays_own_counts(relay, tmp_path):
    """200 requests with all kinds of faults, each repeated once if a retry can help.

    Requests, attempts, errors by kind and the bill are exactly those of the relay, with one line of the log per
    request.
    """
    splitter, each, hung = halves(), 10, 2
    relay.control(
        faults=[
            {"kind": kind, "match": f"[{kind}]", "times": None, "retry_after": 0} for kind in FAULTS if kind != "hang"
        ]
        + [{"kind": "hang", "match": "[hang]", "times": None}]
    )
    prompts = [f"[{kind}] {n}" for kind in FAULTS for n in range(hung if kind == "hang" else each)]
    prompts += [f"[fine] {n}" for n in range(200 - len(prompts))]
    Random(1).shuffle(prompts)
    # Requests that wait for the deadline go first, side by side: after many 429s only a few are in flight at once.
    prompts.sort(key=lambda prompt: "[hang]" not in prompt)
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        asked = (client.chat(user(prompt), unit=n % 70) for n, prompt in enumerate(prompts))
        await asyncio.gather(*asked, return_exceptions=True)
        return client.monitor

    monitor = using(splitter, work, log=log, retries=1, timeout_s=2, concurrency=24)
    report, seen = monitor.report(), relay.stats()
    arms = {arm["model"]: arm for arm in report["arms"]}
    assert {model: arm["attempts"] for model, arm in arms.items()} == seen["requests"]
    assert report["total"]["requests"] == 200
    assert report["total"]["attempts"] == seen["total"]

    met, outcomes = Counter(), Counter()
    for kind, (outcome, error) in FAULTS.items():
        outcomes[outcome] += hung if kind == "hang" else each
        if error:
            met[error] += hung if kind == "hang" else each
    assert sum((Counter(arm["error_classes"]) for arm in arms.values()), Counter()) == met
    assert report["total"]["errors"] == sum(met.values())
    outcomes["ok"] = 200 - sum(outcomes.values())
    assert sum((Counter(arm["outcomes"]) for arm in arms.values()), Counter()) == outcomes

    tried_again = sum((Counter(arm["retried"]) for arm in arms.values()), Counter())
    # At most a fifth of the requests are repeated, to protect a failing relay.
    assert {"http-503", "relay-rate-limited", "relay-unreachable"} <= set(tried_again)
    assert set(tried_again) <= {FAULTS[kind][1] for kind in TRIED_AGAIN}
    for status in (429, 500, 502, 503, 504, 529):
        kind = FAULTS[str(status)][1]
        assert met[kind] + tried_again[kind] == seen["statuses"][str(status)]

    assert monitor.state().total.cost_usd == Decimal(seen["billed"]["cost_usd"])
    assert {name: sum(arm["tokens"][name] for arm in arms.values()) for name in ("prompt", "completion")} == {
        "prompt": seen["billed"]["prompt_tokens"],
        "completion": seen["billed"]["completion_tokens"],
    }
    logged = [line for line in lines_of(log) if line["kind"] == "request"]
    assert Counter(line["outcome"] for line in logged) == outcomes
    assert sum(Decimal(line.get("cost_usd") or 0) for line in logged) == Decimal(seen["billed"]["cost_usd"])


def test_chat_raises_request_failed_error(relay):
    """The error has the arm, the latency and the cause."""
    splitter = halves()
    relay.control(faults=[{"kind": "hang"}])

    async def work(client):
        with pytest.raises(RequestFailedError) as caught:
            await client.chat(user("?"), unit=unit_in(splitter, TREATMENT))
        return caught.value, client.monitor

    error, monitor = using(splitter, work, retries=0, timeout_s=0.1)
    assert str(error) == (
        "deepseek-v3.2 (deepseek-v3.2) failed at once: no whole answer within 0.1 s, after 1 attempt\n"
        "  hint: tell the user, or try again later; the request was counted and logged; "
        "fallback=True lets the control answer if a treatment fails  [relay-timeout]"
    )
    assert (error.reply.arm, error.reply.outcome) == (TREATMENT, "error")
    assert error.reply.latency_s >= 0.1
    assert arms_of(monitor)[TREATMENT]["latency_s"]["n"] == 1
    assert monitor.report()["total"]["errors"] == 1


def test_chat_chains_a_refused_key(relay):
    """An error that every further request would get is chained, so that the application's log shows it once."""
    relay.control(key="another")

    async def work(client):
        with pytest.raises(RequestFailedError) as caught:
            await client.chat(user("?"), unit=1)
        return caught.value, client.monitor.report()

    error, report = using(halves(), work)
    assert isinstance(error.__cause__, RelayError)
    assert error.slug == error.__cause__.slug == "key-refused"
    assert KEY not in f"{error!r} {error.__cause__!r} {error.reply!r}"
    assert (report["total"]["errors"], report["total"]["attempts"]) == (1, relay.stats()["total"])


def test_fallback_answers_after_a_failed_treatment(relay, tmp_path):
    """It counts as a failure of the treatment and not as a call of the control arm; both calls are paid for."""
    splitter = halves(f"{TREATMENT}+500")
    relay.control(
        prices={f"{TREATMENT}+500": {"input": "0.28", "output": "0.42"}, CONTROL: {"input": "3", "output": "15"}}
    )
    unit, log = unit_in(splitter, f"{TREATMENT}+500"), tmp_path / "traffic.jsonl"

    async def work(client):
        return await client.chat(user("hello"), unit=unit), client.monitor

    reply, monitor = using(splitter, work, fallback=True, retries=1, log=log)
    assert (reply.text, reply.model, reply.arm) == (f"Answer of {CONTROL} to: hello", CONTROL, f"{TREATMENT}+500")
    assert (reply.failed.error_kind, reply.failed.attempts) == ("http-500", 2)
    arms, bill = arms_of(monitor), relay.stats()["billed"]["cost_usd"]
    treatment, control = arms[f"{TREATMENT}+500"], arms["control"]
    assert (treatment["requests"], treatment["passed"], treatment["errors"], treatment["fallbacks"]) == (1, 0, 1, 1)
    assert control["requests"] == 0
    assert monitor.state().total.cost_usd == Decimal(bill) > 0
    assert treatment["fallback_usd"] == treatment["cost_usd"] == float(bill)
    assert monitor.report()["total"]["attempts"] == relay.stats()["total"] == 3
    [line] = [line for line in lines_of(log) if line["kind"] == "request"]
    assert line["outcome"] == "error"
    assert line["fallback"]["model"] == CONTROL
    assert line["fallback"]["outcome"] == "ok"


def test_no_fallback_by_default(relay):
    """A fallback that hides failures must be requested."""
    splitter = halves(f"{TREATMENT}+500")
    with pytest.raises(RequestFailedError):
        using(splitter, lambda client: client.chat(user("?"), unit=unit_in(splitter, f"{TREATMENT}+500")), retries=0)
    assert CONTROL not in relay.stats()["requests"]


def test_failed_fallback_is_reported_and_counted(relay):
    """The message and the figures show both failures."""
    splitter = halves(f"{TREATMENT}+500", f"{CONTROL}+503")

    async def work(client):
        with pytest.raises(RequestFailedError) as caught:
            await client.chat(user("?"), unit=unit_in(splitter, f"{TREATMENT}+500"))
        return caught.value, client.monitor

    error, monitor = using(splitter, work, fallback=True, retries=0)
    assert error.problem == (
        f"{TREATMENT}+500 ({TREATMENT}+500) failed at once, and so did the control in its place: "
        "the relay answered 503: the server is overloaded"
    )
    assert error.hint == "tell the user, or try again later; the request was counted and logged"
    treatment = arms_of(monitor)[f"{TREATMENT}+500"]
    assert (treatment["fallbacks"], treatment["fallback_failures"]) == (1, 1)


def test_header_templates_are_sent(relay):
    """Known templates by name, custom ones by their text, and the headers of the split."""
    splitter = TrafficSplitter([Split(CONTROL, 0.0), Split(TREATMENT, 1.0, headers={"X-Own": "yes"})], salt="s")
    using(
        splitter,
        lambda client: client.chat(user("?"), unit="u"),
        headers={"X-AB-Variant": "{role}", "X-Request-Route": "{route}", "X-Team": "{arm}/{model}"},
    )
    headers = relay.stats()["headers"]
    assert {name: headers[name] for name in ("x-ab-variant", "x-request-route", "x-team", "x-own")} == {
        "x-ab-variant": "treatment",
        "x-request-route": "canary",
        "x-team": f"{TREATMENT}/{TREATMENT}",
        "x-own": "yes",
    }


def test_no_arm_headers_by_default(relay):
    """By default a relay does not learn the arm."""
    using(halves(), lambda client: client.chat(user("?"), unit=1))
    assert not {"x-ab-variant", "x-request-route", "x-canary-group", "x-model-select"} & set(relay.stats()["headers"])


def test_forced_requests_are_counted_apart(relay):
    """A tester's header must not change the figures."""
    splitter = halves()

    async def work(client):
        reply = await client.chat(user("?"), unit=unit_in(splitter, "control"), force=TREATMENT)
        client.feedback(reply.id, 1.0)
        return reply, client.monitor.report()

    reply, report = using(splitter, work)
    assert (reply.arm, reply.model) == (TREATMENT, TREATMENT)
    arms = {arm["arm"]: arm for arm in report["arms"]}
    assert (arms[TREATMENT]["requests"], arms[TREATMENT]["forced"], arms[TREATMENT]["feedback"]["n"]) == (0, 1, 0)
    assert report["apart"]["requests"] == report["total"]["requests"] == 1


def test_requests_without_a_unit_are_counted_apart(relay):
    """They go to the control, so they are not a random sample; their cost is counted."""
    splitter = halves()

    async def work(client):
        await client.chat(user("?"))
        return client.monitor.report()

    report = using(splitter, work)
    assert relay.stats()["requests"] == {CONTROL: 1}
    assert (report["arms"][0]["anonymous"], report["arms"][0]["requests"]) == (1, 0)
    assert report["total"]["cost_usd"] == float(relay.stats()["billed"]["cost_usd"]) > 0
    assert splitter.unassigned == 1


def test_log_redacts_the_key_and_the_hooks_texts(relay, tmp_path):
    """Also if a model was told the key; the user's answer stays unchanged."""
    log = tmp_path / "traffic.jsonl"
    reply = using(
        halves(),
        lambda client: client.chat(user(f"my key is {KEY} and my name is Ada"), unit=1, user="Ada"),
        log=log,
        redact=lambda text: text.replace("Ada", "[name]"),
    )
    assert "Ada" in reply.text
    assert KEY not in log.read_text()
    assert "Ada" not in log.read_text()
    [line] = [line for line in lines_of(log) if line["kind"] == "request"]
    assert line["messages"] == user("my key is [redacted] and my name is [name]")
    assert line["params"] == {"user": "[name]"}


def test_log_and_sums_redact_a_key_in_other_fields(relay, tmp_path):
    """A relay echoes the key in the served model or in an id."""
    relay.control(faults=[{"kind": "fields", "fields": {"model": f"gpt-{KEY}", "id": KEY}, "times": None}])
    log, monitor = tmp_path / "traffic.jsonl", Monitor(halves())
    reply = using(halves(), lambda client: client.chat(user("hi"), unit=1), log=log, monitor=monitor)
    assert (reply.served_model, reply.response_id) == ("gpt-[redacted]", "[redacted]")
    assert KEY not in log.read_text() + json.dumps(monitor.report())


def test_failing_redact_hook_does_not_lose_the_answer(relay, tmp_path, caplog):
    """The text is not stored, and the failure is reported once."""

    def broken(text):
        raise ZeroDivisionError

    log = tmp_path / "traffic.jsonl"

    async def work(client):
        return [await client.chat(user("secret"), unit=n) for n in range(2)]

    assert [reply.outcome for reply in using(halves(), work, log=log, redact=broken)] == ["ok", "ok"]
    assert "secret" not in log.read_text()
    assert [line["text"] for line in lines_of(log) if line["kind"] == "request"] == ["[not logged: redact failed]"] * 2
    assert [record.getMessage() for record in caplog.records if record.name == "pytest_graysplit"] == [
        "graysplit: redact= failed; texts that it fails on are not logged"
    ]


def test_redact_hook_without_a_result_counts_as_failed(relay, tmp_path):
    """None is not a text."""
    log = tmp_path / "traffic.jsonl"
    reply = using(halves(), lambda client: client.chat(user("secret"), unit=1), log=log, redact=lambda text: None)
    assert reply.outcome == "ok"
    assert lines_of(log)[-1]["text"] == "[not logged: redact failed]"


def test_parameter_that_json_cannot_hold_fails_with_a_log(relay, tmp_path):
    """Nothing is sent, and the log counts the line that it cannot write."""
    with pytest.raises(RequestFailedError, match="the request cannot be written as JSON"):
        using(
            halves(), lambda client: client.chat(user("?"), unit=1, metadata={"a": object()}), log=tmp_path / "t.jsonl"
        )
    assert relay.stats()["total"] == 0


def test_client_resolves_aliases_of_the_project(relay, tmp_path):
    """The request and the price use the model's own name; the arm keeps the alias."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.graysplit.aliases]\n"cheap" = "deepseek-v3.2"\n')
    splitter = TrafficSplitter([Split(CONTROL, 0.0), Split("cheap", 1.0)], salt="s")
    reply = using(splitter, lambda client: client.chat(user("?"), unit=1), project=project)
    assert (reply.arm, reply.model, reply.cost_usd is None) == ("cheap", TREATMENT, False)


@pytest.mark.parametrize("value", ["gr\u00fcn", 5])
def test_use_checks_headers_first(relay, value):
    """The old splitter stays in force."""

    async def work(client):
        wrong = TrafficSplitter([Split(CONTROL, 0.0), Split(TREATMENT, 1.0, headers={"X-Arm": value})], salt="s")
        with pytest.raises(RelayError, match="the header 'X-Arm' holds"):
            client.use(wrong)
        return await client.chat(user("?"), unit=1)

    assert using(halves(), work).outcome == "ok"


def test_cancelled_fallback_keeps_the_failure(relay):
    """The failure of the treatment is counted even if the fallback is cancelled."""
    splitter = halves(f"{TREATMENT}+500")
    relay.control(faults=[{"kind": "hang", "model": CONTROL}])

    async def work(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(user("?"), unit=unit_in(splitter, f"{TREATMENT}+500")), 0.5)
        return client.monitor.report()

    report = using(splitter, work, fallback=True, retries=0)
    assert report["arms"][1]["error_classes"] == {"http-500": 1}


@pytest.mark.parametrize("messages", ["hello", ["hello"], [{"role": "user", "content": "hi"}, None]])
def test_invalid_messages_are_refused(relay, messages):
    """A bare text is refused before anything is sent; the hint shows the correct shape."""
    with pytest.raises(UsageError) as caught:
        using(halves(), lambda client: client.chat(messages, unit=1))
    assert str(caught.value) == (
        f"messages contain an invalid message: {messages!r}\n"
        '  hint: write them as [{"role": "user", "content": "..."}], the oldest first  [split-messages]'
    )
    assert relay.stats()["total"] == 0


def test_log_without_texts(relay, tmp_path):
    """The log contains only figures."""
    log = tmp_path / "traffic.jsonl"
    using(halves(), lambda client: client.chat(user("secret"), unit="ada@example.com"), log=log, keep_texts=False)
    assert "secret" not in log.read_text()
    assert "ada" not in log.read_text()
    assert not {"messages", "params", "text"} & lines_of(log)[-1].keys()


def test_cancelled_request_is_counted(relay):
    """It may be billed, and leaving it out would flatter a slow arm."""
    relay.control(faults=[{"kind": "hang"}])

    async def work(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(user("?"), unit=1), 0.1)
        return client.monitor.report()

    report = using(halves(), work)
    assert report["total"]["errors"] == 1
    assert sum((Counter(arm["error_classes"]) for arm in report["arms"]), Counter()) == {"request-cancelled": 1}


def test_use_changes_the_weights_of_an_open_client(relay, tmp_path):
    """A ramp starts a new comparison, keeps the totals, and is recorded in the log."""
    low = TrafficSplitter([Split(CONTROL, 0.9), Split(TREATMENT, 0.1)], salt="ramp")
    high, log = low.ramped({TREATMENT: 0.5}), tmp_path / "traffic.jsonl"

    async def work(client):
        await asyncio.gather(*(client.chat(user("?"), unit=n) for n in range(20)))
        client.use(high)
        await asyncio.gather(*(client.chat(user("?"), unit=n) for n in range(30)))
        return client.monitor.report()

    report = using(low, work, log=log)
    assert (report["split"], report["earlier"]["requests"]) == (high.identity, 20)
    assert sum(arm["requests"] for arm in report["arms"]) == 30
    assert report["total"]["requests"] == relay.stats()["total"] == 50
    assert [line["split"] for line in lines_of(log) if line["kind"] == "split"] == [low.identity, high.identity]


def test_threads_share_the_sync_client(relay):
    """Eight threads share one client, and every request is counted exactly once."""
    splitter = halves()
    with SyncSplitClient(SplitClient(splitter)) as client, ThreadPoolExecutor(8) as pool:
        assert client.warm_up() == ()
        replies = list(pool.map(lambda n: client.chat(user(f"question {n}"), unit=n), range(200)))
        client.feedback(replies[0].id, 1.0)
        report = client.monitor.report()
    assert [reply.arm for reply in replies] == [splitter.assign(n).arm for n in range(200)]
    assert report["total"]["requests"] == relay.stats()["total"] == 200
    assert sum(arm["feedback"]["n"] for arm in report["arms"]) == 1


def test_client_serves_other_event_loops(relay):
    """Loops in several threads share one pool; each call runs in the client's own loop."""
    replies = []

    async def work(client):
        def elsewhere():
            replies.append(asyncio.run(client.chat(user("from elsewhere"), unit=1)))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)
        return client.monitor.report()

    report = using(halves(), work)
    assert [reply.outcome for reply in replies] == ["ok"]
    assert report["total"]["requests"] == 1


def test_closed_clients_say_so(relay):
    """Outside its block a client raises its own error, not that of a closed pool."""
    client = SplitClient(halves())
    message = "the client is not open\n  hint: use it as `async with SplitClient(...) as client`, and call it inside the block"
    with pytest.raises(UsageError) as caught:
        asyncio.run(client.chat(user("?"), unit=1))
    assert str(caught.value) == f"{message}  [split-client-closed]"
    sync = SyncSplitClient(client)
    with sync:
        assert sync.chat(user("?"), unit=1).outcome == "ok"
    with pytest.raises(UsageError) as caught:
        sync.chat(user("?"), unit=1)
    assert str(caught.value) == f"{message}  [split-client-closed]"


def test_warm_up_names_an_unknown_model(relay):
    """A warning, not an error, because a relay may serve unlisted models; nothing is billed."""
    assert using(halves("deepseek-v3.3"), lambda client: client.warm_up()) == (
        "the relay lists no model 'deepseek-v3.3', did you mean deepseek-v3.2?; it may serve it all the same",
    )
    assert relay.stats()["total"] == 0


def test_api_key_argument_needs_an_address(monkeypatch):
    """It has no default relay; it and the key of the environment are both secrets."""
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    for name in (*HOMES, "GRAYSPLIT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    client = SplitClient(halves(), api_key="another-key-0123456789")
    assert set(client._settings.secrets) == {KEY, "another-key-0123456789"}
    with pytest.raises(UsageError) as caught:
        asyncio.run(client.__aenter__())
    assert caught.value.slug == "address-missing"
    assert caught.value.problem == (
        "there is no relay to ask: SplitClient(api_key=...) is set, and it has no address of its own"
    )


def test_local_relay_needs_no_key(relay, monkeypatch):
    """The keys of other vendors are not sent there."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reply = using(halves(), lambda client: client.chat(user("?")))
    assert (reply.outcome, "authorization" in relay.stats()["headers"]) == ("ok", False)


def test_client_without_a_key_does_not_open(relay, monkeypatch):
    """The message names the variable to set; a key as an argument works, and is never shown."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    for name in HOMES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError) as caught:
        using(halves(), lambda client: client.chat(user("?")), base_url="https://relay.example/v1")
    assert str(caught.value) == (
        "GRAYSPLIT_API_KEY is not set, and a live request needs it\n"
        "  hint: export GRAYSPLIT_API_KEY=... (any text, if your relay wants none), or pass SplitClient(base_url=..., api_key=...)"
        "  [key-missing]"
    )
    reply = using(halves(), lambda client: client.chat(user("?")), api_key=KEY)
    assert (reply.outcome, relay.stats()["headers"]["authorization"]) == ("ok", f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"timeout_s": 0}, "SplitClient(timeout_s=...): '0' is not a number above 0"),
        ({"retries": -1}, "SplitClient(retries=...): '-1' is not a whole number of 0 or more"),
        ({"base_url": "ftp://x"}, "SplitClient(base_url=...)"),
        ({"headers": ["X-AB-Varient"]}, "there is no header template 'X-AB-Varient', did you mean X-AB-Variant?"),
        ({"headers": {"X-Arm": "{amr}"}}, "the header 'X-Arm' has a template that cannot be filled in: '{amr}'"),
        ({"log": "/no/such/folder/traffic.jsonl"},
         "the traffic log /no/such/folder/traffic.jsonl cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_client_checks_its_arguments(relay, given, problem):
    """The client checks them when it is built."""
    with pytest.raises(UsageError) as caught:
        SplitClient(halves(), **given)
    assert caught.value.problem.startswith(problem)


def test_chat_refuses_a_model_parameter(relay):
    """The split decides the model; a call that chose its own would belong to no arm."""
    with pytest.raises(UsageError) as caught:
        using(halves(), lambda client: client.chat(user("?"), unit=1, model="gpt-4.1"))
    assert str(caught.value) == (
        "the split decides the model, but model was given as a parameter\n"
        "  hint: leave it out, or choose the arm of this request with force=ARM  [split-param]"
    )


def test_monitor_works_without_the_client():
    """Another client needs only `assign` and `record`."""
    splitter = halves()
    monitor = Monitor(splitter)
    for unit in range(100):
        monitor.record(splitter.assign(unit), unit=unit, latency_s=0.5)
    assert sum(arm["requests"] for arm in monitor.report()["arms"]) == 100


def test_client_reads_prices_and_headers_of_the_project(relay, tmp_path):
    """Settings in `[tool.graysplit]` also apply to live traffic if the file is named."""
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[tool.graysplit.prices]\n"deepseek-v3.2" = { input = 100, output = 200 }\n'
        '[tool.graysplit.headers]\n"X-Team" = "blue"\n'
    )
    splitter = TrafficSplitter([Split(CONTROL, 0.0), Split(TREATMENT, 1.0)], salt="s")
    reply = using(splitter, lambda client: client.chat(user("one two three"), unit=1), project=project)
    assert reply.cost_usd == (3 * 100 + reply.usage.completion * 200) / Decimal(1_000_000)
    assert relay.stats()["headers"]["x-team"] == "blue"


def test_header_templates_doctest():
    """The example in the docstring runs."""
    assert doctest.testmod(headers).failed == 0


def test_thoughts_are_separated_in_live_traffic(relay, tmp_path):
    """The application and the log get the answer without the thoughts."""
    relay.control(faults=[{"kind": "text", "text": "<think>Hm.</think>30"}, {"kind": "text", "text": "<think>Hm."}])
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        return [await client.chat(user("How long?"), unit=1) for _ in range(2)]

    replies = using(halves(), work, log=log)
    assert [(one.text, one.reasoning, one.outcome) for one in replies] == [("30", "Hm.", "ok"), ("", "Hm.", "empty")]
    assert [line["text"] for line in lines_of(log) if line["kind"] == "request"] == ["30", ""]
