"""Write each request of live traffic to OpenTelemetry, as spans and metrics of the GenAI conventions."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.observers.attributes import (
    OPERATION,
    SCHEMA_URL,
    call_attributes,
    counted,
    identity,
    metric_attributes,
    request_attributes,
    text_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from pytest_graysplit.traffic.observers.attributes import Attributes
    from pytest_graysplit.traffic.observers.observer import ModelCall, ObservedRequest

_SCOPE = "pytest_graysplit"
# The bounds that the conventions give for these metrics, so that series of other libraries can be added to ours.
_SECONDS = tuple(0.01 * 2**power for power in range(14))
_TOKENS = tuple(4**power for power in range(14))


class OpenTelemetryObserver:
    """An observer that writes a span per request, a span per call if there are two, and their durations and tokens.

    It uses the providers that the application has set, unless others are given; without an SDK it does nothing.
    `provider_name` is the value of `gen_ai.provider.name`. With `texts`, spans hold messages and answers, which the
    redaction of the client cleans first. Raises UsageError if opentelemetry-api is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        provider_name: str = "openai",
        texts: bool = False,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise UsageError(
                "spans and metrics need opentelemetry-api",
                hint="pip install 'pytest-graysplit[otel]'",
                slug=Slug.OTEL_MISSING,
            ) from None
        own = version("pytest-graysplit")
        self._provider_name = provider_name
        self._texts = texts
        self._spans = _Spans(trace.get_tracer(_SCOPE, own, tracer_provider, schema_url=SCHEMA_URL))
        meter = metrics.get_meter(_SCOPE, own, meter_provider, schema_url=SCHEMA_URL)
        self._duration, self._usage = _instruments(meter)

    def observe(self, request: ObservedRequest, /) -> None:
        """Write the spans and the metrics of a request."""
        self._trace(request)
        for call in request.calls:
            attributes = metric_attributes(request, call, self._provider_name)
            self._duration.record(call.ended_s - call.started_s, attributes)
            # A new mapping, because the SDK may keep the one that it was given.
            attributes = {name: value for name, value in attributes.items() if name != "error.type"}
            for kind, tokens in counted(call.reply.usage):
                self._usage.record(tokens, {**attributes, "gen_ai.token.type": kind})

    def _trace(self, request: ObservedRequest) -> None:
        first, last = request.calls[0], request.calls[-1]
        if not request.has_fallback:
            attributes = {**self._attributes(request, first), **identity(request)}
            self._spans.write(first, attributes)
            return
        attributes = {**request_attributes(request, self._provider_name), **identity(request)}
        span = self._spans.start(first.arm.model, attributes, request.started_s, is_call=False)
        inside = self._spans.inside(span)
        for call in request.calls:
            self._spans.write(call, self._attributes(request, call), inside)
        self._spans.end(span, last.error_type, request.ended_s)

    def _attributes(self, request: ObservedRequest, call: ModelCall) -> Attributes:
        texts = text_attributes(call, request.clean) if self._texts else {}
        return {**call_attributes(request, call, self._provider_name), **texts}


class _Spans:
    """A tracer of spans whose start and end are known when they are written.

    The parent is the span that is current where the application called the client.
    """

    def __init__(self, tracer: Tracer) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        self._tracer = tracer
        self._kinds = {True: SpanKind.CLIENT, False: SpanKind.INTERNAL}
        self._failed = Status(StatusCode.ERROR)
        self.inside = set_span_in_context

    def write(self, call: ModelCall, attributes: Attributes, context: Context | None = None) -> None:
        """Write the span of a call."""
        span = self.start(call.arm.model, attributes, call.started_s, is_call=True, context=context)
        self.end(span, call.error_type, call.ended_s)

    def start(
        self, model: str, attributes: Attributes, started_s: float, *, is_call: bool, context: Context | None = None
    ) -> Span:
        """Begin a span; one that is not a call has its calls inside."""
        return self._tracer.start_span(
            f"{OPERATION} {model}",
            context,
            kind=self._kinds[is_call],
            attributes=attributes,
            start_time=_nanoseconds(started_s),
        )

    def end(self, span: Span, error_type: str | None, ended_s: float) -> None:
        """End a span, as failed if there is a kind of error; the message of the relay may quote a prompt."""
        if error_type is not None:
            span.set_status(self._failed)
        span.end(_nanoseconds(ended_s))


def _instruments(meter: Meter) -> Iterator[Histogram]:
    yield meter.create_histogram(
        "gen_ai.client.operation.duration",
        unit="s",
        description="Duration of a call to a model, retries included.",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )
    yield meter.create_histogram(
        "gen_ai.client.token.usage",
        unit="{token}",
        description="Input and output tokens of a call to a model.",
        explicit_bucket_boundaries_advisory=_TOKENS,
    )


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
