"""Export the monitor's sums to Prometheus at each scrape; unknown values are left out, never 0."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.grade.grade import GradeDecision
from pytest_graysplit.traffic.splitter import BASIS_POINTS
from pytest_graysplit.verdict.figures_json import P99_NEEDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.monitor.report import TrafficState
    from pytest_graysplit.traffic.sums.snapshot import ArmSums

# The values of the labels, then the number.
Sample = tuple[tuple[str, ...], float]


class MonitorCollector:
    """A collector for a registry of prometheus-client: `REGISTRY.register(MonitorCollector(monitor))`.

    Its counters restart when the weights change, as the comparison does; Prometheus treats that like a restart.
    """

    def __init__(self, monitor: Monitor) -> None:
        """Raise UsageError if prometheus-client is not installed."""
        if find_spec("prometheus_client") is None:
            raise UsageError(
                "metrics for Prometheus need prometheus-client",
                hint="pip install 'pytest-graysplit[prometheus]'",
                slug=Slug.PROMETHEUS_MISSING,
            )
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment, all of them from one state."""
        state = self._monitor.state()
        yield from _counters(state.sums)
        yield _latencies(state.sums)
        yield from _gauges(state)


def exposition(monitor: Monitor) -> bytes:
    """Return the metrics of this moment in Prometheus' text format, version 0.0.4."""
    collector = MonitorCollector(monitor)
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _counters(sums: Sequence[ArmSums]) -> Iterator[Metric]:
    outcomes = [
        ((one.arm, one.model, one.role, outcome), float(n)) for one in sums for outcome, n in one.outcomes.items()
    ]
    yield _counter("requests", "Requests by their outcome.", ("arm", "model", "role", "outcome"), outcomes)
    yield _counter(
        "errors", "Failed requests by their kind.", ("arm", "kind"), _by_kind((one.arm, one.errors) for one in sums)
    )
    yield _counter(
        "attempts", "Calls to the relay, retries included.", ("arm",), [_of(one, one.attempts) for one in sums]
    )
    yield _counter(
        "retries",
        "Failed attempts that were repeated.",
        ("arm", "kind"),
        _by_kind((one.arm, one.retried) for one in sums),
    )
    costs = [_of(one, float(one.known_cost_usd)) for one in sums if one.known_cost_usd is not None]
    yield _counter("cost_usd", "US dollars, left out while any answer has no price.", ("arm",), costs)
    yield _counter("tokens", "Tokens; cached ones are a part of prompt.", ("arm", "kind"), _tokens(sums))
    fallbacks = [_of(one, one.fallbacks) for one in sums]
    yield _counter("fallbacks", "Requests that the control answered instead of the arm.", ("arm",), fallbacks)


def _gauges(state: TrafficState) -> Iterator[Metric]:
    sums = state.sums
    yield _gauge("units", "Distinct units of the arm.", ("arm",), [_of(one, one.units) for one in sums])
    weights = [_of(one, one.basis_points / BASIS_POINTS) for one in sums]
    yield _gauge("weight", "Share of the traffic, 0 to 1.", ("arm",), weights)
    yield _gauge(
        "sample_ratio_p", "p-value of the units against the weights, valid at every look.", (), [((), state.mismatch_p)]
    )
    grades = [
        ((grade.treatment, verdict), float(verdict == grade.verdict))
        for grade in state.grades
        for verdict in get_args(GradeDecision)
    ]
    yield _gauge("grade", "1 for the current verdict, 0 for the others.", ("treatment", "verdict"), grades)
    yield _gauge("split_version", "Version of the weights, 0 without one.", (), [((), float(state.ramps.version))])
    rolled_back = [_of(one, float(one.arm in state.ramps.stopped)) for one in sums[1:]]
    yield _gauge("rolled_back", "1 while the treatment is rolled back.", ("arm",), rolled_back)
    if state.ramps.watched:
        failed = float(bool(state.ramps.watch_problem))
        yield _gauge("watch_failed", "1 while the watched split cannot be used.", (), [((), failed)])
    scores = [_of(one, one.feedback_mean) for one in sums if one.feedback_mean is not None]
    yield _gauge("feedback_mean", "Mean score of the answers, 0 to 1.", ("arm",), scores)


def _latencies(sums: Sequence[ArmSums]) -> Metric:
    from prometheus_client.core import SummaryMetricFamily

    name = "graysplit_latency_seconds"
    family = SummaryMetricFamily(name, "Latency of requests.", labels=("arm",))
    for one in sums:
        for q in (0.5, 0.95, 0.99):
            value = one.quantile(q) if q < 0.99 or one.timed >= P99_NEEDS else None
            if value is not None:
                family.add_sample(name, {"arm": one.arm, "quantile": str(q)}, value)
        family.add_metric((one.arm,), count_value=one.timed, sum_value=(one.mean_latency_s or 0.0) * one.timed)
    return family


def _tokens(sums: Sequence[ArmSums]) -> Iterator[Sample]:
    for one in sums:
        # Answers without usage have an unknown number of tokens, not zero.
        if one.usage.prompt or one.usage.output or not one.requests:
            kinds = {"prompt": one.usage.prompt, "completion": one.usage.output, "cached": one.usage.cached}
            yield from (((one.arm, kind), float(n)) for kind, n in kinds.items())


def _by_kind(arms: Iterable[tuple[str, Mapping[str, int]]]) -> Iterator[Sample]:
    for arm, counts in arms:
        yield from (((arm, kind), float(n)) for kind, n in counts.items())


def _of(one: ArmSums, value: float) -> Sample:
    return (one.arm,), value


def _counter(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(f"graysplit_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"graysplit_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
