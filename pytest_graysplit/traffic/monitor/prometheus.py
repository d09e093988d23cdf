"""Export the monitor's sums to Prometheus at each scrape; unknown values are left out, never 0."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.grade.grade import GradeDecision
from pytest_graysplit.traffic.splitter import BASIS_POINTS
from pytest_graysplit.verdict.figures_json import P99_NEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.monitor.report import TrafficState
    from pytest_graysplit.traffic.sums.snapshot import ArmSums

    # The values of the labels, with the quantile function, the number and the mean of times in seconds.
    Times = tuple[tuple[str, ...], Callable[[float], float | None], int, float | None]

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
        yield _summary("latency_seconds", "Latency of requests.", map(_latency, state.sums))
        yield _summary("wait_seconds", "Time that users waited, with retries and fallback.", map(_wait, state.sums))
        yield from _signals(state)
        yield from _gauges(state)
        yield from _log_lines(state)


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


def _log_lines(state: TrafficState) -> Iterator[Metric]:
    lost = [((), float(state.gaps.lost))]
    yield _counter("log_lost_lines", "Lines that could not be written to the log.", (), lost)
    if skipped := [((kind,), float(n)) for kind, n in state.gaps.counts.items()]:
        yield _counter("log_skipped_lines", "Lines of the log that could not be counted.", ("reason",), skipped)


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


def _latency(one: ArmSums) -> Times:
    return (one.arm,), one.quantile, one.timed, one.mean_latency_s


def _wait(one: ArmSums) -> Times:
    return (one.arm,), one.wait_quantile, one.waited, one.mean_wait_s


def _signals(state: TrafficState) -> Iterator[Metric]:
    """Yield the metrics of the users' signals, if there are any."""
    known = [(one, name, signal) for one in state.sums for name, signal in one.signals.items()]
    labels = ("arm", "signal")
    if known:
        numbers = [((one.arm, name), float(signal.n)) for one, name, signal in known]
        yield _counter("signals", "Signals of users by their name.", labels, numbers)
        rates = [((one.arm, name), signal.total / one.units) for one, name, signal in known if one.units]
        yield _gauge("signal_per_unit", "Sum of the values of a signal per unit.", labels, rates)
        lags: list[Times] = [
            ((one.arm, name), signal.lag_quantile, signal.lagged, signal.mean_lag_s) for one, name, signal in known
        ]
        yield _summary("signal_lag_seconds", "Time from a unit's latest request to its signal.", lags, labels)
    if state.unasked_signals:
        unasked = [((name,), float(n)) for name, n in state.unasked_signals.items()]
        yield _counter("signals_unasked", "Signals of units without a compared request.", ("signal",), unasked)


def _summary(name: str, text: str, times: Iterable[Times], labels: Sequence[str] = ("arm",)) -> Metric:
    from prometheus_client.core import SummaryMetricFamily

    name = f"graysplit_{name}"
    family = SummaryMetricFamily(name, text, labels=labels)
    for values, quantile, n, mean_s in times:
        for q in (0.5, 0.95, 0.99):
            value = quantile(q) if q < 0.99 or n >= P99_NEEDS else None
            if value is not None:
                family.add_sample(name, {**dict(zip(labels, values, strict=True)), "quantile": str(q)}, value)
        family.add_metric(values, count_value=n, sum_value=(mean_s or 0.0) * n)
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
