"""Metrics for Prometheus: the values in its own parser are those of the report."""

from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from splits import CONTROL, TREATMENT, halves, unit_in

from pytest_graysplit import Monitor, Usage
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.records import FallbackCall
from pytest_graysplit.traffic.monitor.prometheus import MonitorCollector, exposition

VERDICTS = ("collecting", "promote", "hold", "reject")


def busy():
    """Return a monitor with every kind of event; the treatment has an answer without a price, and 40 latencies."""
    splitter = halves()
    monitor = Monitor(splitter)
    for number in range(240):
        given = {
            "latency_s": 0.5 + number / 100,
            "wait_s": 1 + number / 50,
            "usage": Usage(prompt=100, completion=20, cached=10, total=120),
        }
        monitor.record(splitter.forced("control").arm, unit=number, **given)
        if number < 40:
            monitor.record(TREATMENT, unit=1000 + number, attempts=2, retried=("relay-timeout",), **given)
    fallback = FallbackCall(model=CONTROL, outcome="ok", cost_usd=Decimal("0.25"))
    monitor.record(TREATMENT, unit="a", outcome="error", error="relay-timeout", fallback=fallback)
    monitor.record(TREATMENT, unit="b", outcome="refusal")
    monitor.feedback(monitor.record("control", unit=unit_in(splitter, "control"), cost_usd=Decimal(1)), 0.75)
    monitor.gaps.lose(3)
    monitor.gaps.add("foreign", "t.jsonl:1", lines=2)
    return monitor


def samples(text):
    """Return every sample by its name and the values of its labels, in the order of their names."""
    families = text_string_to_metric_families(text.decode())
    return {
        (one.name, *(one.labels[label] for label in sorted(one.labels))): one.value
        for family in families
        for one in family.samples
    }


def times(metric, arm, figures):
    return {
        (metric, arm, "0.5"): figures["p50"],
        (metric, arm, "0.95"): figures["p95"],
        (metric, arm, "0.99"): figures["p99"],
        (f"{metric}_count", arm): figures["n"],
        (f"{metric}_sum", arm): (figures["mean"] or 0) * figures["n"],
    }


def expected(report):
    """Return the samples that match a report."""
    found = {}
    for arm in report["arms"]:
        name = arm["arm"]
        for outcome, n in arm["outcomes"].items():
            found["graysplit_requests_total", name, arm["model"], outcome, arm["role"]] = n
        found |= {("graysplit_errors_total", name, kind): n for kind, n in arm["error_classes"].items()}
        found |= {("graysplit_retries_total", name, kind): n for kind, n in arm["retried"].items()}
        found |= {("graysplit_tokens_total", name, kind): n for kind, n in arm["tokens"].items()}
        for key, value in {
            ("graysplit_attempts_total", name): arm["attempts"],
            ("graysplit_cost_usd_total", name): arm["cost_usd"],
            ("graysplit_fallbacks_total", name): arm["fallbacks"],
            ("graysplit_units", name): arm["units"],
            ("graysplit_weight", name): arm["weight"],
            ("graysplit_feedback_mean", name): arm["feedback"]["mean"],
            **times("graysplit_latency_seconds", name, arm["latency_s"]),
            **times("graysplit_wait_seconds", name, arm["wait_s"]),
        }.items():
            if value is not None:
                found[key] = value
    found["graysplit_log_lost_lines_total",] = report["log"]["lost"]
    found |= {("graysplit_log_skipped_lines_total", kind): n for kind, n in report["log"]["skipped"].items()}
    found["graysplit_sample_ratio_p",] = report["sample_ratio"]["p"]
    found["graysplit_split_version",] = report["ramps"]["version"] or 0
    for grade in report["grades"]:
        found["graysplit_rolled_back", grade["treatment"]] = 0
        for verdict in VERDICTS:
            found["graysplit_grade", grade["treatment"], verdict] = float(verdict == grade["verdict"])
    return found


@pytest.mark.parametrize("monitor", [busy(), Monitor(halves())], ids=["busy", "nothing"])
def test_exposition_equals_the_report(monitor):
    """Every value of the report and nothing else; null has no sample."""
    assert samples(exposition(monitor)) == pytest.approx(expected(monitor.report()), rel=1e-12)


def test_exposition_names_types_and_labels():
    """Dashboards and alerts depend on them."""
    families = text_string_to_metric_families(exposition(busy()).decode())
    assert [
        (one.name.removeprefix("graysplit_"), one.type, " ".join(sorted(one.samples[0].labels))) for one in families
    ] == [
        ("requests", "counter", "arm model outcome role"),
        ("errors", "counter", "arm kind"),
        ("attempts", "counter", "arm"),
        ("retries", "counter", "arm kind"),
        ("cost_usd", "counter", "arm"),
        ("tokens", "counter", "arm kind"),
        ("fallbacks", "counter", "arm"),
        ("latency_seconds", "summary", "arm quantile"),
        ("wait_seconds", "summary", "arm quantile"),
        ("units", "gauge", "arm"),
        ("weight", "gauge", "arm"),
        ("sample_ratio_p", "gauge", ""),
        ("grade", "gauge", "treatment verdict"),
        ("split_version", "gauge", ""),
        ("rolled_back", "gauge", "arm"),
        ("feedback_mean", "gauge", "arm"),
        ("log_lost_lines", "counter", ""),
        ("log_skipped_lines", "counter", "reason"),
    ]


def test_exposition_leaves_out_unknown_values():
    """The treatment has no cost, no feedback and no 99th percentile; the control has all three."""
    found = samples(exposition(busy()))
    unknown = [("graysplit_cost_usd_total",), ("graysplit_feedback_mean",), ("graysplit_latency_seconds", "0.99")]
    for name, *rest in unknown:
        assert (name, "control", *rest) in found
        assert (name, TREATMENT, *rest) not in found


def test_exposition_without_usage_has_no_tokens():
    """An arm whose answers lack usage has no samples of tokens; an arm without requests has zeros."""
    monitor = Monitor(halves())
    monitor.record("control", unit="a")
    tokens = {key[1:] for key in samples(exposition(monitor)) if key[0] == "graysplit_tokens_total"}
    assert tokens == {(TREATMENT, "prompt"), (TREATMENT, "completion"), (TREATMENT, "cached")}


def test_collector_reads_the_monitor_at_each_scrape():
    """It is registered once, and shows later requests."""
    monitor, registry = Monitor(halves()), CollectorRegistry(auto_describe=True)
    registry.register(MonitorCollector(monitor))
    labels = {"arm": "control", "model": CONTROL, "role": "control", "outcome": "ok"}
    assert registry.get_sample_value("graysplit_requests_total", labels) is None
    monitor.record("control", unit="a")
    assert registry.get_sample_value("graysplit_requests_total", labels) == 1.0


def test_collector_needs_prometheus_client(monkeypatch):
    """The error is raised when the collector is built, not at the first scrape."""
    monkeypatch.setattr("pytest_graysplit.traffic.monitor.prometheus.find_spec", lambda _: None)
    with pytest.raises(UsageError) as raised:
        MonitorCollector(Monitor(halves()))
    assert str(raised.value) == (
        "metrics for Prometheus need prometheus-client\n"
        "  hint: pip install 'pytest-graysplit[prometheus]'  [prometheus-missing]"
    )
