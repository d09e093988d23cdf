"""The relay client against a real loopback relay with faults, and the shape of its requests."""

import asyncio
import gc
import re
import socket
import traceback
from types import MappingProxyType

import pytest
from relay_server.client import RunningRelay

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.pyproject import ProjectConfig
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RelayError
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.stats import RelayStats
from pytest_graysplit.types import Secret

MODEL = "deepseek-v3.2"
ARM = Arm.plain(MODEL)
KEY = "made-up-key-0123456789"


@pytest.fixture(scope="module")
def running():
    with RunningRelay() as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """Start a relay, reached without any proxy of this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running.reset()
    return running


def body_of(prompt="Explain CAP", model=MODEL, **params):
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **params}


async def no_sleep(_):
    await asyncio.sleep(0)


def use(server, work, *, sleep=no_sleep, url=None, **settings):
    """Run `work(relay)` in a loop of its own, without spending the simulated waits."""

    async def run():
        chosen = Settings(base_url=url or server.url, **settings)
        async with Relay(chosen, is_refusal=lambda text: text.startswith("Sorry"), sleep=sleep) as relay:
            return await work(relay)

    return asyncio.run(run())


def ask(server, body=None, **settings):
    body = body or body_of()
    return use(server, lambda relay: relay.ask(Arm.plain(body["model"]), body), **settings)


def ask_with_stats(server, **settings):
    async def work(relay):
        return await relay.ask(ARM, body_of()), relay.stats()

    return use(server, work, **settings)


def preflight(server, *models, **settings):
    return use(server, lambda relay: relay.preflight(models or [MODEL]), **settings)


def asked_after_preflight(model, count):
    """Act like a run: read the list, then send everything at once; the first error ends it."""

    async def work(relay):
        await relay.preflight([model])
        return await asyncio.gather(
            *(relay.ask(Arm.plain(model), body_of(f"Question {n}", model)) for n in range(count))
        )

    return work


def refused(call, *args, **settings):
    with pytest.raises(RelayError) as caught:
        call(*args, **settings)
    return str(caught.value)


def test_answer_becomes_a_reply(server):
    """Text, usage, names and times of one answer are in their fields."""
    reply = ask(server, body_of(seed=42))
    assert (reply.outcome, reply.text) == ("ok", "Answer of deepseek-v3.2 to: Explain CAP (seed 42)")
    assert (reply.served_model, reply.finish_reason, reply.attempts) == (MODEL, "stop", 1)
    assert (reply.usage.prompt, reply.usage.completion, reply.usage.total) == (2, 8, 10)
    assert (reply.response_id, reply.system_fingerprint) == ("chatcmpl-loopback", "fp_loopback")
    assert reply.latency_s > 0
    assert reply.ttft_s is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", reply.at)


def test_request_has_only_the_given_body(server):
    body = body_of(temperature=0)
    ask(server, body)
    assert server.stats()["bodies"] == [body]


def test_body_may_have_read_only_mappings(server):
    """Cases are frozen, and their content is sent as JSON."""
    message = MappingProxyType({"role": "user", "content": "Explain CAP"})
    assert ask(server, body_of() | {"messages": [message]}).text == "Answer of deepseek-v3.2 to: Explain CAP"


def test_stream_has_a_time_to_first_token(server):
    reply = ask(server, body_of(stream=True, stream_options={"include_usage": True}))
    assert (reply.outcome, reply.text) == ("ok", "Answer of deepseek-v3.2 to: Explain CAP")
    assert 0 < reply.ttft_s <= reply.latency_s
    assert reply.usage.total == 8


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("sse", "ok"),
        ("bare", "ok"),
        ("no-usage", "ok"),
        ("reasoning", "ok"),
        ("tool", "ok"),
        ("truncated", "truncated"),
        ("empty", "empty"),
        ("refusal", "refusal"),
        ("filtered", "filtered"),
        ("filter-400", "filtered"),
    ],
)
def test_outcome_of_the_model_is_never_retried(server, kind, outcome):
    reply = ask(server, body_of(model=f"{MODEL}+{kind}"))
    assert (reply.outcome, reply.attempts, reply.retryable, reply.error_slug) == (outcome, 1, False, None)
    assert reply.latency_s > 0


def test_refusal_in_words_is_detected_by_the_given_function(server):
    server.control(faults=[{"kind": "text", "text": "Sorry, I cannot."}])
    assert ask(server).outcome == "refusal"


def test_serving_model_is_recorded(server):
    assert ask(server, body_of(model=f"{MODEL}+other-model")).served_model == "gpt-4.1-mini"
    assert ask(server, body_of(model=f"{MODEL}+fallback")).fell_back


@pytest.mark.parametrize(
    ("fault", "error", "slug"),
    [
        ({"kind": "500"}, "the relay answered 500: internal error", "relay-http-error"),
        ({"kind": "error-200"}, "the relay answered 200: upstream failed", "relay-http-error"),
        ({"kind": "text-500"}, "the relay answered 500: unknown model", "relay-http-error"),
        ({"kind": "html-502"}, "the relay answered 502: a web page titled 'Sign in'", "relay-http-error"),
        ({"kind": "429"}, "the relay answered 429: rate limit reached, slow down", "relay-rate-limited"),
        ({"kind": "drop"}, "the connection broke: it was closed before an answer came",
         "relay-unreachable"),
        ({"kind": "garbage"}, """the answer is cut or garbled JSON, it begins '{"choices": [{"mess'""",
         "relay-answer-cut"),
        ({"kind": "sse", "events": 3}, "the stream ended before the answer did", "relay-stream-cut"),
    ],
)  # fmt: skip
def test_transient_failure_is_retried_and_then_an_error_reply(server, fault, error, slug):
    server.control(faults=[{**fault, "times": 3}])
    reply = ask(server, retries=2)
    assert (reply.outcome, reply.error, reply.error_slug) == ("error", error, slug)
    assert (reply.attempts, reply.retryable, reply.latency_s) == (3, True, None)
    status = {"error-200": "502", "text-500": "500", "html-502": "502"}.get(fault["kind"], fault["kind"])
    kind = f"http-{status}" if slug == "relay-http-error" else slug
    assert (reply.error_kind, reply.retried) == (kind, (kind, kind))
    assert ask(server).outcome == "ok"


@pytest.mark.parametrize(
    ("kind", "error", "slug", "retryable"),
    [
        ("html", "the answer is not JSON but a web page titled 'Sign in' (the base URL usually ends in /v1)",
         "relay-not-json", True),
        ("redirect", "the relay redirects to https://elsewhere.example/v1", "relay-redirects", True),
        ("no-choices", "the relay's answer holds no choices", "relay-no-choices", True),
        ("404", "the relay answered 404: no such route (the base URL usually ends in /v1)", "relay-http-error", True),
        ("400", "the relay answered 400: the request cannot be read", "relay-http-error", False),
    ],
)  # fmt: skip
def test_permanent_failure_is_an_error_reply_at_once(server, kind, error, slug, retryable):
    reply = ask(server, body_of(model=f"{MODEL}+{kind}"))
    assert (reply.outcome, reply.error, reply.error_slug) == ("error", error, slug)
    assert (reply.attempts, reply.retryable) == (1, retryable)


def test_refused_parameter_is_named(server):
    reply = ask(server, body_of(model=f"{MODEL}+param-400", max_tokens=5))
    assert reply.error == (
        "the relay answered 400: Unsupported parameter: 'max_tokens' is not supported with this model. "
        '(change the params of this case, or unset = ["max_tokens"] for the arm, '
        "newer models want max_completion_tokens)"
    )
    assert (reply.error_slug, reply.retryable) == ("param-refused", False)


def test_connection_cut_during_an_answer_is_retried(server):
    server.control(faults=[{"kind": "cut"}])
    reply = ask(server)
    assert (reply.outcome, reply.attempts, reply.retried) == ("ok", 2, ("relay-unreachable",))


def test_headers_of_one_request_are_sent_with_it_alone(server):
    """Two requests to one model may have headers of different arms."""

    async def work(relay):
        seen = []
        for headers in ({"X-AB-Variant": "control"}, {"X-AB-Variant": "treatment"}, {}):
            await relay.ask(ARM, body_of(), headers=headers)
            seen.append(server.stats()["headers"].get("x-ab-variant"))
        return seen

    assert use(server, work) == ["control", "treatment", None]


def test_rate_limited_request_waits_as_asked_and_halves_the_concurrency(server):
    server.control(faults=[{"kind": "429", "retry_after": 0.02}])
    reply, stats = ask_with_stats(server, sleep=asyncio.sleep)
    assert (reply.outcome, reply.attempts) == ("ok", 2)
    assert reply.backoff_s >= 0.015
    assert stats == RelayStats(
        requests=2, retries=1, rate_limited=1, lowest_concurrency=8, loop_lag_p95_s=stats.loop_lag_p95_s
    )


def test_relay_that_accepts_few_requests_gets_fewer_at_a_time(server):
    server.control(max_in_flight=3, latency=0.01)

    async def work(relay):
        replies = await asyncio.gather(*(relay.ask(ARM, body_of(f"Question {n}")) for n in range(40)))
        return replies, relay.stats()

    replies, stats = use(server, work, sleep=asyncio.sleep, retries=8)
    assert {reply.outcome for reply in replies} == {"ok"}
    assert stats.lowest_concurrency < 16
    assert stats.rate_limited > 0


def test_no_more_requests_are_in_flight_than_allowed(server):
    server.control(latency=0.02)

    async def work(relay):
        return await asyncio.gather(*(relay.ask(ARM, body_of(f"Question {n}")) for n in range(12)))

    replies = use(server, work, concurrency=4)
    assert [reply.text for reply in replies] == [f"Answer of {MODEL} to: Question {n}" for n in range(12)]
    assert server.stats()["peak_in_flight"] == 4
    assert max(reply.queue_s for reply in replies) > min(reply.latency_s for reply in replies)


def test_retry_budget_protects_a_failing_relay(server):
    server.control(faults=[{"kind": "503", "times": None}])

    async def work(relay):
        replies = await asyncio.gather(*(relay.ask(ARM, body_of(f"Question {n}")) for n in range(100)))
        return {reply.outcome for reply in replies}

    assert use(server, work) == {"error"}
    assert server.stats()["total"] == 120


@pytest.mark.parametrize("kind", ["hang", "keepalive"])
def test_deadline_covers_the_whole_attempt(server, kind):
    """Also where an occasional byte keeps the connection alive."""
    server.control(faults=[{"kind": kind, "for_s": 30, "times": 2}])
    reply = ask(server, timeout_s=0.15, retries=1)
    assert (reply.outcome, reply.error) == ("error", "no whole answer within 0.15 s")
    assert (reply.error_slug, reply.attempts, reply.retryable) == ("relay-timeout", 2, True)


def test_blank_lines_before_an_answer_do_no_harm(server):
    server.control(faults=[{"kind": "keepalive", "for_s": 0.05}])
    assert ask(server).text == "Answer of deepseek-v3.2 to: Explain CAP"


def test_relay_that_has_stopped_is_an_error_reply():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        reply = ask(None, url=url, retries=1)
        message = refused(preflight, None, url=url)
    assert (reply.outcome, reply.error_slug, reply.attempts) == ("error", "relay-unreachable", 2)
    assert message == (
        f"no relay answers at {url}: cannot connect: Connection refused\n"
        "  hint: check --graysplit-base-url, and that the relay runs and this machine reaches it (proxy, VPN, firewall)"
        "  [relay-unreachable]"
    )


def test_unwritable_request_is_an_error_reply(server):
    reply = ask(server, body_of("half an emoji \ud83d"))
    assert (reply.outcome, reply.error_slug, reply.attempts) == ("error", "request-unusable", 0)
    reply = ask(server, body_of(temperature=object()))
    assert reply.error == "the request cannot be written as JSON: object is not JSON"
    assert server.stats()["total"] == 0


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("402", ("the account at {url} cannot pay: the relay answered 402: Insufficient balance\n"
                "  hint: top it up, or set GRAYSPLIT_API_KEY to the key of another account; finished replies are kept"
                "  [quota-exhausted]")),
        ("quota", ("the account at {url} cannot pay: the relay answered 429: "
                  "You exceeded your current quota, please check your plan.\n"
                  "  hint: top it up, or set GRAYSPLIT_API_KEY to the key of another account; "
                  "finished replies are kept  [quota-exhausted]")),
        ("401", ("{url} wants a key, and none is set: the relay answered 401: Incorrect API key provided\n"
                "  hint: export GRAYSPLIT_API_KEY=...  [key-refused]")),
    ],
)  # fmt: skip
def test_fatal_failure_stops_the_run(server, kind, message):
    assert refused(ask, server, body_of(model=f"{MODEL}+{kind}")) == message.format(url=server.url)
    assert server.stats()["total"] == 1


def test_wait_that_is_too_long_stops_the_run(server):
    server.control(faults=[{"kind": "429", "retry_after": 3600, "on": "any", "times": None}])
    message = (
        "the relay asks to wait 3600 s before the next request "
        "(the relay answered 429: rate limit reached, slow down)\n"
        "  hint: run again after that time; finished replies are kept and are not paid for twice  [relay-wait-too-long]"
    )
    assert refused(ask, server) == message
    assert preflight(server) == (
        "the model names were not checked: the relay answered 429: rate limit reached, slow down",
    )


def test_refused_key_is_one_message_without_the_key(server):
    """Neither the message nor a traceback with all local variables shows it."""
    server.control(key="the-right-one")
    with pytest.raises(RelayError) as caught:
        ask(server, key=Secret(KEY))
    assert str(caught.value) == (
        f"{server.url} refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(shown.format())


def test_key_in_an_error_of_the_relay_is_redacted(server):
    server.control(faults=[{"kind": "500", "message": f"no upstream for {KEY}", "times": 2}])
    reply = ask(server, key=Secret(KEY), retries=1)
    assert reply.error == "the relay answered 500: no upstream for ***"


def test_key_is_sent_as_a_bearer_with_extra_headers(server):
    server.control(key=KEY)
    table = ProjectConfig(headers={"X-Team": "search"}, model_headers={MODEL: {"X-AB-Variant": "treatment"}})
    arm = Settings(base_url=server.url, table=table).arm(MODEL)
    reply = use(server, lambda relay: relay.ask(arm, body_of()), key=Secret(KEY))
    assert reply.outcome == "ok"
    headers = server.stats()["headers"]
    assert (headers["authorization"], headers["x-team"], headers["x-ab-variant"]) == (
        f"Bearer {KEY}",
        "search",
        "treatment",
    )


def test_without_a_key_no_authorization_is_sent(server):
    ask(server)
    assert "authorization" not in server.stats()["headers"]


def test_preflight_requests_only_the_list(server):
    assert preflight(server, MODEL, "gpt-4.1", concurrency=9) == ()
    assert (server.stats()["total"], server.stats()["paths"]) == (0, {"GET /v1/models": 1})


def test_connections_opened_ahead_carry_the_first_requests(server):
    async def work(relay):
        await relay.open_ahead()
        before = server.stats()
        await asyncio.gather(*(relay.ask(ARM, body_of(f"Question {n}")) for n in range(9)))
        return before, server.stats()

    before, after = use(server, work, concurrency=9)
    assert before["paths"] == {}
    assert after["connections"] - before["connections"] == 1  # the one that asks for these figures


def test_preflight_warns_of_keys_and_shutdowns(server):
    server.control(models=[{"id": MODEL, "shutdown_date": "2026-12-31"}])
    assert preflight(server, key=Secret("sk-ant-0123456789")) == (
        "the key in GRAYSPLIT_API_KEY looks like one of Anthropic, but the relay is 127.0.0.1",
        "deepseek-v3.2 is to be shut down on 2026-12-31, says the relay",
    )


def test_unknown_model_takes_one_request_and_names_the_nearest(server):
    server.control(faults=[{"kind": "404", "message": "The model gpt-4.2 does not exist", "times": None}])
    assert refused(use, server, asked_after_preflight("gpt-4.2", 20)) == (
        "the relay knows no model 'gpt-4.2', did you mean gpt-4.1? "
        "(the relay answered 404: The model gpt-4.2 does not exist)\n"
        "  hint: it lists claude-sonnet-4.5, deepseek-v3.2, gemini-2.5-flash, gpt-4.1  [model-unknown]"
    )
    assert server.stats()["total"] == 1


def test_unlisted_model_that_is_served_is_a_warning(server):
    assert preflight(server, "gpt-4.2") == (
        "the relay lists no model 'gpt-4.2', did you mean gpt-4.1?; it may serve it all the same",
    )
    replies = use(server, asked_after_preflight("gpt-4.2", 20))
    assert {reply.outcome for reply in replies} == {"ok"}


def test_first_request_to_an_unlisted_model_goes_alone(server):
    server.control(models=[], latency=0.2)
    use(server, asked_after_preflight(MODEL, 1))
    assert server.stats()["peak_in_flight"] == 1
    use(server, asked_after_preflight(MODEL, 8), concurrency=8)
    assert server.stats()["peak_in_flight"] == 7  # the others go together, once it is answered


def test_requests_to_listed_models_go_all_at_once(server):
    server.control(latency=0.2)
    use(server, asked_after_preflight(MODEL, 8), concurrency=8)
    assert server.stats()["peak_in_flight"] == 8


@pytest.mark.parametrize("kind", ["401", "403", "404", "500", "503", "html", "redirect", "garbage", "drop", "text-500"])
def test_unavailable_list_of_models_blocks_no_request(server, kind):
    server.control(faults=[{"kind": kind, "on": "models", "times": None}])
    replies = use(server, asked_after_preflight(MODEL, 3))
    assert {reply.outcome for reply in replies} == {"ok"}


def test_forbidden_prompt_ends_only_its_own_request(server):
    server.control(faults=[{"kind": "403", "match": "Question 2", "message": "blocked", "times": None}])
    replies = use(server, asked_after_preflight(MODEL, 4))
    assert [reply.outcome for reply in replies] == ["ok", "ok", "error", "ok"]
    assert (replies[2].error_slug, replies[2].attempts) == ("relay-forbidden", 1)


@pytest.mark.parametrize(("message", "asked"), [("blocked", 3), ("this key may not be used here", 1)])
def test_key_that_is_always_forbidden_is_refused_after_few_requests(server, message, asked):
    server.control(models=[], faults=[{"kind": "403", "message": message, "times": None, "code": None}])
    assert refused(use, server, asked_after_preflight(MODEL, 20), key=Secret(KEY)) == (
        f"{server.url} refused the key: the relay answered 403: {message}\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert server.stats()["total"] == asked


@pytest.mark.parametrize("message", ["The input was flagged by our moderation", "blocked by the content policy"])
def test_moderated_prompt_is_filtered(server, message):
    server.control(faults=[{"kind": "403", "message": message}])
    assert ask(server).outcome == "filtered"


def test_relay_that_lists_no_models_is_trusted(server):
    server.control(faults=[{"kind": "404", "on": "models"}])
    assert preflight(server, "whatever") == ()


def test_list_that_hangs_is_waited_for_once_until_the_deadline(server):
    server.control(faults=[{"kind": "hang", "on": "models", "times": None}])
    assert preflight(server, timeout_s=0.2) == ("the model names were not checked: no whole answer within 0.2 s",)
    assert server.stats()["paths"] == {"GET /v1/models": 1}


def test_busy_list_of_models_is_a_warning(server):
    server.control(faults=[{"kind": "429", "on": "models", "times": 3}])
    assert preflight(server) == (
        "the model names were not checked: the relay answered 429: rate limit reached, slow down",
    )


@pytest.mark.parametrize(
    ("kind", "problem", "slug"),
    [
        ("html", "the answer is not JSON but a web page titled 'Sign in' (the base URL usually ends in /v1)",
         "relay-not-json"),
        ("redirect", "the relay redirects to https://elsewhere.example/v1", "relay-redirects"),
        ("404", "the relay answered 404: no such route (the base URL usually ends in /v1)", "relay-no-route"),
    ],
)  # fmt: skip
def test_address_that_is_not_a_relay_takes_one_request(server, kind, problem, slug):
    server.control(faults=[{"kind": kind, "on": "any", "times": None}])
    assert refused(use, server, asked_after_preflight(MODEL, 20)) == (
        f"{server.url} is not an OpenAI-compatible relay: {problem}\n"
        f"  hint: check --graysplit-base-url; the base URL usually ends in /v1  [{slug}]"
    )
    assert server.stats()["total"] == 1


def test_unusable_proxy_is_one_message(server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://proxy.example")
    message = refused(ask, None, url="http://relay.example/v1")
    assert message.startswith(
        "the environment's proxy or certificate settings cannot be used: "
        "a proxy of the kind gopher:// is not supported, http:// and https:// are\n"
    )
    assert message.endswith("[environment-unusable]")


def test_cancellation_is_quiet(server):
    """Cancelled calls release their places, and no warning of an open connection follows."""
    server.control(latency=5)

    async def work(relay):
        calls = [asyncio.ensure_future(relay.ask(ARM, body_of(f"Question {n}"))) for n in range(6)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        server.control(latency=0)
        return (await relay.ask(ARM, body_of())).outcome

    assert use(server, work, concurrency=2) == "ok"
    gc.collect()


def test_switches_of_other_libraries_do_not_reach_the_retries(server, monkeypatch):
    """stamina.set_testing and set_active are global; a suite that uses them still gets real retries."""
    stamina = pytest.importorskip("stamina")
    server.control(faults=[{"kind": "500", "times": 2}])
    stamina.set_active(False)
    try:
        with stamina.set_testing(True, attempts=1):
            assert ask(server).attempts == 3
    finally:
        stamina.set_active(True)


def test_latencies_are_distorted_when_the_loop_is_late_by_a_tenth():
    stats = RelayStats(requests=1, retries=0, rate_limited=0, lowest_concurrency=1, loop_lag_p95_s=0.021)
    assert (stats.distorts(0.2), stats.distorts(0.3)) == (True, False)
