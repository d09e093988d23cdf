"""The grade for scripts, and histograms: the worst verdict, no verdict without data, and few bars."""

import doctest

import live_snapshots as snapshots
import pytest

from pytest_graysplit.reporting.dashboard import snapshot_json
from pytest_graysplit.reporting.dashboard.snapshot_json import MOST_BARS, grade_of, histogram, latency_edges


def test_grade_of_one_treatment_has_all_keys():
    """Status, reasons and the counts of both arms."""
    assert grade_of(snapshots.run()) == {
        "format": 1,
        "status": "hold",
        "state": "running",
        "at": "2026-11-20T10:01:12+00:00",
        "treatments": [
            {
                "treatment": "deepseek-v3.2",
                "verdict": "hold",
                "reasons": [snapshots.REASON],
                "arms": {
                    "control": {"n": 120, "passed": 118, "errors": 0},
                    "deepseek-v3.2": {"n": 120, "passed": 115, "errors": 1},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["promote"], "promote"),
        (["promote", "collecting"], "collecting"),
        (["collecting", "hold"], "hold"),
        (["hold", "reject", "promote"], "reject"),
        ([], "collecting"),
    ],
)
def test_grade_status_is_the_worst_verdict(verdicts, status):
    """A script that continues at "promote" needs all treatments to promote."""
    names = [f"model-{place}" for place in range(len(verdicts))]
    snapshot = snapshots.run(
        arms=[snapshots.arm("control", "old"), *(snapshots.arm(name, name) for name in names)],
        comparisons=[snapshots.comparison(*each) for each in zip(names, verdicts, strict=True)],
    )
    assert grade_of(snapshot)["status"] == status


@pytest.mark.parametrize("silent", ["control", "deepseek-v3.2"])
def test_grade_of_an_arm_without_data_is_collecting(silent):
    """The verdict of the source does not matter."""
    arms = [snapshots.arm(name, name, n=0 if name == silent else 120) for name in ("control", "deepseek-v3.2")]
    assert grade_of(snapshots.run(arms=arms))["status"] == "collecting"
    alone = [arm for arm in arms if arm["arm"] != silent]
    assert grade_of(snapshots.run(arms=alone))["status"] == "collecting"


def test_latency_edges_are_few_and_include_all_values():
    """From microseconds to hours."""
    for values in ([0.2], [0.0], [0.001, 9000.0], [1.0, 1.0001], [0.01 * 1.1**n for n in range(100)]):
        edges = latency_edges(values)
        assert 2 <= len(edges) <= MOST_BARS + 1
        assert list(edges) == sorted(set(edges))
        assert sum(histogram(values, edges)["counts"]) == len(values)


def test_docstring_examples_are_true():
    """Those of the histograms."""
    assert doctest.testmod(snapshot_json).failed == 0
