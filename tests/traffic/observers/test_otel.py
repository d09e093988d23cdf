"""OpenTelemetry: spans and metrics in the memory of the real SDK, made from requests to a real relay."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from splits import CONTROL, KEY, TREATMENT, halves, unit_in, user, using

from pytest_graysplit import OpenTelemetryObserver, RequestFailedError, SplitClient, SyncSplitClient
from pytest_graysplit.errors import UsageError

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed; the extra `test` brings it")
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode


class Collected:
    """The SDK as an application sets it up, with its data in memory."""

    def __init__(self):
        self.spans, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.providers = {"tracer_provider": self.tracers, "meter_provider": self.meters}

    def metrics(self):
        """Return the points of each metric, as (name, unit, point)."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return [
            (one.name, one.unit, point) for scope in scopes for one in scope.metrics for point in one.data.data_points
        ]


@pytest.fixture
def sdk():
    return Collected()


def asked(splitter, sdk, prompt, *, arm=TREATMENT, texts=False, params=None, **given):
    """Ask once, and return the reply or the error of the request."""

    async def work(client):
        try:
            return await client.chat(user(prompt), unit=unit_in(splitter, arm), **(params or {}))
        except RequestFailedError as error:
            return error.reply

    observer = OpenTelemetryObserver(**sdk.providers, texts=texts)
    return using(splitter, work, observers=[observer], retries=1, **given)


def port_of(relay):
    return int(relay.url.split(":")[2].split("/")[0])


def labels(relay, model, **given):
    """Return the attributes that each span and metric of a call has."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "server.address": "127.0.0.1",
        "server.port": port_of(relay),
        "graysplit.experiment": "halves",
        "graysplit.arm": TREATMENT,
        "graysplit.role": "treatment",
        "graysplit.fallback": False,
        **given,
    }


def test_an_answer_is_one_span(relay, sdk):
    """Every attribute of the conventions that is known, nothing unknown, and no text."""
    params = {"temperature": 0, "max_tokens": 50, "seed": 7, "n": 1, "user": "anna", "logprobs": True}
    reply = asked(halves(), sdk, "a secret prompt", params=params)
    [span] = sdk.spans.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == (f"chat {TREATMENT}", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes) == {
        **labels(relay, TREATMENT),
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.response.model": reply.served_model,
        "gen_ai.response.id": reply.response_id,
        "gen_ai.response.finish_reasons": (reply.finish_reason,),
        "gen_ai.usage.input_tokens": reply.usage.prompt,
        "gen_ai.usage.output_tokens": reply.usage.output,
        "graysplit.outcome": "ok",
        "graysplit.attempts": 1,
        "graysplit.cost_usd": float(reply.cost_usd),
        "graysplit.request_id": reply.id,
        "graysplit.forced": False,
    }
    assert span.end_time - span.start_time >= reply.latency_s * 1e9 * 0.99
    assert (span.instrumentation_scope.name, span.instrumentation_scope.schema_url) == (
        "pytest_graysplit",
        "https://opentelemetry.io/schemas/1.41.0",
    )
    assert "secret prompt" not in span.to_json()
    assert KEY not in span.to_json()


def test_a_failure_is_an_error_without_its_message(relay, sdk):
    """The message may quote the prompt; the kinds of all attempts are there."""
    relay.control(faults=[{"kind": "503", "times": None, "retry_after": 0, "message": "cannot answer 'my secret'"}])
    reply = asked(halves(), sdk, "my secret")
    [span] = sdk.spans.get_finished_spans()
    assert "my secret" in reply.error
    assert "my secret" not in span.to_json()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    told = {name: span.attributes.get(name) for name in ("error.type", "graysplit.attempts", "graysplit.retried")}
    assert told == {"error.type": "http-503", "graysplit.attempts": 2, "graysplit.retried": ("http-503",)}
    assert not {name for name in span.attributes if name.startswith(("gen_ai.usage", "gen_ai.response"))}


def test_a_fallback_has_a_span_per_call(relay, sdk):
    """The request has not failed, because the user got an answer; the spans of the calls have its tokens, once."""
    relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None, "retry_after": 0}])
    reply = asked(halves(), sdk, "?", fallback=True)
    failed, control, whole = sdk.spans.get_finished_spans()
    assert [one.name for one in (whole, failed, control)] == [
        f"chat {TREATMENT}",
        f"chat {TREATMENT}",
        f"chat {CONTROL}",
    ]
    assert [one.parent and one.parent.span_id for one in (whole, failed, control)] == [
        None, whole.context.span_id, whole.context.span_id,
    ]  # fmt: skip
    assert [one.kind for one in (whole, failed, control)] == [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.CLIENT]
    assert [one.status.status_code for one in (whole, failed, control)] == [
        StatusCode.UNSET, StatusCode.ERROR, StatusCode.UNSET,
    ]  # fmt: skip
    assert dict(whole.attributes) == {
        **labels(relay, TREATMENT, **{"graysplit.fallback": True}),
        "gen_ai.response.model": CONTROL,
        "graysplit.outcome": "ok",
        "graysplit.request_id": reply.id,
        "graysplit.forced": False,
    }
    assert (failed.attributes["error.type"], failed.attributes["graysplit.fallback"]) == ("http-500", False)
    told = {name: control.attributes[name] for name in labels(relay, CONTROL)}
    assert told == labels(relay, CONTROL, **{"graysplit.fallback": True})
    tokens = [one.attributes.get("gen_ai.usage.input_tokens") for one in (whole, failed, control)]
    assert tokens == [None, None, reply.usage.prompt]


def test_a_request_that_no_model_answers_is_an_error(relay, sdk):
    """Both calls failed, so the request did."""
    relay.control(faults=[{"kind": "500", "times": None, "retry_after": 0}])
    asked(halves(), sdk, "?", fallback=True)
    spans = sdk.spans.get_finished_spans()
    assert [(one.status.status_code, one.attributes["error.type"]) for one in spans] == [
        (StatusCode.ERROR, "http-500")
    ] * 3


def test_metrics_count_each_call_of_a_model(relay, sdk):
    """Durations with the kind of the error, tokens by type, and the bounds of the conventions."""
    relay.control(faults=[{"kind": "500", "match": "[500]", "model": TREATMENT, "times": None, "retry_after": 0}])
    splitter = halves()
    fine = asked(splitter, sdk, "fine")
    rescued = asked(splitter, sdk, "[500]", fallback=True)
    found = {(name, tuple(sorted(point.attributes.items()))): (unit, point) for name, unit, point in sdk.metrics()}

    def key(name, attributes):
        return name, tuple(sorted(attributes.items()))

    own, control = labels(relay, TREATMENT), labels(relay, CONTROL, **{"graysplit.fallback": True})
    expected = {
        key("gen_ai.client.operation.duration", own): ("s", 1, None),
        key("gen_ai.client.operation.duration", {**own, "error.type": "http-500"}): ("s", 1, None),
        key("gen_ai.client.operation.duration", control): ("s", 1, None),
        **{
            key("gen_ai.client.token.usage", {**attributes, "gen_ai.token.type": kind}): ("{token}", 1, tokens)
            for attributes, usage in ((own, fine.usage), (control, rescued.usage))
            for kind, tokens in (("input", usage.prompt), ("output", usage.output))
        },
    }
    assert {
        name: (unit, point.count, point.sum if unit == "{token}" else None) for name, (unit, point) in found.items()
    } == expected
    bounds = {name: point.explicit_bounds for (name, _), (_, point) in found.items()}
    assert bounds["gen_ai.client.operation.duration"] == pytest.approx(
        (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    )
    assert bounds["gen_ai.client.token.usage"][:4] + bounds["gen_ai.client.token.usage"][-1:] == (
        1,
        4,
        16,
        64,
        67108864,
    )


def test_spans_belong_to_the_span_of_the_application(relay, sdk):
    """Also if the application calls from another event loop, from a thread, or gives up."""
    splitter, tracer = halves(), sdk.tracers.get_tracer("application")
    observer = OpenTelemetryObserver(**sdk.providers)
    relay.control(faults=[{"kind": "hang", "match": "[hang]", "times": None}])

    async def inside(client, name, prompt="?"):
        with tracer.start_as_current_span(name):
            await client.chat(user(prompt), unit=1)

    async def work(client):
        await asyncio.gather(*(inside(client, f"task {n}") for n in range(3)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inside(client, "given up", "[hang]"), 0.2)
        with ThreadPoolExecutor() as pool:
            await asyncio.get_running_loop().run_in_executor(pool, lambda: asyncio.run(inside(client, "other loop")))

    using(splitter, work, observers=[observer])
    with (
        SyncSplitClient(SplitClient(splitter, observers=[observer])) as client,
        tracer.start_as_current_span("blocking"),
    ):
        client.chat(user("?"), unit=1)
    spans = sdk.spans.get_finished_spans()
    names = {one.context.span_id: one.name for one in spans if one.instrumentation_scope.name == "application"}
    parents = [names[one.parent.span_id] for one in spans if one.instrumentation_scope.name == "pytest_graysplit"]
    assert sorted(parents) == ["blocking", "given up", "other loop", "task 0", "task 1", "task 2"]


def test_texts_are_written_if_wanted_and_redacted(relay, sdk):
    """Messages with all kinds of parts and the answer, in the form of the conventions."""
    splitter = halves()
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "I am anna"}, {"type": "image_url", "image_url": "data:9"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"who": "anna"}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": "anna is here"},
    ]  # fmt: skip
    observer = OpenTelemetryObserver(**sdk.providers, texts=True)

    async def work(client):
        return await client.chat(messages, unit=1)

    given = {"observers": [observer], "redact": lambda text: text.replace("anna", "***"), "keep_texts": False}
    reply = using(splitter, work, **given)
    [span] = sdk.spans.get_finished_spans()
    assert json.loads(span.attributes["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "I am ***"}, {"type": "image_url"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "look", "arguments": '{"who": "***"}'}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": "*** is here"}]},
    ]  # fmt: skip
    assert json.loads(span.attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": reply.text.replace("anna", "***")}],
            "finish_reason": reply.finish_reason,
        }
    ]


def test_observer_without_an_sdk_does_nothing(relay):
    """The interface alone has providers that drop everything."""
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.trace import NoOpTracerProvider

    observer = OpenTelemetryObserver(tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider())
    reply = using(halves(), lambda client: client.chat(user("?"), unit=1), observers=[observer])
    assert reply.outcome == "ok"


def test_observer_needs_opentelemetry(monkeypatch):
    """The error is raised when it is built."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(UsageError) as raised:
        OpenTelemetryObserver()
    assert str(raised.value) == (
        "spans and metrics need opentelemetry-api\n  hint: pip install 'pytest-graysplit[otel]'  [otel-missing]"
    )
