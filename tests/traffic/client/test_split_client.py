"""The client of an application against a real relay: who is asked, what is counted, and what it says when it fails."""

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


def test_each_unit_is_asked_by_its_own_model(relay):
    """The control's calls go to the control: the relay has seen as many of each model as the splitter says."""
    splitter = halves()

    async def work(client):
        return await asyncio.gather(*(client.chat(user(f"question {n}"), unit=n) for n in range(200)))

    replies = using(splitter, work)
    assert [reply.arm for reply in replies] == [splitter.assign(n).arm for n in range(200)]
    assert [reply.text for reply in replies] == [
        f"Answer of {reply.model} to: question {n}" for n, reply in enumerate(replies)
    ]
    assert relay.stats()["requests"] == dict(Counter(reply.model for reply in replies))


def test_whole_conversations_and_parameters_are_sent(relay):
    """All messages go out as they are; the split's own parameters come below those of the call."""
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


def test_counts_and_cost_equal_the_relays_own(relay, tmp_path):
    """200 requests, a twentieth of them with each kind of fault, every one tried once more where that may help.

    Requests, attempts, errors of each class and the bill are those of the relay, to the last digit; and a line of the
    log each.
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
    # Those that wait for the deadline go first, side by side: later, after many 429s, only few are in flight at once.
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
    # A budget of a fifth keeps a dying relay from being hammered, so that not all of them are tried again.
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


def test_a_failure_is_an_error_with_its_cause_and_its_latency(relay):
    """Nobody is shown an empty answer: the call raises, with the arm, the time it took and what went wrong."""
    splitter = halves()
    relay.control(faults=[{"kind": "hang"}])

    async def work(client):
        with pytest.raises(RequestFailedError) as caught:
            await client.chat(user("?"), unit=unit_in(splitter, TREATMENT))
        return caught.value, client.monitor

    error, monitor = using(splitter, work, retries=0, timeout_s=0.1)
    assert str(error) == (
        "deepseek-v3.2 (deepseek-v3.2) failed at once: no whole answer within 0.1 s\n"
        "  hint: tell the user, or try again later; it has been counted and logged; "
        "fallback=True lets the control answer where a treatment fails  [relay-timeout]"
    )
    assert (error.reply.arm, error.reply.outcome) == (TREATMENT, "error")
    assert error.reply.latency_s >= 0.1
    assert arms_of(monitor)[TREATMENT]["latency_s"]["n"] == 1
    assert monitor.report()["total"]["errors"] == 1


def test_a_refused_key_is_the_cause_of_the_error_and_counted(relay):
    """What no further request could escape is chained, so that a log of the application shows it once and whole."""
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


def test_the_control_answers_where_a_treatment_fails(relay, tmp_path):
    """Asked for: it counts as the treatment's failure, is no call of the control arm, and both calls are paid for."""
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


def test_without_being_asked_nobody_answers_for_a_treatment(relay):
    """A fallback that hides failures has to be wanted."""
    splitter = halves(f"{TREATMENT}+500")
    with pytest.raises(RequestFailedError):
        using(splitter, lambda client: client.chat(user("?"), unit=unit_in(splitter, f"{TREATMENT}+500")), retries=0)
    assert CONTROL not in relay.stats()["requests"]


def test_a_fallback_that_fails_too_says_so(relay):
    """Both failures are told, and both are counted."""
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
    assert error.hint == "tell the user, or try again later; it has been counted and logged"
    treatment = arms_of(monitor)[f"{TREATMENT}+500"]
    assert (treatment["fallbacks"], treatment["fallback_failures"]) == (1, 1)


def test_header_templates_tell_the_relay_the_arm(relay):
    """Known ones by name, own ones by their text, and those of the split itself."""
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


def test_no_header_is_sent_that_nobody_asked_for(relay):
    """Off by default: a relay is not told which arm it serves."""
    using(halves(), lambda client: client.chat(user("?"), unit=1))
    assert not {"x-ab-variant", "x-request-route", "x-canary-group", "x-model-select"} & set(relay.stats()["headers"])


def test_forced_requests_are_routed_and_counted_apart(relay):
    """A tester's header must not move the figures."""
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


def test_requests_without_a_unit_get_the_control_and_are_counted_apart(relay):
    """They are no random sample, so they enter no comparison; they are paid for all the same."""
    splitter = halves()

    async def work(client):
        await client.chat(user("?"))
        return client.monitor.report()

    report = using(splitter, work)
    assert relay.stats()["requests"] == {CONTROL: 1}
    assert (report["arms"][0]["anonymous"], report["arms"][0]["requests"]) == (1, 0)
    assert report["total"]["cost_usd"] == float(relay.stats()["billed"]["cost_usd"]) > 0
    assert splitter.unassigned == 1


def test_the_key_and_what_the_hook_names_stay_out_of_the_log(relay, tmp_path):
    """Also where a model was told the key; the answer that the user gets is untouched."""
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


def test_a_key_that_the_relay_writes_into_other_fields_stays_out_of_log_and_sums(relay, tmp_path):
    """A relay that echoes it in the served model or in an id; `redact` is not asked about names of models."""
    relay.control(faults=[{"kind": "fields", "fields": {"model": f"gpt-{KEY}", "id": KEY}, "times": None}])
    log, monitor = tmp_path / "traffic.jsonl", Monitor(halves())
    reply = using(halves(), lambda client: client.chat(user("hi"), unit=1), log=log, monitor=monitor)
    assert (reply.served_model, reply.response_id) == ("gpt-[redacted]", "[redacted]")
    assert KEY not in log.read_text() + json.dumps(monitor.report())


def test_a_redact_hook_that_fails_holds_no_answer_back(relay, tmp_path, caplog):
    """The reply was paid for; what could not be redacted is not stored, and the failure is told once."""

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


def test_a_redact_hook_that_forgets_to_return_is_a_broken_one(relay, tmp_path):
    """None is no text that could be stored."""
    log = tmp_path / "traffic.jsonl"
    reply = using(halves(), lambda client: client.chat(user("secret"), unit=1), log=log, redact=lambda text: None)
    assert reply.outcome == "ok"
    assert lines_of(log)[-1]["text"] == "[not logged: redact failed]"


def test_a_parameter_that_is_no_json_fails_with_a_log_as_without(relay, tmp_path):
    """Nothing is sent, and the log counts the line that it cannot hold."""
    with pytest.raises(RequestFailedError, match="the request cannot be written as JSON"):
        using(
            halves(), lambda client: client.chat(user("?"), unit=1, metadata={"a": object()}), log=tmp_path / "t.jsonl"
        )
    assert relay.stats()["total"] == 0


def test_aliases_of_the_project_hold(relay, tmp_path):
    """Asked for and priced under its own name; the arm keeps the name it goes by."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.graysplit.aliases]\n"cheap" = "deepseek-v3.2"\n')
    splitter = TrafficSplitter([Split(CONTROL, 0.0), Split("cheap", 1.0)], salt="s")
    reply = using(splitter, lambda client: client.chat(user("?"), unit=1), project=project)
    assert (reply.arm, reply.model, reply.cost_usd is None) == ("cheap", TREATMENT, False)


@pytest.mark.parametrize("value", ["gr\u00fcn", 5])
def test_headers_of_a_new_splitter_are_checked_before_it_is_used(relay, value):
    """The old one stays in force."""

    async def work(client):
        wrong = TrafficSplitter([Split(CONTROL, 0.0), Split(TREATMENT, 1.0, headers={"X-Arm": value})], salt="s")
        with pytest.raises(RelayError, match="the header 'X-Arm' holds"):
            client.use(wrong)
        return await client.chat(user("?"), unit=1)

    assert using(halves(), work).outcome == "ok"


def test_a_failure_is_kept_when_the_fallback_is_given_up(relay):
    """What the treatment did is known, whatever becomes of the control's answer."""
    splitter = halves(f"{TREATMENT}+500")
    relay.control(faults=[{"kind": "hang", "model": CONTROL}])

    async def work(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(user("?"), unit=unit_in(splitter, f"{TREATMENT}+500")), 0.5)
        return client.monitor.report()

    report = using(splitter, work, fallback=True, retries=0)
    assert report["arms"][1]["error_classes"] == {"http-500": 1}


@pytest.mark.parametrize("messages", ["hello", ["hello"], [{"role": "user", "content": "hi"}, None]])
def test_messages_are_messages(relay, messages):
    """A bare text is refused before anything is sent, with the shape that is meant."""
    with pytest.raises(UsageError) as caught:
        using(halves(), lambda client: client.chat(messages, unit=1))
    assert str(caught.value) == (
        f"messages hold what is no message: {messages!r}\n"
        '  hint: write them as [{"role": "user", "content": "..."}], the oldest first  [split-messages]'
    )
    assert relay.stats()["total"] == 0


def test_a_log_may_keep_no_texts(relay, tmp_path):
    """Figures alone, where texts may not be stored."""
    log = tmp_path / "traffic.jsonl"
    using(halves(), lambda client: client.chat(user("secret"), unit="ada@example.com"), log=log, keep_texts=False)
    assert "secret" not in log.read_text()
    assert "ada" not in log.read_text()
    assert not {"messages", "params", "text"} & lines_of(log)[-1].keys()


def test_a_request_that_the_application_gives_up_is_counted(relay):
    """It was sent and may be billed: leaving it out would flatter a slow arm."""
    relay.control(faults=[{"kind": "hang"}])

    async def work(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat(user("?"), unit=1), 0.1)
        return client.monitor.report()

    report = using(halves(), work)
    assert report["total"]["errors"] == 1
    assert sum((Counter(arm["error_classes"]) for arm in report["arms"]), Counter()) == {"request-cancelled": 1}


def test_weights_can_be_raised_while_it_runs(relay, tmp_path):
    """A ramp begins a new comparison, keeps the totals, and is declared in the log."""
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


def test_threads_share_the_sync_face(relay):
    """One client, one pool, eight threads: nothing is lost and nothing counted twice."""
    splitter = halves()
    with SyncSplitClient(SplitClient(splitter)) as client, ThreadPoolExecutor(8) as pool:
        assert client.warm_up() == ()
        replies = list(pool.map(lambda n: client.chat(user(f"question {n}"), unit=n), range(200)))
        client.feedback(replies[0].id, 1.0)
        report = client.monitor.report()
    assert [reply.arm for reply in replies] == [splitter.assign(n).arm for n in range(200)]
    assert report["total"]["requests"] == relay.stats()["total"] == 200
    assert sum(arm["feedback"]["n"] for arm in report["arms"]) == 1


def test_a_client_is_used_from_other_loops_too(relay):
    """An application that runs several loops in threads shares one pool: the call finds its way home."""
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


def test_the_pool_and_the_sync_face_close(relay):
    """Outside its block a client says what it is, not what httpx thinks of a closed pool."""
    client = SplitClient(halves())
    message = (
        "the client is not open\n  hint: use it as `async with SplitClient(...) as client`, and ask inside the block"
    )
    with pytest.raises(UsageError) as caught:
        asyncio.run(client.chat(user("?"), unit=1))
    assert str(caught.value) == f"{message}  [split-client-closed]"
    sync = SyncSplitClient(client)
    with sync:
        assert sync.chat(user("?"), unit=1).outcome == "ok"
    with pytest.raises(UsageError) as caught:
        sync.chat(user("?"), unit=1)
    assert str(caught.value) == f"{message}  [split-client-closed]"


def test_the_warm_up_names_an_unknown_model(relay):
    """Before the first user comes, and unbilled; a relay may serve what it does not list."""
    assert using(halves("deepseek-v3.3"), lambda client: client.warm_up()) == (
        "the relay lists no model 'deepseek-v3.3', did you mean deepseek-v3.2?; it may serve it all the same",
    )
    assert relay.stats()["total"] == 0


def test_a_key_that_is_handed_over_needs_an_address(monkeypatch):
    """It counts as our own key, which is at home nowhere; both keys are secrets."""
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


def test_a_relay_on_this_machine_needs_no_key(relay, monkeypatch):
    """And no other vendor's key is sent there."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reply = using(halves(), lambda client: client.chat(user("?")))
    assert (reply.outcome, "authorization" in relay.stats()["headers"]) == ("ok", False)


def test_a_client_without_a_key_does_not_open(relay, monkeypatch):
    """One message, with the variable to set; a key can also be handed over, and is never shown."""
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
        ({"headers": ["X-AB-Varient"]}, "no header template is known for 'X-AB-Varient', did you mean X-AB-Variant?"),
        ({"headers": {"X-Arm": "{amr}"}}, "the header 'X-Arm' has a template that cannot be filled in: '{amr}'"),
        ({"log": "/no/such/folder/traffic.jsonl"},
         "the traffic log /no/such/folder/traffic.jsonl cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_before_anything_is_sent(relay, given, problem):
    """What can be wrong is checked when the client is built."""
    with pytest.raises(UsageError) as caught:
        SplitClient(halves(), **given)
    assert caught.value.problem.startswith(problem)


def test_the_model_is_no_parameter(relay):
    """The split decides it; a call that could would not be in any arm."""
    with pytest.raises(UsageError) as caught:
        using(halves(), lambda client: client.chat(user("?"), unit=1, model="gpt-4.1"))
    assert str(caught.value) == (
        "model is decided by the split, and was given as a parameter\n"
        "  hint: leave it out, or route this request with force=ARM  [split-param]"
    )


def test_a_monitor_of_ones_own_is_filled_without_the_client():
    """`assign` and `record` are all that another client needs."""
    splitter = halves()
    monitor = Monitor(splitter)
    for unit in range(100):
        monitor.record(splitter.assign(unit), unit=unit, latency_s=0.5)
    assert sum(arm["requests"] for arm in monitor.report()["arms"]) == 100


def test_prices_and_headers_come_from_the_project(relay, tmp_path):
    """What `[tool.graysplit]` says for test runs holds for live traffic, when the file is named."""
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[tool.graysplit.prices]\n"deepseek-v3.2" = { input = 100, output = 200 }\n'
        '[tool.graysplit.headers]\n"X-Team" = "blue"\n'
    )
    splitter = TrafficSplitter([Split(CONTROL, 0.0), Split(TREATMENT, 1.0)], salt="s")
    reply = using(splitter, lambda client: client.chat(user("one two three"), unit=1), project=project)
    assert reply.cost_usd == (3 * 100 + reply.usage.completion * 200) / Decimal(1_000_000)
    assert relay.stats()["headers"]["x-team"] == "blue"


def test_the_example_of_header_templates_is_true():
    """Whoever copies it gets what it shows."""
    assert doctest.testmod(headers).failed == 0


def test_thoughts_in_the_text_are_apart_in_live_traffic_too(relay, tmp_path):
    """The application gets the answer, and the log keeps it; what was only thought is no answer."""
    relay.control(faults=[{"kind": "text", "text": "<think>Hm.</think>30"}, {"kind": "text", "text": "<think>Hm."}])
    log = tmp_path / "traffic.jsonl"

    async def work(client):
        return [await client.chat(user("How long?"), unit=1) for _ in range(2)]

    replies = using(halves(), work, log=log)
    assert [(one.text, one.reasoning, one.outcome) for one in replies] == [("30", "Hm.", "ok"), ("", "Hm.", "empty")]
    assert [line["text"] for line in lines_of(log) if line["kind"] == "request"] == ["30", ""]
